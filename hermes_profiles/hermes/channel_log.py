"""What the adapters of channels log while they run: a lost link, a link that is given up, a link that is back.

Between two writes of gateway_state.json an adapter recovers by itself: the file says `connected` for as long as ten
tries take, and for ever after a refused token. Texts of Hermes 0.19.0 and 0.22.2, seen on real gateways for telegram;
`source` and `words` of a row are where a test finds it in the installed code.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class LinkEvent(StrEnum):
    """What one record says of a channel's link."""

    LOST = "lost"  # the adapter goes on trying
    ENDED = "ended"  # the adapter has stopped trying
    BACK = "back"


class LinkRecord(NamedTuple):
    """One kind of record: a pattern that its text contains, whose group is the reason.

    `source`: the module of 0.19.0 and 0.22.2 that logs it, "" for a library and for a text that one of them lacks;
    `words`: a part of the text in that module; `lasts`: seconds after which a lost link is back without a newer record;
    `pause`: seconds after which the adapter tries again, where it logs no success; `growth`: the pause is so many times
    the one before, up to `pause`.
    """

    channel: str
    event: LinkEvent
    pattern: str
    source: str
    words: str
    lasts: float = 180.0  # more than the longest pause between two tries of any adapter, and one try
    pause: float | None = None
    growth: float | None = None


# The logger of an adapter: `gateway.platforms.weixin`, `hermes_plugins.telegram_platform.adapter` (0.19.0),
# `hermes_plugins.platforms__telegram.adapter` (0.22) and, for a served profile, with `__home_0b300bd4d2f9` behind the
# channel. Of python-telegram-bot: `telegram.ext.…`.
ADAPTER_LOGGER = (
    r"(?:gateway\.platforms|hermes_plugins|plugins\.platforms)\."
    r"(?:platforms__)?([a-z]\w*?)(?:__home_[0-9a-f]+)?(?:_platform)?"
)
LIBRARY_LOGGERS = {"telegram.ext": "telegram"}

_L, _E, _B = LinkEvent.LOST, LinkEvent.ENDED, LinkEvent.BACK
_TELEGRAM = "plugins/platforms/telegram/adapter.py"
_WEIXIN = "gateway/platforms/weixin.py"
_SIGNAL = "gateway/platforms/signal.py"
_NTFY = "plugins/platforms/ntfy/adapter.py"
_MATRIX = "plugins/platforms/matrix/adapter.py"
_MATTERMOST = "plugins/platforms/mattermost/adapter.py"
_SIMPLEX = "plugins/platforms/simplex/adapter.py"
_EMAIL = "plugins/platforms/email/adapter.py"
_WECOM = "plugins/platforms/wecom/adapter.py"
_DINGTALK = "plugins/platforms/dingtalk/adapter.py"
_DISCORD = "plugins/platforms/discord/adapter.py"
_SLACK = "plugins/platforms/slack/adapter.py"
_QQBOT = "gateway/platforms/qqbot/adapter.py"

LINK_RECORDS = (
    # python-telegram-bot 22 (telegram/ext/_utils/networkloop.py): after a 401 nothing polls again.
    LinkRecord("telegram", _E, r"Network Retry Loop \(Polling Updates\): (Invalid token)", "", ""),
    LinkRecord("telegram", _E, r"non-connectivity error.*?\(not retrying\): (.*)", _TELEGRAM,
               "Polling progress verifier hit a non-connectivity error"),
    LinkRecord("telegram", _L, r"Telegram network error \(attempt .*?Error: ?(.*)", _TELEGRAM,
               "Telegram network error (attempt %d/%d)"),
    LinkRecord("telegram", _L, r"Telegram polling reconnect failed: ?(.*)", _TELEGRAM,
               "Telegram polling reconnect failed: %s"),
    LinkRecord("telegram", _L, r"scheduling reconnect: ?(.*)", _TELEGRAM, "scheduling reconnect: %s"),
    LinkRecord("telegram", _L, r"Telegram polling degraded \(.*?Error: ?(.*)", _TELEGRAM,
               "Telegram polling degraded (%s)"),
    LinkRecord("telegram", _L, r"Telegram polling conflict \(.*?Error: ?(.*)", _TELEGRAM,
               "Telegram polling conflict (%d/%d)"),
    LinkRecord("telegram", _L, r"Telegram polling bootstrap conflict.*?: ?(Conflict.*)", _TELEGRAM,
               "Telegram polling bootstrap conflict"),
    # An answer that is no answer of Telegram, such as the page of a proxy: the library polls again by itself, after
    # 1 s, then 1.5 times the pause before. 0.19.0 prints the name of a function for the word `error`.
    LinkRecord("telegram", _L, r"Telegram polling (?:error|_redact_telegram_error_text\(error\)): ?(.*)", "", "",
               45.0, 30.0, 1.5),
    # JSON that Telegram never sends, such as `"ok": false` with status 200: the library polls again at once.
    LinkRecord("telegram", _L, r"(Something went wrong processing the data received)", "", "", 30.0, 15.0),
    LinkRecord("telegram", _B, r"Telegram polling restarted after", _TELEGRAM, "Telegram polling restarted after"),
    LinkRecord("telegram", _B, r"Connected to Telegram \(", _TELEGRAM, "Connected to Telegram (%s mode)"),
    LinkRecord("weixin", _L, r"poll error \(.*?\): ?(.*)", _WEIXIN, "poll error (%d/%d): %s"),
    LinkRecord("weixin", _L, r"getUpdates failed (ret=.*)", _WEIXIN, "getUpdates failed ret=%s"),
    LinkRecord("weixin", _L, r"(Session expired); pausing", _WEIXIN, "Session expired; pausing for 10 minutes",
               660.0),
    LinkRecord("weixin", _B, r"\] Connected account=", _WEIXIN, "Connected account=%s"),
    LinkRecord("ntfy", _L, r"Stream error: ?(.*)", _NTFY, "Stream error: %s"),
    # It logs no success. A try that fails is logged within the pause and its 15 s to connect: silence after it is one.
    *(LinkRecord("ntfy", _L, rf"Reconnecting in {pause}s\.\.\.", _NTFY, "Reconnecting in %ds...", pause + 20.0,
                 pause)
      for pause in (2, 5, 10, 30, 60)),
    LinkRecord("signal", _L, r"Signal SSE: (?:HTTP )?error: ?(.*) \(reconnecting", _SIGNAL,
               "Signal SSE: HTTP error: %s"),
    LinkRecord("signal", _L, r"Signal: health check (?:error|failed)[ :(]*(.*?)\)?, forcing", _SIGNAL,
               "Signal: health check error: %s"),
    LinkRecord("signal", _B, r"Signal SSE: connected", _SIGNAL, "Signal SSE: connected"),
    LinkRecord("matrix", _E, r"Matrix: permanent auth error from sync: ?(.*) — stopping", "", ""),
    LinkRecord("matrix", _L, r"Matrix: sync error: ?(.*) — retrying", _MATRIX, "Matrix: sync error: %s"),
    LinkRecord("mattermost", _E, r"Mattermost WS (?:auth failed|permanent error)[: ]*(.*) — stopping", "", ""),
    LinkRecord("mattermost", _L, r"Mattermost WS error: ?(.*) — reconnecting", _MATTERMOST, "Mattermost WS error: %s"),
    LinkRecord("mattermost", _B, r"Mattermost: WebSocket connected", _MATTERMOST,
               "Mattermost: WebSocket connected and authenticated"),
    LinkRecord("simplex", _L, r"SimpleX WS: (?:connection closed|unexpected error): ?(.*) \(reconnecting", _SIMPLEX,
               "SimpleX WS: connection closed: %s"),
    LinkRecord("simplex", _B, r"SimpleX WS: connected", _SIMPLEX, "SimpleX WS: connected"),
    LinkRecord("email", _L, r"\[Email\] (?:Poll|IMAP fetch) error: ?(.*)", _EMAIL, "[Email] IMAP fetch error: %s"),
    LinkRecord("wecom", _L, r"(?:WebSocket error|Reconnect failed): ?(.*)", _WECOM, "Reconnect failed: %s"),
    LinkRecord("wecom", _B, r"\] Reconnected", _WECOM, "] Reconnected"),
    LinkRecord("homeassistant", _L, r"(?:WebSocket error|Reconnection failed): ?(.*)", "", ""),
    LinkRecord("homeassistant", _B, r"\] Reconnected", "", ""),
    LinkRecord("dingtalk", _L, r"Stream client error: ?(.*)", _DINGTALK, "Stream client error: %s"),
    LinkRecord("discord", _L, r"Gateway WebSocket (?:remained )?unhealthy \((.*?)[,)]", _DISCORD,
               "Discord Gateway WebSocket unhealthy"),
    LinkRecord("slack", _L, r"\[Slack\] Socket Mode (?:unhealthy|reconnect failed)[: (]*(.*?)\)?(?:; reconnecting)?$",
               _SLACK, "Socket Mode reconnect failed: %s"),
    LinkRecord("slack", _B, r"\[Slack\] Socket Mode connected", _SLACK, "Socket Mode connected"),
    LinkRecord("qqbot", _L, r"(?:WebSocket error|Reconnect failed): ?(.*)", _QQBOT, "Reconnect failed: %s"),
    LinkRecord("qqbot", _E, r"(Max reconnect attempts reached)", _QQBOT, "Max reconnect attempts reached"),
    LinkRecord("qqbot", _B, r"\] Reconnected", _QQBOT, "] Reconnected"),
)  # fmt: skip

# A part of the record after which nothing more is logged of a channel.
LAST_RECORD = b"(Polling Updates): Invalid token"
# A line of the traceback below it. Hermes hides the word before: `*** Found`.
UNKNOWN_TOKEN = r"^telegram\.error\.InvalidToken: .*\bFound$"  # noqa: S105  a pattern
NOT_FOUND = "404 Not Found"
# What a refused token and a second poller of one bot have in their reason.
REFUSED_TOKEN = ("401", NOT_FOUND)
SECOND_POLLER = "Conflict"
# Channels that ask their platform for messages again and again; the others wait for it to send them.
POLLING = frozenset({"telegram", "weixin", "matrix", "email"})
# The words of a library for what a user knows by another name.
REASONS = {
    "Invalid token": "401 Unauthorized",
    "Unauthorized": "401 Unauthorized",
    "Bad Gateway": "502 Bad Gateway",
    "Something went wrong processing the data received": "answers that are not Telegram's",
    "": "no answer",
}
# Telegram answers every poll within seconds, and Hermes asks `getMe` every 90 s (_polling_heartbeat_loop): a gateway
# that received nothing for longer from anywhere is deaf. Other channels: not known.
LONGEST_SILENCE = {"telegram": 120.0}
# A poll is answered within 10 s, and the next one follows at once. A gateway without one rests: the library obeys the
# `retry_after` of a 429 without a record. Seconds after which that is a doubt, and after which it is a fault.
LONGEST_POLL, LONGEST_REST = 15.0, 20.0
# With this variable Telegram calls the gateway: nothing polls, and no connection is open.
CALLED_BY_PLATFORM = {"telegram": "TELEGRAM_WEBHOOK_URL"}
