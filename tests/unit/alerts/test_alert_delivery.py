"""Delivery: nothing is lost and nothing sent twice, wherever the watcher is killed between an event and its delivery.

A forked child is the watcher; the process of a try is a fork as well, which outlives it.
"""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

import pytest
from alert_receiver import AlertReceiver
from forked_delivery import FALL, RISE, Fork, Forking, add_destinations, counted, hook, killing, make_try
from nightly import up_to
from sample_root import run_killed

from hermes_profiles.alerts import deliver
from hermes_profiles.alerts.deliver import AlertDelivery
from hermes_profiles.alerts.files import (
    BEGUN,
    SENT,
    SendRecord,
    destinations_file,
    lock_try,
    read_record,
    read_state,
    write_record,
)  # fmt: skip
from hermes_profiles.alerts.model import AlertMessage, Destination, DestinationKind
from hermes_profiles.alerts.send_once import BUSY, DELIVERED, NOT_DELIVERED
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.events.log import append_events, event_log
from hermes_profiles.events.model import EventKind, FleetEvent
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret


def _story(layout: Layout) -> None:
    """A watcher's work: a fall is written and sent, an end is written and sent."""
    append_events(layout, [FALL])
    delivery = Forking(layout)
    delivery.step(1010.0)
    delivery.finish(1060.0)
    append_events(layout, [RISE])
    delivery.finish(2030.0)


def _resumed(layout: Layout) -> None:
    """The next watcher: it writes what the killed one had not written, and goes on."""
    from hermes_profiles.events.log import read_events

    written = {event.kind for event in read_events(layout)}
    delivery = Forking(layout)
    for event, now in ((FALL, 1060.0), (RISE, 2030.0)):
        if event.kind not in written:
            append_events(layout, [event])
        delivery.finish(now)


def test_kill_of_the_watcher_at_any_point_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, receiver: AlertReceiver
) -> None:
    def prepared(name: str) -> Layout:
        layout = Layout(tmp_path / name, tmp_path)
        (tmp_path / name / "profiles").mkdir(parents=True)
        add_destinations(layout, hook(receiver))
        return layout

    layout = prepared("whole")
    points = counted(lambda: _story(layout))
    assert [each["kind"] for each in receiver.bodies] == ["alert", "recovery"] and points > 40
    for at in up_to(points, 9, 1):
        receiver.got.clear()
        layout = prepared(str(at))

        def killed(layout: Layout = layout, at: int = at) -> None:
            Files.operation = killing(at)  # type: ignore[method-assign]
            _story(layout)

        run_killed(killed)
        _resumed(layout)
        kinds = [(each["kind"], each["repeated"]) for each in receiver.bodies]
        # Killed before it knew of the fall, the next watcher sends of both what still holds.
        assert kinds == [("alert", False), ("recovery", False)], f"killed at operation {at}"
        assert len({each["id"] for each in receiver.bodies}) == 2
        state = read_state(layout)
        assert state is not None and not state.messages
        assert os.listdir(layout.alerts / "tries") == []


def test_kill_of_the_sender_loses_nothing_and_a_repetition_says_so(layout: Layout, receiver: AlertReceiver) -> None:
    add_destinations(layout, hook(receiver))
    append_events(layout, [FALL])
    seen = []
    for at in range(1, 40):
        receiver.got.clear()
        for path in layout.alerts.glob("deliveries.json"):
            path.unlink()
        delivery = Forking(layout)
        delivery.kill_try = at
        for now in (1060.0, 1100.0, 1200.0):
            delivery.finish(now)
        bodies = receiver.bodies
        seen.append(len(bodies))
        assert 1 <= len(bodies) <= 2 and len({each["id"] for each in bodies}) == 1, f"killed at operation {at}"
        assert [each["repeated"] for each in bodies[1:]] == [True] * (len(bodies) - 1)
        if len(bodies) == 2:
            assert "second time" in bodies[1]["text"] and "second time" not in bodies[0]["text"]
    assert 1 in seen and 2 in seen and seen[-1] == 1, "the last ones are after the end of a try"


def test_sender_that_outlives_the_watcher_is_waited_for(layout: Layout, receiver: AlertReceiver) -> None:
    add_destinations(layout, hook(receiver))
    append_events(layout, [FALL])
    delivery = Forking(layout)
    started: list[AlertMessage] = []
    delivery._popen = lambda message, _: started.append(message) or Fork(os.getpid())  # type: ignore
    delivery.step(1060.0)
    (message,) = started
    lock = lock_try(layout, message.id)
    assert lock is not None
    write_record(layout, message.id, SendRecord(1, BEGUN))
    successor = Forking(layout)
    for now in (1061.0, 1500.0):
        successor.step(now)
        assert not successor._tries
    assert make_try(layout, message) == BUSY
    write_record(layout, message.id, SendRecord(1, SENT))
    os.close(lock)
    assert make_try(layout, message) == DELIVERED
    successor.finish(1501.0)
    assert receiver.got == []


def test_refused_message_is_tried_again_by_the_next_watcher_when_it_is_due(
    layout: Layout, receiver: AlertReceiver
) -> None:
    receiver.mode = "refuse"
    add_destinations(layout, hook(receiver))
    append_events(layout, [FALL])
    Forking(layout).finish(1060.0)
    state = read_state(layout)
    assert state is not None and state.troubles["hook"].error == "hook: HTTP status 503"
    receiver.mode = "answer"
    successor = Forking(layout)
    successor.finish(1074.0)
    assert receiver.got == []
    successor.finish(1075.0)
    assert [each["kind"] for each in receiver.bodies] == ["alert"]
    state = read_state(layout)
    assert state is not None and not state.troubles and state.delivered == {"hook": 1075.0}


def test_destination_that_hangs_holds_neither_the_watcher_nor_another(layout: Layout, receiver: AlertReceiver) -> None:
    with AlertReceiver() as other:
        receiver.mode = "hang"
        add_destinations(layout, hook(receiver, "slow"), hook(other, "quick"))
        append_events(layout, [FALL])
        delivery = Forking(layout)
        delivery.step(1060.0)
        for _ in range(300):
            delivery.step(1061.0)
            if "quick" not in {each.message.destination for each in delivery._tries.values()}:
                break
            time.sleep(0.01)
        assert [each["kind"] for each in other.bodies] == ["alert"]
        (hung,) = delivery._tries.values()
        hung.deadline = 0.0
        delivery.step(1062.0)
        assert not delivery._tries and hung.process.poll() == -signal.SIGKILL
        state = read_state(layout)
        assert state is not None and state.troubles["slow"].tries == 1 and state.messages[0].next_at > 1062.0


def test_full_disk_does_not_hold_the_alert_of_it(
    layout: Layout, receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Failed("no space left on device")

    add_destinations(layout, hook(receiver))
    append_events(layout, [FALL])
    monkeypatch.setattr(deliver, "write_state", full)
    complaints: list[str] = []
    delivery = Forking(layout, complaints.append)
    for now in (1060.0, 1060.0):
        delivery.step(now)
    while delivery._tries:
        delivery.step(1061.0)
        time.sleep(0.01)
    delivery.step(1062.0)
    assert len(receiver.got) == 1 and complaints == ["cannot keep the state of alerts: no space left on device"]
    monkeypatch.undo()
    delivery.step(1063.0)
    state = read_state(layout)
    assert state is not None and state.delivered == {"hook": 1061.0}


def test_broken_file_of_destinations_keeps_the_last_good_ones(layout: Layout, receiver: AlertReceiver) -> None:
    add_destinations(layout, hook(receiver))
    complaints: list[str] = []
    delivery = Forking(layout, complaints.append)
    delivery.step(1000.0)
    destinations_file(layout).write_text("[]")
    append_events(layout, [FALL])
    delivery.finish(1060.0)
    assert len(receiver.got) == 1 and len(complaints) == 1 and "CANARY" not in complaints[0]


def test_log_that_was_removed_and_begun_again_is_read_from_its_beginning(
    layout: Layout, receiver: AlertReceiver
) -> None:
    add_destinations(layout, hook(receiver))
    append_events(layout, [FleetEvent(900.0, EventKind.WATCH_STARTED)] * 50)
    delivery = Forking(layout)
    delivery.step(1000.0)
    event_log(layout).path.unlink()
    append_events(layout, [FALL])
    delivery.finish(1060.0)
    assert [each["kind"] for each in receiver.bodies] == ["alert"]


def test_heartbeat_is_called_while_the_watcher_lives_and_again_soon_after_a_failure(
    layout: Layout, receiver: AlertReceiver
) -> None:
    beat = Destination("beat", DestinationKind.HEARTBEAT, Secret(f"{receiver.url}/CANARY-ping"), every=300.0)
    add_destinations(layout, beat)
    append_events(layout, [FALL])
    delivery = Forking(layout)
    for now in (1000.0, 1299.0, 1300.0):
        delivery.step(now)
        _until_idle(delivery, now)
    assert [path for path, _, _ in receiver.got] == ["/CANARY-ping"] * 2, "no alert, no call ahead of time"
    receiver.mode = "refuse"
    delivery.step(1600.0)
    _until_idle(delivery, 1600.0)
    state = read_state(layout)
    assert state is not None and state.troubles["beat"].error == "beat: HTTP status 503"
    receiver.mode = "answer"
    for now in (1659.0, 1660.0):
        delivery.step(now)
        _until_idle(delivery, now)
    state = read_state(layout)
    assert len(receiver.got) == 3 and state is not None and not state.troubles


def _until_idle(delivery: AlertDelivery, now: float) -> None:
    while delivery._tries:
        time.sleep(0.01)
        delivery.step(now)


def test_idle_step_reads_and_writes_nothing(layout: Layout, receiver: AlertReceiver) -> None:
    add_destinations(layout, hook(receiver))
    delivery = Forking(layout)
    delivery.step(1000.0)
    assert counted(lambda: [delivery.step(1000.0 + number) for number in range(50)] and None) == 0


def test_files_are_private_and_a_try_has_no_secret_in_its_arguments(layout: Layout, receiver: AlertReceiver) -> None:
    add_destinations(layout, hook(receiver))
    append_events(layout, [FALL])
    Forking(layout).finish(1060.0)
    files = [path for path in layout.alerts.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert [path.name for path in files if "CANARY" in path.read_text()] == ["destinations.json"]
    assert not any("CANARY" in word for word in deliver.send_command(str(layout.root)))


def test_try_that_failed_before_is_not_made_twice(layout: Layout, receiver: AlertReceiver) -> None:
    receiver.mode = "refuse"
    add_destinations(layout, hook(receiver))
    message = AlertMessage("m1", "hook", (), 1000.0)
    assert make_try(layout, message) == NOT_DELIVERED
    receiver.mode = "answer"
    assert make_try(layout, message) == NOT_DELIVERED and receiver.got == []
    assert make_try(layout, message._replace(tries=1)) == DELIVERED and len(receiver.got) == 1
    assert make_try(layout, message._replace(tries=2)) == DELIVERED and len(receiver.got) == 1
    record = read_record(layout, "m1")
    assert record == SendRecord(2, SENT)
