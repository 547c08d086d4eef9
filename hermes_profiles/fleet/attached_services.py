"""The gateway and the services of a profile: removed before the profile is deleted, moved when it is renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext, observe_one
from hermes_profiles.model.errors import Failed, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import Activity, Service
from hermes_profiles.services.naming import drop_in, system_unit

from .foreign import also_stopped
from .install import service_files
from .outcomes import Outcome, OutcomeKind
from .protocols import RunOptions
from .uninstall import DOWN, stop_all
from .unwritable import unchangeable


class Attached(NamedTuple):
    """The gateway and the service of a profile under one manager; `files`: of the service, () without one."""

    world: SystemContext
    profile: str
    gateway: Gateway
    service: Service | None
    files: tuple[Path, ...]

    @property
    def is_up(self) -> bool:
        """Return whether a process runs, or a manager is about to start one."""
        state, service = self.gateway.state, self.gateway.service
        # Between two tries a manager cleans up, and then tries again.
        is_cleaning_up = service is not None and service.activity is Activity.DEACTIVATING
        is_starting = state in (GatewayState.STARTING, GatewayState.CRASH_LOOPING)
        return self.gateway.process is not None or is_cleaning_up or is_starting

    @property
    def is_installed(self) -> bool:
        """Return whether a service is installed."""
        return bool(self.files)

    @property
    def was_enabled(self) -> bool:
        """Return whether it starts with the manager."""
        return self.gateway.service is not None and self.gateway.service.enabled


def attached_to(world: SystemContext, profile: str) -> Attached:
    """Return the gateway and the service of a profile under the manager of `world`."""
    gateway = observe_one(world, profile)
    return Attached(world, profile, gateway, world.service(profile), service_files(world, gateway))


def check_may_go(found: Attached, verb: str) -> None:
    """Raise Refused where a process may be the gateway but is not proven to be it, or others would end with it."""
    gateway = found.gateway
    if gateway.state is GatewayState.UNKNOWN:
        raise Refused(
            f"cannot {verb} {found.profile}: {gateway.detail}",
            target=found.profile,
            code="running",
            hint=f"see the process with `ps -fp {gateway.pid}`, end it if it is the gateway, then try again",
        )
    if others := also_stopped(gateway):
        raise Refused(
            f"cannot {verb} {found.profile}: the unit that runs its gateway also runs {', '.join(others)}",
            target=found.profile,
            code="running",
            hint=f"stop them first with `hermes-gateways stop --force {found.profile}`",
        )


def take_down(found: Iterable[Attached], catalog: Catalog, *, pace: RunOptions | None = None) -> None:
    """Stop gateways and disable their services. Raises Failed where one does not end or cannot be changed."""
    going = tuple(found)
    for each in going:
        if (kept := unchangeable(each.profile, each.files, each.gateway)) is not None:
            raise Failed(f"{each.profile}: {kept.detail}", target=each.profile, code="service", hint=kept.hint)
    bring_all_down(going, catalog, pace=pace)
    for each in going:
        if each.is_installed and each.world.manager is not None and each.service is not None:
            _check(each.world.manager.enable((each.service,), enabled=False), each)


def bring_down(found: Attached, catalog: Catalog, *, pace: RunOptions | None = None) -> None:
    """Stop the gateway if it runs. Raises Failed where it does not end."""
    bring_all_down((found,), catalog, pace=pace)


def bring_all_down(found: Iterable[Attached], catalog: Catalog, *, pace: RunOptions | None = None) -> None:
    """Stop the running gateways, those of one manager at once. Raises Failed where one does not end."""
    by_manager: dict[tuple[bool, int], list[Attached]] = {}
    for each in found:
        if each.is_up:
            is_foreign = each.gateway.foreign_supervisor is not None
            by_manager.setdefault((is_foreign, id(each.world.manager)), []).append(each)
    # A gateway that another manager of this root runs is stopped by that one first.
    for (is_foreign, _), group in sorted(by_manager.items(), key=lambda item: item[0][0]):
        world = group[0].world
        gateways = {each.profile: observe_one(world, each.profile) if is_foreign else each.gateway for each in group}
        for outcome in stop_all(world, tuple(gateways), gateways, catalog, pace or RunOptions()):
            if outcome.outcome is OutcomeKind.INTERRUPTED:
                raise KeyboardInterrupt
            if outcome.outcome not in DOWN:
                raise _does_not_stop(world, outcome)


def _does_not_stop(world: SystemContext, outcome: Outcome) -> Failed:
    profile = outcome.profile
    hint = outcome.hint or f"see `hermes-gateways status {profile}`, then `hermes-gateways stop {profile}`"
    for problem in system_leftovers(world, profile):
        hint = problem.hint or hint
    return Failed(
        f"the gateway of {profile} does not stop: {outcome.detail}", target=profile, code="running", hint=hint
    )


def forget(found: Attached) -> tuple[Problem, ...]:
    """Unload a service whose files are removed; returns warnings, because nothing is undone at this point."""
    if not found.is_installed or found.world.manager is None or found.service is None:
        return ()
    refused = found.world.manager.unload((found.service,))
    return tuple(Problem("not-unloaded", f"{name}: {reason}", name) for name, reason in refused.items())


def system_leftovers(world: SystemContext, profile: str) -> tuple[Problem, ...]:
    """Return a warning for a system unit of the profile: only an administrator can remove it."""
    unit = system_unit(world.service_name(profile))
    if not unit.exists():
        return ()
    return (
        Problem(
            "service-left",
            f"the system service of {profile} is still installed: {unit}",
            profile,
            f"have an administrator run `sudo systemctl disable --now {unit.name} && sudo rm -r {unit} "
            f"{drop_in(unit).parent}`",
        ),
    )


def _check(refused: Mapping[str, str], found: Attached) -> None:
    if found.profile in refused:
        raise Failed(
            f"the service of {found.profile} cannot be disabled: {refused[found.profile]}",
            target=found.profile,
            code="service",
            hint=f"see `hermes-gateways status {found.profile}`",
        )


def put_back(found: Attached) -> tuple[Problem, ...]:
    """Undo `take_down` after the deletion or rename failed; returns what failed."""
    manager, service = found.world.manager, found.service
    if manager is None or service is None or not found.is_installed:
        return ()
    refused = dict(manager.enable((service,), enabled=True)) if found.was_enabled else {}
    if found.is_up:
        refused |= manager.start((service,))
    return _problems(refused)


def load_again(world: SystemContext, services: Mapping[str, bool | None]) -> tuple[Problem, ...]:
    """Reload the service definitions of profiles; returns what failed.

    `services`: profile → whether the service is enabled (None: unchanged).
    """
    refused: dict[str, str] = {}
    for enable in (True, False, None):
        names = [name for name, wanted in services.items() if wanted is enable]
        if world.manager is not None and names:
            refused |= world.manager.load(world.services(names), enable=enable)
    return _problems(refused)


def _problems(refused: Mapping[str, str]) -> tuple[Problem, ...]:
    return tuple(
        Problem("service", f"{name}: {reason}", name, f"try `hermes-gateways install {name}`")
        for name, reason in refused.items()
    )
