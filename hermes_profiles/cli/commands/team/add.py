"""team add: a new member, a profile that joins, or an account for a member that has none or another."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.commands.profile.connect_options import Offline
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.team import login_preview, member_answer
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.teams.add_member import MemberRequest, add_member, find_place
from hermes_profiles.operations.teams.login import LoginPrompts, logged_in

from .account_options import AccountWords, check_login, typed_account

TeamOption = Annotated[
    str | None, typer.Option("--team", metavar="TEAM", help="The team; may be left out when there is one.")
]
AccountId = Annotated[
    str | None,
    typer.Option(
        "--account-id",
        metavar="ID",
        help="Id of its WeChat account; the token is asked for, or read from standard input.",
    ),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Address that WeChat gave with the token.")
]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Id of the WeChat user who scanned the code.")]
Allow = Annotated[
    str | None,
    typer.Option("--allow", metavar="IDS", help="Ids of the users who may talk to it, separated by commas."),
]
Login = Annotated[
    bool,
    typer.Option("--login", help="Run Hermes' own set-up of the channel at this terminal, such as the scan of a code."),
]
NoAccount = Annotated[bool, typer.Option("--no-account", help="Ask for no account; it comes later.")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What the new member is for.")]


@command(
    "team",
    "add",
    examples=(
        "hermes-profiles team add carl --team weixin",
        "hermes-profiles team add carl --team weixin --account-id b0f5860fdecb@im.bot < token.txt",
        "hermes-profiles team add anna --team weixin --login --dry-run",
        "hermes-profiles team add anna --team weixin --allow wxid_mum,wxid_dad --dry-run",
    ),
)
def add(
    session: Session,
    member: Annotated[str, typer.Argument(help="A new profile, one that joins, or a member that gets an account.")],
    team: TeamOption = None,
    account_id: AccountId = None,
    base_url: BaseUrl = None,
    user: User = None,
    allow: Allow = None,
    login: Login = False,
    no_account: NoAccount = False,
    offline: Offline = False,
    description: Description = None,
    dry_run: DryRun = False,
) -> Answer:
    """Add a member to a team, or give one its account. It is checked as by `connect`: its form, that no other profile
    has it, and at the platform itself.

    An existing profile joins: shared files replace its own files, which are moved to the trash.

    The secrets of an account are never arguments: WeChat's token, or the variables of another channel, are asked
    for, or read from standard input (one NAME=VALUE on a line).
    """
    place = find_place(session, team, member, dry_run=dry_run)
    options = AccountWords(account_id, base_url, user, allow, no_account)
    allowed = options.allowed if allow is not None else None
    if not login:
        account = typed_account(place.team, place.member, options, place.catalog)
        request = MemberRequest(account, allowed, description, offline)
        return member_answer(add_member(session, place, request, dry_run=dry_run), session.home_option)
    check_login(place.team, place.member, options, dry_run=dry_run)
    if dry_run:
        return login_preview(session, place)
    with logged_in(session, place, allowed or (), LoginPrompts(output.note, output.ask)) as done:
        place = place._replace(member=done.member, warnings=(*place.warnings, *done.warnings))
        return member_answer(
            add_member(session, place, MemberRequest(done.account, None, description, offline=True)),
            session.home_option,
        )
