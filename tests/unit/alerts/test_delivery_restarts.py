"""Outages of destinations over restarts of the watcher, and kills of the whole watcher at any line of its work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from alert_receiver import AlertReceiver
from forked_delivery import FALL, RISE, Forking, add_destinations, hook, traced_lines
from mail_receiver import MailReceiver
from nightly import NIGHTLY
from sample_root import run_killed

from hermes_profiles.alerts import senders
from hermes_profiles.alerts.files import read_state
from hermes_profiles.alerts.model import Destination, DestinationKind
from hermes_profiles.events.log import append_events, read_events
from hermes_profiles.events.model import FleetEvent
from hermes_profiles.events.snapshot import FleetSnapshot, SeenGateway
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.operations.monitoring.watch_run import EventWatch


@pytest.fixture
def mail() -> Iterator[MailReceiver]:
    with MailReceiver() as server:
        yield server


class Place:
    """A destination with its stand-in: how a message is told apart from another one, whatever carries it."""

    def __init__(self, kind: str, receiver: AlertReceiver, mail: MailReceiver) -> None:
        self.server: AlertReceiver | MailReceiver = mail if kind == "mail" else receiver
        apprise = DestinationKind.APPRISE
        self.destination = {
            "webhook": hook(receiver, "place"),
            "ntfy": Destination("place", apprise, Secret(f"ntfy://127.0.0.1:{receiver.port}/CANARYtopic")),
            "mail": Destination(
                "place",
                apprise,
                Secret(f"mailto://127.0.0.1:{mail.port}?smtp=127.0.0.1&from=hp@example.org&to=CANARYto@example.org"),
            ),
        }[kind]
        if kind != "webhook":
            library = pytest.importorskip("apprise", reason="the extra `alerts` is not installed")
            assert library.Apprise().add(self.destination.address.reveal())  # forks find it loaded

    @property
    def texts(self) -> list[str]:
        """Return the texts that have arrived."""
        if isinstance(self.server, MailReceiver):
            return [f"{each['Subject']} {each.get_payload()}" for each in self.server.got]
        return [body.decode() for _, _, body in self.server.got]


@pytest.fixture(params=["webhook", "ntfy", "mail"])
def place(
    request: pytest.FixtureRequest, receiver: AlertReceiver, mail: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> Place:
    # A second is added to the limit of Apprise, which has no limit of its own.
    monkeypatch.setitem(senders.LIMITS, DestinationKind.APPRISE, -0.5)
    monkeypatch.setitem(senders.LIMITS, DestinationKind.WEBHOOK, 0.3)
    found = Place(request.param, receiver, mail)
    if request.param != "webhook":  # the threads of its pool are not in a fork
        monkeypatch.setattr("apprise.apprise._shared_executor", None, raising=False)
    return found


def test_destination_that_refuses_hangs_and_recovers_gets_each_message_once(layout: Layout, place: Place) -> None:
    add_destinations(layout, place.destination)
    append_events(layout, [FALL])
    now = 1060.0
    for tries, mode in enumerate(("refuse", "hang", "refuse"), 1):
        place.server.mode = mode
        Forking(layout).finish(now)  # each time another watcher
        state = read_state(layout)
        assert state is not None and state.troubles["place"].tries == tries and place.texts == []
        assert "CANARY" not in state.troubles["place"].error
        now += 15.0 * 2 ** (tries - 1)
        assert state.messages[0].next_at == now, "the wait is kept over a restart"
    place.server.mode = "answer"
    Forking(layout).finish(now - 1.0)
    assert place.texts == []
    Forking(layout).finish(now)
    append_events(layout, [RISE])
    for _ in range(2):
        Forking(layout).finish(2030.0)
    first, second = place.texts
    assert "work is down" in first and "work works again" in second
    assert "second time" in first and "second time" not in second, "a try that hung may have arrived"


def test_lost_answer_is_no_delivery_and_its_repetition_says_so(layout: Layout, place: Place) -> None:
    add_destinations(layout, place.destination)
    append_events(layout, [FALL])
    place.server.mode = "lose"
    Forking(layout).finish(1060.0)
    place.server.mode = "answer"
    for _ in range(2):
        Forking(layout).finish(1075.0)
    first, second = place.texts
    assert "second time" not in first and "second time" in second
    if isinstance(place.server, AlertReceiver) and place.destination.kind is DestinationKind.WEBHOOK:
        assert len({headers["Idempotency-Key"] for _, headers, _ in place.server.got}) == 1


def test_refusal_is_told_from_a_lost_answer(layout: Layout, place: Place) -> None:
    add_destinations(layout, place.destination)
    append_events(layout, [FALL])
    place.server.mode = "refuse"
    Forking(layout).finish(1060.0)
    place.server.mode = "answer"
    Forking(layout).finish(1075.0)
    (text,) = place.texts
    assert "second time" not in text


# What there is to see, and when; an end without a process leaves no other trace than the state.
_UP = SeenGateway("work", "running", pid=4_190_042, started=900.0, expected=True)
_FAILED = SeenGateway("work", "failed", last_exit=1, expected=True)
_AGAIN = _UP._replace(pid=4_190_043, started=2000.0)
_WORLD = ((900.0, _UP), (1000.0, _FAILED), (1060.0, _FAILED), (2000.0, _AGAIN), (2030.0, _AGAIN))


class _Watch(EventWatch):
    """The watcher of a world that is a script; `stage`: where it has come to."""

    stage = 0

    def __init__(self, layout: Layout) -> None:
        due = SimpleNamespace(folders=tuple)
        super().__init__(SimpleNamespace(layout=layout, due=due, manager_name=None, manager_kind=None))  # type: ignore[arg-type]

    def _look(
        self, names: tuple[str, ...] | None, *, reconstructed: bool = False
    ) -> tuple[None, tuple[FleetEvent, ...]]:
        at, gateway = _WORLD[self.stage]
        return None, self._advance(FleetSnapshot(at, {"work": gateway}), reconstructed=reconstructed)

    def live(self, first: int, note: Path) -> None:
        """Watch the world from a stage on; the file has the stage at each moment."""
        delivery = Forking(self._layout)
        for self.stage in range(first, len(_WORLD)):
            note.write_text(str(self.stage))
            if self.stage == first:
                self._begin()
            else:
                self._look(None)
            delivery.finish(_WORLD[self.stage][0])
        self._wakeups.close()


def test_kill_of_the_whole_watcher_at_any_line_loses_no_event_and_sends_no_alert_twice(
    tmp_path: Path, receiver: AlertReceiver
) -> None:
    def prepared(name: str) -> Layout:
        (tmp_path / name / "profiles").mkdir(parents=True)
        layout = Layout(tmp_path / name, tmp_path)
        add_destinations(layout, hook(receiver))
        return layout

    note = tmp_path / "stage"
    layout = prepared("whole")
    lines = traced_lines(lambda: _Watch(layout).live(0, note))
    assert lines > 3000
    for at in range(1, lines, 29 if NIGHTLY else 331):
        receiver.got.clear()
        layout = prepared(str(at))

        def killed(layout: Layout = layout, at: int = at) -> None:
            traced_lines(lambda: _Watch(layout).live(0, note), at)

        note.write_text("0")
        run_killed(killed)
        _Watch(layout).live(int(note.read_text()), note)
        kinds = [str(event.kind) for event in read_events(layout) if event.profile == "work"]
        assert kinds == ["up", "down", "up"], f"killed at line {at}"
        assert [each["kind"] for each in receiver.bodies] == ["alert", "recovery"], f"killed at line {at}"
        assert not any(each["repeated"] for each in receiver.bodies)
        state = read_state(layout)
        assert state is not None and not state.messages and os.listdir(layout.alerts / "tries") == []
