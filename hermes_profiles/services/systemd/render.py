"""The systemd unit of a gateway, and the drop-in that makes it ours. Pure.

The unit is Hermes 0.19.0's own text (`generate_systemd_unit` in hermes_cli/gateway.py): Hermes rewrites anything else
each time a gateway boots. Our differences are in a drop-in, which Hermes leaves alone and systemd obeys.
"""

from __future__ import annotations

import math

from hermes_profiles.hermes.cli import CLEANUP_MODULE
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION, RESTART_ME
from hermes_profiles.hermes.files import PID_FILE, PLANNED_STOP_FILE
from hermes_profiles.services.checksum import add_checksum, digest
from hermes_profiles.services.spec import ServiceSpec

from .quoting import assignment, check_spec, command_line, directory, quote_argument
from .unit_file import meaning_of, parse_unit

# The first version that knows RestartSteps= and RestartMaxDelaySec=; older ones complain of an unknown key.
KNOWS_BACK_OFF = 254
# Hermes sends READY after it has tried all channels, and a dead one costs 30 s: room for five, and the overlay.
_START_TIMEOUT = {"simple": 90, "notify": 300}


def render_unit(spec: ServiceSpec, *, system_user: tuple[str, str] | None = None) -> bytes:
    """Return the base unit; `system_user` (user, group) makes it one for the system manager.

    Raises UsageProblem when a path holds a control character.
    """
    check_spec(spec)
    return _unit(
        spec,
        system_user,
        command=command_line(spec.hermes_command),
        cleanup=command_line(spec.program.module(CLEANUP_MODULE)),
        folder=directory(str(spec.home)),
        variables=[assignment(*pair) for pair in _base_environment(spec, system_user)],
    )


def render_unit_unquoted(spec: ServiceSpec, *, system_user: tuple[str, str] | None = None) -> bytes:
    """Return the base unit as Hermes writes it for awkward paths, which systemd reads differently.

    Only for comparison: it is the file that Hermes writes when a gateway boots.
    """
    return _unit(
        spec,
        system_user,
        command=" ".join(spec.hermes_command),
        cleanup=" ".join(spec.program.module(CLEANUP_MODULE)),
        folder=str(spec.home),
        variables=[f'"{name}={content}"' for name, content in _base_environment(spec, system_user)],
    )


def _base_environment(spec: ServiceSpec, system_user: tuple[str, str] | None) -> list[tuple[str, str]]:
    hermes = {"PATH", "VIRTUAL_ENV", HERMES_HOME}
    wanted = hermes | {"HOME", "USER", "LOGNAME"} if system_user else hermes
    return [pair for pair in spec.environment if pair[0] in wanted]


def _unit(
    spec: ServiceSpec,
    system_user: tuple[str, str] | None,
    *,
    command: str,
    cleanup: str,
    folder: str,
    variables: list[str],
) -> bytes:
    readiness = ["Type=simple"]
    if spec.watchdog > 0:
        readiness = ["Type=notify", "NotifyAccess=main", f"WatchdogSec={spec.watchdog}s"]
    account = [f"User={system_user[0]}", f"Group={system_user[1]}"] if system_user else []
    lines = [
        "[Unit]",
        "Description=Hermes Agent Gateway - Messaging Platform Integration",
        "After=network-online.target",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *readiness,
        *account,
        f"ExecStart={command}",
        f"WorkingDirectory={folder}",
        *(f"Environment={variable}" for variable in variables),
        "Restart=always",
        "RestartSec=5",
        f"RestartForceExitStatus={RESTART_ME}",
        f"RestartPreventExitStatus={FATAL_CONFIGURATION}",
        "KillMode=mixed",
        "KillSignal=SIGTERM",
        "ExecReload=/bin/kill -USR1 $MAINPID",
        f"ExecStopPost=-{cleanup}",
        f"TimeoutStopSec={spec.stop_timeout}",
        "StandardOutput=journal",
        "StandardError=journal",
        "",
        "[Install]",
        f"WantedBy={'multi-user' if system_user else 'default'}.target",
        "",
    ]
    return "\n".join(lines).encode()


def render_drop_in(spec: ServiceSpec, *, systemd_version: int = 252, base: bytes) -> bytes:
    """Return our drop-in for the unit `base`, with a checksum and a reason for each setting.

    Raises UsageProblem when a path holds a control character.
    """
    check_spec(spec)
    lines = [
        f"# Written by hermes-profiles for the gateway of the profile {spec.profile}.",
        f"# base: sha256:{digest(base)}",
        "# Hermes rewrites its own unit file whenever a gateway starts. It does not change this file, and systemd uses",
        "# this one where the two differ. Changes made in this file are detected: put yours into a file of your own",
        "# beside it, such as 60-mine.conf.",
        "",
        "[Service]",
        *_starting(spec),
        *_variables(spec),
        *_restarting(systemd_version),
        *_stopping(spec, base),
        *_limits(spec),
    ]
    return add_checksum(("\n".join(lines) + "\n").encode())


def _starting(spec: ServiceSpec) -> list[str]:
    is_notify = spec.watchdog > 0
    timeout = _START_TIMEOUT["notify" if is_notify else "simple"] + math.ceil(spec.boot_delay)
    lines = []
    if spec.prestart:
        lines += [
            "# Before each start, channels that another gateway holds are masked for this one.",
            "# The '-': the gateway also starts when hermes-profiles is not installed.",
            "ExecStartPre=",
            f"ExecStartPre=-{command_line(spec.prestart)}",
        ]
    return [
        *lines,
        "# The shell removes every variable that is not listed, so that no token of another profile gets in, then",
        "# executes the gateway. '-p' names the profile: without it, `hermes profile use` would start the default",
        "# gateway as another profile. Everything is quoted, which Hermes' own text is not.",
        "ExecStart=",
        f"ExecStart={command_line(spec.cleaned_command)}",
        f"WorkingDirectory={directory(str(spec.home))}",
        "# Time for the wait at boot (many gateways do not start at once)"
        + (" and for channels that do not answer, 30 s each." if is_notify else "."),
        f"TimeoutStartSec={timeout}",
    ]


def _variables(spec: ServiceSpec) -> list[str]:
    return [
        "# All variables of the gateway; those of Hermes' unit are not used.",
        "Environment=",
        *(f"Environment={assignment(name, content)}" for name, content in spec.environment),
    ]


def _restarting(systemd_version: int) -> list[str]:
    lines = [
        f"# Restart it after every exit; exit code {RESTART_ME} asks for a restart. {FATAL_CONFIGURATION} means a",
        "# broken configuration, which a restart does not fix.",
        "Restart=always",
        f"RestartForceExitStatus={RESTART_ME}",
        f"RestartPreventExitStatus={FATAL_CONFIGURATION}",
        f"# {RESTART_ME} is not a failure. 1 is one: it is also the exit code of a crash.",
        f"SuccessExitStatus={RESTART_ME}",
    ]
    if systemd_version >= KNOWS_BACK_OFF:
        lines += [
            "# A gateway that keeps failing is restarted after longer and longer waits, from 5 s to 5 minutes.",
            "RestartSec=5",
            "RestartSteps=8",
            "RestartMaxDelaySec=300",
        ]
    return lines


def _stopping(spec: ServiceSpec, base: bytes) -> list[str]:
    document = parse_unit(base)
    # A newer Hermes also waits for its timed jobs, and sets the time limit for that.
    timeout = max(spec.stop_timeout, math.ceil(meaning_of(document).stop_timeout or 0))
    lines = [
        "# Tell the gateway that the stop is intended, as `hermes gateway stop` does: it then exits with 0 and not as",
        "# failed. Nothing is written when it ended by itself.",
        f"ExecStop=-{_stop_mark(spec)}",
        "# TERM for the gateway alone, which ends its child processes; KILL for what is left.",
        "KillMode=mixed",
        f"# It waits for busy agents ({spec.drain} s), and then has half a minute to shut down.",
        f"TimeoutStopSec={timeout}",
    ]
    cleanup = spec.program.module(CLEANUP_MODULE)
    if command_line(cleanup) != " ".join(cleanup):
        lines += [
            "# Hermes' own line, quoted.",
            "ExecStopPost=",
            f"ExecStopPost=-{command_line(cleanup)}",
        ]
    return [
        *lines,
        "# A gateway that is always restarted never counts as failed, so your own OnFailure= would not be called. The",
        "# third restart in a row calls it, and every tenth after that.",
        handlers_line(),
    ]


def handlers_line() -> str:
    """Return the setting that starts the units in OnFailure= where the gateway is in a crash loop.

    systemd passes over OnFailure= of a unit that it starts again (`UNIT_NOTIFY_WILL_AUTO_RESTART`, systemd 252), and a
    StartLimitBurst= would leave the gateway dead. A run of a minute is no part of a loop.
    """
    script = (
        '[ "$SERVICE_RESULT" != success ] || exit 0; '
        's() { systemctl --user show -p "$1" --value -- "$u"; }; u=$1; '
        "case $(s NRestarts) in 3|*[0-9]3) ;; *) exit 0;; esac; "
        "read -r now _ </proc/uptime; began=$(s ActiveEnterTimestampMonotonic); "
        "[ $((${now%%.*} - ${began:-0} / 1000000)) -lt 60 ] || exit 0; "
        'for each in $(s OnFailure); do systemctl --user start --no-block -- "$each"; done'
    )
    # `%n` is the name of the unit; it is an argument of its own, which systemd expands.
    return f"ExecStopPost=-{command_line(('/bin/sh', '-c', script, 'on-failure'))} %n"


def _stop_mark(spec: ServiceSpec) -> str:
    # A wrapper can stay in front: the process of the service is not the gateway then, whose own file has its PID.
    own = (
        r"""p=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$2/"""
        + PID_FILE
        + r"""" 2>/dev/null); set -- "${p:-$1}" "$2"; """
    )
    script = (
        f'[ -n "$1" ] || exit 0; {own if spec.wrapper.words else ""}umask 077; f=$2/{PLANNED_STOP_FILE}; '
        'printf \'{"target_pid": %d, "stopper_pid": %d, "written_at": "%s"}\' '
        '"$1" $$ "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" >"$f.$$" && mv -f "$f.$$" "$f"'
    )
    # systemd expands ${MAINPID}; it is an argument of its own, empty when the gateway has ended.
    before = command_line(("/bin/sh", "-c", script, "stop-mark"))
    return f"{before} ${{MAINPID}} {quote_argument(str(spec.home))}"


def _limits(spec: ServiceSpec) -> list[str]:
    lines = []
    if spec.limits.memory is not None:
        lines += [
            "# The memory limit. When a child process (a browser, a tool) exceeds it, only that one is killed; systemd",
            "# would otherwise stop the whole gateway.",
            f"MemoryMax={spec.limits.memory}",
            "OOMPolicy=continue",
        ]
    if spec.limits.cpu is not None:
        lines += ["# In percent of one core.", f"CPUQuota={spec.limits.cpu}%"]
    return lines
