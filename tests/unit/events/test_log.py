"""The log of events: numbers, a cut last line, rotation, a failed write, permissions."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from hermes_profiles.changes.append_log import LogPlace, append_lines, log_lines
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.events.log import append_events, event_log, keep_reserve, last_changes, read_events
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent, event_data, event_line, parse_event
from hermes_profiles.events.requests import note_request, requests_in
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout

FULL = FleetEvent(
    1_800_000_000.25, EventKind.DOWN, "work", "telegram", "running", "failed", "exit 1 — é\n\"x\"", 1, 42,
    EventCause.CRASH, "hermes-gateways stop", ("home",), "conflict", True, 7,
)  # fmt: skip


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "profiles").mkdir()
    return Layout(tmp_path, tmp_path)


def test_event_survives_its_line() -> None:
    assert parse_event(event_line(FULL)) == FULL and event_line(FULL).count(b"\n") == 1
    bare = FleetEvent(0.0, EventKind.UP)
    assert parse_event(event_line(bare)) == bare
    assert parse_event(event_line(FULL)[:-9]) is None and parse_event(b"[]\n") is None
    assert event_data(FULL)["time"] == "2027-01-15T08:00:00.250+00:00"


def test_events_get_numbers_in_a_private_file(layout: Layout) -> None:
    first = append_events(layout, [FULL, FULL])
    assert [each.number for each in (*first, *append_events(layout, [FULL]))] == [1, 2, 3]
    assert [each.number for each in read_events(layout, after=1)] == [2, 3]
    assert stat.S_IMODE(os.stat(event_log(layout).path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(layout.events).st_mode) == 0o700


def test_cut_last_line_is_left_out_and_the_next_event_begins_a_new_line(layout: Layout) -> None:
    append_events(layout, [FULL, FULL])
    path = event_log(layout).path
    path.write_bytes(path.read_bytes()[:-20])
    assert [each.number for each in read_events(layout)] == [1]
    append_events(layout, [FULL])
    assert [each.number for each in read_events(layout)] == [1, 2]


def test_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    place = LogPlace(tmp_path / "log", size=100, kept=2)
    for number in range(60):
        append_lines(place, lambda last, number=number: [b"%d after %s" % (number, last[:2]) + b"\n"], sync=False)
    lines = list(log_lines(place))
    assert lines[-1].startswith(b"59 after 58") and len(lines) < 60
    assert sorted(int(line.split()[0]) for line in lines) == list(range(60 - len(lines), 60))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.lock"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


class _Full(Files):
    def operation(self, name: str, path: str) -> None:
        if name == "fsync":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_failed_write_leaves_the_log_as_it_was(layout: Layout) -> None:
    append_events(layout, [FULL])
    before = event_log(layout).path.read_bytes()
    with pytest.raises(Failed, match="no space left"):
        append_events(layout, [FULL], files=_Full())
    assert event_log(layout).path.read_bytes() == before
    append_events(layout, [FleetEvent(0.0, EventKind.STARTING)], files=_Full())  # such an event may be lost


class _FullUntilFreed(Files):
    freed = False

    def operation(self, name: str, path: str) -> None:
        self.freed = self.freed or name == "unlink"
        if name == "write" and not self.freed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_event_is_written_into_the_reserve_of_a_full_disk(layout: Layout) -> None:
    keep_reserve(layout)
    reserve = layout.events / "reserve"
    status = reserve.stat()
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (64 * 1024, 0o600)
    keep_reserve(layout)
    assert reserve.stat().st_ino == status.st_ino
    append_events(layout, [FULL], files=_FullUntilFreed())
    assert [each.number for each in read_events(layout)] == [1] and not reserve.exists()
    with pytest.raises(Failed, match="no space left"):
        append_events(layout, [FULL], files=_FullUntilFreed())
    reserve.write_bytes(b"cut")
    keep_reserve(layout)
    assert reserve.stat().st_size == 64 * 1024


def _write(root: str) -> None:
    for _ in range(20):
        append_events(Layout(Path(root), Path(root)), [FleetEvent(0.0, EventKind.STARTING, "work")])


def test_writers_at_the_same_time_get_different_numbers(layout: Layout) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=_write, args=(str(layout.root),)) for _ in range(2)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert [each.number for each in read_events(layout)] == list(range(1, 41))


def test_request_of_a_command_is_found_in_the_log(layout: Layout) -> None:
    note_request(layout, ("work", "home"), "restart")
    events = list(read_events(layout))
    assert [(each.profile, each.verb, each.pid) for each in requests_in(events)] == [
        ("work", "restart", os.getpid()), ("home", "restart", os.getpid()),
    ]  # fmt: skip


def test_request_is_no_reason_to_fail(layout: Layout) -> None:
    layout.state.mkdir()
    layout.events.write_text("a file")
    note_request(layout, ("work",), "stop")


def test_last_change_of_each_gateway(layout: Layout) -> None:
    events = [
        FleetEvent(1.0, EventKind.UP, "work", after="running"), FleetEvent(2.0, EventKind.DOWN, "work", after="failed"),
        FleetEvent(3.0, EventKind.UP, "work", "telegram", after="connected"),
        FleetEvent(4.0, EventKind.REQUESTED, "work"),
    ]  # fmt: skip
    append_events(layout, events)
    assert last_changes(layout, frozenset({"work", "home"})) == {"work": events[1]._replace(number=2)}


def test_lines_of_the_log_have_the_keys_of_the_contract() -> None:
    assert list(json.loads(event_line(FULL))) == [
        "schema", "number", "time", "kind", "profile", "channel", "from", "to", "reason", "exit_code", "pid", "cause",
        "command", "also", "fault", "reconstructed",
    ]  # fmt: skip
