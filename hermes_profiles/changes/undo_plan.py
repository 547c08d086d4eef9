"""How a change is taken back: as a plan like any other."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hermes_profiles.model.errors import NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret

from .filesystem import Files
from .journal import ChangeEntry, Journal, Status, StepKind, StepRecord
from .plan import (
    ChangePlan,
    MoveTree,
    ReplaceFile,
    SetMode,
    Signature,
    Step,
    TidyFolder,
    mode_text,
    moves_of,
    place_before,
)
from .trash import steps_to_trash, steps_to_trash_files


def select_change(journal: Journal, change_id: str | None) -> ChangeEntry:
    """Return the change to undo: the one named, or the newest that is no undo and not undone.

    Raises NotFound when there is none, Refused when the one named was undone or never made.
    """
    if change_id is None:
        return _newest(journal)
    entry = journal.find(change_id)
    if entry.status is not Status.DONE:
        later = next((each.id for each in journal.entries() if each.undo_of == entry.id), None)
        raise Refused(
            f"the change {change_id} is {entry.status.value}: there is nothing to undo",
            target=change_id,
            code="not-undoable",
            hint=later and f"to have it again, run `hermes-profiles undo {later}`",
        )
    return entry


def _newest(journal: Journal) -> ChangeEntry:
    """Return the newest change that can be undone; never an older one because a newer cannot be read."""
    entries, problems = journal.read()
    entry = next((each for each in entries if each.can_be_undone), None)
    for problem in problems:
        if entry is None or (problem.target or "") > journal.path(entry.id):
            raise Refused(
                f"{problem.message}, so the newest change is not known",
                target=problem.target,
                code="unreadable-journal",
                hint=f"name the change: `hermes-profiles undo {entry.id}`"
                if entry
                else f"put the entry away: `mv {problem.target} /tmp/`",
            )
    if entry is not None:
        return entry
    raise NotFound(
        "there is no change to undo",
        target=journal.folder,
        code="no-such-change",
        hint="see the profiles there are with `hermes-profiles list`",
    )


def plan_undo(entry: ChangeEntry, layout: Layout, files: Files | None = None) -> ChangePlan:
    """Return the plan that takes back a change that is done.

    A published tree goes to the trash, for it may have been used since: a home as a deleted profile, what was put
    into one as files of it. A moved one goes back; a replaced file gets its old bytes. Raises NotFound or Refused when
    what the change made is not there as it was.
    """
    builder = _Undo(entry, layout, files or Files())
    for record in reversed(entry.steps):
        builder.add(record)
    steps = tuple(builder.steps)
    moves = [index for index, step in enumerate(steps) if isinstance(step, MoveTree)]
    return ChangePlan(("undo", entry.id), f"undo of {entry.summary}", steps, moves[0] if moves else 0, entry.profiles)


class _Undo:
    def __init__(self, entry: ChangeEntry, layout: Layout, files: Files) -> None:
        self.steps: list[Step] = []
        self._entry = entry
        self._layout = layout
        self._files = files
        self._backups = Journal(layout.state, files).backups(entry.id)

    def add(self, record: StepRecord) -> None:
        """Add the steps that take one step back."""
        if record.kind is StepKind.PUBLISH:
            self._withdraw(record)
        elif record.kind is StepKind.MOVE:
            self._move_back(record)
        elif record.kind is StepKind.MODE:
            self._restore_mode(record)
        elif record.kind is not StepKind.TIDY:
            self._restore(record)
        self.steps += [TidyFolder(Path(folder)) for folder in reversed(record.made)]

    def _withdraw(self, record: StepRecord) -> None:
        target = Path(record.target)
        profile = _profile_around(target, self._layout)
        if profile is not None:
            self._withdraw_files(record, profile)
            return
        self._check_same(record)
        self.steps += steps_to_trash(
            self._layout, target, trash_id=self._entry.id, name=target.name, deleted_at=self._entry.started
        )

    def _withdraw_files(self, record: StepRecord, profile: str) -> None:
        """Add the steps that take all trees of this change out of one profile at once, as one entry of the trash."""
        if any(isinstance(step, MoveTree) and str(step.source) == record.target for step in self.steps):
            return
        published = [each for each in self._entry.steps if each.kind is StepKind.PUBLISH]
        inside = [each for each in published if _profile_around(Path(each.target), self._layout) == profile]
        for each in inside:
            self._check_same(each)
        self.steps += steps_to_trash_files(
            self._layout,
            profile,
            (Path(each.target) for each in inside),
            trash_id=self._entry.id,
            deleted_at=self._entry.started,
            reason=f"undo of {self._entry.summary}",
            files=self._files,
        )

    def _move_back(self, record: StepRecord) -> None:
        self._check_same(record)
        source = record.source or ""
        if self._look(source) is not None:
            raise Refused(
                f"{source} exists again, so {record.target} cannot go back there",
                target=source,
                code="exists",
                hint=f"move it away first: `mv {source} {source}.other`",
            )
        self.steps.append(MoveTree(Path(record.target), Path(source)))

    def _look(self, path: str) -> os.stat_result | None:
        """Return the status of what will be at `path` once the steps so far are done."""
        place = place_before(path, (move for each in self.steps for move in moves_of(each)))
        return None if place is None else self._files.lstat(place)

    def _check_same(self, record: StepRecord) -> None:
        status = self._look(record.target)
        if status is None:
            raise NotFound(
                f"{record.target} is not there any more",
                target=record.target,
                code="gone",
                hint="undo the changes after this one first, the newest with `hermes-profiles undo`",
            )
        if record.new is None or status.st_ino != record.new.inode:
            raise self._changed(record.target, "is not what this change made")

    def _restore_mode(self, record: StepRecord) -> None:
        """Add the step to the mode before; what was written into the file since stays.

        A file that is gone while its folder is there needs none: a database removes its side files by itself.
        """
        path, old = record.target, record.old
        status = self._look(path)
        if status is None and self._look(os.path.dirname(path)) is not None:
            return
        self._check_same(record)
        if status is None or old is None or stat.S_IMODE(status.st_mode) == old.mode:
            return
        found = mode_text(stat.S_IMODE(status.st_mode))
        if stat.S_IMODE(status.st_mode) != record.mode:
            raise Refused(
                f"{path} has got the mode {found} since, so {self._entry.id} cannot be undone",
                target=path,
                code="changed-since",
                hint=f"to undo anyway, first run `chmod {mode_text(record.mode or 0)} {path}`",
            )
        self.steps.append(SetMode(Path(path), old.mode, Signature.of(status)))

    def _restore(self, record: StepRecord) -> None:
        status = self._look(record.target)
        if status is None and (record.new is None or record.old is None):
            if record.old is None:
                return  # what is to be absent is absent
        elif status is None or record.new is None or not record.new.is_same_file(status):
            raise self._changed(record.target, "was changed since")
        old = record.old
        content = None
        if old is not None and old.link is None:
            path = f"{self._backups}/{os.path.basename(old.backup or '')}"
            try:
                content = Secret(self._files.read(path)[0])
            except FileNotFoundError:
                raise Refused(
                    f"what was in {record.target} is gone for good: the trash of its profile was emptied",
                    target=record.target,
                    code="forgotten",
                    hint="no other change is lost: name one of `hermes-profiles undo --list`",
                ) from None
        self.steps.append(
            ReplaceFile(
                Path(record.target),
                content,
                old.mode if old else 0o600,
                None if status is None else Signature.of(status),
                old.link if old else None,
                old.identity.mtime_ns if old else None,
            )
        )

    def _changed(self, path: str, how: str) -> Refused:
        return Refused(
            f"{path} {how}, so {self._entry.id} cannot be undone",
            target=path,
            code="changed-since",
            hint=f"look at it with `ls -l {path}`; to undo anyway, move it away first",
        )


def _profile_around(path: Path, layout: Layout) -> str | None:
    """Return the profile in whose home a path is; None for a home, and for what lies in none."""
    if layout.profiles in path.parents:
        name = path.relative_to(layout.profiles).parts[0]
        return None if path.parent == layout.profiles or name.startswith(".") else name
    return DEFAULT if layout.root in path.parents else None
