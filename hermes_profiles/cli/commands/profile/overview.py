"""What `hermes-profiles` answers without a command. Typer is not imported: nothing is parsed."""

from __future__ import annotations

from typing import NoReturn

from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.overview import empty_lines, profiles_overview
from hermes_profiles.cli.render.profiles import profile_row
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.profiles.list_profiles import list_profiles


def overview(home: str | None = None) -> NoReturn:
    """Print which profiles there are, what is wrong with them, and what to do next; `home`: the value of `--home`."""
    session = FleetSession(home)

    def body() -> Answer:
        found = list_profiles(session)
        result = Result((), warnings=list(found.warnings))
        if not found.profiles:
            return Answer(result, lambda: empty_lines(str(session.layout.root), "hermes-profiles", home))
        return Answer(result, lambda: profiles_overview([profile_row(each) for each in found.profiles], home))

    run((), session, body)
