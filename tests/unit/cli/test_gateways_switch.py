"""enable, disable, group and reset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gateway_root import GatewayRoot, is_gone, until

UNREACHABLE = {"HERMES_PROFILES_MANAGER": "systemd", "PATH": "/nowhere"}


def test_disable_is_stored_in_profile_and_enable_removes_it(fleet: GatewayRoot) -> None:
    text = "# mine\ndescription: nights\nother: [1, 2]\n"
    fleet.make("night", {"profile.yaml": text})
    fleet.gok("install")
    fleet.gok("disable", "night")
    assert (fleet.home("night") / "profile.yaml").read_text() == text + "disabled: true\n"
    assert fleet.listed("night")["disabled"] is True
    assert not fleet.rows()["night"]["service"]["enabled"] and fleet.rows()["work"]["service"]["enabled"]
    fleet.gok("enable", "night")
    assert (fleet.home("night") / "profile.yaml").read_text() == text
    assert fleet.rows()["night"]["service"]["enabled"] and fleet.listed("night")["disabled"] is False


def test_disable_leaves_a_running_gateway_alone_unless_now(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--start")
    night, work = fleet.pid("night"), fleet.pid("work")
    fleet.gok("disable", "night")
    assert fleet.pid("night") == night
    done = fleet.gok("disable", "work", "--now", "--json")
    assert fleet.outcomes(done) == {"work": "disabled"} and work is not None and is_gone(work)


def test_disabling_twice_or_without_a_service_is_no_error(fleet: GatewayRoot) -> None:
    first = fleet.gok("disable", "work", "--json")
    assert fleet.outcomes(first) == {"work": "disabled"} and "change" in first.data
    again = fleet.untouched_by("disable", "work", "--json")
    assert again.code == 0 and "change" not in again.data
    assert fleet.untouched_by("enable", "night").code == 0


def test_disable_with_unreachable_manager_is_error(fleet: GatewayRoot) -> None:
    fleet.gok("stage", "work", "--manager", "systemd")
    done = fleet.gateways("disable", "work", "night", "--json", env=UNREACHABLE)
    assert done.code == 4 and fleet.outcomes(done) == {"night": "disabled", "work": "failed"}
    assert "kept with the profile" in done.problem["message"] and fleet.listed("work")["disabled"] is True
    done = fleet.untouched_by("disable", "default", "--now", "--json", env=UNREACHABLE)
    assert done.code == 4, "the command is refused before it starts"


def test_disabled_gateway_does_not_start_with_daemon(fleet: GatewayRoot) -> None:
    fleet.gok("install", "night", "work", "--start")
    fleet.gok("disable", "night")
    daemon = fleet.daemon()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    until(lambda: fleet.pid("night") is None and fleet.pid("work") is None)
    fleet.gok("start")
    until(lambda: fleet.pid("work"))
    assert fleet.pid("night") is None and len(fleet.starts("night")) == 1


def test_groups_are_stored_in_profiles(fleet: GatewayRoot) -> None:
    done = fleet.gok("group", "family", "work", "default", "--json")
    assert done.data["profiles"] == ["default", "work"] and done.data["change"]
    assert fleet.gok("group", "family", "--json").data["profiles"] == ["default", "work"]
    assert fleet.rows()["work"]["groups"] == ["family"]
    assert fleet.gok("group", "family").stdout == "family: default, work\n"
    done = fleet.gok("group", "family", "night", "--remove", "work", "--json")
    assert done.data["profiles"] == ["default", "night"]
    again = fleet.untouched_by("group", "family", "night", "--json")
    assert "change" not in again.data
    assert fleet.gateways("group", "nobody").stdout.startswith("no profile is in the group nobody; ")
    fleet.ok("undo")
    assert fleet.gok("group", "family", "--json").data["profiles"] == ["default", "work"]


@pytest.mark.parametrize("name", ["with: colon", "42", "true", "ä ö", "a#b"])
def test_group_name_can_be_any_printable_text(fleet: GatewayRoot, name: str) -> None:
    fleet.gok("group", name, "work")
    rows = fleet.gok("list", "--group", name, "--json").data["gateways"]
    assert [row["profile"] for row in rows] == ["work"] and rows[0]["groups"] == [name]


def _stale(fleet: GatewayRoot, name: str) -> None:
    """Create the leftovers of a killed gateway."""
    record = {"pid": 2**22 - 3, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"], "start_time": 1}
    for file in ("gateway.pid", "gateway.lock"):
        (fleet.home(name) / file).write_text(json.dumps(record))


def test_reset_removes_stale_files_and_starts_gateway(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    _stale(fleet, "work")
    (fleet.home("work") / ".drain_request.json").write_text("{}")
    assert fleet.rows()["work"]["state"] == "stale"
    dry = fleet.untouched_by("reset", "work", "--dry-run", "--json")
    assert "gateway.pid" in dry.data["outcomes"][0]["detail"]
    done = fleet.gok("reset", "work", "--json")
    (row,) = done.data["outcomes"]
    assert row["outcome"] == "reset" and row["pid"] == fleet.pid("work")
    assert row["detail"] == "cleared .drain_request.json, gateway.pid, gateway.lock"
    assert fleet.rows()["work"]["service"]["enabled"]


def test_reset_of_running_gateway_restarts_it(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "night", "--start")
    before, night = fleet.pid("work"), fleet.pid("night")
    done = fleet.gok("reset", "work", "--json")
    assert fleet.outcomes(done) == {"work": "reset"} and fleet.pid("work") not in (None, before)
    assert fleet.pid("night") == night and fleet.rows()["work"]["restarts"] == 0


def test_reset_with_failed_start_is_reported(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    (fleet.home("work") / "exits").write_text("78\n")
    done = fleet.gateways("reset", "work", "--json")
    assert done.code == 1 and fleet.outcomes(done) == {"work": "failed"} and "exit 78" in done.problem["message"]


def test_reset_of_a_disabled_profile_clears_and_does_not_start(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    fleet.gok("disable", "work")
    _stale(fleet, "work")
    done = fleet.gok("reset", "work", "--json")
    assert fleet.outcomes(done) == {"work": "reset"} and fleet.starts("work") == []
    assert not (fleet.home("work") / "gateway.pid").exists() and not fleet.rows()["work"]["service"]["enabled"]


def test_reset_keeps_unverified_files(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    words = [sys.executable, "-c", "import time; time.sleep(60)", "hermes_cli.main", "gateway", "run"]
    # It is alive and looks like a gateway, but its owner cannot be verified.
    with subprocess.Popen(words, env={"PATH": "/usr/bin:/bin"}) as process:
        try:
            until(lambda: Path(f"/proc/{process.pid}/environ").read_bytes())
            (fleet.home("work") / "gateway.pid").write_text(f"{process.pid}\n")
            done = fleet.gateways("reset", "work", "--json")
            assert done.code == 6 and (fleet.home("work") / "gateway.pid").exists() and process.poll() is None
        finally:
            process.kill()


def test_prestart_is_hidden_and_answers_service(fleet: GatewayRoot) -> None:
    done = fleet.gok("prestart", "work", "--json")
    assert done.data == {"profile": "work", "masked_channels": []}
    assert fleet.gateways("prestart", "nobody", "--json").code == 5
    ((overlay,),) = ([path for path in Path(fleet.state).rglob("work") if path.is_dir()],)
    assert fleet.state in overlay.parents
