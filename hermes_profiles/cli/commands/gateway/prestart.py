"""prestart: the step that a service runs before its gateway. Not for people."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.conflicts import ledger
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.gateways.observe import live_gateways
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Problem, Result
from hermes_profiles.operations.fleet_context import FleetSession

# A manager this young was started by a boot or a login, together with all its services.
_YOUNG = 120.0


def prestart(
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    managed: Annotated[Path | None, typer.Option("--managed", help="Managed directory to carry over.")] = None,
    boot_delay: Annotated[float, typer.Option("--boot-delay", min=0, help="Seconds to wait at boot.")] = 0.0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Refresh a profile's overlay just before its gateway starts (services call this)."""
    session = FleetSession(home, json)

    def body() -> Answer:
        (name,) = session.selection((profile,), (), None).profiles
        if boot_delay > 0 and _manager_age() < _YOUNG:
            output.note(f"{name}: waits {boot_delay:g} s, so that not all gateways start at once")
            time.sleep(boot_delay)
        found = ledger.resolve_at_start(
            session.layout,
            name,
            catalog=session.catalog,
            environment=session.environment,
            live=lambda names: _live(session, names),
            now=time.time(),
            managed=managed,
        )
        warnings = [*session.problems, *session.manager_problems, *found.problems]
        warnings += [Problem("masked", mask.sentence(), name) for mask in found.masks]
        data = {"profile": name, "masked_channels": [mask.channel for mask in found.masks]}
        return Answer(Result(("prestart",), data, warnings=warnings), lambda: ())

    run(("prestart",), session, body)


def _live(session: FleetSession, names: Sequence[str]) -> Mapping[str, LiveGateway]:
    return live_gateways(session.look(names))


def _manager_age() -> float:
    """Return how many seconds ago the manager above us was started; shells in between do not count."""
    from hermes_profiles.gateways.processes import processes_of

    processes = processes_of(sys.platform)
    process = processes.find(os.getppid())
    while (
        process is not None
        and process.parent > 0
        and os.path.basename(process.argv[0] if process.argv else "")
        in (
            "sh",
            "dash",
            "bash",
            UNIT,
        )
    ):
        process = processes.find(process.parent)
    uptime = processes.usage(process).uptime if process is not None else None
    return uptime if uptime is not None else float("inf")
