"""Plans for writing and removing services: what is there, what is due, what may not be overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, TidyFolder, signature
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.services.drift import Drift, DriftCode, compare
from hermes_profiles.services.manager import Manager, ManagerKind
from hermes_profiles.services.naming import drop_in
from hermes_profiles.services.spec import ServiceSpec

# What is installed may be written over without asking.
_OURS = (DriftCode.MISSING, DriftCode.OUTDATED)
_SAME = (DriftCode.SAME, DriftCode.SAME_MEANING)


class ServiceInstallPlan(NamedTuple):
    """What installing one service would do; `files`: (path, content, mode) of what is due."""

    spec: ServiceSpec
    files: tuple[tuple[Path, bytes, int], ...]
    drift: Drift

    @property
    def is_there(self) -> bool:
        """Return whether nothing is to be written."""
        return self.drift.code in _SAME

    @property
    def refusal(self) -> str | None:
        """Return why the service may not be written without `--force`, None when it may."""
        if self.drift.code in (*_OURS, *_SAME):
            return None
        what = {
            DriftCode.FOREIGN: "it belongs to another root",
            DriftCode.HAND_EDITED: "it was changed by hand",
        }.get(self.drift.code, str(self.drift.code))
        details = "; ".join(self.drift.details)
        return f"{self.files[0][0]} is left as it is: {what}{f' ({details})' if details else ''}"


def plan_installation(manager: Manager, spec: ServiceSpec) -> ServiceInstallPlan:
    """Return what installing a service would do. Raises UsageProblem for paths that no service file can hold."""
    files = manager.definitions(spec)
    installed = {path: content for path, _, _ in files if (content := read_document(path)) is not None}
    return ServiceInstallPlan(spec, files, compare(manager.kind, installed, files, spec))


def plan_writing(command: str, installations: Sequence[ServiceInstallPlan]) -> ChangePlan | None:
    """Return the change that writes every definition that differs, None when all are there."""
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
    """Return several changes as one, so that one undo takes all of them back; None when there are none."""
    given = [plan for plan in plans if plan is not None]
    if not given:
        return None
    names = tuple(dict.fromkeys(name for plan in given for name in plan.profiles))
    steps = tuple(step for plan in given for step in plan.steps)
    return ChangePlan((command, *names), f"{command} the services of {', '.join(names)}", steps, profiles=names)


def plan_removal(command: str, files: Mapping[str, Iterable[Path]]) -> ChangePlan | None:
    """Return the change that removes service files, profile by profile, and their folders when those are empty then;
    None when there are none."""
    steps: list[Step] = []
    for paths in files.values():
        for path in paths:
            seen = signature(path)
            if seen is None:
                continue
            steps.append(ReplaceFile(path, None, expected=seen))
            if path.parent.name.endswith(".service.d"):
                steps.append(TidyFolder(path.parent))
    if not steps:
        return None
    names = tuple(files)
    return ChangePlan((command, *names), f"{command} the services of {', '.join(names)}", tuple(steps), profiles=names)


def service_files(world: SystemContext, gateway: Gateway) -> tuple[Path, ...]:
    """Return the files of a profile's service that are there: its definition, and what in its drop-in folder is ours.

    A drop-in of the user's own stays; then the folder stays, too. The unit of another root that has the same name is
    not this profile's, and so are its files. Of a profile that is gone, the links that have the unit started are files
    like the others: nothing else could tell an undo that it was enabled.
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
    """Return whether the profile itself is gone."""
    return not os.path.lexists(world.layout.home(profile))


def is_foreign(world: SystemContext, gateway: Gateway) -> bool:
    """Return whether the service of a profile's name runs another home: two roots of one account share names
    (SERVICES.md 1.1)."""
    home = gateway.service.home if gateway.service is not None else None
    return home is not None and os.path.realpath(home) != os.path.realpath(world.layout.home(gateway.profile))


def log_folders(manager: Manager, installations: Sequence[ServiceInstallPlan]) -> tuple[Path, ...]:
    """Return the folders that must be there before a manager opens its log files: launchd makes none, and ends a job
    whose log it cannot open with 78, before anything is written (hermes-agent issue 78129)."""
    if manager.kind is ManagerKind.SYSTEMD:
        return ()
    return tuple(dict.fromkeys(each.spec.log.parent for each in installations))
