"""Service checks with fake managers: system units, linger, containers, WSL and launchd."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot
from fake_launchctl import install
from fake_systemctl import FakeSystemctl
from sample_specs import spec_of
from service_fakes import collect_facts, found_in

from hermes_profiles.doctor.findings import Finding
from hermes_profiles.model.errors import Problem
from hermes_profiles.services.launchd.manager import LaunchdManager
from hermes_profiles.services.launchd.render import render_plist
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.spec import Program
from hermes_profiles.services.systemd.manager import SystemdManager
from hermes_profiles.services.systemd.user_bus import SystemdPaths, account_name, no_bus

UID = os.getuid()


class Machine:
    """A machine with temporary folders and a fake systemd."""

    def __init__(self, world: DoctorRoot, folder: Path) -> None:
        self.world = world
        self.places = SystemdPaths(*(folder / name for name in ("run-user", "system", "linger", "booted", "proc")))
        for each in self.places:
            each.mkdir()
        bus = self.places.runtime / str(UID) / "systemd"
        bus.mkdir(parents=True)
        (bus / "private").touch()
        self.units = world.user / ".config/systemd/user"
        self.units.mkdir(parents=True)
        self.linger = self.places.linger / account_name(UID, {})
        self.linger.touch()
        self.fake = FakeSystemctl(self.units)
        self.manager = SystemdManager(
            world.user, {"PATH": "/usr/bin:/bin"}, UID, runner=self.fake, places=self.places
        )  # fmt: skip

    def unit(self, folder: Path, name: str, home: Path | str, *, more: str = "") -> Path:
        """Write a unit as Hermes does, with an existing Python."""
        path = folder / f"{name}.service"
        path.write_text(
            f'[Service]\nExecStart=/bin/sh -m hermes_cli.main gateway run\nEnvironment="HERMES_HOME={home}"\n{more}'
        )
        return path

    def enable(self, name: str) -> None:
        self.fake(("systemctl", "--user", "--no-ask-password", "enable", "--", f"{name}.service"), {}, 1)
        self.fake.put(name, ActiveState="active", SubState="running", UnitFileState="enabled")

    def findings(self, **options: Any) -> dict[str, list[Finding]]:
        return found_in(collect_facts(self.world, self.manager, **options))


@pytest.fixture
def machine(world: DoctorRoot, tmp_path: Path) -> Machine:
    return Machine(world, tmp_path)


def test_healthy_units_have_no_findings(machine: Machine) -> None:
    machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    machine.enable("hermes-gateway-work")
    assert machine.findings() == {}


def test_orphaned_system_unit_has_sudo_fix(machine: Machine) -> None:
    unit = machine.unit(machine.places.system_units, "hermes-gateway-ghost", machine.world.root / "profiles/ghost")
    wants = machine.places.system_units / "multi-user.target.wants"
    wants.mkdir()
    (wants / unit.name).symlink_to(unit)
    (finding,) = machine.findings()["services.orphan"]
    assert finding.repairs == () and finding.severity == "error" and "system service" in finding.message
    assert finding.fix.command == f"sudo systemctl disable --now {unit.name} && sudo rm -r {unit}"


def test_orphan_with_custom_name_has_removal_commands(machine: Machine) -> None:
    unit = machine.unit(machine.units, "hermes-gateway-odd", machine.world.root / "profiles/ghost")
    scratch = machine.unit(machine.units, "hermes-gateway-1a2b3c4d", machine.world.root / "scratch")
    found = {each.evidence[0].file: each for each in machine.findings()["services.orphan"]}
    assert found.keys() == {str(unit), str(scratch)} and not found[str(scratch)].repairs
    assert found[str(unit)].profiles == ("ghost",) and found[str(scratch)].profiles == ()
    # The unit is found by its home, so our own command removes it.
    assert found[str(unit)].fix.command == "hermes-gateways uninstall ghost" and found[str(unit)].repairs
    assert found[str(scratch)].fix.command == (
        f"systemctl --user disable --now {scratch.name} && rm {scratch} && systemctl --user daemon-reload"
    )


def test_user_and_system_unit_are_two_supervisors(machine: Machine) -> None:
    for folder in (machine.units, machine.places.system_units):
        machine.unit(folder, "hermes-gateway-work", machine.world.home("work"))
    machine.enable("hermes-gateway-work")
    (finding,) = machine.findings()["services.two-supervisors"]
    assert finding.profiles == ("work",) and len(finding.evidence) == 2
    assert finding.fix.command.startswith("sudo systemctl disable --now hermes-gateway-work.service")


def test_system_unit_of_another_user_is_ignored(machine: Machine) -> None:
    machine.unit(machine.places.system_units, "hermes-gateway-work", "/home/other/.hermes/profiles/work")
    machine.unit(machine.units, "hermes-gateway", machine.world.root)
    path = machine.places.system_units / "hermes-gateway.service"
    path.write_text("[Service]\nUser=other\nExecStart=/bin/sh -m hermes_cli.main gateway run\n")
    assert machine.findings() == {}


def test_program_with_specifier_is_not_missing(machine: Machine) -> None:
    unit = machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    for program in ("hermes", "%h/venv/bin/python"):
        unit.write_text(
            f'[Service]\nExecStart={program} gateway run\nEnvironment="HERMES_HOME={machine.world.home("work")}"\n'
        )
        assert machine.findings() == {}


def test_names_with_common_prefix_are_distinct(machine: Machine) -> None:
    machine.world.profile("work-2")
    for name in ("work", "work-2"):
        machine.unit(machine.units, f"hermes-gateway-{name}", machine.world.home(name))
    machine.unit(machine.units, "hermes-backup", machine.world.home("work")).write_text(
        f"[Service]\nExecStart=/bin/ls\nEnvironment=HERMES_HOME={machine.world.home('work')}\n"
    )
    assert machine.findings() == {}


def test_linger_off_is_one_finding(machine: Machine) -> None:
    for name in ("work", "family"):
        machine.unit(machine.units, f"hermes-gateway-{name}", machine.world.home(name))
        machine.enable(f"hermes-gateway-{name}")
    assert machine.findings() == {}
    machine.linger.unlink()
    (finding,) = machine.findings()["services.linger-off"]
    assert finding.profiles == ("family", "work") and finding.fix.command == "loginctl enable-linger"
    stand_in = machine.world.user / "tmp/loginctl"
    stand_in.write_text(f'#!/bin/sh\n[ "$*" = enable-linger ] && touch {shlex.quote(str(machine.linger))}\n')
    stand_in.chmod(0o755)
    environment = {"PATH": f"{stand_in.parent}:/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-c", finding.fix.command], env=environment, check=True)
    assert machine.findings() == {}


def test_linger_off_without_enabled_services_is_ignored(machine: Machine) -> None:
    machine.linger.unlink()
    machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    assert machine.findings() == {}


def problem(machine: Machine, **environment: str) -> Problem:
    machine.linger.unlink()
    shutil.rmtree(machine.places.runtime)
    return no_bus(environment, UID, machine.places).problem


def test_no_user_bus_has_one_fix_command(machine: Machine) -> None:
    machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    found = machine.findings(unreachable=(problem(machine, SUDO_USER=""),))
    (finding,) = found.pop("services.no-user-bus")
    assert finding.fix.command.startswith("loginctl enable-linger ") and finding.profiles == ("work",) and not found


@pytest.mark.parametrize("why", ["container", "wsl"])
def test_machine_without_systemd_is_info(machine: Machine, why: str) -> None:
    machine.places.booted.rmdir()
    machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    given = {"WSL_DISTRO_NAME": "Ubuntu"} if why == "wsl" else {}
    found = machine.findings(unreachable=(problem(machine, SUDO_USER="", **given),))
    (finding,) = found.pop("services.no-systemd")
    assert "have no effect on this machine" in finding.message and not found
    assert finding.fix.command == "hermes-gateways install work --manager supervisor"
    assert (("/etc/wsl.conf" in finding.fix.text), ("WSL" in finding.message)) == ((why == "wsl"),) * 2


def test_unreachable_manager_without_services_is_ignored(machine: Machine) -> None:
    assert machine.findings(unreachable=(problem(machine, SUDO_USER=""),)) == {}


def test_orphan_is_not_removed_while_manager_is_unreachable(machine: Machine) -> None:
    machine.unit(machine.units, "hermes-gateway-ghost", machine.world.root / "profiles/ghost")
    found = machine.findings(unreachable=(ManagerError("it hangs", hint="look at it").problem,))
    (finding,) = found.pop("services.orphan")
    assert finding.repairs == () and "once systemd can be reached" in finding.fix.text and not found


# -- launchd


class Mac:
    """Return a user with a fake launchd."""

    def __init__(self, world: DoctorRoot, folder: Path) -> None:
        self.world = world
        self.agents = world.user / "Library/LaunchAgents"
        self.agents.mkdir(parents=True)
        self.fake = install(folder / "bin", UID)
        self.manager = LaunchdManager(world.user, {"PATH": f"{folder}/bin:/usr/bin:/bin"}, UID, waits=(0.01,) * 3)

    def plist(self, label: str, home: Path, **keys: Any) -> Path:
        path = self.agents / f"{label}.plist"
        words = ["/bin/sh", "-m", "hermes_cli.main", "gateway", "run", "--replace"]
        job = {"Label": label, "ProgramArguments": words, "EnvironmentVariables": {"HERMES_HOME": str(home)}} | keys
        path.write_bytes(plistlib.dumps(job))
        self.fake.change(
            jobs={**self.fake.jobs, f"gui/{UID}/{label}": {"pid": 700, "status": 0, "runs": 1, "home": ""}}
        )
        return path

    def findings(self, **options: Any) -> dict[str, list[Finding]]:
        return found_in(collect_facts(self.world, self.manager, **options))


@pytest.fixture
def mac(world: DoctorRoot, tmp_path: Path) -> Mac:
    return Mac(world, tmp_path)


def test_healthy_agents_have_no_findings(mac: Mac) -> None:
    mac.plist("ai.hermes.gateway-work", mac.world.home("work"), WorkingDirectory=str(mac.world.home("work")))
    mac.plist("ai.hermes.gateway", mac.world.root)
    assert mac.findings() == {}


def test_hermes_agent_is_info_and_outdated_own_agent_is_drift(mac: Mac) -> None:
    home = mac.world.home("work")
    wanted = spec_of(home, account_home=mac.world.user, program=Program("/bin/sh", None, ("/usr/bin",)), prestart=())
    mac.plist("ai.hermes.gateway-work", home, WorkingDirectory=str(home), KeepAlive=True, ThrottleInterval=30)
    assert list(mac.findings(spec_of=lambda _: wanted)) == ["services.not-adopted"]
    ((path, _, _),) = mac.manager.definitions(wanted)
    path.write_bytes(render_plist(wanted._replace(drain=20)))
    assert mac.findings(spec_of=lambda _: wanted) == {}, "both give it a minute"
    path.write_bytes(render_plist(wanted._replace(drain=200)))
    (finding,) = mac.findings(spec_of=lambda _: wanted)["services.drifted"]
    assert "ExitTimeOut differs" in finding.message and len(finding.repairs) == 1


def test_agent_of_missing_profile_is_orphan(mac: Mac) -> None:
    path = mac.plist("ai.hermes.gateway-ghost", mac.world.root / "profiles/ghost")
    (finding,) = mac.findings()["services.orphan"]
    assert finding.profiles == ("ghost",) and finding.evidence[0].file == str(path) and finding.severity == "error"
    assert len(finding.repairs) == 1


def test_agent_with_special_characters_is_found_by_home(mac: Mac) -> None:
    path = mac.plist("ai.hermes.gateway-ghost", mac.world.root / "profiles/ghost")
    path.write_bytes(path.read_bytes().replace(b"hermes_cli.main", b"a & b"))
    (finding,) = mac.findings()["services.orphan"]
    assert finding.profiles == ("ghost",)


def test_agent_of_old_release_is_second_supervisor(mac: Mac) -> None:
    mac.plist("ai.hermes.gateway-work", mac.world.home("work"))
    mac.plist("com.hermes.gateway", mac.world.home("work"))
    (finding,) = mac.findings()["services.two-supervisors"]
    assert finding.fix.command.startswith(f"launchctl bootout gui/{UID}/com.hermes.gateway; rm ")


def test_single_agent_with_old_name_is_legacy(mac: Mac) -> None:
    mac.plist("com.hermes.gateway", mac.world.root)
    assert list(mac.findings()) == ["services.legacy-unit"]


def test_agent_with_missing_python_or_folder(mac: Mac) -> None:
    home = mac.world.home("work")
    mac.plist("ai.hermes.gateway-work", home, ProgramArguments=["/nowhere/python", "-m", "hermes_cli.main", "gateway"])
    assert list(mac.findings()) == ["services.no-interpreter"]
    mac.plist("ai.hermes.gateway-work", home, WorkingDirectory="/nowhere/checkout")
    assert list(mac.findings()) == ["services.no-home"]


def test_default_agent_without_pin_follows_sticky_profile(mac: Mac) -> None:
    mac.plist("ai.hermes.gateway", mac.world.root)
    (mac.world.root / "active_profile").write_text("family\n")
    (finding,) = mac.findings()["services.sticky-redirect"]
    assert finding.profiles == ("default", "family")
