"""Parses the output of `systemctl show` into statuses; starts no program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.manager import Activity, ServiceStatus

PROPERTIES = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "ExecMainCode",
    "ExecMainStatus",
    "NRestarts",
    "UnitFileState",
    "NeedDaemonReload",
    "Environment",
    "Job",
    "StateChangeTimestamp",
)

_ACTIVITIES = {
    "active": Activity.ACTIVE,
    "reloading": Activity.ACTIVE,
    "refreshing": Activity.ACTIVE,
    "activating": Activity.ACTIVATING,
    "deactivating": Activity.DEACTIVATING,
    "inactive": Activity.INACTIVE,
    "failed": Activity.FAILED,
}
# systemd 254 splits the wait before a restart in two.
_WAITING = ("auto-restart", "auto-restart-queued")
_EXITED, _SIGNALLED = "1", ("2", "3")  # CLD_EXITED; CLD_KILLED, CLD_DUMPED
# A value with blanks or quotes comes in quotes, backslashes before what a shell would read.
_WORD = lazy_pattern(r'"((?:[^"\\]|\\.)*)"|\$\'((?:[^\'\\]|\\.)*)\'|(\S+)')
_ESCAPE = lazy_pattern(r"\\(x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}


def blocks(text: str) -> dict[str, dict[str, str]]:
    """Return unit → its properties; a unit is found under each of its names, `.service` included."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"\n[ \t]*\n", text):
        block = dict(_pairs(part))
        for name in (block.get("Id", ""), *block.get("Names", "").split()):
            if name:
                found[name] = block
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            yield name.strip(), value


def status(block: Mapping[str, str], *, installed: bool) -> ServiceStatus:
    """Return the status from the properties of a unit."""
    loaded = block.get("LoadState", "")
    activity = _ACTIVITIES.get(block.get("ActiveState", ""), Activity.UNKNOWN)
    result = block.get("Result", "success")
    # "not-found" is not a failure of a unit that is not installed.
    broken = loaded if loaded not in ("loaded", "stub", "merged", "not-found", "") else ""
    pid = _number(block.get("MainPID"))
    return ServiceStatus(
        installed=installed,
        enabled=block.get("UnitFileState") in ("enabled", "enabled-runtime"),
        activity=activity,
        pid=pid if pid else None,
        waiting=block.get("SubState") in _WAITING,
        queued=bool(_number(block.get("Job"))),
        restarts=_number(block.get("NRestarts")),
        last_exit=_last_exit(block),
        since=_epoch(block.get("StateChangeTimestamp", "")),
        reason=broken or ("" if result == "success" else result),
        # A unit that was removed, and written again since: systemd says neither that it is there nor that it changed.
        stale_definition=block.get("NeedDaemonReload") == "yes" or bool(installed and pid and loaded == "not-found"),
        home=environment(block.get("Environment", "")).get(HERMES_HOME),
        unusable=broken if installed else "",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _last_exit(block: Mapping[str, str]) -> int | None:
    status, code = _number(block.get("ExecMainStatus")), block.get("ExecMainCode")
    if status is None:
        return None
    return status if code == _EXITED else -status if code in _SIGNALLED else None


def _epoch(text: str) -> float | None:
    """Return the time of `Sat 2026-11-21 10:52:34 UTC`; with TZ=UTC there is no other zone."""
    from datetime import datetime

    _, _, rest = text.partition(" ")
    moment, _, zone = rest.rpartition(" ")
    try:
        return datetime.fromisoformat(f"{moment}+00:00").timestamp() if zone == "UTC" else None
    except ValueError:
        return None


def environment(text: str) -> dict[str, str]:
    """Return the variables of an `Environment` property; of one set twice, the last."""
    found = {}
    for match in _WORD.finditer(text):
        double, single, bare = match.groups()
        word = bare if bare is not None else _ESCAPE.sub(_unescaped, double if double is not None else single)
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
    return found


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 3:
        return chr(int(code[1:], 16) if code[0] == "x" else int(code, 8))
    return _LETTERS.get(code, code)
