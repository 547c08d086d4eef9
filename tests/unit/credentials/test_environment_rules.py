"""Rulings on variables, by class and policy."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import KeyClass, load_catalog
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Verdict
from hermes_profiles.credentials.rules.environment import SourceFacts, judge_name, run_by_tools, tool_channels
from hermes_profiles.hermes.environment import REDIRECTS

CATALOG = load_catalog()
NAMES = sorted(CATALOG.known_names)


def judged(name: str, policy: ClonePolicy | None = None, facts: SourceFacts | None = None) -> Verdict:
    return judge_name(name, catalog=CATALOG, policy=policy or ClonePolicy(), facts=facts or SourceFacts()).verdict


@pytest.mark.parametrize("name", NAMES)
def test_the_class_decides(name: str):
    fact = CATALOG.lookup(name)
    assert fact is not None
    stays = fact.key_class in (KeyClass.OPTION, KeyClass.TOOL_OR_PROVIDER_KEY)
    assert judged(name) is (Verdict.KEEP if stays else Verdict.REMOVE)
    is_redirect = name in REDIRECTS
    assert judged(name, ClonePolicy(Channels.CLONE)) is (Verdict.REMOVE if is_redirect else Verdict.KEEP)
    assert judged(name, ClonePolicy(keep=frozenset({name}))) is Verdict.KEEP
    assert judged(name, ClonePolicy(drop=frozenset({name}))) is Verdict.REMOVE


@pytest.mark.parametrize("name", NAMES)
def test_strict_prefix_leaves_nothing_with_a_channels_prefix(name: str):
    verdict = judged(name, ClonePolicy(Channels.STRICT_PREFIX))
    prefixes = tuple(prefix for channel in CATALOG.channels.values() for prefix in channel.prefixes)
    if name.startswith(prefixes):
        assert verdict is Verdict.REMOVE
    if CATALOG.lookup(name).channel is None and judged(name) is Verdict.KEEP:  # type: ignore[union-attr]
        assert verdict is Verdict.KEEP


def test_every_ruling_has_a_reason_without_holes():
    for name in [*NAMES, "TELEGRAM_UNHEARD_OF", "MY_OWN"]:
        for policy in (ClonePolicy(), ClonePolicy(Channels.STRICT_PREFIX), ClonePolicy(Channels.CLONE)):
            ruling = judge_name(name, catalog=CATALOG, policy=policy, facts=SourceFacts())
            assert ruling.reason and "{" not in ruling.reason.replace("${", "") and "None" not in ruling.reason


def test_unknown_name_is_removed_unless_the_config_refers_to_it():
    assert judged("SLACK_TEAM_ID") is Verdict.REMOVE
    assert judged("SLACK_TEAM_ID", facts=SourceFacts(references=frozenset({"SLACK_TEAM_ID"}))) is Verdict.KEEP
    assert judged("SLACK_BOT_TOKEN", facts=SourceFacts(references=frozenset({"SLACK_BOT_TOKEN"}))) is Verdict.REMOVE
    assert judged("SLACKER_LEVEL") is Verdict.KEEP


def test_the_api_server_stays_with_its_own_port_and_key():
    facts = SourceFacts(api_server_on=True)
    assert (
        judged("API_SERVER_PORT", facts=facts) is Verdict.ASSIGN
        and judged("API_SERVER_KEY", facts=facts) is Verdict.ASSIGN
    )
    assert judged("API_SERVER_HOST", facts=facts) is Verdict.KEEP
    assert judged("API_SERVER_KEY", ClonePolicy(api_server=False), facts) is Verdict.REMOVE
    assert judged("API_SERVER_ENABLED") is Verdict.REMOVE


def test_channels_that_run_on_tool_keys():
    assert run_by_tools(CATALOG) == {"homeassistant", "sms", "email"}
    assert tool_channels({"HASS_TOKEN": "a-real-token"}, CATALOG) == {"homeassistant"}
    assert tool_channels({"GOOGLE_CLOUD_PROJECT": "p", "TELEGRAM_BOT_TOKEN": "1:x"}, CATALOG) == frozenset()
