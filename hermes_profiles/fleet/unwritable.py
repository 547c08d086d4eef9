"""Starts that cannot work: the home of the gateway cannot be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hermes_profiles.changes.writable import WriteObstacle, write_obstacle
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import LOGS_FOLDER

from .outcomes import Outcome, OutcomeKind
from .verb_plan import Sorted


def without_unwritable(plan: Sorted, home_of: Callable[[str], Path], gateways: Mapping[str, Gateway]) -> Sorted:
    """Return a plan of starts in which the gateways of homes that cannot be written have failed already.

    Hermes writes its pid file, databases and logs there. A gateway that runs is left alone.
    """
    failed = {name: found for name in plan.driven if (found := _failure(name, home_of(name), gateways.get(name)))}
    driven = tuple(name for name in plan.driven if name not in failed)
    return plan._replace(driven=driven, outcomes=(*plan.outcomes, *failed.values()))


def home_obstacle(home: Path) -> WriteObstacle | None:
    """Return what keeps this user from writing in a home or its logs; None for a home that is missing altogether."""
    folders = [home, home / LOGS_FOLDER] if home.is_dir() else []
    return next((found for each in folders if (found := write_obstacle(each)) is not None), None)


def _failure(name: str, home: Path, gateway: Gateway | None) -> Outcome | None:
    found = home_obstacle(home)
    if found is None:
        return None
    pid = gateway.process.pid if gateway is not None and gateway.process is not None else None
    kept = "its gateway was left running" if pid is not None else "its gateway could not work and was not started"
    hint = f"{found.way_out} with `{found.command}`"
    return Outcome(name, OutcomeKind.FAILED, f"{found.place} {found.reason}: {kept}", pid, hint=hint)
