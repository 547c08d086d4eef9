"""Access before and after a switch to the multiplexer, by the rules of Hermes 0.19.0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.identities import claimed_identities
from hermes_profiles.hermes.access import EMPTY_LIST
from hermes_profiles.multiplex.access import Access, bridged_variables, check_access, open_policy_issues
from hermes_profiles.multiplex.facts import MultiplexFacts
from hermes_profiles.multiplex.model import IssueSeverity
from hermes_profiles.profiles.channels import ClaimedResources

CATALOG = load_catalog()
ON = {
    "weixin": {"WEIXIN_TOKEN": "CANARY-token", "WEIXIN_ACCOUNT_ID": "a"},
    "telegram": {"TELEGRAM_BOT_TOKEN": "7100000009:CANARYCANARYCANARYCANARYCANARYCANA"},
    "discord": {"DISCORD_BOT_TOKEN": "CANARY-discord-token"},
    "wecom": {"WECOM_BOT_ID": "bot", "WECOM_SECRET": "CANARY-wecom"},
}


def profile(name: str, channel: str = "", config: dict[str, Any] | None = None, **env: str) -> MultiplexFacts:
    variables = {**(ON[channel] if channel else {}), **env}
    held = claimed_identities(variables, config or {}, CATALOG, home="/h")
    held_by_profile = ClaimedResources(held.identities, held.ports, channels=held.channels)
    return MultiplexFacts(name, Path("/h") / name, variables, variables, {}, config or {}, held_by_profile)


def judged(*profiles: MultiplexFacts) -> Access:
    return check_access({each.name: each for each in profiles}, CATALOG)


def written(*profiles: MultiplexFacts) -> dict[str, dict[str, str]]:
    """Return profile → variable → value of the pinned settings, after checking that there are no issues."""
    access = judged(*profiles)
    assert access.issues == ()
    found: dict[str, dict[str, str]] = {}
    for each in access.pinned:
        assert each.file == ".env"
        found.setdefault(each.profile, {})[each.key[0]] = each.value
    return found


def extra(**values: Any) -> dict[str, Any]:
    return {"platforms": {"weixin": {"extra": values}}}


# Hermes' own judgement of a direct message on WeChat, in a few lines: the adapter's, then the gateway's.


def lets_in(one: MultiplexFacts, process: dict[str, str], user: str) -> bool:
    """Return whether a served profile answers a person on WeChat (gateway/platforms/weixin.py, authz_mixin.py)."""

    def own(name: str) -> str:
        return one.scope.get(name, "").strip()

    def auth(name: str) -> str:
        return own(name) or process.get(name, "").strip()

    def ids(text: str) -> set[str]:
        return {each.strip() for each in text.split(",") if each.strip()}

    block = one.config.get("platforms", {}).get("weixin", {}).get("extra", {})
    policy = own("WEIXIN_DM_POLICY") or block.get("dm_policy") or process.get("WEIXIN_DM_POLICY") or "pairing"
    listed = own("WEIXIN_ALLOWED_USERS") or block.get("allow_from")
    if listed is None:
        listed = process.get("WEIXIN_ALLOWED_USERS", "")
    allowed = set(listed) if isinstance(listed, list) else ids(listed)
    opted = any(process.get(name, "").lower() in ("true", "1", "yes") for name in
                ("GATEWAY_ALLOW_ALL_USERS", "WEIXIN_ALLOW_ALL_USERS"))  # fmt: skip
    door = {"allowlist": user in allowed, "pairing": True, "open": opted, "disabled": False}[policy]
    if not door:
        return False
    if auth("WEIXIN_ALLOW_ALL_USERS").lower() in ("true", "1", "yes"):
        return True
    users, everywhere = auth("WEIXIN_ALLOWED_USERS"), auth("GATEWAY_ALLOWED_USERS")
    if not users and not everywhere:
        return policy == "allowlist" or auth("GATEWAY_ALLOW_ALL_USERS").lower() in ("true", "1", "yes")
    together = ids(users) | ids(everywhere)
    return "*" in together or user in together


def after(default: MultiplexFacts, one: MultiplexFacts) -> tuple[MultiplexFacts, dict[str, str], Access]:
    """Return a member with its pinned settings, the environment of the multiplexer, and the issues."""
    access = judged(default, one)
    own = {each.key[0]: each.value for each in access.pinned if each.profile == one.name}
    for_default = {each.key[0]: each.value for each in access.pinned if each.profile == "default"}
    process = {**default.environment, **for_default}
    return one._replace(scope={**one.scope, **own}), process, access


PEOPLE = ("friend", "boss", "stranger")
LISTS = st.sampled_from(["", "friend", "boss", "friend,boss", "*", " "])
FLAGS = st.sampled_from(["", "true", "false", "1"])


@settings(max_examples=400, deadline=None)
@given(
    theirs=st.fixed_dictionaries({
        "GATEWAY_ALLOW_ALL_USERS": FLAGS, "WEIXIN_ALLOW_ALL_USERS": FLAGS, "WEIXIN_ALLOWED_USERS": LISTS,
        "GATEWAY_ALLOWED_USERS": LISTS, "WEIXIN_DM_POLICY": st.sampled_from(["", "pairing", "allowlist", "disabled"]),
    }),
    mine=st.fixed_dictionaries({
        "GATEWAY_ALLOW_ALL_USERS": FLAGS, "WEIXIN_ALLOW_ALL_USERS": FLAGS, "WEIXIN_ALLOWED_USERS": LISTS,
        "GATEWAY_ALLOWED_USERS": LISTS, "WEIXIN_DM_POLICY": st.sampled_from(["", "pairing", "allowlist", "disabled"]),
    }),
    policy=st.sampled_from([None, "pairing", "allowlist", "disabled"]),
    allowed=st.sampled_from([None, [], ["friend"], ["boss", "friend"], "friend"]),
)  # fmt: skip
def test_a_switch_neither_grants_nor_removes_access(
    theirs: dict[str, str], mine: dict[str, str], policy: str | None, allowed: Any
) -> None:
    settings_of = {key: value for key, value in (("dm_policy", policy), ("allow_from", allowed)) if value is not None}
    member = profile("anna", "weixin", extra(**settings_of), **mine)
    default = profile("default", "", **theirs)
    served, process, access = after(default, member)
    assert access.issues == (), "direct messages can always be kept as they are"
    for person in PEOPLE:
        before = lets_in(member, dict(member.environment), person)
        assert lets_in(served, process, person) is before, (person, served.scope)


def test_settings_are_pinned_only_if_needed() -> None:
    assert written(profile("default"), profile("anna", "weixin", extra(dm_policy="allowlist", allow_from=["f"]))) == {}
    own = profile("anna", "weixin", WEIXIN_ALLOWED_USERS="f", GATEWAY_ALLOW_ALL_USERS="false")
    assert written(profile("default", GATEWAY_ALLOW_ALL_USERS="true", WEIXIN_ALLOWED_USERS="boss"), own) == {}
    assert written(profile("default", "weixin", WEIXIN_ALLOWED_USERS="boss")) == {}


def test_an_allow_list_of_default_is_not_inherited() -> None:
    default = profile("default", WEIXIN_ALLOWED_USERS="boss", GATEWAY_ALLOW_ALL_USERS="true")
    listed = profile("anna", "weixin", extra(dm_policy="allowlist", allow_from=["friend", "aunt"]))
    paired = profile("bob", "weixin", extra(dm_policy="pairing"))
    assert written(default, listed, paired) == {
        "anna": {"GATEWAY_ALLOW_ALL_USERS": "false", "WEIXIN_ALLOWED_USERS": "aunt,friend"},
        "bob": {"GATEWAY_ALLOW_ALL_USERS": "false", "WEIXIN_ALLOWED_USERS": EMPTY_LIST},
    }


def test_an_open_profile_stays_open() -> None:
    member = profile("anna", "weixin", extra(dm_policy="pairing"), GATEWAY_ALLOW_ALL_USERS="true")
    default = profile("default", WEIXIN_ALLOWED_USERS="boss")
    served, process, _ = after(default, member)
    assert served.scope["WEIXIN_ALLOWED_USERS"] == "*"
    for person in PEOPLE:
        assert lets_in(member, dict(member.environment), person) and lets_in(served, process, person)


def test_policies_of_default_are_not_inherited() -> None:
    default = profile("default", WEIXIN_DM_POLICY="allowlist", WEIXIN_GROUP_POLICY="allowlist",
                      WEIXIN_GROUP_ALLOWED_USERS="g1")  # fmt: skip
    found = written(default, profile("anna", "weixin"))
    assert found == {"anna": {
        "WEIXIN_DM_POLICY": "pairing", "WEIXIN_GROUP_POLICY": "disabled", "WEIXIN_GROUP_ALLOWED_USERS": EMPTY_LIST,
    }}  # fmt: skip
    assert written(default, profile("anna", "weixin", extra(
        dm_policy="allowlist", group_policy="disabled", group_allow_from=[], allow_from=[],
    ))) == {}  # fmt: skip


def test_loss_of_access_of_group_members_is_an_issue() -> None:
    default = profile("default", GATEWAY_ALLOWED_USERS="boss")
    member = profile("anna", "weixin", extra(dm_policy="pairing", group_policy="allowlist", group_allow_from=["g"]))
    (limit,) = judged(default, member).issues
    assert (limit.profile, limit.code, limit.severity) == ("anna", "inherited-access", IssueSeverity.REFUSE)
    assert "hermes-profiles env unset default GATEWAY_ALLOWED_USERS" in (limit.hint or "")


def test_a_list_in_one_config_does_not_apply_to_others() -> None:
    anna = profile("anna", "telegram", {"telegram": {"allow_from": ["1", "2"]}})
    bob = profile("bob", "telegram", {"telegram": {"allow_from": [3]}})
    carl = profile("carl", "telegram")
    found = written(profile("default", "telegram"), anna, bob, carl)
    assert found["bob"] == {"TELEGRAM_ALLOWED_USERS": "3"}
    assert found["carl"] == {"TELEGRAM_ALLOWED_USERS": EMPTY_LIST} == found["default"]
    assert found["anna"] == {"TELEGRAM_ALLOWED_USERS": "1,2"}, "default's neutral list would count for it"


def test_an_adapter_that_reads_only_the_process_is_an_issue() -> None:
    friend = profile("anna", "discord", DISCORD_ALLOWED_USERS="1", GATEWAY_ALLOW_ALL_USERS="false")
    (limit,) = [
        each for each in judged(profile("default", DISCORD_ALLOWED_USERS="2"), friend).issues
        if "DISCORD_ALLOWED_USERS" in each.message
    ]  # fmt: skip
    assert limit.code == "foreign-access" and limit.severity is IssueSeverity.REFUSE
    (limit,) = judged(profile("default"), friend).issues
    assert (limit.code, limit.severity) == ("unread-access", IssueSeverity.DECIDE)
    same = profile("default", DISCORD_ALLOWED_USERS="1")
    assert judged(same, friend).issues == ()
    (limit,) = judged(profile("default", WECOM_DM_POLICY="allowlist"), profile("anna", "wecom")).issues
    assert limit.code == "foreign-access" and "WECOM_DM_POLICY" in limit.message


@pytest.mark.parametrize(("env", "config", "theirs", "refused"), [
    ({"WEIXIN_DM_POLICY": "open", "WEIXIN_ALLOW_ALL_USERS": "true"}, {}, {}, True),
    ({}, extra(dm_policy="open"), {}, True),
    ({}, extra(group_policy="OPEN"), {}, True),
    ({}, extra(dm_policy="open"), {"GATEWAY_ALLOW_ALL_USERS": "yes"}, False),
    ({}, extra(dm_policy="open"), {"WEIXIN_ALLOW_ALL_USERS": "1"}, False),
    ({}, extra(dm_policy="pairing"), {}, False),
    ({"WEIXIN_DM_POLICY": "pairing"}, extra(dm_policy="open"), {}, False),
])  # fmt: skip
def test_an_open_policy_without_opt_in_is_an_issue(
    env: dict[str, str], config: dict[str, Any], theirs: dict[str, str], refused: bool
) -> None:
    facts = {"default": profile("default", **theirs), "anna": profile("anna", "weixin", config, **env)}
    found = list(open_policy_issues(facts))
    assert bool(found) is refused
    for limit in found:
        assert (
            limit.severity is IssueSeverity.REFUSE
            and limit.profile == "anna"
            and "hermes-profiles" in (limit.hint or "")
        )


def test_bridged_variables_of_a_config() -> None:
    assert bridged_variables({"telegram": {"allow_from": [1, "b"], "allow_bots": True}}) == {
        "TELEGRAM_ALLOWED_USERS": "1,b", "TELEGRAM_ALLOW_BOTS": "true",
    }  # fmt: skip
    assert bridged_variables({"platforms": {"discord": {"extra": {"allow_from": "x"}}}}) == {
        "DISCORD_ALLOWED_USERS": "x"
    }
    assert bridged_variables({"platforms": {"telegram": {"extra": {"allow_from": "x"}}}, "telegram": None}) == {}
