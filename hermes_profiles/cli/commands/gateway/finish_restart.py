"""finish-restart: what the process in the background runs when a restart was killed. Not for people."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.run_fleet import finish_restart


def finish_restart_command(
    manager: Annotated[str | None, typer.Option("--manager", help="The service manager.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Start the gateways that a killed restart left stopped (a restart starts this process)."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        warnings = finish_restart(session)
        return Answer(Result(("finish-restart",), {}, warnings=list(warnings)), lambda: ())

    run(("finish-restart",), session, body)
