"""Renders the service that watches a fleet: a unit, a LaunchAgent or a program of supervisord. Pure.

One for each root, beside the gateways and under the same manager. It does not depend on a gateway, and no gateway on
it: a stop or restart of one leaves the other alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.files import ROOT_FOLDER
from hermes_profiles.services.checksum import add_checksum, digest
from hermes_profiles.services.launchd.render import MARK, plist_mark
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.naming import WATCH_LABEL, WATCH_UNIT, ServiceName
from hermes_profiles.services.supervisor.render import render_words
from hermes_profiles.services.systemd.quoting import assignment, checked, command_line

RUN = "watch-run"
# Variables of the caller that lead to the same files and programs.
INHERITED = ("PATH", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")
_DIGITS = 8


class WatchName(ServiceName):
    """The name of the service that watches a root; `suffix` is "" for `~/.hermes`."""

    __slots__ = ()

    @property
    def unit(self) -> str:
        """Return the name of the unit, without `.service`."""
        return f"{WATCH_UNIT}-{self.suffix}" if self.suffix else WATCH_UNIT

    @property
    def label(self) -> str:
        """Return the label of the LaunchAgent."""
        return f"{WATCH_LABEL}-{self.suffix}" if self.suffix else WATCH_LABEL


def watch_name(root: Path, user_home: Path) -> WatchName:
    """Return the name of the service that watches a root; both paths with links resolved."""
    return WatchName("" if root == user_home / ROOT_FOLDER else digest(str(root).encode())[:_DIGITS], "")


def watch_command(python: str, root: Path, manager: ManagerKind) -> tuple[str, ...]:
    """Return the command of the watcher; `-I`: no modules from the current folder or PYTHONPATH."""
    return (
        python, "-I", "-m", "hermes_profiles.cli.gateways", RUN, "--home", str(root), "--manager", str(manager),
    )  # fmt: skip


def watch_variables(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that the service sets: those of the caller that lead to the same files and programs."""
    return tuple((name, environment[name]) for name in INHERITED if environment.get(name))


def render_watch(
    kind: ManagerKind, name: WatchName, words: tuple[str, ...], variables: Sequence[tuple[str, str]], *, log: Path
) -> bytes:
    """Return the definition of the service, with a checksum; `log`: for a manager without a journal.

    Raises UsageProblem when a path has a control character.
    """
    for word in (*words, str(log), *(text for _, text in variables)):
        checked(word, "the command of the watcher")
    if kind is ManagerKind.SYSTEMD:
        return _unit(words, variables)
    if kind is ManagerKind.LAUNCHD:
        return _agent(name, words, variables, log)
    return _program(name, words, variables, log)


def _unit(words: tuple[str, ...], variables: Sequence[tuple[str, str]]) -> bytes:
    lines = [
        "# Written by hermes-profiles: `hermes-gateways watch on`; `hermes-gateways watch off` removes it.",
        "",
        "[Unit]",
        "Description=Watches the Hermes gateways and logs what happens to them",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={command_line(words)}",
        *(f"Environment={assignment(*pair)}" for pair in variables),
        "Restart=always",
        "RestartSec=5",
        "TimeoutStopSec=10",
        "# Its end by SIGTERM is no failure.",
        "SuccessExitStatus=143",
        "# A watcher never takes time from a gateway.",
        "Nice=10",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return add_checksum("\n".join(lines).encode())


def _agent(name: WatchName, words: Sequence[str], variables: Sequence[tuple[str, str]], log: Path) -> bytes:
    import plistlib

    job: dict[str, Any] = {
        "Label": name.label,
        "ProgramArguments": [*words],
        "EnvironmentVariables": dict(variables),
        "LimitLoadToSessionType": ["Aqua", "Background"],
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
        "ProcessType": "Background",
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps({**job, MARK: plist_mark(job)}, sort_keys=False)


def _program(name: WatchName, words: Sequence[str], variables: Sequence[tuple[str, str]], log: Path) -> bytes:
    lines = [
        "; The watcher of the gateways, run by hermes-profiles' own supervisord: `hermes-gateways watch on`",
        f"[program:{name.unit}]",
        *render_words(words, variables, log),
        "directory=/",
        "umask=077",
        "autostart=false",
        "autorestart=unexpected",
        "exitcodes=0",
        "startsecs=0",
        "boot_delay=0",
        "stopsignal=TERM",
        "stopwaitsecs=10",
        "stdout_logfile_maxbytes=1MB",
        "stdout_logfile_backups=1",
    ]
    return add_checksum(("\n".join(lines) + "\n").encode(), comment=";")
