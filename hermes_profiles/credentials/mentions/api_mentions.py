"""Finds credentials in requests to a channel's API: `curl -H 'Authorization: Bearer …' https://slack.com/api/…`. Pure.

No name says which channel such a credential belongs to; the address of its request does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .structured_mentions import StructuredMention
from .variable_mentions import is_strong


class _ChannelApi(NamedTuple):
    """The API of a channel: a part of every one of its addresses, and the addresses."""

    channel: str
    mark: str
    address: re.Pattern[str]


# `/api/v4` is also GitLab's: these are paths that only Mattermost has, and one of both.
_APIS = (
    _ChannelApi("telegram", "api.telegram.org", lazy_pattern(r"api\.telegram\.org\b")),
    _ChannelApi("discord", ".com/api", lazy_pattern(r"discord(?:app)?\.com/api\b")),
    _ChannelApi("slack", "slack.com/api", lazy_pattern(r"slack\.com/api\b")),
    _ChannelApi("whatsapp_cloud", "graph.facebook.com", lazy_pattern(r"graph\.facebook\.com\b")),
    _ChannelApi("weixin", ".weixin.qq.com", lazy_pattern(r"ilink\w*\.weixin\.qq\.com\b")),
    _ChannelApi("wecom", "qyapi.weixin.qq.com", lazy_pattern(r"qyapi\.weixin\.qq\.com\b")),
    _ChannelApi("feishu", "/open-apis", lazy_pattern(r"open\.(?:feishu\.cn|larksuite\.com)/open-apis\b")),
    _ChannelApi("qqbot", ".qq.com", lazy_pattern(r"(?:bots\.qq\.com|api\.sgroup\.qq\.com)\b")),
    _ChannelApi("dingtalk", "api.dingtalk.com", lazy_pattern(r"o?api\.dingtalk\.com\b")),
    _ChannelApi("line", ".line.me", lazy_pattern(r"\bapi(?:-data)?\.line\.me\b")),
    _ChannelApi("matrix", "/_matrix/", lazy_pattern(r"/_matrix/(?:client|media|app|key)\b")),
    _ChannelApi(
        "mattermost",
        "/api/v4/",
        lazy_pattern(r"(?<!gitlab\.com)/api/v4/(?:posts|channels|teams|bots|files|users/me|websocket)\b"),
    ),
    _ChannelApi("ntfy", "ntfy.sh/", lazy_pattern(r"\bntfy\.sh/")),
    _ChannelApi("teams", "botframework.com", lazy_pattern(r"botframework\.com\b")),
    _ChannelApi("google_chat", "chat.googleapis.com", lazy_pattern(r"chat\.googleapis\.com\b")),
)
_BEFORE_MARK, _BEHIND_MARK = 24, 40
_ANY_ADDRESS = lazy_pattern(r"\bhttps?:\\?/\\?/")
_SECRET = lazy_pattern(
    r"(?i)(?:\b(?:bearer|bot|qqbot|authorization)|token|secret|password|passwd)"
    r"(?:[\"'`]?[ \t]*[:=,][ \t]*|[\"'][ \t]*,\s*[\"']value[\"'][ \t]*:[ \t]*|[ \t]+)(?:[bfr]?\\?[\"'`])?"
    r"(?:(?:bearer|bot|token|qqbot|oauth)[ \t]+)?([A-Za-z0-9._~+/=|-]{16,300})"
)
_BLANK_LINE = lazy_pattern(r"\n[ \t]*\r?\n")
_COMMAND_END = lazy_pattern(r"(?<![\\`^])\r?\n")
_LONGEST_BLOCK = 1500
# Keys of models and of tools, which have a form of their own.
_OF_OTHERS = (
    "sk-",
    "gsk_",
    "hf_",
    "AIza",
    "gh",
    "github_pat_",
    "glpat-",
    "xai-",
    "pk-",
    "rk_",
    "nvapi-",
    "pplx-",
    "r8_",
)


def may_hold_address(data: bytes) -> bool:
    """Return False for a text without an address of a channel's API."""
    return any(api.mark.encode() in data for api in _APIS)


def api_mentions(text: str) -> Iterator[StructuredMention]:
    """Yield the credentials in the requests of a text to the API of a channel.

    Each belongs to the address in the same command, or to the nearest one in the same paragraph.
    """
    for api in _APIS:
        mark = text.find(api.mark)
        while mark >= 0:
            address = api.address.search(text, max(mark - _BEFORE_MARK, 0), mark + _BEHIND_MARK)
            if address is not None:
                yield from _beside(text, address.start(), api.channel)
            mark = text.find(api.mark, mark + len(api.mark))


def _beside(text: str, address: int, channel: str) -> Iterator[StructuredMention]:
    start, end = _around(text, address, _BLANK_LINE)
    addresses = [match.start() for match in _ANY_ADDRESS.finditer(text, start, end)]
    own = max((at for at in addresses if at <= address), default=address)
    for secret in _SECRET.finditer(text, start, end):
        value = secret[1].rstrip(".")
        if not is_strong(value) or value.startswith(_OF_OTHERS):
            continue
        first, last = _around(text, secret.start(), _COMMAND_END)
        near = [at for at in {*addresses, own} if first <= at < last] or [*addresses, own]
        if min(near, key=lambda at: abs(at - secret.start())) == own:
            yield StructuredMention(f"{channel} credential", channel, value)


def _around(text: str, position: int, limit: re.Pattern[str]) -> tuple[int, int]:
    """Return the part of a text around a position that no match of the limit divides."""
    first = max(position - _LONGEST_BLOCK, 0)
    start = max((match.end() for match in limit.finditer(text, first, position)), default=first)
    following = limit.search(text, position, position + _LONGEST_BLOCK)
    return start, following.start() if following is not None else min(position + _LONGEST_BLOCK, len(text))
