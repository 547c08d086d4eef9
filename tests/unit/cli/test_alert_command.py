"""`alert`: destinations are added, listed, tried, muted and removed; no secret is shown or taken as an argument."""

from __future__ import annotations

import json
import re
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_receiver import AlertReceiver
from gateway_root import GatewayRoot

from hermes_profiles.alerts.deliver import AlertDelivery
from hermes_profiles.alerts.files import destinations_file, read_state, write_state
from hermes_profiles.alerts.model import AlertState, DeliveryTrouble
from hermes_profiles.cli.commands.gateway.alert import add
from hermes_profiles.events.log import append_events
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.monitoring.watch_run import EventWatch

SECRET = "https://hooks.slack.com/services/T000/B000/CANARY000000"


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as server:
        yield server


def _file(fleet: GatewayRoot) -> Path:
    return destinations_file(Layout(fleet.root, fleet.user))


def test_secret_address_is_piped_kept_private_and_never_shown(fleet: GatewayRoot) -> None:
    refused = fleet.untouched_by("alert", "add", "--webhook", SECRET.replace("CANARY", "ABCDEF"), "--json")
    assert refused.code == 2 and refused.problem["code"] == "secret-in-arguments"
    assert "- < FILE" in refused.problem["hint"] and "services" not in refused.stdout
    done = fleet.gok("alert", "add", "slack", "--webhook", "-", "--json", typed=f"{SECRET}\n")
    (row,) = done.data["alerts"]
    assert (row["name"], row["kind"], row["address"]) == ("slack", "webhook", "https://hooks.slack.com/***")
    assert done.json["warnings"][0]["code"] == "not-watched"
    assert stat.S_IMODE(_file(fleet).stat().st_mode) == 0o600 and SECRET in _file(fleet).read_text()
    for words in (("list",), ("list", "--json"), ("mute",), ("test", "--dry-run"), ("remove", "slack", "--dry-run")):
        shown = fleet.gok("alert", *words)
        assert "slack" in shown.stdout and "CANARY" not in shown.stdout + shown.stderr


@pytest.mark.parametrize("line", [line for line in add.examples if " < " in line])
def test_examples_that_read_a_file_run(fleet: GatewayRoot, line: str) -> None:
    words = line.partition(" < ")[0].split()[1:]
    if "--apprise" in words:
        pytest.importorskip("apprise", reason="the extra `alerts` is not installed")
    typed = "ntfy://CANARYtopic\n" if "--apprise" in words else "https://hc-ping.com/CANARY-000000000000\n"
    assert fleet.gok(*words, "--json", typed=typed).data["outcome"] == "added"


def test_destination_is_added_once_muted_unmuted_and_removed(fleet: GatewayRoot) -> None:
    dry = fleet.untouched_by("alert", "add", "--exec", "true", "--dry-run", "--json")
    assert dry.code == 0 and (dry.data["outcome"], dry.data["changed"]) == ("would-be-added", ["exec"])
    options = ("--after", "30m", "--quiet", "23:00-7:30", "--limit", "5", "--only", "work")
    row = fleet.gok("alert", "add", "--exec", "true", *options, "--json").data["alerts"][0]
    assert (row["after_s"], row["quiet"], row["limit_per_hour"], row["profiles"]) == (1800, "23:00-07:30", 5, ["work"])
    assert fleet.gok("alert", "add", "--exec", "true", "--json").data["changed"] == ["exec-2"]
    again = fleet.gateways("alert", "add", "exec", "--exec", "true", "--json")
    assert (again.code, again.problem["code"]) == (6, "exists")
    fleet.gok("alert", "add", "beat", "--heartbeat", "https://ping.example.org", "--every", "10m")
    muted = fleet.gok("alert", "mute", "--for", "2h", "--json").data
    assert muted["changed"] == ["exec", "exec-2"], "a heartbeat goes on: its silence is an alarm elsewhere"
    assert [each["muted_until"] is None for each in muted["alerts"]] == [False, False, True]
    assert re.search("muted for (1h|2h)", fleet.gok("alert", "list").stdout)
    assert all(each["muted_until"] is None for each in fleet.gok("alert", "mute", "--off", "--json").data["alerts"])
    removed = fleet.gok("alert", "remove", "exec", "beat", "--json").data
    assert [each["name"] for each in removed["alerts"]] == ["exec-2"]
    gone = fleet.gateways("alert", "remove", "exec", "--json")
    assert (gone.code, gone.problem["code"]) == (5, "no-alert")


def test_test_message_arrives_and_a_refused_one_is_exit_1(fleet: GatewayRoot, receiver: AlertReceiver) -> None:
    assert fleet.gateways("alert", "test", "--json").code == 5
    fleet.gok("alert", "add", "hook", "--webhook", f"{receiver.url}/hook", "--quiet", "0:00-24:00")
    assert fleet.gok("alert", "test").stdout.startswith("hook: delivered")
    assert receiver.bodies[0]["kind"] == "test" and receiver.bodies[0]["items"] == []
    receiver.mode = "refuse"
    failed = fleet.gateways("alert", "test", "hook", "--json")
    assert failed.code == 1 and failed.problem["message"] == "hook: HTTP status 503"
    assert "hermes-gateways alert list" in failed.problem["hint"]


def test_list_shows_a_destination_that_fails(fleet: GatewayRoot) -> None:
    fleet.gok("alert", "add", "hook", "--webhook", "https://ops.example.org/hook")
    trouble = {"hook": DeliveryTrouble(1_000.0, 4, "hook: HTTP status 503")}
    write_state(Layout(fleet.root, fleet.user), AlertState(troubles=trouble))
    (row,) = fleet.gok("alert", "list", "--json").data["alerts"]
    assert (row["state"], row["failed_tries"], row["error"]) == ("failing", 4, "hook: HTTP status 503")
    assert "4 failed tries; the last: hook: HTTP status 503" in fleet.gok("alert", "list").stdout


def test_account_of_hermes_alone_is_warned_of_its_blind_spot(fleet: GatewayRoot) -> None:
    done = fleet.gok("alert", "add", "--hermes", "work:telegram", "--json")
    (warning,) = [each for each in done.json["warnings"] if each["code"] == "not-alerted"]
    assert warning["message"] == "no alert is sent about work"
    after = fleet.gok("alert", "add", "--exec", "true", "--json")
    assert all(each["code"] != "not-alerted" for each in after.json["warnings"])


@pytest.mark.parametrize("given", [
    (), ("--webhook", "https://a.example.org", "--exec", "true"), ("--webhook", "ftp://a.example.org"), ("--exec", "-"),
    ("--exec", "'open"), ("--hermes", "work"), ("--exec", "true", "--after", "soon"), ("Bad Name", "--exec", "true"),
    ("--exec", "true", "--quiet", "25:00-07:00"), ("--exec", "true", "--limit", "0"),
    ("--heartbeat", "https://a.example.org", "--every", "1s"),
], ids=" ".join)  # fmt: skip
def test_wrong_options_of_add_are_usage_errors(fleet: GatewayRoot, given: tuple[str, ...]) -> None:
    done = fleet.untouched_by("alert", "add", *given, "--json")
    assert done.code == 2 and done.problem["hint"], json.dumps(done.json)


def test_destination_of_an_unknown_profile_is_not_found(fleet: GatewayRoot) -> None:
    for words in (("--hermes", "nobody:telegram"), ("--exec", "true", "--only", "nobody")):
        done = fleet.untouched_by("alert", "add", *words, "--json")
        assert (done.code, done.problem["code"]) == (5, "not-found")


def test_missing_library_is_named_with_its_install_command(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    done = fleet.untouched_by("alert", "add", "--apprise", "json://127.0.0.1:9", "--json")
    assert done.code == 1 and "pip install 'hermes-profiles[alerts]'" in done.problem["hint"]


def test_process_of_a_try_ends_its_work_when_the_watcher_is_ended(fleet: GatewayRoot, receiver: AlertReceiver) -> None:
    layout = Layout(fleet.root, fleet.user)
    fleet.gok("alert", "add", "hook", "--webhook", f"{receiver.url}/hook")
    append_events(layout, [FleetEvent(1000.0, EventKind.DOWN, "work", reason="exit 1", cause=EventCause.CRASH)])
    receiver.mode = "slow"
    delivery = AlertDelivery(layout)
    delivery.step(1060.0)
    assert receiver.asked.wait(30)
    state = read_state(layout)
    assert state is not None and state.messages[0].is_started
    (attempt,) = delivery._tries.values()
    attempt.process.send_signal(signal.SIGTERM)
    receiver.released.set()
    assert attempt.process.wait(30) == 0
    successor = AlertDelivery(layout)
    for _ in range(500):
        successor.step(1061.0)
        state = read_state(layout)
        if state is not None and not state.messages:
            break
        time.sleep(0.02)
    (body,) = receiver.bodies
    assert body["kind"] == "alert" and body["items"][0]["command"].startswith("hermes-gateways start work")


def test_watcher_delivers_alerts(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(EventWatch, "run", lambda self: seen.extend(self._parts))
    fleet.gok("watch-run")
    assert any(isinstance(part, AlertDelivery) for part in seen)
