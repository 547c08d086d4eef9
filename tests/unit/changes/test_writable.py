"""What keeps a user from writing in a folder, and the command that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from closed_folders import obey_modes, read_only_below

from hermes_profiles.changes.writable import write_obstacle


def test_folder_that_can_be_written_has_no_obstacle(tmp_path: Path) -> None:
    assert write_obstacle(tmp_path) is None
    assert write_obstacle(tmp_path / "not" / "made" / "yet") is None


def test_folder_without_permission_is_opened_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obey_modes(monkeypatch)
    folder = tmp_path / "a b"
    folder.mkdir(mode=0o500)
    found = write_obstacle(folder / "locks")
    assert found is not None and (found.place, found.command) == (folder, f"chmod u+wx '{folder}'")
    assert os.system(found.command) == 0 and write_obstacle(folder) is None


def test_folder_of_another_user_needs_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obey_modes(monkeypatch)
    tmp_path.chmod(0o500)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid + 1)
    found = write_obstacle(tmp_path)
    assert found is not None and found.reason == "belongs to another user" and found.command.startswith("sudo chown")


def test_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    found = write_obstacle(tmp_path / "logs" / "deeper")
    assert found is not None and (found.place, found.reason) == (tmp_path / "logs", "is not a folder")


def test_read_only_file_system_counts_also_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only_below(monkeypatch, tmp_path)
    found = write_obstacle(tmp_path / "x")
    assert found is not None and found.is_read_only and "remount,rw" in found.command
    assert write_obstacle(tmp_path.parent) is None
