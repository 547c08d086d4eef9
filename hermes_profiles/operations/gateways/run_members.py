"""Carry out a verb for the profiles that the one gateway of an account serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from hermes_profiles.fleet.one_gateway import OneGateway, one_gateway
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.served_profiles import ALONE_HINT, ServedProfiles, failed
from hermes_profiles.fleet.start_guard import StartGuard
from hermes_profiles.fleet.verb_plan import Sorted
from hermes_profiles.gateways.host.control_socket import RESCAN, ask
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem

_BAD = (OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.INTERRUPTED)
_UP = (OutcomeKind.STARTED, OutcomeKind.RESTARTED, OutcomeKind.ALREADY_RUNNING)
_REPAIR = "let one profile keep it with `hermes-profiles repair`"
_GONE = 10.0  # seconds until a stopped gateway is seen to serve no profile
_LET_GO = 40.0  # the gateway reads the homes again every 30 s


class MemberRun:
    """The part of a request that concerns profiles in the one gateway. `report`: takes gateways under way."""

    def __init__(
        self,
        world: SystemContext,
        launch: StartGuard,
        verb: Verb,
        options: RunOptions,
        existing: Sequence[str],
        report: Callable[[Mapping[str, Gateway]], None],
    ) -> None:
        self._world = world
        self._launch = launch
        self._verb = verb
        self._options = options
        self._existing = tuple(existing)
        self._report = report
        self._one = launch.one or OneGateway("")
        self._others: frozenset[str] = frozenset()

    def before(self, plan: Sorted, *, off: Collection[str]) -> None:
        """Write what the one gateway must find when it starts, and have it let go of standalone profiles.

        `off`: disabled profiles, which it must not serve.
        """
        profiles = self._served()
        if self._verb is not Verb.STOP and self._one.server in plan.driven:
            self._others = self._expected(off) - {*plan.members, *plan.following, *plan.driven}
        if self._verb is not Verb.STOP and self._one.server in plan.driven and self._one.can_park:
            for name in sorted(self._one.members & {*off} - {*plan.members} - self._one.served):
                profiles.mark(name)
        if self._verb is Verb.START and self._one.pid is None:
            for name in plan.members:
                profiles.unpark(name)
        leaving = [name for name in plan.driven if name in self._one.served]
        if self._verb is Verb.START and leaving:
            self._let_go(leaving, profiles)

    def _expected(self, off: Collection[str]) -> frozenset[str]:
        """Return the profiles that the gateway serves once it is up again: those it serves, or else all members."""
        if self._one.pid is not None:
            return self._one.served
        gateways = self._launch.gateways
        return self._one.members - {*off} - {name for name in self._one.members if _is_parked(gateways[name])}

    def _let_go(self, names: Sequence[str], profiles: ServedProfiles) -> None:
        try:
            ask(self._world.layout.home(self._one.server), RESCAN, timeout=8.0)
        except Failed:  # it reads the homes by itself every 30 s
            pass
        for name in names:
            profiles.await_end(name, _LET_GO)

    def after(self, plan: Sorted, done: Sequence[Outcome]) -> Iterator[Outcome]:
        """Yield the outcomes of the profiles in the one gateway, once the gateways have been driven."""
        if not plan.members and not plan.following:
            return
        whole = next((each for each in done if each.profile == self._one.server), None)
        if whole is not None and self._verb is not Verb.STOP:
            self._one = self._now(whole)
        yield from (self._followed(name, whole) for name in plan.following)
        broken: Outcome | None = None
        for name in plan.members:
            outcome = self._one_member(name, whole, broken)
            broken = broken or (outcome if outcome.outcome in _BAD and self._options.rolling else None)
            yield outcome

    def others(self, done: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """Return the outcome of each profile outside the selection that the gateway no longer serves, once it is up.

        A restart that loses such a profile has failed. A start warns: nothing says that it was served before.
        """
        whole = next((each for each in done if each.profile == self._one.server), None)
        if whole is None or whole.outcome not in (OutcomeKind.STARTED, OutcomeKind.RESTARTED) or not self._others:
            return ()
        self._one = self._now(whole)
        try:
            missing, why = self._served().await_all(self._others, self._options.settle)
        except KeyboardInterrupt:
            text = "it was not seen to be served again"
            return tuple(Outcome(name, OutcomeKind.INTERRUPTED, text) for name in sorted(self._others))
        if not missing:
            return ()
        hint = ALONE_HINT if "alone" in why else f"read its log with `hermes-gateways logs {self._one.server}`"
        if self._verb is Verb.START:
            text = f"{', '.join(missing)}: {why}"
            self._launch.warnings.append(Problem("not-served", text, self._one.server, hint))
            return ()
        return tuple(Outcome(name, OutcomeKind.FAILED, why, self._one.pid, hint=hint) for name in missing)

    def with_served(self, outcome: Outcome) -> Outcome:
        """Return the outcome of the gateway itself, once it is up, with the other profiles that it serves."""
        if outcome.profile != self._one.server or outcome.outcome not in (OutcomeKind.STARTED, OutcomeKind.RESTARTED):
            return outcome
        one = one_gateway(self._world, survey(self._world, self._existing))
        if one is None or not one.served:
            return outcome
        return outcome._replace(
            detail="; ".join(filter(None, (f"also serves {', '.join(sorted(one.served))}", outcome.detail)))
        )

    def _one_member(self, name: str, whole: Outcome | None, broken: Outcome | None) -> Outcome:
        if broken is not None:
            return Outcome(name, OutcomeKind.SKIPPED, f"not begun: {broken.profile} failed before")
        if whole is not None and whole.outcome in _BAD and self._verb is not Verb.STOP:
            return self._without_server(name, whole)
        refusal = self._launch.refusal_of_served(name) if self._verb is Verb.START else None
        if refusal is not None:
            return Outcome(name, OutcomeKind.REFUSED, refusal, hint=_REPAIR)
        profiles = self._served()
        try:
            if whole is not None and whole.outcome in _UP:
                kind = OutcomeKind.RESTARTED if self._verb is Verb.RESTART else OutcomeKind.STARTED
                return profiles.await_served(name, kind)
            return profiles.act(self._verb, name)
        except KeyboardInterrupt:
            return Outcome(name, OutcomeKind.INTERRUPTED, f"{self._verb} was asked for; it may still come to an end")
        except HermesProfilesError as error:
            return failed(name, error)

    def _followed(self, name: str, whole: Outcome | None) -> Outcome:
        """Return the outcome of a profile that shares the fate of the whole gateway."""
        if whole is None or whole.outcome in _BAD:
            return self._without_server(name, whole)
        if self._verb is Verb.RESTART:
            try:
                return self._served().await_served(name, OutcomeKind.RESTARTED)
            except KeyboardInterrupt:
                return Outcome(name, OutcomeKind.INTERRUPTED, "it was not seen to be served again")
        if not self._served().await_end(name, _GONE):
            return Outcome(name, OutcomeKind.FAILED, f"{self._one.title} still serves it", self._one.pid)
        return Outcome(name, OutcomeKind.STOPPED, f"the gateway of {self._one.server} served it")

    def _without_server(self, name: str, whole: Outcome | None) -> Outcome:
        kind = whole.outcome if whole is not None and whole.outcome in _BAD else OutcomeKind.FAILED
        why = f": {whole.detail}" if whole is not None and whole.detail else ""
        return Outcome(name, kind, f"the gateway of {self._one.server} serves it{why}")

    def _served(self) -> ServedProfiles:
        return ServedProfiles(self._world.layout, self._one, self._observe, self._options)

    def _observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        seen = survey(self._world, profiles)
        self._report(seen)
        return seen

    def _now(self, whole: Outcome) -> OneGateway:
        """Return the one gateway as it is now; the process is that of the outcome."""
        one = one_gateway(self._world, survey(self._world, self._existing))
        return (one or self._one)._replace(pid=whole.pid or (one.pid if one is not None else None))


def _is_parked(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.parked


def planned_members(verb: Verb, plan: Sorted, one: OneGateway | None) -> list[Outcome]:
    """Return what a dry run says of the profiles in the one gateway."""
    if one is None:
        return []
    kind = OutcomeKind(f"would-{verb}")
    acts = {Verb.START: "would serve it", Verb.STOP: "would stop serving it", Verb.RESTART: "would take it in again"}
    alone = [Outcome(name, kind, f"{one.title} {acts[verb]}", one.pid) for name in plan.members]
    return [*alone, *(Outcome(name, kind, f"{one.title} serves it", one.pid) for name in plan.following)]
