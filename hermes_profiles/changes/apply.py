"""Application of a plan: all of its steps or none, also when a step fails or the process is killed.

1. take the lock; finish or roll back interrupted changes; compare the files with the plan; check the free space
2. journal: begun
3. stage trees, temporary files and old bytes where no other program reads them
4. journal: ready (with the inode of each target, so that a later run knows which steps are done)
5. execute the steps, each of which is one rename or unlink
6. journal: done
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from shlex import quote

from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple

from .allowed_paths import check_entry
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
    """Return the current time; the default clock of changes."""
    return datetime.now(UTC)


class Applied(NamedTuple):
    """A change that was applied. `recovered`: sentences about interrupted changes that were recovered before it."""

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
    """Apply a plan and return the change; after an error all files are as before.

    `progress` is called with (bytes done, total bytes). `check` is called under the lock and raises if the plan is no
    longer right. Raises the error of `check`, Refused (code `exists`: a target exists; `busy`: another run holds the
    lock after `wait` seconds), NotFound, ChangedMeanwhile, or Failed for an error of the system; KeyboardInterrupt is
    raised again after the rollback.
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
    """Undo a change (None: the newest change that is neither an undo nor undone); an undo is a change itself.

    Raises NotFound when there is no such change, Refused when its files were changed since, and the errors of
    `apply`.
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
    """Finish or roll back the changes of interrupted runs, and return a sentence for each.

    Raises Failed when a change cannot be recovered, Refused(code="busy") while another run holds the lock.
    """
    files = files or Files()
    with translated_errors():
        if files.lstat(str(layout.state)) is None:
            return ()
        with StateLock(layout.state, files, wait=wait):
            return _Change(layout, files, now).recover()


class _Change:
    """One change under the lock."""

    def __init__(self, layout: Layout, files: Files, now: Clock) -> None:
        self.journal = Journal(layout.state, files)
        self._layout = layout
        self._state = str(layout.state)
        self._files = files
        self._now = now

    def run(self, plan: ChangePlan, progress: Progress | None, undone: ChangeEntry | None = None) -> Applied:
        """Execute a plan; see `apply`."""
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
            running=plan.running,
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
        """Finish or roll back every interrupted change and remove its temporary files; return a sentence for each."""
        sentences = []
        for entry in self.journal.begun():
            try:
                sentences.append(self._recover_one(entry))
            except (OSError, HermesProfilesError) as error:
                foreign = isinstance(error, HermesProfilesError) and error.problem.code == "foreign-entry"
                path = self.journal.path(entry.id)
                raise Failed(
                    f"the interrupted change {entry.id} ({entry.summary}) can be neither finished "
                    f"nor taken back: {error_text(error)}",
                    target=path,
                    code="not-recovered",
                    hint=f"put the entry aside: `mv {quote(str(path))} {quote(str(path))}.refused`"
                    if foreign
                    else f"fix the cause and run the command again; see the steps: `cat {quote(str(path))}`",
                ) from error
        sweep(self._state, self.journal, self._files)
        return tuple(sentences)

    def _recover_one(self, entry: ChangeEntry) -> str:
        check_entry(entry, self._layout)
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
        note = f"; not touched, because they were changed since: {', '.join(left)}" if left else ""
        return f"finished an interrupted change: {entry.summary} ({entry.id}){note}"

    def _finish(self, entry: ChangeEntry) -> None:
        # The undone change is marked first. After a kill between the writes, the undo is begun and recovery does both.
        self._mark_undone(entry, Status.UNDONE)
        self.journal.write(ended(entry, Status.DONE, self._now()))

    def _is_finished(self, entry: ChangeEntry) -> bool:
        """Return whether the journal already marks this change as done."""
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
                hint=f"run any command that changes a profile to try again; see the steps with "
                f"`cat {quote(str(self.journal.path(entry.id)))}`",
            ) from error

    def _roll_back(self, entry: ChangeEntry) -> None:
        Steps(entry, self.journal, self._files).backward()
        try:
            self._mark_undone(entry, Status.DONE)
            self.journal.write(ended(entry, Status.ROLLED_BACK, self._now()))
            self._files.remove_tree(self.journal.backups(entry.id))
        except OSError:  # a full disk: nothing was changed, so the entry is not needed
            self.journal.remove(entry.id)

    def _mark_undone(self, entry: ChangeEntry, status: Status) -> None:
        other = self.journal.load(entry.undo_of) if entry.undo_of else None
        if other is not None and other.status is not status:
            self.journal.write(other._replace(status=status))

    def _prune(self) -> None:
        try:
            if len(self.journal.ids()) > KEEP + KEEP // 4:
                self.journal.prune()
        except OSError:  # the change is applied; the next one prunes
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
