"""The plan that undoes a change."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.hermes.files import IDENTITY_FILES
from hermes_profiles.model.errors import HermesProfilesError, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.text import mode_text

from .allowed_paths import check_entry
from .deletion_marker import set_marker
from .filesystem import Files
from .journal import ChangeEntry, Journal, Status, StepKind, StepRecord
from .plan import ChangePlan, MoveTree, ReplaceFile, SetMode, Step, TidyFolder, moves_of, place_before
from .signature import Signature
from .trash import steps_to_trash, steps_to_trash_files

OTHER_CHANGES = "see which changes can be undone now with `hermes-profiles undo --list`"


def select_change(journal: Journal, change_id: str | None) -> ChangeEntry:
    """Return the change to undo: the one with this id, or the newest that is neither an undo nor undone.

    Raises NotFound when it does not exist, Refused when it was already undone or never applied.
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
            hint=later and f"run `hermes-profiles undo {later}` to apply it again",
        )
    return entry


def _newest(journal: Journal) -> ChangeEntry:
    """Return the newest change that can be undone. Raises Refused if a newer entry cannot be read."""
    entries, problems = journal.read()
    entry = next((each for each in entries if each.can_be_undone), None)
    for problem in problems:
        if entry is None or (problem.target or "") > journal.path(entry.id):
            raise Refused(
                f"{problem.message}, so the newest change is not known",
                target=problem.target,
                code="unreadable-journal",
                hint=f"name the change with `hermes-profiles undo {entry.id}`" if entry else problem.hint,
            )
    if entry is not None:
        return entry
    raise NotFound(
        "there is no change to undo",
        target=journal.folder,
        code="no-such-change",
        hint="list the profiles with `hermes-profiles list`",
    )


def plan_undo(entry: ChangeEntry, layout: Layout, files: Files | None = None) -> ChangePlan:
    """Return the plan that undoes a change.

    A published tree is moved to the trash, because it may have been used since: a home as a deleted profile, a tree in
    a home as files of that profile. A moved tree is moved back; a folder in its old place that is no profile goes to
    the trash. A replaced file gets its old bytes. Raises NotFound or
    Refused when a file of the change is missing or was changed, or when a path of the entry is in a wrong place.
    """
    check_entry(entry, layout)
    builder = _Undo(entry, layout, files or Files())
    for record in reversed(entry.steps):
        builder.add(record)
    steps = (*builder.steps, *_markers(builder.steps, layout))
    moves = [index for index, step in enumerate(steps) if isinstance(step, MoveTree)]
    commit = moves[0] if moves else 0
    summary = f"undo of {entry.summary}"
    return ChangePlan(("undo", entry.id), summary, steps, commit, entry.profiles, entry.running)


def obstacle(entry: ChangeEntry, layout: Layout, files: Files | None = None) -> HermesProfilesError | None:
    """Return why an undo of this change would be refused now, None when it would not."""
    try:
        plan_undo(entry, layout, files)
    except HermesProfilesError as error:
        return error
    return None


def _markers(steps: Sequence[Step], layout: Layout) -> Iterator[Step]:
    """Yield the steps that mark profiles whose folder goes to the trash, where no step writes their marker."""
    written = {step.path for step in steps if isinstance(step, ReplaceFile)}
    arrived = {step.target for step in steps if isinstance(step, MoveTree)}
    for step in steps:
        if not isinstance(step, MoveTree) or step.source in arrived:
            continue
        if step.source.parent == layout.profiles and layout.trash in step.target.parents:
            name = step.source.name
            if layout.deletion_marker(name) not in written:
                yield from set_marker(layout, name)


class _Undo:
    def __init__(self, entry: ChangeEntry, layout: Layout, files: Files) -> None:
        self.steps: list[Step] = []
        self._entry = entry
        self._layout = layout
        self._files = files
        self._backups = Journal(layout.state, files).backups(entry.id)

    def add(self, record: StepRecord) -> None:
        """Add the steps that undo one step."""
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
        """Add the steps that move all trees of this change in one profile to the trash, as one entry."""
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
        if self._is_left_over(source):
            self.steps += steps_to_trash(
                self._layout,
                Path(source),
                trash_id=self._entry.id,
                name=Path(source).name,
                deleted_at=self._entry.started,
            )
        elif self._look(source) is not None:
            raise Refused(
                f"{source} exists again, so {record.target} cannot be moved back",
                target=source,
                code="exists",
                hint=f"move it away first: `mv {quote(str(source))} {quote(str(source))}.other`",
            )
        self.steps.append(MoveTree(Path(record.target), Path(source)))

    def _is_left_over(self, path: str) -> bool:
        """Return whether a folder in `profiles/` has no file of a profile.

        A gateway of Hermes 0.22.2 makes the folder of a profile again, with its logs, until it sees that the profile
        was renamed.
        """
        home, status = Path(path), self._look(path)
        if home.parent != self._layout.profiles or status is None or not stat.S_ISDIR(status.st_mode):
            return False
        return all(self._look(f"{path}/{name}") is None for name in IDENTITY_FILES)

    def _look(self, path: str) -> os.stat_result | None:
        """Return the status of the file that will be at `path` after the steps so far."""
        place = place_before(path, (move for each in self.steps for move in moves_of(each)))
        return None if place is None else self._files.lstat(place)

    def _check_same(self, record: StepRecord) -> None:
        status = self._look(record.target)
        if status is None:
            is_trash = self._layout.trash in Path(record.target).parents
            what = "its files are not in the trash any more" if is_trash else f"{record.target} does not exist any more"
            raise NotFound(
                f"{what}, so {self._entry.id} cannot be undone",
                target=record.target,
                code="gone",
                hint=OTHER_CHANGES,
            )
        if record.new is None or not (self._entry.relocated or status.st_ino == record.new.inode):
            raise self._changed(record.target, "was replaced since")

    def _restore_mode(self, record: StepRecord) -> None:
        """Add the step that restores the old mode; the content of the file is kept.

        A file that is missing from its folder needs no step: a database removes its side files itself.
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
                f"the mode of {path} was changed to {found} since, so {self._entry.id} cannot be undone",
                target=path,
                code="changed-since",
                hint=f"restore the mode before the undo: run `chmod {mode_text(record.mode or 0)} {quote(str(path))}`",
            )
        self.steps.append(SetMode(Path(path), old.mode, Signature.of(status)))

    def _restore(self, record: StepRecord) -> None:
        status = self._look(record.target)
        if status is None and (record.new is None or record.old is None):
            if record.old is None:
                return  # the file that the change created is missing already
        elif status is None:
            raise self._changed(record.target, "does not exist any more", OTHER_CHANGES)
        elif record.new is None or not record.new.is_same_file(status):
            raise self._changed(record.target, "was changed since")
        old = record.old
        content = None
        if old is not None and old.link is None:
            path = f"{self._backups}/{os.path.basename(old.backup or '')}"
            if self._files.lstat(path) is None:
                raise Refused(
                    f"the old content of {record.target} is deleted: the trash of its profile was emptied",
                    target=record.target,
                    code="forgotten",
                    hint=OTHER_CHANGES,
                )
            content = Secret(self._files.read(path)[0])
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

    def _changed(self, path: str, how: str, hint: str = "") -> Refused:
        return Refused(
            f"{path} {how}, so {self._entry.id} cannot be undone",
            target=path,
            code="changed-since",
            hint=hint or f"see the file with `ls -l {quote(str(path))}`, and move it away to undo without it",
        )


def _profile_around(path: Path, layout: Layout) -> str | None:
    """Return the profile to whose home a path belongs; None for a home itself and for paths outside all homes."""
    if layout.profiles in path.parents:
        name = path.relative_to(layout.profiles).parts[0]
        return None if path.parent == layout.profiles or name.startswith(".") else name
    return DEFAULT if layout.root in path.parents else None
