"""Prepare the start of a gateway: decide which channels it keeps, and write its overlay. Services run it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.conflicts import ledger
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.observe import live_gateways
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Problem

from .fleet_context import FleetSession

# A manager this young was started by a boot or a login, together with all its services.
_YOUNG = 120.0


class PreparedStart(NamedTuple):
    """A gateway that may start. `masks`: the channels that are off for this run."""

    profile: str
    masks: tuple[Mask, ...]
    warnings: tuple[Problem, ...]


def prepare_start(
    session: FleetSession,
    profile: str,
    managed: Path | None,
    boot_delay: float,
    on_wait: Callable[[str], None],
) -> PreparedStart:
    """Write the overlay of a profile just before its gateway starts.

    At boot it waits for `boot_delay` seconds first; `on_wait` is called with the name of the profile.
    """
    (name,) = session.selection((profile,), (), None).profiles
    if boot_delay > 0 and _manager_age() < _YOUNG:
        on_wait(name)
        time.sleep(boot_delay)
    found = ledger.resolve_at_start(
        session.layout,
        name,
        catalog=session.catalog,
        environment=session.environment,
        live=lambda names: live_gateways(session.observe(names)),
        now=time.time(),
        managed=managed,
    )
    warnings = [*session.problems, *session.manager_problems, *found.problems]
    warnings += [Problem("masked", mask.sentence(), name) for mask in found.masks]
    return PreparedStart(name, tuple(found.masks), tuple(warnings))


def _manager_age() -> float:
    """Return how many seconds ago the manager above us was started; shells in between do not count."""
    from hermes_profiles.gateways.processes import processes_of

    processes = processes_of(sys.platform)
    process = processes.find(os.getppid())
    while (
        process is not None
        and process.parent > 0
        and os.path.basename(process.argv[0] if process.argv else "")
        in (
            "sh",
            "dash",
            "bash",
            UNIT,
        )
    ):
        process = processes.find(process.parent)
    uptime = processes.usage(process).uptime if process is not None else None
    return uptime if uptime is not None else float("inf")
