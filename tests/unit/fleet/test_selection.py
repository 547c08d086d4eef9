"""Selection of profiles, and the outcomes that are known before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest
from gateway_facts import facts, process

from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.selection import Selection, select
from hermes_profiles.fleet.verb_plan import Sorted, sort_out
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayFacts, GatewayState
from hermes_profiles.gateways.processes import Process
from hermes_profiles.model.errors import ExitCode, NotFound, UsageProblem
from hermes_profiles.services.manager import Activity, ServiceStatus

S, K, A = GatewayState, OutcomeKind, Activity
ALL = ("default", "family", "ops", "work")
START, STOP, RESTART = Verb.START, Verb.STOP, Verb.RESTART


# -- selection


@pytest.mark.parametrize(("names", "more", "expected", "named"), [
    ((), {}, ALL, False),
    (("work",), {}, ("work",), True),
    (("work", "default"), {}, ("default", "work"), True),
    (("work", "work", " WORK "), {}, ("work",), True),
    ((), {"excluded": ("ops",)}, ("default", "family", "work"), False),
    (("work", "ops"), {"excluded": ("ops",)}, ("work",), True),
    (("work",), {"excluded": ("work",)}, (), True),
    ((), {"group": "home"}, ("family", "work"), False),
    (("ops",), {"group": "home"}, ("family", "ops", "work"), True),
    ((), {"group": "home", "excluded": ("work",)}, ("family",), False),
])  # fmt: skip
def test_select_names_groups_and_exclusions(names: Any, more: dict[str, Any], expected: Any, named: bool) -> None:
    groups = {"work": ("home", "paid"), "family": ["home"], "ops": ()}
    assert select(ALL, names, groups=groups, **more) == Selection(expected, named)


@pytest.mark.parametrize(("names", "more", "target"), [
    (("nobody",), {}, "nobody"), ((), {"excluded": ("nobody",)}, "nobody"), ((), {"group": "none"}, "none"),
    (("work", "nobody"), {}, "nobody"), ((), {"group": "none", "groups": {}}, "none"),
])  # fmt: skip
def test_select_missing_names_are_reported(names: Any, more: dict[str, Any], target: str) -> None:
    with pytest.raises(NotFound) as caught:
        select(ALL, names, **({"groups": {"work": ("home",)}} | more))
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.problem.target == target and caught.value.problem.hint


@pytest.mark.parametrize("name", ["", "a/b", "../work", "Wörk", "a b"])
def test_select_invalid_name_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageProblem):
        select(ALL, (name,))
    with pytest.raises(UsageProblem):
        select(ALL, excluded=(name,))


def test_select_hint_of_a_large_fleet_is_short() -> None:
    names = tuple(f"p{number}" for number in range(500))
    with pytest.raises(NotFound) as caught:
        select(names, ("nobody",))
    assert len(caught.value.problem.hint or "") < 120


# -- what is clear


def service(activity: Activity = A.ACTIVE, *, installed: bool = True) -> ServiceStatus:
    return ServiceStatus(installed, True, activity, pid=42 if activity is A.ACTIVE else None)


def gateway(state: GatewayState, of: ServiceStatus | None = None, *, pid: int | None = None, **more: Any) -> Gateway:
    """A gateway in a state; those that are there have a process, unless it belongs to another program."""
    there = state in (S.RUNNING, S.DEGRADED, S.UNSUPERVISED)
    process = Process(42, 1.0, "S", 1, (), {}) if there else None
    return Gateway(
        "work", state, pid if pid is not None else 42 if there else None, f"is {state}", process=process, service=of
    )._replace(**more)


def sorted_out(verb: Verb, found: Gateway, *, named: bool = False, **more: Any) -> Outcome | None:
    """Return the outcome that is clear, None when the profile is to be driven."""
    plan = sort_out(verb, Selection(("work",), named), {"work": found}, **more)
    assert plan.driven == (() if plan.outcomes else ("work",))
    return plan.outcomes[0] if plan.outcomes else None


def kind(verb: Verb, found: Gateway, **more: Any) -> str:
    outcome = sorted_out(verb, found, **more)
    return "driven" if outcome is None else str(outcome.outcome)


ACTIVE, INACTIVE, NONE = service(), service(A.INACTIVE), service(A.INACTIVE, installed=False)


@pytest.mark.parametrize(("state", "of", "start", "stop", "restart", "start_stopped"), [
    (S.RUNNING, ACTIVE, "already-running", "driven", "driven", "driven"),
    (S.DEGRADED, ACTIVE, "already-running", "driven", "driven", "driven"),
    (S.STARTING, ACTIVE, "driven", "driven", "driven", "driven"),
    (S.CRASH_LOOPING, ACTIVE, "driven", "driven", "driven", "driven"),
    (S.STOPPED, INACTIVE, "driven", "driven", "skipped", "driven"),
    (S.FAILED, service(A.FAILED), "driven", "driven", "skipped", "driven"),
    (S.STALE, INACTIVE, "driven", "driven", "skipped", "driven"),
    (S.STALE, None, "missing", "already-stopped", "skipped", "skipped"),
    (S.UNSUPERVISED, INACTIVE, "already-running", "driven", "driven", "driven"),
    (S.UNSUPERVISED, NONE, "already-running", "driven", "refused", "refused"),
    (S.UNSUPERVISED, None, "already-running", "driven", "refused", "refused"),
    (S.STOPPED, NONE, "missing", "driven", "skipped", "skipped"),
    (S.STOPPED, None, "missing", "driven", "skipped", "skipped"),
    (S.SERVED, NONE, "skipped", "skipped", "skipped", "skipped"),
    (S.UNKNOWN, ACTIVE, "refused", "refused", "refused", "refused"),
    (S.UNKNOWN, INACTIVE, "refused", "refused", "refused", "refused"),
])  # fmt: skip
def test_known_outcome_of_every_state_and_verb(
    state: GatewayState, of: ServiceStatus | None, start: str, stop: str, restart: str, start_stopped: str
) -> None:
    found = gateway(state, of)
    assert (kind(STOP, found), kind(RESTART, found)) == (stop, restart)
    assert kind(RESTART, found, start_stopped=True) == start_stopped
    if start == "missing":
        with pytest.raises(NotFound):
            kind(START, found)
    else:
        assert kind(START, found) == start


@pytest.mark.parametrize("verb", list(Verb))
def test_served_profile_has_no_gateway_to_start(verb: Verb) -> None:
    found = gateway(S.SERVED, NONE, pid=9)
    named = sorted_out(verb, found, named=True)
    assert named is not None and (named.outcome, named.detail, named.pid) == (K.REFUSED, "is served", 9)
    assert f"`hermes-gateways {'restart' if verb is START else verb} default" in (named.hint or "")
    assert sorted_out(verb, found) == Outcome("work", K.SKIPPED, "is served", 9)


def test_start_of_a_served_profile_is_already_running() -> None:
    found = gateway(S.SERVED, NONE, pid=9)._replace(observation=GatewayFacts("work", served_by=9))
    assert sorted_out(START, found, named=True) == Outcome("work", K.ALREADY_RUNNING, "is served", 9)
    assert sorted_out(START, found) == Outcome("work", K.SKIPPED, "is served", 9)
    stopped = sorted_out(STOP, found, named=True)
    assert stopped is not None and stopped.outcome is K.REFUSED and "run-mode processes" in (stopped.hint or "")


def test_force_starts_a_served_profile() -> None:
    found = gateway(S.SERVED, INACTIVE, pid=9)
    assert kind(START, found, force=True) == kind(STOP, found, force=True) == "driven"


@pytest.mark.parametrize(("named", "expected"), [(True, K.REFUSED), (False, K.SKIPPED)])
def test_disabled_profile_is_not_started(named: bool, expected: OutcomeKind) -> None:
    found = sorted_out(START, gateway(S.STOPPED, INACTIVE), named=named, disabled=("work",))
    assert found is not None and (found.outcome, found.detail) == (expected, "disabled")
    assert bool(found.hint) is named and (not named or "hermes-gateways enable work" in (found.hint or ""))


def test_disabled_profile_can_be_stopped_and_restarted() -> None:
    running, stopped = gateway(S.RUNNING, ACTIVE), gateway(S.STOPPED, INACTIVE)
    assert kind(STOP, running, disabled=("work",)) == "driven"
    assert kind(RESTART, running, disabled=("work",)) == "driven"
    assert kind(RESTART, stopped, disabled=("work",), start_stopped=True) == "skipped"
    assert kind(START, running, disabled=("work",)) == "skipped"
    assert kind(START, stopped, disabled=("another",)) == "driven"


@pytest.mark.parametrize("verb", [STOP, RESTART])
def test_own_ancestor_is_not_stopped(verb: Verb) -> None:
    found = sorted_out(verb, gateway(S.RUNNING, ACTIVE), ancestors=(7, 42), force=True)
    assert found is not None and (found.outcome, found.pid) == (K.REFUSED, 42)
    assert found.detail == "this command runs inside that gateway and would end itself" and found.hint
    assert kind(verb, gateway(S.RUNNING, ACTIVE), ancestors=(7, 43)) == "driven"


def test_own_ancestor_is_already_running() -> None:
    assert kind(START, gateway(S.RUNNING, ACTIVE), ancestors=(42,)) == "already-running"


@pytest.mark.parametrize("verb", list(Verb))
def test_unverified_gateway_is_refused(verb: Verb) -> None:
    found = sorted_out(verb, gateway(S.UNKNOWN, INACTIVE, pid=42))
    assert found == Outcome("work", K.REFUSED, "is unknown", 42, hint="nothing is signalled on a guess")


def test_force_does_not_apply_to_unverified_processes() -> None:
    """With force a stop of an unproven process would change nothing, and say that nothing was there."""
    unproven, foreign = gateway(S.UNKNOWN, INACTIVE, pid=42), gateway(S.UNKNOWN, ACTIVE, pid=42)
    assert [kind(verb, unproven, force=True) for verb in (START, STOP, RESTART)] == ["driven", "refused", "refused"]
    assert [kind(verb, foreign, force=True) for verb in (START, STOP, RESTART)] == ["driven"] * 3


def test_stopping_gateway_is_not_already_running() -> None:
    ending = service(A.DEACTIVATING)
    assert kind(START, gateway(S.RUNNING, ending)) == "driven"
    assert kind(START, gateway(S.UNSUPERVISED, ending)) == "already-running"


def test_running_gateway_is_reported_with_pid_and_masks() -> None:
    masks = (Mask("telegram"), Mask("weixin"))
    found = sorted_out(START, gateway(S.DEGRADED, ACTIVE, masks=masks))
    assert found == Outcome("work", K.ALREADY_RUNNING, "is degraded", 42, ("telegram", "weixin"))


def test_gateway_started_by_hand_is_unsupervised() -> None:
    found = sorted_out(START, gateway(S.UNSUPERVISED, INACTIVE))
    assert found == Outcome("work", K.ALREADY_RUNNING, "unsupervised: is unsupervised", 42)


def test_restart_without_service_is_refused() -> None:
    found = sorted_out(RESTART, gateway(S.UNSUPERVISED, NONE))
    assert found is not None and found.detail == "it has no service that would start it again"
    assert found.hint is not None and "hermes-gateways install work" in found.hint


# -- services that are not there


def fleet(**gateways: Gateway) -> dict[str, Gateway]:
    return {name: each._replace(profile=name) for name, each in gateways.items()}


def test_named_profile_without_service_raises() -> None:
    found = fleet(a=gateway(S.STOPPED, INACTIVE), b=gateway(S.STOPPED, NONE))
    with pytest.raises(NotFound) as caught:
        sort_out(START, Selection(("a", "b"), named=True), found)
    problem = caught.value.problem
    assert (caught.value.exit_code, problem.code, problem.target) == (ExitCode.MISSING, "no-service", "b")
    assert problem.hint is not None and "hermes-gateways install b --start" in problem.hint


def test_start_of_masked_unit_says_so() -> None:
    found = fleet(a=gateway(S.STOPPED, NONE), b=gateway(S.STOPPED, NONE._replace(reason="masked")))
    with pytest.raises(NotFound) as caught:
        sort_out(START, Selection(("a", "b"), named=True), found)
    assert str(caught.value) == "no service is installed for a, b: the unit of b is masked"


@pytest.mark.parametrize("named", [True, False])
def test_restart_of_gateway_whose_unit_cannot_be_loaded_is_refused(named: bool) -> None:
    broken = gateway(S.UNSUPERVISED, ACTIVE._replace(unusable="bad-setting"), pid=42)
    (found,) = sort_out(RESTART, Selection(("a",), named=named), fleet(a=broken)).outcomes
    assert (found.outcome, found.detail.split(":")[0]) == (
        OutcomeKind.REFUSED,
        "the file of its service cannot be loaded (bad-setting)",
    )
    assert "hermes-gateways install a --force" in (found.hint or "")


def swapped(*profiles: str) -> dict[str, Gateway]:
    found = {}
    for name in profiles:
        other = "b" if name == "a" else "a"
        seen = facts(profile=name, process=process(), started_for=other, moved={7: other})
        found[name] = gateway(S.DEGRADED, ACTIVE, pid=42)._replace(profile=name, observation=seen)
    return found


@pytest.mark.parametrize(("verb", "chosen", "driven"), [
    (STOP, ("a",), ()), (STOP, ("a", "b"), ("a", "b")), (RESTART, ("a", "b"), ()), (START, ("a",), ()),
])  # fmt: skip
def test_gateways_of_swapped_homes_are_stopped_together_alone(
    verb: Verb, chosen: tuple[str, ...], driven: tuple[str, ...]
) -> None:
    plan = sort_out(verb, Selection(chosen, named=True), swapped(*chosen))
    assert plan.driven == driven
    assert all(each.outcome is K.REFUSED and "`hermes-gateways stop a b" in (each.hint or "") for each in plan.outcomes)
    assert len(plan.outcomes) == (0 if driven else len(chosen))
    assert sort_out(STOP, Selection(("a",), named=True), swapped("a"), force=True).driven == ("a",)


@pytest.mark.parametrize(("service", "hint"), [
    (ACTIVE, "`hermes-gateways restart a`"), (NONE, "`hermes-gateways stop a`"),
])  # fmt: skip
def test_start_says_what_to_do_with_a_gateway_whose_home_was_replaced(service: ServiceStatus, hint: str) -> None:
    seen = facts(profile="a", process=process(), left_home="deleted")
    found = fleet(a=gateway(S.DEGRADED, service, pid=42)._replace(observation=seen, detail="its home was deleted"))
    (outcome,) = sort_out(START, Selection(("a",), named=False), found).outcomes
    assert (outcome.outcome, outcome.pid, outcome.detail) == (K.REFUSED, 42, "its home was deleted")
    assert hint in (outcome.hint or "")
    found["a"] = found["a"]._replace(service=ACTIVE)
    assert sort_out(RESTART, Selection(("a",), named=True), found).driven == ("a",)


def test_unnamed_profile_without_service_is_skipped() -> None:
    found = fleet(a=gateway(S.STOPPED, INACTIVE), b=gateway(S.STOPPED, NONE))
    plan = sort_out(START, Selection(("a", "b"), named=False), found)
    assert plan.driven == ("a",) and [(each.profile, each.outcome) for each in plan.outcomes] == [("b", K.SKIPPED)]


def test_fleet_without_services_raises() -> None:
    found = fleet(a=gateway(S.STOPPED, NONE), b=gateway(S.STOPPED, None))
    with pytest.raises(NotFound) as caught:
        sort_out(START, Selection(("a", "b"), named=False), found)
    assert "a, b" in caught.value.problem.message


@pytest.mark.parametrize("verb", [STOP, RESTART])
def test_stop_needs_no_service(verb: Verb) -> None:
    found = fleet(a=gateway(S.STOPPED, NONE))
    assert isinstance(sort_out(verb, Selection(("a",), named=True), found), Sorted)


def test_empty_selection_does_nothing() -> None:
    assert sort_out(START, Selection((), named=True), {}) == Sorted((), ())


def test_outcomes_keep_fleet_order() -> None:
    found = fleet(**{name: gateway(S.STOPPED, INACTIVE) for name in ALL}) | fleet(ops=gateway(S.RUNNING, ACTIVE))
    plan = sort_out(START, Selection(ALL, named=False), found)
    assert plan.driven == ("default", "family", "work") and [each.profile for each in plan.outcomes] == ["ops"]
