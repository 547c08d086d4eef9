"""Start, stop or restart the gateways of many profiles."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.events.requests import note_request
from hermes_profiles.fleet.attached_services import load_again
from hermes_profiles.fleet.backend import ServiceBackend
from hermes_profiles.fleet.executor import POLL, FleetExecutor
from hermes_profiles.fleet.memory_check import available_memory, default_stagger, memory_warning
from hermes_profiles.fleet.observed_masks import observed_masks
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.outdated import only_old_code
from hermes_profiles.fleet.protocols import SETTLE, RunOptions, StartDecision
from hermes_profiles.fleet.restart_record import RestartRecord, forget_restart, unfinished_restart, without_profiles
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.start_guard import ConflictRule, StartGuard
from hermes_profiles.fleet.unwritable import without_unwritable
from hermes_profiles.fleet.verb_plan import Sorted, sort_out, without_elsewhere
from hermes_profiles.gateways.channel_records import has_left_channels
from hermes_profiles.gateways.hermes_files import pid_record
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import ancestors
from hermes_profiles.model.errors import HermesProfilesError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.placement import all_elsewhere
from hermes_profiles.services.manager import Manager

from ..events import Event
from ..fleet_context import FleetSession
from ..fleet_exclusive import surviving_restart
from ..fleet_result import FleetResult, fleet_result
from ..own_services.watch_service import keep_watching
from .inherited_api import inherited_api_warnings
from .listening import ListeningReader
from .orphaned_services import orphaned_service_warnings
from .other_supervisors import with_unit_of_another_name
from .run_members import MemberRun, planned_members

_STARTS = (Verb.START, Verb.RESTART)
_UP = (OutcomeKind.STARTED, OutcomeKind.RESTARTED)
# Seconds that a start waits for a gateway that may be exiting, and for one that has left its channels, so that it is.
_UNCERTAIN, _LEAVING = 5.0, 20.0


class WholeGateway(NamedTuple):
    """An action that stops or restarts a gateway which serves more profiles than were selected.

    `verb`: the command; `server`: the profile the gateway was started for; `others`: the served profiles outside the
    selection.
    """

    verb: str
    server: str
    others: tuple[str, ...]


ConfirmWhole = Callable[[WholeGateway], bool]


class FleetRequest(NamedTuple):
    """What a caller asks of many gateways. `stagger`: seconds between two starts, None for the default.

    `owners`: the profiles that keep a channel which several hold; `force`: do it although it would be refused for
    safety; `start_stopped` and `only_old_code`: which gateways a restart includes; `confirm`: is asked before a stop or
    restart that takes other profiles along (None: not asked); `include_disabled`: disabled profiles are also started.
    """

    verb: Verb
    options: RunOptions = RunOptions(settle=SETTLE)
    stagger: float | None = None
    owners: tuple[str, ...] = ()
    on_conflict: str = "mask"
    force: bool = False
    dry_run: bool = False
    start_stopped: bool = False
    only_old_code: bool = False
    confirm: ConfirmWhole | None = None
    include_disabled: bool = False


def run_fleet(session: FleetSession, request: FleetRequest, selection: Selection) -> FleetResult:
    """Start, stop or restart the selected gateways and return the outcomes.

    Reports to the session's `on_progress` and `on_outcome`. Everything is planned and done under the fleet lock, except
    a dry run. A restart that another command could not complete is completed first; a stop drops it for its profiles.
    Raises what refuses the request as a whole.
    """
    if request.dry_run:
        return _FleetRun(session, request).run(selection)
    with session.exclusive():
        warnings = finish_restart(session) if request.verb is not Verb.STOP else ()
        names = tuple(name for name in selection.profiles if name in session.existing)
        if request.verb is Verb.STOP:
            without_profiles(session.layout, names)
        done = _FleetRun(session, request).run(selection._replace(profiles=names))
        orphans = orphaned_service_warnings(session) if request.verb is Verb.STOP and not selection.named else ()
        return done._replace(warnings=(*warnings, *done.warnings, *orphans))


def start_recorded(session: FleetSession, request: FleetRequest, selection: Selection) -> FleetResult:
    """Start gateways that the caller has stopped within `surviving_restart`, whose record stays."""
    with session.exclusive():
        names = tuple(name for name in selection.profiles if name in session.existing)
        return _FleetRun(session, request).run(selection._replace(profiles=names))


def recover_fleet(session: FleetSession, *, dry_run: bool) -> list[Problem]:
    """Complete or revert the change of a killed run, and start the gateways that it left stopped; returns warnings."""
    record = None if dry_run else unfinished_restart(session.layout)
    if record is None or session.world.processes.find(record.pid) is not None:
        return session.recover(dry_run=dry_run)
    return list(finish_restart(session))


def finish_restart(session: FleetSession) -> tuple[Problem, ...]:
    """Start the gateways that a killed restart or change left stopped; returns a warning that names them.

    The change is completed or reverted first. Profiles that are gone or have no service any more are passed over.
    """
    with session.exclusive():
        record = unfinished_restart(session.layout)
        if record is None:
            return ()
        recovered = session.recover(dry_run=False)
        session.forget_profiles()
        if record.enabled:
            session = session.fresh()
            recovered += _load_recorded(session, record)
        names = tuple(name for name in record.profiles if name in session.existing)
        request = FleetRequest(Verb.START, owners=record.owners, on_conflict=record.on_conflict, include_disabled=True)
        known = [name for name in record.owners if name in session.existing]
        run = _FleetRun(session, request._replace(owners=tuple(known)))
        try:
            started = run.run(Selection(names, named=False)).outcomes if names else ()
        except NotFound:  # none has a service any more
            started = ()
        forget_restart(session.layout)
    up = [each.profile for each in started if each.outcome is OutcomeKind.STARTED]
    if not up:
        return tuple(recovered)
    text = f"process {record.pid} was ended before it started {', '.join(up)} again: that is done now"
    return (*recovered, Problem("restart-finished", text, up[0]))


def _load_recorded(session: FleetSession, record: RestartRecord) -> list[Problem]:
    """Have the manager read the services of a killed change: the old ones are gone, or the new ones not loaded yet."""
    manager = session.require_manager()
    names = (*record.profiles, *record.enabled)
    services = {name: manager.service(session.world.service_name(name), name) for name in names}
    gone = [each for each in services.values() if not os.path.lexists(each.path)]
    refused = dict(manager.unload(gone)) if gone else {}
    left = {name: name in record.enabled and name not in session.disabled for name in services.keys() - refused.keys()}
    there = {name: enable or None for name, enable in left.items() if os.path.lexists(services[name].path)}
    return [*load_again(session.world, there)]


class _FleetRun:
    """One request, carried out for a selection of profiles."""

    def __init__(self, session: FleetSession, request: FleetRequest) -> None:
        self._session = session
        self._request = request
        self._starts = request.verb in _STARTS

    def run(self, selection: Selection) -> FleetResult:
        """Return the outcomes."""
        session, request = self._session, self._request
        rule = _conflict_rule(request.on_conflict)
        session.require_manager()
        away = all_elsewhere(session.layout, session.existing, catalog=lambda: session.catalog)
        selection, elsewhere = without_elsewhere(request.verb, selection, away)
        launch = StartGuard(session.world, session.existing, session.catalog, session.environment, rule, request.owners)
        gateways = self._observe(launch, selection)
        one = launch.one
        if one is not None:
            gateways = {**gateways, one.server: launch.gateways[one.server]}
        try:
            plan = sort_out(
                request.verb,
                selection,
                launch.with_topology(gateways),
                disabled=() if request.include_disabled else session.disabled,
                ancestors=ancestors(),
                force=request.force,
                start_stopped=request.start_stopped,
                one=one,
            )
        except NotFound as error:
            raise with_unit_of_another_name(session, error) from error
        plan = plan._replace(outcomes=(*elsewhere, *plan.outcomes))
        reasons: Mapping[str, str] = {}
        if request.only_old_code:
            plan, reasons = only_old_code(plan, gateways)
        if self._starts:
            plan = without_unwritable(plan, session.layout.home, gateways)
        warnings = self._of_one_gateway(launch, plan, selection) if one is not None else []
        warnings += inherited_api_warnings(session, launch.gateways) if self._starts else ()
        if request.dry_run:
            return self._planned(plan, launch, gateways, reasons, warnings)
        warnings += self._memory_warnings(plan, gateways) if self._starts else []
        if self._starts and plan.driven:
            launch.begin(plan.driven)
        elif self._starts and plan.members:
            launch.decide(())
        for outcome in plan.outcomes:
            session.on_outcome(outcome)
        done = self._carry_out(launch, plan, gateways)
        order = (
            *(each.profile for each in elsewhere),
            *((one.server,) if one is not None else ()),
            *selection.profiles,
            *session.existing,
        )
        outcomes = _in_order((*plan.outcomes, *done), tuple(dict.fromkeys(order)))
        freed = _freed_channels(done, launch.gateways) if request.verb is Verb.STOP else ()
        outcomes = self._with_remarks(outcomes, launch, launch.masks)
        return fleet_result(outcomes, [*session.problems, *warnings, *launch.warnings, *freed])

    def _carry_out(self, launch: StartGuard, plan: Sorted, gateways: Mapping[str, Gateway]) -> list[Outcome]:
        """Act on the gateways, then on the profiles that the one gateway serves; returns their outcomes."""
        session, request = self._session, self._request
        options = self._run_options(len(plan.driven), one=launch.one)
        report = lambda seen: session.on_progress(Event(seen))  # noqa: E731
        members = None
        if launch.one is not None:
            members = MemberRun(session.world, launch, request.verb, options, session.existing, report)
            members.before(plan, off=session.disabled)
        backend = _ReportingBackend(session.world, session.world.manager, launch.prepare, session.catalog, report)
        steps = lambda seen: session.on_progress(Event({}, steps=seen))  # noqa: E731
        moving = [name for name in (*plan.driven, *plan.members) if self._starts or _may_end(gateways.get(name))]
        note_request(session.layout, moving, str(request.verb))
        executor = FleetExecutor(request.verb, backend, options, session.on_outcome, steps)
        done = self._executed(executor, plan.driven, gateways)
        if self._starts:
            keep_watching(session)
        launch.end([outcome.profile for outcome in done if outcome.outcome not in _UP])
        if members is None:
            return done
        for outcome in (*members.others(done), *members.after(plan, done)):
            session.on_outcome(outcome)
            done.append(outcome)
        return [members.with_served(outcome) for outcome in done]

    def _executed(
        self, executor: FleetExecutor, driven: Sequence[str], gateways: Mapping[str, Gateway]
    ) -> list[Outcome]:
        """Run the executor; a restart is recorded first, so that its gateways run again however this process ends."""
        request = self._request
        if request.verb is not Verb.RESTART or not driven:
            return list(executor.run(driven, gateways))
        with surviving_restart(self._session, driven, owners=request.owners, on_conflict=request.on_conflict) as other:
            try:
                done = list(executor.run(driven, gateways))
            except HermesProfilesError:
                if not executor.has_stopped:
                    other.dismiss()
                raise
            if not any(each.outcome is OutcomeKind.INTERRUPTED for each in done):
                other.dismiss()
        return done

    def _of_one_gateway(self, launch: StartGuard, plan: Sorted, selection: Selection) -> list[Problem]:
        """Return warnings about the one gateway. Raises Refused where the user does not want to touch all it serves."""
        one, request = launch.one, self._request
        if one is None:
            return []
        launch.will_serve(plan.members, [name for name in self._session.disabled if name not in one.served])
        others = one.touched(selection.profiles) if one.server in plan.driven else ()
        if not others or request.verb is Verb.START:
            return _standalone_remark(request.verb, plan, launch.gateways)
        whole = WholeGateway(str(request.verb), one.server, others)
        ask_whole(whole, request.confirm if not request.dry_run else None)
        return [*_standalone_remark(request.verb, plan, launch.gateways), also_touched(whole, one)]

    def _observe(self, launch: StartGuard, selection: Selection) -> dict[str, Gateway]:
        """Return the gateways, once no gateway is about to exit.

        A gateway that no manager runs and that has no pid file, or has not reported that it is up, may be exiting; one
        that has left all its channels is. Before a start they get a few seconds, so that `already-running` is not
        reported of a process that is gone the next moment.
        """
        gateways = launch.observe(selection.profiles)
        begun = time.monotonic()
        while self._request.verb is Verb.START:
            patience = max((self._patience(gateway) for gateway in gateways.values()), default=0.0)
            if time.monotonic() - begun >= patience:
                break
            time.sleep(POLL)
            gateways = launch.observe(selection.profiles)
        return gateways

    def _patience(self, gateway: Gateway) -> float:
        """Return the seconds to wait for the end of a gateway, 0 where it stays."""
        if gateway.state is not GatewayState.UNSUPERVISED:
            return 0.0
        if gateway.observation is not None and has_left_channels(gateway.observation, _LEAVING):
            return _LEAVING
        is_uncertain = not gateway.settled or pid_record(self._session.layout.home(gateway.profile)) is None
        return _UNCERTAIN if is_uncertain else 0.0

    def _run_options(self, count: int, one: OneGateway | None) -> RunOptions:
        given = self._request.stagger
        stagger = default_stagger(count) if given is None else given
        options = self._request.options._replace(stagger=stagger if self._starts else 0.0)
        # A standalone gateway refuses to start beside one that does not answer so far (Hermes 0.22.2,
        # gateway/host_attach.py, `standalone_attach_decision`).
        return options._replace(jobs=1) if one is not None and self._starts else options

    def _memory_warnings(self, plan: Sorted, gateways: Mapping[str, Gateway]) -> list[Problem]:
        new = [name for name in plan.driven if gateways[name].process is None]
        running = [gateway.usage.rss for gateway in gateways.values()]
        warning = memory_warning(len(new), running, available=available_memory())
        if warning is None:
            return []
        self._session.on_progress(Event({}, warning))  # now, while the start can still be interrupted
        return [warning]

    def _planned(
        self,
        plan: Sorted,
        launch: StartGuard,
        gateways: Mapping[str, Gateway],
        reasons: Mapping[str, str],
        warnings: Sequence[Problem],
    ) -> FleetResult:
        masks = launch.decide(plan.driven) if self._starts else {}
        outcomes = [
            Outcome(
                name,
                self._would(gateways[name]),
                "; ".join(
                    (*((reasons[name],) if name in reasons else ()), *(mask.sentence() for mask in masks.get(name, ())))
                ),
                masked=tuple(mask.channel for mask in masks.get(name, ())),
            )
            for name in plan.driven
        ]
        outcomes += planned_members(self._request.verb, plan, launch.one)
        outcomes = self._with_remarks((*plan.outcomes, *outcomes), launch, masks)
        return FleetResult(tuple(outcomes), (*warnings, *launch.warnings), dry_run=True)

    def _with_remarks(
        self, outcomes: Sequence[Outcome], launch: StartGuard, decided: Mapping[str, tuple[Mask, ...]]
    ) -> list[Outcome]:
        """Return outcomes with what keeps people from reaching the gateways. `decided`: masks of this start."""
        if not self._starts:
            return list(outcomes)
        reader = ListeningReader(self._session)
        done = []
        for each in outcomes:
            seen = launch.gateways.get(each.profile)
            if each.outcome is OutcomeKind.ALREADY_RUNNING and seen is not None and seen.process is not None:
                masks = observed_masks(self._session.world, each.profile, seen.process, reader.held(each.profile))
            else:
                masks = tuple(mask for mask in decided.get(each.profile, ()) if mask.channel in each.masked)
            done.append(reader.of_outcome(each, masks))
        return done

    def _would(self, gateway: Gateway) -> OutcomeKind:
        down = gateway.process is None and gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
        if self._request.verb is Verb.STOP and down:
            return OutcomeKind.ALREADY_STOPPED
        return OutcomeKind(f"would-{self._request.verb}")


class _ReportingBackend(ServiceBackend):
    """A backend that reports every observation."""

    def __init__(
        self,
        world: SystemContext,
        manager: Manager | None,
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]],
        catalog: Catalog,
        report: Callable[[Mapping[str, Gateway]], None],
    ) -> None:
        super().__init__(world, manager, prepare, catalog)
        self._report = report

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, and report them."""
        gateways = super().observe(profiles)
        self._report(gateways)
        return gateways


def _may_end(gateway: Gateway | None) -> bool:
    """Return whether a stop changes the state of a gateway."""
    return gateway is None or gateway.is_alive or gateway.state is GatewayState.CRASH_LOOPING


def _freed_channels(done: Sequence[Outcome], gateways: Mapping[str, Gateway]) -> Iterator[Problem]:
    """Yield a warning for each running gateway with a masked channel whose owner was stopped."""
    stopped = {each.profile for each in done if each.outcome is OutcomeKind.STOPPED}
    for name, gateway in gateways.items():
        freed = [mask for mask in gateway.masks if mask.owner.profile in stopped]
        if freed and name not in stopped and gateway.process is not None:
            channels = ", ".join(mask.channel for mask in freed)
            text = f"{name} runs without {channels}, which {freed[0].owner.profile} had: it is free now"
            yield Problem("mask-free", text, name, f"let {name} take it over with `hermes-gateways restart {name}`")


def ask_whole(whole: WholeGateway, confirm: ConfirmWhole | None) -> None:
    """Raise Refused where the user does not agree to an action on a whole gateway (None: is not asked)."""
    if confirm is not None and not confirm(whole):
        raise Refused("not confirmed, nothing changed", code="not-confirmed")


def also_touched(whole: WholeGateway, one: OneGateway) -> Problem:
    """Return the warning that an action on a whole gateway concerns profiles outside the selection."""
    verb = Verb.RESTART if whole.verb == Verb.RESTART else Verb.STOP
    what = "restarts" if verb is Verb.RESTART else "stops"
    return Problem(
        "whole-gateway",
        f"{one.title} also serves {', '.join(whole.others)}: this also {what} them",
        whole.server,
        f"act on one profile alone with `hermes-gateways {verb} {whole.others[0]}`",
    )


def _standalone_remark(verb: Verb, plan: Sorted, gateways: Mapping[str, Gateway]) -> list[Problem]:
    """Return the warning about profiles with `gateway.standalone`, which Hermes will remove."""
    found = [name for name in plan.driven if (seen := gateways[name].observation) is not None and seen.standalone]
    return [standalone_warning(found)] if found and verb is Verb.START else []


def standalone_warning(names: Sequence[str]) -> Problem:
    """Return the warning that the gateways of standalone profiles are temporary."""
    return Problem(
        "standalone",
        f"{', '.join(names)}: `gateway.standalone` gives it a gateway of its own; Hermes will remove this setting",
        names[0],
        "fold it into the one gateway with `hermes gateway migrate --multiplex`",
    )


def _in_order(outcomes: Sequence[Outcome], profiles: Sequence[str]) -> list[Outcome]:
    by_name = {outcome.profile: outcome for outcome in outcomes}
    return [by_name[name] for name in profiles if name in by_name]


def _conflict_rule(text: str) -> ConflictRule:
    try:
        return ConflictRule(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is no rule for conflicts", target="--on-conflict", hint=f"use one of {', '.join(ConflictRule)}"
        ) from None
