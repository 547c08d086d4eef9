"""Homes in which this user cannot write: files.unwritable."""

from __future__ import annotations

import subprocess

import pytest
from closed_folders import obey_modes, read_only_below
from doctor_root import DoctorRoot

CHECK = "files.unwritable"


@pytest.mark.parametrize("folder", ["", "logs"])
def test_fix_of_a_home_without_write_permission_works(
    world: DoctorRoot, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    obey_modes(monkeypatch)
    (world.home("work") / folder).mkdir(exist_ok=True)
    assert world.findings("--only", CHECK) == []
    place = world.home("work") / folder
    place.chmod(0o500)
    (row,) = world.findings("--only", CHECK)
    assert (row["severity"], row["profiles"]) == ("error", ["work"])
    assert row["message"].startswith(f"{place} is not writable for this user: the gateway of work cannot start")
    subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], check=True)
    assert world.findings("--only", CHECK) == []


def test_read_only_file_system_is_one_finding(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only_below(monkeypatch, world.root)
    (row,) = world.findings("--only", CHECK)
    assert row["severity"] == "error" and row["profiles"] == ["default", "family", "work"]
    assert f"{world.root} is on a read-only file system" in row["message"] and "remount,rw" in row["fix"]["command"]


def test_home_of_a_disabled_profile_is_no_error(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    obey_modes(monkeypatch)
    world.write("work", "profile.yaml", "disabled: true\n")
    world.home("work").chmod(0o500)
    assert [row["severity"] for row in world.findings("--only", CHECK)] == ["info"]
    world.home("work").chmod(0o700)
