"""awake-hold: what the LaunchAgent runs to keep a Mac awake. Not for people."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from hermes_profiles.awake.caffeinate import GRACE, POLL, hold_caffeinate
from hermes_profiles.awake.render import CAFFEINATE
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.context import Session

from .awake import Disk, Display, Idle, System


def awake_hold(
    idle: Idle = False,
    display: Display = False,
    disk: Disk = False,
    system: System = False,
    grace: Annotated[int, typer.Option("--grace", min=1, help="Seconds to wait for the next gateway.")] = GRACE,
    look: Annotated[float, typer.Option("--look", min=0.01, help="Seconds between two checks.")] = POLL,
    home: Home = None,
    json: Json = False,
) -> None:
    """Hold caffeinate as long as a gateway of this user lives, then end (a LaunchAgent calls this)."""
    session = Session(home, json)
    given = {"idle": idle, "display": display, "disk": disk, "system": system}

    def live() -> list[int]:
        return [each.pid for each in processes_of(sys.platform).gateways()]

    def body() -> Answer:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, _end)
        flags = [flag for name, flag in CAFFEINATE.items() if given[name]]
        hold_caffeinate(live, flags, session.environment, grace=grace, poll=look)
        return Answer(Result(("awake-hold",), {}), lambda: ())

    run(("awake-hold",), session, body)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
