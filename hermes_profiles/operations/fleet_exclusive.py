"""Runs an operation under the fleet lock, and a restart with a process that completes it if this one is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from hermes_profiles.fleet.restart_record import forget_restart, note_restart
from hermes_profiles.services.successor import Successor

from .fleet_context import FleetSession

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def exclusively(
    operation: Callable[Concatenate[FleetSession, _Arguments], _Result],
) -> Callable[Concatenate[FleetSession, _Arguments], _Result]:
    """Have an operation plan and act under the fleet lock; a dry run does not take the lock."""

    @wraps(operation)
    def locked(session: FleetSession, /, *arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        if options.get("dry_run"):
            return operation(session, *arguments, **options)
        with session.exclusive():
            return operation(session, *arguments, **options)

    return locked


@contextmanager
def surviving_restart(
    session: FleetSession,
    profiles: Sequence[str],
    *,
    owners: tuple[str, ...] = (),
    on_conflict: str = "mask",
    enabled: Sequence[str] = (),
) -> Iterator[Successor]:
    """Record a restart before its first stop; a process in the background completes it if this one is killed.

    The body dismisses the yielded process when nothing is left to complete. Raises Failed when the record cannot be
    written: nothing is stopped then.
    """
    note_restart(session.layout, tuple(profiles), owners=owners, on_conflict=on_conflict, enabled=tuple(enabled))
    with Successor(_command(session), session.environment) as successor:
        try:
            yield successor
        finally:
            if successor.is_dismissed:
                forget_restart(session.layout)


@contextmanager
def surviving_change(session: FleetSession, profiles: Sequence[str], *, enabled: Sequence[str] = ()) -> Iterator[None]:
    """Have gateways that the body stops run again if this process is killed during it.

    `profiles`: their names before and after the change, () where no gateway runs; `enabled`: those whose services start
    with their manager. An error of the body is reported: it has put back what it stopped.
    """
    if not profiles:
        yield
        return
    with surviving_restart(session, tuple(dict.fromkeys(profiles)), enabled=tuple(dict.fromkeys(enabled))) as other:
        try:
            yield
        except Exception:
            other.dismiss()
            raise
        other.dismiss()


def _command(session: FleetSession) -> tuple[str, ...]:
    # -P: the process runs in `/`, and no module there may replace the code.
    words = (sys.executable, "-P", "-m", "hermes_profiles.cli.gateways", "finish-restart")
    manager = ("--manager", session.manager_kind) if session.manager_kind is not None else ()
    return (*words, "--home", os.path.realpath(session.layout.root), *manager)
