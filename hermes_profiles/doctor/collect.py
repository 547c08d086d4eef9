"""Looks at everything once, each look under a time limit, and returns the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from hermes_profiles.conflicts.overlay import managed_folder, managed_values
from hermes_profiles.doctor.facts.files import TreeFacts
from hermes_profiles.doctor.facts.identities import RivalFacts
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.facts.services import ServiceFacts
from hermes_profiles.doctor.facts.snapshot import Facts, ProbeTrouble
from hermes_profiles.doctor.facts.teams import TeamFacts
from hermes_profiles.doctor.probes.files import look_at_tree
from hermes_profiles.doctor.probes.live_identities import look_at_rivals
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import NOTHING_MANAGED, Managed
from hermes_profiles.profiles.listing import active_profile, profile_names

from .context import DoctorContext
from .probes.homes import read_profile_facts
from .probes.runtime import look_at_runtime
from .probes.services import look_at_services
from .probes.teams import look_at_teams
from .timeouts import ProbeFailure, run_with_timeouts

Seen = TypeVar("Seen")
# Seconds a look may take: at one home, and at everything of one kind.
HOME_LIMIT = 3.0
LIMIT = 15.0


class FactCollector:
    """One look at everything. What fails or hangs is a trouble, and the rest is seen without it."""

    def __init__(self, around: DoctorContext, *, home_limit: float = HOME_LIMIT, limit: float = LIMIT) -> None:
        self._around = around
        self._home_limit = home_limit
        self._limit = limit
        self._troubles: list[ProbeTrouble] = []

    def facts(self) -> Facts:
        """Return what was seen."""
        around, layout = self._around, self._around.layout
        alone: tuple[str, ...] = (DEFAULT,)
        names = self._one("the list of profiles", lambda: profile_names(layout), alone)
        around.world.ask_ahead(names)
        managed = self._one("the managed folder", self._managed, NOTHING_MANAGED)
        profiles = self._homes(names, managed)
        inventory = self._inventory(profiles)
        for name, profile in profiles.items():
            profile.gateway = inventory.gateways.get(name) if inventory is not None else None
        given = (around, profiles, inventory)
        services = self._one("services", lambda: look_at_services(*given), ServiceFacts())
        multiplexing = bool(services.multiplexing or services.serves)
        return Facts(
            layout,
            around.catalog,
            around.environment,
            around.uid,
            around.now,
            self._one("the sticky profile", lambda: active_profile(layout), DEFAULT),
            profiles,
            inventory,
            managed,
            self._one("the folder of profiles", lambda: look_at_tree(*given), TreeFacts()),
            self._one("locks, ports and logins", lambda: look_at_rivals(*given), RivalFacts()),
            services,
            self._one("runtime files", lambda: look_at_runtime(*given), RuntimeFacts()),
            self._one("teams", lambda: look_at_teams(around, profiles, multiplexing=multiplexing), TeamFacts()),
            tuple(self._troubles),
        )

    def _homes(self, names: tuple[str, ...], managed: Managed) -> dict[str, ProfileFacts]:
        around = self._around
        jobs = [(name, partial(read_profile_facts, around.layout, name, around.catalog, managed)) for name in names]
        found = run_with_timeouts(jobs, limit=self._home_limit)
        for name, trouble in found.troubles.items():
            self._note(f"the home {around.layout.home(name)}", trouble, name)
        return found.seen

    def _inventory(self, profiles: Mapping[str, ProfileFacts]) -> Inventory | None:
        around = self._around
        held = {name: profile.held for name, profile in profiles.items()}

        def take() -> Inventory | None:
            return read_fleet_status(
                around.look,
                around.world,
                tuple(profiles),
                catalog=around.catalog,
                ask_api=False,
                environment=around.environment,
                held=held,
            )

        return self._one("gateways", take, None)

    def _managed(self) -> Managed:
        around = self._around
        return managed_values(managed_folder(around.environment, around.layout), around.catalog)

    def _one(self, what: str, look: Callable[[], Seen], otherwise: Seen) -> Seen:
        found = run_with_timeouts([(what, look)], limit=self._limit)
        for trouble in found.troubles.values():
            self._note(what, trouble, None)
        return found.seen.get(what, otherwise)

    def _note(self, what: str, trouble: ProbeFailure, profile: str | None) -> None:
        self._troubles.append(ProbeTrouble(what, profile, _reason(trouble)))


def _reason(trouble: ProbeFailure) -> str:
    """Return why a look failed; the text of an error nobody foresaw is left out, for it may hold a value."""
    error = trouble.error
    if error is None:
        return f"no answer within {trouble.seconds:g} s"
    if isinstance(error, HermesProfilesError):
        return error.problem.message
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{(error.strerror or type(error).__name__).lower()}"
    return type(error).__name__
