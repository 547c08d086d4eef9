"""Context of a doctor run: paths, process table and service managers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import ObservationHints, SystemContext
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import Manager
from hermes_profiles.services.spec import ServiceSpec


class DoctorContext(NamedTuple):
    """The inputs of all probes.

    `observe`: reads the state of gateways and works without a service manager; `managers`: every manager that can
    have services here, the one in use first; `unreachable`: why the manager in use cannot be queried, [] when it can;
    `spec_of`: returns the service that would be installed for a profile now, raises HermesProfilesError when there is
    none.
    """

    layout: Layout
    catalog: Catalog
    environment: Mapping[str, str]
    user_home: Path
    uid: int
    now: float
    system: SystemContext
    observe: Callable[[Sequence[str], ObservationHints], dict[str, Gateway]]
    managers: Sequence[Manager]
    unreachable: list[Problem]
    spec_of: Callable[[str], ServiceSpec]
