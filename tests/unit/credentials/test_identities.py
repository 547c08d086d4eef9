"""Channels that a profile's files switch on; tests/integration/hermes/test_clone_hermes.py compares with Hermes."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.identities import channels_of, claimed_identities

CATALOG = load_catalog()
TOKEN = {"TELEGRAM_BOT_TOKEN": "1:CANARY-telegram"}


@pytest.mark.parametrize(
    ("environment", "config", "channels"),
    [
        ({}, {}, ()),
        (TOKEN, {}, ("telegram",)),
        ({"TELEGRAM_BOT_TOKEN": ""}, {}, ()),
        ({"TELEGRAM_BOT_TOKEN": "changeme"}, {}, ()),
        (TOKEN, {"platforms": {"telegram": {"enabled": False}}}, ()),
        (TOKEN, {"platforms": {"Telegram": {"enabled": "no"}}}, ()),
        ({"HASS_TOKEN": "CANARY-hass"}, {"platforms": {"homeassistant": {"enabled": False}}}, ("homeassistant",)),
        ({"WHATSAPP_ENABLED": "Yes"}, {}, ("whatsapp",)),
        ({"WHATSAPP_ENABLED": "false"}, {}, ()),
        ({}, {"platforms": {"discord": {"enabled": "on", "token": "x"}}}, ("discord",)),
        ({}, {"gateway": {"platforms": {"discord": {"enabled": True, "token": "x"}}}}, ("discord",)),
        ({}, {"FEISHU_APP_ID": "cli_1", "FEISHU_APP_SECRET": "CANARY-feishu"}, ("feishu",)),
        ({"FEISHU_APP_SECRET": "CANARY-feishu"}, {"FEISHU_APP_ID": "cli_1"}, ("feishu",)),
        ({"GOOGLE_CLOUD_PROJECT": "p"}, {}, ()),
        (TOKEN, {"platforms": None, "gateway": [1], "telegram": "x"}, ("telegram",)),
    ],
)
def test_the_channels_of_a_profile(environment: dict[str, str], config: dict[str, Any], channels: tuple[str, ...]):
    assert channels_of(environment, config, CATALOG) == channels


@pytest.mark.parametrize(
    ("environment", "block", "port"),
    [
        ({}, {}, 8642),
        ({}, {"extra": {"port": 9001}}, 9001),
        ({}, {"port": 9001}, 8642),  # Hermes 0.19.0 ignores it: tests/integration/hermes/test_doctor_hermes.py
        ({}, {"port": 9001, "extra": {"port": "9002"}}, 9002),
        ({"API_SERVER_PORT": "9003"}, {"extra": {"port": 9001}}, 9003),
    ],
)
def test_a_port_is_read_where_hermes_reads_it(environment: dict[str, str], block: dict[str, Any], port: int):
    config = {"platforms": {"api_server": {"enabled": True, **block}}}
    assert [claim.port for claim in claimed_identities(environment, config, CATALOG).ports] == [port]
