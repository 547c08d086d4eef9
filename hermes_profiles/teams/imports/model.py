"""What a reader of accounts comes back with, and what every account must be to be somebody's. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID, WEIXIN_BASE_URL, WEIXIN_TOKEN
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import WEIXIN, Account

# Both OpenClaw's plugin (src/auth/accounts.ts) and Hermes 0.19.0 (gateway/platforms/weixin.py) take this one.
BASE_URL = "https://ilinkai.weixin.qq.com"
ID, TOKEN, URL = WEIXIN_ACCOUNT_ID, WEIXIN_TOKEN, WEIXIN_BASE_URL
# Becomes the name of a file, and a part of a lock's.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,119}")
_SUFFIXES = (("-im-bot", "@im.bot"), ("-im-wechat", "@im.wechat"))
_OWNER = re.compile(r"([A-Za-z0-9._+=-]{1,100}@im\.(?:bot|wechat)):")
_USER = re.compile(r"[!-+\--~]{1,200}")
_LONGEST_TOKEN = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Candidate(NamedTuple):
    """An account that may be brought in.

    `listed`: how its source calls it; `name`: the member's name the source wants, and `is_exact` whether no other
    will do; `label`: how people call it; `is_off`: its source has it switched off, there (`place`).
    """

    account: Account
    listed: str = ""
    name: str = ""
    is_exact: bool = False
    label: str = ""
    is_off: str = ""


class InvalidAccount(NamedTuple):
    """An account that cannot be brought in, and why. `id`: how its source calls it, "" when it does not say."""

    id: str
    problem: Problem


class SkippedAccount(NamedTuple):
    """An account that nobody would want brought in, and why."""

    id: str
    reason: str


class SourceAccounts(NamedTuple):
    """What was found: `bad` ones stop an import unless the user lets them go, `notes` are worth knowing."""

    found: tuple[Candidate, ...] = ()
    bad: tuple[InvalidAccount, ...] = ()
    left_out: tuple[SkippedAccount, ...] = ()
    notes: tuple[Problem, ...] = ()


def normalized_id(account_id: str) -> str:
    """Return an id as OpenClaw writes it into the names of files (its plugin-sdk, `normalizeAccountId`)."""
    text = account_id.strip().lower()
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        return text
    return re.sub(r"[^a-z0-9_-]+", "-", text).strip("-")[:64]


def wechat_id(account_id: str) -> str | None:
    """Return an id as WeChat says it, which is how Hermes keeps it: `b0f5860fdecb@im.bot`, None when it is neither
    that nor what OpenClaw makes of it."""
    for suffix, end in _SUFFIXES:
        if account_id.endswith(end) and len(account_id) > len(end):
            return account_id
        if account_id.endswith(suffix) and len(account_id) > len(suffix):
            return account_id.removesuffix(suffix) + end
    return None


def token_account_id(token: str) -> str | None:
    """Return the account that a token names (`b0f5860fdecb@im.bot:…`), None when it names none."""
    match = _OWNER.match(token)
    return match[1] if match else None


def is_account_id(text: str) -> bool:
    """Return whether an account can have this id: it names a file of Hermes'."""
    return _ID.fullmatch(text) is not None


def printable_text(text: str, most: int = 60) -> str:
    """Return a text of somebody else's fit for a message."""
    text = "".join(each if each.isprintable() else "\ufffd" for each in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def token_problem(token: object) -> str:
    """Return what is wrong with a token, "" when it can be one."""
    if token is None:
        return "it has no token"
    if not isinstance(token, str):
        return "its token is no text"
    if not token.strip():
        return "its token is empty"
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        return "its token has characters that no token has (line breaks, blanks, NULs or other letters)"
    return "its token is longer than any token" if len(token) > _LONGEST_TOKEN else ""


def url_problem(url: str) -> str:
    """Return what is wrong with the address of WeChat's server, "" when a token may be sent there.

    Only to this machine itself may it go unencrypted.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its base URL is no URL"
    if not host or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "its base URL is no URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "its base URL has more in it than a host and a path"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        return "its base URL is no https:// URL: everybody on the way could read the token"
    return ""


def is_user_id(text: str) -> bool:
    """Return whether somebody on WeChat can have this id; `*` is nobody's."""
    return _USER.fullmatch(text) is not None and text != "*"


def weixin_account(
    account_id: str,
    token: str,
    base_url: str,
    *,
    allowed: Iterable[str] = (),
    user: str = "",
    saved_at: str = "",
    origin: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Account:
    """Return the account of checked values. Nobody named to talk to it: whoever scanned its code may, as OpenClaw's
    plugin has it."""
    variables = {
        ID: Secret(account_id),
        TOKEN: Secret(token.strip()),
        URL: Secret((base_url.strip() or BASE_URL).rstrip("/")),
    }
    talkers = tuple(dict.fromkeys(allowed)) or ((user,) if user else ())
    kept = {path: Secret(content) for path, content in (files or {}).items()}
    when = saved_at if parse_time(saved_at) is not None else ""
    return Account(WEIXIN, account_id, variables, talkers, user, when, origin, kept)


def parse_time(text: str) -> datetime | None:
    """Return a time as OpenClaw and Hermes write it, None when it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def sync_file(data: object) -> bytes | None:
    """Return the file with where an account stands in its messages, as Hermes keeps it (OpenClaw's is the same),
    None when it says nothing."""
    place = data.get("get_updates_buf") if isinstance(data, Mapping) else None
    return json.dumps({"get_updates_buf": place}).encode() if isinstance(place, str) and place else None


def context_tokens_file(data: object) -> bytes | None:
    """Return the file with the context tokens of an account's conversations, None when there are none."""
    if not isinstance(data, Mapping):
        return None
    kept = {user: token for user, token in data.items() if user and isinstance(token, str) and token}
    return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace") if kept else None


def text_at(data: Mapping[str, object], *keys: str) -> str:
    """Return the first of these values that is a text with something in it, "" when none is."""
    texts = (value.strip() for key in keys if isinstance(value := data.get(key), str))
    return next((text for text in texts if text), "")
