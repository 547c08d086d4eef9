"""All facts of one doctor run. Every probe finishes before the first check runs; a check reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import Managed

from .files import TreeFacts
from .identities import RivalFacts
from .profile import ProfileFacts
from .runtime import RuntimeFacts
from .services import ServiceFacts
from .teams import TeamFacts


class ProbeTrouble(NamedTuple):
    """A look that failed: what was looked at, whose (None: the machine's), and why."""

    what: str
    profile: str | None
    reason: str


class Facts(NamedTuple):
    """All that was seen. `uid`: of the user; `now`: epoch seconds; `active`: the sticky profile; `managed`: what the
    machine-wide managed folder sets; `inventory`: None when the fleet could not be looked at."""

    layout: Layout
    catalog: Catalog
    environment: Mapping[str, str]
    uid: int
    now: float
    active: str
    profiles: Mapping[str, ProfileFacts]
    inventory: Inventory | None
    managed: Managed
    tree: TreeFacts
    rivals: RivalFacts
    services: ServiceFacts
    runtime: RuntimeFacts
    teams: TeamFacts
    troubles: tuple[ProbeTrouble, ...] = ()
