"""Reads the other roots of this account: what starts their gateways, and the identities of their profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.credentials.identities import Identity
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.other_roots import OtherRootFacts
from hermes_profiles.gateways.other_roots import FoundRoot, other_roots, service_files_in
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.naming import ServiceName

_MOST_ROOTS, _MOST_PROFILES = 20, 200


def probe_other_roots(context: DoctorContext) -> tuple[OtherRootFacts, ...]:
    """Return the other roots. A profile that cannot be read counts as one without identities."""
    found = other_roots(context.layout, tuple(_units(context)), context.system.processes.gateways())
    return tuple(_facts(context, each) for each in found[:_MOST_ROOTS])


def _units(context: DoctorContext) -> Iterator[Path]:
    for manager in context.managers:
        yield from service_files_in(manager.folders())
        system = manager.system_path(manager.service(ServiceName("", ""), DEFAULT))
        if system is not None:
            yield from (path for path in service_files_in((system.parent,)) if "hermes" in path.as_posix())


def _facts(context: DoctorContext, other: FoundRoot) -> OtherRootFacts:
    layout = Layout(other.root, context.layout.user_home, context.layout.platform)
    if other.pids:
        starts = f"its gateway runs with PID {other.pids[0]}"
    else:
        starts = f"{other.units[0]} starts it" if other.units else ""
    try:
        names = profile_names(layout)[:_MOST_PROFILES]
    except HermesProfilesError:
        names = ()
    return OtherRootFacts(other.root, starts, {name: _identities(context, layout.home(name)) for name in names})


def _identities(context: DoctorContext, home: Path) -> tuple[Identity, ...]:
    try:
        return tuple(claimed_resources(home, catalog=context.catalog).identities)
    except (HermesProfilesError, OSError):
        return ()
