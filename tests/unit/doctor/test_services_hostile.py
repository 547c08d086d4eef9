"""What is no fault is not told, and what is broken hides nothing: services of real machines, and hostile ones."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from command_runner import CANARY
from doctor_world import DoctorWorld
from service_world import Systemd, everybody


def checks(world: DoctorWorld) -> list[str]:
    return [row["check"] for row in world.findings("--only", "services")]


def test_services_that_run_have_no_findings(world: DoctorWorld) -> None:
    systemd = everybody(world)
    assert checks(world) == []
    systemd.calls()
    checks(world)
    assert sorted(systemd.calls()) == ["--version", "show"], "one call for the whole fleet"


def test_a_service_that_was_never_enabled_and_does_not_run_is_no_fault(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.link("work").unlink()
    systemd.say("work", ActiveState="inactive", SubState="dead")
    assert checks(world) == []


def test_a_disabled_profile_whose_service_is_off_is_no_fault(world: DoctorWorld) -> None:
    systemd = everybody(world)
    assert systemd.gateways("disable", "work", "--now").code == 0
    assert checks(world) == []


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/opt/nvm/bin:/usr/bin:/bin", ""])
def test_who_looks_from_another_shell_sees_no_drift(world: DoctorWorld, path: str) -> None:
    systemd = everybody(world)
    world.environment["PATH"] = f"{systemd.folder}:{path}:{systemd.python.parent}"
    assert checks(world) == []


def test_who_looks_with_another_installation_of_ours_sees_no_drift(
    world: DoctorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody(world)
    monkeypatch.setattr(sys, "executable", "/opt/checkout/venv/bin/python")
    assert checks(world) == []


def test_hermes_rewrites_its_unit_with_a_path_of_its_own(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.unit("work"), "/usr/local/sbin:", "/opt/node/bin:/usr/local/sbin:")
    assert checks(world) == []


def test_hermes_rewrites_its_unit_for_another_python_and_ours_does_not_follow(world: DoctorWorld) -> None:
    systemd = everybody(world)
    new = systemd.hermes("new")
    systemd.edit(systemd.unit("work"), str(systemd.python.parent.parent), str(new.parent.parent))
    assert checks(world) == ["services.drifted"]
    done = world.doctor("--fix", "--yes", "--only", "services", "--json")
    assert done.data["findings"] == []
    assert str(systemd.python) not in systemd.drop_in("work").read_text()


def test_two_roots_of_one_account_leave_each_other_alone(world: DoctorWorld) -> None:
    """Both have a profile `work` and a default; the units are the first root's."""
    everybody(world)
    other = world.user / "other"
    for home in (other, other / "profiles/work", other / "profiles/lone"):
        home.mkdir(parents=True)
        (home / "config.yaml").write_text("model: gpt-5\n")
    seen = world.runner.call("doctor", "--json", "--only", "services", "--home", str(other), env=world.environment)
    assert seen.data["findings"] == []
    assert checks(world) == []


def test_an_orphan_of_another_root_is_that_roots(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.unit("gone").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile gone gateway run\n"
        'Environment="HERMES_HOME=/srv/other/profiles/gone"\n'
    )
    assert checks(world) == []


def test_homes_behind_links_are_the_homes_they_lead_to(world: DoctorWorld) -> None:
    away = world.user / "disk" / "profiles" / "work"
    away.parent.mkdir(parents=True)
    shutil.move(world.home("work"), away)
    world.home("work").symlink_to(away)
    everybody(world)
    assert checks(world) == []


def test_a_profile_folder_that_may_not_be_looked_at_is_no_gone_profile(
    world: DoctorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_an_orphan_of_a_root_that_hermes_cannot_spell_is_found(world: DoctorWorld, name: str) -> None:
    """Hermes escapes nothing: its own unit for such a root is read letter by letter."""
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
def test_what_is_no_unit_hides_no_orphan_and_stops_nobody(world: DoctorWorld, place: str, make: object) -> None:
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


def test_secrets_in_units_are_never_shown(world: DoctorWorld) -> None:
    """The runner scans all that is said for the word; every kind of finding about this unit is told."""
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


def test_a_default_service_with_our_pin_stays_where_it_is(world: DoctorWorld) -> None:
    everybody(world)
    (world.root / "active_profile").write_text("work\n")
    assert checks(world) == []


def test_a_setting_of_the_users_own_file_is_theirs_to_mend(world: DoctorWorld) -> None:
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
        assert finding["fix"]["command"] == f'"${{EDITOR:-vi}}" {path} && systemctl --user daemon-reload'


def test_a_service_changed_by_hand_is_not_written_over_for_a_python_that_is_gone(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.drop_in("work"), "KillMode=mixed", "KillMode=process")
    new = systemd.hermes("new")
    shutil.rmtree(world.user / "hermes")
    world.environment["PATH"] = f"{systemd.folder}:{new.parent}:/usr/bin:/bin"
    found = {row["profiles"][0]: row["fix"]["automatic"] for row in world.findings("--only", "services.no-interpreter")}
    assert found == {"default": True, "family": True, "work": False}


def test_a_stop_without_notice_is_no_failure_but_the_gateway_is_down(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.failed("work", 1)
    assert checks(world) == ["services.not-running"]


def test_status_and_doctor_agree_on_who_is_down(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.say("work", ActiveState="inactive", SubState="dead")
    systemd.failed("family", 78)
    rows = systemd.gateways("status", "--json")
    assert rows.code == 3
    down = {row["profile"] for row in rows.data["gateways"] if row["state"] in ("stopped", "failed")}
    told = {name for row in world.findings("--only", "services") for name in row["profiles"]}
    assert down == told == {"work", "family"}


def test_a_disabled_profile_is_not_missed(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.say("work", ActiveState="inactive", SubState="dead")
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)
    assert checks(world) == ["services.disabled-but-enabled"], "its service is enabled all the same"


def test_links_and_drop_ins_of_others_are_theirs(world: DoctorWorld) -> None:
    systemd = everybody(world)
    away = world.user / "units/hermes-gateway-linked.service"
    away.parent.mkdir()
    away.write_text('[Service]\nEnvironment="HERMES_HOME=/srv/other"\n')
    systemd.link("linked").symlink_to(away)
    systemd.drop_in("elsewhere").parent.mkdir()
    systemd.drop_in("elsewhere").write_text('[Service]\nEnvironment="HERMES_HOME=/srv/other/profiles/elsewhere"\n')
    assert checks(world) == []


def test_a_profile_that_only_words_name_is_the_one_that_runs(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.unit("ghost").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile=ghost gateway run\n"
        f'Environment="HERMES_HOME={world.root}"\n'
    )
    (finding,) = world.findings("--only", "services")
    assert (finding["check"], finding["profiles"]) == ("services.orphan", ["ghost"])


def test_a_loop_of_a_disabled_profile_is_only_a_remark(world: DoctorWorld) -> None:
    systemd = everybody(world)
    systemd.loops("work")
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)
    found = {row["check"]: row["severity"] for row in world.findings("--only", "services")}
    assert found == {"services.crash-loop": "info", "services.disabled-but-enabled": "warning"}


def test_a_program_that_the_shell_does_not_find_either_is_not_the_services_fault(world: DoctorWorld) -> None:
    everybody(world)
    world.add("work", "config.yaml", "mcp_servers:\n  a:\n    command: nobody-has-this\n  b: broken\n  c:\n  - 1\n")
    assert checks(world) == []


def test_a_server_that_is_off_or_has_a_path_of_its_own_needs_nothing(world: DoctorWorld) -> None:
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


def test_a_tool_that_a_new_service_would_find_is_mended_by_writing_it_anew(world: DoctorWorld) -> None:
    systemd = everybody(world)
    tools = world.user / ".local/bin"
    tools.mkdir(parents=True)
    (tools / "uvx").write_text("#!/bin/sh\n")
    (tools / "uvx").chmod(0o755)
    world.environment["PATH"] += f":{tools}"
    world.add("work", "config.yaml", "mcp_servers:\n  files:\n    command: uvx\n")
    (finding,) = world.findings("--only", "services")
    assert finding["check"] == "services.path-lacks"
    assert finding["fix"]["command"] == "hermes-gateways install work"
    systemd.install("work")
    assert checks(world) == []


def test_without_services_nobody_is_asked(world: DoctorWorld) -> None:
    systemd = Systemd(world)
    assert checks(world) == []
    assert "--version" not in systemd.calls()
