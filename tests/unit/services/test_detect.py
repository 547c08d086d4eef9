"""Which manager is taken, why, and that a broken one is never quietly replaced."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from hermes_profiles.services.detect import ManagerChoice, describe, detect
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind
from hermes_profiles.services.systemd.user_bus import SystemdPaths

UID = os.getuid()


class Machine:
    """A machine with systemd booted and the user's bus there, until a test takes something away."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.root = self.home / ".hermes"
        self.state = self.root / "profiles/.hermes-profiles"
        self.state.mkdir(parents=True)
        self.places = SystemdPaths(
            folder / "run-user", folder / "etc-system", folder / "linger", folder / "booted", folder / "proc"
        )
        for each in self.places:
            each.mkdir()
        self.bus = self.places.runtime / str(UID) / "bus"
        self.bus.parent.mkdir()
        self.bus.touch()
        self.platform, self.environment = "linux", {"PATH": "/usr/bin:/bin"}
        self.programs = {"systemctl", "launchctl"}

    def detect(self, wanted: ManagerKind | None = None) -> Manager:
        return detect(
            platform=self.platform, environment=self.environment, user_home=self.home, uid=UID, state=self.state,
            wanted=wanted, which=lambda name: f"/bin/{name}" if name in self.programs else None, places=self.places,
        )  # fmt: skip

    def describe(self, wanted: ManagerKind | None = None) -> ManagerChoice:
        return describe(
            platform=self.platform, environment=self.environment, user_home=self.home, uid=UID, state=self.state,
            wanted=wanted, places=self.places,
        )  # fmt: skip

    def without_systemd(self) -> None:
        self.bus.unlink()
        self.places.booted.rmdir()

    def unit(self, home: Path | str, name: str = "hermes-gateway") -> Path:
        path = self.home / ".config/systemd/user" / f"{name}.service"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'[Service]\nEnvironment="PATH=/bin"\nEnvironment="HERMES_HOME={home}"\nRestart=always\n')
        return path

    def agent(self, values: Mapping[str, object]) -> None:
        path = self.home / "Library/LaunchAgents/ai.hermes.gateway.plist"
        path.parent.mkdir(parents=True)
        path.write_bytes(plistlib.dumps(dict(values)))

    def program(self) -> None:
        path = self.state / "supervisor/programs/hermes-gateway.conf"
        path.parent.mkdir(parents=True)
        path.touch()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_on_macos_launchd_is_taken(machine: Machine) -> None:
    machine.platform = "darwin"
    assert machine.detect().kind is ManagerKind.LAUNCHD and machine.describe().why == "this is macOS"


def test_where_the_users_systemd_runs_it_is_taken(machine: Machine) -> None:
    assert machine.detect().kind is ManagerKind.SYSTEMD and machine.describe().why == "the user's systemd runs"


@pytest.mark.parametrize(("is_wsl", "why"), [(False, "no systemd was booted"), (True, "WSL distribution runs without")])
def test_where_no_systemd_was_booted_the_bundled_manager_is_taken(machine: Machine, is_wsl: bool, why: str) -> None:
    machine.without_systemd()
    if is_wsl:
        machine.environment["WSL_DISTRO_NAME"] = "Debian"
    assert machine.detect().kind is ManagerKind.SUPERVISOR and why in machine.describe().why


@pytest.mark.parametrize(
    ("lingers", "command"), [(False, "loginctl enable-linger"), (True, "sudo systemctl start user@")]
)
def test_a_broken_systemd_is_never_replaced_by_another_manager(machine: Machine, lingers: bool, command: str) -> None:
    machine.bus.unlink()
    if lingers:
        import pwd

        (machine.places.linger / pwd.getpwuid(UID).pw_name).touch()
    with pytest.raises(ManagerError) as caught:
        machine.detect()
    assert command in str(caught.value.problem.hint) and "--manager supervisor" in str(caught.value.problem.hint)
    assert caught.value.exit_code == 4
    assert machine.detect(ManagerKind.SUPERVISOR).kind is ManagerKind.SUPERVISOR


@pytest.mark.parametrize("wanted", list(ManagerKind))
def test_the_manager_that_the_user_names_is_taken(machine: Machine, wanted: ManagerKind) -> None:
    assert machine.detect(wanted).kind is wanted
    assert machine.describe(wanted) == ManagerChoice(wanted, "chosen with --manager")


@pytest.mark.parametrize(("wanted", "program"), [
    (ManagerKind.LAUNCHD, "launchctl"), (ManagerKind.SYSTEMD, "systemctl"), (None, "systemctl"),
])  # fmt: skip
def test_a_manager_without_its_program_is_an_error(machine: Machine, wanted: ManagerKind | None, program: str) -> None:
    machine.programs = set()
    with pytest.raises(ManagerError, match=f"`{program}` is not on PATH") as caught:
        machine.detect(wanted)
    assert "--manager supervisor" in str(caught.value.problem.hint)


def test_programs_are_looked_for_on_the_callers_path(machine: Machine, tmp_path: Path) -> None:
    machine.platform, folder = "darwin", tmp_path / "bin"
    folder.mkdir()

    def ask() -> Manager:
        return detect(
            platform="darwin", environment={"PATH": str(folder)}, user_home=machine.home, uid=UID, state=machine.state
        )

    with pytest.raises(ManagerError, match="launchctl"):
        ask()
    (folder / "launchctl").touch(mode=0o755)
    assert ask().kind is ManagerKind.LAUNCHD


def test_what_is_installed_under_the_bundled_manager_stays_there(machine: Machine) -> None:
    machine.program()
    machine.unit("/home/other/.hermes")  # of another root
    assert machine.detect().kind is ManagerKind.SUPERVISOR
    assert "installed under it" in machine.describe().why
    machine.platform = "darwin"
    assert machine.detect().kind is ManagerKind.SUPERVISOR


def test_an_empty_folder_of_the_bundled_manager_is_no_installation(machine: Machine) -> None:
    (machine.state / "supervisor/programs").mkdir(parents=True)
    (machine.state / "supervisor/supervisord.conf").touch()
    assert machine.detect().kind is ManagerKind.SYSTEMD


@pytest.mark.parametrize("home", ["{root}", "{root}/profiles/work"])
def test_units_of_this_root_are_not_given_to_the_bundled_manager(machine: Machine, home: str) -> None:
    machine.without_systemd()
    path = machine.unit(home.format(root=machine.root), "hermes-gateway-work")
    with pytest.raises(ManagerError) as caught:
        machine.detect()
    assert "--manager supervisor" in str(caught.value.problem.hint) and str(path) in machine.describe().why


@pytest.mark.parametrize("home", ["/home/other/.hermes", "{root}-2", "{root}/profiles/a/b", ""])
def test_units_of_another_root_decide_nothing(machine: Machine, home: str) -> None:
    machine.without_systemd()
    machine.unit(home.format(root=machine.root))
    (machine.home / ".config/systemd/user/hermes-gateway-broken.service").symlink_to("nowhere")
    assert machine.detect().kind is ManagerKind.SUPERVISOR


def test_a_root_with_a_percent_sign_behind_a_link_is_recognised(machine: Machine, tmp_path: Path) -> None:
    real = tmp_path / "100%u"
    machine.root.rename(real)
    machine.root.symlink_to(real)
    machine.without_systemd()
    machine.unit(str(real).replace("%", "%%"))
    assert machine.describe().kind is ManagerKind.SYSTEMD


def test_under_both_the_machines_own_manager_is_taken_and_both_are_named(machine: Machine) -> None:
    machine.program()
    path = machine.unit(machine.root)
    choice = machine.describe()
    assert choice.kind is ManagerKind.SYSTEMD and str(path) in choice.why and "supervisor" in choice.why
    machine.without_systemd()
    assert machine.describe().kind is ManagerKind.SUPERVISOR


@pytest.mark.parametrize("is_ours", [True, False])
def test_launch_agents_of_this_root_are_recognised(machine: Machine, is_ours: bool) -> None:
    machine.platform = "darwin"
    machine.program()
    machine.agent({"EnvironmentVariables": {"HERMES_HOME": str(machine.root) if is_ours else "/elsewhere"}})
    (machine.home / "Library/LaunchAgents/ai.hermes.gateway-x.plist").write_text("not a plist")
    assert machine.describe().kind is (ManagerKind.LAUNCHD if is_ours else ManagerKind.SUPERVISOR)
