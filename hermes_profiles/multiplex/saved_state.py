"""What was before one gateway served all: kept beside our journal, so that the way back leads exactly there.

It is written before the first service is stopped, and its phase moves on with each step: whatever kills the command,
the next one knows what was, and how far it got.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.regular_file import read_regular

if TYPE_CHECKING:  # every status asks whether a switch was interrupted
    from hermes_profiles.changes.journal import ChangeEntry, Journal

COMMAND = ("team", "run-mode")
MULTIPLEX, PROCESSES = "multiplex", "processes"
_LARGEST = 4 * 1024 * 1024
_VERSION = 1


class SwitchPhase(StrEnum):
    """How far it got: under way to one gateway for all, there, or under way back."""

    GOING = "going"
    THERE = "there"
    COMING_BACK = "coming-back"


class ServiceBefore(NamedTuple):
    """A service as it was: whether it was installed, started with its manager, and ran."""

    installed: bool
    enabled: bool
    up: bool


class SavedState(NamedTuple):
    """What was. `since`: when it began (ISO time); `services`: profile → its service; `setting`: what config.yaml said
    about multiplexing, None for nothing; `pinned`: profile → (`file:dotted.key`, keyed fingerprint of the value) of
    what was written; `approvals`: profile → channels whose approvals were carried; `absent`: folders, relative to the
    root, that only a multiplexer makes and that were not there."""

    phase: SwitchPhase
    since: str
    services: Mapping[str, ServiceBefore]
    setting: str | None = None
    pinned: Mapping[str, tuple[tuple[str, str], ...]] = {}
    approvals: Mapping[str, tuple[str, ...]] = {}
    absent: tuple[str, ...] = ()


def timestamp() -> str:
    """Return the time now as a record has it."""
    from datetime import UTC, datetime

    from hermes_profiles.changes.journal import iso

    return iso(datetime.now(UTC))


def saved_state_path(layout: Layout) -> Path:
    """Return the file of the record."""
    return layout.state / "runmode.json"


def is_mode_switch(journal: Journal, entry: ChangeEntry) -> bool:
    """Return whether a change switched the run mode, or took such a switch back."""
    return original_change(journal, entry).command[:2] == COMMAND


def resulting_mode(journal: Journal, entry: ChangeEntry) -> str:
    """Return the run mode that a switch, or an undo of one, led to."""
    mode = original_change(journal, entry).command[2]
    other = MULTIPLEX if mode == PROCESSES else PROCESSES
    return mode if entry.level % 2 == 0 else other


def original_change(journal: Journal, entry: ChangeEntry) -> ChangeEntry:
    """Return the change that an undo, or an undo of an undo, is about in the end."""
    while entry.undo_of is not None and (above := journal.load(entry.undo_of)) is not None:
        entry = above
    return entry


def read_saved_state(layout: Layout) -> SavedState | None:
    """Return what is kept, None when nothing is. Raises Failed when it cannot be understood: nobody knows then what
    was."""
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
            f"{path} cannot be understood: it says what was before one gateway served all",
            target=str(path),
            code="unreadable-record",
            hint=f"put it away (`mv {path} /tmp/`), then say `hermes-profiles team run-mode processes --install`",
        ) from error


def is_unfinished(layout: Layout) -> bool:
    """Return whether a switch was interrupted; cheap, and False when nothing is kept."""
    if not saved_state_path(layout).exists():
        return False
    try:
        record = read_saved_state(layout)
    except Failed:
        return True
    return record is not None and record.phase is not SwitchPhase.THERE


def _parsed(data: Mapping[str, Any]) -> SavedState:
    return SavedState(
        SwitchPhase(data["phase"]),
        str(data["since"]),
        {str(name): ServiceBefore(*(bool(each) for each in row)) for name, row in data["services"].items()},
        None if data["setting"] is None else str(data["setting"]),
        {str(name): tuple((str(file), str(key)) for file, key in rows) for name, rows in data["isolated"].items()},
        {str(name): tuple(map(str, rows)) for name, rows in data["approvals"].items()},
        tuple(map(str, data["absent"])),
    )


def write_saved_state(layout: Layout, record: SavedState) -> None:
    """Keep a record. Raises Failed."""
    from hermes_profiles.changes.state_files import write_runtime

    rows = {**record._asdict(), "version": _VERSION, "phase": str(record.phase)}
    rows["isolated"] = rows.pop("pinned")
    rows["services"] = {name: list(was) for name, was in record.services.items()}
    write_runtime(saved_state_path(layout), json.dumps(rows, indent=1).encode(), 0o600)


def note_enabled(layout: Layout, profiles: Iterable[str], *, enabled: bool) -> None:
    """Note that somebody has switched profiles on or off meanwhile: the way back abides by it. Raises Failed."""
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
    """Note that profiles have another name now (old → new): the way back finds them by it. Raises Failed."""
    record = read_saved_state(layout)
    if record is None or not names:
        return

    def followed(rows: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(name, name): row for name, row in rows.items()}

    folders = {f"profiles/{old}/": f"profiles/{new}/" for old, new in names.items()}
    absent = tuple(
        next((new + path.removeprefix(old) for old, new in folders.items() if path.startswith(old)), path)
        for path in record.absent
    )
    changed = record._replace(
        services=followed(record.services),
        pinned=followed(record.pinned),
        approvals=followed(record.approvals),
        absent=absent,
    )
    if changed != record:
        write_saved_state(layout, changed)


def delete_saved_state(layout: Layout) -> None:
    """Take the record away: all is as it was. Raises Failed."""
    from hermes_profiles.changes.state_files import remove_runtime

    remove_runtime(saved_state_path(layout))


@contextmanager
def switch_lock(layout: Layout) -> Iterator[None]:
    """Let nobody else switch meanwhile. Raises Refused when somebody does."""
    from hermes_profiles.changes.state_files import acquire_lock, write_pid

    path = layout.state / "runmode.lock"
    create_state_folder(layout)
    descriptor = acquire_lock(path, wait=0.0)
    if descriptor is None:
        raise Refused(
            "another command is switching the run mode",
            target=str(path),
            code="busy",
            hint=f"see which: `cat {path}`",
        )
    try:
        write_pid(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def create_state_folder(layout: Layout) -> None:
    """Make our own folder, private. Raises Failed."""
    from hermes_profiles.changes.errors import translated_errors
    from hermes_profiles.changes.filesystem import Files

    with translated_errors():
        Files().private_folder(str(layout.state))
