"""From the repairs of findings to one change: every file once, services beside it. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import (
    ChangePlan,
    MoveTree,
    ReplaceFile,
    SetMode,
    Signature,
    Step,
    TidyFolder,
    signature,
)
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import read_document

from .findings import (
    EditFile,
    InstallService,
    MoveAway,
    ReloadManager,
    RemoveFile,
    RemoveService,
    RenameFolder,
    Repair,
    TightenMode,
)

ServiceRepair = InstallService | RemoveService | ReloadManager


class FixPlan(NamedTuple):
    """What mends findings: the change of files (None: none), what managers are to do, and what cannot be mended."""

    plan: ChangePlan | None
    services: tuple[ServiceRepair, ...]
    problems: tuple[Problem, ...]


def build_fix_plan(found: Sequence[ReportedFinding], layout: Layout, *, trash_id: str, deleted_at: str) -> FixPlan:
    """Return what mends these findings; `trash_id` is new (`Journal.fresh_id`), `deleted_at` an ISO time.

    What cannot be mended with certainty is a problem; the rest is mended.
    """
    repairs = [repair for each in found for repair in each.finding.repairs]
    problems: list[Problem] = []
    steps = list(_steps(repairs, layout, problems, trash_id, deleted_at))
    services = tuple(dict.fromkeys(each for each in repairs if isinstance(each, ServiceRepair)))
    profiles = tuple(sorted({name for each in found for name in each.finding.profiles}))
    count = sum(each.automatic for each in found)
    summary = f"doctor --fix: {count} finding{'' if count == 1 else 's'}"
    plan = ChangePlan(("doctor", "--fix"), summary, tuple(steps), profiles=profiles) if steps else None
    return FixPlan(plan, services, tuple(problems))


def _steps(
    repairs: Sequence[Repair], layout: Layout, problems: list[Problem], trash_id: str, deleted_at: str
) -> Iterable[Step]:
    """Yield the steps: what goes first, then what is edited, then modes; of one path the first kind counts."""
    taken: list[Path] = []

    def is_free(path: Path) -> bool:
        if any(path == each or each in path.parents for each in taken):
            return False
        taken.append(path)
        return True

    away: dict[str, dict[Path, str]] = {}
    for repair in repairs:
        if isinstance(repair, MoveAway):
            away.setdefault(repair.profile, {}).update({path: repair.reason for path in repair.paths if is_free(path)})
    for profile, reasons in away.items():
        paths = tuple(reasons)
        reason = "; ".join(dict.fromkeys(reasons.values()))
        try:
            yield from steps_to_trash_files(
                layout, profile, paths, trash_id=trash_id, deleted_at=deleted_at, reason=reason
            )
        except HermesProfilesError as error:  # such as one behind a link: it may be shared
            problems.append(error.problem)
    for repair in repairs:
        if isinstance(repair, RemoveFile | RemoveService):
            gone = ((repair.path, repair.expected),) if isinstance(repair, RemoveFile) else repair.files
            for path, expected in gone:
                if is_free(path):
                    yield ReplaceFile(path, None, expected=expected)
                    if path.parent.name.endswith(".service.d"):
                        yield TidyFolder(path.parent)
        elif isinstance(repair, RenameFolder) and is_free(repair.path):
            yield MoveTree(repair.path, repair.target)
    yield from _edits(repairs, is_free, problems)
    for repair in repairs:
        if isinstance(repair, TightenMode) and is_free(repair.path):
            now = signature(repair.path)
            # A gateway may write on in a file that was seen; another file in its place is not what was judged.
            if now is None or _identity(now) != _identity(repair.expected):
                words = f"{repair.path} is another file than the one that was looked at, so its mode is left"
                problems.append(Problem("changed-meanwhile", words, str(repair.path), "run the same command again"))
            else:
                yield SetMode(repair.path, repair.mode, now)


def _identity(seen: Signature) -> tuple[int, int, int]:
    return seen.device, seen.inode, seen.mode


def _edits(repairs: Sequence[Repair], is_free: Callable[[Path], bool], problems: list[Problem]) -> Iterable[Step]:
    edits: dict[Path, list[EditFile]] = {}
    for repair in repairs:
        if isinstance(repair, EditFile):
            edits.setdefault(repair.path, []).append(repair)
    for path, several in edits.items():
        if not is_free(path):
            continue
        expected = signature(path)
        try:
            before = content = read_document(path) or b""
            for each in several:
                content = each.edit(content, str(path))
        except Failed as error:
            problems.append(error.problem)
            continue
        if content != before or expected is None:
            yield ReplaceFile(path, Secret(content), several[0].mode, expected)
