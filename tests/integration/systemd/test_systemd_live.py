"""The systemd manager and a real `systemd --user`: units that run sleep, are killed, and exit as Hermes exits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from once import once
from systemd_live import answer_under_systemd, live_home, run_under_systemd

from hermes_profiles.services.manager import ServiceStatus

pytestmark = pytest.mark.systemd
SCRIPT = REPOSITORY / "tests" / "support" / "live_manager_script.py"


def status(words: Any) -> ServiceStatus:
    return ServiceStatus(*words)


def _seen(folders: pytest.TempPathFactory, part: str) -> dict[str, Any]:
    def run(_: Path) -> dict[str, Any]:
        with live_home() as home:
            seen: dict[str, Any] = answer_under_systemd(SCRIPT, home, part)
            return seen

    return once(folders, "manager-" + part, run)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "life")


@pytest.fixture(scope="module")
def exits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "exits")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "fleet")


def test_loaded_service_is_enabled_and_idle(life: dict[str, Any]) -> None:
    before = status(life["before"])
    assert (before.installed, before.enabled, before.activity, before.pid) == (True, True, "inactive", None)
    assert before.home == "/x/a b'%é" and not before.stale_definition


def test_started_service_is_active_with_a_pid(life: dict[str, Any]) -> None:
    running = status(life["running"])
    assert running.activity == "active" and isinstance(running.pid, int) and running.restarts == 0
    assert running.since is not None and -2 < life["now"] - running.since < 60


def test_killed_service_is_restarted_and_counted(life: dict[str, Any]) -> None:
    revived = status(life["revived"])
    assert revived.activity == "active" and revived.pid != status(life["running"]).pid and revived.restarts == 1


def test_start_keeps_running_service_and_forgets_its_restarts(life: dict[str, Any]) -> None:
    again = status(life["again"])
    assert (again.pid, again.restarts) == (status(life["revived"]).pid, 0)


def test_stopped_service_stays_stopped(life: dict[str, Any]) -> None:
    stopped = status(life["stopped"])
    assert (stopped.activity, stopped.pid, stopped.enabled) == ("inactive", None, True)


def test_running_service_without_file_is_listed(life: dict[str, Any]) -> None:
    left = status(life["without file"])
    assert (left.installed, left.activity) == (False, "active") and left.pid
    assert not status(life["unknown"]).installed and status(life["unknown"]).reason == ""


def test_each_action_is_one_systemctl_call(life: dict[str, Any], fleet: dict[str, Any]) -> None:
    assert [life[verb] for verb in ("load", "query", "stop")] == [["enable"], ["show"], ["stop"]]
    assert life["start"] == ["show", "start"], "a service without a query has no known failure"
    assert [fleet[f"fleet {verb}"] for verb in ("load", "start", "query", "stop", "unload")] == [
        ["enable"], ["start"], ["show"], ["stop"], ["disable", "reset-failed"],
    ]  # fmt: skip


def test_exit_78_is_not_restarted(exits: dict[str, Any]) -> None:
    fatal = status(exits["78"])
    assert (fatal.activity, fatal.last_exit, fatal.reason, fatal.restarts) == ("failed", 78, "exit-code", 0)
    assert exits["forgive"] == ["reset-failed", "start"]


def test_exit_75_is_restarted(exits: dict[str, Any]) -> None:
    again = status(exits["75"])
    assert again.activity == "active" and again.restarts == 1 and again.pid


def test_missing_program_is_retried_and_reported_waiting(exits: dict[str, Any]) -> None:
    looping = status(exits["203"])
    assert (looping.activity, looping.waiting, looping.last_exit) == ("activating", True, 203)


def test_broken_unit_does_not_stop_other_units(exits: dict[str, Any]) -> None:
    assert exits["start of four"].keys() == {"broken"}
    assert "systemd-analyze --user verify" in exits["start of four"]["broken"]
    assert status(exits["broken"]).reason == "bad-setting"


def test_journal_tail_has_last_lines(exits: dict[str, Any]) -> None:
    assert exits["journal"] == [] or any("78" in line or "giving up" in line for line in exits["journal"])


def test_fifty_units_are_one_query_equal_to_pattern_query(fleet: dict[str, Any]) -> None:
    assert fleet["fleet query"] == ["show"]
    assert sum(1 for pid in fleet["fleet pids"] if pid) == 20 and len(fleet["fleet pids"]) == 50
    assert fleet["both ways"] == []


def test_units_are_removed_at_the_end(exits: dict[str, Any], fleet: dict[str, Any]) -> None:
    assert exits["left"] == [] and fleet["left"] == [] and exits["unload without files"] == {}
    after = status(exits["after"])
    assert (after.installed, after.enabled, after.activity, after.reason) == (False, False, "inactive", "")


def test_manager_detects_its_systemd(life: dict[str, Any]) -> None:
    assert life["version"] >= 230 and life["linger"] is False


def test_code_runs_with_separate_manager() -> None:
    with live_home() as home:
        done = run_under_systemd("import os, sys; print(os.environ['HOME'], *sys.argv[1:]); sys.exit(7)", home, "a")
        assert (done.returncode, done.stdout) == (7, f"{home} a\n"), done.stderr
