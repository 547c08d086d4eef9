"""Starts and removals that cannot work: the home of the gateway, or the folder of its service, cannot be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.full_disk import is_full
from hermes_profiles.changes.writable import WriteObstacle, write_obstacle
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import LOGS_FOLDER

from .outcomes import Outcome, OutcomeKind
from .verb_plan import Sorted

# Bytes without which Hermes 0.19.0 ends at its start: its databases make their files there.
_STARTS_WITH = 256 * 1024


def without_unwritable(plan: Sorted, home_of: Callable[[str], Path], gateways: Mapping[str, Gateway]) -> Sorted:
    """Return a plan of starts in which the gateways of homes that cannot be written have failed already.

    Hermes writes its pid file, databases and logs there. A gateway that runs is left alone, also on a full disk.
    """
    failed = {name: found for name in plan.driven if (found := failed_start(name, home_of(name), gateways.get(name)))}
    driven = tuple(name for name in plan.driven if name not in failed)
    return plan._replace(driven=driven, outcomes=(*plan.outcomes, *failed.values()))


def home_obstacle(home: Path) -> WriteObstacle | None:
    """Return what keeps this user from writing in a home or its logs; None for a home that is missing altogether."""
    folders = [home, home / LOGS_FOLDER] if home.is_dir() else []
    return next((found for each in folders if (found := write_obstacle(each)) is not None), None)


def service_obstacle(files: Sequence[Path]) -> WriteObstacle | None:
    """Return what keeps this user from removing the files of a service, or the links that enable it."""
    links = [link for path in files for link in path.parent.glob(f"*.wants/{path.name}")]
    folders = dict.fromkeys(path.parent for path in (*files, *links))
    return next((found for each in folders if (found := write_obstacle(each)) is not None), None)


def unchangeable(profile: str, files: Sequence[Path], gateway: Gateway) -> Outcome | None:
    """Return the failure of a command that would stop a gateway and could not change its service, None where it can."""
    found = service_obstacle(files)
    if found is None:
        return None
    kept = ": its gateway was left running" if gateway.process is not None else ""
    detail = f"its service cannot be changed: {found.place} {found.reason}{kept}"
    pid = gateway.process.pid if gateway.process is not None else None
    return Outcome(profile, OutcomeKind.FAILED, detail, pid, hint=f"{found.way_out} with `{found.command}`")


def _full_disk(home: Path) -> WriteObstacle | None:
    """Return the obstacle of a running gateway that a restart would end: on a full disk the next one does not start."""
    if not is_full(home, _STARTS_WITH):
        return None
    return WriteObstacle(home, "has no space left", "free some space; see its use", f"df -h {quote(str(home))}")


def failed_start(name: str, home: Path, gateway: Gateway | None) -> Outcome | None:
    """Return the failure of a start or restart of a gateway that could not work then, None where it could."""
    pid = gateway.process.pid if gateway is not None and gateway.process is not None else None
    found = home_obstacle(home) or (_full_disk(home) if pid is not None else None)
    if found is None:
        return None
    kept = "its gateway was left running" if pid is not None else "its gateway could not work and was not started"
    hint = f"{found.way_out} with `{found.command}`"
    return Outcome(name, OutcomeKind.FAILED, f"{found.place} {found.reason}: {kept}", pid, hint=hint)
