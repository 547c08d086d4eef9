"""Libraries of channels that each gateway loads when they are installed, used or not.

Hermes 0.19.0, gateway/config.py: `load_gateway_config` calls `platform_registry.all_entries()`, which imports each
adapter, and an adapter imports its library.
"""

from __future__ import annotations

from typing import NamedTuple


class ChannelSdk(NamedTuple):
    """The libraries of one channel: `distributions` by their normalised names; `megabytes`: resident, measured.

    Measured with Python 3.11 as the growth of a process that has aiohttp, httpx, pydantic, openai and requests already:
    lark-oapi 1.6.8, python-telegram-bot 22.6, discord.py 2.7.1, slack-bolt 1.30, dingtalk-stream 0.24 with
    alibabacloud-dingtalk 2.2, mautrix 0.21.
    """

    channel: str
    distributions: tuple[str, ...]
    megabytes: int


CHANNEL_SDKS = (
    ChannelSdk("feishu", ("lark-oapi",), 134),
    ChannelSdk("telegram", ("python-telegram-bot",), 18),
    ChannelSdk("dingtalk", ("dingtalk-stream", "alibabacloud-dingtalk"), 15),
    ChannelSdk("discord", ("discord-py",), 12),
    ChannelSdk("slack", ("slack-bolt", "slack-sdk"), 8),
    ChannelSdk("matrix", ("mautrix",), 5),
)
