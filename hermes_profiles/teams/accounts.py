"""Accounts of members on the team's channel, and the files and settings that they become in a home."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.hermes.access import users_variable
from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID, WEIXIN_BASE_URL, WEIXIN_TOKEN
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret

if TYPE_CHECKING:  # a status names accounts, and writes none
    from hermes_profiles.documents.yaml.value import Value

WEIXIN = "weixin"
_UNFIT = lazy_pattern(r"[/\x00-\x1f\x7f\s]")
_UNFIT_CALLER = lazy_pattern(r"[,\x00-\x1f\x7f]")
# With the suffix `.context-tokens.json` a name stays within the 255 bytes of a file name.
_LONGEST_ID = 200


class Account(NamedTuple):
    """One account on a channel.

    `id`: its id at the remote service (WEIXIN_ACCOUNT_ID); `variables`: variables of `.env` → secret value; `allowed`:
    user ids with access; `user`: id of the user that scanned the code, empty if unknown; `saved_at`: text of the time
    when it was last saved, to find the newer of two; `origin`: file and line it was read from, for messages; `files`:
    its conversation state, path below the home → content (Hermes 0.19.0 keeps `weixin/accounts/<id>.sync.json` and
    `<id>.context-tokens.json`), without which messages are answered twice or lost; `policies`: access settings of the
    channel's `extra` (WeChat's `dm_policy`, `group_policy`); `answered`: variables that it replaces even if it has no
    value for them; `extra`: other settings of the channel's `extra`.
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
    extra: Mapping[str, str] = MappingProxyType({})


def short_id(account_id: str) -> str:
    """Return an abbreviated account id for tables: `b0f5…decb` for `b0f5860fdecb@im.bot`."""
    name = account_id.partition("@")[0] or account_id
    return name if len(name) <= 10 else f"{name[:4]}…{name[-4:]}"


class AccountEntries(NamedTuple):
    """Content of a member's home for an account: variables of `.env`, settings of config.yaml by path, and files."""

    variables: Mapping[str, Secret[str]]
    settings: Mapping[tuple[str, ...], Value]
    files: Mapping[str, Secret[bytes]]


def account_entries(account: Account) -> AccountEntries:
    """Return the content of a member's home for an account.

    The allow-list is written to `.env`: Hermes 0.19.0 reads it from there for each profile, also under a multiplexer
    (gateway/config.py overrides `extra.allow_from` with WEIXIN_ALLOWED_USERS), and without one it uses that of
    the default profile (gateway/authz_mixin.py, `_auth_env`). Raises UsageProblem for an account that cannot work.
    """
    variables = {name: value for name, value in account.variables.items() if value.reveal().strip()}
    block = ("platforms", account.channel)
    from hermes_profiles.documents.yaml.value import scalar

    settings: dict[tuple[str, ...], Value] = {(*block, "enabled"): scalar("bool", "true")}
    settings |= {(*block, "extra", name): scalar("str", text) for name, text in account.extra.items()}
    files = dict(account.files)
    if account.allowed:
        variables |= allowlist_entry(account.channel, account.allowed)
    if account.channel == WEIXIN:
        files |= _weixin_file(account, variables)
        # If unset, a multiplexer would use those of the default profile (gateway/platforms/weixin.py reads os.environ).
        usual = {"dm_policy": "allowlist" if account.allowed else "pairing", "group_policy": "disabled"}
        for name, policy in {**usual, **account.policies}.items():
            settings[(*block, "extra", name)] = scalar("str", policy)
    elif not variables:
        raise _unusable(account, "it has no credentials")
    return AccountEntries(variables, settings, files)


def _weixin_file(account: Account, variables: dict[str, Secret[str]]) -> dict[str, Secret[bytes]]:
    """Return the account file as Hermes 0.19.0 writes it, and complete the variables."""
    token = variables.get(WEIXIN_TOKEN)
    if token is None:
        raise _unusable(account, "it has no token")
    if _UNFIT.search(account.id) or account.id[:1] in ("", ".") or len(os.fsencode(account.id)) > _LONGEST_ID:
        raise _unusable(account, "its id is not valid as a file name")
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
    """Return the allow-list variable and its value. Raises UsageProblem for an empty id or `*`."""
    names = tuple(dict.fromkeys(name.strip() for name in allowed))
    for name in names:
        if not name or name == "*" or _UNFIT_CALLER.search(name):
            raise UsageProblem(
                f"{name!r} is not a user id",
                target="--allow",
                code="bad-allow",
                hint="use user ids, separated by commas",
            )
    return {users_variable(channel): Secret(",".join(names))}


def _unusable(account: Account, why: str) -> UsageProblem:
    where = f" ({account.origin})" if account.origin else ""
    return UsageProblem(
        f"cannot use the {account.channel} account {short_id(account.id)!r}: {why}{where}",
        target=account.origin or account.id,
        code="bad-account",
        hint=f"set it up again on {account.channel}",
    )
