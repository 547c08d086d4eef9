"""Faults of the machine: a full disk, a supervisord that is gone, clocks that jump, a model key that is refused."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from hermes_profiles.changes.full_disk import FULL
from hermes_profiles.events.clocks import Clocks
from hermes_profiles.events.compare import unwritten
from hermes_profiles.events.fleet_faults import fleet_faults
from hermes_profiles.events.model import EventKind, FleetEvent
from hermes_profiles.events.model_key import refused_model_key
from hermes_profiles.events.snapshot import SeenFault
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.supervisor.client import DESIRED, LOCK

BEFORE = Clocks(1000.0, 500.0, 400.0)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / ".hermes", tmp_path)
    (found.state / "supervisor").mkdir(parents=True)
    return found


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        ((40.0, 40.0, 40.0), ""),
        ((42.0, 40.0, 40.0), ""),
        ((100.0, 100.0, 100.0), "nothing ran for 100 s: the machine was suspended, or overloaded"),
        ((630.0, 630.0, 30.0), "the machine was suspended for 600 s"),
        ((3630.0, 30.0, 30.0), "the clock was set forward by 3600 s"),
        ((-3570.0, 30.0, 30.0), "the clock was set back by 3600 s"),
    ],
)
def test_jump_of_the_clocks_is_named(passed: tuple[float, float, float], text: str) -> None:
    after = Clocks(*(was + more for was, more in zip(BEFORE, passed, strict=True)))
    assert after.jump_since(BEFORE) == text


@pytest.mark.parametrize(
    ("free", "was_full", "kinds"),
    [
        (FULL - 4096, False, ["disk-full"]),
        (FULL, False, []),
        (FULL + 4096, True, ["disk-full"]),  # at the limit it is not full and not full by turns
        (FULL * 2, True, []),
    ],
)
def test_full_disk_is_a_fault(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, free: int, was_full: bool, kinds: list[str]
) -> None:
    blocks = free // 4096
    space = os.statvfs_result((4096, 4096, 10**6, blocks, blocks, 1, 1, 1, 0, 255))
    monkeypatch.setattr("hermes_profiles.changes.full_disk.os.statvfs", lambda _: space)
    before = (SeenFault("disk-full", "full"),) if was_full else ()
    assert [fault.kind for fault in fleet_faults(layout, "systemd", (), before)] == kinds


def test_supervisord_that_ran_gateways_and_is_gone_is_a_fault(layout: Layout) -> None:
    folder = layout.state / "supervisor"
    assert fleet_faults(layout, "supervisor", ()) == (), "it ran nothing"
    (folder / DESIRED).write_text(json.dumps(["work", "home"]))
    (fault,) = fleet_faults(layout, "supervisor", ())
    assert fault.kind == "supervisor-gone" and "home, work" in fault.reason
    assert fleet_faults(layout, "systemd", ()) == ()
    with (folder / LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert fleet_faults(layout, "supervisor", ()) == (), "it runs"


def test_manager_that_gives_no_answer_is_a_fault(layout: Layout) -> None:
    (fault,) = fleet_faults(layout, "systemd", ["no answer in 10 s"])
    assert (fault.kind, fault.reason) == ("supervisor-gone", "no answer in 10 s")


def test_event_that_an_earlier_watcher_wrote_is_not_written_again() -> None:
    down = FleetEvent(1000.0, EventKind.DOWN, "work", None, "running", "stopped", pid=42)
    again = down._replace(at=1003.0, number=7)
    assert unwritten([down], [again]) == []
    assert unwritten([down], [again._replace(pid=43)]) == [down], "another process"
    assert unwritten([down], [again._replace(profile="home")]) == [down]


@pytest.mark.parametrize(
    ("age", "started", "is_named"),
    [(60.0, 600.0, True), (60.0, 30.0, False), (7200.0, 9000.0, False)],
    ids=["since the start", "of an earlier process", "long ago"],
)
def test_refused_model_key_counts_for_an_hour_and_for_its_process(
    tmp_path: Path, age: float, started: float, is_named: bool
) -> None:
    now = time.time()
    log = tmp_path / "logs" / "errors.log"
    log.parent.mkdir()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now - age))
    log.write_text(f"{stamp},000 ERROR agent: Non-retryable client error: Error code: 401 CANARY-sk-quoted\n")
    text = refused_model_key(tmp_path, now - started, now)
    assert bool(text) is is_named and "CANARY" not in text
