"""Accounts that a source contains, and the validation of their values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID, WEIXIN_BASE_URL, WEIXIN_TOKEN
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import WEIXIN, Account

# Both OpenClaw's plugin (src/auth/accounts.ts) and Hermes 0.19.0 (gateway/platforms/weixin.py) take this one.
BASE_URL = "https://ilinkai.weixin.qq.com"
ID, TOKEN, URL = WEIXIN_ACCOUNT_ID, WEIXIN_TOKEN, WEIXIN_BASE_URL
# An id is used as a file name, and in the name of a lock.
_ID = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,119}")
_SUFFIXES = (("-im-bot", "@im.bot"), ("-im-wechat", "@im.wechat"))
_OWNER = lazy_pattern(r"([A-Za-z0-9._+=-]{1,100}@im\.(?:bot|wechat)):")
_USER = lazy_pattern(r"[!-+\--~]{1,200}")
_LONGEST_TOKEN = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Candidate(NamedTuple):
    """An account that can be imported.

    `listed`: its id in the source; `name`: the wanted name of the member, and `is_exact` whether no other name is
    allowed; `label`: its display name; `is_off`: the place where its source disables it, "" if enabled.
    """

    account: Account
    listed: str = ""
    name: str = ""
    is_exact: bool = False
    label: str = ""
    is_off: str = ""


class InvalidAccount(NamedTuple):
    """An account that cannot be imported, and the reason. `id`: its id in the source, "" if unknown."""

    id: str
    problem: Problem


class SkippedAccount(NamedTuple):
    """An account that is not imported, and the reason."""

    id: str
    reason: str


class SourceAccounts(NamedTuple):
    """Accounts of a source. `bad` ones stop an import without `--skip-bad`; `notes` are warnings."""

    found: tuple[Candidate, ...] = ()
    bad: tuple[InvalidAccount, ...] = ()
    left_out: tuple[SkippedAccount, ...] = ()
    notes: tuple[Problem, ...] = ()


def normalized_id(account_id: str) -> str:
    """Return an id in the form of OpenClaw's file names (its plugin-sdk, `normalizeAccountId`)."""
    text = account_id.strip().lower()
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        return text
    return re.sub(r"[^a-z0-9_-]+", "-", text).strip("-")[:64]


def wechat_id(account_id: str) -> str | None:
    """Return an id in WeChat's form, which Hermes uses: `b0f5860fdecb@im.bot`; None for other texts.

    Accepts WeChat's form and OpenClaw's (`b0f5860fdecb-im-bot`).
    """
    for suffix, end in _SUFFIXES:
        if account_id.endswith(end) and len(account_id) > len(end):
            return account_id
        if account_id.endswith(suffix) and len(account_id) > len(suffix):
            return account_id.removesuffix(suffix) + end
    return None


def token_account_id(token: str) -> str | None:
    """Return the account id in a token (`b0f5860fdecb@im.bot:…`), None without one."""
    match = _OWNER.match(token)
    return match[1] if match else None


def is_account_id(text: str) -> bool:
    """Return whether a text is a valid account id, which Hermes uses as a file name."""
    return _ID.fullmatch(text) is not None


def printable_text(text: str, most: int = 60) -> str:
    """Return a foreign text in a printable form for messages."""
    text = "".join(each if each.isprintable() else "\ufffd" for each in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def token_problem(token: object) -> str:
    """Return the fault of a token, "" for a valid one."""
    if token is None:
        return "it has no token"
    if not isinstance(token, str):
        return "its token is not a text"
    if not token.strip():
        return "its token is empty"
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        return "its token has invalid characters (line breaks, spaces, NULs or non-ASCII letters)"
    return "its token is too long" if len(token) > _LONGEST_TOKEN else ""


def url_problem(url: str) -> str:
    """Return the fault of the URL of WeChat's server, "" for a valid one.

    Unencrypted connections are allowed to this machine only.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its base URL is not a valid URL"
    if not host or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "its base URL is not a valid URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "its base URL has more parts than a host and a path"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        return "its base URL is not https://: others could read the token on the network"
    return ""


def is_user_id(text: str) -> bool:
    """Return whether a text is a valid WeChat user id; `*` is not."""
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
    """Return the account of validated values.

    Without `allowed` users, the user that scanned the code is allowed, as in OpenClaw's plugin.
    """
    variables = {
        ID: Secret(account_id),
        TOKEN: Secret(token.strip()),
        URL: Secret((base_url.strip() or BASE_URL).rstrip("/")),
    }
    users = tuple(dict.fromkeys(allowed)) or ((user,) if user else ())
    kept = {path: Secret(content) for path, content in (files or {}).items()}
    when = saved_at if parse_time(saved_at) is not None else ""
    return Account(WEIXIN, account_id, variables, users, user, when, origin, kept)


def parse_time(text: str) -> datetime | None:
    """Return the time in a text of OpenClaw or Hermes, None for other texts."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def sync_file(data: object) -> bytes | None:
    """Return the content of an account's sync file, None without a position.

    Hermes and OpenClaw use the same format; it holds the position in the message stream.
    """
    place = data.get("get_updates_buf") if isinstance(data, Mapping) else None
    return json.dumps({"get_updates_buf": place}).encode() if isinstance(place, str) and place else None


def context_tokens_file(data: object) -> bytes | None:
    """Return the content of the file with an account's context tokens, None without any."""
    if not isinstance(data, Mapping):
        return None
    kept = {user: token for user, token in data.items() if user and isinstance(token, str) and token}
    return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace") if kept else None


def text_at(data: Mapping[str, object], *keys: str) -> str:
    """Return the first of these values that is a non-blank text, "" without one."""
    texts = (value.strip() for key in keys if isinstance(value := data.get(key), str))
    return next((text for text in texts if text), "")
