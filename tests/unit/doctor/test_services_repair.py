"""Effects of doctor, uninstall and undo on services: files, links and manager commands."""

from __future__ import annotations

import shutil
from typing import Any

from doctor_root import DoctorRoot
from service_cases import a_profile_gone_whose_service_loops, a_profile_gone_with_its_service_left_idle
from service_fakes import Systemd, everybody


def fix(world: DoctorRoot, check: str, *arguments: str) -> Any:
    return world.doctor("--fix", "--yes", "--only", check, "--json", *arguments)


def undo(world: DoctorRoot) -> None:
    done = world.runner.call("undo", env=world.environment)
    assert done.code == 0, done


def test_changed_definition_is_reloaded_without_restart(world: DoctorRoot) -> None:
    systemd = everybody(world)
    for name in ("work", "family"):
        systemd.set_properties(name, NeedDaemonReload="yes")
    before = world.picture()
    (finding,) = world.findings("--skip", "runtime.no-alert")
    assert finding["check"] == "services.not-reloaded" and finding["profiles"] == ["family", "work"]
    assert finding["fix"] | {"text": ""} == {
        "text": "", "command": "systemctl --user daemon-reload", "automatic": True
    }  # fmt: skip
    dry = world.doctor("--fix", "--dry-run", "--json")
    assert dry.data["plan"] == [{"kind": "load", "manager": "systemd", "target": "changed definitions"}]
    systemd.calls()
    done = fix(world, "services.not-reloaded")
    assert [row["check"] for row in done.data["fixed"]] == ["services.not-reloaded"] and done.data["findings"] == []
    assert done.data["changes"] == [] and world.picture() == before
    assert [verb for verb in systemd.calls() if verb != "show"].count("daemon-reload") == 1


def test_orphan_is_stopped_before_removal(world: DoctorRoot) -> None:
    a_profile_gone_whose_service_loops(world)
    systemd = as_made(world)
    systemd.link("ghost").symlink_to(systemd.unit("ghost"))
    systemd.calls()
    done = fix(world, "services.orphan")
    assert done.code == 0 and done.data["findings"] == [], done
    assert not systemd.unit("ghost").exists() and not systemd.drop_in("ghost").parent.exists()
    assert not systemd.link("ghost").is_symlink()
    verbs = [verb for verb in systemd.calls() if verb not in ("show", "--version")]
    assert verbs == ["stop", "daemon-reload", "reset-failed"]


def test_orphan_that_does_not_stop_is_kept(world: DoctorRoot) -> None:
    a_profile_gone_whose_service_loops(world)
    systemd = as_made(world)
    systemd.refuse("stop", "Failed to stop hermes-gateway-ghost.service: Access denied")
    before = world.picture()
    done = fix(world, "services.orphan")
    assert done.code == 1 and done.problem["target"] == "ghost" and "does not stop" in done.problem["message"]
    assert world.picture() == before


def as_made(world: DoctorRoot) -> Systemd:
    """Return the fake systemd of a case."""
    made = Systemd.__new__(Systemd)
    made.world, made.units = world, world.user / ".config/systemd/user"
    made.folder = world.user / "tmp" / "programs"
    return made


def test_undo_restores_enabled_state_of_orphan(world: DoctorRoot) -> None:
    systemd = a_profile_gone_with_its_service_left_idle(world)
    for is_enabled in (False, True):
        if is_enabled:
            systemd.link("ghost").symlink_to(systemd.unit("ghost"))
        before = world.picture()
        assert fix(world, "services.orphan").data["findings"] == []
        undo(world)
        assert world.picture() == before and systemd.link("ghost").is_symlink() is is_enabled
    assert "daemon-reload" in systemd.calls(), "what is back is read"


def test_orphan_is_uninstalled_by_name(world: DoctorRoot) -> None:
    systemd = a_profile_gone_with_its_service_left_idle(world)
    systemd.link("ghost").symlink_to(systemd.unit("ghost"))
    before = world.picture()
    (finding,) = world.findings("--skip", "runtime.no-alert")
    words = finding["fix"]["command"].split()
    assert words == ["hermes-gateways", "uninstall", "ghost"]
    dry = systemd.gateways(*words[1:], "--dry-run", "--json")
    assert len(dry.data["plan"]) == 4 and world.picture() == before
    done = systemd.gateways(*words[1:], "--json")
    assert [(row["profile"], row["outcome"]) for row in done.data["outcomes"]] == [("ghost", "uninstalled")]
    assert world.findings("--skip", "runtime.no-alert") == []
    undo(world)
    assert world.picture() == before


def test_orphan_and_profile_are_uninstalled_together(world: DoctorRoot) -> None:
    systemd = a_profile_gone_with_its_service_left_idle(world)
    done = systemd.gateways("uninstall", "ghost", "work", "--json")
    assert {row["profile"]: row["outcome"] for row in done.data["outcomes"]} == {
        "ghost": "uninstalled", "work": "uninstalled",
    }  # fmt: skip


def test_unknown_name_is_still_refused(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.unit("other").write_text('[Service]\nEnvironment="HERMES_HOME=/srv/other/profiles/other"\n')
    assert systemd.gateways("uninstall", "nobody", "--json").code == 5
    done = systemd.gateways("uninstall", "other", "--json")
    assert [row["outcome"] for row in done.data["outcomes"]] == ["not-installed"], "another root's stays"
    assert systemd.unit("other").exists()


def test_drifted_service_keeps_its_hermes(world: DoctorRoot) -> None:
    """A run with another Hermes on its PATH does not change the program of the services."""
    systemd = everybody(world)
    new = systemd.hermes("elsewhere")
    world.environment["PATH"] = f"{systemd.folder}:{new.parent}:/usr/bin:/bin"
    assert world.findings("--skip", "runtime.no-alert") == []
    world.add("work", "config.yaml", "agent:\n  restart_drain_timeout: 300\n")
    assert [row["check"] for row in world.findings("--skip", "runtime.no-alert")] == ["services.drifted"]
    done = fix(world, "services.drifted")
    assert done.data["findings"] == [] and len(done.data["changes"]) == 1
    text = systemd.unit("work").read_text() + systemd.drop_in("work").read_text()
    assert "TimeoutStopSec=330" in text and str(systemd.python) in text and str(new) not in text


def test_repair_does_not_enable_a_service(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.link("work").unlink()
    world.add("work", "config.yaml", "agent:\n  restart_drain_timeout: 300\n")
    assert fix(world, "services.drifted").data["findings"] == []
    assert not systemd.link("work").is_symlink()


def test_two_repairs_are_two_changes_and_undone(world: DoctorRoot) -> None:
    a_profile_gone_with_its_service_left_idle(world)
    world.add("work", "config.yaml", "agent:\n  restart_drain_timeout: 300\n")
    before = world.picture()
    done = world.doctor("--fix", "--yes", "--only", "services", "--json")
    assert {row["check"] for row in done.data["fixed"]} == {"services.orphan", "services.drifted"}
    for _ in done.data["changes"]:
        undo(world)
    assert world.picture() == before


def test_orphan_is_no_finding_after_profile_returns(world: DoctorRoot) -> None:
    systemd = a_profile_gone_with_its_service_left_idle(world)
    fix(world, "services.orphan")
    world.profile("ghost")
    systemd.install("ghost")
    systemd.set_properties("ghost", ActiveState="active", SubState="running")
    assert world.findings("--skip", "runtime.no-alert") == []
    shutil.rmtree(world.home("ghost"))
    assert [row["check"] for row in world.findings("--skip", "runtime.no-alert")] == ["services.orphan"]
