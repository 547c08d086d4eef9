"""How the doctor speaks of several profiles, bots and processes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_NAMED = 4
# What the remote party of a channel is called where Hermes speaks of a token or an identity in general.
_NOUNS = {
    "email": "inbox",
    "signal": "number",
    "slack": "app token",
    "whatsapp": "linked device",
    "whatsapp_cloud": "number",
    "sms": "number",
    "weixin": "account",
    "feishu": "app",
    "qqbot": "app",
    "dingtalk": "app",
    "teams": "app",
    "wecom": "bot",
    "wecom_callback": "app",
    "yuanbao": "app",
    "ntfy": "topic",
    "irc": "nick",
    "matrix": "account",
    "google_chat": "subscription",
    "bluebubbles": "server",
    "simplex": "client",
    "relay": "id",
    "photon": "project",
}


def names(profiles: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`, or the first few and how many more."""
    shown, left = list(profiles[:_NAMED]), len(profiles) - _NAMED
    if left > 0:
        return f"{', '.join(shown)} and {left} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""


def identity_label(channel: str, noun: str) -> str:
    """Return what the remote party of a channel is called: `telegram token`, `email inbox`."""
    return f"{channel} {_NOUNS.get(channel, noun)}"


def process(pid: int | None, program: str = "") -> str:
    """Return what a process is called that no profile is known for."""
    if pid is None:
        return "a process that this user may not see"
    return f"process {pid} ({program})" if program else f"process {pid}"


def plural(items: Collection[object], one: str, many: str) -> str:
    """Return the word for one or for many."""
    return one if len(items) == 1 else many
