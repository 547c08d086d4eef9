"""Profiles that the one gateway of an account serves: what a verb does with them, before anything is touched. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hermes_profiles.gateways.model import Gateway
from hermes_profiles.model.names import DEFAULT

from .outcomes import Outcome, OutcomeKind, Verb

if TYPE_CHECKING:
    from .one_gateway import OneGateway


class MemberAction(StrEnum):
    """Serve, park or reload one profile (`alone`), or let it share the fate of the gateway (`follow`)."""

    ALONE = "alone"
    FOLLOW = "follow"


def member_action(
    verb: Verb,
    gateway: Gateway,
    one: OneGateway,
    *,
    named: bool,
    off: bool,
    with_server: bool,
    start_stopped: bool = False,
) -> Outcome | MemberAction:
    """Return what a verb does with a profile that the one gateway serves, or the outcome that is known beforehand.

    `named`: the user named it; `off`: it is disabled; `with_server`: the verb also acts on the whole gateway.
    """
    profile, is_served = gateway.profile, gateway.profile in one.served
    if verb is Verb.STOP:
        return _stopped(gateway, one, named=named, with_server=with_server)
    if off and not (verb is Verb.RESTART and is_served):
        hint = f"run `hermes-gateways enable {profile}`" if named else None
        return Outcome(profile, OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED, "disabled", hint=hint)
    if verb is Verb.RESTART and is_served:
        if with_server:
            return MemberAction.FOLLOW
        return MemberAction.ALONE if _can_leave(profile, one) else _all_or_nothing(verb, gateway, one, named=named)
    if verb is Verb.RESTART and with_server and _is_coming(gateway, one):
        return MemberAction.FOLLOW
    if verb is Verb.RESTART and not start_stopped:
        hint = f"start it with `hermes-gateways start {profile}`"
        return Outcome(profile, OutcomeKind.SKIPPED, _why_not_served(gateway) or "not running", hint=hint)
    if is_served:
        return Outcome(profile, OutcomeKind.ALREADY_RUNNING, gateway.detail, gateway.pid)
    if one.alone and not with_server:
        return Outcome(
            profile,
            OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED,
            f"{one.title} serves {one.server} alone: {one.alone}",
            one.pid,
            hint=f"see why with `hermes-profiles doctor`, then run `hermes-gateways restart {one.server}`",
        )
    return MemberAction.ALONE


def _stopped(gateway: Gateway, one: OneGateway, *, named: bool, with_server: bool) -> Outcome | MemberAction:
    profile = gateway.profile
    if profile not in one.served and not (_is_coming(gateway, one) and _can_leave(profile, one) and not with_server):
        return Outcome(profile, OutcomeKind.ALREADY_STOPPED, _why_not_served(gateway))
    if with_server and not named:
        return MemberAction.FOLLOW
    if _can_leave(profile, one):
        return MemberAction.ALONE
    return MemberAction.FOLLOW if with_server else _all_or_nothing(Verb.STOP, gateway, one, named=named)


def _can_leave(profile: str, one: OneGateway) -> bool:
    """Return whether the gateway can stop serving this profile alone: Hermes never does so with default."""
    return one.can_park and profile != DEFAULT


def _all_or_nothing(verb: Verb, gateway: Gateway, one: OneGateway, *, named: bool) -> Outcome:
    """Return the outcome for a profile that the gateway cannot act on without all others."""
    hint = f"use `hermes-gateways {verb} {one.server}`: it acts on all profiles that the gateway serves"
    kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
    return Outcome(gateway.profile, kind, gateway.detail, gateway.pid, hint=hint if named else None)


def _is_coming(gateway: Gateway, one: OneGateway) -> bool:
    """Return whether the running gateway will serve a profile soon: it starts, or has not seen the profile yet."""
    is_parked = gateway.observation is not None and gateway.observation.parked
    return one.pid is not None and not one.alone and not is_parked


def _why_not_served(gateway: Gateway) -> str:
    return "parked" if gateway.observation is not None and gateway.observation.parked else ""
