"""Taking services away: stop, disable, remove the files, have the manager forget; in this order, whatever fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.credentials.catalog import Catalog

from .actions import Fleet, Pace, Prepared
from .hands import RealHands
from .install import plan_removal, service_files
from .outcomes import Outcome, OutcomeKind, Verb
from .state import Gateway
from .survey import World, survey


def uninstall_services(
    world: World,
    profiles: Sequence[str],
    catalog: Catalog,
    *,
    dry_run: bool = False,
    pace: Pace = Pace(),  # noqa: B008
) -> tuple[tuple[Outcome, ...], ChangePlan | None]:
    """Return an outcome for each profile, and the change that removed (or would remove) the files.

    A service whose gateway does not stop keeps its files: without them nothing could stop it any more.
    """
    manager = world.manager
    if manager is None:
        return tuple(Outcome(name, OutcomeKind.NOT_INSTALLED) for name in profiles), None
    gateways = survey(world, profiles)
    files = {name: _files(world, name) for name in profiles}
    present = [name for name in profiles if files[name] or _is_known(gateways[name])]
    outcomes = [Outcome(name, OutcomeKind.NOT_INSTALLED) for name in profiles if name not in present]
    plan = plan_removal("uninstall", {name: files[name] for name in present if files[name]})
    if dry_run:
        outcomes += [Outcome(name, OutcomeKind.SKIPPED, "would be uninstalled") for name in present]
        return _in_order(outcomes, profiles), plan
    supervised = [name for name in present if _runs_under_manager(gateways[name])]
    stopped = stop_all(world, supervised, gateways, catalog, pace)
    failed = [each for each in stopped if each.outcome is OutcomeKind.FAILED]
    outcomes += failed
    going = [name for name in present if name not in {each.profile for each in failed}]
    services = world.services(going)
    refused = dict(manager.enable(services, enabled=False)) if services else {}
    plan = plan_removal("uninstall", {name: files[name] for name in going if files[name] and name not in refused})
    if plan is not None:
        apply(plan, layout=world.layout)
    gone = [each for each in services if each.profile not in refused]
    refused |= dict(manager.unload(gone)) if gone else {}
    for name in going:
        kind = OutcomeKind.FAILED if name in refused else OutcomeKind.UNINSTALLED
        outcomes.append(Outcome(name, kind, refused.get(name, "")))
    return _in_order(outcomes, profiles), plan


def stop_all(
    world: World, profiles: Sequence[str], gateways: Mapping[str, Gateway], catalog: Catalog, pace: Pace
) -> tuple[Outcome, ...]:
    """Stop the gateways of profiles, by whoever runs them, and return how it went."""
    hands = RealHands(world, world.manager, lambda names: dict.fromkeys(names, Prepared()), catalog)
    return Fleet(Verb.STOP, hands, pace).run(profiles, gateways)


def _files(world: World, profile: str) -> tuple[Path, ...]:
    service = world.service(profile)
    if service is None or world.manager is None:
        return ()
    return tuple(path for path in service_files(world.manager, service.path) if path.exists() or path.is_symlink())


def _is_known(gateway: Gateway) -> bool:
    return gateway.service is not None and (gateway.service.installed or gateway.service.enabled)


def _runs_under_manager(gateway: Gateway) -> bool:
    """Return whether a gateway is its service's: one started by hand outlives the service."""
    service = gateway.service
    if service is None:
        return False
    process = gateway.process
    return process is None or service.pid is None or service.pid in (process.pid, process.parent)


def _in_order(outcomes: Sequence[Outcome], profiles: Sequence[str]) -> tuple[Outcome, ...]:
    place = {name: number for number, name in enumerate(profiles)}
    return tuple(sorted(outcomes, key=lambda each: place[each.profile]))
