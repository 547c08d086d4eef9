"""What keeps the host awake while gateways run: a unit and its drop-ins for systemd, a LaunchAgent for launchd. Pure.

Under systemd every gateway wants one service, which is stopped as soon as nothing wants it any more: it holds from the
first gateway to the last, and nobody looks around in between. The drop-ins lie where systemd looks for every unit of
such a name (systemd.unit(5): `foo-.service.d` counts for `foo-bar.service`), so that profiles made later are covered
and no gateway's own files are touched.

launchd has no such bond. Its agent runs `awake-hold`, which holds caffeinate as long as a gateway lives, and is called
up again every minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.services.checksum import add_checksum, checksum_matches, has_mark
from hermes_profiles.services.launchd.render import MARK, parse_plist, plist_mark
from hermes_profiles.services.naming import AWAKE_LABEL, AWAKE_UNIT, ServiceName
from hermes_profiles.services.systemd.quoting import checked, command_line
from hermes_profiles.services.systemd.unit_file import parse_unit

# What logind is kept from: going idle, and sleep. The lid is a lock of its own: with LidSwitchIgnoreInhibited (the
# default, logind.conf(5)) the two others do not count when it is closed.
WHAT = ("idle", "sleep")
LID = "handle-lid-switch"
WHO = "hermes-profiles"
WHY = "Hermes gateways are running"
# Options of ours → flags of caffeinate(8).
CAFFEINATE = {"idle": "-i", "display": "-d", "disk": "-m", "system": "-s"}
HOLD = "awake-hold"
# launchd calls the agent up so often, in seconds; one that still runs is left alone.
INTERVAL = 60
_NAME = "60-awake.conf"


class AwakeName(ServiceName):
    """The name of the service that keeps the host awake, as managers take one."""

    __slots__ = ()

    @property
    def unit(self) -> str:
        """Return the name of the unit, without `.service`."""
        return AWAKE_UNIT

    @property
    def label(self) -> str:
        """Return the label of the LaunchAgent."""
        return AWAKE_LABEL


AWAKE = AwakeName("", "")


def inhibit_command(inhibit: str, what: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that run a command while logind is kept from something."""
    return (inhibit, f"--what={':'.join(what)}", f"--who={WHO}", f"--why={WHY}", "--mode=block", *command)


def render_unit(inhibit: str, sleep: str, what: Sequence[str]) -> bytes:
    """Return the unit, marked; `inhibit` and `sleep` are whole paths: the manager's PATH may be another one.

    Raises UsageProblem when a path holds a control character.
    """
    for path in (inhibit, sleep):
        checked(path, "the path of a program")
    lines = [
        "# Written by hermes-profiles: `hermes-gateways awake on`; `hermes-gateways awake off` removes it.",
        "# Every gateway wants this service (see hermes-gateway-.service.d), and it ends when none does.",
        "",
        "[Unit]",
        "Description=Keeps this machine awake while Hermes runs",
        "StopWhenUnneeded=yes",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={command_line(inhibit_command(inhibit, what, (sleep, 'infinity')))}",
        "# Somebody ended it, or logind was not there.",
        "Restart=always",
        "RestartSec=10",
        "",
    ]
    return add_checksum("\n".join(lines).encode())


def render_drop_in() -> bytes:
    """Return the drop-in by which a gateway wants the service, marked."""
    lines = [
        "# Written by hermes-profiles: `hermes-gateways awake on`; `hermes-gateways awake off` removes it.",
        "[Unit]",
        f"Wants={AWAKE_UNIT}.service",
        "",
    ]
    return add_checksum("\n".join(lines).encode())


def drop_ins(folder: Path) -> tuple[Path, Path]:
    """Return where the drop-ins lie: that of all named profiles, and that of the default one."""
    return folder / f"{UNIT}-.service.d" / _NAME, folder / f"{UNIT}.service.d" / _NAME


def render_agent(words: Sequence[str]) -> bytes:
    """Return the LaunchAgent, marked; `words` start the command that holds (`hold_command`).

    Raises UsageProblem when a path holds a control character.

    It is no daemon that launchd revives: it ends with 0 when no gateway is left, and is called up again in a minute.
    """
    import plistlib

    for each in words:
        checked(each, "the command that holds")
    job: dict[str, Any] = {
        "Label": AWAKE_LABEL,
        "ProgramArguments": [*words],
        "LimitLoadToSessionType": ["Aqua", "Background"],
        "RunAtLoad": True,
        "StartInterval": INTERVAL,
    }
    return plistlib.dumps({**job, MARK: plist_mark(job)}, sort_keys=False)


def hold_command(python: str, options: Sequence[str]) -> tuple[str, ...]:
    """Return the words that start `awake-hold`. `-I`: neither the folder it starts in nor PYTHONPATH may put other
    code in its place."""
    return (python, "-I", "-m", "hermes_profiles.cli.gateways", HOLD, *(f"--{each}" for each in options))


def held_by_unit(content: bytes) -> tuple[str, ...]:
    """Return what a unit of ours keeps logind from, () when it does not say."""
    words = parse_unit(content).command("ExecStart")
    what = next((each.partition("=")[2] for each in words if each.startswith("--what=")), "")
    return tuple(what.split(":")) if what else ()


def held_by_agent(content: bytes) -> tuple[str, ...]:
    """Return the options with which a LaunchAgent of ours holds. Raises Failed when it cannot be read."""
    words = parse_plist(content).get("ProgramArguments")
    given = words[words.index(HOLD) + 1 :] if isinstance(words, list) and HOLD in words else []
    return tuple(each.removeprefix("--") for each in given if each.removeprefix("--") in CAFFEINATE)


def is_ours(content: bytes) -> bool:
    """Return whether we have written a file, changed since or not."""
    return has_mark(content) or MARK.encode() in content


def is_unchanged(content: bytes) -> bool:
    """Return whether we have written a file and nobody has changed it since. Raises Failed for a broken plist."""
    if MARK.encode() in content:
        job = parse_plist(content)
        return job.get(MARK) == plist_mark(job)
    return checksum_matches(content)
