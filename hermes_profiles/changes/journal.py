"""The journal: one JSON file a change, with names and paths and no content, and the old bytes for an undo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.model.errors import Failed, NotFound, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .filesystem import Files
from .journal_paths import RootPaths, inode_of, old_root
from .signature import ChangedMeanwhile

SCHEMA = "hermes-profiles-journal/2"
OLD_SCHEMA = "hermes-profiles-journal/1"  # of 0.1.0, with absolute paths
KEEP = 200
_STAMP = "%Y%m%dT%H%M%SZ"
_ID_LENGTH = 21  # of a stamp, a hyphen and four hexadecimal digits
_ANY_SCHEMA = lazy_pattern(r"hermes-profiles-journal/[0-9]{1,6}")
_GARBAGE = (ChangedMeanwhile, ValueError, KeyError, TypeError, RecursionError)
_BEGUN = b'"status": "begun"'
_GOING = ".gone.tmp"  # ends the name of an entry whose removal has begun


class Status(StrEnum):
    """The status of a change."""

    BEGUN = "begun"
    DONE = "done"
    UNDONE = "undone"
    ROLLED_BACK = "rolled-back"


class StepKind(StrEnum):
    """The kinds of steps."""

    PUBLISH = "publish"
    MOVE = "move"
    REPLACE = "replace"
    REMOVE = "remove"
    MODE = "mode"
    TIDY = "tidy"


class FileIdentity(NamedTuple):
    """The identity of a file or folder, without the device number, which changes at a reboot."""

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """Return the identity for a status."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    def is_same_file(self, status: os.stat_result | None) -> bool:
        """Return whether a file or link is unchanged. The inode is not compared: a rollback creates a new one."""
        return status is not None and (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


class Old(NamedTuple):
    """The state of a replaced file: its bytes are in `backup`, or it was a link with the text `link`."""

    identity: FileIdentity
    mode: int
    uid: int
    gid: int
    backup: str | None = None
    link: str | None = None


class StepRecord(NamedTuple):
    """One step as data.

    `source`: the old path of a move, the staged tree of a publish, the temporary file of a replace.
    `new`: the file at `target` after the step. `made`: folders that were created for it.
    `mode`: the new mode of a mode step; `old` has the mode before it, and no bytes.
    """

    kind: StepKind
    target: str
    source: str | None = None
    entries: int = 0
    made: tuple[str, ...] = ()
    new: FileIdentity | None = None
    old: Old | None = None
    mode: int | None = None


class ChangeEntry(NamedTuple):
    """One change. `ready`: everything is staged, so steps of an interrupted change may be done.

    `level`: 0 for a change, 1 for an undo, 2 for the undo of an undo, and so on. `root`: the path of the root in which
    it was made, "" where an entry of 0.1.0 does not show it; `root_inode`: the inode of that root, 0 when not recorded.
    `relocated`: the root is another folder now (moved across file systems, copied, or from a backup), so that inodes in
    the entry do not hold. `running`: the profiles whose gateways ran before a change that removed their services.
    """

    id: str
    command: tuple[str, ...]
    summary: str
    profiles: tuple[str, ...]
    started: str
    status: Status
    commit: int
    steps: tuple[StepRecord, ...]
    ended: str | None = None
    undo_of: str | None = None
    level: int = 0
    ready: bool = False
    root: str = ""
    root_inode: int = 0
    relocated: bool = False
    running: tuple[str, ...] = ()

    @property
    def can_be_undone(self) -> bool:
        """Return whether an undo without an id may choose this change."""
        return self.status is Status.DONE and self.level % 2 == 0


class Journal:
    """The entries below `<state>/journal/`."""

    def __init__(self, state: Path, files: Files | None = None) -> None:
        self.folder = str(state / "journal")
        self._files = files or Files()
        self._trash = str(state / "trash")
        self._root = str(state.parent.parent)

    def entries(self) -> tuple[ChangeEntry, ...]:
        """Return every entry that can be read, newest first."""
        return self.read()[0]

    def problems(self) -> tuple[Problem, ...]:
        """Return a warning for each entry that cannot be read."""
        return self.read()[1]

    def read(self) -> tuple[tuple[ChangeEntry, ...], tuple[Problem, ...]]:
        """Return the entries, newest first, and the problems of those that cannot be read."""
        entries, problems = [], []
        for change_id in reversed(self.ids()):
            try:
                entries.append(self._parse(self._bytes(change_id), change_id))
            except (OSError, *_GARBAGE) as error:
                problems.append(_unreadable(self.path(change_id), error))
        return tuple(entries), tuple(problems)

    def begun(self) -> tuple[ChangeEntry, ...]:
        """Return the interrupted changes, newest first, without parsing the other entries. Raises OSError."""
        found = []
        for change_id in reversed(self.ids()):
            try:
                raw = self._bytes(change_id)
                if _BEGUN in raw and (entry := self._parse(raw, change_id)).status is Status.BEGUN:
                    found.append(entry)
            except _GARBAGE:  # reported by read(); an OSError is raised, because it may hide an interrupted change
                continue
        return tuple(found)

    def load(self, change_id: str) -> ChangeEntry | None:
        """Return one entry, or None if it does not exist or cannot be parsed. Raises OSError."""
        try:
            return self._parse(self._bytes(change_id), change_id)
        except _GARBAGE:
            return None

    def find(self, change_id: str) -> ChangeEntry:
        """Return one entry. Raises NotFound, and Failed for one that cannot be parsed, OSError for one not read."""
        if change_id in self.ids():
            try:
                return self._parse(self._bytes(change_id), change_id)
            except _GARBAGE as error:
                problem = _unreadable(self.path(change_id), error)
                raise Failed(problem.message, target=problem.target, code=problem.code, hint=problem.hint) from None
        raise NotFound(
            f"no change {change_id!r} in {self.folder}",
            target=change_id,
            code="no-such-change",
            hint="list the changes with `hermes-profiles undo --list`",
        )

    def ids(self) -> list[str]:
        """Return the ids of all entries, oldest first, including those that cannot be read."""
        names = self._files.names(self.folder)
        return [name[:-5] for name in names if name.endswith(".json") and _is_id(name[:-5])]

    def fresh_id(self, now: datetime) -> str:
        """Return an id that sorts after every other, also within one second or after the clock was set back.

        Entries of the trash also have ids: those of changes before and after a deletion are compared with them.
        """
        stamp, random = now.astimezone(UTC).strftime(_STAMP), int.from_bytes(os.urandom(2)) >> 1
        fresh = f"{stamp}-{random:04x}"
        trashed = (name[:_ID_LENGTH] for name in self._files.names(self._trash))
        newest = max((*self.ids(), *filter(_is_id, trashed)), default="")
        if fresh > newest:
            return fresh
        stamp, number = newest[:-5], int(newest[-4:], 16) + 1
        if number > 0xFFFF:
            moment = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
            stamp, number = moment.strftime(_STAMP), 0
        return f"{stamp}-{number:04x}"

    def path(self, change_id: str) -> str:
        """Return the file of an entry."""
        return f"{self.folder}/{change_id}.json"

    def backups(self, change_id: str) -> str:
        """Return the folder with the old bytes of an entry."""
        return f"{self.folder}/{change_id}"

    def write(self, entry: ChangeEntry) -> None:
        """Write an entry by one rename, and sync it to the disk."""
        temporary = f"{self.folder}/.{entry.id}.tmp"
        self._files.unlink(temporary)
        content = json.dumps({"schema": SCHEMA} | self._portable(entry)).encode("ascii")
        owner = self._files.owner_below(self.folder)
        try:
            self._files.write_new(temporary, content, mode=0o600, owner=owner)
            self._files.replace(temporary, self.path(entry.id))
        except BaseException:
            self._discard(temporary)
            raise
        self._files.sync_folder(self.folder)

    def remove(self, change_id: str) -> None:
        """Remove an entry with its old bytes; the entry is renamed first, so that a later run can finish."""
        going = f"{self.folder}/.{change_id}{_GOING}"
        if self._files.lstat(self.path(change_id)) is not None:
            self._files.replace(self.path(change_id), going)
        self._files.remove_tree(self.backups(change_id))
        self._files.unlink(going)

    def prune(self, keep: int = KEEP) -> int:
        """Keep the newest `keep` applied changes and as many failed ones; return the number of removed entries.

        An interrupted change and an entry that cannot be read are never removed.
        """
        entries = self.entries()
        made = [entry for entry in entries if entry.status in (Status.DONE, Status.UNDONE)]
        failed = [entry for entry in entries if entry.status is Status.ROLLED_BACK]
        gone = made[keep:] + failed[keep:]
        for entry in gone:
            self.remove(entry.id)
        return len(gone)

    def sweep(self) -> None:
        """Remove the files of killed runs: partial entries, and the old bytes of entries that were being removed.

        Old bytes without an entry stay: the user may have moved an unreadable entry away.
        """
        for name in self._files.names_inside(self.folder):
            if name.startswith(".") and name.endswith(_GOING) and _is_id(name[1 : -len(_GOING)]):
                self._files.remove_tree(self.backups(name[1 : -len(_GOING)]))
            if name.startswith(".") and name.endswith(".tmp"):
                self._files.unlink(f"{self.folder}/{name}")

    def _discard(self, path: str) -> None:
        try:
            self._files.unlink(path)
        except OSError:  # the next run removes it
            pass

    def _bytes(self, change_id: str) -> bytes:
        return self._files.read(self.path(change_id))[0]

    @cached_property
    def _paths(self) -> RootPaths:
        return RootPaths.of(self._root)

    @cached_property
    def _old_root(self) -> str:
        """Return the root of entries of 0.1.0, "" when no entry shows it."""
        for change_id in self.ids():
            try:
                data = json.loads(self._bytes(change_id))
                if data["schema"] == OLD_SCHEMA and (found := old_root(data["steps"])):
                    return found
            except (OSError, *_GARBAGE):
                continue
        return ""

    def _portable(self, entry: ChangeEntry) -> dict[str, Any]:
        """Return an entry for JSON, with paths relative to the root."""
        paths, record = self._paths, _plain(entry)
        del record["relocated"]
        if not entry.root:
            record |= {"root": self._root, "root_inode": inode_of(self._root)}
        for step in record["steps"]:
            step["target"] = paths.portable(step["target"])
            step["source"] = step["source"] and paths.portable(step["source"])
            step["made"] = [paths.portable(folder) for folder in step["made"]]
        return dict(record)

    def _parse(self, raw: bytes, change_id: str) -> ChangeEntry:
        """Return the entry with its paths in this root. Raises what `_parse_entry` raises."""
        entry, is_old = _parse_entry(raw, change_id)
        paths = self._paths
        if is_old:
            root = entry.root or self._old_root
            steps = tuple(
                _with_paths(step, lambda path: paths.moved(path, root) if root else path) for step in entry.steps
            )
            return entry._replace(steps=steps, root=root, relocated=root not in ("", self._root))
        steps = tuple(_with_paths(step, paths.local) for step in entry.steps)
        return entry._replace(steps=steps, relocated=entry.root_inode != inode_of(self._root))


def ended(entry: ChangeEntry, status: Status, now: datetime) -> ChangeEntry:
    """Return the entry with its final status and its end time."""
    return entry._replace(status=status, ended=iso(now))


def iso(moment: datetime) -> str:
    """Return a time in UTC as ISO 8601, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _is_id(name: str) -> bool:
    return len(name) == 21 and name[8] == "T" and name[15:17] == "Z-" and set(name[17:]) <= set("0123456789abcdef")


def _plain(value: Any) -> Any:
    """Return a value for JSON: a record becomes an object, another tuple an array."""
    if isinstance(value, ChangeEntry | StepRecord | Old | FileIdentity):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _unreadable(path: str, error: Exception) -> Problem:
    return Problem(
        "unreadable-journal",
        f"the journal entry {path} cannot be read ({_reason(error)})",
        path,
        f"put it aside with `mv {quote(str(path))} {quote(str(path))}.unreadable`; the bytes from before its "
        f"change stay in {path[:-5]}",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ChangedMeanwhile):
        return "it is not a regular file"
    if isinstance(error, _OtherVersion):
        return str(error)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "it is not JSON"
    return "it is not an entry of this journal"


class _OtherVersion(ValueError):
    """An entry that another version of this program wrote."""


def _parse_entry(raw: bytes, change_id: str) -> tuple[ChangeEntry, bool]:
    """Return the entry with the paths of its file, and whether it is one of 0.1.0.

    Raises ValueError, KeyError or TypeError for other content.
    """
    data = json.loads(raw)
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, str) and schema not in (SCHEMA, OLD_SCHEMA) and _ANY_SCHEMA.fullmatch(schema):
        raise _OtherVersion(f"its schema is {schema}, of another version of hermes-profiles")
    if not isinstance(data, dict) or data.get("schema") not in (SCHEMA, OLD_SCHEMA) or data.get("id") != change_id:
        raise ValueError("not an entry of this journal")
    is_old = data["schema"] == OLD_SCHEMA
    entry = ChangeEntry(
        id=change_id,
        command=tuple(map(_text, data["command"])),
        summary=_text(data["summary"]),
        profiles=tuple(map(_text, data["profiles"])),
        started=_text(data["started"]),
        status=Status(data["status"]),
        commit=int(data["commit"]),
        steps=tuple(map(_record, data["steps"])),
        ended=_optional(data["ended"]),
        undo_of=_optional(data["undo_of"]),
        level=int(data["level"]),
        ready=bool(data["ready"]),
        root=(old_root(data["steps"]) or "") if is_old else _text(data["root"]),
        root_inode=0 if is_old else int(data["root_inode"]),
        running=tuple(map(_text, data.get("running", ()))),
    )
    return entry, is_old


def _with_paths(step: StepRecord, convert: Callable[[str], str]) -> StepRecord:
    source = None if step.source is None else convert(step.source)
    return step._replace(target=convert(step.target), source=source, made=tuple(map(convert, step.made)))


def _record(data: dict[str, Any]) -> StepRecord:
    old = data["old"]
    return StepRecord(
        kind=StepKind(data["kind"]),
        target=_text(data["target"]),
        source=_optional(data["source"]),
        entries=int(data["entries"]),
        made=tuple(map(_text, data["made"])),
        new=_identity(data["new"]),
        old=old
        and Old(
            FileIdentity(**old["identity"]),
            int(old["mode"]),
            int(old["uid"]),
            int(old["gid"]),
            _optional(old["backup"]),
            _optional(old["link"]),
        ),
        mode=None if data.get("mode") is None else int(data["mode"]),
    )


def _identity(data: dict[str, int] | None) -> FileIdentity | None:
    return None if data is None else FileIdentity(**data)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)
