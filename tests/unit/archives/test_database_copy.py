"""Copies of databases under write load: each is whole, at one moment, and the source is as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from nightly import NIGHTLY
from written_database import assert_is_one_moment, written_database

from hermes_profiles.changes.database_copy import MAGIC, copy_database, database_fault, is_database
from hermes_profiles.changes.plan import CopyFile
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.snapshot import take_snapshot
from hermes_profiles.model.errors import Failed

COPIES = 100 if NIGHTLY else 6


@pytest.fixture(params=["wal", "delete"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Yield a database that another process writes to without a pause."""
    with written_database(tmp_path / "state.db", request.param):
        yield tmp_path / "state.db"


def test_copies_under_write_load_are_whole(written: Path, tmp_path: Path) -> None:
    for number in range(COPIES):
        place = tmp_path / f"copy-{number}"
        entry = CopyFile("state.db", written, Signature.of(os.lstat(written)), executable=False)
        snapshot = take_snapshot(place, [entry])
        assert snapshot.databases == ("state.db",) and [each.name for each in place.iterdir()] == ["state.db"]
        assert database_fault(place / "state.db") is None
        assert_is_one_moment(place / "state.db")


def test_closed_database_is_copied_byte_for_byte_and_what_is_in_its_log_is_in_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE notes (text)")
    database.execute("INSERT INTO notes VALUES ('kept')")
    database.commit()
    copy_database(path, tmp_path / "open.db")
    copied = sqlite3.connect(tmp_path / "open.db")
    assert copied.execute("SELECT text FROM notes").fetchall() == [("kept",)]
    copied.close()
    database.close()
    os.utime(path, (10**9, 10**9))
    take_snapshot(tmp_path / "quiet", [CopyFile("a.db", path, Signature.of(os.lstat(path)), executable=False)])
    assert (tmp_path / "quiet/a.db").read_bytes() == path.read_bytes()


def test_damaged_and_locked_databases_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("CREATE TABLE notes (text)")
    database.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Failed, match="locked"):
        copy_database(path, tmp_path / "b.db", wait=0.2)
    database.close()
    assert is_database(path) and database_fault(path) is None
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    assert database_fault(path) is not None
    path.write_bytes(MAGIC + b"\xff" * 5000)
    with pytest.raises(Failed, match="cannot copy"):
        copy_database(path, tmp_path / "c.db")
