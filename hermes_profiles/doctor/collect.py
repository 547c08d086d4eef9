"""Runs every probe once under a time limit and returns the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from hermes_profiles.conflicts.overlay import managed_folder, managed_values
from hermes_profiles.doctor.facts.files import TreeFacts
from hermes_profiles.doctor.facts.identities import IdentityFacts
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.facts.services import ServiceFacts
from hermes_profiles.doctor.facts.snapshot import Facts, ProbeFailure
from hermes_profiles.doctor.facts.teams import TeamFacts
from hermes_profiles.doctor.facts.update_day import UpdateFacts
from hermes_profiles.doctor.probes.files import probe_files
from hermes_profiles.doctor.probes.live_identities import probe_identities
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.gateways.hermes_install import installed_code
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import NOTHING_MANAGED, Managed
from hermes_profiles.profiles.listing import active_profile, profile_names

from .context import DoctorContext
from .probes.homes import read_profile_facts
from .probes.runtime import probe_runtime
from .probes.services import probe_services
from .probes.teams import probe_teams
from .probes.update_day import probe_update
from .timeouts import JobFailure, run_with_timeouts

Value = TypeVar("Value")
# Time limits in seconds: for the probe of one home, and for every other probe.
HOME_LIMIT = 3.0
LIMIT = 15.0


class FactCollector:
    """Collects the facts of one run. A probe that fails or hangs is recorded; the others still run."""

    def __init__(self, context: DoctorContext, *, home_limit: float = HOME_LIMIT, limit: float = LIMIT) -> None:
        self._context = context
        self._home_limit = home_limit
        self._limit = limit
        self._failures: list[ProbeFailure] = []

    def facts(self) -> Facts:
        """Return the facts of all probes."""
        context, layout = self._context, self._context.layout
        only_default: tuple[str, ...] = (DEFAULT,)
        names = self._probe("the list of profiles", lambda: profile_names(layout), only_default)
        context.system.ask_ahead(names)
        managed = self._probe("the managed folder", self._managed, NOTHING_MANAGED)
        profiles = self._homes(names, managed)
        inventory = self._inventory(profiles)
        for name, profile in profiles.items():
            profile.gateway = inventory.gateways.get(name) if inventory is not None else None
        services = self._probe("services", lambda: probe_services(context, profiles, inventory), ServiceFacts())
        code = self._probe("the installed Hermes", lambda: installed_code(layout, context.environment), None)
        update = self._probe("settings of updates", lambda: probe_update(context, names, managed, code), UpdateFacts())
        # From PROFILE_INGRESS on, access to a profile is read from that profile alone.
        shares_access = bool(services.multiplexing or services.serves) and not (
            code is not None and code.facts.has(Behaviour.PROFILE_INGRESS)
        )
        return Facts(
            layout,
            context.catalog,
            context.environment,
            context.uid,
            context.now,
            self._probe("the sticky profile", lambda: active_profile(layout), DEFAULT),
            profiles,
            inventory,
            managed,
            self._probe("the folder of profiles", lambda: probe_files(context, profiles), TreeFacts()),
            self._probe("locks, ports and logins", lambda: probe_identities(context, profiles), IdentityFacts()),
            services,
            self._probe("runtime files", lambda: probe_runtime(context, profiles), RuntimeFacts()),
            self._probe("teams", lambda: probe_teams(context, profiles, multiplexing=shares_access), TeamFacts()),
            code,
            tuple(self._failures),
            update,
        )

    def _homes(self, names: tuple[str, ...], managed: Managed) -> dict[str, ProfileFacts]:
        context = self._context
        jobs = [(name, partial(read_profile_facts, context.layout, name, context.catalog, managed)) for name in names]
        results = run_with_timeouts(jobs, limit=self._home_limit)
        for name, failure in results.failures.items():
            self._record(f"the home {context.layout.home(name)}", failure, name)
        return results.completed

    def _inventory(self, profiles: Mapping[str, ProfileFacts]) -> Inventory | None:
        context = self._context
        held = {name: profile.held for name, profile in profiles.items()}

        def read() -> Inventory | None:
            return read_fleet_status(
                context.observe,
                context.system,
                tuple(profiles),
                catalog=context.catalog,
                ask_api=False,
                environment=context.environment,
                held=held,
            )

        return self._probe("gateways", read, None)

    def _managed(self) -> Managed:
        context = self._context
        return managed_values(managed_folder(context.environment, context.layout), context.catalog)

    def _probe(self, subject: str, read: Callable[[], Value], default: Value) -> Value:
        """Return what a probe read, `default` when it failed."""
        results = run_with_timeouts([(subject, read)], limit=self._limit)
        for failure in results.failures.values():
            self._record(subject, failure, None)
        return results.completed.get(subject, default)

    def _record(self, subject: str, failure: JobFailure, profile: str | None) -> None:
        self._failures.append(ProbeFailure(subject, profile, _reason(failure)))


def _reason(failure: JobFailure) -> str:
    """Return why a probe failed. The text of an unexpected error is left out: it can contain a secret value."""
    error = failure.error
    if error is None:
        return f"no answer within {failure.seconds:g} s"
    if isinstance(error, HermesProfilesError):
        return error.problem.message
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{(error.strerror or type(error).__name__).lower()}"
    return type(error).__name__
