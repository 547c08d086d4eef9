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
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.connect import connect_answer
from hermes_profiles.hermes.access import users_variable
from hermes_profiles.model.secret import Secret
from hermes_profiles.operations.accounts.connect import (
    CheckedAccount,
    ConnectPlace,
    ConnectRequest,
    ConnectResult,
    StartResult,
    connect_account,
    find_place,
    start_connected,
    store_account,
)
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.teams.login import LoginPrompts, logged_in_alone

from .connect_options import ConnectOptions


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
    options: ConnectOptions,
    dry_run: DryRun = False,
) -> Answer:
    """Connect a profile to a channel with an account of its own.

    Its values are asked for without echo, or read from standard input: one NAME=VALUE on a line, or the token alone.
    They are checked before anything is written: their form, that no other profile has the account, and at the platform
    itself. Token, allow-list and `enabled: true` are one change, with one undo.
    """
    place = find_place(session, profile, channel, dry_run=dry_run)
    if scans(place, dry_run=dry_run):
        done = scanned_account(session, place, options)
    else:
        done = connect_account(session, place, account_request(place, options, dry_run=dry_run), dry_run=dry_run)
    return connect_answer(done, start_stored(session, place, options, dry_run=dry_run), place)


def scans(place: ConnectPlace, *, dry_run: bool) -> bool:
    """Return whether the account comes from a scan at this terminal."""
    return place.channel.name in SCANNED_HERE and _is_terminal() and not dry_run


def account_request(place: ConnectPlace, options: ConnectOptions, *, dry_run: bool) -> ConnectRequest:
    """Return the account that a user types or pipes in, with the users who may talk to it."""
    values = _typed(place) if sys.stdin.isatty() else _piped(place)
    allowed = options.allowed
    if allowed is None and _is_terminal() and not place.has_allow_list and not dry_run:
        allowed = _asked_users(place)
    secrets = {name: Secret(value) for name, value in values.items()}
    return ConnectRequest(secrets, allowed, options.api or "", options.offline)


def start_stored(
    session: FleetSession, place: ConnectPlace, options: ConnectOptions, *, dry_run: bool
) -> StartResult | None:
    """Start the gateway of a profile whose account was stored, where that is wanted; None where it is not."""
    profile, channel = place.profile, place.channel.name
    start = options.start
    if start is None:
        start = _is_terminal() and not dry_run and _agrees(f"install and start the gateway of {profile} now")
    if not start or dry_run:
        return None
    output.note(f"starting the gateway of {profile}; waiting up to {options.timeout:g} s until {channel} is connected")
    return start_connected(session, place, timeout=options.timeout)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and output.is_interactive()


def scanned_account(session: FleetSession, place: ConnectPlace, options: ConnectOptions) -> ConnectResult:
    """Run the scan of a channel at this terminal, and store the account."""
    prompts, allowed = LoginPrompts(output.note, output.ask), options.allowed
    with logged_in_alone(session, place.profile, place.channel.name, place.catalog, allowed or (), prompts) as login:
        request = ConnectRequest({}, allowed, offline=True)
        return store_account(
            session, place._replace(profile=login.member), CheckedAccount(login.account, None), request
        )


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
