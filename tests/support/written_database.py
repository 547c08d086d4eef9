"""A database that another process writes to without a pause; what is true of each of its moments is known."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Moves amounts between two rows: their sum is the same after each transaction.
_WRITER = """
import random, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
print("ready", flush=True)
while True:
    amount = random.randrange(100)
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE accounts SET amount = amount - ? WHERE id = ?", (amount, random.randrange(500)))
    database.execute("UPDATE accounts SET amount = amount + ?, note = ? WHERE id = ?",
                     (amount, "x" * random.randrange(2000), random.randrange(500)))
    database.execute("COMMIT")
"""


@contextmanager
def written_database(path: Path, journal_mode: str) -> Iterator[None]:
    """Create a database and have a process write to it until the end of the block."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)")
    database.executemany("INSERT INTO accounts VALUES (?, 1000, '')", [(number,) for number in range(500)])
    database.commit()
    database.close()
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path), journal_mode], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


def assert_is_one_moment(path: Path) -> None:
    """Assert that a copy is whole and shows one moment."""
    copy = sqlite3.connect(path)
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.execute("SELECT count(*), sum(amount) FROM accounts").fetchone() == (500, 500_000)
    copy.close()
