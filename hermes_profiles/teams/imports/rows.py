"""Converts one row of a table to an account: names of columns and validation of fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from hermes_profiles.credentials.catalog.catalog import Channel, KeyClass
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import RULE, check_new_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import WEIXIN, Account

from .model import (
    BASE_URL,
    ID,
    TOKEN,
    URL,
    Candidate,
    is_account_id,
    is_user_id,
    token_problem,
    url_problem,
    wechat_id,
    weixin_account,
)

COLUMNS = ("member", "account_id", "token", "base_url", "user_id", "allow", "saved_at", "description")
_CALLED: Mapping[str, tuple[str, ...]] = {
    "member": ("name", "profile"),
    "account_id": ("account", "id", "botid"),
    "token": ("bottoken",),
    "base_url": ("url",),
    "user_id": ("user",),
    "allow": ("allowed", "allowfrom", "allowedusers"),
    "saved_at": (),
    "description": ("note", "label"),
}
_COLUMN_OF = {called: column for column, names in _CALLED.items() for called in (column.replace("_", ""), *names)}
_VARIABLES = {ID: "account_id", TOKEN: "token", URL: "base_url"}


class Row(NamedTuple):
    """One row. `places`: places of fields that differ from `place`; `wrong`: the fault of the whole row, "" if none."""

    place: str
    fields: Mapping[str, object]
    places: Mapping[str, str]
    wrong: str = ""

    def at(self, column: str) -> str:
        """Return the file and line of a field."""
        return self.places.get(column, self.place)


class InvalidRow(Exception):
    """A row is not a valid account; `place`: file and line. The text holds no field's value."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


def column_of(called: str, channel: Channel) -> str | None:
    """Return the column for a heading (`accountId`, `Account ID`, `WEIXIN_TOKEN`), None if unknown."""
    called = called.strip()
    variable = called.upper()
    if variable.endswith("_ALLOWED_USERS") and variable in (f"{each}ALLOWED_USERS" for each in channel.prefixes):
        return "allow"
    if variable in _account_variables(channel):
        return _VARIABLES.get(variable, variable) if channel.name == WEIXIN else variable
    return _COLUMN_OF.get(re.sub(r"[^a-z0-9]", "", called.lower()))


def _account_variables(channel: Channel) -> frozenset[str]:
    """Return the variables that a table can have: identity and credentials of an account, no policies."""
    classes = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
    named = {fact.name for fact in channel.keys if fact.key_class in classes}
    return frozenset(named.union(*channel.enable_sets, *channel.lock_identity))


def _missing(channel: Channel, given: Collection[str]) -> tuple[str, ...]:
    """Return the variables missing for a login, by the login method that lacks the fewest."""
    ways = [frozenset(names) for names in channel.lock_identity] or [frozenset[str]()]
    ways = [way | switch for way in ways for switch in channel.enable_sets or (frozenset[str](),)]
    left = min((sorted(way - frozenset(given)) for way in ways), key=lambda names: (len(names), names))
    return tuple(left)


def candidate_of(row: Row, channel: Channel) -> tuple[Candidate, tuple[Problem, ...]]:
    """Return the account of a row, and warnings. Raises InvalidRow."""
    if row.wrong:
        raise InvalidRow(row.place, row.wrong)
    make = _weixin if channel.name == WEIXIN else _other
    account = make(row, channel)
    notes: tuple[Problem, ...] = ()
    if not account.allowed:
        message = f"{row.place}: no allowed users: Hermes will require pairing"
        notes = (Problem("nobody-allowed", message, row.place, "list them in a column `allow`"),)
    name = _name(row)
    listed = account.id or name or row.place
    return Candidate(account, listed, name, is_exact=bool(name), label=_text(row, "description")), notes


def _name(row: Row) -> str:
    name = _text(row, "member")
    if not name:
        return ""
    try:
        return check_new_name(name)
    except UsageProblem as error:
        reason = "is reserved by Hermes" if error.problem.code == "reserved-name" else f"is not valid: use {RULE}"
        raise InvalidRow(row.at("member"), f"the name of the member {reason}") from None


def _weixin(row: Row, channel: Channel) -> Account:
    given = _text(row, "account_id")
    if not given:
        raise InvalidRow(row.at("account_id"), "it has no account_id")
    if not is_account_id(given):
        raise InvalidRow(row.at("account_id"), "its account_id is not valid (letters, digits, . _ - @, up to 120)")
    bot = wechat_id(given) or (given if "@" in given else "")
    if not bot:
        raise InvalidRow(row.at("account_id"), "its account_id is not a WeChat id, which end in @im.bot")
    token = row.fields.get("token")
    if reason := token_problem(token):
        raise InvalidRow(row.at("token"), reason)
    base_url = _text(row, "base_url") or BASE_URL
    if reason := url_problem(base_url):
        raise InvalidRow(row.at("base_url"), reason)
    user = _text(row, "user_id")
    if user and not is_user_id(user):
        raise InvalidRow(row.at("user_id"), "its user_id is not valid")
    account = weixin_account(
        bot,
        str(token),
        base_url,
        allowed=_allowed(row),
        user=user,
        saved_at=_text(row, "saved_at"),
        origin=row.place,
    )
    return account._replace(variables={**account.variables, **_variables(row, channel)})


def _other(row: Row, channel: Channel) -> Account:
    """Return an account of another channel: its credentials are in columns named as their variables."""
    variables = _variables(row, channel)
    secrets = [fact.name for fact in channel.keys if fact.key_class is KeyClass.IDENTITY_CREDENTIAL]
    if "token" in row.fields and len(secrets) == 1:
        if reason := token_problem(row.fields["token"]):
            raise InvalidRow(row.at("token"), reason)
        variables.setdefault(secrets[0], Secret(str(row.fields["token"]).strip()))
    if missing := _missing(channel, variables):
        raise InvalidRow(row.place, f"it has no {' and no '.join(missing)}")
    if not variables:
        raise InvalidRow(row.place, f"accounts of {channel.name} cannot be imported from a table: set them up by hand")
    return Account(channel.name, "", variables, _allowed(row), origin=row.place)


def _variables(row: Row, channel: Channel) -> dict[str, Secret[str]]:
    found = {}
    for column in row.fields:
        if column in _account_variables(channel) and (value := _text(row, column)):
            if not value.isprintable():
                raise InvalidRow(row.at(column), f"its {column} has line breaks or NULs")
            found[column] = Secret(value)
    return found


def _allowed(row: Row) -> tuple[str, ...]:
    given = row.fields.get("allow")
    if isinstance(given, str):
        texts = re.split(r"[,;\s]+", given.strip())
    elif isinstance(given, list) and all(isinstance(each, str | int) and not isinstance(each, bool) for each in given):
        texts = [str(each).strip() for each in given]
    elif given is None:
        texts = []
    else:
        raise InvalidRow(row.at("allow"), "its allowed users are not a list of ids")
    texts = [text for text in texts if text]
    if "*" in texts:
        raise InvalidRow(row.at("allow"), "`*` would allow everyone: list user ids")
    if not all(is_user_id(text) for text in texts):
        raise InvalidRow(row.at("allow"), "an allowed user has an invalid id")
    return tuple(dict.fromkeys(texts))


def _text(row: Row, column: str) -> str:
    """Return a field's text, "" without one. Raises InvalidRow for other values."""
    value = row.fields.get(column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRow(row.at(column), f"its {column} is not a text")
    return str(value).strip()


def column_of_names(called: str) -> str | None:
    """Return the column of a file of names for a heading: `id` (of the account or its user) or `name`."""
    column = _COLUMN_OF.get(re.sub(r"[^a-z0-9]", "", called.lower()))
    return {"account_id": "id", "user_id": "id", "member": "name"}.get(column or "")
