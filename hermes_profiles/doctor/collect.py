"""Runs every probe once under a time limit and returns the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from hermes_profiles.doctor.facts.files import TreeFacts
from hermes_profiles.doctor.facts.identities import IdentityFacts
from hermes_profiles.doctor.facts.other_roots import OtherRootFacts
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.facts.services import ServiceFacts, ServiceFiles
from hermes_profiles.doctor.facts.snapshot import Facts, ProbeFailure
from hermes_profiles.doctor.facts.teams import TeamFacts
from hermes_profiles.doctor.facts.update_day import UpdateFacts
from hermes_profiles.doctor.probes.files import probe_files
from hermes_profiles.doctor.probes.live_identities import probe_identities
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.gateways.installation.hermes_install import installed_code
from hermes_profiles.gateways.installation.hermes_libraries import installed_libraries
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import NOTHING_MANAGED, Managed
from hermes_profiles.profiles.listing import active_profile, profile_names
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values

from .context import DoctorContext
from .probes.homes import read_profile_facts
from .probes.other_roots import probe_other_roots
from .probes.related import OtherProfile
from .probes.runtime import probe_runtime
from .probes.service_files import ServiceSearch
from .probes.services import probe_services
from .probes.teams import probe_teams
from .probes.update_day import probe_update
from .scope import DoctorScope, ScopeFinder, must_examine_all, needs_all
from .timeouts import JobFailure, run_with_timeouts

Value = TypeVar("Value")
# Time limits in seconds: for the probe of one home, and for every other probe.
HOME_LIMIT = 3.0
LIMIT = 15.0


class FactCollector:
    """Collects the facts of one run. A probe that fails or hangs is recorded; the others still run.

    `named`: the profiles that are reported on, None for all. Then only these are examined, and the profiles that a
    finding can name together with them.
    """

    def __init__(
        self,
        context: DoctorContext,
        named: Sequence[str] | None = None,
        *,
        home_limit: float = HOME_LIMIT,
        limit: float = LIMIT,
    ) -> None:
        self._context = context
        self._named = named
        self._home_limit = home_limit
        self._limit = limit
        self._failures: list[ProbeFailure] = []

    def facts(self) -> Facts:
        """Return the facts of all probes."""
        facts = self._facts(self._named)
        if self._named is not None and needs_all(facts, self._named):
            self._failures.clear()
            return self._facts(None)
        return facts

    def _facts(self, named: Sequence[str] | None) -> Facts:
        context, layout = self._context, self._context.layout
        only_default: tuple[str, ...] = (DEFAULT,)
        names = self._probe("the list of profiles", lambda: profile_names(layout), only_default)
        managed = self._probe("the managed folder", self._managed, NOTHING_MANAGED)
        files = self._probe("service files", lambda: ServiceSearch(context, names).run(), ServiceFiles())
        scope = self._scope(names, named, managed, files) if named is not None else None
        if scope is None:
            context.system.ask_ahead(names)
            scope = DoctorScope(self._homes(names, managed))
        profiles = scope.profiles
        inventory = self._inventory(scope)
        for name, profile in profiles.items():
            profile.gateway = inventory.gateways.get(name) if inventory is not None else None
        services = self._probe(
            "services", lambda: probe_services(context, profiles, inventory, files, names), ServiceFacts()
        )
        code = self._probe("the installed Hermes", lambda: installed_code(layout, context.environment), None)
        update = self._probe("settings of updates", lambda: probe_update(context, names, managed, code), UpdateFacts())
        no_others: tuple[OtherRootFacts, ...] = ()
        others = self._probe("other roots", lambda: probe_other_roots(context), no_others)
        # From PROFILE_INGRESS on, access to a profile is read from that profile alone.
        shares_access = bool(services.multiplexing or services.serves) and not (
            code is not None and code.facts.has(Behaviour.PROFILE_INGRESS)
        )
        in_teams = profiles if scope.with_teams else {}
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
            self._probe("the folder of profiles", lambda: probe_files(context, profiles, names), TreeFacts()),
            self._probe("locks, ports and logins", lambda: probe_identities(context, profiles, names), IdentityFacts()),
            services,
            self._probe("runtime files", lambda: probe_runtime(context, profiles, names), RuntimeFacts()),
            self._probe("teams", lambda: probe_teams(context, in_teams, multiplexing=shares_access), TeamFacts()),
            code,
            tuple(self._failures),
            update,
            scope.others,
            others,
            self._probe("the libraries of Hermes", lambda: installed_libraries(layout, context.environment), None),
        )

    def _scope(
        self, names: Sequence[str], named: Sequence[str], managed: Managed, files: ServiceFiles
    ) -> DoctorScope | None:
        """Return the profiles to examine for these; None for all, also where it is not certain which."""
        if must_examine_all(self._context, names, named, managed):
            return None
        read = partial(OtherProfile, self._context.layout, catalog=self._context.catalog)
        first = self._homes([name for name in names if name in named or name == DEFAULT], managed)
        jobs = [(name, partial(read, name)) for name in names if name not in first]
        others = run_with_timeouts(jobs, limit=self._home_limit).completed
        finder = ScopeFinder(self._context, names, named, files, others.values())
        homes = partial(self._homes, managed=managed)
        found = run_with_timeouts([("scope", partial(finder.find, first, homes))], limit=self._limit).completed
        return found.get("scope")

    def _homes(self, names: Iterable[str], managed: Managed) -> dict[str, ProfileFacts]:
        context = self._context
        jobs = [(name, partial(read_profile_facts, context.layout, name, context.catalog, managed)) for name in names]
        results = run_with_timeouts(jobs, limit=self._home_limit)
        for name, failure in results.failures.items():
            self._record(f"the home {context.layout.home(name)}", failure, name)
        return results.completed

    def _inventory(self, scope: DoctorScope) -> Inventory | None:
        context, profiles = self._context, scope.profiles
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
                held_by_all=scope.held_by_all,
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
