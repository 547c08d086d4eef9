"""watch, events and history: a real watcher under the bundled supervisord, and what they say without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from gateway_root import GatewayRoot, until

from hermes_profiles.events.log import append_events
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.own_services import watch_service

HOUR = 3600.0


def lines(root: GatewayRoot, *arguments: str) -> list[dict[str, Any]]:
    """Return the events that `events --json` prints."""
    return [json.loads(line) for line in root.gok("events", *arguments, "--json").stdout.splitlines()]


def kinds(root: GatewayRoot, profile: str) -> list[tuple[str, str]]:
    """Return (kind, cause) of the events of a profile's gateway."""
    return [(each["kind"], each["cause"]) for each in lines(root, profile) if each["profile"] == profile]


@pytest.fixture
def of_this_checkout(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services run the code of this checkout: `-I` hides PYTHONPATH."""
    python = fleet.user / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" != -I ] || shift\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


@pytest.mark.usefixtures("of_this_checkout")
def test_watcher_logs_a_stop_of_ours_and_a_kill(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    on = fleet.gok("watch", "on", "--json").data
    assert (on["outcome"], on["on"]) == ("on", True) and on["pid"] is not None
    assert fleet.gok("watch", "on", "--json").data["outcome"] == "already-on"
    follower = fleet.gateways_process("events", "-f", "--since", "1h", "--json", stdout=subprocess.PIPE)
    before = json.loads(follower.stdout.readline())
    fleet.gok("stop", "work")
    while before["command"] != "hermes-gateways stop":
        before = json.loads(follower.stdout.readline())
    follower.terminate()
    follower.communicate(timeout=20)
    until(lambda: ("down", "command") in kinds(fleet, "work"))
    fleet.gok("start", "work")
    until(lambda: kinds(fleet, "work")[-1] == ("up", "command"))
    until(lambda: fleet.gok("status", "work", "--json").data["gateways"][0]["last_change"])
    row = fleet.gok("status", "work", "--json").data["gateways"][0]
    assert (row["last_change"]["kind"], row["last_change"]["cause"]) == ("up", "command")
    assert "last change" in fleet.gok("status", "work").stdout
    os.kill(fleet.pid("work") or 0, signal.SIGKILL)
    until(lambda: ("down", "signal") in kinds(fleet, "work"))
    found = next(each for each in lines(fleet, "work") if each["cause"] == "signal")
    assert found["exit_code"] == -9 and not found["reconstructed"]
    assert fleet.gok("watch", "off", "--json").data["outcome"] == "off"
    status = fleet.gok("watch", "--json").data
    assert (status["on"], status["pid"]) == (False, None)
    assert lines(fleet)[-1]["kind"] == "watch-stopped"


@pytest.mark.usefixtures("of_this_checkout")
def test_watcher_is_removed_only_after_its_end(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up its lock before its process ends, and has none while it starts."""
    for words in (("watch", "off"), ("undo",)):
        fleet.gok("watch", "on")
        with monkeypatch.context() as patch:
            patch.setattr(watch_service, "watcher_pid", lambda _: None)
            done = fleet.gok(*words) if words[0] == "watch" else fleet.ok(*words)
        assert "still runs" not in done.stdout + done.stderr
        assert fleet.gok("watch", "--json").data["pid"] is None and fleet.daemon() is None


def test_events_without_a_watcher_say_so_and_show_what_is_known(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    done = fleet.gok("events", "work", "--json")
    assert "nothing watches the gateways" in done.stderr and "hermes-gateways watch on" in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((each["kind"], each["reconstructed"]) for each in found) == [("requested", False), ("up", True)]
    assert all(each["schema"] == "hermes-profiles/1" for each in found)
    fleet.gok("stop", "work")


def test_watch_dry_run_and_wrong_words_change_nothing(fleet: GatewayRoot) -> None:
    assert fleet.untouched_by("watch", "on", "--dry-run", "--json").data["outcome"] == "would-be-on"
    assert fleet.untouched_by("watch", "perhaps").code == 2
    assert fleet.untouched_by("watch", "off", "--force").code == 2
    assert fleet.untouched_by("watch", "off", "--json").data["outcome"] == "already-off"


def test_watch_on_keeps_a_file_that_was_changed_by_hand(fleet: GatewayRoot) -> None:
    path = fleet.root / "profiles/.hermes-profiles/supervisor/programs/hermes-profiles-watch.conf"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    done = fleet.gateways("watch", "on", "--json")
    assert done.code == 6 and done.problem["code"] == "foreign-file" and path.read_text() == "mine\n"


def test_history_counts_outages_and_not_stops_on_purpose(fleet: GatewayRoot) -> None:
    now = time.time()
    layout = Layout(fleet.root, fleet.user)
    at = now - 40 * HOUR
    append_events(layout, [
        FleetEvent(at, EventKind.UP, "work", after="running"),
        FleetEvent(at + 10 * HOUR, EventKind.DOWN, "work", None, "running", "failed", "exit 1", 1,
                   cause=EventCause.CRASH),
        FleetEvent(at + 12 * HOUR, EventKind.UP, "work", after="running"),
        FleetEvent(at + 20 * HOUR, EventKind.DOWN, "work", after="stopped", cause=EventCause.COMMAND),
        FleetEvent(at + 30 * HOUR, EventKind.UP, "work", after="running"),
        FleetEvent(at + 31 * HOUR, EventKind.DEGRADED, "work", after="degraded"),
        FleetEvent(at + 32 * HOUR, EventKind.DOWN, "work", after="stopped", cause=EventCause.COMMAND),
    ])  # fmt: skip
    data = fleet.gok("history", "work", "--since", "50h", "--json").data
    assert (data["restarts"], data["crashes"], data["watched"]) == (2, 1, False)
    assert data["uptime"] == round(20 / 22, 4)
    assert (data["longest_outage"]["seconds"], data["longest_outage"]["reason"]) == (2 * HOUR, "exit 1")
    total = {key: sum(day[key] for day in data["days"]) for key in ("up_s", "degraded_s", "down_s", "stopped_s")}
    assert total["stopped_s"] >= 17 * HOUR and (total["down_s"], total["degraded_s"]) == (2 * HOUR, HOUR)
    text = fleet.gok("history", "work", "--since", "50h").stdout
    assert "up 90.9 %, 2 restarts, 1 crash\n" in text and "longest outage: 2 h" in text and "█" in text and "░" in text
    assert fleet.gateways("history", "absent").code == 5
