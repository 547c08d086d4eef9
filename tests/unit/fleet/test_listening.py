"""Remarks on gateways that people cannot reach: which there are, and the command of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.identities import OffChannel
from hermes_profiles.fleet.listening import ChannelReach, Remark, is_wanted, listening_remarks, reach_of
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayFacts, GatewayState
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.services.manager import Activity, ServiceStatus

CATALOG = load_catalog()
TOKEN = "7100000001:CANARYtelegramCANARYtelegramCANARY1"
PATH = ("platforms", "telegram", "enabled")
MASK = Mask("telegram", MaskCause.TOKEN, ChannelOwner("default"))


def remarks(*active: str, shared: tuple[str, ...] = (), **reach: object) -> list[Remark]:
    return listening_remarks("kid", ChannelReach(active, **reach), CATALOG, shared=shared)  # type: ignore[arg-type]


def test_gateway_with_a_channel_has_no_remark() -> None:
    assert remarks("telegram") == []
    assert remarks("api_server") == [], "a program can reach it"


def test_gateway_without_a_channel_names_the_one_of_its_configuration() -> None:
    (remark,) = remarks()
    assert (remark.code, remark.command) == ("no-channel", "hermes-profiles connect kid telegram")
    (remark,) = remarks(off=[OffChannel("slack", ("slack", "enabled"), is_set_up=False)])
    assert remark.command == "hermes-profiles connect kid slack"
    (remark,) = remarks(off=[OffChannel("whatsapp", ("whatsapp", "enabled"), is_set_up=False)])
    assert remark.command == "hermes-profiles connect kid telegram", "connect cannot set up whatsapp"


def test_channel_that_is_off_is_switched_on_or_gets_another_account() -> None:
    off = [OffChannel("telegram", PATH, is_set_up=True)]
    first, second = remarks(off=off)
    assert (first.code, first.command, second.code) == ("no-channel", "", "channel-off")
    assert second.command == "hermes-profiles config set kid platforms.telegram.enabled true"
    (alone,) = remarks("slack", off=off, shared=("telegram",))
    assert alone.command == "hermes-profiles connect kid telegram" and "another profile" in alone.message
    assert remarks("slack", off=[off[0]._replace(is_set_up=False)]) == []


@pytest.mark.parametrize(("mask", "words", "command"), [
    (MASK, "token already in use by profile 'default'", "hermes-profiles connect kid telegram"),
    (MASK._replace(is_free=True), "it is free now", "hermes-gateways restart kid"),
    (MASK._replace(owner=ChannelOwner(None, 42)), "process 42", "hermes-gateways restart kid"),
    (Mask("webhook", MaskCause.PORT, ChannelOwner("work"), 8644), "port 8644", "hermes-profiles doctor kid"),
])  # fmt: skip
def test_masked_channel_says_why_and_what_helps(mask: Mask, words: str, command: str) -> None:
    (remark,) = remarks("slack", masks=[mask])
    assert remark.code == "channel-masked" and remark.channel == mask.channel
    assert words in remark.message and remark.command == command
    first, second = remarks(mask.channel, masks=[mask])
    assert first.code == "no-channel" and second == remark


def test_channels_are_what_a_live_gateway_reports_and_its_files_enable() -> None:
    channels = (GatewayChannel("slack", "masked"), GatewayChannel("webhook", "off"), GatewayChannel("email", "fatal"))
    live = Gateway("kid", GatewayState.SERVED, channels=channels)
    assert reach_of(live, ("slack", "webhook", "irc"), ()).active == {"email", "irc"}
    stopped = live._replace(state=GatewayState.STOPPED)
    assert "webhook" in reach_of(stopped, ("webhook",), ()).active, "a stopped gateway has all channels off"
    starting = live._replace(state=GatewayState.STARTING)
    assert "webhook" in reach_of(starting, ("webhook",), ()).active, "so has one without a process yet"


def test_gateway_is_wanted_when_it_runs_or_has_a_service() -> None:
    service = ServiceStatus(installed=True, enabled=True, activity=Activity.INACTIVE)
    stopped = Gateway("kid", GatewayState.STOPPED, service=service)
    assert is_wanted(stopped, disabled=False) and not is_wanted(stopped, disabled=True)
    assert not is_wanted(stopped._replace(service=None), disabled=False)
    assert is_wanted(Gateway("kid", GatewayState.SERVED), disabled=False)
    parked = stopped._replace(observation=GatewayFacts("kid", parked=True))
    assert not is_wanted(parked, disabled=False)


@pytest.mark.parametrize(("config", "path"), [
    ("platforms: {telegram: {enabled: false}}", PATH),
    ("telegram: {enabled: false}\nplatforms: {telegram: {enabled: true}}", ("telegram", "enabled")),
    ("gateway: {platforms: {Telegram: {enabled: 'no'}}}", ("gateway", "platforms", "Telegram", "enabled")),
    ("platforms: {telegram: {enabled: true}}", None),
    ("model: x", None),
])  # fmt: skip
def test_off_channel_names_the_setting_that_wins(tmp_path: Path, config: str, path: tuple[str, ...] | None) -> None:
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    held = claimed_resources(tmp_path, catalog=CATALOG)
    assert held.off == (() if path is None else (OffChannel("telegram", path, is_set_up=True),))


def test_off_channel_without_an_account_is_not_set_up(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("platforms: {telegram: {enabled: false}, api_server: {enabled: false}}")
    assert [each.is_set_up for each in claimed_resources(tmp_path, catalog=CATALOG).off] == [False]
