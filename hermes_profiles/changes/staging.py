"""Staging of a change: everything that is prepared before the steps, which are then renames."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import NotFound, Refused

from .chmod import check_may_set
from .errors import changed, translated_errors
from .filesystem import Files, Owner, taken
from .journal import FileIdentity, Old, StepKind, StepRecord
from .plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    MakeLink,
    Move,
    MoveTree,
    PublishTree,
    ReplaceFile,
    SetMode,
    Step,
    TidyFolder,
    WriteFile,
    moves_of,
    place_before,
)
from .signature import Signature

Count = Callable[[int], None]


def moves_before(records: tuple[StepRecord, ...], index: int) -> list[Move]:
    """Return the moves and removals of the steps before `index`."""
    moves: list[Move] = []
    for record in records[:index]:
        if record.kind is StepKind.MOVE and record.source is not None:
            moves.append((record.source, record.target))
        elif record.kind is StepKind.REMOVE:
            moves.append((record.target, None))
    return moves


def _look(path: str, files: Files, moves: list[Move]) -> os.stat_result | None:
    """Return the status of the file that will be at `path` after these moves."""
    place = place_before(path, moves)
    return None if place is None else files.lstat(place)


def draft(plan: ChangePlan, change_id: str, state: str, files: Files) -> tuple[StepRecord, ...]:
    """Return the steps as records for the journal, without changing any file.

    Raises Refused(code="exists") for an existing target, NotFound for a missing source, ChangedMeanwhile for a file
    that differs from the plan.
    """
    records: list[StepRecord] = []
    moves: list[Move] = []
    for index, step in enumerate(plan.steps):
        records.append(_draft(step, f"{change_id}-{index}", state, files, moves))
        moves += moves_of(step)
    return tuple(records)


def _draft(step: Step, name: str, state: str, files: Files, moves: list[Move]) -> StepRecord:
    match step:
        case PublishTree():
            target = str(step.target)
            _check_free(target, files, moves)
            made = _missing_parents(target, files, moves)
            source = _staging_place(target, name, state, files)
            return StepRecord(StepKind.PUBLISH, target, source, len(step.entries), made)
        case MoveTree():
            source, target = str(step.source), str(step.target)
            status = _look(source, files, moves)
            if status is None:
                raise NotFound(
                    f"{source} does not exist any more",
                    target=source,
                    code="gone",
                    hint=f"see the folder with `ls -A {quote(os.path.dirname(source))}`, then run the command again",
                )
            _check_free(target, files, moves)
            made = _missing_parents(target, files, moves)
            return StepRecord(StepKind.MOVE, target, source, made=made, new=FileIdentity.of(status))
        case ReplaceFile():
            path = str(step.path)
            _check_expected(step, _look(path, files, moves))
            if step.removes:
                return StepRecord(StepKind.REMOVE, path)
            made = _missing_parents(path, files, moves)
            return StepRecord(StepKind.REPLACE, path, f"{os.path.dirname(path)}/.hermes-profiles-{name}.tmp", made=made)
        case SetMode():
            path = str(step.path)
            status = _look(path, files, moves)
            if status is None or not step.fits(Signature.of(status)):
                raise changed(path, "was removed" if status is None else "was changed")
            check_may_set(path, status, privileged=files.privileged)
            return StepRecord(StepKind.MODE, path, new=FileIdentity.of(status), old=_old(status), mode=step.mode)
        case TidyFolder():
            status = files.lstat(str(step.path))
            return StepRecord(StepKind.TIDY, str(step.path), old=None if status is None else _old(status))


def _old(status: os.stat_result) -> Old:
    return Old(FileIdentity.of(status), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _check_free(target: str, files: Files, moves: list[Move]) -> None:
    if _look(target, files, moves) is not None:
        raise taken(target)


def _check_expected(step: ReplaceFile, status: os.stat_result | None) -> None:
    """Raise ChangedMeanwhile unless the file is as it was when the plan was made."""
    if (None if status is None else Signature.of(status)) == step.expected:
        return
    how = "was removed" if status is None else "was created" if step.expected is None else "was changed"
    raise changed(str(step.path), how)


def _missing_parents(path: str, files: Files, moves: list[Move]) -> tuple[str, ...]:
    missing = []
    parent = os.path.dirname(path)
    while _look(parent, files, moves) is None:
        missing.append(parent)
        parent = os.path.dirname(parent)
    return tuple(reversed(missing))


def _staging_place(target: str, name: str, state: str, files: Files) -> str:
    """Return the path for staging a tree: in our state, or beside a target on another file system."""
    parent = os.path.dirname(target)
    here, there = files.lstat(state), files.lstat(parent)
    if here is not None and there is not None and here.st_dev != there.st_dev:
        return f"{parent}/.hermes-profiles-{name}.staging"
    return f"{state}/staging/{name}"


def write_tree(place: Path, tree: PublishTree, files: Files | None = None) -> None:
    """Write a tree into a private temporary folder, which must not exist. Raises what `apply` raises."""
    files = files or Files()
    with translated_errors():
        files.make_folder(str(place), None)
        Stager(files, "", "", lambda _: None).fill(str(place), tree, None)


def write_links(place: Path, links: Mapping[str, str]) -> None:
    """Make symbolic links (path → target) in a private temporary folder. Raises Failed."""
    files = Files()
    with translated_errors():
        for path, target in links.items():
            files.make_folders(os.path.dirname(f"{place}/{path}"))
            files.make_link(f"{place}/{path}", target, None)


class Stager:
    """The staging of one change: trees, temporary files and the old bytes for an undo."""

    def __init__(self, files: Files, state: str, backups: str, count: Count) -> None:
        self._files = files
        self._state = state
        self._backups = backups
        self._count = count

    def stage(self, plan: ChangePlan, records: tuple[StepRecord, ...]) -> tuple[StepRecord, ...]:
        """Stage the steps; return the records with the files at each target before and after its step."""
        staged: list[StepRecord] = []
        moves: list[Move] = []
        for index, (step, record) in enumerate(zip(plan.steps, records, strict=True)):
            for folder in record.made:
                self._files.make_folders(folder)
            if isinstance(step, PublishTree):
                record = self._stage_publish(step, record)
            elif isinstance(step, ReplaceFile):
                record = self._stage_replace(step, record, index, moves)
            moves += moves_of(step)
            staged.append(record)
        return tuple(staged)

    def _stage_publish(self, step: PublishTree, record: StepRecord) -> StepRecord:
        place = record.source or ""
        if os.path.dirname(place) == f"{self._state}/staging":
            self._files.private_folder(f"{self._state}/staging")
        owner = self._files.owner_below(os.path.dirname(record.target))
        self._files.make_folder(place, owner)
        self.fill(place, step, owner)
        self._files.sync_folder(place)
        status = self._files.lstat(place)
        return record._replace(new=None if status is None else FileIdentity.of(status))

    def fill(self, root: str, step: PublishTree, owner: Owner | None) -> None:
        """Write the entries of a tree below an existing folder."""
        made = {""}
        for entry in step.entries:
            folder = entry.path if isinstance(entry, MakeFolder) else entry.path.rpartition("/")[0]
            self._make_inside(root, folder, made, owner)
            path = f"{root}/{entry.path}"
            match entry:
                case CopyFile():
                    self._files.copy_new(path, entry, screen=step.screen, owner=owner)
                    self._count(entry.signature.size)
                case WriteFile():
                    mode = 0o700 if entry.executable else 0o600
                    content = entry.content.reveal()
                    self._files.write_new(path, content, mode=mode, owner=owner, mtime_ns=entry.mtime_ns)
                    self._count(len(content))
                case MakeLink():
                    self._files.make_link(path, entry.target, owner, entry.mtime_ns)
        # The time of a folder changes with each entry, and a folder may be read-only: the deepest one first.
        for entry in reversed(step.entries):
            if isinstance(entry, MakeFolder) and (entry.mode is not None or entry.mtime_ns is not None):
                self._files.finish_folder(f"{root}/{entry.path}", entry.mode, entry.mtime_ns)

    def _make_inside(self, root: str, folder: str, made: set[str], owner: Owner | None) -> None:
        if folder in made:
            return
        self._make_inside(root, folder.rpartition("/")[0], made, owner)
        self._files.make_folder(f"{root}/{folder}", owner)
        made.add(folder)

    def _stage_replace(self, step: ReplaceFile, record: StepRecord, index: int, moves: list[Move]) -> StepRecord:
        old = self._keep_old(step, place_before(record.target, moves), f"{index}.old")
        record = record._replace(old=old)
        if record.source is None:
            return record
        place = place_before(record.source, moves) or record.source
        owner = self._files.owner_below(os.path.dirname(place))
        if owner is not None and old is not None:
            owner = (old.uid, old.gid)
        if step.link is not None:
            status = self._files.make_link(place, step.link, owner, mtime_ns=step.mtime_ns)
        else:
            content = step.content.reveal() if step.content is not None else b""
            status = self._files.write_new(place, content, mode=step.mode, owner=owner, mtime_ns=step.mtime_ns)
            self._count(len(content))
        return record._replace(new=FileIdentity.of(status))

    def _keep_old(self, step: ReplaceFile, place: str | None, name: str) -> Old | None:
        """Back up the bytes of the current file and return its state. Raises Refused unless it is a file or link."""
        status = None if place is None else self._files.lstat(place)
        _check_expected(step, status)
        if status is None or place is None:
            return None
        old = _old(status)
        if stat.S_ISLNK(status.st_mode):
            return old._replace(link=self._files.readlink(place))
        if not stat.S_ISREG(status.st_mode):
            raise Refused(
                f"{place} is neither a file nor a link",
                target=place,
                code="not-a-file",
                hint=f"see the path with `ls -ld {quote(str(place))}`",
            )
        content, status = self._files.read(place)
        _check_expected(step, status)
        self._files.private_folder(self._backups)
        owner = self._files.owner_below(self._backups)
        self._files.write_new(f"{self._backups}/{name}", content, mode=0o600, owner=owner)
        return old._replace(backup=name)
