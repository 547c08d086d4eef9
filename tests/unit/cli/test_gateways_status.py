"""status and list: their data with and without a reachable manager; they change nothing."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from gateway_root import GatewayRoot, until

UNREACHABLE = {"HERMES_PROFILES_MANAGER": "systemd", "PATH": "/nowhere"}


def test_read_commands_change_nothing(fleet: GatewayRoot) -> None:
    looks = (
        ("status",), ("status", "--json"), ("status", "--quick"), ("list",), ("list", "--json"), ("status", "work"),
    )  # fmt: skip
    for words in looks:
        fleet.untouched_by(*words)
    assert fleet.daemon() is None and not fleet.state.exists()
    fleet.gok("install", "work", "--start")
    for words in looks:
        fleet.untouched_by(*words)
    fleet.unchanged_by("list")
    fleet.unchanged_by("show", "work")


def test_status_with_unreachable_manager_prints_known_data(fleet: GatewayRoot) -> None:
    fleet.gok("stage", "night", "--manager", "systemd")
    for command in ("status", "list"):
        done = fleet.untouched_by(command, "--json", env=UNREACHABLE)
        assert done.code == 4 and done.json["status"] == "partial"
        (error,) = done.json["errors"]
        assert error["code"] in ("no-manager", "no-program") and error["hint"]
        rows = {row["profile"]: row for row in done.data["gateways"]}
        assert set(rows) == {"default", "night", "work"} and done.data["manager"] is None
        assert rows["night"]["service"]["installed"] and not rows["work"]["service"]["installed"]
        assert rows["night"]["service"]["path"].endswith(".config/systemd/user/hermes-gateway-night.service")
        text = fleet.gateways(command, env=UNREACHABLE)
        assert text.code == 4 and "night" in text.stdout and text.stderr.startswith("error: ")


def test_running_gateway_is_observed_without_manager(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    done = fleet.gateways("status", "work", "--json", env=UNREACHABLE)
    (row,) = done.data["gateways"]
    assert done.code == 4 and row["pid"] == fleet.pid("work") and row["state"] == "running"
    assert "supervised by the supervisord of hermes-gateways" in row["detail"], "it is seen above the process"


def test_service_that_is_broken_while_its_gateway_runs_is_told(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    (definition,) = fleet.state.rglob("hermes-gateway-work.conf")
    definition.write_text("")
    (row,) = fleet.gok("status", "work", "--json").data["gateways"]
    assert row["disagreement"] == ["the service definition changed on disk and was not reloaded"]
    found = fleet.call("doctor", "--only", "services.not-reloaded", "--json").data["findings"]
    assert [each["profiles"] for each in found] == [["work"]], "an empty file belongs to the profile of its name"
    definition.unlink()
    definition.mkdir()
    done = fleet.gateways("status", "--json")
    told = [(each["target"], each["hint"]) for each in done.json["warnings"] if each["code"] == "lost-service"]
    assert told == [("work", "install its service again with `hermes-gateways install work`")]


def test_start_in_a_home_that_cannot_be_written_wakes_nothing(fleet: GatewayRoot) -> None:
    fleet.gok("stage")
    logs = fleet.home("work") / "logs"
    logs.write_text("")
    done = fleet.gateways("start", "work", "--json")
    (row,) = done.data["outcomes"]
    assert done.code == 1 and row["outcome"] == "failed"
    assert row["detail"] == f"{logs} is not a folder: its gateway could not work and was not started"
    assert done.json["errors"][0]["hint"] == f"move it away with `mv {logs} {logs}.old`"
    assert fleet.daemon() is None
    logs.unlink()
    fleet.gok("start", "work")
    logs.rename(f"{logs}.old")
    logs.write_text("")
    done = fleet.gateways("restart", "work", "--json")
    assert done.code == 1 and done.data["outcomes"][0]["detail"].endswith("its gateway was left running")
    assert fleet.pid("work") == done.data["outcomes"][0]["pid"]


@pytest.mark.parametrize("env", [
    UNREACHABLE, {"HERMES_PROFILES_MANAGER": "frob"}, {"HERMES_PROFILES_MANAGER": "launchd", "PATH": "/nowhere"},
], ids=lambda env: env["HERMES_PROFILES_MANAGER"])  # fmt: skip
def test_list_with_unreachable_manager_succeeds(fleet: GatewayRoot, env: dict[str, str]) -> None:
    fleet.gok("install", "work", "--start")
    for words in (("list", "--json"), ("show", "work", "--json")):
        done = fleet.call(*words, env=env)
        assert done.code == 0 and done.json["warnings"], "the unreachable manager is reported"
    done = fleet.gateways("status", "--json", env=env)
    assert done.code == 4 and len(done.data["gateways"]) == 3
    assert fleet.gateways("start", "--json", env=env).code == 4


def test_hanging_daemon_is_unreachable_manager(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.services.supervisor import client

    fleet.gok("install", "work", "--start")
    monkeypatch.setattr(client, "_SECONDS", 0.3)
    daemon = fleet.daemon()
    assert daemon is not None
    os.kill(daemon, signal.SIGSTOP)
    try:
        done = fleet.gateways("status", "--json")
        assert done.code == 4 and done.json["errors"][0]["code"] == "manager-timeout"
        assert [row["pid"] for row in done.data["gateways"]] == [None, None, fleet.pid("work")]
        assert done.data["gateways"][2]["service"]["installed"] is True and done.data["manager"] is None
        assert fleet.call("list", "--json").code == 0
        for words in (("delete", "work", "--yes"), ("rename", "work", "office")):
            done = fleet.unchanged_by(*words, "--json")
            assert done.code == 4 and str(fleet.program("work")) in done.problem["message"]
        assert fleet.ok("delete", "night", "--yes").code == 0, "it has no service"
        assert fleet.gateways("stop", "--json").code == 4
    finally:
        os.kill(daemon, signal.SIGCONT)


def test_status_exits_3_when_wanted_gateway_is_down(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    fleet.profile("fresh")
    assert fleet.gateways("status").code == 0, "a profile without a service is not counted as down"
    fleet.gok("stop", "work")
    assert fleet.gateways("status").code == 3 and fleet.gateways("status", "night").code == 0
    assert fleet.gateways("list").code == 0
    done = fleet.gateways("status", "--json")
    assert done.json["exit_code"] == 3 and done.json["errors"] == []
    fleet.gok("disable", "work")
    assert fleet.gateways("status").code == 0 and "work (disabled)" in fleet.gateways("status").stdout


def test_status_without_services_hints_install(fleet: GatewayRoot) -> None:
    begin = "hermes-gateways install --start"
    assert f"`{begin}` installs" in fleet.gateways("status").stdout
    assert f"`{begin} --home {fleet.root}`" in fleet.gateways("status", "--home", str(fleet.root)).stdout
    assert begin not in fleet.gateways("status", "work").stdout and begin not in fleet.gateways("list").stdout
    fleet.gok("install", "work")
    assert begin not in fleet.gateways("status").stdout


def test_full_disk_is_named(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def space(blocks: int) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 100_000, blocks, blocks, 100, 100, 100, 0, 255))

    for blocks, expected in ((100 * 256 - 1, ["disk-full"]), (100 * 256, [])):
        monkeypatch.setattr("hermes_profiles.changes.full_disk.os.statvfs", lambda _, free=blocks: space(free))
        done = fleet.gok("status", "--json")
        assert [row["code"] for row in done.json["warnings"]] == expected
        assert all(str(fleet.root) in row["message"] and "df -h" in row["hint"] for row in done.json["warnings"])


def test_both_commands_and_all_views_agree(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--start")
    fleet.gok("stop", "night")
    status = {name: (row["state"], row["pid"]) for name, row in fleet.rows().items()}
    listed = {row["profile"]: (row["state"], row["pid"]) for row in fleet.gok("list", "--json").data["gateways"]}
    profiles = {
        row["name"]: (row["gateway"]["state"], row["gateway"]["pid"])
        for row in fleet.ok("list", "--json").data["profiles"]
    }
    assert status == listed == profiles and status["work"] == ("running", fleet.pid("work"))
    assert fleet.ok("show", "work", "--json").data["gateway"]["pid"] == fleet.pid("work")


def test_masked_channels_are_shown_with_reason(fleet: GatewayRoot) -> None:
    platforms = {"telegram": {"state": "fatal", "error_code": "x", "error_message": "bad token"}}
    (fleet.home("work") / "platforms").write_text(json.dumps(platforms))
    fleet.gok("install", "work")
    fleet.gok("start", "work")
    row = fleet.rows()["work"]
    assert row["state"] == "degraded" and "bad token" in row["detail"]
    text = fleet.gateways("status")
    assert text.code == 3 and "telegram (fatal)" in text.stdout and "work: telegram fatal: bad token" in text.stdout


def test_killed_gateway_is_counted_and_observed_running_again(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    first = fleet.pid("work")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: fleet.pid("work") not in (None, first))
    row = until(lambda: (row := fleet.rows()["work"])["state"] == "running" and row)
    assert row["restarts"] == 1 and row["last_exit"] == -9 and row["pid"] == fleet.pid("work")


def test_selection_arguments_select_the_same_in_all_commands(fleet: GatewayRoot) -> None:
    fleet.gok("group", "day", "work", "default")
    for given, expected in (
        (("night", "work"), ["night", "work"]), (("--except", "night"), ["default", "work"]),
        (("--group", "day"), ["default", "work"]), (("night", "--group", "day"), ["default", "night", "work"]),
    ):  # fmt: skip
        rows = fleet.gok("status", *given, "--json").data["gateways"]
        assert [row["profile"] for row in rows] == expected


def test_fleets_of_two_roots_are_separate(fleet: GatewayRoot) -> None:
    other = Path(fleet.user / "data")
    (other / "profiles" / "work").mkdir(parents=True)
    fleet.gok("install", "work", "--start")
    rows = fleet.gok("status", "--home", str(other), "--json").data["gateways"]
    assert [(row["profile"], row["state"], row["service"]["installed"]) for row in rows] == [
        ("default", "stopped", False), ("work", "stopped", False)
    ]  # fmt: skip
