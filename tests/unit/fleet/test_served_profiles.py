"""Serving, parking and reloading a profile in the one gateway, with a fake gateway and a fake clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hermes_profiles.fleet import one_gateway, served_profiles
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.fleet.outcomes import OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.served_profiles import ServedProfiles, marker_of
from hermes_profiles.gateways.host.control_socket import SERVE, STATUS, UNSERVE
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayFacts, GatewayState
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout

K = OutcomeKind
ONE = OneGateway("default", 42, frozenset({"work"}))


class Host:
    """A gateway with one profile; `answers`: verb → its answer; a search of the homes every 30 s.

    `marked`: whether the marker was there at each request.
    """

    def __init__(self, layout: Layout, *, served: bool, answers: Mapping[str, Any] | None = None) -> None:
        self.layout = layout
        self.served = served
        self.answers = answers
        self.time = 0.0
        self.asked: list[str] = []
        self.marked: list[bool] = []
        self.reason = ""
        self.channels: Callable[[float], tuple[GatewayChannel, ...]] = lambda _: ()

    def ask(self, home: Path, verb: str, params: Any = None, *, timeout: float = 2.0) -> Mapping[str, Any]:
        assert home == self.layout.home("default")
        if verb == STATUS:
            return {"multiplex_standalone_reason": self.reason or None}
        self.asked.append(verb)
        self.marked.append(marker_of(self.layout, "work").exists())
        if self.answers is not None:
            return dict(self.answers[verb])
        if self.reason:
            return {"error": "host multiplexer is not ready"}
        self.served = verb == SERVE and not marker_of(self.layout, "work").exists()
        return {"served" if verb == SERVE else "unserved": params["name"]}

    def silent(self, home: Path, verb: str, params: Any = None, *, timeout: float = 2.0) -> Mapping[str, Any]:
        raise Failed("has no control socket", target=str(home), code="no-socket")

    def sleep(self, seconds: float) -> None:
        before, self.time = self.time, self.time + seconds
        if int(before / 30) != int(self.time / 30) and not self.reason:
            self.served = not marker_of(self.layout, "work").exists()

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        facts = GatewayFacts("work", served_by=42 if self.served else None)
        state = GatewayState.SERVED if self.served else GatewayState.STOPPED
        detail = "served by default (PID 42)" if self.served else ""
        return {"work": Gateway("work", state, 42, detail, channels=self.channels(self.time), observation=facts)}


@pytest.fixture
def layout(isolated: Path) -> Layout:
    made = Layout(isolated / ".hermes", isolated)
    made.home("work").mkdir(parents=True)
    return made


def acting(host: Host, monkeypatch: pytest.MonkeyPatch, *, silent: bool = False) -> ServedProfiles:
    ask = host.silent if silent else host.ask
    monkeypatch.setattr(served_profiles, "ask", ask)
    monkeypatch.setattr(one_gateway, "ask", ask)
    options = RunOptions(settle=90)
    return ServedProfiles(host.layout, ONE, host.observe, options, now=lambda: host.time, sleep=host.sleep)


def act(host: Host, verb: Verb, monkeypatch: pytest.MonkeyPatch, *, silent: bool = False) -> Any:
    return acting(host, monkeypatch, silent=silent).act(verb, "work")


def test_start_unparks_a_profile_and_has_it_served(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    marker_of(layout, "work").touch()
    host = Host(layout, served=False)
    done = act(host, Verb.START, monkeypatch)
    assert (done.outcome, done.detail, done.pid) == (K.STARTED, "served by default (PID 42)", 42)
    assert not marker_of(layout, "work").exists() and host.asked == [SERVE]
    assert host.marked == [False], "the marker goes first: a gateway serves no parked profile"


def test_start_waits_for_the_search_of_a_gateway_without_a_socket(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker_of(layout, "work").touch()
    host = Host(layout, served=False)
    assert act(host, Verb.START, monkeypatch, silent=True).outcome is K.STARTED and 30 <= host.time < 32


def test_start_reports_the_reason_of_a_gateway_that_serves_one_profile_alone(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(layout, served=False)
    host.reason = "one token in two profiles"
    done = act(host, Verb.START, monkeypatch)
    assert done.outcome is K.FAILED and host.time < 5
    assert done.detail == "the gateway of default (PID 42) serves default alone: one token in two profiles"
    assert "hermes-profiles repair" in done.hint


def test_start_names_lost_channels_after_they_had_time_to_connect(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(layout, served=False)
    host.channels = lambda now: (
        GatewayChannel("telegram", "connecting") if now < 3 else GatewayChannel("telegram", "fatal", "no such bot"),
    )
    done = act(host, Verb.START, monkeypatch)
    assert done.outcome is K.STARTED and done.detail.endswith("; telegram fatal: no such bot")


def test_stop_parks_first_and_checks_that_the_gateway_let_go(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(layout, served=True)
    done = act(host, Verb.STOP, monkeypatch)
    assert (done.outcome, done.detail) == (K.STOPPED, "parked: the gateway of default (PID 42) no longer serves it")
    assert marker_of(layout, "work").exists() and host.asked == [UNSERVE] and host.time < 1
    assert host.marked == [True], "the marker comes first: the gateway's own search would take it in again"


def test_stop_fails_where_the_gateway_goes_on_serving(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(layout, served=True, answers={UNSERVE: {"pending": True}})
    host.sleep = lambda seconds: setattr(host, "time", host.time + seconds)  # type: ignore[method-assign]
    done = act(host, Verb.STOP, monkeypatch)
    assert done.outcome is K.FAILED
    assert done.detail == "the gateway of default (PID 42) still serves it after 40 s: the gateway is still at it"


def test_restart_takes_a_profile_in_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(layout, served=True)
    assert act(host, Verb.RESTART, monkeypatch).outcome is K.RESTARTED
    assert host.asked == [UNSERVE, SERVE] and not marker_of(layout, "work").exists()


def test_wait_for_all_ends_once_they_are_served(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(layout, served=False)
    assert acting(host, monkeypatch, silent=True).await_all(("work",), 90) == ((), "")
    assert 30 <= host.time < 32


def test_wait_for_all_ends_with_the_limit_or_the_reason_of_the_gateway(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(layout, served=False)
    late = acting(host, monkeypatch, silent=True).await_all(("work",), 20)
    assert late == (("work",), "the gateway of default (PID 42) does not serve it after 20 s") and host.time < 21
    host = Host(layout, served=False)
    host.reason = "one token in two profiles"
    names, why = acting(host, monkeypatch).await_all(("work",), 90)
    assert names == ("work",) and why.endswith("serves default alone: one token in two profiles") and host.time < 5
