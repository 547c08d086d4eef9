"""All facts of one doctor run. Every probe finishes before the first check runs; a check reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.installation.hermes_code import HermesCode
from hermes_profiles.gateways.installation.hermes_libraries import HermesLibraries
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import Managed

from .files import TreeFacts
from .identities import IdentityFacts
from .other_roots import OtherRootFacts
from .profile import ProfileFacts
from .runtime import RuntimeFacts
from .services import ServiceFacts
from .teams import TeamFacts
from .update_day import UpdateFacts


class ProbeFailure(NamedTuple):
    """A probe that failed: its subject, its profile (None: no profile in particular), and the reason."""

    subject: str
    profile: str | None
    reason: str


class Facts(NamedTuple):
    """All facts of one run.

    `uid`: of the user; `now`: epoch seconds; `active`: the sticky profile; `managed`: settings of the machine-wide
    managed folder; `inventory`: None when the fleet could not be observed; `code`: of the installed Hermes, None where
    none is installed; `libraries`: beside it; `others`: the profiles that are not examined, with their documents alone.
    """

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
    identities: IdentityFacts
    services: ServiceFacts
    runtime: RuntimeFacts
    teams: TeamFacts
    code: HermesCode | None = None
    failures: tuple[ProbeFailure, ...] = ()
    update: UpdateFacts = UpdateFacts()
    others: Mapping[str, ProfileFacts] = {}
    other_roots: tuple[OtherRootFacts, ...] = ()
    libraries: HermesLibraries | None = None

    def is_profile(self, name: str | None) -> bool:
        """Return whether the root has this profile, examined or not."""
        return name in self.profiles or name in self.others

    def all_profiles(self) -> tuple[ProfileFacts, ...]:
        """Return the profiles of the root, examined or not, in the order of the fleet."""
        found = (*self.profiles.values(), *self.others.values())
        return tuple(sorted(found, key=lambda profile: (profile.name != DEFAULT, profile.name)))

    @property
    def size(self) -> int:
        """Return the number of profiles of the root."""
        return len(self.profiles) + len(self.others)
