"""What `hermes-gateways` answers without a command. Typer is not imported: nothing is parsed."""

from __future__ import annotations

from typing import NoReturn

from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.gateways import status_data
from hermes_profiles.cli.render.overview import empty_lines, gateways_overview
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import fleet_status
from hermes_profiles.profiles.listing import profile_names


def overview(home: str | None = None) -> NoReturn:
    """Print which gateways run, what is wrong with the others, and what to do next; `home`: the value of `--home`."""
    session = FleetSession(home)

    def body() -> Answer:
        names = profile_names(session.layout)
        if not names:
            return Answer(Result(()), lambda: empty_lines(str(session.layout.root), "hermes-gateways", home))
        status = fleet_status(session, names, ask_api=False, accounts=False)
        # What a manager that does not answer leaves unknown is a warning: no command was asked to do anything.
        result = Result((), warnings=[*status.warnings, *status.errors])
        return Answer(result, lambda: gateways_overview(status_data(status, accounts=False), home))

    run((), session, body)
