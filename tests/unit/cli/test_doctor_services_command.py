"""The doctor on services and gateway processes under a real supervisord."""

from __future__ import annotations

import os
import shutil
import signal
from typing import Any

from gateway_root import GatewayRoot, is_gone, until


def doctor(fleet: GatewayRoot, *arguments: str) -> Any:
    return fleet.runner.call("doctor", "--only", "services", "--json", *arguments).data


def reported(fleet: GatewayRoot) -> list[tuple[str, list[str]]]:
    return [(row["check"], row["profiles"]) for row in doctor(fleet)["findings"]]


def test_running_fleet_has_no_findings(fleet: GatewayRoot) -> None:
    assert reported(fleet) == []
    fleet.gok("install", "--start")
    assert reported(fleet) == []


def test_stopped_service_agrees_with_status(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    fleet.gok("stop", "work")
    assert reported(fleet) == [("services.not-running", ["work"])]
    assert fleet.gateways("status", "work").code == 3
    fleet.gok("disable", "work")
    assert reported(fleet) == []


def test_restart_loop_is_found(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    (fleet.home("work") / "exits").write_text("1\n" * 50)
    pid = fleet.pid("work")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: fleet.rows()["work"]["state"] == "crash-looping")
    (row,) = doctor(fleet)["findings"]
    assert (row["check"], row["profiles"]) == ("services.crash-loop", ["work"]) and "exit 1" in row["message"]
    (fleet.home("work") / "exits").write_text("78\n")
    until(lambda: fleet.rows()["work"]["state"] == "failed")
    (row,) = doctor(fleet)["findings"]
    assert row["check"] == "services.last-exit" and "exit 78" in row["message"]


def test_orphan_program_is_removed_and_restored(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    pid, program = fleet.pid("work"), fleet.program("work")
    assert pid is not None
    kept = program.read_bytes()
    shutil.rmtree(fleet.home("work"))
    (row,) = doctor(fleet)["findings"]
    assert (row["check"], row["profiles"], row["severity"]) == ("services.orphan", ["work"], "error")
    fixed = doctor(fleet, "--fix", "--yes")
    assert [each["check"] for each in fixed["fixed"]] == ["services.orphan"] and fixed["findings"] == []
    assert is_gone(pid) and not fleet.home("work").exists(), "it is not a profile again"
    assert not program.exists() and "hermes-gateway-work" not in fleet.known()
    fleet.ok("undo")
    assert program.read_bytes() == kept
    assert [each[0] for each in reported(fleet)] == ["services.orphan"]
    fleet.gok("uninstall", "work")
    assert reported(fleet) == [] and fleet.pid("night")


def test_undo_restores_disabled_orphan_as_disabled(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--no-enable")
    shutil.rmtree(fleet.home("work"))
    (row,) = doctor(fleet)["findings"]
    assert row["severity"] == "warning"
    doctor(fleet, "--fix", "--yes")
    fleet.ok("undo")
    (row,) = doctor(fleet)["findings"]
    assert row["severity"] == "warning"


def test_changed_program_is_reloaded(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    pid = fleet.pid("work")
    os.utime(fleet.program("work"))
    assert reported(fleet) == [("services.not-reloaded", ["work"])]
    fixed = doctor(fleet, "--fix", "--yes")
    assert fixed["findings"] == [] and fleet.pid("work") == pid, "no gateway was restarted"


def test_drifted_program_is_rewritten_and_restored(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    before = fleet.program("work").read_bytes()
    (fleet.home("work") / "config.yaml").write_text("model: gpt-5\nagent:\n  restart_drain_timeout: 300\n")
    assert reported(fleet) == [("services.drifted", ["work"])]
    assert doctor(fleet, "--fix", "--yes")["findings"] == []
    assert b"stopwaitsecs=330" in fleet.program("work").read_bytes()
    fleet.ok("undo")
    assert fleet.program("work").read_bytes() == before
    assert reported(fleet) == [("services.drifted", ["work"])]


def test_gateway_outside_its_service_is_found(fleet: GatewayRoot) -> None:
    process = fleet.by_hand("work")
    try:
        fleet.gok("install", "night", "--start")
        assert reported(fleet) == []
    finally:
        process.terminate()
        process.wait(10)
