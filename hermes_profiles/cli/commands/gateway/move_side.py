"""move-side: one verb of a move, for the command in another place. Not for people."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hermes_profiles.cli.framework.options import Home, Json, ManagerName
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.moves.move_sides import answer_side


def move_side(
    role: Annotated[str, typer.Argument(help="`source` or `target`.")],
    verb: Annotated[str, typer.Argument(help="What to do.")],
    home: Home = None,
    manager: ManagerName = None,
    json: Json = False,
) -> None:
    """Carry out one verb of a move; the request is the first line of standard input."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        data = answer_side(session, role, verb, sys.stdin.buffer, sys.stdout.buffer)
        if data is None:  # the files are the answer
            sys.stdout.buffer.flush()
            raise SystemExit(0)
        return Answer(Result(("move-side",), data), lambda: ())

    run(("move-side",), session, body)
