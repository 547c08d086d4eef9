"""Prepare the start of a gateway: decide which channels it keeps, and write its overlay. Services run it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hermes_profiles.conflicts import ledger
from hermes_profiles.conflicts.overlay import masks_of
from hermes_profiles.gateways.candidates import may_run
from hermes_profiles.gateways.host.servers import servers_of
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.observe import live_gateways
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.placement import elsewhere

from ..fleet_context import FleetSession

# A manager this young was started by a boot or a login, together with all its services.
_YOUNG = 120.0
# Hermes ends a gateway that another one serves with 75, which every manager starts again for ever. This wait makes such
# a service try once a minute; it is shorter than the time that a unit has for its start.
_SERVED_WAIT = 50.0
_POLL = 1.0
# Seconds between two tries to record a start, and between two lines about it in the service's log.
_RETRY, _REMIND = 2.0, 60.0


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
    on_refusal: Callable[[str], None] = lambda _: None,
) -> PreparedStart:
    """Write the overlay of a profile just before its gateway starts.

    At boot it waits for `boot_delay` seconds first; `on_wait` is called with the name of the profile. `on_refusal` is
    called with the reason where the start has to wait, because it could make a second gateway with one bot.
    """
    (name,) = session.selection((profile,), (), None).profiles
    if boot_delay > 0 and _manager_age() < _YOUNG:
        on_wait(name)
        time.sleep(boot_delay)
    _wait_while_elsewhere(session, name, on_refusal)
    served = _wait_while_served(session, name)
    found = _resolved(session, name, managed, on_refusal)
    warnings = [*session.problems, *session.manager_problems, *found.problems]
    warnings += [served] if served is not None else []
    warnings += [Problem("masked", mask.sentence(), name) for mask in found.masks]
    return PreparedStart(name, tuple(found.masks), tuple(warnings))


def _wait_while_elsewhere(session: FleetSession, name: str, on_refusal: Callable[[str], None]) -> None:
    """Do not end while the profile lives in another place, where its bot is in use; see `_resolved`.

    A failed step would not do: the manager starts the gateway all the same.
    """
    parent, shown = os.getppid(), -_REMIND
    while (found := elsewhere(session.layout, name, catalog=lambda: session.catalog)) is not None:
        if os.getppid() != parent:
            raise found.refusal("start it")
        if time.monotonic() - shown >= _REMIND:
            shown = time.monotonic()
            on_refusal(f"{name} does not start: {found.reason}; {found.hint}")
        time.sleep(_RETRY)


def _resolved(
    session: FleetSession, name: str, managed: Path | None, on_refusal: Callable[[str], None]
) -> ledger.Refreshed:
    """Return the masks of a start, once they can be recorded.

    A service starts its gateway also where this step fails. Where that could make a second gateway with one bot, this
    step does not end: it tries again until its service is stopped, or its manager gives the start up and tries again.
    """
    parent, shown = os.getppid(), -_REMIND
    while True:
        try:
            return ledger.resolve_at_start(
                session.layout,
                name,
                catalog=session.catalog,
                environment=session.environment,
                live=lambda names: live_gateways(session.observe(names)),
                now=time.time(),
                managed=managed,
                unclaimed=lambda names: may_run(session.world, names),
            )
        except (HermesProfilesError, OSError) as error:
            rival = rival_of(session, name) if _is_about_the_record(error) else None
            if rival is None or os.getppid() != parent:
                raise
            if time.monotonic() - shown >= _REMIND:
                shown = time.monotonic()
                reason = error.problem.message if isinstance(error, HermesProfilesError) else str(error)
                on_refusal(f"{name} does not start: {rival}, and the masks of this start cannot be written ({reason})")
            time.sleep(_RETRY)


def _is_about_the_record(error: Exception) -> bool:
    """Return whether an error kept the decision from being made or recorded: a full disk, a lock, a channel of old."""
    if isinstance(error, HermesProfilesError):
        return isinstance(error, Failed) or error.problem.code in ("conflict", "busy")
    return True


def rival_of(session: FleetSession, name: str) -> str | None:
    """Return why a start without a recorded decision could make a second gateway with one bot, None where it cannot.

    Without a record the first profile in the order of the fleet may start, and only beside no running gateway.
    """
    layout, catalog = session.layout, session.catalog
    masked = {mask.channel for mask in masks_of(layout, name)}
    places = {
        each.place
        for each in claimed_resources(layout.home(name), catalog=catalog, managed=session.managed).identities
        if each.channel not in masked
    }
    if not places:
        return None
    sharing: dict[str, str] = {}
    for other in session.existing:
        if other == name:
            continue
        held = claimed_resources(layout.home(other), catalog=catalog, managed=session.managed).identities
        shared = next((each for each in held if each.place in places), None)
        if shared is not None:
            sharing[other] = f"{other} has the same {shared.channel} {shared.noun}"
    gateways = session.observe(tuple(sharing)) if sharing else {}
    live = live_gateways(gateways)
    order = session.existing.index(name)
    for other, text in sharing.items():
        seen = live.get(other)
        if seen is not None and seen.pid is not None:
            return f"{text} and runs"
        service = gateways[other].service
        starts = service is not None and service.enabled and other not in session.disabled
        # One that is being started can also be in this step: without an order each would wait for the other.
        if (starts or seen is not None) and session.existing.index(other) < order:
            return f"{text} and starts first"
    return None


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
