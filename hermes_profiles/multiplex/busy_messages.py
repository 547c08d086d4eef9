"""What one gateway for all makes of a message that comes while the agent works on the one before. Pure.

In Hermes 0.19.0 the adapter of a served profile hands it on without the profile's name (gateway/run.py,
`_handle_active_session_busy_message`): who may talk is then read from the profile's own `.env`, and where that has no
list, from the default's environment; lists in config.yaml and approvals by pairing count no more. And the default's
adapter of the channel, if there is one, answers. Seen in tests/integration/hermes/test_team_mode_hermes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from hermes_profiles.credentials.channel_settings import below, mapping
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

from .access import effective_policies
from .facts import MultiplexFacts
from .model import Issue, IssueSeverity, PinnedSetting

# What the id of a person looks like; what else an approval names could not stand in a list.
_PERSON = re.compile(r"[\w@.:+/=|-]+")
# Asked for without the profile's secrets where the settings do not have it (gateway/platforms/weixin.py, `__init__`).
_WEIXIN = {"account_id": WEIXIN_ACCOUNT_ID, "base_url": WEIXIN_BASE_URL, "cdn_base_url": WEIXIN_CDN_BASE_URL}


def allowlists_for_busy_messages(facts: Mapping[str, MultiplexFacts]) -> tuple[PinnedSetting, ...]:
    """Return lists for the `.env` of served profiles, so that nobody is dropped who may talk to them.

    They name whom config.yaml or an approval lets in already, and nobody else: one that would let somebody in, or
    keep the people of a group out, is not written (`judge_meanwhile` then tells).
    """
    found = []
    for name, one in facts.items():
        for channel in LIST_BEFORE_CONFIG if name != DEFAULT else ():
            variable = users_variable(channel)
            own = _ids(one.environment.get(variable))
            people = _allowlist_users(one, channel, own) if channel in one.held.channels else set()
            if people - own and all(map(_PERSON.fullmatch, people)):
                why = f"{variable}: {name} lists whom it lets in already, for nothing else counts while its agent works"
                found.append(PinnedSetting(name, ENV_FILE, (variable,), ",".join(sorted(people)), why))
    return tuple(found)


def _allowlist_users(one: MultiplexFacts, channel: str, own: set[str]) -> set[str]:
    """Return whom a list may name that changes nothing else; nobody where no list can."""
    if _is_open(one, channel) or _ids(one.environment.get(GATEWAY_ALLOWED_USERS)):
        return set()
    direct, group = effective_policies(one, channel, {})
    if direct == "allowlist" and not own and group != "allowlist":
        return _allow_from(one, channel)
    return own | set(one.approved.get(channel, ())) if direct == "pairing" and (own or group != "allowlist") else set()


def with_allowlists(
    facts: Mapping[str, MultiplexFacts], heard: Sequence[PinnedSetting]
) -> Mapping[str, MultiplexFacts]:
    """Return the facts as they are once these lists are written."""
    changed = dict(facts)
    for each in heard:
        one = changed[each.profile]
        written = {each.key[0]: each.value}
        changed[each.profile] = one._replace(environment={**one.environment, **written}, scope={**one.scope, **written})
    return changed


def busy_message_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield what would become of such messages, and what of the default's own account would keep all from starting."""
    default = facts.get(DEFAULT)
    if default is None:
        return
    yield from _missing_weixin_variables(default)
    others = [one for name, one in facts.items() if name != DEFAULT]
    for channel in dict.fromkeys(each for one in others for each in one.held.channels):
        served = [one for one in others if channel in one.held.channels]
        if channel in UNCHECKED:
            continue
        if channel in default.held.channels:
            yield Issue(
                DEFAULT,
                "answers-for-others",
                f"default has an account of {channel} of its own, as {_profile_names(served)}: what is said to them "
                "while their agent works would be lost, and a notice would go out through default's account",
                IssueSeverity.DECIDE,
                str(default.home),
                "let a member have that account: `hermes-profiles team add NAME`, then take it from "
                f"default with `hermes-profiles env unset default …`; see `hermes-profiles catalog {channel}`",
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
            f"default: its weixin has no {', '.join(missing)} of its own: the gateway of all would not start",
            IssueSeverity.REFUSE,
            str(default.home / ENV_FILE),
            f"set it, the value is asked for: `hermes-profiles env set default {missing[0]}` (WeChat's files: "
            "https://novac2c.cdn.weixin.qq.com/c2c)",
        )


def _dropped_messages(default: MultiplexFacts, served: Sequence[MultiplexFacts], channel: str) -> Iterator[Issue]:
    variable = users_variable(channel)
    unheard = [one for one in served if _drops_messages(one, default, channel, variable)]
    if unheard:
        yield Issue(
            DEFAULT,
            "unheard-meanwhile",
            f"what some people say to {_profile_names(unheard)} on {channel} while their agent works is dropped: only "
            f"the list in {variable} of their own `.env` counts then",
            IssueSeverity.NOTE,
            str(unheard[0].home / ENV_FILE),
            f"name everybody there, the value is asked for: `hermes-profiles env set {unheard[0].name} {variable}`",
        )


def _drops_messages(one: MultiplexFacts, default: MultiplexFacts, channel: str, variable: str) -> bool:
    """Return whether somebody may talk to a profile and is not heard while its agent works."""
    lists = (_ids(one.environment.get(name)) for name in (variable, GATEWAY_ALLOWED_USERS))
    own = {person for each in lists for person in each}
    asked = one if own else default
    if _is_open(one, channel) or (not own and _is_open(default, channel)):
        return False
    heard = {person for name in (variable, GATEWAY_ALLOWED_USERS) for person in _ids(asked.environment.get(name))}
    return bool({*own, *_allow_from(one, channel), *one.approved.get(channel, ())} - heard)


def _is_open(one: MultiplexFacts, channel: str) -> bool:
    if any(
        one.environment.get(name, "").strip().lower() in TRUTHY_ACCESS
        for name in (allow_all_variable(channel), GATEWAY_ALLOW_ALL_USERS)
    ):
        return True
    return any("*" in _ids(one.environment.get(name)) for name in (users_variable(channel), GATEWAY_ALLOWED_USERS))


def _allow_from(one: MultiplexFacts, channel: str) -> set[str]:
    listed = below(below(mapping(one.config.get("platforms")), channel), "extra").get("allow_from")
    return set(_ids(",".join(map(str, listed)) if isinstance(listed, list) else str(listed or "")))


def _ids(text: str | None) -> set[str]:
    return {each.strip() for each in (text or "").split(",") if each.strip()}


def _profile_names(profiles: Sequence[MultiplexFacts]) -> str:
    names = [one.name for one in profiles]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
