"""The settings of one channel of one profile, from the environment and from its blocks of config.yaml. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Channel
from hermes_profiles.credentials.references import expand_references

# The values that Hermes uses when none is set (plugins/platforms/{ntfy,irc}/adapter.py).
DEFAULT_VALUES: Mapping[str, str] = {"NTFY_SERVER_URL": "https://ntfy.sh", "IRC_NICKNAME": "hermes-bot"}
# The name of an account that only a secret identifies.
UNNAMED = "a token"


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value when it is a mapping, else {}."""
    return value if isinstance(value, Mapping) else {}


def below(block: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the mapping at a key, {} when it is missing."""
    return mapping(block.get(name))


def account_id(channel: Channel, value: Callable[[str], str]) -> str:
    """Return the public id of an account from its variables; "" when only secrets identify it.

    A Telegram token begins with the id of the bot.
    """
    if channel.name == "telegram":
        number, colon, _ = value("TELEGRAM_BOT_TOKEN").partition(":")
        return number if colon and number.isdecimal() else ""
    secrets = {key.name for key in channel.keys if key.secret}
    names = (name for names in channel.lock_identity for name in names if name not in secrets)
    return next((text for name in names if (text := value(name))), "")


class ChannelView:
    """Reads the values of one channel of one profile."""

    def __init__(self, channel: Channel, env: Mapping[str, str], blocks: Iterable[Mapping[str, Any]]) -> None:
        self.channel = channel
        self.name = channel.name
        self._env = env
        self.blocks = tuple(blocks)

    def value(self, variable: str) -> str:
        """Return the value of a variable, "" when it is not set: as in Hermes, the environment wins."""
        return self.own(variable) or self.path(self.path_of(variable)) or DEFAULT_VALUES.get(variable, "")

    def path(self, dotted: str) -> str:
        """Return a single value below the channel's blocks, directly or below `extra`; `${NAME}` is expanded."""
        if not dotted:
            return ""
        bare = dotted.removeprefix("extra.")
        for block in self.blocks:
            for place in (block, below(block, "extra")) if bare == dotted else (below(block, "extra"), block):
                text = self.text(place.get(bare))
                if text:
                    return text
        return ""

    def own(self, variable: str) -> str:
        """Return the value of a variable in the environment, "" when it is not set there."""
        return self._env.get(variable, "").strip()

    def in_extra(self, dotted: str) -> str:
        """Return a single value below `extra` alone: Hermes 0.19.0 reads a port nowhere else (gateway/config.py)."""
        bare = dotted.removeprefix("extra.")
        values = (below(block, "extra").get(bare) for block in self.blocks)
        # Hermes makes `int(8643.0)` of it.
        texts = (self.text(int(value) if isinstance(value, float) and isfinite(value) else value) for value in values)
        return next(filter(None, texts), "")

    def text(self, value: object) -> str:
        """Return a value as text, with references to variables expanded."""
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return ""
        # 0.19.0 uses the text itself, which logs in to no account; later releases expand it.
        return expand_references(str(value).strip(), lambda name: self._env.get(name, ""))

    def path_of(self, variable: str) -> str:
        """Return the config path that can replace a variable of the channel, "" without one."""
        fact = next((fact for fact in self.channel.keys if fact.name == variable), None)
        if fact is not None and fact.config:
            return fact.config
        for prefix in self.channel.prefixes:
            if variable.startswith(prefix):
                return "extra." + variable.removeprefix(prefix).lower()
        return ""
