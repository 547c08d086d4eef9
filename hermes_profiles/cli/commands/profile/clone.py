"""clone: a new profile from another one, without its identities, and connected to a channel at once where wanted."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, ManagerName
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.create_profile import CreateRequest, check_can_clone

from .connect_options import ConnectOptions
from .create import CloneOptions, created_answer, created_profile

Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        metavar="CHANNEL",
        help="Give the clone an account of its own on this channel, checked before the clone is made.",
    ),
]


@command(
    "clone",
    examples=(
        "hermes-profiles clone default work",
        "hermes-profiles clone default work --dry-run",
        "hermes-profiles clone default work --connect telegram",
        "hermes-profiles clone default work --connect telegram --allow 123456789 --start < token.txt",
        "hermes-profiles clone work night --clone-all --no-api-server",
        "hermes-profiles clone default twin --clone-channels",
    ),
)
def clone(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="SRC", help="Profile to clone.")],
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    options: CloneOptions,
    connect: Connect = None,
    connection: ConnectOptions = ConnectOptions(),  # noqa: B008  Typer gets its fields
    manager: ManagerName = None,
    dry_run: DryRun = False,
) -> Answer:
    """Clone a profile: models, tools, skills and persona; never a bot, an account or a device.

    With --connect the clone gets an account of its own, as by the command `connect`: its values are asked for without
    echo, or read from standard input. They are checked before the clone is made.
    """
    request = options.request(name, source, options.policy(), "clone")
    if connect is not None:
        return _connected(session, request, connect, connection, manager, dry_run=dry_run)
    if (option := connection.used() or ("--manager" if manager is not None else None)) is not None:
        raise UsageProblem(
            f"{option} is for the account of a clone, and none was asked for",
            target=option,
            hint=f"use `hermes-profiles clone {source} {name} --connect CHANNEL`",
        )
    return created_answer(session, request, dry_run=dry_run)


def _connected(
    session: Session,
    request: CreateRequest,
    channel: str,
    options: ConnectOptions,
    manager: str | None,
    *,
    dry_run: bool,
) -> Answer:
    from hermes_profiles.cli.render.clone_connect import connected_clone_answer, planned_clone_answer
    from hermes_profiles.operations.accounts.clone_connect import clone_connected, connect_clone
    from hermes_profiles.operations.accounts.connect import find_new_place
    from hermes_profiles.operations.fleet_context import FleetSession

    from .connect import account_request, scanned_account, scans, start_stored

    check_can_clone(session, request)
    fleet = FleetSession.of(session, manager)
    place = find_new_place(fleet, request.name, channel)
    if scans(place, dry_run=dry_run):
        created = created_profile(session, request, dry_run=False)
        stored = connect_clone(place, lambda: scanned_account(fleet, place, options))
    else:
        account = account_request(place, options, dry_run=dry_run)
        make = lambda: created_profile(session, request, dry_run=dry_run)  # noqa: E731
        checked, created, connected = clone_connected(fleet, place, account, make, dry_run=dry_run)
        if connected is None:
            return planned_clone_answer(created, checked, place)
        stored = connected
    started = start_stored(fleet, place, options, dry_run=False)
    return connected_clone_answer(created, stored, started, place)
