"""Facts of teams: drift, pools, shared secrets, and access under a multiplexer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.model.errors import Problem
from hermes_profiles.teams.model import Teams

if TYPE_CHECKING:
    from hermes_profiles.multiplex.access import Access
    from hermes_profiles.multiplex.approvals import MovedApprovals
    from hermes_profiles.settings.changes import SyncChange


class Stray(NamedTuple):
    """A secret of one profile where others read it: whose, the name of its key, the file and its line."""

    owner: str
    key: str
    path: Path
    line: int


class Mode(NamedTuple):
    """What one gateway for all does with these profiles: what it would take from the default's environment, and the
    approvals that it does not read."""

    access: Access
    approvals: tuple[MovedApprovals, ...]


class TeamFacts(NamedTuple):
    """What was seen. `faults`: team → why it has no pool; `drifted`: member → what is not as its lead's; `unclear`:
    profile → why that cannot be told; `followed`: team with several leads → those its members' links lead to;
    `exposed`: team → secrets in its pool; `foreign`: profile → secrets of others in
    its home; `mode`: None unless one gateway is to serve all."""

    teams: Teams = Teams({}, {})
    faults: Mapping[str, Problem] = {}
    drifted: Mapping[str, tuple[SyncChange, ...]] = {}
    unclear: Mapping[str, Problem] = {}
    followed: Mapping[str, tuple[str, ...]] = {}
    exposed: Mapping[str, tuple[Stray, ...]] = {}
    foreign: Mapping[str, tuple[Stray, ...]] = {}
    mode: Mode | None = None
