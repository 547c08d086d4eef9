"""install, stage, print and uninstall: files written, refused and kept, also beside broken profiles."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
from pathlib import Path

import pytest
from command_runner import GATEWAYS
from gateway_root import TOKEN, GatewayRoot, is_gone
from hermes_release import write_release
from pty_terminal import Terminal


def test_repeated_install_reports_no_change(fleet: GatewayRoot) -> None:
    first = fleet.gok("install", "--json")
    assert fleet.outcomes(first) == dict.fromkeys(("default", "night", "work"), "installed")
    before, journal = fleet.picture(fleet.root / "profiles"), fleet.journal()
    second = fleet.gok("install", "--json")
    assert fleet.outcomes(second) == dict.fromkeys(("default", "night", "work"), "already-installed")
    assert "change" not in second.data and fleet.journal() == journal
    assert fleet.picture(fleet.root / "profiles") == before
    assert "already-installed" in fleet.gok("install").stdout


def test_installed_service_is_enabled_with_its_profile(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    row = fleet.rows("work")["work"]
    assert row["service"]["enabled"] and row["state"] == "running"
    ((pid, words, environment),) = fleet.starts("work")
    assert pid == row["pid"] and words == ["-m", "hermes_cli.main", "-p", "work", "gateway", "run"]
    assert environment["HERMES_HOME"] == str(fleet.home("work"))
    assert fleet.rows("night")["night"]["service"]["installed"] is False


def test_hand_edited_file_is_refused_with_diff_and_force_overwrites(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    program, ours = fleet.program("work"), fleet.program("work").read_text()
    program.write_text(ours.replace("umask=022", "umask=077"))
    done = fleet.untouched_by("install", "work", "night", "--dry-run", "--json")
    assert fleet.outcomes(done) == {"night": "would-install", "work": "refused"} and done.code == 6
    done = fleet.gateways("install", "work", "night", "--json")
    assert fleet.outcomes(done) == {"night": "installed", "work": "refused"} and done.code == 6
    row = done.data["outcomes"][1]
    assert "changed by hand" in row["detail"] and {"-umask=077", "+umask=022"} <= set(row["log"])
    (command,) = re.findall(r"`hermes-gateways (.*?)`", done.problem["hint"])
    text = fleet.gateways("install", "work")
    assert text.code == 6 and "-umask=077" in text.stdout and "last lines of its log" not in text.stdout
    assert "umask=077" in program.read_text()
    assert fleet.gok(*command.split()).code == 0 and program.read_text() == ours


_EDITS = {
    "comment": lambda text: text + b"# mine\n",
    "setting": lambda text: text.replace(b"[Service]\n", b"[Service]\nNice=5\n", 1),
    "value": lambda text: text.replace(b"TimeoutStopSec=", b"TimeoutStopSec=9", 1),
    "equal meaning": lambda text: text.replace(b"[Service]\n", b"[Service]\nUMask=0022\n", 1),
    "emptied": lambda _: b"",
    "no text": lambda text: text + b"\xff\xfe\x00\n",
    "other line ends": lambda text: text.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("edit", _EDITS)
def test_force_writes_whatever_was_edited_and_repeats_nothing(fleet: GatewayRoot, edit: str) -> None:
    words = ("stage", "work", "--manager", "systemd")
    fleet.gok(*words)
    unit = fleet.user / ".config/systemd/user/hermes-gateway-work.service"
    ours = unit.parent / "hermes-gateway-work.service.d/50-hermes-profiles.conf"
    for path in (unit, ours):
        wanted = path.read_bytes()
        path.write_bytes(_EDITS[edit](wanted))
        done = fleet.gok(*words, "--force", "--json")
        assert fleet.outcomes(done) == {"work": "installed"} and path.read_bytes() == wanted
        again = fleet.gok(*words, "--force", "--json")
        assert fleet.outcomes(again) == {"work": "already-installed"} and "change" not in again.data


def test_masked_unit_is_written_with_force_only(fleet: GatewayRoot) -> None:
    words = ("stage", "work", "--manager", "systemd")
    fleet.gok(*words)
    unit = fleet.user / ".config/systemd/user/hermes-gateway-work.service"
    wanted = unit.read_bytes()
    unit.unlink()
    unit.symlink_to("/dev/null")
    done = fleet.untouched_by(*words, "--json")
    assert fleet.outcomes(done) == {"work": "refused"} and "is masked" in done.data["outcomes"][0]["detail"]
    assert fleet.outcomes(fleet.gok(*words, "--force", "--json")) == {"work": "installed"}
    assert not unit.is_symlink() and unit.read_bytes() == wanted


def test_drop_in_that_sends_the_gateway_past_its_masks_is_refused(fleet: GatewayRoot) -> None:
    words = ("stage", "work", "--manager", "systemd", "--json")
    drop_in = fleet.user / ".config/systemd/user/hermes-gateway-.service.d/10-all.conf"
    keys = fleet.user / "all.env"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nEnvironmentFile=%h/all.env\n")
    for line in ("HERMES_MANAGED_DIR=/etc/hermes", f"HERMES_HOME={fleet.home('family')}"):
        keys.write_text(f"EXA_API_KEY=CANARY\n{line}\n")
        done = fleet.untouched_by(*words)
        name = line.partition("=")[0]
        assert done.code == 6 and done.problem["code"] == "redirected"
        assert str(drop_in) in done.problem["message"] and name in done.problem["hint"]
    keys.write_text(f"EXA_API_KEY=CANARY\nHERMES_HOME={fleet.home('work')}\n")
    assert fleet.outcomes(fleet.gok(*words)) == {"work": "installed"}


def test_unit_of_another_root_is_refused(fleet: GatewayRoot) -> None:
    other = fleet.user / "other"
    for path, text in {"config.yaml": "model: x\n"}.items():
        (other / "profiles" / "work").mkdir(parents=True)
        (other / "profiles" / "work" / path).write_text(text)
    words = ("stage", "work", "--manager", "systemd")
    fleet.gok(*words)
    done = fleet.untouched_by(*words, "--home", str(other), "--json")
    assert done.code == 6 and fleet.outcomes(done) == {"work": "refused"}
    assert "another root" in done.problem["message"] and str(fleet.home("work")) in done.problem["message"]
    fleet.gok(*words, "--home", str(other), "--force")
    unit = fleet.user / ".config/systemd/user/hermes-gateway-work.service"
    assert f"HERMES_HOME={other}/profiles/work" in unit.read_text()
    assert fleet.gateways(*words).code == 6, "now it belongs to the other root"


@pytest.mark.parametrize("first", ["default", "work"])
def test_service_of_another_profile_of_the_root_is_not_overwritten(first: str, fleet: GatewayRoot) -> None:
    home, outside = fleet.home("work"), fleet.user / "disk" / "work"
    outside.parent.mkdir()
    home.rename(outside)
    home.symlink_to(outside)
    words = ("--manager", "systemd", "--json")
    fleet.gok("stage", first, *words)
    other = "work" if first == "default" else "default"
    for more in ((), ("--force",)):
        done = fleet.untouched_by("stage", other, *words, *more)
        assert done.code == 6 and done.problem["code"] == "name-clash" and str(home) in done.problem["hint"]
        assert f"the name that {first}'s has" in done.problem["message"]


def test_install_options_are_stored_until_reset(fleet: GatewayRoot) -> None:
    manager = ("--manager", "systemd")
    drop_in = fleet.user / ".config/systemd/user/hermes-gateway-work.service.d/50-hermes-profiles.conf"
    fleet.make("work", {"profile.yaml": "# mine\ndescription: night shift\n"})
    fleet.gok(
        "stage", "work", *manager, "--memory", "512M", "--cpu", "050%", "--env", "DEBUG=true", "--env", "VERSION=1.10",
        "--env", "NODE_OPTIONS", "--log-dir", "logs of mine", "--boot-stagger", "3", "--python", str(fleet.python),
    )  # fmt: skip
    first, kept = drop_in.read_bytes(), (fleet.home("work") / "profile.yaml").read_bytes()
    assert b"MemoryMax=536870912" in first and b"CPUQuota=50%" in first and b"VERSION=1.10" in first
    assert kept.startswith(b"# mine\ndescription: night shift\n")
    again = fleet.untouched_by("stage", "work", *manager, "--json", env={"PATH": "/usr/bin:/bin"})
    assert fleet.outcomes(again) == {"work": "already-installed"} and drop_in.read_bytes() == first
    fleet.gok("stage", "work", *manager, "--memory", "none", "--env", "DEBUG=none")
    after = drop_in.read_bytes()
    assert b"MemoryMax" not in after and b"DEBUG" not in after and b"CPUQuota=50%" in after
    assert b"memory" not in (fleet.home("work") / "profile.yaml").read_bytes()


def test_options_reach_the_gateway(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--env", "VERSION=1.10", "--log-dir", str(fleet.user / "my logs"))
    done = fleet.gok("install", "work", "--start", "--json")
    assert fleet.outcomes(done) == {"work": "started"}
    ((_, _, environment),) = fleet.starts("work")
    assert environment["VERSION"] == "1.10"
    assert "hello from" in (fleet.user / "my logs" / "work.log").read_text()


def test_options_unsupported_by_manager_are_reported(fleet: GatewayRoot) -> None:
    done = fleet.gok("install", "work", "--memory", "512M", "--json")
    assert [warning["code"] for warning in done.json["warnings"]] == ["unsupported"]
    assert "memory" in done.json["warnings"][0]["message"]


@pytest.mark.parametrize("variable", [
    "TELEGRAM_BOT_TOKEN=1", "OPENAI_API_KEY", "HERMES_HOME=/x", "MY_PASSWORD=x", "TOKEN=x", f"HARMLESS={TOKEN}",
    "HARMLESS=of-this-profile-0123",
], ids=lambda text: text.partition("=")[0])  # fmt: skip
def test_service_file_has_no_secret(fleet: GatewayRoot, variable: str) -> None:
    fleet.profile("work", env="SOME_API_KEY=of-this-profile-0123\n")
    done = fleet.untouched_by("install", "work", "--env", variable, "--json")
    assert done.code == 6 and done.problem["code"] == "secret-in-service"


def test_multiplexed_profile_needs_no_service(fleet: GatewayRoot) -> None:
    fleet.profile("default", config_yaml="gateway:\n  multiplex_profiles: true\n")
    done = fleet.gok("install", "--json")
    assert fleet.outcomes(done) == {"default": "installed", "night": "skipped", "work": "skipped"}
    done = fleet.untouched_by("install", "work", "--json")
    assert done.code == 6 and "multiplex_profiles" in done.problem["message"]
    (command,) = re.findall(r"`hermes-gateways (.*?)`", done.problem["hint"])
    assert fleet.outcomes(fleet.gok(*command.split(), "--json")) == {"work": "installed"}
    assert fleet.rows()["work"]["service"]["installed"]


def test_disabled_profile_is_installed_but_neither_enabled_nor_started(fleet: GatewayRoot) -> None:
    fleet.gok("disable", "night")
    done = fleet.gok("install", "--start", "--json")
    assert fleet.outcomes(done) == {"default": "started", "night": "installed", "work": "started"}
    rows = fleet.rows()
    assert rows["night"]["service"]["installed"] and not rows["night"]["service"]["enabled"]
    assert fleet.starts("night") == [] and rows["work"]["service"]["enabled"]


def test_no_enable_option_is_stored_until_enable(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--no-enable")
    fleet.gok("install")
    assert not fleet.rows()["work"]["service"]["enabled"] and fleet.rows()["night"]["service"]["enabled"]
    fleet.gok("enable", "work")
    assert fleet.rows()["work"]["service"]["enabled"]
    fleet.gok("install")
    assert fleet.rows()["work"]["service"]["enabled"]
    fleet.gok("install", "work", "--no-enable")
    fleet.gok("install", "work", "--enable")
    assert fleet.rows()["work"]["service"]["enabled"]


def test_install_with_broken_profile_installs_the_others(fleet: GatewayRoot) -> None:
    fleet.profile("broken", config_yaml="model: gpt\nplatforms: [unclosed\n")
    fleet.profile("forgotten", profile_yaml="service: {memory: 'much'}\n")
    (fleet.user / "with\nbreak").mkdir()
    (fleet.root / "profiles" / "linked").symlink_to(fleet.user / "with\nbreak")
    fleet.profile("stuck", profile_yaml="service: {log_folder: /dev/null/logs}\n")
    done = fleet.gateways("install", "--start", "--json")
    assert done.code == 1 and fleet.outcomes(done) == {
        "broken": "failed", "default": "started", "forgotten": "failed", "linked": "failed", "night": "started",
        "stuck": "failed", "work": "started",
    }  # fmt: skip
    detail = {row["profile"]: row["detail"] for row in done.data["outcomes"]}
    assert (
        "config.yaml:" in detail["broken"] and "memory limit" in detail["forgotten"] and "/dev/null" in detail["stuck"]
    )
    assert [error["target"] for error in done.json["errors"]] == ["broken", "forgotten", "linked", "stuck"]
    assert not fleet.program("broken").exists() and fleet.pid("work") and fleet.pid("default")
    text = fleet.gateways("install")
    assert text.code == 1 and text.stdout.count("  already-installed") == 3


def test_invalid_profile_yaml_is_error_not_empty_options(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--env", "MODE=fast")
    before = fleet.program("work").read_bytes()
    (fleet.home("work") / "profile.yaml").write_text("service: {env: [unclosed\n")
    done = fleet.untouched_by("install", "work", "--json")
    assert done.code == 1 and "profile.yaml:" in done.problem["message"]
    assert fleet.untouched_by("print", "work").code == 1
    assert fleet.program("work").read_bytes() == before


def test_start_shows_one_row_for_each_profile(fleet: GatewayRoot) -> None:
    (fleet.home("night") / "exits").write_text("78\n")
    text = fleet.gateways("install", "--start")
    assert text.code == 1
    verdict, table, *_ = text.stdout.split("\n\n")
    assert verdict == "2 started; failed: night"
    rows = [line.split()[:2] for line in table.splitlines()]
    assert rows == [["profile", "outcome"], ["night", "failed"], ["default", "started"], ["work", "started"]]
    assert "configuration cannot work" in text.stdout and "giving up with 78" in text.stdout
    done = fleet.gateways("install", "--start", "--json")
    assert fleet.outcomes(done) == {"default": "already-running", "night": "started", "work": "already-running"}


def test_stage_writes_files_without_loading(fleet: GatewayRoot) -> None:
    done = fleet.gok("stage", "--json")
    assert set(fleet.outcomes(done).values()) == {"installed"} and fleet.daemon() is None
    assert fleet.program("work").exists() and not fleet.rows()["work"]["pid"]
    assert fleet.outcomes(fleet.gok("install", "--start", "--json")) == dict.fromkeys(
        ("default", "night", "work"), "started"
    )


@pytest.mark.parametrize("manager", ["systemd", "launchd", "supervisor"])
def test_print_needs_no_manager(fleet: GatewayRoot, manager: str) -> None:
    nothing = fleet.user / "empty"
    nothing.mkdir()
    env = {"PATH": str(nothing)}
    done = fleet.untouched_by(
        "print", "work", "--manager", manager, "--python", str(fleet.python), "--json", env=env
    )  # fmt: skip
    assert done.code == 0 and done.json["errors"] == []
    files = done.data["files"]
    assert all(set(row) == {"path", "mode", "text"} for row in files)
    main = files[0]["text"]
    if manager == "launchd":
        assert plistlib.loads(main.encode())["EnvironmentVariables"]["HERMES_HOME"] == str(fleet.home("work"))
    else:
        assert str(fleet.home("work")) in main
    assert len(files) == (2 if manager == "systemd" else 1)
    shown = fleet.gok("print", "work", "--manager", manager).stdout
    assert f"# {files[0]['path']}" in shown and main.splitlines()[-1] in shown


def test_system_option_prints_without_manager(fleet: GatewayRoot) -> None:
    done = fleet.untouched_by("install", "--system", "--json", env={"PATH": "/nowhere"})
    assert done.code == 5, "no Hermes there"
    env = {
        "PATH": str(fleet.python.parent),
        "HERMES_PROFILES_MANAGER": "systemd",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x",
    }
    done = fleet.untouched_by("install", "--system", "--json", env=env)
    assert done.code == 0 and done.json["errors"] == [] and done.data["outcomes"] == []
    units = [row["path"] for row in done.data["files"] if row["path"].endswith(".service")]
    assert units == [f"/etc/systemd/system/hermes-gateway{suffix}.service" for suffix in ("", "-night", "-work")]
    assert "User=" in done.data["files"][0]["text"] and "WantedBy=multi-user.target" in done.data["files"][0]["text"]
    assert done.data["commands"][0] == "sudo systemctl daemon-reload" and len(done.data["commands"]) == 4
    assert not any(Path(path).exists() for path in units)


def test_missing_hermes_is_error_with_hint(fleet: GatewayRoot) -> None:
    shutil.move(fleet.user / "hermes", fleet.user / "elsewhere")
    done = fleet.untouched_by("install", "--json")
    assert done.code == 5 and done.problem["code"] == "no-hermes" and "--python" in done.problem["hint"]
    python = str(fleet.user / "elsewhere/venv/bin/python")
    fleet.gok("install", "work", "--python", python)
    assert fleet.outcomes(fleet.gok("install", "work", "--start", "--json")) == {"work": "started"}, "it is kept"


def test_install_creates_log_folder(fleet: GatewayRoot) -> None:
    assert not (fleet.home("work") / "logs").exists()
    fleet.gok("install", "work", "--no-enable")
    assert (fleet.home("work") / "logs").is_dir()


def test_linked_profile_is_served_at_its_target(fleet: GatewayRoot) -> None:
    elsewhere = fleet.user / "disk" / "work 100% & more"
    elsewhere.parent.mkdir()
    os.rename(fleet.home("work"), elsewhere)
    fleet.home("work").symlink_to(elsewhere)
    assert fleet.outcomes(fleet.gok("install", "work", "--start", "--json")) == {"work": "started"}
    row = fleet.rows("work")["work"]
    assert row["state"] == "running" and row["disagreement"] == []
    assert fleet.outcomes(fleet.gok("stop", "work", "--json")) == {"work": "stopped"}


def test_start_without_a_service_names_the_enabled_unit_of_another_name(fleet: GatewayRoot) -> None:
    """An installation beside it is refused, so its command would not work as printed."""
    units = fleet.user / ".config/systemd/user"
    wants = units / "default.target.wants"
    wants.mkdir(parents=True)
    (units / "gw@.service").write_text("[Service]\nExecStart=/usr/bin/hermes -p %i gateway run\n")
    (wants / "gw@work.service").symlink_to(units / "gw@.service")
    done = fleet.gateways("start", "work", "--json")
    assert (done.code, done.problem["code"], done.problem["target"]) == (5, "no-service", "work")
    assert done.problem["message"].endswith(": the enabled unit gw@work.service is there to run its gateway")
    assert "`systemctl --user start gw@work.service`" in done.problem["hint"]
    refused = fleet.gateways("install", "work", "--json")
    assert refused.code == 6 and refused.problem["hint"] == done.problem["hint"]
    assert "`hermes-gateways install night --start`" in fleet.gateways("start", "night", "--json").problem["hint"]
    assert fleet.gateways("start", "--json").code == 5


def test_uninstall_leaves_only_profiles(fleet: GatewayRoot) -> None:
    fleet.gok("install", "--start")
    pids, daemon = [fleet.pid(name) for name in ("default", "night", "work")], fleet.daemon()
    done = fleet.gok("uninstall", "work", "--json")
    assert fleet.outcomes(done) == {"work": "uninstalled"} and fleet.pid("night") == pids[1]
    done = fleet.gok("uninstall", "--yes", "--json")
    assert fleet.outcomes(done) == {"default": "uninstalled", "night": "uninstalled", "work": "not-installed"}
    assert all(pid is not None and is_gone(pid) for pid in (*pids, daemon))
    left = {path.name for path in (fleet.state / "supervisor").rglob("*") if path.is_file()}
    assert left <= {"supervisord.log", "supervisord.pid", "daemon.lock", ".lock", "lock"}, left
    assert all(row["state"] == "stopped" for row in fleet.rows().values())


def test_uninstall_of_an_owner_names_who_can_take_over(fleet: GatewayRoot) -> None:
    for name in ("night", "work"):
        (fleet.home(name) / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    rows = fleet.gok("install", "night", "work", "--start", "--json").data["outcomes"]
    (owner,) = [row["profile"] for row in rows if not row["masked_channels"]]
    (other,) = [row["profile"] for row in rows if row["masked_channels"]]
    assert fleet.gok("uninstall", owner, "--dry-run", "--json").json["warnings"] == []
    (warning,) = fleet.gok("uninstall", owner, "--json").json["warnings"]
    assert warning["code"] == "mask-free" and f"`hermes-gateways restart {other}`" in warning["hint"]
    assert fleet.gok("uninstall", other, "--json").json["warnings"] == []


def test_uninstall_of_all_asks_and_its_undo_starts_what_ran(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    fleet.gok("start", "work")
    done = fleet.untouched_by("uninstall", "--json")
    assert done.code == 6 and done.problem["code"] == "not-confirmed"
    with Terminal([*GATEWAYS, "uninstall"], fleet.runner.environment, fleet.user) as terminal:
        terminal.expect("stop and remove the 3 services of default, night, work; type 'yes' to go on: ")
        terminal.type("no\n")
        assert terminal.end() == 6
    assert fleet.pid("work")
    with Terminal([*GATEWAYS, "uninstall"], fleet.runner.environment, fleet.user) as terminal:
        terminal.expect("to go on: ")
        terminal.type("yes\n")
        assert terminal.end() == 0
    assert fleet.pid("work") is None
    assert fleet.gok("uninstall").code == 0  # nothing to remove, nothing to ask
    done = fleet.ok("undo")
    assert "; started again: work;" in done.stdout
    assert {name: row["state"] for name, row in fleet.rows().items()} == {
        "default": "stopped", "night": "stopped", "work": "running",
    }  # fmt: skip


def test_uninstall_keeps_a_service_whose_gateway_does_not_stop(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hermes_profiles.fleet import uninstall
    from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind

    fleet.gok("install", "work", "night", "--start")
    real = uninstall.stop_all

    def stop(world, profiles, *rest):  # type: ignore[no-untyped-def]
        stopped = real(world, [name for name in profiles if name != "work"], *rest)
        return (*stopped, Outcome("work", OutcomeKind.INTERRUPTED, "was stopping"))

    monkeypatch.setattr(uninstall, "stop_all", stop)
    done = fleet.gateways("uninstall", "--yes", "--json")
    assert done.code == 130
    assert fleet.outcomes(done) == {"default": "not-installed", "night": "uninstalled", "work": "interrupted"}
    assert fleet.program("work").exists() and not fleet.program("night").exists() and fleet.pid("work")


def test_services_that_an_update_removes_are_announced_with_the_way_out(fleet: GatewayRoot) -> None:
    assert fleet.gok("install", "--json").json["warnings"] == []
    write_release(fleet.python.parent.parent.parent, (0, 21, 3))
    for words in (("install", "--dry-run"), ("install",), ("stage", "--manager", "systemd")):
        done = fleet.gok(*words, "--json")
        (warning,) = (each for each in done.json["warnings"] if each["code"] == "folded-on-update")
        assert "removes the services of 2 profiles" in warning["message"]
        assert "team run-mode multiplex" in warning["hint"]
    (command,) = re.findall(r"`hermes-profiles (config set .*?)`", warning["hint"])
    assert fleet.gok("install", "default", "--json").json["warnings"] == []
    assert fleet.call(*command.split()).code == 0
    assert fleet.gok("install", "--json").json["warnings"] == []
