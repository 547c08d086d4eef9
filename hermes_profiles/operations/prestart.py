"""Prepare the start of a gateway: decide which channels it keeps, and write its overlay. Services run it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.conflicts import ledger
from hermes_profiles.gateways.candidates import may_run
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.observe import live_gateways
from hermes_profiles.gateways.servers import servers_of
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Problem

from .fleet_context import FleetSession

# A manager this young was started by a boot or a login, together with all its services.
_YOUNG = 120.0
# Hermes ends a gateway that another one serves with 75, which every manager starts again for ever. This wait makes such
# a service try once a minute; it is shorter than the time that a unit has for its start.
_SERVED_WAIT = 50.0
_POLL = 1.0


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
    served = _wait_while_served(session, name)
    found = ledger.resolve_at_start(
        session.layout,
        name,
        catalog=session.catalog,
        environment=session.environment,
        live=lambda names: live_gateways(session.observe(names)),
        now=time.time(),
        managed=managed,
        unclaimed=lambda names: may_run(session.world, names),
    )
    warnings = [*session.problems, *session.manager_problems, *found.problems]
    warnings += [served] if served is not None else []
    warnings += [Problem("masked", mask.sentence(), name) for mask in found.masks]
    return PreparedStart(name, tuple(found.masks), tuple(warnings))


def _wait_while_served(session: FleetSession, profile: str) -> Problem | None:
    """Wait while the gateway of another profile serves this one; return a warning where it still does."""
    if not session.world.hermes.has(Behaviour.ONE_GATEWAY):
        return None
    end = time.monotonic() + _SERVED_WAIT
    while (server := servers_of(session.world, (profile,)).get(profile)) is not None and time.monotonic() < end:
        time.sleep(_POLL)
    if server is None:
        return None
    return Problem(
        "served-elsewhere",
        f"the gateway of {server} serves {profile}: this one ends with {RESTART_ME}, and its service tries again",
        profile,
        f"remove the service that is not needed with `hermes-gateways uninstall {profile}`",
    )


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
