"""The LaunchAgent of a gateway. Pure.

Hermes' own meaning (`generate_launchd_plist` in hermes_cli/gateway.py, 0.19.0), but for what does harm there:

- `--replace` is gone: a second copy would kill the first (issue 29092), and launchd starts one anyway.
- `KeepAlive` revives only what failed. Hermes' plain `true` also revives exit 78, a configuration that a further try
  does not mend, every 30 s for ever. launchd cannot tell exit codes apart, so the wrapper turns 78 into 0.
- The wrapper also masks conflicts before each start and cuts off variables that nobody listed, as the drop-in does
  under systemd.
- `ExitTimeOut` leaves Hermes the time it takes for a stop; its own 25 s are fewer than it wants.
- Words and paths are escaped: plistlib writes the file.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Failed
from hermes_profiles.services.checksum import digest
from hermes_profiles.services.spec import ServiceSpec, clean_script
from hermes_profiles.services.systemd.quoting import check_spec

# A key of its own carries the content mark. launchd passes over keys it does not know, and plistlib and `plutil` keep
# them; a comment would be lost by the first program that rewrites the file.
MARK = "HermesProfilesMark"
# launchd gives a job of a `gui` domain no longer than this to end, whatever the plist asks for.
LONGEST_STOP = 60

# The gateway is a child of the wrapper, which has to live on to judge its exit code. Every signal that means something
# to a gateway is passed on; a stop while the overlay is still being refreshed ends that, and starts no gateway.
#
# Traps are only set when the child is there: it would inherit them for a moment, and a signal would be lost in it. A
# wrapper that dies in the moment before takes the child with it: launchd kills what is left of a job's process group.
# The child ignores INT, as all that sh puts in the background; Hermes sets a handler of its own for it.
#
# `wait` returns early, with more than 128, when a trapped signal arrives: it is asked again until the child has really
# ended. 127 on asking again may be "no longer known" (dash forgets a child once it has told its end): then the answer
# before was the real one.
_WRAPPER = """\
{clean}
gw_stop=''
gw_pass() {{
  gw_again=1
  if [ -n "$gw_main" ]; then kill -s "$1" "$gw" 2>/dev/null
  elif [ "$1" != USR1 ]; then gw_stop=$2; kill -s TERM "$gw" 2>/dev/null
  fi
}}
gw_run() {{
  gw_main=$1; shift
  "$@" &
  gw=$!
  trap 'gw_pass TERM 143' TERM
  trap 'gw_pass INT 130' INT
  trap 'gw_pass HUP 129' HUP
  trap 'gw_pass USR1 138' USR1
  gw_code=''
  while :; do
    gw_again=''
    wait "$gw"; gw_now=$?
    if [ $gw_now = 127 ] && [ "${{gw_code:-129}}" -le 128 ]; then break; fi
    gw_code=$gw_now
    [ -n "$gw_again" ] || break
  done
  trap - TERM INT HUP USR1
}}
{prestart}[ -z "$gw_stop" ] || exit "$gw_stop"
gw_run 1 "$@"
[ "$gw_code" != {parked} ] || exit 0
exit "$gw_code"
"""


def wrapper(spec: ServiceSpec) -> str:
    """Return the script of /bin/sh that runs the gateway, which is given as its arguments."""
    # Best effort: a gateway also starts when hermes-profiles is gone.
    prestart = f"gw_run '' {shlex.join(spec.prestart)}\n" if spec.prestart else ""
    return _WRAPPER.format(clean=clean_script(spec), prestart=prestart, parked=FATAL_CONFIGURATION)


def render_plist(spec: ServiceSpec) -> bytes:
    """Return the LaunchAgent, marked. Raises UsageProblem when a path holds a control character."""
    import plistlib

    check_spec(spec)
    job: dict[str, Any] = {
        "Label": spec.name.label,
        "ProgramArguments": ["/bin/sh", "-c", wrapper(spec), UNIT, *spec.pinned_command],
        "WorkingDirectory": str(spec.home),
        "EnvironmentVariables": dict(spec.environment),
        "LimitLoadToSessionType": ["Aqua", "Background"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ExitTimeOut": max(25, spec.stop_timeout),
        "StandardOutPath": str(spec.log),
        "StandardErrorPath": str(error_log(spec)),
    }
    return plistlib.dumps({**job, MARK: plist_mark(job)}, sort_keys=False)


def parse_plist(content: bytes) -> dict[str, Any]:
    """Return what a plist holds, XML or binary. Raises Failed when it is none, or no dictionary."""
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        job = plistlib.loads(content)
    # plistlib lets through whatever its parts stumble over; the file is somebody else's.
    except (ExpatError, plistlib.InvalidFileException, ValueError, LookupError, TypeError, OverflowError) as error:
        raise Failed(f"not a property list: {type(error).__name__}", code="unreadable-document") from error
    if not isinstance(job, dict):
        raise Failed("a property list, but no dictionary", code="unreadable-document")
    return job


def plist_mark(job: dict[str, Any]) -> str:
    """Return the mark over everything a job says but the mark itself; layout and order of the file do not count."""
    import plistlib

    said = {key: content for key, content in job.items() if key != MARK}
    return "sha256:" + digest(plistlib.dumps(said, sort_keys=True))


def error_log(spec: ServiceSpec) -> Path:
    """Return the file for standard error: `gateway.error.log` beside `gateway.log`."""
    return spec.log.with_name(f"{spec.log.stem}.error{spec.log.suffix}")


def folders(spec: ServiceSpec) -> tuple[Path, ...]:
    """Return the folders that must be there before the job is loaded.

    launchd makes none: without the log's folder (on a volume that is not mounted, issue 78129) the job ends with 78
    before anything has run or could say why.
    """
    return tuple(dict.fromkeys((spec.home, spec.log.parent)))


def unsupported_options(spec: ServiceSpec) -> tuple[str, ...]:
    """Return what the spec asks for and launchd cannot do, one sentence each."""
    found = []
    if spec.limits.memory is not None:
        # HardResourceLimits sets the limits of setrlimit(2); macOS does not enforce the one for resident memory, and
        # those for data and stack end Python in odd places.
        found.append("launchd cannot limit memory")
    if spec.limits.cpu is not None:
        found.append("launchd cannot limit CPU time to a share of a core")
    if spec.stop_timeout > LONGEST_STOP:
        found.append(f"launchd kills a gateway {LONGEST_STOP} s after a stop, busy agents ({spec.drain} s) or not")
    return tuple(found)
