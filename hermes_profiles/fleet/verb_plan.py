"""What a verb does with each selected profile, before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.gateways.model import MASKED, Gateway, GatewayState, unusable_definition
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.placement import Elsewhere
from hermes_profiles.services.manager import Activity

from .foreign import also_stopped, refusal
from .members import MemberAction, member_action
from .outcomes import STOPPED, Outcome, OutcomeKind, Verb
from .selection import Selection

if TYPE_CHECKING:
    from .one_gateway import OneGateway

_UP = (GatewayState.RUNNING, GatewayState.DEGRADED, GatewayState.STARTING, GatewayState.UNSUPERVISED)
# Without a process that is proven to be theirs.
_COMING = (GatewayState.STARTING, GatewayState.CRASH_LOOPING, GatewayState.UNKNOWN)


class Sorted(NamedTuple):
    """The plan of a verb: profiles to drive, and the outcomes that are known beforehand.

    `members`: profiles that the one gateway shall serve or stop serving; `following`: those it serves that share the
    fate of the whole gateway, which is driven.
    """

    driven: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    members: tuple[str, ...] = ()
    following: tuple[str, ...] = ()


def sort_out(
    verb: Verb,
    selection: Selection,
    gateways: Mapping[str, Gateway],
    *,
    disabled: Iterable[str] = (),
    ancestors: Iterable[int] = (),
    force: bool = False,
    start_stopped: bool = False,
    one: OneGateway | None = None,
) -> Sorted:
    """Return the profiles that a verb must act on, and the outcomes of the others.

    `ancestors`: pids of the ancestors of this process; `one`: the one gateway of the account, None where each profile
    has its own; its `server` is among `gateways`. Raises NotFound where a named profile has no service to start, or no
    selected profile has one.
    """
    off, above = set(disabled), set(ancestors)
    members = one.members if one is not None else frozenset()
    own = Selection(tuple(name for name in selection.profiles if name not in members), selection.named)
    lost = {name for name, gateway in gateways.items() if gateway.service is not None and gateway.service.lost}
    if one is None or own.profiles:
        _require_services(verb, own, gateways)
    driven, outcomes = [], []
    for profile in own.profiles:
        if verb is Verb.START and lost and not own.named and _was_stopped(gateways[profile]):
            hint = f"start it with `hermes-gateways start {profile}`"
            detail = "it did not run when supervisord ended"
            outcomes.append(Outcome(profile, OutcomeKind.SKIPPED, detail, hint=hint))
            continue
        outcome = _of_another_root(verb, gateways[profile], one, force=force)
        outcome = outcome or _of_swapped_homes(verb, gateways[profile], selection.profiles, force=force)
        outcome = outcome or _of_replaced_home(verb, gateways[profile])
        outcome = outcome or _of_shared_unit(verb, gateways[profile], selection.profiles, force=force)
        outcome = outcome or _known_outcome(
            verb,
            gateways[profile],
            named=selection.named,
            off=profile in off,
            force=force,
            above=above,
            start_stopped=start_stopped,
        )
        if outcome is None:
            driven.append(profile)
        else:
            outcomes.append(outcome)
    plan = Sorted(tuple(driven), tuple(outcomes))
    if one is None:
        return plan
    return _with_members(verb, selection, gateways, plan, one, off=off, force=force, start_stopped=start_stopped)


def without_elsewhere(
    verb: Verb, selection: Selection, elsewhere: Mapping[str, Elsewhere]
) -> tuple[Selection, tuple[Outcome, ...]]:
    """Return the selection without profiles that live in another place, and their outcomes; a stop takes them all."""
    if verb is Verb.STOP or not elsewhere:
        return selection, ()
    away = [elsewhere[name] for name in selection.profiles if name in elsewhere]
    here = selection._replace(profiles=tuple(name for name in selection.profiles if name not in elsewhere))
    return here, tuple(_lives_elsewhere(each, named=selection.named) for each in away)


def _lives_elsewhere(found: Elsewhere, *, named: bool) -> Outcome:
    kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
    return Outcome(found.profile, kind, found.reason, hint=found.hint)


def _with_members(
    verb: Verb,
    selection: Selection,
    gateways: Mapping[str, Gateway],
    plan: Sorted,
    one: OneGateway,
    *,
    off: set[str],
    force: bool,
    start_stopped: bool,
) -> Sorted:
    """Return a plan with the profiles that the one gateway serves, or will serve."""
    outcomes = list(plan.outcomes)
    alone: list[str] = []
    following: list[str] = []
    for profile in (name for name in selection.profiles if name in one.members):
        action = member_action(
            verb,
            gateways[profile],
            one,
            named=selection.named,
            off=profile in off,
            with_server=one.server in plan.driven,
            start_stopped=start_stopped,
        )
        if isinstance(action, Outcome):
            outcomes.append(action)
        else:
            (following if action is MemberAction.FOLLOW else alone).append(profile)
    driven = plan.driven
    if alone and one.pid is None and one.server not in driven and verb is not Verb.STOP:
        known = _server_to_start(gateways[one.server], one, off=one.server in off, force=force)
        if known is None:
            driven = (one.server, *driven)
        else:
            outcomes += [known._replace(profile=name) for name in alone]
            alone = []
    return Sorted(driven, tuple(outcomes), tuple(alone), tuple(following))


def _server_to_start(server: Gateway, one: OneGateway, *, off: bool, force: bool) -> Outcome | None:
    """Return why the stopped gateway that would serve a profile cannot be started, None where it can."""
    if _lacks_service(server):
        raise NotFound(
            f"no service is installed for {one.server}, whose gateway serves all profiles",
            target=one.server,
            code="no-service",
            hint=f"install and start it with `hermes-gateways install {one.server} --start`",
        )
    if off:
        detail = f"{one.title} would serve it, and {one.server} is disabled"
        hint = f"run `hermes-gateways enable {one.server}`"
        return Outcome(server.profile, OutcomeKind.REFUSED, detail, hint=hint)
    known = _of_another_root(Verb.START, server, one, force=force)
    return known if known is not None else _known_refusal(server, one)


def _known_refusal(server: Gateway, one: OneGateway) -> Outcome | None:
    if server.state is not GatewayState.UNKNOWN:
        return None
    detail = f"{one.title} would serve it: {server.detail}"
    return Outcome(server.profile, OutcomeKind.REFUSED, detail, server.pid, hint="nothing is signalled on a guess")


def _was_stopped(gateway: Gateway) -> bool:
    """Return whether a gateway with a service does not run, and was not to run when its manager ended."""
    service = gateway.service
    if service is None or not service.installed or service.lost or gateway.process is not None:
        return False
    return service.activity is Activity.INACTIVE and not service.queued and not service.waiting


def _of_another_root(verb: Verb, gateway: Gateway, one: OneGateway | None, *, force: bool) -> Outcome | None:
    """Return the refusal of a start beside the gateway of another root, None without one or with `force`."""
    if one is None or one.rival is None or force or verb is Verb.STOP or gateway.process is not None:
        return None
    rival = one.rival
    return Outcome(
        gateway.profile,
        OutcomeKind.REFUSED,
        f"the gateway of {rival.home} (PID {rival.process.pid}) is the one gateway of this account",
        hint=f"stop it with `hermes-gateways stop --home {quote(str(rival.home))}`, "
        "or start a second one with `--force`",
    )


def _of_swapped_homes(verb: Verb, gateway: Gateway, chosen: Sequence[str], *, force: bool) -> Outcome | None:
    """Return the refusal for a gateway whose home changed places with another one; a stop of all of them is safe.

    The service of the one and the lock of the other lead to different processes: a stop of one would stop both.
    """
    facts = gateway.observation
    partners = facts.swapped_with if facts is not None and facts.process is not None else ()
    if not partners or (verb is Verb.STOP and (force or set(partners) <= set(chosen))):
        return None
    names = " ".join(sorted({gateway.profile, *partners}))
    hint = f"stop them together with `hermes-gateways stop {names}`"
    if verb is not Verb.STOP:
        hint = f"start them again with `hermes-gateways stop {names} && hermes-gateways start {names}`"
    return Outcome(gateway.profile, OutcomeKind.REFUSED, gateway.detail, gateway.pid, hint=hint)


def _of_replaced_home(verb: Verb, gateway: Gateway) -> Outcome | None:
    """Return the refusal to start a gateway that runs in the folder that was its home before, None for any other."""
    facts = gateway.observation
    if verb is not Verb.START or facts is None or gateway.process is None or not facts.left_home:
        return None
    hint = f"restart it in its home with `hermes-gateways restart {gateway.profile}`"
    if _lacks_own_service(gateway):
        hint = f"stop it with `hermes-gateways stop {gateway.profile}`, then start it again"
    return Outcome(gateway.profile, OutcomeKind.REFUSED, gateway.detail, gateway.pid, hint=hint)


def _of_shared_unit(verb: Verb, gateway: Gateway, chosen: Sequence[str], *, force: bool) -> Outcome | None:
    """Return the refusal to stop a unit that also runs gateways of profiles that are not to stop."""
    others = also_stopped(gateway)
    by = gateway.foreign_supervisor
    if verb is not Verb.STOP or force or by is None or set(others) <= set(chosen):
        return None
    detail = f"supervised by {by.title}, which also runs {', '.join(others)}"
    names = " ".join((gateway.profile, *(name for name in others if " " not in name)))
    hint = f"stop all of them with `hermes-gateways stop {names}{' --force' if ' '.join(others) not in names else ''}`"
    return Outcome(gateway.profile, OutcomeKind.REFUSED, detail, gateway.pid, hint=hint)


def _require_services(verb: Verb, selection: Selection, gateways: Mapping[str, Gateway]) -> None:
    if verb is not Verb.START or not selection.profiles:
        return
    without = [name for name in selection.profiles if _lacks_service(gateways[name])]
    if without and (selection.named or len(without) == len(selection.profiles)):
        masked = [name for name in without if _is_masked(gateways[name])]
        why = f": the unit of {', '.join(masked)} is masked" if masked else ""
        raise NotFound(
            f"no service is installed for {', '.join(without)}{why}",
            target=without[0],
            code="no-service",
            hint=f"install and start it with `hermes-gateways install {' '.join(without)} --start`",
        )


def _is_masked(gateway: Gateway) -> bool:
    return gateway.service is not None and gateway.service.reason == MASKED


def _lacks_service(gateway: Gateway) -> bool:
    return _lacks_own_service(gateway) and not gateway.is_alive


def _lacks_own_service(gateway: Gateway) -> bool:
    return gateway.service is None or not gateway.service.installed


def _known_outcome(
    verb: Verb, gateway: Gateway, *, named: bool, off: bool, force: bool, above: set[int], start_stopped: bool
) -> Outcome | None:
    """Return the outcome that is known beforehand, None where there is something to do."""
    state, profile = gateway.state, gateway.profile
    declined = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
    if state is GatewayState.SERVED and not force:
        if gateway.observation is None or not gateway.observation.standalone:
            return _served_outcome(verb, gateway, named=named)
        if verb is not Verb.START:
            return _still_served(gateway, named=named)
    if state is GatewayState.UNKNOWN and not (force and (verb is Verb.START or _is_active(gateway))):
        return Outcome(
            profile, OutcomeKind.REFUSED, gateway.detail, gateway.pid, hint="nothing is signalled on a guess"
        )
    if verb is not Verb.START and gateway.pid in above:
        return Outcome(
            profile,
            OutcomeKind.REFUSED,
            "this command runs inside that gateway and would end itself",
            gateway.pid,
            hint="run it from a shell of your own",
        )
    if (foreign := refusal(verb, gateway)) is not None:
        return foreign
    if verb is Verb.STOP:
        return _stop_outcome(gateway)
    if off and not (verb is Verb.RESTART and state in _UP):
        hint = f"run `hermes-gateways enable {profile}`" if named else None
        return Outcome(profile, declined, "disabled", hint=hint)
    return _start_outcome(gateway) if verb is Verb.START else _restart_outcome(gateway, start_stopped=start_stopped)


def _served_outcome(verb: Verb, gateway: Gateway, *, named: bool) -> Outcome:
    """Return the outcome for a profile without a gateway of its own, served by default's gateway.

    Hermes would refuse a second gateway.
    """
    is_served = gateway.observation is not None and gateway.observation.served_by is not None
    if not named:
        return Outcome(gateway.profile, OutcomeKind.SKIPPED, gateway.detail, gateway.pid)
    if verb is Verb.START and is_served:
        return Outcome(gateway.profile, OutcomeKind.ALREADY_RUNNING, gateway.detail, gateway.pid)
    hints = {
        Verb.START: "run `hermes-gateways restart default --start-stopped`: default then serves it",
        Verb.STOP: "`hermes-gateways stop default` stops it with all others that default serves; for a gateway of its "
        "own run `hermes-profiles team run-mode processes`",
        Verb.RESTART: "`hermes-gateways restart default` restarts it with all other profiles that default serves",
    }
    return Outcome(gateway.profile, OutcomeKind.REFUSED, gateway.detail, gateway.pid, hint=hints[verb])


def _still_served(gateway: Gateway, *, named: bool) -> Outcome:
    """Return the outcome for a standalone profile that the one gateway has not let go of yet."""
    hint = f"start its own gateway with `hermes-gateways start {gateway.profile}`" if named else None
    detail = f"{gateway.detail} until that reads config.yaml again, within 30 s"
    kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
    return Outcome(gateway.profile, kind, detail, gateway.pid, hint=hint)


def _is_active(gateway: Gateway) -> bool:
    """Return whether its manager has a hand on it: then a stop means the service, not a process one guesses at."""
    return gateway.service is not None and gateway.service.activity in (Activity.ACTIVE, Activity.ACTIVATING)


def _stop_outcome(gateway: Gateway) -> Outcome | None:
    if gateway.state is GatewayState.STALE and gateway.service is None:
        return Outcome(gateway.profile, OutcomeKind.ALREADY_STOPPED, gateway.detail)
    return None


def _start_outcome(gateway: Gateway) -> Outcome | None:
    is_ending = gateway.service is not None and gateway.service.activity is Activity.DEACTIVATING
    is_up = gateway.process is not None and gateway.state in _UP
    if is_up and (not is_ending or gateway.state is GatewayState.UNSUPERVISED):
        masked = tuple(mask.channel for mask in gateway.masks)
        detail = f"unsupervised: {gateway.detail}" if gateway.state is GatewayState.UNSUPERVISED else gateway.detail
        return Outcome(gateway.profile, OutcomeKind.ALREADY_RUNNING, detail, gateway.pid, masked)
    if _lacks_service(gateway):
        return Outcome(
            gateway.profile,
            OutcomeKind.SKIPPED,
            "no service",
            hint=f"install it with `hermes-gateways install {gateway.profile}`",
        )
    return None


def _restart_outcome(gateway: Gateway, *, start_stopped: bool) -> Outcome | None:
    has_service = gateway.service is not None and gateway.service.installed
    is_up = gateway.process is not None or gateway.state in _COMING
    if is_up and not has_service:
        return Outcome(
            gateway.profile,
            OutcomeKind.REFUSED,
            "it has no service that would start it again",
            gateway.pid,
            hint=f"install one with `hermes-gateways install {gateway.profile}`, then restart",
        )
    if is_up and gateway.service is not None and gateway.service.unusable:
        return Outcome(
            gateway.profile,
            OutcomeKind.REFUSED,
            unusable_definition(gateway.service.unusable),
            gateway.pid,
            hint=f"write it again with `hermes-gateways install {gateway.profile} --force`, then restart",
        )
    if is_up or (has_service and gateway.service is not None and gateway.service.lost):
        return None
    if not start_stopped:
        detail = STOPPED if has_service else f"{STOPPED}, no service"
        return Outcome(gateway.profile, OutcomeKind.SKIPPED, detail, hint="`--start-stopped` starts it")
    return _start_outcome(gateway)
