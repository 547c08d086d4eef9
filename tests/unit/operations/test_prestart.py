"""The pre-start step of a service whose profile the gateway of another profile serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hermes_profiles.hermes.version import BASE, HermesFacts, facts_of
from hermes_profiles.model.errors import Problem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import prestart

NEWEST = facts_of((0, 22, 2))


class _Clock:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Clock]:
    found = _Clock()
    monkeypatch.setattr(prestart, "time", found)
    yield found


def _wait(monkeypatch: pytest.MonkeyPatch, clock: _Clock, facts: HermesFacts, *, until: float) -> Problem | None:
    session = FleetSession("/nowhere", environment={})
    session.__dict__["world"] = type("World", (), {"hermes": facts})()
    monkeypatch.setattr(prestart, "servers_of", lambda _, names: dict.fromkeys(names, "a") if clock.now < until else {})
    return prestart._wait_while_served(session, "b")


def test_start_waits_until_the_other_gateway_is_gone(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> None:
    assert _wait(monkeypatch, clock, NEWEST, until=12) is None
    assert clock.now == 12


def test_start_of_a_served_profile_is_slow_and_says_why(monkeypatch: pytest.MonkeyPatch, clock: _Clock) -> None:
    problem = _wait(monkeypatch, clock, NEWEST, until=10_000)
    assert problem is not None and "the gateway of a serves b" in problem.message
    assert problem.hint is not None and "uninstall b" in problem.hint
    assert 45 <= clock.now < 90, "a unit has 90 s for its start"


@pytest.mark.parametrize(("facts", "until"), [(NEWEST, 0), (BASE, 10_000)])
def test_other_starts_do_not_wait(
    monkeypatch: pytest.MonkeyPatch, clock: _Clock, facts: HermesFacts, until: float
) -> None:
    assert _wait(monkeypatch, clock, facts, until=until) is None
    assert clock.now == 0
