"""Facts of the files around the homes: owners, modes, stray copies, aliases, and the Hermes installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .profile import FileFact


class Schema(NamedTuple):
    """The schema of config.yaml that the installed Hermes writes, and the source file that says so."""

    version: int
    source: Path


class TreeFacts(NamedTuple):
    """What was seen around the homes.

    `root`, `homes`: what a link leads to; `ways`: profile → the permission bits (group, others) with which somebody
    else gets into its home at all; `meant_for_group`: the machine shares files with a group on purpose (NixOS,
    containers); `targets`: profile → file → what a link in its place leads to; `opened`: profile → further files that
    somebody else could read, with the beginning of JSON files; `copies`: profile → stray copies of documents;
    `below`: what lies beside the profiles; `in_use`: those folders of it in which a gateway left its pid; `staging`:
    half-made profiles; `active`: the file of the sticky profile;
    `scripts`: aliases, and services written by hand; `users`: names of owners; `schema`: None when no Hermes was found.
    """

    root: FileFact | None = None
    homes: Mapping[str, FileFact] = {}
    ways: Mapping[str, int] = {}
    meant_for_group: bool = False
    targets: Mapping[str, Mapping[str, FileFact]] = {}
    opened: Mapping[str, Mapping[str, tuple[FileFact, bytes]]] = {}
    copies: Mapping[str, Mapping[str, bytes]] = {}
    below: tuple[FileFact, ...] = ()
    in_use: frozenset[Path] = frozenset()
    staging: tuple[FileFact, ...] = ()
    active: FileFact | None = None
    scripts: tuple[Script, ...] = ()
    users: Mapping[int, str] = {}
    schema: Schema | None = None


class Script(NamedTuple):
    """One file. `profile`: whom it starts, None when that cannot be told; `text`: all of it; `is_alias`: a file of the
    alias folder; `exact`: an alias in the very form that Hermes and this program write."""

    fact: FileFact
    profile: str | None
    text: bytes
    is_alias: bool = False
    exact: bool = False

    def __repr__(self) -> str:
        return f"Script({str(self.fact.path)!r})"
