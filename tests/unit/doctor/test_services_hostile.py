"""Service checks over unusual and hostile definitions: no false positives, and no hidden faults."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from command_runner import CANARY
from doctor_root import DoctorRoot
from service_fakes import Systemd, everybody


def checks(world: DoctorRoot) -> list[str]:
    return [row["check"] for row in world.findings("--only", "services")]


def test_running_services_have_no_findings(world: DoctorRoot) -> None:
    systemd = everybody(world)
    assert checks(world) == []
    systemd.calls()
    checks(world)
    assert sorted(systemd.calls()) == ["--version", "show"], "one call for the whole fleet"


def test_never_enabled_service_is_not_reported(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.link("work").unlink()
    systemd.set_properties("work", ActiveState="inactive", SubState="dead")
    assert checks(world) == []


def test_disabled_profile_with_disabled_service_is_not_reported(world: DoctorRoot) -> None:
    systemd = everybody(world)
    assert systemd.gateways("disable", "work", "--now").code == 0
    assert checks(world) == []


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/opt/nvm/bin:/usr/bin:/bin", ""])
def test_drift_does_not_depend_on_shell(world: DoctorRoot, path: str) -> None:
    systemd = everybody(world)
    world.environment["PATH"] = f"{systemd.folder}:{path}:{systemd.python.parent}"
    assert checks(world) == []


def test_drift_does_not_depend_on_installation(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody(world)
    monkeypatch.setattr(sys, "executable", "/opt/checkout/venv/bin/python")
    assert checks(world) == []


def test_unit_with_path_of_hermes_is_not_drift(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.unit("work"), "/usr/local/sbin:", "/opt/node/bin:/usr/local/sbin:")
    assert checks(world) == []


def test_unit_with_another_python_is_drift(world: DoctorRoot) -> None:
    systemd = everybody(world)
    new = systemd.hermes("new")
    systemd.edit(systemd.unit("work"), str(systemd.python.parent.parent), str(new.parent.parent))
    assert checks(world) == ["services.drifted"]
    done = world.doctor("--fix", "--yes", "--only", "services", "--json")
    assert done.data["findings"] == []
    assert str(systemd.python) not in systemd.drop_in("work").read_text()


def test_two_roots_of_one_user_do_not_mix(world: DoctorRoot) -> None:
    """Both roots have the profiles `default` and `work`; the units belong to the first root."""
    everybody(world)
    other = world.user / "other"
    for home in (other, other / "profiles/work", other / "profiles/lone"):
        home.mkdir(parents=True)
        (home / "config.yaml").write_text("model: gpt-5\n")
    seen = world.runner.call("doctor", "--json", "--only", "services", "--home", str(other), env=world.environment)
    assert seen.data["findings"] == []
    assert checks(world) == []


def test_orphan_of_another_root_is_ignored(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.unit("gone").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile gone gateway run\n"
        'Environment="HERMES_HOME=/srv/other/profiles/gone"\n'
    )
    assert checks(world) == []


def test_linked_homes_are_resolved(world: DoctorRoot) -> None:
    away = world.user / "disk" / "profiles" / "work"
    away.parent.mkdir(parents=True)
    shutil.move(world.home("work"), away)
    world.home("work").symlink_to(away)
    everybody(world)
    assert checks(world) == []


def test_profile_folder_without_permission_is_not_missing(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = everybody(world)
    ghost = world.root / "profiles" / "ghost"
    systemd.unit("ghost").write_text(
        f'[Service]\nExecStart={systemd.python} -m hermes_cli.main gateway run\nEnvironment="HERMES_HOME={ghost}"\n'
    )
    assert checks(world) == ["services.orphan"]
    look = os.lstat

    def refused(path: object, *rest: object, **more: object) -> os.stat_result:
        if os.fspath(path) == str(ghost):  # type: ignore[call-overload]
            raise PermissionError(13, "Permission denied", str(ghost))
        return look(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "lstat", refused)
    assert checks(world) == []


@pytest.mark.parametrize("name", ["HERMES 100%u", 'quo"ted', "back\\slash", "$HOME"])
def test_orphan_of_root_with_special_characters_is_found(world: DoctorRoot, name: str) -> None:
    """Hermes escapes nothing, so its unit for such a root is read literally."""
    systemd = everybody(world)
    root = world.user / name
    (root / "profiles/work").mkdir(parents=True)
    (root / "config.yaml").write_text("model: gpt-5\n")
    for profile in ("work", "ghost"):
        systemd.unit(profile).write_text(
            f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile {profile} gateway run\n"
            f'Environment="HERMES_HOME={root}/profiles/{profile}"\n'
        )
    seen = world.runner.call(
        "doctor", "--json", "--only", "services.orphan", "--home", str(root), env=world.environment
    )
    assert [row["profiles"] for row in seen.data["findings"]] == [["ghost"]]
    assert [row["profiles"] for row in world.findings("--only", "services.orphan")] == []


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _masked(path: Path) -> None:
    path.symlink_to("/dev/null")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"[Service]\nExecStart=/bin/true gateway\n")
        file.truncate(10**9)


def _bytes(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def _half(path: Path) -> None:
    path.write_bytes(b'[Service]\nExecStart="/opt/x -m hermes_cli.main gateway run\nEnvironment="HERMES_HOME=')


@pytest.mark.parametrize("make", [_fifo, _folder, _device, _masked, _loop, _huge, _bytes, _half])
@pytest.mark.parametrize("place", ["hermes-gateway-odd.service", "hermes-gateway-work.service.d/70-odd.conf",
                                   "default.target.wants/hermes-gateway-odd.service"])  # fmt: skip
def test_other_files_do_not_hide_orphans(world: DoctorRoot, place: str, make: object) -> None:
    systemd = everybody(world)
    systemd.unit("ghost").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile ghost gateway run\n"
        f'Environment="HERMES_HOME={world.home("ghost")}"\n'
    )
    make(systemd.units / place)  # type: ignore[operator]
    begin = time.monotonic()
    found = world.findings("--only", "services.orphan")
    assert ["ghost"] in [row["profiles"] for row in found]
    assert time.monotonic() - begin < 10
    assert world.doctor("--json").data["summary"]["profiles"] == 3


def test_secrets_in_units_are_not_shown(world: DoctorRoot) -> None:
    """The runner searches all output for the secret, while every kind of finding about this unit is reported."""
    systemd = everybody(world)
    systemd.edit(systemd.unit("work"), "[Service]", f'[Service]\nEnvironment="API_TOKEN={CANARY}-1"\nNice={CANARY}-2')
    systemd.edit(systemd.unit("work"), "KillSignal=SIGTERM", f"KillSignal={CANARY}-5")
    systemd.edit(systemd.unit("work"), "Restart=always", f"Restart={CANARY}-6")
    path = systemd.drop_in("work").with_name("60-mine.conf")
    path.write_text(f"[Service]\nEnvironment=OTHER={CANARY}-3\nExecStartPre=/bin/echo {CANARY}-4\n")
    assert checks(world) == ["services.hand-edited"]
    systemd.loops("work", 1)
    assert sorted(checks(world)) == ["services.crash-loop", "services.hand-edited"]
    world.doctor()
    world.doctor("--fix", "--yes")


def test_pinned_default_service_is_not_redirected(world: DoctorRoot) -> None:
    everybody(world)
    (world.root / "active_profile").write_text("work\n")
    assert checks(world) == []


def test_setting_in_user_drop_in_is_fixed_by_editing_it(world: DoctorRoot) -> None:
    systemd = everybody(world)
    path = systemd.drop_in("work").with_name("60-mine.conf")
    for text, check, line in (
        ("[Service]\nWorkingDirectory=/nowhere/checkout\n", "services.no-home", 2),
        ("[Service]\nExecStart=\nExecStart=/nowhere/python -m hermes_cli.main gateway run\n",
         "services.no-interpreter", 3),
    ):  # fmt: skip
        path.write_text(text)
        (finding,) = world.findings("--only", "services")
        assert finding["check"] == check and finding["fix"]["automatic"] is False
        assert (finding["evidence"][0]["file"], finding["evidence"][0]["line"]) == (str(path), line)
        assert finding["fix"]["command"] == f"${{EDITOR:-vi}} {path} && systemctl --user daemon-reload"


def test_hand_edited_service_is_not_overwritten(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.drop_in("work"), "KillMode=mixed", "KillMode=process")
    new = systemd.hermes("new")
    shutil.rmtree(world.user / "hermes")
    world.environment["PATH"] = f"{systemd.folder}:{new.parent}:/usr/bin:/bin"
    found = {row["profiles"][0]: row["fix"]["automatic"] for row in world.findings("--only", "services.no-interpreter")}
    assert found == {"default": True, "family": True, "work": False}


def test_unplanned_stop_is_reported_as_not_running(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.failed("work", 1)
    assert checks(world) == ["services.not-running"]


def test_status_and_doctor_agree_on_stopped_gateways(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.set_properties("work", ActiveState="inactive", SubState="dead")
    systemd.failed("family", 78)
    rows = systemd.gateways("status", "--json")
    assert rows.code == 3
    down = {row["profile"] for row in rows.data["gateways"] if row["state"] in ("stopped", "failed")}
    reported = {name for row in world.findings("--only", "services") for name in row["profiles"]}
    assert down == reported == {"work", "family"}


def test_disabled_profile_is_not_reported_as_stopped(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.set_properties("work", ActiveState="inactive", SubState="dead")
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)
    assert checks(world) == ["services.disabled-but-enabled"], "its service is enabled all the same"


def test_links_and_drop_ins_of_others_are_ignored(world: DoctorRoot) -> None:
    systemd = everybody(world)
    away = world.user / "units/hermes-gateway-linked.service"
    away.parent.mkdir()
    away.write_text('[Service]\nEnvironment="HERMES_HOME=/srv/other"\n')
    systemd.link("linked").symlink_to(away)
    systemd.drop_in("elsewhere").parent.mkdir()
    systemd.drop_in("elsewhere").write_text('[Service]\nEnvironment="HERMES_HOME=/srv/other/profiles/elsewhere"\n')
    assert checks(world) == []


def test_profile_argument_overrides_home(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.unit("ghost").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile=ghost gateway run\n"
        f'Environment="HERMES_HOME={world.root}"\n'
    )
    (finding,) = world.findings("--only", "services")
    assert (finding["check"], finding["profiles"]) == ("services.orphan", ["ghost"])


def test_crash_loop_of_disabled_profile_is_info(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.loops("work")
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)
    found = {row["check"]: row["severity"] for row in world.findings("--only", "services")}
    assert found == {"services.crash-loop": "info", "services.disabled-but-enabled": "warning"}


def test_program_missing_in_shell_too_is_ignored(world: DoctorRoot) -> None:
    everybody(world)
    world.add("work", "config.yaml", "mcp_servers:\n  a:\n    command: nobody-has-this\n  b: broken\n  c:\n  - 1\n")
    assert checks(world) == []


def test_disabled_mcp_server_needs_no_program(world: DoctorRoot) -> None:
    everybody(world)
    tools = world.user / "tools"
    tools.mkdir()
    (tools / "mine").write_text("#!/bin/sh\n")
    (tools / "mine").chmod(0o755)
    world.environment["PATH"] += f":{tools}"
    world.add("work", "config.yaml", (
        "mcp_servers:\n  away:\n    command: mine\n    enabled: false\n"
        "  never:\n    command: mine\n    enabled: 'no'\n"
        "  own:\n    command: mine\n    env:\n"
        f"      PATH: {tools}\n  whole:\n    command: {tools}/mine\n"
    ))  # fmt: skip
    assert checks(world) == []


def test_program_found_after_reinstall_has_install_fix(world: DoctorRoot) -> None:
    systemd = everybody(world)
    tools = world.user / ".local/bin"
    tools.mkdir(parents=True)
    (tools / "uvx").write_text("#!/bin/sh\n")
    (tools / "uvx").chmod(0o755)
    world.environment["PATH"] += f":{tools}"
    world.add("work", "config.yaml", "mcp_servers:\n  files:\n    command: uvx\n")
    (finding,) = world.findings("--only", "services")
    assert finding["check"] == "services.path-lacks"
    assert finding["fix"]["command"] == "hermes-gateways install work --force"
    systemd.install("work", "--force")
    assert checks(world) == []


def test_no_services_no_manager_query(world: DoctorRoot) -> None:
    systemd = Systemd(world)
    assert checks(world) == []
    assert "--version" not in systemd.calls()
