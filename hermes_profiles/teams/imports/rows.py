"""One row of a table as an account: what its columns may be called, and what each must hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Channel, KeyClass
from hermes_profiles.model.errors import Problem, UsageProblem
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
    """One row. `places`: where its fields stand, if not at `place`; `wrong`: what is wrong with it as a whole."""

    place: str
    fields: Mapping[str, object]
    places: Mapping[str, str]
    wrong: str = ""

    def at(self, column: str) -> str:
        """Return the file and line of a field."""
        return self.places.get(column, self.place)


class InvalidRow(Exception):
    """Why a row is no account, and where that stands. No field's text is in it."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


def column_of(called: str, channel: Channel) -> str | None:
    """Return which column somebody means (`accountId`, `Account ID`, `WEIXIN_TOKEN`), None when it is not known."""
    called = called.strip()
    variable = called.upper()
    if variable.endswith("_ALLOWED_USERS") and variable in (f"{each}ALLOWED_USERS" for each in channel.prefixes):
        return "allow"
    if variable in _account_variables(channel):
        return _VARIABLES.get(variable, variable) if channel.name == WEIXIN else variable
    return _COLUMN_OF.get(re.sub(r"[^a-z0-9]", "", called.lower()))


def _account_variables(channel: Channel) -> frozenset[str]:
    """Return the variables that a table may bring along: what names an account and logs it in, no policies."""
    classes = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
    named = {fact.name for fact in channel.keys if fact.key_class in classes}
    return frozenset(named.union(*channel.enable_sets, *channel.lock_identity))


def _missing(channel: Channel, given: Collection[str]) -> tuple[str, ...]:
    """Return what is missing for a login: of the ways there are, the one that needs least."""
    ways = [frozenset(names) for names in channel.lock_identity] or [frozenset[str]()]
    ways = [way | switch for way in ways for switch in channel.enable_sets or (frozenset[str](),)]
    left = min((sorted(way - frozenset(given)) for way in ways), key=lambda names: (len(names), names))
    return tuple(left)


def candidate_of(row: Row, channel: Channel) -> tuple[Candidate, tuple[Problem, ...]]:
    """Return the account of a row, and what is worth knowing about it. Raises WrongRow."""
    if row.wrong:
        raise InvalidRow(row.place, row.wrong)
    make = _weixin if channel.name == WEIXIN else _other
    account = make(row, channel)
    notes: tuple[Problem, ...] = ()
    if not account.allowed:
        message = f"{row.place}: nobody is named who may talk to it: Hermes will ask for pairing"
        notes = (Problem("nobody-allowed", message, row.place, "name them in a column `allow`"),)
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
        reason = (
            "is reserved by Hermes" if error.problem.code == "reserved-name" else f"is no name for one: it is {RULE}"
        )
        raise InvalidRow(row.at("member"), f"what it calls the member {reason}") from None


def _weixin(row: Row, channel: Channel) -> Account:
    given = _text(row, "account_id")
    if not given:
        raise InvalidRow(row.at("account_id"), "it has no account_id")
    if not is_account_id(given):
        raise InvalidRow(row.at("account_id"), "its account_id cannot be one (letters, digits, . _ - @, up to 120)")
    bot = wechat_id(given) or (given if "@" in given else "")
    if not bot:
        raise InvalidRow(row.at("account_id"), "its account_id is none: WeChat's end in @im.bot")
    token = row.fields.get("token")
    if reason := token_problem(token):
        raise InvalidRow(row.at("token"), reason)
    base_url = _text(row, "base_url") or BASE_URL
    if reason := url_problem(base_url):
        raise InvalidRow(row.at("base_url"), reason)
    user = _text(row, "user_id")
    if user and not is_user_id(user):
        raise InvalidRow(row.at("user_id"), "its user_id cannot be one")
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
    """Return an account of another channel: the variables that log it in stand in columns of their names."""
    variables = _variables(row, channel)
    secrets = [fact.name for fact in channel.keys if fact.key_class is KeyClass.IDENTITY_CREDENTIAL]
    if "token" in row.fields and len(secrets) == 1:
        if reason := token_problem(row.fields["token"]):
            raise InvalidRow(row.at("token"), reason)
        variables.setdefault(secrets[0], Secret(str(row.fields["token"]).strip()))
    if missing := _missing(channel, variables):
        raise InvalidRow(row.place, f"it has no {' and no '.join(missing)}")
    if not variables:
        raise InvalidRow(row.place, f"no account of {channel.name} can stand in a table: set it up by hand")
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
        raise InvalidRow(row.at("allow"), "who may talk is no list of ids")
    texts = [text for text in texts if text]
    if "*" in texts:
        raise InvalidRow(row.at("allow"), "`*` would let everybody in: name them")
    if not all(is_user_id(text) for text in texts):
        raise InvalidRow(row.at("allow"), "somebody who may talk has no id that could be one")
    return tuple(dict.fromkeys(texts))


def _text(row: Row, column: str) -> str:
    """Return a field's text, "" when it is not there. Raises WrongRow for what is no text."""
    value = row.fields.get(column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRow(row.at(column), f"its {column} is no text")
    return str(value).strip()


def column_of_names(called: str) -> str | None:
    """Return which column of a file of names somebody means: `id` (of the account or its user) or `name`."""
    column = _COLUMN_OF.get(re.sub(r"[^a-z0-9]", "", called.lower()))
    return {"account_id": "id", "user_id": "id", "member": "name"}.get(column or "")
