"""Facts of resources in conflict: locks, ports, single-use logins, links and live environments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret


class HeldLock(NamedTuple):
    """A live identity lock of Hermes.

    `profile`: the profile of its gateway, None for a gateway outside this root; `home`: the home it serves, None when
    unknown.
    """

    channel: str
    digest: str
    pid: int
    profile: str | None
    home: str | None


class StateLink(NamedTuple):
    """A link in place of a file or folder that must be private to a profile; `target`: its resolved path."""

    profile: str
    name: str
    target: str


class ManagedLayer(NamedTuple):
    """The machine-wide managed folder, whose two files override the files of every profile."""

    folder: Path
    env: Secret[bytes]
    config: Secret[bytes]


class IdentityFacts(NamedTuple):
    """Facts of the resources that profiles can conflict about.

    `listeners`: on ports that profiles claim; `logins`: single-use logins that several profiles hold; `inherited`:
    profile → known variables that its live gateway was started with; `homes`: profile → resolved home.
    """

    locks: tuple[HeldLock, ...] = ()
    listeners: tuple[Listener, ...] = ()
    logins: tuple[LoginCopy, ...] = ()
    links: tuple[StateLink, ...] = ()
    inherited: Mapping[str, Mapping[str, Secret[str]]] = {}
    managed: ManagedLayer | None = None
    homes: Mapping[str, str] = {}


class Listener(NamedTuple):
    """A process that listens on a port.

    `bind`: the address, `*` for all; `pid`: None when this user cannot see it; `profile`: the profile whose gateway is
    this process or its ancestor, None for a process outside this root; `program`: its name in the process table.
    """

    port: int
    bind: str
    pid: int | None
    profile: str | None
    program: str = ""


class LoginCopy(NamedTuple):
    """One place of a login with a single-use refresh token.

    `provider`: `mcp:NAME` for a tool server; `digest`: of the refresh token; `path`: the key path in the file.
    """

    provider: str
    digest: Secret[str]
    profile: str
    file: str
    path: tuple[str, ...]
