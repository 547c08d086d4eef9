"""Facts of what profiles can conflict about: locks, ports, single-use logins, links and live environments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.model.secret import Secret


class HeldLock(NamedTuple):
    """One of Hermes' own locks whose process is alive. `profile`: whose gateway that is, None for no profile of this
    root; `home`: the home it serves, None when that cannot be seen."""

    channel: str
    digest: str
    pid: int
    profile: str | None
    home: str | None


class Link(NamedTuple):
    """A link in a home in place of what must be its own; `target`: where it ends, all links followed."""

    profile: str
    name: str
    target: str


class ManagedLayer(NamedTuple):
    """The machine-wide folder that lies over the files of every profile, and its two files."""

    folder: Path
    env: Secret[bytes]
    config: Secret[bytes]


class RivalFacts(NamedTuple):
    """`listeners`: on ports that profiles ask for; `grants`: single-use logins that more than one profile has;
    `inherited`: profile → the variables of our catalogue that its live gateway was started with; `homes`: where each
    home of the root is, links followed (the homes that a link or a path may point into)."""

    locks: tuple[HeldLock, ...] = ()
    listeners: tuple[Listener, ...] = ()
    grants: tuple[Grant, ...] = ()
    links: tuple[Link, ...] = ()
    inherited: Mapping[str, Mapping[str, Secret[str]]] = {}
    managed: ManagedLayer | None = None
    homes: Mapping[str, str] = {}


class Listener(NamedTuple):
    """Who listens on a port. `bind`: the address, `*` for all; `pid`: None when this user may not see it; `profile`:
    whose gateway that is or descends from, None for nobody's of this root; `program`: what the system calls it."""

    port: int
    bind: str
    pid: int | None
    profile: str | None
    program: str = ""


class Grant(NamedTuple):
    """One place of a login: `provider`: who it is for, `mcp:NAME` for a tool server; `digest`: of its refresh token;
    `path`: where in the file."""

    provider: str
    digest: Secret[str]
    profile: str
    file: str
    path: tuple[str, ...]
