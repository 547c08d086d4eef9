"""Facts of files around the homes: owners, modes, stray copies, aliases, the Hermes installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.writable import WriteObstacle
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.listing import FolderFault

from .profile import FileFact


class Schema(NamedTuple):
    """The schema version of config.yaml that the installed Hermes writes, and its source file."""

    version: int
    source: Path


class UnlistedFolder(NamedTuple):
    """A folder in `profiles/` that the installed Hermes takes for no profile.

    `fault`: the reason; `marker`: its deletion marker, None without one; `is_newer`: a file of a profile in it was
    written after the marker, so the profile was made again.
    """

    home: FileFact
    fault: FolderFault
    marker: FileFact | None = None
    is_newer: bool = False


class TreeFacts(NamedTuple):
    """Facts of the files around the homes.

    `root`, `homes`: links are followed; `reachable_modes`: profile → permission bits (group, others) of the users that
    can enter its home; `meant_for_group`: the machine shares files with a group on purpose (NixOS, containers);
    `targets`: profile → file → target of a link in its place; `readable`: profile → further files that other users can
    read, with the beginning of JSON files; `copies`: profile → stray copies of documents; `other_entries`: entries of
    the profiles folder without a valid name; `folders_in_use`: those of them with a pid file; `staging`: unfinished
    profiles; `active`: the file of the sticky profile; `scripts`: aliases and handmade services; `users`: uid → name;
    `schema`: None when no Hermes installation was found; `unlisted`: folders with a valid name that are no profiles;
    `nested`: profile → homes inside its home; `agent_files`: profile → persona and memory files that are no regular
    files, links followed; `obstacles`: profile → what keeps this user from writing in its home or its logs.
    """

    root: FileFact | None = None
    homes: Mapping[str, FileFact] = {}
    reachable_modes: Mapping[str, int] = {}
    meant_for_group: bool = False
    targets: Mapping[str, Mapping[str, FileFact]] = {}
    readable: Mapping[str, Mapping[str, tuple[FileFact, bytes]]] = {}
    copies: Mapping[str, Mapping[str, bytes]] = {}
    other_entries: tuple[FileFact, ...] = ()
    folders_in_use: frozenset[Path] = frozenset()
    staging: tuple[FileFact, ...] = ()
    active: FileFact | None = None
    scripts: tuple[Script, ...] = ()
    users: Mapping[int, str] = {}
    schema: Schema | None = None
    unlisted: tuple[UnlistedFolder, ...] = ()
    nested: Mapping[str, tuple[FileFact, ...]] = {}
    agent_files: Mapping[str, Mapping[str, FileFact]] = {}
    obstacles: Mapping[str, WriteObstacle] = {}


class Script(NamedTuple):
    """An alias script, or a service written by the user.

    `profile`: the profile it starts, None when unknown; `text`: its content; `is_alias`: a file of the alias folder;
    `exact`: an alias in the form that Hermes and this program write.
    """

    fact: FileFact
    profile: str | None
    text: bytes
    is_alias: bool = False
    exact: bool = False

    def __repr__(self) -> str:
        return f"Script({str(self.fact.path)!r})"
