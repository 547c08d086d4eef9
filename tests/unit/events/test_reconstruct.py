"""What happened while no watcher ran, from the journal of systemd between two looks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from hermes_profiles.alerts.model import AlertState
from hermes_profiles.alerts.rules import with_events
from hermes_profiles.events.compare import changes
from hermes_profiles.events.log import read_events
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.events.reconstruct import with_unit_history
from hermes_profiles.events.snapshot import FleetSnapshot, SeenGateway
from hermes_profiles.events.watch_state import save_snapshot, saved_snapshot
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.monitoring import watch_run
from hermes_profiles.operations.monitoring.watch_run import EventWatch
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.systemd.unit_history import UnitDeed, UnitHistory, UnitMoment

K, C = EventKind, EventCause
UP = SeenGateway("work", "running", pid=42, started=500.0, expected=True, activity="active")
AGAIN = UP._replace(pid=43, started=1400.0)
STOPPED = SeenGateway("work", "stopped", expected=True, activity="inactive")


def started(at: float) -> UnitMoment:
    return UnitMoment("hermes-gateway-work", at, UnitDeed.STARTED)


def exited(at: float, code: int) -> UnitMoment:
    return UnitMoment("hermes-gateway-work", at, UnitDeed.EXITED, code)


def stopped(at: float) -> UnitMoment:
    return UnitMoment("hermes-gateway-work", at, UnitDeed.STOPPED)


def between(
    before: SeenGateway, after: SeenGateway, *moments: UnitMoment, asked: tuple[FleetEvent, ...] = ()
) -> list[FleetEvent]:
    looks = [FleetSnapshot(at, {"work": each}) for at, each in ((1000.0, before), (2000.0, after))]
    events = changes(looks[0], looks[1], reconstructed=True)
    return with_unit_history(events, {"work": moments}, asked, 1000.0, 2000.0)


def rows(events: list[FleetEvent]) -> list[tuple[float, EventKind, EventCause, int | None]]:
    assert all(each.reconstructed for each in events)
    return [(each.at, each.kind, each.cause, each.exit_code) for each in events]


def test_only_end_gets_its_exact_time_and_exit_code() -> None:
    events = between(UP, AGAIN, exited(1399.0, -9), started(1400.0))
    assert rows(events) == [(1399.0, K.DOWN, C.UNKNOWN, -9), (1400.0, K.UP, C.MANAGER, None)]


def test_each_crash_in_between_is_an_event() -> None:
    events = between(
        UP, AGAIN, exited(900.0, 7), exited(1100.0, 1), started(1110.0), exited(1200.0, -11), started(1210.0),
        exited(1390.0, 75), started(1400.0),
    )  # fmt: skip
    assert rows(events) == [
        (1100.0, K.DOWN, C.CRASH, 1),
        (1110.0, K.STARTING, C.MANAGER, None), (1200.0, K.DOWN, C.CRASH, -11),
        (1210.0, K.STARTING, C.MANAGER, None), (1390.0, K.DOWN, C.HERMES, 75),
        (1400.0, K.UP, C.MANAGER, None),
    ]  # fmt: skip
    assert events[0].pid == 42 and events[0].before == "running" and "exit 1" in events[0].reason
    assert with_events(AlertState(), events, 2000.0).faults["work||"].until is not None


def test_crashes_of_a_gateway_that_was_down_before_and_after_leave_no_fault_open() -> None:
    events = between(STOPPED, STOPPED, started(1100.0), exited(1200.0, 1), started(1210.0), stopped(1300.0))
    assert rows(events) == [
        (1100.0, K.STARTING, C.MANAGER, None), (1200.0, K.DOWN, C.CRASH, 1), (1300.0, K.DOWN, C.MANAGER, None),
    ]  # fmt: skip
    assert with_events(AlertState(), events, 2000.0).faults["work||"].until == 1300.0


def test_end_that_was_asked_for_is_no_crash() -> None:
    by_systemd = between(STOPPED, STOPPED, started(1100.0), exited(1200.0, 1), stopped(1200.5))
    assert [each.cause for each in by_systemd if each.kind is K.DOWN] == [C.MANAGER, C.MANAGER]
    asked = FleetEvent(1195.0, K.REQUESTED, "work", command="hermes-gateways restart")
    by_us = between(UP, AGAIN, exited(1100.0, 1), started(1110.0), exited(1200.0, 1), started(1210.0), asked=(asked,))
    assert [(each.cause, each.command) for each in by_us if each.at == 1200.0] == [
        (C.COMMAND, "hermes-gateways restart")
    ]
    assert not any(each.is_fault for each in (*by_systemd, *(each for each in by_us if each.at == 1200.0)))


def test_long_crash_loop_is_bounded_to_its_newest_ends() -> None:
    moments = [each for at in range(300) for each in (exited(1001.0 + at, 1), started(1001.5 + at))]
    events = between(UP, AGAIN, *moments)
    assert len(events) == 2 + 2 * 20 and max(each.at for each in events if each.kind is K.DOWN) == 1300.0


class _Watch(EventWatch):
    """A watcher under systemd that looks at one gateway."""

    def _look(
        self, names: tuple[str, ...] | None, *, reconstructed: bool = False
    ) -> tuple[None, tuple[FleetEvent, ...]]:
        return None, self._advance(FleetSnapshot(2000.0, {"work": AGAIN}), reconstructed=reconstructed)


@pytest.fixture
def watch(tmp_path: Path) -> EventWatch:
    (tmp_path / "profiles").mkdir()
    layout = Layout(tmp_path, tmp_path)
    service = SimpleNamespace(profile="work", name=SimpleNamespace(unit="hermes-gateway-work"))
    session = SimpleNamespace(
        layout=layout, due=SimpleNamespace(folders=tuple), manager_name="systemd", manager_kind="systemd",
        environment={}, world=SimpleNamespace(services=lambda _: (service,)),
    )  # fmt: skip
    save_snapshot(layout, FleetSnapshot(1000.0, {"work": UP}, cursor="s=1"))
    return _Watch(session)  # type: ignore[arg-type]


def test_watcher_reads_the_journal_from_its_cursor_and_keeps_the_next_one(
    watch: EventWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def read(_units: object, _environment: object, *, cursor: str, since: float) -> UnitHistory:
        given.append(cursor)
        moments = (exited(1100.0, 1), started(1110.0), exited(1390.0, 3), started(1400.0))
        return UnitHistory(moments, "s=2")

    monkeypatch.setattr(watch_run, "read_unit_history", read)
    watch._begin()
    found = [(each.at, each.kind) for each in read_events(watch._layout) if each.profile == "work"]
    assert found == [(1100.0, K.DOWN), (1110.0, K.STARTING), (1390.0, K.DOWN), (1400.0, K.UP)]
    snapshot = saved_snapshot(watch._layout)
    assert given == ["s=1"] and snapshot is not None and snapshot.cursor == "s=2"
    watch._look(None)
    assert len([each for each in read_events(watch._layout) if each.profile == "work"]) == 4, "the journal is done"


def test_watcher_without_a_journal_says_so_and_reconstructs_from_files(
    watch: EventWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_more: object) -> UnitHistory:
        raise ManagerError("the journal cannot be read: no journal files were found")

    monkeypatch.setattr(watch_run, "read_unit_history", refuse)
    watch._begin()
    first, *rest = read_events(watch._layout)
    assert first.kind is K.WATCH_STARTED and first.reason.startswith("the journal cannot be read: no journal files")
    assert "known from files and processes alone" in first.reason
    assert [(each.kind, each.reconstructed) for each in rest] == [(K.DOWN, True), (K.UP, True)]
