"""watch-run: what the service that watches a fleet runs. Not for people."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hermes_profiles.alerts.deliver import AlertDelivery
from hermes_profiles.backups.schedule import BackupTimer
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring.watch_run import EventWatch


def watch_run(
    manager: Annotated[str | None, typer.Option("--manager", help="The service manager.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Watch the gateways of a root and log what happens to them, until a signal ends it (a service runs this)."""
    session = FleetSession(home, json, manager_option=manager)

    def report(text: str) -> None:
        output.note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")

    def body() -> Answer:
        EventWatch(session, (AlertDelivery(session.layout, report), BackupTimer(session.layout, report)), report).run()
        return Answer(Result(("watch-run",), {}), lambda: ())

    run(("watch-run",), session, body)
