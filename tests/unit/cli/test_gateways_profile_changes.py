"""Services and gateways during delete, rename and undo."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from gateway_root import GatewayRoot, is_gone, until

from hermes_profiles.services.manager import Activity, Service, ServiceStatus
from hermes_profiles.services.systemd.manager import SystemdManager

UNREACHABLE = {"HERMES_PROFILES_MANAGER": "systemd", "PATH": "/nowhere"}


def _is_known(fleet: GatewayRoot, name: str) -> bool:
    return f"hermes-gateway-{name}" in fleet.known()


def test_delete_stops_and_removes_the_service(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--start")
    pid = fleet.pid("work")
    dry = fleet.unchanged_by("delete", "work", "--dry-run", "--json")
    assert dry.data["gateway_stopped"] is True and dry.data["services_removed"] == [str(fleet.program("work"))]
    assert fleet.pid("work") == pid
    done = fleet.ok("delete", "work", "--yes", "--json")
    assert pid is not None and is_gone(pid) and done.json["warnings"] == []
    assert not fleet.program("work").exists() and not _is_known(fleet, "work")
    assert fleet.pid("night") and fleet.gok("status", "--json").data["gateways"][-1]["profile"] == "night"


def test_deleting_the_last_service_ends_the_daemon(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    daemon = fleet.daemon()
    fleet.ok("delete", "work", "--yes")
    assert daemon is not None and is_gone(daemon)


def test_failed_delete_keeps_gateway_running(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.model.errors import Failed
    from hermes_profiles.operations.profiles import change_profile

    fleet.gok("install", "work", "--start")

    def fail(*_: object, **__: object) -> None:
        raise Failed("the disk is full", hint="make room")

    monkeypatch.setattr(change_profile, "carry_out", fail)
    for words in (("delete", "work", "--yes"), ("rename", "work", "office")):
        starts = len(fleet.starts("work"))
        done = fleet.call(*words, "--json")
        assert done.code == 1 and done.problem["message"] == "the disk is full"
        until(lambda starts=starts: len(fleet.starts("work")) > starts and fleet.pid("work"))
        until(lambda: fleet.rows()["work"]["state"] == "running")
        assert fleet.rows()["work"]["service"]["enabled"] and fleet.program("work").exists()


def test_rename_to_existing_name_keeps_gateway_running(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    pid = fleet.pid("work")
    done = fleet.unchanged_by("rename", "work", "night", "--json")
    assert done.code == 6 and done.problem["code"] == "exists" and fleet.pid("work") == pid


def test_rename_moves_service_and_restarts_gateway(fleet: GatewayRoot) -> None:
    python = fleet.user / "hermes/venv/bin/python"
    fleet.gok("install", "work", "--env", "MODE=fast", "--python", str(python), "--start")
    before = fleet.pid("work")
    done = fleet.call("rename", "work", "office", "--json", env={"PATH": "/usr/bin:/bin"})
    assert done.code == 0 and done.json["warnings"] == [], done
    row = fleet.rows()["office"]
    assert before is not None and is_gone(before) and row["state"] == "running" and row["pid"] == fleet.pid("office")
    assert row["service"]["enabled"] and not _is_known(fleet, "work") and not fleet.program("work").exists()
    _, words, environment = fleet.starts("office")[-1]
    assert words[2:4] == ["-p", "office"] and environment["MODE"] == "fast"
    assert environment["HERMES_HOME"] == str(fleet.home("office"))
    assert fleet.outcomes(fleet.gok("install", "office", "--json")) == {"office": "already-installed"}


def test_rename_of_a_stopped_or_disabled_profile_starts_nothing(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work")
    fleet.ok("rename", "work", "office")
    assert fleet.rows()["office"]["service"]["enabled"] and fleet.starts("office") == []
    fleet.gok("start", "night")
    (fleet.home("night") / "profile.yaml").write_text(
        "disabled: true\n"
    )  # without the command: the service is still enabled
    done = fleet.ok("rename", "night", "late", "--json")
    assert [warning["code"] for warning in done.json["warnings"]] == ["not-started"]
    row = fleet.rows()["late"]
    assert row["state"] == "stopped" and row["disabled"] and not row["service"]["enabled"]
    assert len(fleet.starts("late")) == 1


def test_failed_restart_after_rename_is_reported(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    (fleet.home("work") / "exits").write_text("78\n")
    done = fleet.call("rename", "work", "office", "--json")
    assert done.code == 1 and done.json["status"] == "partial" and done.data["change"]
    assert done.problem["target"] == "office" and "exit 78" in done.problem["message"]
    assert fleet.home("office").is_dir() and not fleet.home("work").exists() and _is_known(fleet, "office")


def test_rename_without_hermes_hints_how_to_reinstall_service(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    done = fleet.ok("rename", "work", "office", "--json", env={"PATH": "/usr/bin:/bin"})
    codes = {warning["code"]: warning for warning in done.json["warnings"]}
    assert (
        set(codes) == {"no-service", "not-started"}
        and "`hermes-gateways install office`" in codes["no-service"]["hint"]
    )
    assert not fleet.program("work").exists() and not fleet.program("office").exists()


@pytest.mark.parametrize("words", [("delete", "work", "--yes"), ("rename", "work", "office")], ids=" ".join)
def test_unreachable_manager_leaves_no_orphan_service(fleet: GatewayRoot, words: tuple[str, ...]) -> None:
    fleet.gok("stage", "work", "--manager", "systemd")
    for env in (
        UNREACHABLE,
        {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"},
    ):  # requested, or beside another manager
        done = fleet.unchanged_by(*words, "--json", env=env)
        assert done.code == 4 and "hermes-gateway-work.service" in done.problem["message"] and done.problem["hint"]
    other = tuple("night" if word == "work" else word for word in words)
    assert fleet.call(*other, env=UNREACHABLE).code == 0, "no service exists"


class FakeSystemd(SystemdManager):
    """A fake systemd of the user with one unit that runs another home."""

    home = ""
    asked: list[object]

    def check(self) -> None:
        pass

    def query(self, services: Sequence[Service]) -> Mapping[str, ServiceStatus]:
        return {
            each.profile: ServiceStatus(each.path.exists(), True, Activity.INACTIVE, home=type(self).home)
            for each in services
        }

    def __getattribute__(self, name: str) -> Any:
        if name not in ("start", "stop", "load", "unload", "enable"):
            return super().__getattribute__(name)

        def note(services: Sequence[Service], **words: Any) -> dict[str, str]:
            type(self).asked += [(name, each.profile, each.path.exists(), *words.values()) for each in services]
            return {}

        return note


@pytest.fixture
def systemd(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Install the fake; returns the variables that select it."""
    from hermes_profiles.services import detect

    FakeSystemd.home, FakeSystemd.asked = "", []
    monkeypatch.setattr(detect, "detect", lambda **given: FakeSystemd(given["user_home"], given["environment"], 1000))
    return {"HERMES_PROFILES_MANAGER": "systemd"}


def test_service_is_disabled_before_and_reset_after_file_removal(
    fleet: GatewayRoot, systemd: Mapping[str, str]
) -> None:
    FakeSystemd.home = str(fleet.home("work"))
    unit = fleet.user / ".config/systemd/user/hermes-gateway-work.service"
    assert fleet.gateways("install", "work", env=systemd).code == 0
    assert FakeSystemd.asked == [("load", "work", True, True)]
    mine = unit.with_name(unit.name + ".d") / "60-mine.conf"
    mine.write_text("[Service]\n")
    FakeSystemd.asked.clear()
    done = fleet.call("delete", "work", "--yes", "--json", env=systemd)
    assert done.code == 0 and FakeSystemd.asked == [("enable", "work", True, False), ("unload", "work", False)]
    assert not unit.exists() and [path.name for path in mine.parent.iterdir()] == ["60-mine.conf"]
    FakeSystemd.asked.clear()
    assert fleet.call("undo", env=systemd).code == 0
    assert FakeSystemd.asked == [("load", "work", True, True)] and unit.exists()
    FakeSystemd.asked.clear()
    assert fleet.outcomes(fleet.gateways("uninstall", "work", "--json", env=systemd)) == {"work": "uninstalled"}
    assert FakeSystemd.asked == [("enable", "work", True, False), ("unload", "work", False)]


def test_rename_names_the_drop_ins_that_do_not_follow(fleet: GatewayRoot, systemd: Mapping[str, str]) -> None:
    FakeSystemd.home = str(fleet.home("work"))
    units = fleet.user / ".config/systemd/user"
    assert fleet.gateways("install", "work", env=systemd).code == 0
    mine = units / "hermes-gateway-work.service.d" / "60-my keys.conf"
    mine.write_text("[Service]\nEnvironment=A=1\n")
    for words in (("--dry-run",), ()):
        done = fleet.call("rename", "work", "office", "--json", *words, env=systemd)
        warning = next(each for each in done.json["warnings"] if each["code"] == "drop-in-without-effect")
        assert done.code == 0 and "60-my keys.conf" in warning["message"]
    (command,) = re.findall(r"`(.*) && hermes-gateways install office`", warning["hint"])
    subprocess.run(command, shell=True, check=True)
    assert (units / "hermes-gateway-office.service.d" / mine.name).exists() and not mine.exists()


def test_unit_of_another_root_is_kept(fleet: GatewayRoot, systemd: Mapping[str, str]) -> None:
    FakeSystemd.home = str(fleet.user / "other/profiles/work")
    unit = fleet.user / ".config/systemd/user/hermes-gateway-work.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(f'[Service]\nEnvironment="HERMES_HOME={FakeSystemd.home}"\n')
    done = fleet.gateways("uninstall", "work", "--json", env=systemd)
    assert fleet.outcomes(done) == {"work": "not-installed"} and "another root" in done.data["outcomes"][0]["detail"]
    done = fleet.call("rename", "work", "office", "--json", env=systemd)
    assert done.code == 0 and done.data["services_removed"] == []
    assert fleet.call("delete", "office", "--yes", env=systemd).code == 0
    assert unit.exists() and FakeSystemd.asked == []


def test_system_unit_is_reported_with_administrator_command(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hermes_profiles.fleet import attached_services

    unit = fleet.user / "etc" / "hermes-gateway-work.service"
    unit.parent.mkdir()
    unit.write_text("[Service]\n")
    monkeypatch.setattr(attached_services, "system_unit", lambda name: unit.with_name(f"{name.unit}.service"))
    done = fleet.ok("delete", "work", "--yes", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "service-left" and f"sudo systemctl disable --now {unit.name}" in warning["hint"]


# -- undo


def test_undo_of_install_stops_and_unloads_services(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--memory", "512M", "--start")
    pids, daemon = [fleet.pid("night"), fleet.pid("work")], fleet.daemon()
    dry = fleet.unchanged_by("undo", "--dry-run", "--json")
    assert dry.data["gateways_stopped"] == ["night", "work"] and len(dry.data["services_removed"]) == 2
    done = fleet.ok("undo", "--json")
    assert done.data["services_removed"] == [str(fleet.program("night")), str(fleet.program("work"))]
    assert all(pid is not None and is_gone(pid) for pid in (*pids, daemon))
    rows = fleet.rows()
    assert not any(row["service"]["installed"] or row["pid"] for row in rows.values())
    assert not (fleet.home("work") / "profile.yaml").exists(), "one undo also restores the options"
    fleet.ok("undo", done.data["change"])
    rows = fleet.rows()
    assert [name for name, row in rows.items() if row["service"]["enabled"]] == ["night", "work"]
    assert _is_known(fleet, "work") and rows["work"]["state"] == "stopped"
    assert fleet.outcomes(fleet.gok("start", "work", "--json")) == {"work": "started"}


def test_undo_of_an_uninstall_loads_the_services_again(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    fleet.gok("disable", "night")
    fleet.gok("install", "work", "--no-enable")
    fleet.gok("uninstall", "--yes")
    assert fleet.daemon() is None
    done = fleet.ok("undo", "--json")
    assert len(done.data["services_loaded"]) == 3
    assert [(each["code"], each["target"]) for each in done.json["warnings"]] == [("not-started", "night")]  # disabled
    enabled = {name: row["service"]["enabled"] for name, row in fleet.rows().items()}
    assert enabled == {"default": True, "night": False, "work": False}
    assert set(fleet.known()) == {"hermes-gateway", "hermes-gateway-night", "hermes-gateway-work"}


def test_undo_of_delete_restores_service(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    fleet.ok("delete", "work", "--yes")
    done = fleet.ok("undo", "--json")
    assert done.data["services_loaded"] == [str(fleet.program("work"))] and done.data["gateways_started"] == ["work"]
    row = fleet.rows()["work"]
    assert row["service"]["installed"] and row["service"]["enabled"] and row["state"] == "running"
    assert fleet.outcomes(fleet.gok("start", "--json"))["work"] == "already-running"
    pid = fleet.pid("work")
    fleet.ok("undo", done.data["change"])
    assert pid is not None and is_gone(pid) and not fleet.program("work").exists() and fleet.daemon() is None


@pytest.mark.parametrize("program", ["hermes-profiles", "hermes-gateways"])
def test_undo_does_not_start_a_disabled_profile_and_says_so(fleet: GatewayRoot, program: str) -> None:
    fleet.gok("install", "work", "--start")
    (fleet.home("work") / "profile.yaml").write_text("disabled: true\n")  # its gateway goes on
    if program == "hermes-profiles":
        fleet.ok("delete", "work", "--yes")
    else:
        fleet.gok("uninstall", "work")
    done = fleet.ok("undo", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "not-started" and "disabled" in warning["message"]
    assert fleet.rows()["work"]["state"] == "stopped"
    assert "`hermes-gateways enable work && hermes-gateways start work`" in warning["hint"]
    fleet.gok("enable", "work")
    assert fleet.outcomes(fleet.gok("start", "work", "--json")) == {"work": "started"}


def test_undo_of_rename_restores_service_and_gateway(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    fleet.ok("rename", "work", "office")
    office = fleet.pid("office")
    done = fleet.ok("undo", "--json")
    assert office is not None and is_gone(office) and done.data["gateways_stopped"] == ["office"]
    row = fleet.rows()["work"]
    assert row["state"] == "running" and row["pid"] == fleet.pid("work") and row["service"]["enabled"]
    assert set(fleet.known()) == {"hermes-gateway-work"} and not fleet.program("office").exists()
    assert fleet.starts("work")[-1][2]["HERMES_HOME"] == str(fleet.home("work"))


def test_undo_of_option_reloads_definition(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    fleet.gok("install", "work", "--env", "MODE=fast")
    pid = fleet.pid("work")
    fleet.ok("undo")
    assert fleet.pid("work") == pid and fleet.rows()["work"]["disagreement"] == []
    fleet.gok("restart", "work")
    assert "MODE" not in fleet.starts("work")[-1][2]


def test_undo_of_disable_and_enable_updates_manager(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    fleet.gok("disable", "work")
    fleet.ok("undo")
    assert fleet.rows()["work"]["service"]["enabled"] and not fleet.rows()["work"]["disabled"]
    fleet.gok("disable", "work")
    fleet.gok("enable", "work")
    fleet.ok("undo")
    assert not fleet.rows()["work"]["service"]["enabled"] and fleet.rows()["work"]["disabled"]


def test_undo_of_create_with_service_is_refused(fleet: GatewayRoot) -> None:
    made = fleet.ok("create", "fresh", "--no-alias", "--json").data["change"]
    fleet.gok("install", "fresh", "--start")
    pid = fleet.pid("fresh")
    done = fleet.unchanged_by("undo", made, "--json")
    assert done.code == 6 and done.problem["code"] == "has-service" and fleet.pid("fresh") == pid
    assert "`hermes-gateways uninstall fresh`" in done.problem["hint"]
    fleet.gok("uninstall", "fresh")
    assert fleet.ok("undo", made).code == 0 and not fleet.home("fresh").exists()


def test_undo_with_unreachable_manager_changes_nothing(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    daemon = fleet.daemon()
    assert daemon is not None
    fleet.gok("stage", "night", "--manager", "systemd")
    done = fleet.unchanged_by("undo", "--json", env=UNREACHABLE)
    assert done.code == 4 and done.problem["hint"]
    assert Path(fleet.user / ".config/systemd/user/hermes-gateway-night.service").exists()


def test_undo_without_services_queries_no_manager(fleet: GatewayRoot) -> None:
    fleet.ok("create", "fresh", "--no-alias")
    assert fleet.call("undo", env=UNREACHABLE).code == 0 and not fleet.home("fresh").exists()


def test_manually_started_gateway_is_stopped_and_reported(fleet: GatewayRoot) -> None:
    process = fleet.by_hand("work")
    done = fleet.ok("rename", "work", "office", "--json")
    assert process.wait(10) == 0 and [each["code"] for each in done.json["warnings"]] == ["not-started"]
    assert "`hermes -p office gateway run`" in done.json["warnings"][0]["hint"]
    process = fleet.by_hand("office")
    fleet.ok("undo")
    assert process.wait(10) == 0 and fleet.home("work").is_dir()
