"""Plans a repair: which profile keeps what several share, and what the others lose. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from hermes_profiles.clone.strip.plan import StripRequest
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.rules.environment import API_SERVER
from hermes_profiles.gateways.model import Gateway, LiveLock
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import NOTHING_MANAGED, Managed
from hermes_profiles.profiles.shared_logins import shares_nous

from .ownership import Decision, DecisionKey, SharedIdentity, SharedKind, UsageEvidence, decide_owners
from .shared_identities import ProfileIdentities, port_rivalries, possession, rivalries
from .usage_evidence import created_at, evidence_of

Owners = Mapping[str, Sequence[str]]


class Scene(NamedTuple):
    """What a repair reads. `profiles`: all of the root, in fleet order.

    `environment`: determines where Hermes keeps logins that are shared on purpose; `managed`: values of the managed
    directory that profiles refer to (`${FAMILY_BOT}`).
    """

    layout: Layout
    catalog: Catalog
    profiles: Sequence[str]
    gateways: Mapping[str, Gateway]
    locks: Sequence[LiveLock]
    environment: Mapping[str, str] = MappingProxyType({})
    managed: Managed = NOTHING_MANAGED


class Asked(NamedTuple):
    """The options of a repair.

    `owners`: channel → profiles that keep it; `channels`: only these (None: all); `may_change`: the profiles that may
    lose something; `only`: the decisions that are carried out (None: all).
    """

    owners: Owners
    channels: frozenset[str] | None
    may_change: frozenset[str]
    only: frozenset[DecisionKey] | None = None

    def wants(self, decision: Decision) -> bool:
        """Return whether a decision is to be carried out."""
        return self.only is None or decision.key in self.only


class Repair(NamedTuple):
    """The decisions; profile → what is removed from it; `unread`: files that could not be read."""

    decisions: tuple[Decision, ...]
    wishes: Mapping[str, StripRequest]
    unread: tuple[Problem, ...]


def plan_repair(scene: Scene, asked: Asked) -> Repair:
    """Return the owner of everything shared, and what the other profiles lose.

    Raises UsageProblem for an owner that does not hold what it would keep.
    """
    found = {name: possession(scene.layout, name, scene.catalog, scene.managed) for name in _homes(scene)}
    if shares_nous(scene.layout, scene.environment):
        found = {name: each.without_login("nous") for name, each in found.items()}
    contested = [one for one in rivalries(found, scene.catalog) if _is_asked(one.channel, asked)]
    decisions = [each for one in contested for each in _decided(one, scene, found, asked) if asked.wants(each)]
    gone: dict[str, set[str]] = {name: set() for name in found}
    for decision in decisions:
        if decision.kind in (SharedKind.IDENTITY, SharedKind.COPY):
            for loser in set(decision.losers) & asked.may_change:
                gone[loser].add(decision.channel)
    staying = {name: [one for one in each.held.ports if one.channel not in gone[name]] for name, each in found.items()}
    ports = [one for one in port_rivalries(staying) if any(_is_asked(c, asked) for c in one.channel.split(", "))]
    decisions += [each for one in ports for each in _decided(one, scene, found, asked) if asked.wants(each)]
    _check_owners(asked.owners, [*contested, *ports])
    unread = dict.fromkeys(problem for each in found.values() for problem in each.problems)
    return Repair(tuple(decisions), dict(_wishes(decisions, found, asked)), tuple(unread))


def _homes(scene: Scene) -> tuple[str, ...]:
    """Return the profiles with a home of their own; a link to another home is not a second holder."""
    first: dict[str, str] = {}
    for name in scene.profiles:
        first.setdefault(os.path.realpath(scene.layout.home(name)), name)
    return tuple(first.values())


def _is_asked(channel: str, asked: Asked) -> bool:
    return asked.channels is None or channel in asked.channels


def _decided(
    rivalry: SharedIdentity, scene: Scene, found: Mapping[str, ProfileIdentities], asked: Asked
) -> tuple[Decision, ...]:
    names = rivalry.channel.split(", ")
    named = [profile for channel in names for profile in asked.owners.get(channel, ())]
    known = {name: _evidence(rivalry, names, name, scene, found[name]) for name in rivalry.holders}
    return decide_owners(rivalry, known, named)


def _evidence(
    rivalry: SharedIdentity, channels: Sequence[str], profile: str, scene: Scene, has: ProfileIdentities
) -> UsageEvidence:
    """Return the evidence of a profile's use; for a port of several channels, of the channel that it has."""
    if rivalry.kind is SharedKind.LOGIN:
        login = has.logins[rivalry.channel]
        home = scene.layout.home(profile)
        return UsageEvidence(used_at=login.refreshed, created_at=created_at(home), first=profile == DEFAULT)
    own = [channel for channel in channels if channel in has.held.channels] or list(channels)
    return evidence_of(
        scene.layout,
        profile,
        own[0],
        held=has.held,
        gateway=scene.gateways.get(profile),
        locks=scene.locks,
        catalog=scene.catalog,
    )


def _check_owners(owners: Owners, contested: Sequence[SharedIdentity]) -> None:
    for channel, profiles in owners.items():
        holders = [name for one in contested if channel in one.channel.split(", ") for name in one.holders]
        for profile in profiles:
            if holders and profile not in holders:
                raise UsageProblem(
                    f"{profile} shares nothing of {channel} with another profile",
                    target="--owner",
                    hint=f"use one of these as the owner: {', '.join(dict.fromkeys(holders))}",
                )


def _wishes(
    decisions: Sequence[Decision], found: Mapping[str, ProfileIdentities], asked: Asked
) -> Iterator[tuple[str, StripRequest]]:
    """Yield (profile, what is removed from it) for each profile that loses something and may be changed."""
    for name, has in found.items():
        lost = [one for one in decisions if name in one.losers and name in asked.may_change]
        if not lost:
            continue
        channels = frozenset(one.channel for one in lost if one.kind in (SharedKind.IDENTITY, SharedKind.COPY))
        moved = [one for one in lost if one.kind is SharedKind.PORT]
        reassign = frozenset(
            claim.channel
            for one in moved
            for claim in has.held.ports
            if one.what == f"port {claim.port}" and claim.channel not in channels
        )
        owners = {one.owner for one in moved if API_SERVER in one.channel.split(", ")}
        is_shared = bool(has.api_key) and any(found[owner].api_key == has.api_key for owner in owners)
        yield (
            name,
            StripRequest(
                channels,
                frozenset(one.channel for one in lost if one.kind is SharedKind.LOGIN),
                reassign,
                new_key=is_shared and API_SERVER in reassign,
            ),
        )


def remaining(decisions: Sequence[Decision], may_change: Collection[str]) -> tuple[Decision, ...]:
    """Return the decisions with a loser that may be changed and still holds what it loses."""
    return tuple(one for one in decisions if set(one.losers) & set(may_change))
