"""Facts of the SQLite databases in the homes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Damage(NamedTuple):
    """A database that cannot be trusted, and how that shows."""

    profile: str
    file: str
    how: str


class BadRows(NamedTuple):
    """Rows of a database that are not the JSON they should be."""

    profile: str
    file: str
    table: str
    number: int


class Unchecked(NamedTuple):
    """A database that could not be looked through. `suspect`: what was seen of it looks damaged."""

    profile: str
    file: str
    size: int
    why: str
    suspect: bool = False


class DatabaseFacts(NamedTuple):
    """What was seen. `in_wal_mode`: profile → its databases that are in WAL mode."""

    damaged: tuple[Damage, ...] = ()
    bad_rows: tuple[BadRows, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    in_wal_mode: Mapping[str, tuple[str, ...]] = {}
