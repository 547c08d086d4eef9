"""Builds one change from the repairs of findings: each file once, services separately. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile, SetMode, Step, TidyFolder
from hermes_profiles.changes.signature import Signature, signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
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
    SwitchRunMode,
    TightenMode,
)

ServiceRepair = InstallService | RemoveService | ReloadManager


class FixPlan(NamedTuple):
    """The plan of `--fix`: the change of files (None: no change), repairs of services, failed repairs.

    `run_mode`: the mode to switch to, None without a switch.
    """

    plan: ChangePlan | None
    services: tuple[ServiceRepair, ...]
    problems: tuple[Problem, ...]
    run_mode: str | None = None


def build_fix_plan(
    findings: Sequence[ReportedFinding],
    layout: Layout,
    *,
    trash_id: str,
    deleted_at: str,
    before: Sequence[Step] = (),
) -> FixPlan:
    """Return the plan that repairs these findings. `trash_id`: a new id (`Journal.fresh_id`); `deleted_at`: ISO time.

    An ambiguous repair becomes a problem; the other repairs stay in the plan. `before`: steps of another plan in the
    same change. Edits of their files are merged into them.
    """
    repairs = [repair for row in findings for repair in row.finding.repairs]
    problems: list[Problem] = []
    first = [_composed(step, repairs, problems) for step in before]
    steps = [*first, *_steps(repairs, layout, problems, trash_id, deleted_at, first)]
    services = tuple(dict.fromkeys(repair for repair in repairs if isinstance(repair, ServiceRepair)))
    profiles = tuple(sorted({name for row in findings for name in row.finding.profiles}))
    count = sum(row.automatic for row in findings)
    summary = f"doctor --fix: {count} finding{'' if count == 1 else 's'}"
    plan = ChangePlan(("doctor", "--fix"), summary, tuple(steps), profiles=profiles) if steps else None
    mode = next((repair.mode for repair in repairs if isinstance(repair, SwitchRunMode)), None)
    return FixPlan(plan, services, tuple(problems), mode)


def _steps(
    repairs: Sequence[Repair],
    layout: Layout,
    problems: list[Problem],
    trash_id: str,
    deleted_at: str,
    before: Sequence[Step],
) -> Iterable[Step]:
    """Yield the steps: removals, then edits, then modes. A path gets steps of the first kind only."""
    taken = [path for step in before if (path := _changed_path(step)) is not None]

    def is_free(path: Path) -> bool:
        if any(path == other or other in path.parents for other in taken):
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
        except HermesProfilesError as error:  # for example a path behind a link, which can be shared
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
            # A gateway can append to the file after the check; a different file in its place was not checked.
            if now is None or _identity(now) != _identity(repair.expected):
                message = f"the mode of {repair.path} was not changed: the file was replaced after the check"
                problems.append(Problem("changed-meanwhile", message, str(repair.path), "run the same command again"))
            else:
                yield SetMode(repair.path, repair.mode, now)


def _changed_path(step: Step) -> Path | None:
    """Return the path that a step changes, None for a folder that is only removed when empty."""
    if isinstance(step, MoveTree):
        return step.source
    return step.path if isinstance(step, ReplaceFile | SetMode) else None


def _composed(step: Step, repairs: Sequence[Repair], problems: list[Problem]) -> Step:
    """Return a step of another plan with the edits of its file added."""
    if not isinstance(step, ReplaceFile) or step.content is None:
        return step
    content = step.content.reveal()
    for repair in repairs:
        if isinstance(repair, EditFile) and repair.path == step.path:
            try:
                content = repair.edit(content, str(step.path))
            except Failed as error:
                problems.append(error.problem)
    return replace(step, content=Secret(content))


def _identity(signature: Signature) -> tuple[int, int, int]:
    return signature.device, signature.inode, signature.mode


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
            for repair in several:
                content = repair.edit(content, str(path))
        except Failed as error:
            problems.append(error.problem)
            continue
        if content != before or expected is None:
            yield ReplaceFile(path, Secret(content), several[0].mode, expected)
