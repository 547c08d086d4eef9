"""Copies of SQLite databases that other processes write to: by the backup interface of SQLite, never byte by byte."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path
from shlex import quote
from urllib.parse import quote as url_quote

from hermes_profiles.model.errors import Failed

MAGIC = b"SQLite format 3\x00"
SIDE_FILES = ("-wal", "-shm", "-journal")
_WAIT = 60.0
_POLL = 0.05


def is_database(path: Path) -> bool:
    """Return whether a regular file is a database, by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def copy_database(source: Path, target: Path, *, wait: float = _WAIT) -> None:
    """Write a consistent copy of a database to a new file, 0600; what is in its write-ahead log is in the copy.

    The source is opened for reading alone. Raises Failed when it stays locked for `wait` seconds, or is damaged.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    deadline = time.monotonic() + wait

    def check_time(status: int, remaining: int, total: int) -> None:
        if status != sqlite3.SQLITE_DONE and time.monotonic() > deadline:
            raise TimeoutError

    try:
        times = os.stat(source)
        reader = sqlite3.connect(f"file:{url_quote(os.fspath(source))}?mode=ro", uri=True, timeout=wait)
        try:
            writer = sqlite3.connect(target, isolation_level=None)
            try:
                writer.execute("PRAGMA synchronous = OFF")
                reader.backup(writer, progress=check_time, sleep=_POLL)
            finally:
                writer.close()
        finally:
            reader.close()
    except TimeoutError as error:
        raise _failed(source, f"it was locked for {wait:g} s") from error
    except sqlite3.Error as error:
        raise _failed(source, str(error)) from error
    for ending in SIDE_FILES:
        if os.path.lexists(f"{target}{ending}"):
            os.unlink(f"{target}{ending}")
    os.utime(target, ns=(times.st_mtime_ns, times.st_mtime_ns))


def database_fault(path: Path) -> str | None:
    """Return what `PRAGMA integrity_check` finds wrong in a database that no other process uses; None for nothing."""
    try:
        reader = sqlite3.connect(f"file:{url_quote(os.fspath(path))}?mode=ro&immutable=1", uri=True)
        try:
            rows = reader.execute("PRAGMA integrity_check").fetchmany(1)
        finally:
            reader.close()
    except sqlite3.Error as error:
        return str(error)
    return None if rows == [("ok",)] else str(rows[0][0]) if rows else "no answer"


def has_side_file(path: Path) -> bool:
    """Return whether a database has a write-ahead log or a journal: a process may be writing to it."""
    return any(os.path.lexists(f"{path}{ending}") for ending in SIDE_FILES)


def is_plain_file(path: Path) -> bool:
    """Return whether a path is a regular file itself."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _failed(source: Path, why: str) -> Failed:
    return Failed(
        f"cannot copy the database {source}: {why}",
        target=str(source),
        code="database",
        hint=f"check it with `sqlite3 {quote(str(source))} 'PRAGMA integrity_check'`",
    )
