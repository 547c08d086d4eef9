"""Uninstalls services: stop, disable, remove the files, unload; always in this order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import is_profile_folder_name
from hermes_profiles.services.manager import Manager, Service

from .backend import ServiceBackend
from .executor import FleetExecutor
from .install import is_foreign, is_orphan, plan_removal, service_files
from .outcomes import Outcome, OutcomeKind, Verb
from .protocols import RunOptions, StartDecision
from .unwritable import unchangeable

# Outcomes of a stopped gateway; after any other outcome the service keeps its files.
DOWN = (OutcomeKind.STOPPED, OutcomeKind.ALREADY_STOPPED)


class Uninstalled(NamedTuple):
    """The result: an outcome for each profile, the plan that removes the files (None without files), its change id."""

    outcomes: tuple[Outcome, ...]
    plan: ChangePlan | None = None
    change: str | None = None


def uninstall_services(
    world: SystemContext,
    profiles: Sequence[str],
    catalog: Catalog,
    *,
    dry_run: bool = False,
    pace: RunOptions = RunOptions(),  # noqa: B008
) -> Uninstalled:
    """Uninstall the services of profiles.

    A service whose gateway does not stop keeps its files: without them the manager could not stop it. A gateway whose
    files cannot be removed is not stopped.
    """
    manager = world.manager
    if manager is None:
        return Uninstalled(tuple(Outcome(name, OutcomeKind.NOT_INSTALLED) for name in profiles))
    gateways = survey(world, profiles)
    files = {name: service_files(world, gateways[name]) for name in profiles}
    present = [name for name in profiles if files[name] or _is_known(gateways[name])]
    outcomes = [_absent(world, gateways[name]) for name in profiles if name not in present]
    if dry_run:
        outcomes += [Outcome(name, OutcomeKind.SKIPPED, "would be uninstalled") for name in present]
        plan = plan_removal("uninstall", {name: files[name] for name in present if files[name]})
        return Uninstalled(_in_order(outcomes, profiles), plan)
    kept = {name: found for name in present if (found := unchangeable(name, files[name], gateways[name])) is not None}
    supervised = [name for name in present if name not in kept and _runs_under_manager(gateways[name])]
    running = [name for name in supervised if gateways[name].is_alive or gateways[name].process is not None]
    stopped = stop_all(world, supervised, gateways, catalog, pace)
    kept |= {each.profile: each for each in stopped if each.outcome not in DOWN}
    going = [name for name in present if name not in kept]
    services = world.services(going)
    # The enablement of an orphan is removed with its files.
    known = [each for each in services if not is_orphan(world, each.profile)]
    refused = dict(manager.enable(known, enabled=False)) if known else {}
    plan = plan_removal(
        "uninstall", {name: files[name] for name in going if files[name] and name not in refused}, running
    )
    try:
        change = apply(plan, layout=world.layout).change_id if plan is not None else None
    except BaseException:
        _put_back(manager, [each for each in known if each.profile not in refused], gateways, running)
        raise
    gone = [each for each in services if each.profile not in refused]
    refused |= dict(manager.unload(gone)) if gone else {}
    outcomes += kept.values()
    for name in going:
        kind = OutcomeKind.FAILED if name in refused else OutcomeKind.UNINSTALLED
        outcomes.append(Outcome(name, kind, refused.get(name, "")))
    return Uninstalled(_in_order(outcomes, profiles), plan, change)


def _put_back(
    manager: Manager, services: Sequence[Service], gateways: Mapping[str, Gateway], running: Collection[str]
) -> None:
    """Enable and start services again whose files could not be removed: the failure of that is what is reported."""
    enabled = [each for each in services if (was := gateways[each.profile].service) is not None and was.enabled]
    ran = [each for each in services if each.profile in running]
    with suppress(HermesProfilesError):
        if enabled:
            manager.enable(enabled, enabled=True)
        if ran:
            manager.start(ran)


def stops_with_its_service(world: SystemContext, profile: str) -> bool:
    """Return whether `uninstall_services` stops the gateway of a profile: one started by hand goes on."""
    gateway = survey(world, (profile,))[profile]
    is_present = bool(service_files(world, gateway)) or _is_known(gateway)
    return is_present and _runs_under_manager(gateway)


def orphaned(world: SystemContext, manager: Manager, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without a profile that still have a service under a manager."""
    return tuple(
        dict.fromkeys(
            name
            for name in names
            if is_profile_folder_name(name)
            and is_orphan(world, name)
            and os.path.lexists(manager.service(world.service_name(name), name).path)
        )
    )


def _absent(world: SystemContext, gateway: Gateway) -> Outcome:
    home = gateway.service.home if gateway.service is not None and is_foreign(world, gateway) else None
    served = gateway.detail if gateway.state is GatewayState.SERVED else ""
    detail = f"the service of this name belongs to another root: {home}" if home else served
    return Outcome(gateway.profile, OutcomeKind.NOT_INSTALLED, detail)


def stop_all(
    world: SystemContext, profiles: Sequence[str], gateways: Mapping[str, Gateway], catalog: Catalog, pace: RunOptions
) -> tuple[Outcome, ...]:
    """Stop the gateways of profiles, supervised or not, and return the outcomes."""
    backend = ServiceBackend(world, world.manager, lambda names: dict.fromkeys(names, StartDecision()), catalog)
    return FleetExecutor(Verb.STOP, backend, pace).run(profiles, gateways)


def _is_known(gateway: Gateway) -> bool:
    return gateway.service is not None and (gateway.service.installed or gateway.service.enabled)


def _runs_under_manager(gateway: Gateway) -> bool:
    """Return whether the service runs the gateway: one started by hand outlives the service."""
    service = gateway.service
    if service is None:
        return False
    process = gateway.process
    if gateway.foreign_supervisor is not None:
        return False
    return process is None or service.pid is None or gateway.is_under_service


def _in_order(outcomes: Sequence[Outcome], profiles: Sequence[str]) -> tuple[Outcome, ...]:
    place = {name: number for number, name in enumerate(profiles)}
    return tuple(sorted(outcomes, key=lambda each: place[each.profile]))
