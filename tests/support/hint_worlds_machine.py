"""Faults of the machine, its managers and its disk that the cases of error_hints begin with."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from doctor_root import DoctorRoot
from service_fakes import Systemd

from hermes_profiles.awake.inhibit import check_may_hold
from hermes_profiles.changes import chmod, rename_noreplace
from hermes_profiles.changes.errors import changed
from hermes_profiles.changes.fingerprint_key import fingerprint_key
from hermes_profiles.changes.state_files import own_folder
from hermes_profiles.cli.framework import owner
from hermes_profiles.fleet import attached_services
from hermes_profiles.model.errors import HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.own_services.awake import _not_held
from hermes_profiles.services.launchd.manager import LaunchdManager
from hermes_profiles.services.run_command import Finished, run
from hermes_profiles.services.systemd.journalctl import open_journal
from hermes_profiles.services.systemd.quoting import checked
from hermes_profiles.services.systemd.user_bus import SystemdPaths, no_bus
from hermes_profiles.teams.imports.read import folder_names

BOB = 54321


def problem_of_call(call: Callable[[], object]) -> Iterator[Problem]:
    """Yield the problem of the error that a call raises."""
    try:
        call()
    except HermesProfilesError as error:
        yield error.problem


# --- managers ---


def _no_bus(world: DoctorRoot, environment: dict[str, str], *, uid: int = BOB, booted: bool = True) -> Problem:
    places = SystemdPaths(*(world.user / "nowhere" for _ in range(5)))
    return no_bus(environment, uid, places._replace(booted=world.user) if booted else places).problem


def no_manager_without_linger(world: DoctorRoot) -> Iterator[Problem]:
    yield _no_bus(world, {"USER": "bob"})


def root_by_sudo(world: DoctorRoot) -> Iterator[Problem]:
    yield _no_bus(world, {"SUDO_USER": "bob"}, uid=0)


def wsl_without_systemd(world: DoctorRoot) -> Iterator[Problem]:
    yield _no_bus(world, {"WSL_DISTRO_NAME": "Debian"}, booted=False)


def wsl(world: DoctorRoot) -> None:
    Systemd(world).program(world.user / "tmp/programs/systemd-inhibit", "#!/bin/sh\n")
    world.environment.update(WSL_DISTRO_NAME="Debian")


def services_that_end_with_the_session(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.services.systemd.manager.lingers", lambda *_: False)


def a_manager_that_hangs(world: DoctorRoot) -> Iterator[Problem]:
    path = Systemd(world).program(world.user / "tmp/programs/systemctl", "#!/bin/sh\nexec sleep 9\n")
    return problem_of_call(
        lambda: run(("systemctl", "--user", "status"), {"PATH": f"{path.parent}:/usr/bin:/bin"}, 0.05)
    )


def no_domain_of_launchd(world: DoctorRoot) -> Iterator[Problem]:
    refuses = LaunchdManager(world.user, {}, BOB, runner=lambda *_: Finished(1, "", "no such domain"), waits=())
    return problem_of_call(refuses.check)


def no_journalctl(world: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: open_journal([("hermes-gateway", "user")], {"PATH": "/nowhere"}))


def a_daemon_that_does_not_start(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.services.supervisor.manager._DAEMON", "no_such_module")


def a_system_service(world: DoctorRoot) -> Iterator[Problem]:
    unit = world.user / "hermes-gateway-work.service"
    unit.write_text("")
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(attached_services, "system_unit", lambda _: unit)
        world_of_services = SimpleNamespace(service_name=lambda _: None)
        yield from attached_services.system_leftovers(world_of_services, "work")  # type: ignore[arg-type]


# --- a machine that stays awake ---


def _may_hold(version: int, complaint: str) -> Iterator[Problem]:
    manager = SimpleNamespace(version=lambda: version, ask=lambda *_, **__: Finished(1, "", complaint))
    return problem_of_call(lambda: check_may_hold(manager, "systemd-inhibit", "sleep", ("idle",)))  # type: ignore[arg-type]


def no_logind(_: DoctorRoot) -> Iterator[Problem]:
    return _may_hold(252, "Failed to connect to bus")


def polkit_that_refuses(_: DoctorRoot) -> Iterator[Problem]:
    return _may_hold(252, "Access denied")


def an_old_systemd(_: DoctorRoot) -> Iterator[Problem]:
    return _may_hold(239, "")


# --- other users ---


def _as_root(*, is_readable: bool, machine: pytest.MonkeyPatch) -> Iterator[Problem]:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    machine.setattr(owner, "owner_on_way", lambda path: (BOB, BOB, str(path)))
    machine.setattr(owner, "_account", lambda *_: ("bob", None, BOB))
    machine.setattr(owner, "_can_be_read_by", lambda *_: is_readable)
    machine.setattr(owner, "_become", refuse)
    return problem_of_call(lambda: owner.become_owner(["list"]))


def root_on_the_home_of_bob(_: DoctorRoot) -> Iterator[Problem]:
    with pytest.MonkeyPatch.context() as machine:
        yield from _as_root(is_readable=False, machine=machine)


def root_that_cannot_become_bob(_: DoctorRoot) -> Iterator[Problem]:
    with pytest.MonkeyPatch.context() as machine:
        yield from _as_root(is_readable=True, machine=machine)


# --- disks and files ---


def _disk(**space: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a patch after which every disk has this space."""
    found = SimpleNamespace(
        **({"f_bavail": 10**9, "f_frsize": 4096, "f_blocks": 10**9, "f_files": 9, "f_favail": 9} | space)
    )

    def patch(machine: pytest.MonkeyPatch) -> None:
        machine.setattr(os, "statvfs", lambda _: found)

    return patch


full_disk = _disk(f_bavail=0)
no_inodes = _disk(f_favail=0)


def another_file_system(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(rename_noreplace, "_system_call", lambda *_: errno.EXDEV)


def a_link_in_place_of_a_file(world: DoctorRoot) -> Iterator[Problem]:
    return _mode_of(world.user / "tmp/link", lambda path: path.symlink_to("file"))


def a_file_of_bob(world: DoctorRoot) -> Iterator[Problem]:
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(os, "geteuid", lambda: BOB)
        yield from _mode_of(world.user / "tmp/file", Path.touch)


def _mode_of(path: Path, make: Callable[[Path], object]) -> Iterator[Problem]:
    if not os.path.lexists(path):
        make(path)
    return problem_of_call(lambda: chmod.check_may_set(str(path), path.lstat(), privileged=False))


def a_disk_without_modes(world: DoctorRoot) -> Iterator[Problem]:
    path = world.home("work") / ".env"
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(os, "fchmod", lambda *_: None)
        yield from problem_of_call(lambda: chmod.change_mode(str(path), 0o644, path.stat().st_ino, lambda *_: None))


def a_file_replaced_meanwhile(world: DoctorRoot) -> Iterator[Problem]:
    yield changed(str(world.home("work") / ".env"), "was replaced by another file").problem


def no_place_for_the_key(world: DoctorRoot) -> Iterator[Problem]:
    world.state.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr("hermes_profiles.changes.fingerprint_key._make", _read_only)
        yield from problem_of_call(lambda: fingerprint_key(Layout(world.root, world.user), make=True))


def _read_only(*_: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def a_file_for_the_folder_of_sockets(world: DoctorRoot) -> Iterator[Problem]:
    path = world.user / "tmp/sockets"
    path.touch()
    return problem_of_call(lambda: own_folder(path, os.getuid()))


def a_file_for_a_folder_of_accounts(world: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: folder_names(world.home("work") / "SOUL.md"))


def a_path_with_a_line_break(_: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: checked("/home/my\nbot", "the path of the profile"))


def no_patience(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.changes.lock._wait_for_lock", lambda *_: False)


def wakefulness_without_a_lock(world: DoctorRoot) -> Iterator[Problem]:
    manager = SimpleNamespace(journal_tail=lambda *_: [], awake_service=None)
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr("hermes_profiles.operations.own_services.awake.fleet_awake.service_of", lambda _: None)
        yield _not_held(manager, SimpleNamespace(kept_by=("work",)))  # type: ignore[arg-type]
