"""Facts of gateway services: their definition files, their status, and what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.signature import Signature
from hermes_profiles.hermes.service_names import LEGACY_FILES
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.drift import Drift
from hermes_profiles.services.manager import ManagerKind, ServiceStatus
from hermes_profiles.services.parse_definition import ParsedDefinition

SYSTEM, USER = "system", "user"


class Definition(NamedTuple):
    """Definition of one service that runs, or would run, a gateway of this root.

    `unit`: its name or label, without ending; `profile`: the profile it runs, None for a home below the root without a
    profile; `home_text`: that home; `is_own_name`: it has the name that Hermes gives the service of this profile;
    `is_ours`: hermes-profiles wrote it, or a part of it; `works`: program → whether it can be executed;
    `directory_exists`: of its working directory; `files`: the files to remove with it; `enabled`: according to files;
    `status`: None when its manager was not queried or did not answer; `other_roots`: homes of other roots in a part of
    the definition; `contents`: file → content, drop-ins included.
    """

    manager: ManagerKind
    scope: str
    unit: str
    path: Path
    profile: str | None
    home_text: str
    home_exists: bool
    is_own_name: bool
    is_ours: bool
    parsed: ParsedDefinition
    works: Mapping[str, bool]
    directory_exists: bool
    files: tuple[tuple[Path, Signature], ...]
    enabled: bool
    other_roots: tuple[str, ...] = ()
    status: ServiceStatus | None = None
    contents: Mapping[Path, bytes] = {}

    def __repr__(self) -> str:
        return f"Definition({self.path})"

    @property
    def is_legacy(self) -> bool:
        """Return whether it has a name of an old Hermes release."""
        return self.path.name in LEGACY_FILES


class ServiceLeftover(NamedTuple):
    """A link or drop-in of hermes-profiles whose unit is gone; `profile`: None when unknown."""

    unit: str
    profile: str | None
    path: Path
    signature: Signature
    is_link: bool


class ServiceFiles(NamedTuple):
    """Results of a search for service files.

    `blockers`: profile → definition with the service name of this profile that runs a deleted home; `clashes`: unit →
    the profiles that share this service name, profiles behind a link first.
    """

    definitions: tuple[Definition, ...] = ()
    leftovers: tuple[ServiceLeftover, ...] = ()
    blockers: Mapping[str, Definition] = {}
    clashes: Mapping[str, tuple[str, ...]] = {}


class MissingProgram(NamedTuple):
    """A program that the configuration of a profile names and its service does not find.

    `found`: its path on the PATH of the shell; `at`: the key path in config.yaml; `fixed_by_reinstall`: a service
    installed today would find it.
    """

    tool: str
    found: str
    at: tuple[str, ...]
    fixed_by_reinstall: bool


class ServiceFacts(NamedTuple):
    """Facts of the services of a root.

    `manager`: the manager in use; `definitions`: all services of this root; `leftovers`, `blockers`, `clashes`: see
    `ServiceFiles`; `drifts`: profile → difference between its service and the one that would be installed; `needs`:
    profile → programs that its service does not find; `unreachable`: why the manager cannot be queried; `linger`:
    whether services outlive the last session, None without such a setting; `multiplexing`: the setting of the default
    profile; `serves`: the profiles that the live default gateway serves, None without a live default gateway.
    """

    manager: ManagerKind | None = None
    definitions: tuple[Definition, ...] = ()
    leftovers: tuple[ServiceLeftover, ...] = ()
    blockers: Mapping[str, Definition] = {}
    clashes: Mapping[str, tuple[str, ...]] = {}
    drifts: Mapping[str, Drift] = {}
    needs: Mapping[str, tuple[MissingProgram, ...]] = {}
    unreachable: tuple[Problem, ...] = ()
    linger: bool | None = None
    multiplexing: bool | None = None
    serves: tuple[str, ...] | None = None
    by_profile: Mapping[str, tuple[Definition, ...]] = {}

    def of(self, profile: str) -> tuple[Definition, ...]:
        """Return all services of one profile."""
        return self.by_profile.get(profile, ())

    def main(self, profile: str) -> Definition | None:
        """Return the service of a profile that fleet commands control, None without one."""
        return next((service for service in self.of(profile) if self.is_main(service)), None)

    def is_main(self, service: Definition) -> bool:
        """Return whether fleet commands control this service."""
        return service.manager is self.manager and service.scope == USER and service.is_own_name
