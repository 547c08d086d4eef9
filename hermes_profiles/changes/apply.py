"""Carrying out a plan: whole or not at all, whatever fails and whatever kills the process.

1. the lock; finish or take back what a dead run left; look whether the plan still fits; space
2. journal: begun
3. stage: trees, temporary files and old bytes, none of it in sight
4. journal: ready (which inode will be where, so a later run can tell what was done)
5. the steps, each of them one rename or unlink
6. journal: done
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout

from .cleanup import sweep
from .disk_space import check_space, check_space_at
from .errors import error_text, translated_errors
from .executor import Steps
from .filesystem import Files
from .journal import KEEP, ChangeEntry, Journal, Status, ended, iso
from .lock import StateLock
from .plan import ChangePlan
from .staging import Stager, draft

Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]

WAIT = 30.0


def utc_now() -> datetime:
    """Return the time now: the clock that commands use."""
    return datetime.now(UTC)


class Applied(NamedTuple):
    """A change that was made. `recovered`: sentences about interrupted changes that were dealt with first."""

    change_id: str
    profiles: tuple[str, ...]
    recovered: tuple[str, ...] = ()


def apply(
    plan: ChangePlan,
    *,
    layout: Layout,
    files: Files | None = None,
    progress: Progress | None = None,
    now: Clock = utc_now,
    wait: float = WAIT,
    check: Callable[[], None] = lambda: None,
) -> Applied:
    """Make a change and return its id; if it fails, everything is as before.

    `progress` is told (bytes done, bytes in all); `check` is called once nobody else can change anything, and raises
    what stands in the way since the plan was made. Raises that, Refused (code `exists`: a target is there; `busy`:
    another run did not end within `wait` seconds), NotFound, ChangedMeanwhile, or Failed for what the disk does not
    allow; KeyboardInterrupt passes after everything was taken back.
    """
    files = files or Files()
    with translated_errors(), StateLock(layout.state, files, wait=wait):
        change = _Change(layout, files, now)
        recovered = change.recover()
        check()
        return change.run(plan, progress)._replace(recovered=recovered)


def undo(
    layout: Layout,
    change_id: str | None = None,
    *,
    files: Files | None = None,
    progress: Progress | None = None,
    now: Clock = utc_now,
    wait: float = WAIT,
) -> Applied:
    """Take back a change (None: the newest that is no undo and not undone); an undo is a change itself.

    Raises NotFound when there is no such change, Refused when what it made was changed since, and what
    `apply` raises.
    """
    from .undo_plan import plan_undo, select_change

    files = files or Files()
    with translated_errors(), StateLock(layout.state, files, wait=wait):
        change = _Change(layout, files, now)
        recovered = change.recover()
        entry = select_change(change.journal, change_id)
        plan = plan_undo(entry, layout, files)
        return change.run(plan, progress, undone=entry)._replace(recovered=recovered)


def recover(layout: Layout, files: Files | None = None, *, now: Clock = utc_now, wait: float = WAIT) -> tuple[str, ...]:
    """Finish or take back what interrupted runs left, and return what was done as sentences.

    Raises Failed when that cannot be done now, Refused(code="busy") while another run is at work.
    """
    files = files or Files()
    with translated_errors():
        if files.lstat(str(layout.state)) is None:
            return ()
        with StateLock(layout.state, files, wait=wait):
            return _Change(layout, files, now).recover()


class _Change:
    """One run under the lock."""

    def __init__(self, layout: Layout, files: Files, now: Clock) -> None:
        self.journal = Journal(layout.state, files)
        self._state = str(layout.state)
        self._files = files
        self._now = now

    def run(self, plan: ChangePlan, progress: Progress | None, undone: ChangeEntry | None = None) -> Applied:
        """Carry out a plan; see `apply`."""
        change_id = self.journal.fresh_id(self._now())
        records = draft(plan, change_id, self._state, self._files)
        total = check_space_at(plan, self._state, self._files)
        entry = ChangeEntry(
            change_id,
            plan.command,
            plan.summary,
            plan.profiles,
            iso(self._now()),
            Status.BEGUN,
            plan.commit,
            records,
            undo_of=undone.id if undone else None,
            level=undone.level + 1 if undone else 0,
        )
        try:
            self._files.private_folder(self.journal.folder)
            self.journal.write(entry)
            stager = Stager(self._files, self._state, self.journal.backups(change_id), _counter(progress, total))
            entry = entry._replace(steps=stager.stage(plan, records), ready=True)
            self.journal.write(entry)
            Steps(entry, self.journal, self._files).forward()
            self._finish(entry)
        except BaseException as error:
            if not self._is_finished(entry):
                self._take_back(entry, error)
                raise
            if not isinstance(error, OSError):
                raise
        self._prune()
        return Applied(change_id, plan.profiles)

    def recover(self) -> tuple[str, ...]:
        """Finish or take back every change that a dead run left; remove its stray files."""
        told = []
        for entry in self.journal.begun():
            try:
                told.append(self._recover_one(entry))
            except (OSError, HermesProfilesError) as error:
                raise Failed(
                    f"the interrupted change {entry.id} ({entry.summary}) can be neither finished "
                    f"nor taken back: {error_text(error)}",
                    target=self.journal.path(entry.id),
                    code="not-recovered",
                    hint="remove what is in the way, then run the command again; "
                    f"see `cat {self.journal.path(entry.id)}`",
                ) from error
        sweep(self._state, self.journal, self._files)
        return tuple(told)

    def _recover_one(self, entry: ChangeEntry) -> str:
        steps = Steps(entry, self.journal, self._files)
        if not steps.is_committed():
            self._roll_back(entry)
            return f"took back an interrupted change: {entry.summary} ({entry.id})"
        try:
            left = steps.complete()
        except (OSError, HermesProfilesError):
            self._roll_back(entry)
            return f"took back an interrupted change that could not be finished: {entry.summary} ({entry.id})"
        self._finish(entry)
        note = f"; left alone, for they were changed since: {', '.join(left)}" if left else ""
        return f"finished an interrupted change: {entry.summary} ({entry.id}){note}"

    def _finish(self, entry: ChangeEntry) -> None:
        # The undone change is marked first: killed in between, the undo is begun, recovery does both.
        self._mark_undone(entry, Status.UNDONE)
        self.journal.write(ended(entry, Status.DONE, self._now()))

    def _is_finished(self, entry: ChangeEntry) -> bool:
        """Return whether the journal already says that this change is done."""
        try:
            found = self.journal.load(entry.id)
        except OSError:
            return False
        return found is not None and found.status is Status.DONE

    def _take_back(self, entry: ChangeEntry, error: BaseException) -> None:
        """Roll back after an error. Raises Failed if that fails as well."""
        try:
            self._roll_back(entry)
        except (OSError, HermesProfilesError) as second:
            raise Failed(
                f"{entry.summary}: {error_text(error)}; and taking it back failed: {error_text(second)}",
                target=self.journal.path(entry.id),
                code="not-rolled-back",
                hint="the next command of this program that changes anything tries again; "
                f"see `cat {self.journal.path(entry.id)}`",
            ) from error

    def _roll_back(self, entry: ChangeEntry) -> None:
        Steps(entry, self.journal, self._files).backward()
        try:
            self._mark_undone(entry, Status.DONE)
            self.journal.write(ended(entry, Status.ROLLED_BACK, self._now()))
            self._files.remove_tree(self.journal.backups(entry.id))
        except OSError:  # a full disk: nothing was changed, so no entry is as good
            self.journal.remove(entry.id)

    def _mark_undone(self, entry: ChangeEntry, status: Status) -> None:
        other = self.journal.load(entry.undo_of) if entry.undo_of else None
        if other is not None and other.status is not status:
            self.journal.write(other._replace(status=status))

    def _prune(self) -> None:
        try:
            if len(self.journal.ids()) > KEEP + KEEP // 4:
                self.journal.prune()
        except OSError:  # the change is made; the next one prunes
            pass


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    return count


__all__ = ["Applied", "apply", "check_space", "recover", "undo", "utc_now"]
