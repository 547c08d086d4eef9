"""Files that are read twice by one command."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hermes_profiles.profiles.regular_file import read_kept


def test_file_is_read_again_after_each_change(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    assert read_kept(str(path), 100) == read_kept(str(path), 100) == b"A=1\n"
    path.write_bytes(b"A=22\n")
    assert read_kept(str(path), 100) == b"A=22\n"
    (tmp_path / "new").write_bytes(b"A=33\n")
    os.replace(tmp_path / "new", path)
    assert read_kept(str(path), 100) == b"A=33\n"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_kept(str(path), 100)


def test_limit_holds_for_kept_bytes_too(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=12345\n")
    assert read_kept(str(path), 100) == b"A=12345\n"
    assert read_kept(str(path), 3) == b"A=1"


def test_file_that_changes_within_a_tick_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    same = os.stat(path)
    assert read_kept(str(path), 100) == b"A=1\n"
    path.write_bytes(b"A=2\n")
    monkeypatch.setattr("hermes_profiles.profiles.regular_file.os.stat", lambda _: same)
    assert read_kept(str(path), 100) == b"A=2\n"


def test_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    later = time.time_ns() + 60_000_000_000
    monkeypatch.setattr("hermes_profiles.profiles.regular_file.time.time_ns", lambda: later)
    read_kept(str(path), 100)
    monkeypatch.setattr("hermes_profiles.profiles.regular_file.open_regular", lambda _: pytest.fail("read again"))
    assert read_kept(str(path), 100) == b"A=1\n"


def test_fifo_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(OSError, match="not a regular file"):
        read_kept(str(tmp_path / ".env"), 100)
