"""Execution, state and rollback of the steps of a change, also by a later process."""

from __future__ import annotations

import os
import stat

from .errors import changed
from .filesystem import Files
from .journal import ChangeEntry, Journal, StepKind, StepRecord
from .plan import is_below, place_before
from .staging import moves_before


class Steps:
    """The staged steps of one journal entry."""

    def __init__(self, entry: ChangeEntry, journal: Journal, files: Files) -> None:
        self._records = entry.steps
        self._entry = entry
        self._backups = journal.backups(entry.id)
        self._files = files

    def is_committed(self) -> bool:
        """Return whether the step at the commit point or a later step is done."""
        shown = (r for r in self._records[self._entry.commit :] if r.kind is not StepKind.TIDY)
        return self._entry.ready and any(map(self._is_done, shown))

    def forward(self) -> None:
        """Execute every step. Raises ChangedMeanwhile, Refused(code="exists") or OSError; then some steps are done."""
        for record in self._records:
            self._do(record)

    def complete(self) -> list[str]:
        """Execute the remaining steps of an interrupted run; return the paths not touched because they were changed."""
        left = []
        for record in self._records:  # temporary files of a killed rollback would keep folders from being removed
            if record.kind in (StepKind.REPLACE, StepKind.REMOVE):
                self._files.unlink(self._restore_place(record))
        for record in self._records:
            if record.kind is StepKind.TIDY or not self._is_done(record):
                if record.kind in (StepKind.REPLACE, StepKind.REMOVE, StepKind.MODE) and not self._is_old(record):
                    if record.kind is not StepKind.REMOVE or self._files.lstat(record.target) is not None:
                        left.append(record.target)
                else:
                    self._do(record)
        self._clear_temporary()
        return left

    def backward(self) -> None:
        """Roll back every step that is done, last first, and remove all staged files."""
        if self._entry.ready:
            for record in reversed(self._records):
                if self._is_done(record):
                    self._take_back(record)
        self._clear_temporary()
        for record in reversed(self._records):
            for folder in reversed(record.made):
                self._files.rmdir(folder)

    def _is_done(self, record: StepRecord) -> bool:
        if record.kind is StepKind.MODE:
            return self._has_mode(record, record.mode)
        if record.kind is StepKind.TIDY:
            return record.old is not None and self._files.lstat(record.target) is None
        place = self._place_now(record)
        status = self._files.lstat(place)
        if record.kind is StepKind.REMOVE:
            if self._is_followed(record):
                return True
            # If even the folder is missing, the file never existed.
            return status is None and record.old is not None and self._files.lstat(os.path.dirname(place)) is not None
        if status is None or record.new is None:
            return False
        if not self._entry.relocated:
            return status.st_ino == record.new.inode
        # Every file has another inode in a copy: a rename is done when its source is missing.
        return record.source is not None and self._files.lstat(record.source) is None

    def _is_followed(self, record: StepRecord) -> bool:
        """Return whether a later step has already put another file at the target."""
        later = self._records[self._records.index(record) + 1 :]
        puts = (StepKind.MOVE, StepKind.REPLACE, StepKind.PUBLISH)
        return any(each.kind in puts and each.target == record.target and self._is_done(each) for each in later)

    def _is_old(self, record: StepRecord) -> bool:
        if record.kind is StepKind.MODE:
            return self._has_mode(record, record.old and record.old.mode)
        status = self._files.lstat(record.target)
        return status is None if record.old is None else record.old.identity.is_same_file(status)

    def _has_mode(self, record: StepRecord, mode: int | None) -> bool:
        status = self._files.lstat(self._place_now(record))
        if status is None or record.new is None or not (self._entry.relocated or status.st_ino == record.new.inode):
            return False
        return stat.S_IMODE(status.st_mode) == mode

    def _place_now(self, record: StepRecord) -> str:
        """Return the current path of a step's target, which a later step may have moved with a folder above it."""
        place = record.target
        for later in self._records[self._records.index(record) + 1 :]:
            if later.kind is StepKind.MOVE and is_below(place, later.source or "") and self._is_done(later):
                place = later.target + place[len(later.source or "") :]
        return place

    def _set_mode(self, record: StepRecord, mode: int) -> None:
        place = self._place_now(record)
        found = self._files.lstat(place) if self._entry.relocated else None
        inode = found.st_ino if found is not None else record.new.inode if record.new else 0
        self._files.set_mode(place, mode, inode)

    def _do(self, record: StepRecord) -> None:
        target, source = record.target, record.source
        if record.kind is StepKind.TIDY:
            self._files.rmdir(target)
            return
        if record.kind is StepKind.MODE:
            if not self._is_old(record):
                raise changed(target)
            self._set_mode(record, record.mode or 0)
            return
        if record.kind in (StepKind.PUBLISH, StepKind.MOVE):
            self._files.rename_new(source or "", target)
            self._files.sync_folder(os.path.dirname(source or ""))
        elif not self._is_old(record):
            raise changed(target)
        elif record.kind is StepKind.REPLACE:
            self._files.replace(source or "", target)
        elif record.old is None:  # there is not a file to remove
            return
        else:
            self._files.unlink(target)
        self._files.sync_folder(os.path.dirname(target))

    def _take_back(self, record: StepRecord) -> None:
        if record.kind is StepKind.MODE:
            self._set_mode(record, record.old.mode if record.old else 0)
            return
        if record.kind in (StepKind.PUBLISH, StepKind.MOVE):
            self._files.rename_new(record.target, record.source or "")
            self._files.sync_folder(os.path.dirname(record.source or ""))
        elif record.old is None:
            self._files.unlink(record.target)
        elif record.kind is StepKind.TIDY:
            owner = (record.old.uid, record.old.gid) if self._files.privileged else None
            self._files.make_folder(record.target, owner, record.old.mode)
        else:
            self._restore(record)
        self._files.sync_folder(os.path.dirname(record.target))

    def _restore(self, record: StepRecord) -> None:
        """Create the old file or link again with its bytes, mode, owner and time."""
        old, place = record.old, self._restore_place(record)
        if old is None:
            return
        owner = (old.uid, old.gid) if self._files.privileged else None
        self._files.unlink(place)
        if old.link is not None:
            self._files.make_link(place, old.link, owner, mtime_ns=old.identity.mtime_ns)
        else:
            content, _ = self._files.read(f"{self._backups}/{os.path.basename(old.backup or '')}")
            self._files.write_new(place, content, mode=old.mode, owner=owner, mtime_ns=old.identity.mtime_ns)
        self._files.replace(place, record.target)

    def _restore_place(self, record: StepRecord) -> str:
        index = self._records.index(record)
        return f"{os.path.dirname(record.target)}/.hermes-profiles-{self._entry.id}-{index}.old.tmp"

    def _clear_temporary(self) -> None:
        for index, record in enumerate(self._records):
            if record.kind is StepKind.PUBLISH and record.source is not None:
                self._files.remove_tree(record.source)
            if record.kind in (StepKind.REPLACE, StepKind.REMOVE):
                moves = moves_before(self._records, index)
                for place in filter(None, (record.source, self._restore_place(record))):
                    for each in {place, place_before(place, moves) or place}:
                        self._files.unlink(each)
