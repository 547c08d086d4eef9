"""How the multiplexer handles a message that arrives while the agent is busy. Pure.

In Hermes 0.19.0 the adapter of a served profile forwards it without the profile's name (gateway/run.py,
`_handle_active_session_busy_message`). Access is then decided by the list in the profile's own `.env`, or if that has
none, by default's environment; lists in config.yaml and approvals by pairing are ignored. Default's adapter of the
channel answers, if it has profile. Shown by tests/integration/hermes/test_team_mode_hermes.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hermes_profiles.credentials.channels.channel_settings import below, mapping
from hermes_profiles.hermes.access import LIST_BEFORE_CONFIG, UNCHECKED, allow_all_variable, users_variable
from hermes_profiles.hermes.environment import (
    GATEWAY_ALLOW_ALL_USERS,
    GATEWAY_ALLOWED_USERS,
    TRUTHY_ACCESS,
    WEIXIN_ACCOUNT_ID,
    WEIXIN_BASE_URL,
    WEIXIN_CDN_BASE_URL,
)
from hermes_profiles.hermes.files import ENV_FILE
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import first_names

from .access import effective_policies, user_ids
from .facts import MultiplexFacts
from .model import Issue, IssueSeverity, PinnedSetting

# A user id as it can be written into a list.
_USER_ID = lazy_pattern(r"[\w@.:+/=|-]+")
# Read from the process if the settings lack it (gateway/platforms/weixin.py, `__init__`).
_WEIXIN = {"account_id": WEIXIN_ACCOUNT_ID, "base_url": WEIXIN_BASE_URL, "cdn_base_url": WEIXIN_CDN_BASE_URL}


def allowlists_for_busy_messages(facts: Mapping[str, MultiplexFacts]) -> tuple[PinnedSetting, ...]:
    """Return allow-lists for the `.env` of served profiles, so that no allowed user's busy message is dropped.

    They hold the users that config.yaml or an approval already allows. A list that would change access is not
    returned; `busy_message_issues` then reports the profile.
    """
    found = []
    for name, profile in facts.items():
        for channel in LIST_BEFORE_CONFIG if name != DEFAULT else ():
            variable = users_variable(channel)
            own = user_ids(profile.environment.get(variable))
            users = _allowlist_users(profile, channel, own) if channel in profile.held.channels else frozenset()
            if users - own and all(map(_USER_ID.fullmatch, users)):
                why = f"{variable}: {name} lists the users it allows; only this list counts while its agent is busy"
                found.append(PinnedSetting(name, ENV_FILE, (variable,), ",".join(sorted(users)), why))
    return tuple(found)


def _allowlist_users(profile: MultiplexFacts, channel: str, own: frozenset[str]) -> frozenset[str]:
    """Return the user ids to list without changing access; empty if no list can do that."""
    if _is_open(profile, channel) or user_ids(profile.environment.get(GATEWAY_ALLOWED_USERS)):
        return frozenset()
    direct, group = effective_policies(profile, channel, {})
    if direct == "allowlist" and not own and group != "allowlist":
        return _allow_from(profile, channel)
    return (
        own | set(profile.approved.get(channel, ()))
        if direct == "pairing" and (own or group != "allowlist")
        else frozenset()
    )


def with_allowlists(
    facts: Mapping[str, MultiplexFacts], allowed: Sequence[PinnedSetting]
) -> Mapping[str, MultiplexFacts]:
    """Return the facts with these lists written."""
    changed = dict(facts)
    for each in allowed:
        profile = changed[each.profile]
        written = {each.key[0]: each.value}
        changed[each.profile] = profile._replace(
            environment={**profile.environment, **written}, scope={**profile.scope, **written}
        )
    return changed


def busy_message_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield issues of busy messages, and of default's account if it prevents the start of the multiplexer."""
    default = facts.get(DEFAULT)
    if default is None:
        return
    yield from _missing_weixin_variables(default)
    others = [profile for name, profile in facts.items() if name != DEFAULT]
    for channel in dict.fromkeys(each for profile in others for each in profile.held.channels):
        served = [profile for profile in others if channel in profile.held.channels]
        if channel in UNCHECKED:
            continue
        if channel in default.held.channels:
            yield Issue(
                DEFAULT,
                "answers-for-others",
                f"default has a {channel} account, as has {_profile_names(served)}: messages to them while their agent "
                "is busy would be lost, and default's account would send a notice",
                IssueSeverity.DECIDE,
                str(default.home),
                "give that account to a member: `hermes-profiles team add NAME`, then remove its variables from "
                f"default (`hermes-profiles catalog {channel}` lists them)",
            )
        else:
            yield from _dropped_messages(default, served, channel)


def _missing_weixin_variables(default: MultiplexFacts) -> Iterator[Issue]:
    if "weixin" not in default.held.channels:
        return
    extra = below(below(mapping(default.config.get("platforms")), "weixin"), "extra")
    missing = [name for key, name in _WEIXIN.items() if not extra.get(key) and not default.scope.get(name, "").strip()]
    if missing:
        yield Issue(
            DEFAULT,
            "needs-address",
            f"default: the multiplexer would not start: its weixin lacks {', '.join(missing)}",
            IssueSeverity.REFUSE,
            str(default.home / ENV_FILE),
            f"set it: `hermes-profiles env set default {missing[0]}` (for files WeChat uses "
            "https://novac2c.cdn.weixin.qq.com/c2c)",
        )


def _dropped_messages(default: MultiplexFacts, served: Sequence[MultiplexFacts], channel: str) -> Iterator[Issue]:
    variable = users_variable(channel)
    dropping = [profile for profile in served if _drops_messages(profile, default, channel, variable)]
    if dropping:
        yield Issue(
            DEFAULT,
            "unheard-meanwhile",
            f"{_profile_names(dropping)}: {channel} messages of some users are dropped while the agent is busy: only "
            f"{variable} in the profile's `.env` counts then",
            IssueSeverity.NOTE,
            str(dropping[0].home / ENV_FILE),
            f"list every allowed user: `hermes-profiles env set {dropping[0].name} {variable}`",
        )


def _drops_messages(profile: MultiplexFacts, default: MultiplexFacts, channel: str, variable: str) -> bool:
    """Return whether messages of an allowed user are dropped while the agent is busy."""
    lists = (user_ids(profile.environment.get(name)) for name in (variable, GATEWAY_ALLOWED_USERS))
    own = {user for each in lists for user in each}
    reader = profile if own else default
    if _is_open(profile, channel) or (not own and _is_open(default, channel)):
        return False
    allowed = {user for name in (variable, GATEWAY_ALLOWED_USERS) for user in user_ids(reader.environment.get(name))}
    return bool({*own, *_allow_from(profile, channel), *profile.approved.get(channel, ())} - allowed)


def _is_open(profile: MultiplexFacts, channel: str) -> bool:
    if any(
        profile.environment.get(name, "").strip().lower() in TRUTHY_ACCESS
        for name in (allow_all_variable(channel), GATEWAY_ALLOW_ALL_USERS)
    ):
        return True
    return any(
        "*" in user_ids(profile.environment.get(name)) for name in (users_variable(channel), GATEWAY_ALLOWED_USERS)
    )


def _allow_from(profile: MultiplexFacts, channel: str) -> frozenset[str]:
    listed = below(below(mapping(profile.config.get("platforms")), channel), "extra").get("allow_from")
    return user_ids(",".join(map(str, listed)) if isinstance(listed, list) else str(listed or ""))


def _profile_names(profiles: Sequence[MultiplexFacts]) -> str:
    names = [profile.name for profile in profiles]
    return first_names(names, 4 if len(names) == 4 else 3)
