"""Faults of the machine that no gateway reports: a full disk, a service manager that is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hermes_profiles.changes.full_disk import FULL, is_full
from hermes_profiles.changes.lock import lock_holder
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.supervisor.client import DESIRED, LOCK, names_in

from .model import EventKind
from .snapshot import SeenFault

# A full disk is one until so much more is free: at the limit it would be full and not full by turns.
_MORE = 1.25


def fleet_faults(
    layout: Layout, manager: str | None, refusals: Sequence[str], before: Iterable[SeenFault] = ()
) -> tuple[SeenFault, ...]:
    """Return the faults of the machine.

    `refusals`: what the service manager answered instead of a status; `before`: the faults of an earlier look.
    """
    return (*disk_fault(layout, before), *_manager(layout, manager, refusals))


def memory_kills() -> int:
    """Return how many processes the kernel has ended since the boot because memory ran out; 0 where it does not say."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except (OSError, ValueError, IndexError):
        return 0


def disk_fault(layout: Layout, before: Iterable[SeenFault]) -> tuple[SeenFault, ...]:
    """Return the fault of a full disk, () for one with space."""
    was_full = any(map(is_of_disk, before))
    if not is_full(layout.root, FULL * (_MORE if was_full else 1.0)):
        return ()
    return (SeenFault(str(EventKind.DISK_FULL), f"less than {FULL // 2**20} MB are free below {layout.root}"),)


def is_of_disk(fault: SeenFault) -> bool:
    """Return whether a fault is that of a full disk of the root."""
    return fault.kind == EventKind.DISK_FULL and fault.profile is None


def _manager(layout: Layout, manager: str | None, refusals: Sequence[str]) -> Iterator[SeenFault]:
    if refusals:
        yield SeenFault(str(EventKind.SUPERVISOR_GONE), refusals[0])
    elif manager == ManagerKind.SUPERVISOR and not is_daemon_back(layout):
        ran = sorted(names_in(layout.state / "supervisor" / DESIRED))
        if ran:
            yield SeenFault(str(EventKind.SUPERVISOR_GONE), f"supervisord, which ran {', '.join(ran)}, no longer runs")


def is_daemon_back(layout: Layout) -> bool:
    """Return whether the supervisord of a root runs."""
    try:
        return lock_holder(layout.state / "supervisor" / LOCK) is not None
    except HermesProfilesError:
        return False
