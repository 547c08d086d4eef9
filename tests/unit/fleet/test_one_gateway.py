"""The one gateway of an account: who it serves, and what a verb does with the profiles in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.fleet.one_gateway import OneGateway, one_gateway
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.verb_plan import Sorted, sort_out
from hermes_profiles.gateways.host.host_gateway import HostGateway
from hermes_profiles.gateways.model import Gateway, GatewayFacts, GatewayState
from hermes_profiles.gateways.observe import survey
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.version import BASE, facts_of
from hermes_profiles.model.errors import NotFound
from hermes_profiles.services.manager import Activity, ServiceStatus
from tests.support.observed_root import Root, status

NEWEST = facts_of((0, 22, 2))
NOT_PARKING = facts_of((0, 21, 4))
START, STOP, RESTART = Verb.START, Verb.STOP, Verb.RESTART
K = OutcomeKind
PROCESS = Process(42, 1.0, "S", 1, (), {})
INSTALLED = ServiceStatus(True, True, Activity.ACTIVE, pid=42)


@pytest.fixture
def root(isolated: Path) -> Root:
    made = Root(isolated, "default", "ops", "work")
    made.uses(NEWEST)
    return made


def found(root: Root) -> OneGateway:
    one = one_gateway(root.world, survey(root.world, root.profiles))
    assert one is not None
    return one


def test_one_gateway_is_none_before_that_release(root: Root) -> None:
    root.uses(BASE)
    assert one_gateway(root.world, survey(root.world, root.profiles)) is None


def test_one_gateway_that_is_stopped_will_serve_profiles_without_a_service(root: Root) -> None:
    root.manager.statuses["ops"] = status(Activity.INACTIVE)
    one = found(root)
    assert (one.server, one.pid, one.members, one.served) == ("default", None, frozenset({"work"}), frozenset())


def test_one_gateway_that_runs_takes_profiles_with_a_service_too(root: Root) -> None:
    root.manager.statuses["ops"] = status(Activity.INACTIVE)
    root.runs("default", 42, served_profiles=["default", "work"])
    one = found(root)
    assert (one.pid, one.members, one.served) == (42, frozenset({"ops", "work"}), frozenset({"work"}))


def test_one_gateway_leaves_out_standalone_profiles_and_those_with_a_process(root: Root) -> None:
    root.write("work", "config.yaml", "gateway: {standalone: true}")
    root.runs("ops", 43)
    assert found(root).members == frozenset()


def test_one_gateway_of_a_named_profile_is_found_by_the_host_record(root: Root) -> None:
    root.runs("work", 44)
    root.publishes(44, root.home("work"), "work", "default", "ops")
    one = found(root)
    assert (one.server, one.pid, one.served) == ("work", 44, frozenset({"default", "ops"}))


def test_one_gateway_in_the_record_of_a_standalone_profile_is_not_the_server(root: Root) -> None:
    root.write("work", "config.yaml", "gateway: {standalone: true}")
    root.runs("work", 44)
    root.publishes(44, root.home("work"), "work")
    assert found(root).server == "default"


def test_one_gateway_of_another_root_is_a_rival(root: Root) -> None:
    other = str(root.layout.user_home / "other")
    root.table.add(45, "hermes", "gateway", "run", HERMES_HOME=other)
    root.publishes(45, other, "default")
    rival = found(root).rival
    assert rival is not None and (str(rival.home), rival.process.pid) == (other, 45)


def test_one_gateway_that_serves_no_other_profile_is_alone(root: Root) -> None:
    root.runs("default", 42)
    assert found(root).alone == "it was started before the others existed"


def test_one_gateway_of_a_release_that_cannot_park_says_so(root: Root) -> None:
    root.uses(NOT_PARKING)
    assert not found(root).can_park


# -- what a verb does


def profile(name: str, *, served: bool = False, parked: bool = False, service: bool = False) -> Gateway:
    facts = GatewayFacts(name, served_by=42 if served else None, parked=parked)
    state = GatewayState.SERVED if served else GatewayState.STOPPED
    detail = "served by default (PID 42)" if served else ""
    return Gateway(
        name, state, 42 if served else None, detail, observation=facts, service=INSTALLED if service else None
    )


def server(*, up: bool = True, service: bool = True) -> Gateway:
    gateway = profile("default", service=service)
    return gateway._replace(state=GatewayState.RUNNING, pid=42, process=PROCESS, settled=True) if up else gateway


UP = OneGateway("default", 42, frozenset({"ops", "work"}), frozenset({"work"}))
DOWN = OneGateway("default", None, frozenset({"ops", "work"}))
GATEWAYS = {"default": server(), "ops": profile("ops", parked=True), "work": profile("work", served=True)}
STOPPED = {"default": server(up=False), "ops": profile("ops", parked=True), "work": profile("work")}


def plan(verb: Verb, *names: str, one: OneGateway = UP, off: tuple[str, ...] = (), **more: bool) -> Sorted:
    gateways = GATEWAYS if one.pid is not None else STOPPED
    chosen = Selection(names or tuple(gateways), bool(names))
    return sort_out(verb, chosen, gateways, disabled=off, one=one, **more)


def kinds(planned: Sorted) -> dict[str, OutcomeKind]:
    return {outcome.profile: outcome.outcome for outcome in planned.outcomes}


def test_start_of_a_parked_profile_acts_on_it_alone() -> None:
    assert plan(START, "ops") == Sorted((), (), ("ops",))
    assert plan(START).members == ("ops",)


def test_start_of_a_served_profile_is_already_running() -> None:
    assert kinds(plan(START, "work")) == {"work": K.ALREADY_RUNNING}
    assert kinds(plan(START, "work", force=True)) == {"work": K.ALREADY_RUNNING}


def test_start_of_a_profile_starts_the_stopped_gateway_too() -> None:
    assert plan(START, "work", one=DOWN) == Sorted(("default",), (), ("work",))
    assert plan(START, one=DOWN) == Sorted(("default",), (), ("ops", "work"))


def test_start_of_a_profile_needs_a_service_of_the_server() -> None:
    gateways = {**STOPPED, "default": server(up=False, service=False)}
    with pytest.raises(NotFound) as caught:
        sort_out(START, Selection(("work",), True), gateways, one=DOWN)
    assert "hermes-gateways install default --start" in str(caught.value.problem.hint)


def test_start_of_a_profile_is_refused_while_the_server_is_disabled() -> None:
    refused = plan(START, "work", one=DOWN, off=("default",))
    assert refused.driven == refused.members == () and kinds(refused) == {"work": K.REFUSED}


def test_start_of_a_disabled_profile_is_refused_by_name_and_skipped_otherwise() -> None:
    assert kinds(plan(START, "ops", off=("ops",))) == {"ops": K.REFUSED}
    assert kinds(plan(START, off=("ops",)))["ops"] is K.SKIPPED


def test_start_names_why_a_gateway_serves_one_profile_alone() -> None:
    (outcome,) = plan(START, "ops", one=UP._replace(alone="duplicate tokens", served=frozenset())).outcomes
    assert outcome.outcome is K.REFUSED and "serves default alone: duplicate tokens" in outcome.detail


def test_stop_of_a_served_profile_parks_it() -> None:
    assert plan(STOP, "work") == Sorted((), (), ("work",))
    assert kinds(plan(STOP, "ops")) == {"ops": K.ALREADY_STOPPED}


def test_stop_of_a_profile_that_the_gateway_is_about_to_serve_parks_it() -> None:
    gateways = {**GATEWAYS, "ops": profile("ops")}
    assert sort_out(STOP, Selection(("ops",), True), gateways, one=UP).members == ("ops",)
    assert kinds(sort_out(STOP, Selection((), True)._replace(profiles=("default", "ops")), gateways, one=UP)) == {
        "ops": K.ALREADY_STOPPED
    }
    assert sort_out(RESTART, Selection(("default", "ops"), False), gateways, one=UP).following == ("ops",)


def test_stop_of_all_stops_the_gateway_and_parks_no_profile() -> None:
    planned = plan(STOP)
    assert (planned.driven, planned.members, planned.following) == (("default",), (), ("work",))


def test_stop_of_all_but_the_server_parks_the_others() -> None:
    assert sort_out(STOP, Selection(("ops", "work"), False), GATEWAYS, one=UP).members == ("work",)


def test_restart_of_a_served_profile_acts_on_it_alone() -> None:
    assert plan(RESTART, "work") == Sorted((), (), ("work",))
    assert plan(RESTART).following == ("work",)
    assert kinds(plan(RESTART, "ops")) == {"ops": K.SKIPPED}


def test_restart_with_start_stopped_serves_a_parked_profile() -> None:
    assert plan(RESTART, "ops", start_stopped=True).members == ("ops",)


@pytest.mark.parametrize("verb", [STOP, RESTART])
def test_gateway_that_cannot_park_acts_on_all_or_nothing(verb: Verb) -> None:
    (outcome,) = plan(verb, "work", one=UP._replace(can_park=False)).outcomes
    assert outcome.outcome is K.REFUSED and f"`hermes-gateways {verb} default`" in str(outcome.hint)


@pytest.mark.parametrize("verb", [STOP, RESTART])
def test_default_in_the_gateway_of_a_named_profile_cannot_leave_it(verb: Verb) -> None:
    one = OneGateway("work", 42, frozenset({"default"}), frozenset({"default"}))
    gateways = {"default": profile("default", served=True), "work": server()._replace(profile="work")}
    (outcome,) = sort_out(verb, Selection(("default",), True), gateways, one=one).outcomes
    assert outcome.outcome is K.REFUSED and f"`hermes-gateways {verb} work`" in str(outcome.hint)
    assert kinds(sort_out(START, Selection(("default",), True), gateways, one=one)) == {"default": K.ALREADY_RUNNING}


def test_no_gateway_is_started_beside_that_of_another_root() -> None:
    one = DOWN._replace(rival=HostGateway(PROCESS, Path("/other"), ("default",)))
    for names in ((), ("default",), ("work",)):
        refused = plan(START, *names, one=one)
        assert refused.driven == refused.members == ()
        assert all(each.outcome is K.REFUSED and "/other (PID 42)" in each.detail for each in refused.outcomes)
    assert plan(START, "default", one=one, force=True).driven == ("default",)


def test_running_gateway_beside_that_of_another_root_is_restarted_and_stopped() -> None:
    one = UP._replace(rival=HostGateway(PROCESS._replace(pid=9), Path("/other"), ("default",)))
    assert plan(RESTART, "default", one=one).driven == plan(STOP, "default", one=one).driven == ("default",)


def test_touched_names_the_served_profiles_outside_a_selection() -> None:
    one = UP._replace(served=frozenset({"ops", "work"}))
    assert one.touched(("default",)) == ("ops", "work")
    assert one.touched(("default", "ops", "work")) == ()


def test_standalone_profile_that_is_still_served_is_started_and_not_stopped() -> None:
    facts = GatewayFacts("b", served_by=42, standalone=True)
    served = profile("b", served=True, service=True)._replace(observation=facts)
    chosen, gateways = Selection(("b",), True), {"b": served, "default": server()}
    assert sort_out(START, chosen, gateways, one=UP).driven == ("b",)
    (outcome,) = sort_out(STOP, chosen, gateways, one=UP).outcomes
    assert outcome == Outcome(
        "b",
        K.REFUSED,
        "served by default (PID 42) until that reads config.yaml again, within 30 s",
        42,
        hint="start its own gateway with `hermes-gateways start b`",
    )
