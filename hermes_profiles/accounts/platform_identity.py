"""Queries a platform for the name of an account, by one call that changes nothing.

The calls: getMe of Telegram's Bot API, `users/@me` of Discord, `auth.test` of Slack, `account/whoami` of Matrix,
`users/me` of Mattermost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hermes_profiles.model.errors import Failed, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple

_SECONDS = 10.0
_LARGEST = 1024 * 1024
_REFUSED = frozenset({401, 403, 404})


class PlatformIdentity(NamedTuple):
    """The account as its platform names it: `id` never changes, `name` is what users see (`@kid_bot`)."""

    id: str
    name: str


class _Call(NamedTuple):
    """One call: its address, its headers, whether it is a POST."""

    address: str
    headers: Mapping[str, str] = {}
    posts: bool = False


class _Platform(NamedTuple):
    """How one platform is asked. `call`: from (values, address of the API); `read`: None where it was refused."""

    api: str
    call: Callable[[Mapping[str, str], str], _Call]
    read: Callable[[Mapping[str, Any]], PlatformIdentity | None]


def _telegram(values: Mapping[str, str], api: str) -> _Call:
    return _Call(f"{api}{values['TELEGRAM_BOT_TOKEN']}/getMe")


def _read_telegram(answer: Mapping[str, Any]) -> PlatformIdentity | None:
    bot = answer.get("result")
    if not answer.get("ok") or not isinstance(bot, dict):
        return None
    return PlatformIdentity(str(bot.get("id", "")), f"@{bot.get('username', '')}".rstrip("@"))


def _discord(values: Mapping[str, str], api: str) -> _Call:
    return _Call(f"{api.rstrip('/')}/users/@me", {"Authorization": f"Bot {values['DISCORD_BOT_TOKEN']}"})


def _slack(values: Mapping[str, str], api: str) -> _Call:
    return _Call(f"{api.rstrip('/')}/auth.test", {"Authorization": f"Bearer {values['SLACK_BOT_TOKEN']}"}, posts=True)


def _read_slack(answer: Mapping[str, Any]) -> PlatformIdentity | None:
    if not answer.get("ok"):
        return None
    name, team = str(answer.get("user", "")), str(answer.get("team", ""))
    return PlatformIdentity(
        str(answer.get("bot_id") or answer.get("user_id", "")), f"{name} of {team}" if team else name
    )


def _matrix(values: Mapping[str, str], api: str) -> _Call:
    place = (values.get("MATRIX_HOMESERVER") or api).rstrip("/")
    return _Call(
        f"{place}/_matrix/client/v3/account/whoami", {"Authorization": f"Bearer {values['MATRIX_ACCESS_TOKEN']}"}
    )


def _mattermost(values: Mapping[str, str], api: str) -> _Call:
    place = (values.get("MATTERMOST_URL") or api).rstrip("/")
    return _Call(f"{place}/api/v4/users/me", {"Authorization": f"Bearer {values['MATTERMOST_TOKEN']}"})


def _read_user(answer: Mapping[str, Any]) -> PlatformIdentity | None:
    name = str(answer.get("user_id") or answer.get("username") or "")
    found = str(answer.get("id") or answer.get("user_id") or "")
    return PlatformIdentity(found, name) if found or name else None


_TELEGRAM_END = "/bot"  # python-telegram-bot joins the address, the token and the method
_PLATFORMS: Mapping[str, tuple[tuple[str, ...], _Platform]] = {
    "telegram": (("TELEGRAM_BOT_TOKEN",), _Platform("https://api.telegram.org/bot", _telegram, _read_telegram)),
    "discord": (("DISCORD_BOT_TOKEN",), _Platform("https://discord.com/api/v10", _discord, _read_user)),
    "slack": (("SLACK_BOT_TOKEN",), _Platform("https://slack.com/api", _slack, _read_slack)),
    "matrix": (("MATRIX_ACCESS_TOKEN", "MATRIX_HOMESERVER"), _Platform("", _matrix, _read_user)),
    "mattermost": (("MATTERMOST_TOKEN", "MATTERMOST_URL"), _Platform("", _mattermost, _read_user)),
}


def can_identify(channel: str, values: Mapping[str, str]) -> bool:
    """Return whether the platform of a channel can be asked with these values."""
    found = _PLATFORMS.get(channel)
    return found is not None and all(values.get(name) for name in found[0])


def identify(channel: str, values: Mapping[str, str], *, api: str = "") -> PlatformIdentity:
    """Return the account of these values, as its platform names it.

    `api`: address of the platform's API, "" for the public one.

    Raises UsageProblem for an address that cannot be one, and (code `token-refused`) where the platform refuses the
    values, Failed (code `not-reached`) where
    it does not answer. No message contains a value.
    """
    _, platform = _PLATFORMS[channel]
    if api:
        _check_address(channel, api)
    status, answer = _ask(channel, platform.call(values, api or platform.api))
    found = platform.read(answer) if status == 200 else None
    if found is not None:
        return found
    if status == 200 or status in _REFUSED:
        raise UsageProblem(
            f"{channel} refuses the token" + (f" (HTTP {status})" if status != 200 else ""),
            target=channel,
            code="token-refused",
            hint=f"make a new token, or check the variables: `hermes-profiles catalog {channel}`",
        )
    raise _unreached(channel, f"HTTP {status}")


def _check_address(channel: str, api: str) -> None:
    from urllib.parse import urlsplit

    end = _TELEGRAM_END if channel == "telegram" else ""
    try:
        parts = urlsplit(api)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or not api.endswith(end):
        raise UsageProblem(
            f"the address of the API of {channel} is not valid" + (f": it ends with {end}" if is_valid else ""),
            target=channel,
            hint=f"use `--api http://HOST:PORT{end}`, or leave the option out for the public address",
        )


def _ask(channel: str, call: _Call) -> tuple[int, Mapping[str, Any]]:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirect(HTTPRedirectHandler):
        """Follows no redirect: the token would go to another host."""

        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    if not call.address.startswith(("http://", "https://")):
        raise _unreached(channel, "the address of its API is not valid")
    request = Request(call.address, data=b"" if call.posts else None, headers=dict(call.headers))  # noqa: S310  checked
    try:
        with build_opener(NoRedirect).open(request, timeout=_SECONDS) as response:
            status, content = response.status, response.read(_LARGEST)
    except HTTPError as error:
        status, content = error.code, b""
    except (OSError, HTTPException, ValueError) as error:
        # The text of the error can contain the address, and Telegram's has the token in it.
        raise _unreached(channel, type(error).__name__) from None
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = {}
    return status, answer if isinstance(answer, dict) else {}


def _unreached(channel: str, why: str) -> Failed:
    return Failed(
        f"{channel} could not be asked which account the token belongs to: {why}",
        target=channel,
        code="not-reached",
        hint="try again, or use `--offline` to store it unchecked",
    )
