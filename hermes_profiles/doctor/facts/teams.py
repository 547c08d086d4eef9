"""Facts of teams: drift, pools, shared secrets, and access under a multiplexer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.teams.model import Teams

if TYPE_CHECKING:
    from hermes_profiles.multiplex.access import Access
    from hermes_profiles.multiplex.approvals import MovedApprovals
    from hermes_profiles.settings.changes import SyncChange


class MisplacedSecret(NamedTuple):
    """A secret of one profile in a file that other profiles read: owner, name of its key, file and line."""

    owner: str
    key: str
    path: Path
    line: int


class MultiplexAccess(NamedTuple):
    """Access under a multiplexer: settings from the default profile, and approvals it does not read."""

    access: Access
    approvals: tuple[MovedApprovals, ...]


class TeamFacts(NamedTuple):
    """Facts of the teams of a root.

    `faults`: team → why it has no pool; `drifted`: member → differences from its lead; `not_comparable`: profile → why
    it cannot be compared; `linked_leads`: team with several leads → the leads that its members link to; `exposed`: team
    → secrets in its pool; `foreign`: profile → secrets of other profiles in its home; `multiplex`: None unless a
    multiplexer serves the root or is configured.
    """

    teams: Teams = Teams({}, {})
    faults: Mapping[str, Problem] = {}
    drifted: Mapping[str, tuple[SyncChange, ...]] = {}
    not_comparable: Mapping[str, Problem] = {}
    linked_leads: Mapping[str, tuple[str, ...]] = {}
    exposed: Mapping[str, tuple[MisplacedSecret, ...]] = {}
    foreign: Mapping[str, tuple[MisplacedSecret, ...]] = {}
    multiplex: MultiplexAccess | None = None
