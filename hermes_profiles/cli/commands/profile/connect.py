"""connect: give a profile an account of its own on a channel, and see its gateway connect."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Annotated

import typer

from hermes_profiles.accounts.requirements import FORMS, SCANNED_HERE, needed_variables, secret_variables
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.account_input import piped_values
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Timeout
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.connect import connect_answer
from hermes_profiles.hermes.access import users_variable
from hermes_profiles.model.secret import Secret
from hermes_profiles.operations.connect import (
    ConnectPlace,
    ConnectRequest,
    ConnectResult,
    bind,
    connect_account,
    find_place,
    start_connected,
)
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.login import LoginPrompts, logged_in_alone
from hermes_profiles.operations.run_fleet import SETTLE

Allow = Annotated[
    str | None,
    typer.Option("--allow", metavar="IDS", help="Ids of the users who may talk to it, separated by commas."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Do not ask the platform which account the token belongs to.")]
Api = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Address of the platform's API, where it is not the public one."),
]
Start = Annotated[
    bool | None,
    typer.Option("--start/--no-start", help="Install and start its gateway, and wait until it is connected."),
]


@command(
    "connect",
    examples=(
        "hermes-profiles connect work telegram",
        "hermes-profiles connect work telegram --allow 123456789 --start < token.txt",
        "hermes-profiles connect work slack --no-start < slack.env",
        "hermes-profiles connect work telegram --dry-run < token.txt",
    ),
    manager=True,
)
def connect(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(help="The profile that gets the account.")],
    channel: Annotated[str, typer.Argument(help="The channel, such as telegram; `catalog` lists them.")],
    allow: Allow = None,
    api: Api = None,
    offline: Offline = False,
    start: Start = None,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
) -> Answer:
    """Connect a profile to a channel with an account of its own.

    Its values are asked for without echo, or read from standard input: one NAME=VALUE on a line, or the token alone.
    They are checked before anything is written: their form, that no other profile has the account, and at the platform
    itself. Token, allow-list and `enabled: true` are one change, with one undo.
    """
    place = find_place(session, profile, channel, dry_run=dry_run)
    is_terminal = sys.stdin.isatty() and output.is_interactive()
    allowed = tuple(allow.split(",")) if allow is not None else None
    if channel in SCANNED_HERE and is_terminal and not dry_run:
        done = _scanned(session, place, allowed)
    else:
        values = _typed(place) if sys.stdin.isatty() else _piped(place)
        if allowed is None and is_terminal and not place.has_allow_list:
            allowed = _asked_users(place)
        request = ConnectRequest({name: Secret(value) for name, value in values.items()}, allowed, api or "", offline)
        done = connect_account(session, place, request, dry_run=dry_run)
    if start is None:
        start = is_terminal and not dry_run and _agrees(f"install and start the gateway of {profile} now")
    if not start or dry_run:
        return connect_answer(done, None, place)
    output.note(f"starting the gateway of {profile}; waiting up to {timeout:g} s until {channel} is connected")
    return connect_answer(done, start_connected(session, place, timeout=timeout), place)


def _scanned(session: FleetSession, place: ConnectPlace, allowed: tuple[str, ...] | None) -> ConnectResult:
    prompts = LoginPrompts(output.note, output.ask)
    with logged_in_alone(session, place.profile, place.channel.name, place.catalog, allowed or (), prompts) as login:
        request = ConnectRequest({}, allowed, offline=True)
        return bind(session, place._replace(profile=login.member), login.account, request)


def _typed(place: ConnectPlace) -> dict[str, str]:
    """Return the values that a user types; secrets have no echo."""
    name, channel = place.profile, place.channel
    secrets = secret_variables(channel)
    values = {}
    for variable in needed_variables(channel):
        form = FORMS.get(variable)
        source = f" (from {form.source})" if form is not None else ""
        prompt = f"{variable} of {name}{source}: "
        values[variable] = (getpass(prompt) if variable in secrets else output.ask(prompt)).strip()
    return {variable: value for variable, value in values.items() if value}


def _piped(place: ConnectPlace) -> dict[str, str]:
    name, channel = place.profile, place.channel
    needed = needed_variables(channel)
    alone = needed[0] if len(needed) == 1 else None
    hint = (
        f"pipe in NAME=VALUE lines: {', '.join(needed)}; or type them at a terminal: `hermes-profiles connect {name} "
    )
    return piped_values(channel.name, place.catalog, hint=f"{hint}{channel.name}`", alone=alone)


def _asked_users(place: ConnectPlace) -> tuple[str, ...] | None:
    """Return the ids of users that the user of the terminal names, None for none so far."""
    channel = place.channel.name
    if channel not in place.catalog.channels_of(users_variable(channel)):
        return None
    text = output.ask(f"ids of the {channel} users who may talk to {place.profile}, with commas (empty: none so far): ")
    return tuple(text.split(",")) if text.strip() else None


def _agrees(question: str) -> bool:
    return output.ask(f"{question}? [Y/n] ").strip().lower() in ("", "y", "yes")
