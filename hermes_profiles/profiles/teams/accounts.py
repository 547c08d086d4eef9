"""Accounts: what makes a member somebody of its own on the team's channel, as values to be written into its home."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from hermes_profiles.model.secret import Secret

WEIXIN = "weixin"


class Account(NamedTuple):
    """One account on a channel, from whatever it was brought in with.

    `id`: how the remote party calls it (WEIXIN_ACCOUNT_ID); `variables`: variables of `.env` → value, all held as
    secrets; `allowed`: who may talk to it; `user`: who scanned the code, empty when unknown; `saved_at`: text of the
    time it was last saved, to tell the newer of two; `origin`: the file and place it was read from, for messages;
    `files`: what it has noted about its conversations so far, path below the home → content (Hermes 0.19.0 keeps
    `weixin/accounts/<id>.sync.json` and `<id>.context-tokens.json`): without it messages are answered twice or lost.
    """

    channel: str
    id: str
    variables: Mapping[str, Secret[str]]
    allowed: tuple[str, ...] = ()
    user: str = ""
    saved_at: str = ""
    origin: str = ""
    files: Mapping[str, Secret[bytes]] = MappingProxyType({})


def shortened(account_id: str) -> str:
    """Return an account's id short enough for a table, the same for the same id: `b0f5…bot`."""
    return account_id if len(account_id) <= 10 else f"{account_id[:4]}…{account_id[-4:]}"
