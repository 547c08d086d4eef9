"""Checks the SQLite databases of homes. Writes nothing and takes no lock that could block a gateway.

Facts (Hermes 0.19.0; each store's own module): state.db (sessions, routing, deliveries), response_store.db,
projects.db, kanban.db, memory_store.db, verification_evidence.db, retaindb_queue.db, cron/executions.db and
gateway/discord_message_recovery.db, all in WAL mode where the file system supports it.

A read-only connection creates `-wal` and `-shm` files beside a database that has none. So each database is first read
as `immutable`: without locks and without its log. Damage seen that way can be a concurrent write. It is reported when
no process can be writing, or when a second read, with locks and with the log of the live gateway, finds it again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from hermes_profiles.doctor.facts.databases import DamagedDatabase, DatabaseFacts, UncheckedDatabase, UnreadableRows
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.timeouts import run_with_timeouts
from hermes_profiles.hermes.files import (
    DISCORD_DATABASE,
    EVIDENCE_DATABASE,
    EXECUTIONS_DATABASE,
    KANBAN_DATABASE,
    MEMORY_DATABASE,
    PROJECTS_DATABASE,
    RESPONSE_DATABASE,
    RETAINDB_QUEUE,
    STATE_DATABASE,
)
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind

if TYPE_CHECKING:
    import sqlite3

# Seconds for the checks of all databases in one run, and the extra wait for a hanging disk. SQLite checks about 1 MB in
# a millisecond; threads do not help, because its memory allocator has one lock.
BUDGET = 0.4
_PATIENCE = 2.0
_MAGIC = b"SQLite format 3\0"
_HEADER = 100
# Database files of Hermes, relative to a home.
KNOWN = (
    STATE_DATABASE,
    RESPONSE_DATABASE,
    MEMORY_DATABASE,
    PROJECTS_DATABASE,
    KANBAN_DATABASE,
    EXECUTIONS_DATABASE,
    EVIDENCE_DATABASE,
    DISCORD_DATABASE,
    RETAINDB_QUEUE,
)
# Columns that Hermes reads as JSON. It skips or deletes rows that do not parse.
_JSON = {RESPONSE_DATABASE: ("responses", "data"), STATE_DATABASE: ("gateway_routing", "entry_json")}
_MOST_ROWS = 50
_CORRUPT, _NO_DATABASE, _INTERRUPTED = 11, 26, 9
_REASONS = {5: "it is locked", 6: "it is locked", 10: "read error", 23: "access denied"}
_STEPS = 5000


class _Store(NamedTuple):
    profile: str
    name: str
    file: FileFact
    sides: Mapping[str, FileFact]
    is_served: bool
    in_wal_mode: bool = False

    @property
    def log(self) -> FileFact | None:
        """Return its write-ahead log, None when the log is empty or missing."""
        side = self.sides.get("-wal")
        return side if side is not None and side.size else None

    @property
    def is_at_rest(self) -> bool:
        """Return whether no gateway can be writing it and no log has to be merged into it."""
        return self.log is None and "-journal" not in self.sides and not self.is_served

    @property
    def allows_locks(self) -> bool:
        """Return whether a connection with locks creates no new file."""
        if "-journal" in self.sides:
            return False
        return not self.in_wal_mode or (self.is_served and "-shm" in self.sides and "-wal" in self.sides)


class _DatabaseVerdict(NamedTuple):
    how: str = ""
    rows: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.how and not self.rows


class _NotReadable(Exception):
    """The database cannot be read now; the text is the reason."""


def probe_databases(profiles: Mapping[str, ProfileFacts], *, budget: float = BUDGET) -> DatabaseFacts:
    """Return the results for all databases. Those not checked within `budget` seconds are listed as unchecked."""
    reader = _DatabaseReader(budget, is_any_gateway_up=any(_is_up(profile) for profile in profiles.values()))
    waiting = [store for profile in profiles.values() for store in reader.headers(profile)]
    waiting.sort(key=lambda store: store.file.size)
    if waiting:
        hung = run_with_timeouts([("databases", partial(reader.check, waiting))], limit=budget + _PATIENCE).failures
        reader.skip_rest(waiting, is_hung=bool(hung))
    return reader.facts()


def _is_up(profile: ProfileFacts) -> bool:
    """Return whether a gateway can be using a home: its own, or one that serves it."""
    return profile.gateway is None or profile.gateway.pid is not None


class _DatabaseReader:
    """Reads all databases of a run. `check` can hang; its results until then are kept."""

    def __init__(self, budget: float, *, is_any_gateway_up: bool) -> None:
        self._budget = budget
        self._late = f"the time limit of {budget:g} s was reached"
        self._is_any_gateway_up = is_any_gateway_up
        self._deadline = 0.0
        self._open: sqlite3.Connection | None = None
        self._done: set[tuple[str, str]] = set()
        self._damaged: list[DamagedDatabase] = []
        self._rows: list[UnreadableRows] = []
        self._unchecked: list[UncheckedDatabase] = []
        self._wal: dict[str, tuple[str, ...]] = {}

    def facts(self) -> DatabaseFacts:
        """Return the results so far."""
        return DatabaseFacts(tuple(self._damaged), tuple(self._rows), tuple(self._unchecked), dict(self._wal))

    def headers(self, profile: ProfileFacts) -> Iterator[_Store]:
        """Yield the databases of a home whose header has no fault."""
        for name in KNOWN:
            file = profile.listing.get(name)
            if file is None or file.kind is EntryKind.LINK:
                continue
            if file.kind is not EntryKind.FILE:
                what = "a folder" if file.kind is EntryKind.FOLDER else "not a regular file"
                self._damaged.append(DamagedDatabase(profile.name, name, f"is {what}"))
                continue
            if not file.size:
                continue  # created and never written
            sides = {end: side for end in ("-wal", "-shm", "-journal") if (side := profile.listing.get(name + end))}
            # Every gateway of a root can write the task board.
            is_served = self._is_any_gateway_up if name == KANBAN_DATABASE else _is_up(profile)
            store = _Store(profile.name, name, file, sides, is_served)
            checked = self._header(store)
            if checked is not None:
                yield checked

    def _header(self, store: _Store) -> _Store | None:
        try:
            raw = read_regular(store.file.path, _HEADER)
        except OSError as error:
            self._skip(store, (error.strerror or "it cannot be read").lower())
            return None
        how = _fault(raw, store)
        if how:
            self._damaged.append(DamagedDatabase(store.profile, store.name, how))
            return None
        if raw[18] == 2:
            self._wal[store.profile] = (*self._wal.get(store.profile, ()), store.name)
        return store._replace(in_wal_mode=raw[18] == 2)

    def check(self, stores: list[_Store]) -> None:
        """Check databases in order until the time limit."""
        self._deadline = time.monotonic() + self._budget
        # Old SQLite versions rarely call the progress handler while they check a large table; an interrupt works.
        timer = threading.Timer(self._budget, self._interrupt)
        timer.daemon = True
        timer.start()
        try:
            for store in stores:
                if time.monotonic() >= self._deadline:
                    return
                self._check(store)
                self._done.add((store.profile, store.name))
        finally:
            timer.cancel()

    def skip_rest(self, stores: list[_Store], *, is_hung: bool) -> None:
        """Record the databases that were not checked."""
        why = "the disk does not answer" if is_hung else self._late
        for store in stores:
            if (store.profile, store.name) not in self._done:
                self._skip(store, why)

    def _skip(self, store: _Store, why: str, *, suspect: bool = False) -> None:
        self._unchecked.append(UncheckedDatabase(store.profile, store.name, store.file.size, why, suspect))

    def _check(self, store: _Store) -> None:
        try:
            verdict = self._read(store, "immutable=1")
            if verdict.is_clean:
                return
            if not (store.is_at_rest and _is_untouched(store)):
                if not store.allows_locks:
                    why = "its -wal file has to be merged first, which a start of the gateway does"
                    self._skip(store, why, suspect=True)
                    return
                verdict = self._read(store, "mode=ro")
        except _NotReadable as error:
            self._skip(store, str(error))
            return
        if verdict.how:
            self._damaged.append(DamagedDatabase(store.profile, store.name, verdict.how))
        elif verdict.rows:
            self._rows.append(UnreadableRows(store.profile, store.name, _JSON[store.name][0], verdict.rows))

    def _read(self, store: _Store, how: str) -> _DatabaseVerdict:
        """Return the faults in the content of a database. Raises _NotReadable."""
        import sqlite3

        try:
            with self._connected(store.file.path, how) as database:
                (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
                # The check of a search index needs write access; its refusal is not a fault.
                if answer != "ok" and not answer.startswith("unable to validate"):
                    return _DatabaseVerdict("is damaged inside")
                return _DatabaseVerdict(rows=self._count_bad(database, store))
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (_CORRUPT, _NO_DATABASE):
                return _DatabaseVerdict("is damaged inside")
            raise _NotReadable(
                self._late if code == _INTERRUPTED else _REASONS.get(code, "SQLite cannot open it")
            ) from error

    @contextmanager
    def _connected(self, path: Path, how: str) -> Iterator[sqlite3.Connection]:
        import sqlite3

        uri = f"file:{quote(os.fsencode(path))}?{how}"
        connection = sqlite3.connect(uri, uri=True, timeout=0, check_same_thread=False, isolation_level=None)
        with closing(connection) as database:
            self._open = database
            try:
                database.text_factory = _text
                database.set_progress_handler(lambda: int(time.monotonic() >= self._deadline), _STEPS)
                yield database
            finally:
                self._open = None

    def _interrupt(self) -> None:
        import sqlite3

        database = self._open
        if database is not None:
            with suppress(sqlite3.Error):  # closed at this very moment
                database.interrupt()

    def _count_bad(self, database: sqlite3.Connection, store: _Store) -> int:
        import sqlite3

        if store.name not in _JSON:
            return 0
        table, column = _JSON[store.name]
        try:
            query = f"SELECT {column} FROM {table} WHERE NOT json_valid({column}) LIMIT {_MOST_ROWS}"  # noqa: S608
            return sum(not _is_json(value) for (value,) in database.execute(query))
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == 1:  # no such table, or a SQLite without JSON
                return 0
            raise


def _fault(raw: bytes, store: _Store) -> str:
    """Return the fault in the header of a database, "" without one.

    Source: https://www.sqlite.org/fileformat2.html, "The Database Header".
    """
    if not raw.startswith(_MAGIC[: len(raw)]):
        return "is not an SQLite database"
    if len(raw) < _HEADER:
        return "is cut off"
    size = int.from_bytes(raw[16:18], "big")
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        return "has a damaged header"
    pages, is_counted = int.from_bytes(raw[28:32], "big"), raw[24:28] == raw[92:96]
    # During a write, or after a killed writer, the missing pages are in the log.
    if is_counted and store.file.size < pages * size and store.is_at_rest and _is_untouched(store):
        return "is cut off"
    return ""


def _is_untouched(store: _Store) -> bool:
    """Return whether a database did not change since its home was listed."""
    from .homes import file_fact

    now = file_fact(store.file.path)
    if now is None or now.signature != store.file.signature:
        return False
    log = file_fact(f"{now.path}-wal")
    return log is None or not log.size


def _is_json(value: str | bytes | float | None) -> bool:
    """Return whether Hermes can parse a value. It accepts NaN, which SQLite rejects."""
    import json

    try:
        json.loads(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
