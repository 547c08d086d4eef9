"""Claim the bots of a place in its cluster, so that no other place there can have one of them."""

from __future__ import annotations

from hermes_profiles.kubernetes.claims import BotClaim, ClaimResult, read_claims, release_claims, take_claims
from hermes_profiles.model.errors import Failed, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.facts import PlaceFacts
from hermes_profiles.places.file import place_named
from hermes_profiles.places.model import KubernetesTarget, Place
from hermes_profiles.places.transport import PlaceSilent

from ..context import Session
from .in_places import read_facts


class ClaimedPlace(NamedTuple):
    """The claims of a place after a command. `outcome`: claimed, released, or what a dry run would do."""

    place: Place
    claims: tuple[BotClaim, ...]
    outcome: str


def claim_place(session: Session, name: str, *, dry_run: bool = False) -> ClaimedPlace:
    """Claim all bots of a place, or none. Raises Refused with the holder of one; NotFound, PlaceSilent, Failed."""
    place, target = _in_cluster(session, name)
    claims = _claims(place, _facts(session, place), target)
    if dry_run:
        return ClaimedPlace(place, claims, "would-be-claimed")
    done: ClaimResult = take_claims(target, claims, session.environment)
    return ClaimedPlace(place, claims, "claimed" if done.made else "unchanged")


def release_place(session: Session, name: str, *, dry_run: bool = False) -> ClaimedPlace:
    """Remove all claims of a place; its pod need not be up. Raises NotFound, PlaceSilent, Failed."""
    place, target = _in_cluster(session, name)
    claims = tuple(each for each in read_claims(target, session.environment) if each.owner == target.name)
    if not dry_run:
        release_claims(target, claims, session.environment)
    return ClaimedPlace(place, claims, "would-be-released" if dry_run else "released" if claims else "unchanged")


def _in_cluster(session: Session, name: str) -> tuple[Place, KubernetesTarget]:
    place = place_named(session.environment, name, own_root=session.layout.root)
    if place.kubernetes is None:
        raise UsageProblem(
            f"{name} is not in a cluster: claims are objects of Kubernetes",
            target=name,
            hint="compare bots of all places with `hermes-profiles doctor --place all`",
        )
    return place, place.kubernetes


def _facts(session: Session, place: Place) -> PlaceFacts:
    found = read_facts(session, (place,))[place.name]
    if isinstance(found, PlaceFacts):
        if found.key_id:
            return found
        raise Failed(
            f"{place.name} has no key of the fleet, so its bots have no fingerprints",
            target=place.name,
            code="place-key",
            hint=f"share the key with `hermes-gateways place share-key {place.name}`",
        )
    problem = next(iter(found.problems("errors")), None)
    raise PlaceSilent(
        problem.message if problem is not None else f"{place.name}: no answer",
        target=place.name,
        hint=problem.hint if problem is not None else None,
    )


def _claims(place: Place, facts: PlaceFacts, target: KubernetesTarget) -> tuple[BotClaim, ...]:
    """Return the claims that a place needs: one for each bot, also for one that two of its profiles have."""
    found = {
        identity.mark: BotClaim(identity.mark, identity.channel, target.name, profile.name)
        for profile in reversed(facts.profiles)
        if not profile.is_elsewhere
        for identity in profile.identities
    }
    return tuple(reversed(found.values()))
