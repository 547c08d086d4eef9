"""Busy messages under a multiplexer of 0.19.0: losses are reported before the switch."""

from __future__ import annotations

import pytest
from test_multiplex_access import CATALOG, extra, lets_in, profile

from hermes_profiles.multiplex.access import check_access
from hermes_profiles.multiplex.busy_messages import allowlists_for_busy_messages, busy_message_issues, with_allowlists
from hermes_profiles.multiplex.facts import MultiplexFacts
from hermes_profiles.multiplex.limits import limit_issues
from hermes_profiles.multiplex.model import IssueSeverity

ADDRESSES = {"WEIXIN_BASE_URL": "https://a.example", "WEIXIN_CDN_BASE_URL": "https://c.example"}


def told(*profiles: MultiplexFacts) -> list[tuple[str, IssueSeverity]]:
    return [(each.code, each.severity) for each in busy_message_issues({one.name: one for one in profiles})]


def ann(**env: str) -> MultiplexFacts:
    return profile("ann", "weixin", **env)


NOTE = [("unheard-meanwhile", IssueSeverity.NOTE)]


def test_only_the_own_list_applies_to_busy_messages() -> None:
    assert told(profile("default"), ann(WEIXIN_ALLOWED_USERS="mum,dad")) == []
    assert told(profile("default"), ann(GATEWAY_ALLOWED_USERS="mum,dad")) == []
    known = ann(WEIXIN_ALLOWED_USERS="mum")._replace(approved={"weixin": ("mum",)})
    assert told(profile("default"), known) == []
    more = known._replace(approved={"weixin": ("mum", "kid")})
    assert told(profile("default", WEIXIN_ALLOWED_USERS="kid"), more) == NOTE, "default's is not asked"
    for env in ({"WEIXIN_ALLOWED_USERS": "*"}, {"WEIXIN_ALLOW_ALL_USERS": "true"}, {"GATEWAY_ALLOW_ALL_USERS": "1"}):
        assert told(profile("default"), ann(**env)._replace(approved={"weixin": ("kid",)})) == []


def test_busy_messages_of_users_in_defaults_list_are_accepted() -> None:
    for listed in (["mum"], "mum"):
        member = profile("ann", "weixin", extra(allow_from=listed))
        assert told(profile("default"), member) == NOTE
        for env in (
            {"WEIXIN_ALLOWED_USERS": "dad, mum,x"}, {"WEIXIN_ALLOWED_USERS": "*"}, {"GATEWAY_ALLOWED_USERS": "mum,dad"},
            {"WEIXIN_ALLOW_ALL_USERS": "true"}, {"GATEWAY_ALLOW_ALL_USERS": "1"},
        ):  # fmt: skip
            assert told(profile("default", **env), member) == []


def test_a_profile_without_allowed_users_has_no_issue() -> None:
    assert told(profile("default"), ann()) == []
    assert told(profile("default"), profile("ann")) == []
    assert told(profile("default", "weixin", **ADDRESSES)) == []


@pytest.mark.parametrize("channel", ["weixin", "telegram", "discord", "wecom"])
def test_an_account_of_default_on_a_members_channel_is_a_decision(channel: str) -> None:
    found = told(profile("default", channel, **ADDRESSES), profile("ann", channel))
    assert found == [("answers-for-others", IssueSeverity.DECIDE)]
    assert told(profile("default", channel, **ADDRESSES), profile("ann")) == []


def test_a_wechat_account_of_default_needs_all_its_variables() -> None:
    for missing in ADDRESSES:
        env = {name: value for name, value in ADDRESSES.items() if name != missing}
        (limit,) = busy_message_issues({"default": profile("default", "weixin", **env)})
        assert limit.severity is IssueSeverity.REFUSE and missing in limit.message
    config = extra(base_url="https://a.example", cdn_base_url="https://c.example")
    assert told(profile("default", "weixin", config)) == []


def test_many_members_are_one_issue() -> None:
    config = extra(allow_from=["mum"])
    members = [profile(f"m{number}", "weixin", config) for number in range(30)]
    facts = {one.name: one for one in (profile("default"), *members)}
    (limit,) = [each for each in limit_issues(facts, CATALOG) if each.code == "unheard-meanwhile"]
    assert "m0, m1, m2 and 27 more" in limit.message and "mum" not in limit.message
    assert limit.hint == "list every allowed user: `hermes-profiles env set m0 WEIXIN_ALLOWED_USERS`"
    assert told(profile("default"), profile("m0", "weixin", config, WEIXIN_ALLOWED_USERS="mum")) == []


def heard(one: MultiplexFacts, *others: MultiplexFacts) -> str | None:
    """Return the list that one profile gets, after checking that it accepts exactly the allowed users."""
    facts = {each.name: each for each in (profile("default"), one, *others)}
    found = allowlists_for_busy_messages(facts)
    after = with_allowlists(facts, found)
    assert all(each.file == ".env" and each.key == ("WEIXIN_ALLOWED_USERS",) for each in found)
    assert "mum" not in repr(found) + "".join(each.why for each in found)
    if found:
        assert [each for each in busy_message_issues(after) if each.code == "unheard-meanwhile"] == []
        assert not check_access(after, CATALOG).issues and not allowlists_for_busy_messages(after)
    for person in ("mum", "dad", "kid", "stranger"):
        before, process = lets_in(one, dict(one.environment), person), dict(after["default"].environment)
        assert before is lets_in(after[one.name], process, person), person
    return next((each.value for each in found if each.profile == one.name), None)


def test_a_list_in_config_is_pinned_in_env() -> None:
    listed = extra(dm_policy="allowlist", allow_from=["mum", "dad"])
    assert heard(profile("ann", "weixin", listed)) == "dad,mum"
    assert heard(profile("ann", "weixin", listed, WEIXIN_ALLOWED_USERS="kid")) is None, "its own takes that one's place"
    assert heard(profile("ann", "weixin", extra(dm_policy="pairing", allow_from=["mum"]))) is None
    assert heard(profile("ann", "weixin", extra(dm_policy="disabled", allow_from=["mum"]))) is None
    for env in ({"GATEWAY_ALLOWED_USERS": "mum"}, {"WEIXIN_ALLOW_ALL_USERS": "true"}):
        assert heard(profile("ann", "weixin", listed, **env)) is None, "it would change access, or nothing"
    groups = extra(dm_policy="allowlist", allow_from=["mum"], group_policy="allowlist", group_allow_from=["g"])
    assert heard(profile("ann", "weixin", groups)) is None, "people of an allowed group would be kept out"
    assert heard(profile("ann", "telegram")) is None and heard(profile("ann")) is None


def test_paired_users_are_listed() -> None:
    carl = profile("carl", "weixin")._replace(approved={"weixin": ("kid",), "telegram": ("other",)})
    facts = {"default": profile("default"), "carl": carl}
    assert [each.value for each in allowlists_for_busy_messages(facts)] == ["kid"]
    assert [
        each.profile for each in allowlists_for_busy_messages({**facts, "default": carl._replace(name="default")})
    ] == ["carl"]
    for odd in ("a b", "x\ny", "#", "'q'", "*", ""):
        assert not allowlists_for_busy_messages({"carl": carl._replace(approved={"weixin": ("kid", odd)})}), odd
