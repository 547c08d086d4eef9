"""The account of a member as a person gives it: secrets at a prompt or through standard input, never as words."""

from __future__ import annotations

import re
import sys

from hermes_profiles.accounts.requirements import check_complete, needed_variables, secret_variables
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import iso
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.account_input import piped_values
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.credentials.catalog.catalog import Catalog, Channel
from hermes_profiles.credentials.channels.channel_settings import account_id
from hermes_profiles.hermes.access import users_variable
from hermes_profiles.hermes.environment import WEIXIN_BASE_URL, WEIXIN_TOKEN
from hermes_profiles.model.errors import Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import WEIXIN, Account, short_id
from hermes_profiles.teams.model import Team

_PAIR = lazy_pattern(r"\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=")


class AccountWords(NamedTuple):
    """The account in the arguments of a command; `none`: it is added later."""

    id: str | None = None
    base_url: str | None = None
    user: str | None = None
    allow: str | None = None
    none: bool = False

    @property
    def allowed(self) -> tuple[str, ...]:
        """Return the ids of the users in `--allow`."""
        return tuple(self.allow.split(",")) if self.allow is not None else ()


def typed_account(team: Team, who: str, words: AccountWords, catalog: Catalog) -> Account | None:
    """Return the account that a member gets, None when it gets none now.

    Raises UsageProblem for words that do not fit the team's channel, and when what was typed is not an account.
    """
    _check_words(team, words)
    if words.allow is not None and team.channel not in catalog.channels_of(users_variable(team.channel)):
        raise UsageProblem(
            f"{team.channel} has no allow-list",
            target="--allow",
            code="bad-allow",
            hint=f"leave --allow out; see what {team.channel} knows with `hermes-profiles catalog {team.channel}`",
        )
    if words.none:
        return None
    if team.channel == WEIXIN:
        return _weixin(who, words) if words.id is not None else None
    channel = catalog.channels[team.channel]
    values = (
        _asked(team, channel, who) if sys.stdin.isatty() else piped_values(team.channel, catalog, hint=_how(team, who))
    )
    if not values:
        return None
    check_complete(channel, values)
    name = account_id(channel, lambda variable: values.get(variable, ""))
    variables = {variable: Secret(value) for variable, value in values.items()}
    return Account(team.channel, name, variables, words.allowed)


def _check_words(team: Team, words: AccountWords) -> None:
    of_weixin = {"--account-id": words.id, "--base-url": words.base_url, "--user": words.user}
    given = [option for option, value in of_weixin.items() if value is not None]
    if given and team.channel != WEIXIN:
        raise UsageProblem(
            f"{given[0]} is for weixin; the team {team.name} is on {team.channel}",
            target=given[0],
            hint="leave it out: the variables of the account are asked for, or read from standard input",
        )
    if given and (words.none or words.id is None):
        raise UsageProblem(
            f"{given[0]} and --no-account exclude each other" if words.none else f"{given[0]} without --account-id",
            target=given[0],
            hint="use `--account-id ID`; type the token at the prompt or pipe it in",
        )
    if words.base_url is not None and not re.fullmatch(r"https?://[^\s/]+\S*", words.base_url):
        raise UsageProblem(
            "--base-url is not an address", target="--base-url", hint="it begins with https://, as WeChat gave it"
        )


def _weixin(who: str, words: AccountWords) -> Account:
    name = (words.id or "").strip()
    hint = "in a script pipe it in: `hermes-profiles team add MEMBER --team TEAM --account-id ID < FILE`"
    token = read_value(f"token of the WeChat account {short_id(name)} for {who}", secret=True, hint=hint).strip()
    variables = {WEIXIN_TOKEN: Secret(token)}
    if words.base_url is not None:
        variables[WEIXIN_BASE_URL] = Secret(words.base_url)
    return Account(WEIXIN, name, variables, words.allowed, (words.user or "").strip(), iso(utc_now()))


def _asked(team: Team, channel: Channel, who: str) -> dict[str, str]:
    """Return what a person types; nothing at the first question is not an account."""
    import getpass

    secrets = secret_variables(channel)
    values: dict[str, str] = {}
    for name in needed_variables(channel):
        if name in secrets:
            text = getpass.getpass(f"{name} of {who}: ")
        else:
            text = read_value(f"{name} of {who}", secret=False, hint=_how(team, who)) if values else _first(name, who)
        if not text.strip() and not values:
            return {}
        values[name] = text.strip()
    return values


def _first(name: str, who: str) -> str:
    return output.ask(f"{name} of {who} (nothing for no account yet): ")


def _how(team: Team, who: str) -> str:
    later = f"`hermes-profiles team add {who} --team {team.name} --no-account`"
    return f"pipe in NAME=VALUE lines, or leave the account for later: {later}"


def check_login(team: Team, member: str, words: AccountWords, *, dry_run: bool) -> None:
    """Raise UsageProblem for options that exclude `--login`, Refused without a terminal."""
    given = {"--account-id": words.id, "--base-url": words.base_url, "--user": words.user}
    extra = next((option for option, value in given.items() if value is not None), "--no-account" if words.none else "")
    if extra:
        raise UsageProblem(
            f"--login and {extra} exclude each other",
            target=extra,
            hint=f"the login brings all there is to an account: `hermes-profiles team add {member} --login`",
        )
    if not dry_run and not output.is_interactive():
        raise Refused(
            f"the login of {member} needs a terminal, to scan a code or to answer",
            target=member,
            code="no-terminal",
            hint=f"run `hermes-profiles team add {member} --team {team.name} --login` in one; an account that is there "
            f"already comes in with `hermes-profiles team add {member} --team {team.name} --account-id ID < FILE`",
        )
