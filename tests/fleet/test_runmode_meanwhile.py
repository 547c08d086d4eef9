"""What is said to a member at work, when one gateway serves all: what 0.19.0 makes of it is told before the switch."""

from __future__ import annotations

import pytest
from test_runmode_access import CATALOG, extra, profile

from hermes_profiles.fleet.runmode.facts import ProfileFacts
from hermes_profiles.fleet.runmode.findings import Weight
from hermes_profiles.fleet.runmode.limits import judge_limits
from hermes_profiles.fleet.runmode.meanwhile import judge_meanwhile

ADDRESSES = {"WEIXIN_BASE_URL": "https://a.example", "WEIXIN_CDN_BASE_URL": "https://c.example"}


def told(*profiles: ProfileFacts) -> list[tuple[str, Weight]]:
    return [(each.code, each.weight) for each in judge_meanwhile({one.name: one for one in profiles})]


def ann(**env: str) -> ProfileFacts:
    return profile("ann", "weixin", **env)


def test_nobody_is_lost_when_default_knows_all_who_may_talk() -> None:
    member = ann(WEIXIN_ALLOWED_USERS="mum,dad")
    assert told(profile("default"), member) == [("unheard-meanwhile", Weight.NOTE)]
    assert told(profile("default", WEIXIN_ALLOWED_USERS="mum"), member) == [("unheard-meanwhile", Weight.NOTE)]
    for env in (
        {"WEIXIN_ALLOWED_USERS": "dad, mum,x"}, {"WEIXIN_ALLOWED_USERS": "*"}, {"GATEWAY_ALLOWED_USERS": "mum,dad"},
        {"WEIXIN_ALLOW_ALL_USERS": "true"}, {"GATEWAY_ALLOW_ALL_USERS": "1"},
    ):  # fmt: skip
        assert told(profile("default", **env), member) == []


def test_lists_in_config_count_too() -> None:
    for listed in (["mum"], "mum"):
        member = profile("ann", "weixin", extra(allow_from=listed))
        assert told(profile("default"), member) == [("unheard-meanwhile", Weight.NOTE)]
        assert told(profile("default", WEIXIN_ALLOWED_USERS="mum"), member) == []


def test_who_is_let_in_by_nobody_loses_nothing() -> None:
    assert told(profile("default"), ann()) == []
    assert told(profile("default"), profile("ann")) == []
    assert told(profile("default", "weixin", **ADDRESSES)) == []


@pytest.mark.parametrize("channel", ["weixin", "telegram", "discord", "wecom"])
def test_an_account_of_defaults_own_on_a_members_channel_is_for_a_person_to_decide(channel: str) -> None:
    found = told(profile("default", channel, **ADDRESSES), profile("ann", channel))
    assert found == [("answers-for-others", Weight.DECIDE)]
    assert told(profile("default", channel, **ADDRESSES), profile("ann")) == []


def test_a_wechat_account_of_defaults_own_needs_all_its_addresses() -> None:
    for missing in ADDRESSES:
        env = {name: value for name, value in ADDRESSES.items() if name != missing}
        (limit,) = judge_meanwhile({"default": profile("default", "weixin", **env)})
        assert limit.weight is Weight.REFUSE and missing in limit.message
    config = extra(base_url="https://a.example", cdn_base_url="https://c.example")
    assert told(profile("default", "weixin", config)) == []


def test_many_members_are_one_line_and_the_whole_judgement_has_it() -> None:
    members = [profile(f"m{number}", "weixin", WEIXIN_ALLOWED_USERS="mum") for number in range(30)]
    facts = {one.name: one for one in (profile("default"), *members)}
    (limit,) = [each for each in judge_limits(facts, CATALOG) if each.code == "unheard-meanwhile"]
    assert "m0, m1, m2 and 27 more" in limit.message and "mum" not in limit.message
