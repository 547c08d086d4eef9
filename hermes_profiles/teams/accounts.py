"""Accounts: what makes a member somebody of its own on the team's channel, as values to be written into its home."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.hermes.access import users_variable
from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID, WEIXIN_BASE_URL, WEIXIN_TOKEN
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.secret import Secret

if TYPE_CHECKING:  # a status names accounts, and writes none
    from hermes_profiles.documents.yaml.value import Value

WEIXIN = "weixin"
_UNFIT = re.compile(r"[/\x00-\x1f\x7f\s]")
_UNFIT_CALLER = re.compile(r"[,\x00-\x1f\x7f]")
# With `.context-tokens.json` behind it a name stays under the 255 bytes of a file's name.
_LONGEST_ID = 200


class Account(NamedTuple):
    """One account on a channel, from whatever it was brought in with.

    `id`: how the remote party calls it (WEIXIN_ACCOUNT_ID); `variables`: variables of `.env` → value, all held as
    secrets; `allowed`: who may talk to it; `user`: who scanned the code, empty when unknown; `saved_at`: text of the
    time it was last saved, to tell the newer of two; `origin`: the file and place it was read from, for messages;
    `files`: what it has noted about its conversations so far, path below the home → content (Hermes 0.19.0 keeps
    `weixin/accounts/<id>.sync.json` and `<id>.context-tokens.json`): without it messages are answered twice or lost;
    `policies`: settings of the channel's `extra` that say who gets in (WeChat's `dm_policy`, `group_policy`);
    `answered`: variables that it decides also where it has none of them, so that a former one goes.
    """

    channel: str
    id: str
    variables: Mapping[str, Secret[str]]
    allowed: tuple[str, ...] = ()
    user: str = ""
    saved_at: str = ""
    origin: str = ""
    files: Mapping[str, Secret[bytes]] = MappingProxyType({})
    policies: Mapping[str, str] = MappingProxyType({})
    answered: tuple[str, ...] = ()


def short_id(account_id: str) -> str:
    """Return an account's id short enough for a table, the same for the same id: `b0f5…decb` of
    `b0f5860fdecb@im.bot`."""
    name = account_id.partition("@")[0] or account_id
    return name if len(name) <= 10 else f"{name[:4]}…{name[-4:]}"


class AccountEntries(NamedTuple):
    """What an account becomes in a member's home: variables of `.env`, settings of config.yaml by path, and files."""

    variables: Mapping[str, Secret[str]]
    settings: Mapping[tuple[str, ...], Value]
    files: Mapping[str, Secret[bytes]]


def account_entries(account: Account) -> AccountEntries:
    """Return what an account becomes in a member's home.

    The list of who may talk stands in `.env`: Hermes 0.19.0 reads it from there for each profile, under multiplex too
    (gateway/config.py lays WEIXIN_ALLOWED_USERS over `extra.allow_from`), and without one of its own it takes that of
    the default profile (gateway/authz_mixin.py, `_auth_env`). Raises UsageProblem for an account that cannot work.
    """
    variables = {name: value for name, value in account.variables.items() if value.reveal().strip()}
    block = ("platforms", account.channel)
    from hermes_profiles.documents.yaml.value import scalar

    settings: dict[tuple[str, ...], Value] = {(*block, "enabled"): scalar("bool", "true")}
    files = dict(account.files)
    if account.allowed:
        variables |= allowlist_entry(account.channel, account.allowed)
    if account.channel == WEIXIN:
        files |= _weixin_file(account, variables)
        # Unset, both would be the default profile's under multiplex (gateway/platforms/weixin.py reads os.environ).
        usual = {"dm_policy": "allowlist" if account.allowed else "pairing", "group_policy": "disabled"}
        for name, policy in {**usual, **account.policies}.items():
            settings[(*block, "extra", name)] = scalar("str", policy)
    elif not variables:
        raise _unusable(account, "there is nothing to log in with")
    return AccountEntries(variables, settings, files)


def _weixin_file(account: Account, variables: dict[str, Secret[str]]) -> dict[str, Secret[bytes]]:
    """Return the account's own file as Hermes 0.19.0 writes it, and complete the variables."""
    token = variables.get(WEIXIN_TOKEN)
    if token is None:
        raise _unusable(account, "it has no token")
    if _UNFIT.search(account.id) or account.id[:1] in ("", ".") or len(os.fsencode(account.id)) > _LONGEST_ID:
        raise _unusable(account, "its id cannot be the name of a file")
    variables[WEIXIN_ACCOUNT_ID] = Secret(account.id)
    address = variables.get(WEIXIN_BASE_URL)
    fields = {
        "token": token.reveal().strip(),
        "base_url": address.reveal().strip() if address is not None else "",
        "user_id": account.user,
        "saved_at": account.saved_at,
    }
    content = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    return {f"weixin/accounts/{account.id}.json": Secret(content.encode("utf-8", "surrogatepass"))}


def allowlist_entry(channel: str, allowed: Iterable[str]) -> dict[str, Secret[str]]:
    """Return the variable that lists who may talk. Raises UsageProblem for what would let in everybody, or nobody."""
    names = tuple(dict.fromkeys(name.strip() for name in allowed))
    for name in names:
        if not name or name == "*" or _UNFIT_CALLER.search(name):
            raise UsageProblem(
                f"{name!r} names nobody who may talk",
                target="--allow",
                code="bad-allow",
                hint="say the ids of people, with commas between them",
            )
    return {users_variable(channel): Secret(",".join(names))}


def _unusable(account: Account, why: str) -> UsageProblem:
    where = f" ({account.origin})" if account.origin else ""
    return UsageProblem(
        f"the {account.channel} account {short_id(account.id)!r} cannot be used: {why}{where}",
        target=account.origin or account.id,
        code="bad-account",
        hint=f"set it up again on {account.channel}",
    )
