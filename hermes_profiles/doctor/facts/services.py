"""Facts of gateway services: their definition files, their status, and what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import Signature
from hermes_profiles.hermes.service_names import LEGACY_FILES
from hermes_profiles.model.errors import Problem
from hermes_profiles.services.drift import Drift
from hermes_profiles.services.manager import ManagerKind, ServiceStatus
from hermes_profiles.services.parse_definition import ParsedDefinition

SYSTEM, USER = "system", "user"


class Definition(NamedTuple):
    """One service that runs, or would run, a gateway of this root.

    `unit`: its name, or the label, without ending; `profile`: whom it runs, None when that is a home below the root
    that is no profile's; `home_text`: that home; `has_home`: whether it is there; `is_own_name`: the name is the one
    that Hermes gives this profile's service; `is_ours`: we have written (a part of) it; `works`: the programs it names
    → whether they can be run; `has_directory`: whether the folder it starts in is there; `files`: what goes when it
    goes; `enabled`: as files tell; `status`: what its manager says, None when it was not asked or is out of reach;
    `strangers`: homes of other roots that a part of it names.
    """

    manager: ManagerKind
    scope: str
    unit: str
    path: Path
    profile: str | None
    home_text: str
    has_home: bool
    is_own_name: bool
    is_ours: bool
    said: ParsedDefinition
    works: Mapping[str, bool]
    has_directory: bool
    files: tuple[tuple[Path, Signature], ...]
    enabled: bool
    strangers: tuple[str, ...] = ()
    status: ServiceStatus | None = None
    contents: Mapping[Path, bytes] = {}

    def __repr__(self) -> str:
        return f"Definition({self.path})"

    @property
    def is_legacy(self) -> bool:
        """Return whether it has a name that only old releases gave."""
        return self.path.name in LEGACY_FILES


class Leftover(NamedTuple):
    """A link or a drop-in of ours whose unit is gone; `profile`: whose it was, None when nothing says so."""

    unit: str
    profile: str | None
    path: Path
    signature: Signature
    is_link: bool


class ServiceFiles(NamedTuple):
    """What lies there. `blockers`: profile → definition of its service's name that runs a home which is gone;
    `clashes`: unit → profiles that all get this one, where they are several, those behind a link first."""

    definitions: tuple[Definition, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    blockers: Mapping[str, Definition] = {}
    clashes: Mapping[str, tuple[str, ...]] = {}


class Need(NamedTuple):
    """A program that a profile's configuration needs and its service does not find; `found`: where the shell finds it;
    `at`: the path in config.yaml; `cured`: a service written today would find it."""

    tool: str
    found: str
    at: tuple[str, ...]
    cured: bool


class ServiceFacts(NamedTuple):
    """What was seen.

    `manager`: the one that is due; `definitions`: all services of this root; `leftovers`, `blockers`, `clashes`: see
    `Found`; `drifts`: profile → how its service stands to the one we would write; `needs`: profile → programs that its
    service does not find; `unreachable`: why the manager cannot be asked; `linger`: whether services outlive the last
    session, None where nothing decides that; `multiplexing`: what the default profile asks for; `serves`: the profiles
    that the live default gateway serves, None when it is not alive.
    """

    manager: ManagerKind | None = None
    definitions: tuple[Definition, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    blockers: Mapping[str, Definition] = {}
    clashes: Mapping[str, tuple[str, ...]] = {}
    drifts: Mapping[str, Drift] = {}
    needs: Mapping[str, tuple[Need, ...]] = {}
    unreachable: tuple[Problem, ...] = ()
    linger: bool | None = None
    multiplexing: bool | None = None
    serves: tuple[str, ...] | None = None
    by_profile: Mapping[str, tuple[Definition, ...]] = {}

    def of(self, profile: str) -> tuple[Definition, ...]:
        """Return all services of one profile."""
        return self.by_profile.get(profile, ())

    def main(self, profile: str) -> Definition | None:
        """Return the service of a profile that fleet commands mean, None without one."""
        return next((each for each in self.of(profile) if self.is_main(each)), None)

    def is_main(self, found: Definition) -> bool:
        """Return whether a definition is the one that fleet commands mean."""
        return found.manager is self.manager and found.scope == USER and found.is_own_name
