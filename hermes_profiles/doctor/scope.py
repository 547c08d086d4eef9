"""Decides which profiles a run over some profiles examines: these, and those that a finding can name with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from hermes_profiles.gateways.candidates import may_run, running
from hermes_profiles.gateways.host.servers import find_servers
from hermes_profiles.gateways.host.topology import configured
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import API_SERVER_ENABLED, API_SERVER_KEY
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import ClaimedResources, Managed
from hermes_profiles.teams.model import Teams

from .checks.machine import is_unfit
from .context import DoctorContext
from .facts.profile import ProfileFacts
from .facts.services import ServiceFiles
from .facts.snapshot import Facts
from .probes.live_identities import resolved_homes
from .probes.related import OtherProfile, RelatedProfiles

# Of the profiles that one gateway serves, so many show that it does.
_SERVED = 3


class DoctorScope(NamedTuple):
    """The profiles that a run examines, in the order of the fleet, and the others.

    `with_teams`: whether a finding about a team can name a profile that is reported on; `held_by_all`: returns what
    every profile of the root claims.
    """

    profiles: dict[str, ProfileFacts]
    others: Mapping[str, ProfileFacts] = {}
    with_teams: bool = True
    held_by_all: Callable[[], Mapping[str, ClaimedResources]] | None = None


def must_examine_all(context: DoctorContext, names: Sequence[str], named: Sequence[str], managed: Managed) -> bool:
    """Return whether a setting of the machine concerns every profile, so that one finding can name all of them."""
    inherited = any(context.environment.get(name, "").strip() for name in (API_SERVER_KEY, API_SERVER_ENABLED))
    return inherited or bool(managed.environment or managed.config) or set(names) <= {*named, DEFAULT}


class ScopeFinder:
    """Finds the profiles to examine for the named ones; `others`: those that are not examined so far."""

    def __init__(
        self,
        context: DoctorContext,
        names: Sequence[str],
        named: Sequence[str],
        files: ServiceFiles,
        others: Iterable[OtherProfile],
    ) -> None:
        self._context = context
        self._names = names
        self._named = named
        self._files = files
        self._others = {other.name: other for other in others}
        homes = resolved_homes(context.layout, names)
        self._related = RelatedProfiles(context.layout, context.catalog, homes, self._others.values())

    def find(
        self, first: Mapping[str, ProfileFacts], read: Callable[[Iterable[str]], dict[str, ProfileFacts]]
    ) -> DoctorScope | None:
        """Return the profiles to examine, None for all. `first`: the named ones and default; `read`: examines homes."""
        if not first.keys() >= {*self._named}:
            return None
        named = [first[name] for name in self._named]
        teams = self._related.teams(first.values())
        if teams.by_name and self._is_multiplexed(first.get(DEFAULT)):
            return None
        with_teams = not _in_team(teams).isdisjoint(self._named)
        found = {*self._related.with_state_of(named), *self._related.sharing(named), *self._with_gateway()}
        found |= {*self._not_adopted(), *(_in_team(teams) if with_teams else ())}
        profiles = {**first, **read(found & self._others.keys())}
        self._add_groups(profiles, read)
        return DoctorScope(
            {name: profiles[name] for name in self._names if name in profiles},
            {name: other.facts for name, other in self._others.items() if name not in profiles},
            with_teams,
            lambda: self._held_by_all(profiles),
        )

    def _add_groups(
        self, profiles: dict[str, ProfileFacts], read: Callable[[Iterable[str]], dict[str, ProfileFacts]]
    ) -> None:
        """Add the profiles that are linked to the named ones by shared identities, over any number of profiles."""
        group, more = frozenset[str](), frozenset(self._named)
        while more:
            group |= more
            fresh = {*self._related.sharing([profiles[name] for name in more], identities_alone=True)}
            profiles |= read(fresh - profiles.keys())
            places = {identity.place for name in group for identity in profiles[name].held.identities}
            more = frozenset(
                name
                for name, profile in profiles.items()
                if name not in group and any(identity.place in places for identity in profile.held.identities)
            )

    def _is_multiplexed(self, default: ProfileFacts | None) -> bool:
        environment = {**self._context.environment, **(default.environment if default is not None else {})}
        asked = configured(default.config, environment) if default is not None else None
        return bool(asked) or bool(find_servers(self._context.system, {}).live)

    def _with_gateway(self) -> Iterator[str]:
        """Yield the profiles whose gateway, or service, decides how the named ones are served."""
        world, others = self._context.system, [name for name in self._names if name in self._others]
        live = running(world, others)
        yield from live
        for server in find_servers(world, {}).live:
            served = (name for name in others if name in server.served and name != server.profile and name not in live)
            yield from islice(served, _SERVED)
        if world.hermes.has(Behaviour.ONE_GATEWAY) or world.hermes.has(Behaviour.FOLDS_ON_UPDATE):
            yield from may_run(world, others)
            yield from self._related.standalone()

    def _not_adopted(self) -> Iterator[str]:
        """Yield the profiles with a service of Hermes, where one of the named ones has one: one finding names all."""
        foreign = {each.profile for each in self._files.definitions if not each.is_ours and each.profile is not None}
        if not foreign.isdisjoint(self._named):
            yield from foreign

    def _held_by_all(self, profiles: Mapping[str, ProfileFacts]) -> dict[str, ClaimedResources]:
        return {
            name: profiles[name].held if name in profiles else self._related.claims(name)
            for name in self._names
            if name in profiles or name in self._others
        }


def _in_team(teams: Teams) -> frozenset[str]:
    return frozenset((*teams.memberships, *(lead for leads in teams.leads.values() for lead in leads)))


def needs_all(facts: Facts, named: Collection[str]) -> bool:
    """Return whether a finding about these profiles can name any other profile as well: all must be examined.

    Each of these faults is rare.
    """
    profiles = [facts.profiles[name] for name in named if name in facts.profiles]
    unchecked = {database.profile for database in facts.runtime.databases.unchecked}
    locks, mounts = facts.runtime.locks, facts.runtime.machine.mounts
    return (
        not unchecked.isdisjoint(named)
        or any(is_unfit(mounts[name]) for name in named if name in mounts)
        or bool(facts.runtime.lock_obstacles)
        or (locks is not None and bool(locks.immovable))
        or any(_inherits(profile, facts) for profile in profiles)
        or any(failure.profile is None for failure in facts.failures)
    )


def _inherits(profile: ProfileFacts, facts: Facts) -> bool:
    """Return whether a live gateway has a variable of a channel that the files of its profile do not set."""
    inherited = facts.identities.inherited.get(profile.name, {})
    return any(
        name not in profile.environment
        and (fact := facts.catalog.lookup(name)) is not None
        and fact.channel is not None
        for name in inherited
    )
