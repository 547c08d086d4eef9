"""Resets a gateway: files of a dead process are removed only after the process is proven to be gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.state_files import remove_state_file
from hermes_profiles.conflicts import ledger
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.hermes_files import PidRecord, lock_record, pid_record, record_at
from hermes_profiles.gateways.lock_files import lock_folder
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext, match_process, observe_one
from hermes_profiles.gateways.processes import same_start
from hermes_profiles.hermes.files import (
    DRAIN_REQUEST_FILE,
    LOCK_FILE,
    PID_FILE,
    PLANNED_STOP_FILE,
    STARTS_FILE,
    TAKEOVER_FILE,
)
from hermes_profiles.model.names import DEFAULT

from .install import service_files
from .outcomes import Outcome, OutcomeKind
from .protocols import RunOptions
from .uninstall import DOWN, stop_all
from .unwritable import failed_start, unchangeable

# Files of a dead gateway that can keep the next one from starting or stop it at once.
_LEFTOVERS = (PLANNED_STOP_FILE, TAKEOVER_FILE, DRAIN_REQUEST_FILE, STARTS_FILE)


def reset_gateway(
    world: SystemContext, profile: str, catalog: Catalog, environment: Mapping[str, str], *, dry_run: bool
) -> Outcome:
    """Stop a gateway, remove its stale files, and reload its service; returns the outcome.

    The caller starts it again. It refuses where a live process may be this gateway but is not proven to be it.
    """
    before = observe_one(world, profile)
    if before.state is GatewayState.SERVED:
        server = before.observation.server if before.observation is not None else DEFAULT
        hint = f"reset the gateway that serves it with `hermes-gateways reset {server}`"
        return Outcome(profile, OutcomeKind.REFUSED, before.detail, before.pid, hint=hint)
    if before.state is GatewayState.UNKNOWN:
        return Outcome(
            profile, OutcomeKind.REFUSED, before.detail, before.pid, hint=f"see the process with `ps -fp {before.pid}`"
        )
    if before.service is None or not before.service.installed:
        hint = f"install one with `hermes-gateways install {profile}`"
        return Outcome(profile, OutcomeKind.FAILED, "it has no service", hint=hint)
    if dry_run:
        names = ", ".join(path.name for path in _stale_files(world, profile, catalog, environment, assume_gone=True))
        return Outcome(profile, OutcomeKind.SKIPPED, f"would be stopped; would clear: {names or 'nothing'}")
    kept = unchangeable(profile, service_files(world, before), before)
    kept = kept or failed_start(profile, world.layout.home(profile), before)
    if kept is not None:
        return kept
    stopped = stop_all(world, (profile,), {profile: before}, catalog, RunOptions())[0]
    if stopped.outcome not in DOWN:
        return stopped
    after = observe_one(world, profile)
    if after.process is not None or after.state is GatewayState.UNKNOWN:
        return Outcome(profile, OutcomeKind.FAILED, f"process {after.pid} is still alive", after.pid)
    cleared = _stale_files(world, profile, catalog, environment)
    for path in cleared:
        remove_state_file(path)
    ledger.drop_pending(world.layout, (profile,))
    failure = _reload(world, profile, before)
    if failure:
        return Outcome(profile, OutcomeKind.FAILED, failure)
    detail = f"cleared {', '.join(path.name for path in cleared)}" if cleared else "nothing was stale"
    return Outcome(profile, OutcomeKind.RESET, detail)


def _reload(world: SystemContext, profile: str, before: Gateway) -> str:
    services = world.services((profile,))
    if world.manager is None or not services or before.service is None:
        return "no service manager is available"
    was_enabled = before.service.enabled
    refused = dict(world.manager.unload(services)) | dict(world.manager.load(services, enable=was_enabled))
    return refused.get(profile, "")


def _stale_files(
    world: SystemContext, profile: str, catalog: Catalog, environment: Mapping[str, str], *, assume_gone: bool = False
) -> tuple[Path, ...]:
    """Return the files of a dead gateway, whose process is gone or another program (`assume_gone`: will be)."""
    home = world.layout.home(profile)
    found = [home / name for name in _LEFTOVERS if (home / name).exists()]
    for name, record in ((PID_FILE, pid_record(home)), (LOCK_FILE, lock_record(home))):
        if record is not None and (assume_gone or _is_dead(world, home, record)):
            found.append(home / name)
    pids = {record.pid for record in (pid_record(home), lock_record(home)) if record is not None}
    folder = lock_folder(environment, world.layout.user_home)
    for path in sorted(folder.glob("*.lock")):
        record = record_at(path)
        if record is None or not record.pid or record.pid not in pids:
            continue
        process = world.processes.find(record.pid)
        # The lock of a live gateway, or of another program with its pid, stays.
        if (
            assume_gone
            or process is None
            or not same_start(record.started, process.started, platform=world.layout.platform)
        ):
            found.append(path)
    return tuple(found)


def _is_dead(world: SystemContext, home: Path, record: PidRecord) -> bool:
    proof = match_process(home, world, record)
    return proof.process is None and proof.unverified is None and world.processes.lock_owner(home / LOCK_FILE) is None
