"""The state before the multiplexer was enabled, stored so that disabling restores it exactly.

It is written before the first service is stopped, and its phase is updated with each step. After an interruption the
next command knows the original state and how far the switch got.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular

if TYPE_CHECKING:  # every status command checks for an interrupted switch
    from hermes_profiles.changes.journal import ChangeEntry, Journal

COMMAND = ("team", "run-mode")
MULTIPLEX, PROCESSES = "multiplex", "processes"
_LARGEST = 4 * 1024 * 1024
_VERSION = 1


class SwitchPhase(StrEnum):
    """Progress of a switch: being enabled, enabled, being disabled; or profiles get gateways of their own."""

    GOING = "going"
    THERE = "there"
    COMING_BACK = "coming-back"
    SEPARATING = "separating"


class ServiceBefore(NamedTuple):
    """A service before the switch. `enabled`: started by its manager at boot; `up`: running."""

    installed: bool
    enabled: bool
    up: bool


class SavedState(NamedTuple):
    """The state before the switch.

    `since`: start of the switch (ISO time); `services`: profile → its service; `setting`: the multiplex setting of
    config.yaml, None if unset; `pinned`: profile → (`file:dotted.key`, keyed fingerprint of the value) of settings that
    were written; `approvals`: profile → channels with moved approvals; `absent`: missing folders, relative to the
    root, that only a multiplexer creates; `folded`: services of named profiles were removed; `apart`, `apart_since`:
    profile → its service before an unfinished separation, and the start of that one.
    """

    phase: SwitchPhase
    since: str
    services: Mapping[str, ServiceBefore]
    setting: str | None = None
    pinned: Mapping[str, tuple[tuple[str, str], ...]] = {}
    approvals: Mapping[str, tuple[str, ...]] = {}
    absent: tuple[str, ...] = ()
    folded: bool = False
    apart: Mapping[str, ServiceBefore] = {}
    apart_since: str = ""


def timestamp() -> str:
    """Return the present time in the format of the record."""
    from datetime import UTC, datetime

    from hermes_profiles.changes.journal import iso

    return iso(datetime.now(UTC))


def saved_state_path(layout: Layout) -> Path:
    """Return the path of the saved state."""
    return layout.state / "runmode.json"


def is_service_file(layout: Layout, path: Path) -> bool:
    """Return whether a file that a switch writes belongs to a service: the others are in the homes."""
    return layout.root not in path.parents or layout.state in path.parents


def is_mode_switch(journal: Journal, entry: ChangeEntry) -> bool:
    """Return whether a change switched the run mode, or is an undo of such a change."""
    return original_change(journal, entry).command[:2] == COMMAND


def separating_change(layout: Layout, record: SavedState) -> ChangeEntry | None:
    """Return the change of files that an unfinished separation has made and not taken back, None without one."""
    from hermes_profiles.changes.journal import Journal

    journal = Journal(layout.state)
    for entry in journal.entries():  # newest first
        if entry.can_be_undone and entry.started >= record.apart_since and is_mode_switch(journal, entry):
            return entry if resulting_mode(journal, entry) == PROCESSES else None
    return None


def resulting_mode(journal: Journal, entry: ChangeEntry) -> str:
    """Return the run mode after a switch, or after an undo of one."""
    mode = original_change(journal, entry).command[2]
    other = MULTIPLEX if mode == PROCESSES else PROCESSES
    return mode if entry.level % 2 == 0 else other


def original_change(journal: Journal, entry: ChangeEntry) -> ChangeEntry:
    """Return the original change of an undo, or of an undo of an undo."""
    while entry.undo_of is not None and (above := journal.load(entry.undo_of)) is not None:
        entry = above
    return entry


def read_saved_state(layout: Layout) -> SavedState | None:
    """Return the saved state, None if missing. Raises Failed if it cannot be parsed."""
    path = saved_state_path(layout)
    try:
        data = json.loads(read_regular(path, _LARGEST))
        return _parsed(data)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Failed(
            f"cannot parse {path}, the state before the multiplexer was enabled: {error}",
            target=str(path),
            code="unreadable-record",
            hint=f"move it away and reinstall the services: `mv {quote(str(path))} {quote(str(path))}.old && "
            "hermes-profiles team run-mode processes --install`",
        ) from error


def is_unfinished(layout: Layout) -> bool:
    """Return whether a switch was interrupted. Fast; False without a saved state."""
    if not saved_state_path(layout).exists():
        return False
    try:
        record = read_saved_state(layout)
    except Failed:
        return True
    return record is not None and record.phase is not SwitchPhase.THERE


def separating(layout: Layout) -> SavedState | None:
    """Return the saved state of an unfinished separation, None without one. Raises Failed if it cannot be parsed."""
    record = read_saved_state(layout)
    return record if record is not None and record.phase is SwitchPhase.SEPARATING else None


def _parsed(data: Mapping[str, Any]) -> SavedState:
    return SavedState(
        SwitchPhase(data["phase"]),
        str(data["since"]),
        _services(data["services"]),
        None if data["setting"] is None else str(data["setting"]),
        {str(name): tuple((str(file), str(key)) for file, key in rows) for name, rows in data["isolated"].items()},
        {str(name): tuple(map(str, rows)) for name, rows in data["approvals"].items()},
        tuple(map(str, data["absent"])),
        data.get("folded") is True,
        _services(data.get("apart") or {}),
        str(data.get("apart_since") or ""),
    )


def _services(rows: Mapping[str, Any]) -> dict[str, ServiceBefore]:
    return {str(name): ServiceBefore(*(bool(each) for each in row)) for name, row in rows.items()}


def write_saved_state(layout: Layout, record: SavedState) -> None:
    """Write a saved state. Raises Failed."""
    from hermes_profiles.changes.state_files import write_state_file

    rows = {**record._asdict(), "version": _VERSION, "phase": str(record.phase)}
    rows["isolated"] = rows.pop("pinned")
    for key in ("services", "apart"):
        rows[key] = {name: list(was) for name, was in rows[key].items()}
    write_state_file(saved_state_path(layout), json.dumps(rows, indent=1).encode(), 0o600)


def note_enabled(layout: Layout, profiles: Iterable[str], *, enabled: bool) -> None:
    """Record that profiles were enabled or disabled, so that a later restore keeps it. Raises Failed."""
    record = read_saved_state(layout)
    if record is None:
        return
    changed = {
        name: was._replace(enabled=enabled)
        for name in profiles
        if (was := record.services.get(name)) is not None and was.installed
    }
    if changed:
        write_saved_state(layout, record._replace(services={**record.services, **changed}))


def note_renamed(layout: Layout, names: Mapping[str, str]) -> None:
    """Record that profiles were renamed (old → new). Raises Failed."""
    record = read_saved_state(layout)
    if record is None or not names:
        return

    def renamed(rows: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(name, name): row for name, row in rows.items()}

    folders = {f"profiles/{old}/": f"profiles/{new}/" for old, new in names.items()}
    absent = tuple(
        next((new + path.removeprefix(old) for old, new in folders.items() if path.startswith(old)), path)
        for path in record.absent
    )
    changed = record._replace(
        services=renamed(record.services),
        pinned=renamed(record.pinned),
        approvals=renamed(record.approvals),
        absent=absent,
    )
    if changed != record:
        write_saved_state(layout, changed)


def delete_saved_state(layout: Layout) -> None:
    """Delete the saved state. Raises Failed."""
    from hermes_profiles.changes.state_files import remove_state_file

    remove_state_file(saved_state_path(layout))


@contextmanager
def switch_lock(layout: Layout) -> Iterator[None]:
    """Hold the lock of the run mode. Raises Refused if another command holds it."""
    from hermes_profiles.changes.lock import acquire_lock, write_pid

    path = layout.state / "runmode.lock"
    create_state_folder(layout)
    descriptor = acquire_lock(path, wait=0.0)
    if descriptor is None:
        raise Refused(
            "another command is switching the run mode",
            target=str(path),
            code="busy",
            hint=f"find its process: `cat {quote(str(path))}`",
        )
    try:
        write_pid(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def create_state_folder(layout: Layout) -> None:
    """Create the private state folder. Raises Failed."""
    from hermes_profiles.changes.errors import translated_errors
    from hermes_profiles.changes.filesystem import Files

    with translated_errors():
        Files().private_folder(str(layout.state))
