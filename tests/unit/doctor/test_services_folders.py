"""Units in a folder that the installed Hermes does not read, and two units of one name in two folders."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot
from hermes_release import write_release
from service_fakes import Systemd

CHECKS = ("--only", "services.unread-unit", "--only", "services.two-supervisors")


@pytest.fixture
def systemd(world: DoctorRoot) -> Systemd:
    return Systemd(world, "default")


def read_folder(systemd: Systemd) -> Path:
    """Set XDG_CONFIG_HOME and return the folder that a newer Hermes, and the fake systemd, then read."""
    folder = systemd.world.user / "conf/systemd/user"
    systemd.world.environment["XDG_CONFIG_HOME"] = str(systemd.world.user / "conf")
    return folder


def found(systemd: Systemd) -> list[dict[str, Any]]:
    return systemd.world.findings(*CHECKS)


def run(systemd: Systemd, command: str) -> None:
    """Run the commands of a fix, without the start: the fake systemd runs nothing."""
    for part in command.removesuffix(" --start").split(" && "):
        program, *words = shlex.split(part)
        assert program == "hermes-gateways", part
        done = systemd.gateways(*words)
        assert done.code == 0, done


def test_unit_is_read_by_the_release_that_ignores_the_variable(systemd: Systemd) -> None:
    read_folder(systemd)
    assert found(systemd) == []


def test_unit_in_the_folder_of_an_earlier_release_is_moved_by_the_fix(systemd: Systemd) -> None:
    folder = read_folder(systemd)
    write_release(systemd.python.parent.parent.parent, (0, 22, 2))
    (row,) = found(systemd)
    assert (row["check"], row["severity"], row["profiles"]) == ("services.unread-unit", "warning", ["default"])
    assert str(systemd.units) in row["message"] and str(folder) in row["message"]
    old = systemd.unit("default")
    (systemd.folder / "units").write_text(str(folder))
    assert row["fix"]["command"].endswith(" install default --start")
    run(systemd, row["fix"]["command"])
    assert not old.exists() and (folder / old.name).is_file()
    assert found(systemd) == []


def test_unit_in_the_folder_of_a_newer_release_is_moved_by_the_fix(systemd: Systemd) -> None:
    folder = read_folder(systemd)
    folder.parent.mkdir(parents=True)
    systemd.units.rename(folder)
    (row,) = found(systemd)
    assert row["check"] == "services.unread-unit"
    run(systemd, row["fix"]["command"])
    assert systemd.unit("default").is_file() and found(systemd) == []


def test_second_unit_of_the_same_name_is_removed_by_its_path(systemd: Systemd) -> None:
    folder = read_folder(systemd)
    write_release(systemd.python.parent.parent.parent, (0, 22, 2))
    unit = systemd.unit("default")
    folder.mkdir(parents=True)
    (folder / unit.name).write_bytes(unit.read_bytes())
    (row,) = found(systemd)
    assert row["check"] == "services.two-supervisors"
    removal, _, reload = row["fix"]["command"].partition(" && ")
    assert str(unit) in shlex.split(removal) and str(folder / unit.name) not in removal
    assert reload == "systemctl --user daemon-reload"
