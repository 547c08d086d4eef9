"""The LaunchAgent of a gateway. Pure.

The effect is that of Hermes' own (`generate_launchd_plist` in hermes_cli/gateway.py, 0.19.0), without its faults:

- No `--replace`: a second copy would kill the first (issue 29092), and launchd starts one anyway.
- `KeepAlive` restarts failures only. Hermes' plain `true` also restarts exit 78, a broken configuration, every 30 s
  for ever. launchd cannot distinguish exit codes, so the wrapper turns 78 into 0.
- The wrapper also masks conflicts before each start and unsets unlisted variables, as the drop-in does under systemd.
- `ExitTimeOut` gives Hermes the time that a stop needs; its own 25 s are too few.
- Arguments and paths are escaped: plistlib writes the file.
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

# The checksum is in a key of its own: launchd ignores unknown keys, and plistlib and `plutil` keep them; a comment
# would be lost by the first program that rewrites the file.
MARK = "HermesProfilesMark"
# launchd gives a job of a `gui` domain at most this time to end, independent of the plist.
LONGEST_STOP = 60

# The gateway is a child of the wrapper, which translates its exit code. Every signal that a gateway handles is passed
# on; a stop while the overlay is refreshed ends the refresh, and starts no gateway.
#
# Traps are only set when the child is there: it would inherit them for a moment, and a signal would be lost in it. A
# wrapper that dies in the moment before takes the child with it: launchd kills what is left of a job's process group.
# The child ignores INT, as all that sh puts in the background; Hermes sets a handler of its own for it.
#
# `wait` returns early, with more than 128, when a trapped signal arrives: it is called again until the child has really
# ended. 127 of a further call can mean "unknown child" (dash forgets a child after it reported its end): then the
# result before counts.
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
    # Best effort: a gateway also starts without hermes-profiles.
    prestart = f"gw_run '' {shlex.join(spec.prestart)}\n" if spec.prestart else ""
    return _WRAPPER.format(clean=clean_script(spec), prestart=prestart, parked=FATAL_CONFIGURATION)


def render_plist(spec: ServiceSpec) -> bytes:
    """Return the LaunchAgent, with a checksum. Raises UsageProblem when a path has a control character."""
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
    """Return the dictionary of a plist, XML or binary.

    Raises Failed for any other content, and for values that XML cannot hold: they would have no checksum.
    """
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        job = plistlib.loads(content)
        plistlib.dumps(job, sort_keys=True)
    # plistlib passes on the exceptions of its parts, AttributeError for an invalid date; any content is possible.
    except (ExpatError, ValueError, LookupError, TypeError, OverflowError, AttributeError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, ExpatError) else ""
        raise Failed(f"not a property list{where}", code="unreadable-document") from error
    if not isinstance(job, dict):
        raise Failed("the property list has no dictionary", code="unreadable-document")
    return job


def plist_mark(job: dict[str, Any]) -> str:
    """Return the checksum over all keys of a job but itself; layout and order of the file do not count."""
    import plistlib

    content = {key: value for key, value in job.items() if key != MARK}
    return "sha256:" + digest(plistlib.dumps(content, sort_keys=True))


def error_log(spec: ServiceSpec) -> Path:
    """Return the file for standard error: `gateway.error.log` beside `gateway.log`."""
    return spec.log.with_name(f"{spec.log.stem}.error{spec.log.suffix}")


def folders(spec: ServiceSpec) -> tuple[Path, ...]:
    """Return the folders that must exist before the job is loaded.

    launchd creates none: without the log's folder (on a volume that is not mounted, issue 78129) the job ends with 78
    before it runs or writes a reason.
    """
    return tuple(dict.fromkeys((spec.home, spec.log.parent)))


def unsupported_options(spec: ServiceSpec) -> tuple[str, ...]:
    """Return the options of the spec that launchd does not support, one sentence each."""
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
