"""Facts of the SQLite databases in the homes."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.model.named_tuple import NamedTuple


class DamagedDatabase(NamedTuple):
    """A damaged database. `how`: the predicate of a message, such as `is cut off`."""

    profile: str
    file: str
    how: str


class UnreadableRows(NamedTuple):
    """Rows of a table that should hold JSON and do not."""

    profile: str
    file: str
    table: str
    number: int


class UncheckedDatabase(NamedTuple):
    """A database that was not checked completely. `suspect`: its lock-free read showed damage."""

    profile: str
    file: str
    size: int
    why: str
    suspect: bool = False


class DatabaseFacts(NamedTuple):
    """Results of all database checks. `in_wal_mode`: profile → its databases in WAL mode."""

    damaged: tuple[DamagedDatabase, ...] = ()
    bad_rows: tuple[UnreadableRows, ...] = ()
    unchecked: tuple[UncheckedDatabase, ...] = ()
    in_wal_mode: Mapping[str, tuple[str, ...]] = {}
