"""What a look at the world is given: where it is, who may be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import ObservationHints, SystemContext
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.manager import Manager
from hermes_profiles.services.spec import ServiceSpec


class DoctorContext(NamedTuple):
    """`look`: surveys gateways and bears a missing manager; `managers`: all that may have services here, the one that
    is due first, asked or not; `unreachable`: why the one that is due cannot be asked, [] when it can;
    `spec_of`: the service that would be written for a profile now, raises HermesProfilesError when none can be."""

    layout: Layout
    catalog: Catalog
    environment: Mapping[str, str]
    user_home: Path
    uid: int
    now: float
    world: SystemContext
    look: Callable[[Sequence[str], ObservationHints], dict[str, Gateway]]
    managers: Sequence[Manager]
    unreachable: list[Problem]
    spec_of: Callable[[str], ServiceSpec]
