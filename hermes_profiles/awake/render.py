"""Renders the services that keep the host awake while gateways run: unit and drop-ins, or a LaunchAgent. Pure.

Under systemd every gateway wants one service, which systemd stops when no unit wants it: it runs from the first gateway
to the last, without polling. The drop-ins apply to all units with the prefix (systemd.unit(5): `foo-.service.d` counts
for `foo-bar.service`), so that later profiles are covered and no gateway's own files change.

launchd has no equivalent. Its agent runs `awake-hold`, which keeps caffeinate alive while any gateway runs; launchd
starts it every minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Failed
from hermes_profiles.services.checksum import add_checksum
from hermes_profiles.services.launchd.render import MARK, parse_plist, plist_mark
from hermes_profiles.services.naming import AWAKE_LABEL, AWAKE_UNIT, ServiceName
from hermes_profiles.services.systemd.quoting import checked, command_line
from hermes_profiles.services.systemd.unit_file import parse_unit

# The locks: idle and sleep. The lid has a lock of its own: with LidSwitchIgnoreInhibited (the default, logind.conf(5))
# the two others are ignored when it is closed.
WHAT = ("idle", "sleep")
LID = "handle-lid-switch"
WHO = "hermes-profiles"
WHY = "Hermes gateways are running"
# Options of ours → flags of caffeinate(8).
CAFFEINATE = {"idle": "-i", "display": "-d", "disk": "-m", "system": "-s"}
HOLD = "awake-hold"
# Seconds between two starts of the agent by launchd, which leaves a running one alone.
INTERVAL = 60
_NAME = "60-awake.conf"


class AwakeName(ServiceName):
    """The name of the service that keeps the host awake, in the form that managers need."""

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
    """Return the command that runs another one with an inhibitor lock."""
    return (inhibit, f"--what={':'.join(what)}", f"--who={WHO}", f"--why={WHY}", "--mode=block", *command)


def render_unit(inhibit: str, sleep: str, what: Sequence[str]) -> bytes:
    """Return the unit, with a checksum; `inhibit` and `sleep` are absolute: the manager's PATH can differ.

    Raises UsageProblem when a path has a control character.
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
    """Return the drop-in by which a gateway wants the service, with a checksum."""
    lines = [
        "# Written by hermes-profiles: `hermes-gateways awake on`; `hermes-gateways awake off` removes it.",
        "[Unit]",
        f"Wants={AWAKE_UNIT}.service",
        "",
    ]
    return add_checksum("\n".join(lines).encode())


def drop_ins(folder: Path) -> tuple[Path, Path]:
    """Return the paths of the drop-ins: of all named profiles, and of the default one."""
    return folder / f"{UNIT}-.service.d" / _NAME, folder / f"{UNIT}.service.d" / _NAME


def render_agent(words: Sequence[str]) -> bytes:
    """Return the LaunchAgent, with a checksum; `words` is the command of `hold_command`.

    Raises UsageProblem when a path has a control character. launchd does not restart the agent at once: it ends with 0
    when no gateway runs, and is started again after a minute.
    """
    import plistlib

    for word in words:
        checked(word, "the command of awake-hold")
    job: dict[str, Any] = {
        "Label": AWAKE_LABEL,
        "ProgramArguments": [*words],
        "LimitLoadToSessionType": ["Aqua", "Background"],
        "RunAtLoad": True,
        "StartInterval": INTERVAL,
    }
    return plistlib.dumps({**job, MARK: plist_mark(job)}, sort_keys=False)


def hold_command(python: str, options: Sequence[str]) -> tuple[str, ...]:
    """Return the command of `awake-hold`; `-I`: no modules from the current folder or PYTHONPATH."""
    return (python, "-I", "-m", "hermes_profiles.cli.gateways", HOLD, *(f"--{option}" for option in options))


def held_by_unit(content: bytes) -> tuple[str, ...]:
    """Return the locks that a unit of ours takes, () when it names none."""
    words = parse_unit(content).command("ExecStart")
    what = next((word.partition("=")[2] for word in words if word.startswith("--what=")), "")
    return tuple(what.split(":")) if what else ()


def held_by_agent(content: bytes) -> tuple[str, ...]:
    """Return the options of `awake-hold` in a LaunchAgent of ours, () when it names none or is broken."""
    try:
        words = parse_plist(content).get("ProgramArguments")
    except Failed:
        return ()
    given = words[words.index(HOLD) + 1 :] if isinstance(words, list) and HOLD in words else []
    return tuple(option.removeprefix("--") for option in given if option.removeprefix("--") in CAFFEINATE)
