"""A restart that is cut short leaves no gateway down, and one that cannot be recorded stops none."""

from __future__ import annotations

import json
import os
import signal

import pytest
from gateway_root import GatewayRoot, is_gone, until

from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.fleet.restart_record import note_restart, unfinished_restart
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations import fleet_exclusive
from hermes_profiles.operations.gateways import reset_gateways
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.successor import Successor
from hermes_profiles.services.supervisor.manager import SupervisorManager


class NoSuccessor(Successor):
    """A successor without a process: the test does what it would do."""

    def __enter__(self) -> NoSuccessor:
        return self


def _layout(fleet: GatewayRoot) -> Layout:
    return Layout(fleet.root, fleet.user)


@pytest.mark.parametrize("verb", ["restart", "reset"])
def test_restart_that_cannot_be_recorded_stops_nothing(fleet: GatewayRoot, verb: str) -> None:
    fleet.gok("install", "work", "--start")
    before = fleet.rows("work")["work"]["pid"]
    (_layout(fleet).state / "restart.json").mkdir()  # the record cannot be written, as on a full disk
    done = fleet.gateways(verb, "work", "--json")
    assert done.code == 1 and "restart.json" in done.problem["message"]
    row = fleet.rows("work")["work"]
    assert (row["state"], row["pid"]) == ("running", before)


def test_reset_that_ends_after_its_stop_is_completed_in_the_background(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.gok("install", "work", "night", "--start")
    fleet.gok("stop", "night")
    before = fleet.pid("work")

    def cut(*_: object) -> None:
        raise ManagerError("the command ends here")

    with monkeypatch.context() as patch:
        patch.setattr(fleet_exclusive, "Successor", NoSuccessor)
        patch.setattr(reset_gateways, "start_recorded", cut)
        assert fleet.gateways("reset", "work", "night", "--json").code == 4
    assert fleet.pid("work") is None
    fleet.gok("finish-restart")
    assert fleet.pid("work") not in (None, before) and unfinished_restart(_layout(fleet)) is None
    assert fleet.rows("night")["night"]["state"] == "stopped", "it did not run before"
    assert fleet.outcomes(fleet.gok("reset", "work", "--json")) == {"work": "reset"}
    assert unfinished_restart(_layout(fleet)) is None


def test_interrupted_reset_begins_no_other_one(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.gok("install", "work", "night", "--start")
    night, begun = fleet.pid("night"), []

    def interrupted(_world: object, profile: str, *_: object, **__: object) -> Outcome:
        begun.append(profile)
        return Outcome(profile, OutcomeKind.INTERRUPTED, "was stopping; it may still come to an end")

    monkeypatch.setattr(fleet_exclusive, "Successor", NoSuccessor)
    monkeypatch.setattr(reset_gateways, "reset_gateway", interrupted)
    done = fleet.gateways("reset", "work", "night", "--json")
    assert done.code == 130 and len(begun) == 1
    assert {row["outcome"] for row in done.data["outcomes"]} == {"interrupted"} and fleet.pid("night") == night


def test_next_start_completes_a_killed_restart_and_a_stop_drops_it(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    fleet.gok("stop", "work", "night")
    note_restart(_layout(fleet), ("work", "night"))  # as of a command that was killed between stop and start
    fleet.gok("stop", "night")
    done = fleet.gok("start", "default", "--json")
    warnings = [each for each in done.json["warnings"] if each["code"] == "restart-finished"]
    assert [each["target"] for each in warnings] == ["work"]
    states = {name: row["state"] for name, row in fleet.rows("default", "work", "night").items()}
    assert states == {"default": "running", "work": "running", "night": "stopped"}
    assert unfinished_restart(_layout(fleet)) is None


def test_start_after_a_killed_daemon_starts_what_ran(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    fleet.gok("stop", "night")
    state = _layout(fleet).state / "supervisor"
    daemon, pids = fleet.daemon(), [fleet.pid(name) for name in ("default", "work")]
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in (daemon, *pids) if pid is not None))
    rows = fleet.rows()
    assert "supervisord" in rows["work"]["detail"] and rows["night"]["detail"] == ""
    fleet.gok("start", "work")
    assert {name: row["state"] for name, row in fleet.rows().items()} == {
        "default": "failed",
        "work": "running",
        "night": "stopped",
    }
    done = fleet.gok("start", "--json")
    assert fleet.outcomes(done) == {"default": "started", "work": "already-running", "night": "skipped"}
    assert json.loads((state / "meant.json").read_text()) == ["hermes-gateway", "hermes-gateway-work"]


def test_daemon_whose_file_with_its_socket_was_removed_is_reached(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    daemon, pid = fleet.daemon(), fleet.pid("work")
    (_layout(fleet).state / "supervisor/socket").unlink()
    assert fleet.rows("work")["work"]["pid"] == pid and fleet.daemon() == daemon
    assert fleet.outcomes(fleet.gok("restart", "work", "--json")) == {"work": "restarted"}
    assert fleet.outcomes(fleet.gok("uninstall", "work", "--json")) == {"work": "uninstalled"}
    assert fleet.daemon() is None


def test_restart_that_fails_before_its_first_stop_leaves_nothing_to_complete(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.gok("install", "work")
    failed = ManagerError("supervisord does not start: it ended at once")

    def start(*_: object) -> None:
        raise failed

    monkeypatch.setattr(SupervisorManager, "start", start)
    done = fleet.gateways("restart", "work", "--json")
    assert (done.code, done.problem["message"]) == (4, str(failed))
    assert unfinished_restart(_layout(fleet)) is None and not _layout(fleet).restart_record.exists()
