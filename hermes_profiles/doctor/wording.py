"""Text helpers for messages: lists of names, labels and shell commands. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sized
from pathlib import Path

from hermes_profiles.model.text import first_names

from .facts.profile import ProfileFacts

# Names listed in full before the rest is counted.
_NAMED = 3
# Channels whose remote party has a more specific noun than "token" or "identity".
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


def join_names(names: Iterable[str], most: int = _NAMED) -> str:
    """Return `a`, `a and b` or `a, b and c`. Above `most` + 1 distinct names, the rest is a count."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) > most + 1:
        return first_names(distinct, most)
    return " and ".join(filter(None, [", ".join(distinct[:-1]), distinct[-1]])) if distinct else ""


def profile_label(profile: ProfileFacts) -> str:
    """Return the name of a profile in a message, marked when the profile is disabled."""
    return f"{profile.name} (disabled)" if profile.disabled else profile.name


def identity_label(channel: str, noun: str) -> str:
    """Return the label of a channel's remote party: `telegram token`, `email inbox`."""
    return f"{channel} {_NOUNS.get(channel, noun)}"


def process_label(pid: int | None, program: str = "") -> str:
    """Return the label of a process that belongs to no known profile."""
    if pid is None:
        return "a process that this user cannot see"
    return f"process {pid} ({program})" if program else f"process {pid}"


def plural(items: Sized, singular: str, several: str) -> str:
    """Return the singular form for one item, else the other form."""
    return singular if len(items) == 1 else several


def shell_command(command: str, arguments: Iterable[Path | str]) -> str:
    """Return a command line with quoted arguments."""
    return " ".join([command, *(shlex.quote(str(argument)) for argument in arguments)])
