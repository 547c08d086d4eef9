"""Plans the installation and removal of services, and refuses to overwrite changes by hand."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, TidyFolder
from hermes_profiles.changes.signature import signature
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.services.drift import Drift, DriftCode, compare
from hermes_profiles.services.manager import Manager, ManagerKind
from hermes_profiles.services.naming import drop_in
from hermes_profiles.services.spec import ServiceSpec

# These may be overwritten without `--force`.
_OURS = (DriftCode.MISSING, DriftCode.OUTDATED)
_SAME = (DriftCode.SAME, DriftCode.SAME_MEANING)


class ServiceInstallPlan(NamedTuple):
    """The installation of one service; `files`: (path, content, mode) of its definition."""

    spec: ServiceSpec
    files: tuple[tuple[Path, bytes, int], ...]
    drift: Drift

    @property
    def is_there(self) -> bool:
        """Return whether the installed definition is current."""
        return self.drift.code in _SAME

    @property
    def refusal(self) -> str | None:
        """Return why the service needs `--force`, None where it does not."""
        if self.drift.code in (*_OURS, *_SAME):
            return None
        what = {
            DriftCode.FOREIGN: "it belongs to another root",
            DriftCode.HAND_EDITED: "it was changed by hand",
        }.get(self.drift.code, str(self.drift.code))
        details = "; ".join(self.drift.details)
        return f"{self.files[0][0]} is left as it is: {what}{f' ({details})' if details else ''}"


def plan_installation(manager: Manager, spec: ServiceSpec, *, force: bool = False) -> ServiceInstallPlan:
    """Return the installation of a service; `force`: every file with other bytes is written, also one of equal meaning.

    Raises UsageProblem for paths that a service file cannot hold.
    """
    files = manager.definitions(spec)
    masked = [path for path, _, _ in files if _is_masked(path)]
    rest = [path for path, _, _ in files if path not in masked]
    installed = {path: content for path in rest if (content := read_document(path)) is not None}
    drift = compare(manager.kind, installed, files, spec)
    if masked:
        details = tuple(f"{path} is masked: a link to {os.devnull}" for path in masked)
        drift = drift._replace(code=DriftCode.HAND_EDITED, details=details)
    if force:
        other = tuple(path for path, content, _ in files if installed.get(path) != content or _is_writable(path))
        code = DriftCode.OUTDATED if other and drift.code in _SAME else drift.code
        drift = drift._replace(code=code, files=other)
    return ServiceInstallPlan(spec, files, drift)


def replaced_edit(installation: ServiceInstallPlan) -> Problem:
    """Return the warning that `--force` replaces what the user wrote, and how to keep it."""
    path = installation.files[0][0]
    details = "; ".join(installation.drift.details)
    keep = (
        f"put a command of your own into {drop_in(path).with_name('60-mine.conf')}"
        if path.suffix == ".service"
        else ("the files before the change are kept in the journal")
    )
    return Problem(
        "edit-replaced",
        f"{installation.spec.profile}: what was changed by hand is replaced ({details})",
        str(path),
        f"take it back with `hermes-profiles undo`; {keep}",
    )


def _is_writable(path: Path) -> bool:
    """Return whether others than the owner can write a definition, which launchd does not load."""
    try:
        return bool(os.stat(path).st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    except OSError:
        return False


def _is_masked(path: Path) -> bool:
    """Return whether `systemctl mask` replaced a unit by a link."""
    return os.path.islink(path) and os.path.realpath(path) == os.devnull


def plan_writing(command: str, installations: Sequence[ServiceInstallPlan]) -> ChangePlan | None:
    """Return the change that writes every outdated definition, None where all are current."""
    steps: list[Step] = []
    for each in installations:
        for path, content, mode in each.files:
            if path not in each.drift.files:
                continue
            steps.append(ReplaceFile(path, Secret(content), mode, signature(path)))
    if not steps:
        return None
    names = tuple(each.spec.profile for each in installations if not each.is_there)
    return ChangePlan((command, *names), f"{command} the services of {', '.join(names)}", tuple(steps), profiles=names)


def joined(command: str, plans: Iterable[ChangePlan | None]) -> ChangePlan | None:
    """Return several changes as one, with one undo; None without changes."""
    given = [plan for plan in plans if plan is not None]
    if not given:
        return None
    names = tuple(dict.fromkeys(name for plan in given for name in plan.profiles))
    steps = tuple(step for plan in given for step in plan.steps)
    return ChangePlan((command, *names), f"{command} the services of {', '.join(names)}", steps, profiles=names)


def plan_removal(command: str, files: Mapping[str, Iterable[Path]], running: Collection[str] = ()) -> ChangePlan | None:
    """Return the change that removes service files and their empty folders, None without files.

    `running`: the profiles whose gateways run, which an undo starts again.
    """
    steps = tuple(step for paths in files.values() for step in removal_steps(paths))
    if not steps:
        return None
    names = tuple(files)
    summary = f"{command} the services of {', '.join(names)}"
    ran = tuple(name for name in names if name in running)
    return ChangePlan((command, *names), summary, steps, profiles=names, running=ran)


def removal_steps(files: Iterable[Path]) -> Iterator[Step]:
    """Yield the steps that remove service files as they are now, and their drop-in folders when empty."""
    for path in files:
        expected = signature(path)
        if expected is None:
            continue
        yield ReplaceFile(path, None, expected=expected)
        if path.parent.name.endswith(".service.d"):
            yield TidyFolder(path.parent)


def service_files(world: SystemContext, gateway: Gateway) -> tuple[Path, ...]:
    """Return the existing files of a profile's service: its definition and this project's drop-in.

    A drop-in of the user stays, and with it the folder. The unit of another root with the same name is not this
    profile's. Of a removed profile the enablement links are included: an undo needs them to enable the unit again.
    """
    service = world.service(gateway.profile)
    if service is None or is_foreign(world, gateway):
        return ()
    path = service.path
    known = (path, drop_in(path)) if path.suffix == ".service" else (path,)
    if is_orphan(world, gateway.profile):
        known = (*known, *path.parent.glob(f"*.wants/{path.name}"), *path.parent.glob(f"*.requires/{path.name}"))
    return tuple(each for each in known if os.path.lexists(each))


def is_orphan(world: SystemContext, profile: str) -> bool:
    """Return whether the profile does not exist."""
    return not os.path.lexists(world.layout.home(profile))


def is_foreign(world: SystemContext, gateway: Gateway) -> bool:
    """Return whether the service of this name belongs to another home.

    Two roots of one account share service names (SERVICES.md 1.1).
    """
    home = gateway.service.home if gateway.service is not None else None
    return home is not None and os.path.realpath(home) != os.path.realpath(world.layout.home(gateway.profile))


def log_folders(manager: Manager, installations: Sequence[ServiceInstallPlan]) -> tuple[Path, ...]:
    """Return the log folders that must exist before a manager starts a service.

    launchd does not create them: it ends a job whose log it cannot open with 78, before anything is written
    (hermes-agent issue 78129).
    """
    if manager.kind is ManagerKind.SYSTEMD:
        return ()
    return tuple(dict.fromkeys(each.spec.log.parent for each in installations))
