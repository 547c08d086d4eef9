"""What one gateway for all makes of a message that comes while the agent works on the one before. Pure.

In Hermes 0.19.0 the adapter of a served profile hands it on without the profile's name (gateway/run.py,
`_handle_active_session_busy_message`): the default's allow-list decides, and the default's adapter of the channel, if
there is one, answers. Seen with a stand-in of WeChat's API (tests/judge/test_team_accounts.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hermes_profiles.credentials.channel_view import below, mapping
from hermes_profiles.model.names import DEFAULT

from .facts import ProfileFacts
from .findings import Limit, Weight

_ASK_NOBODY = frozenset({"api_server", "webhook", "homeassistant", "relay"})
# Asked for without the profile's secrets where the settings do not have it (gateway/platforms/weixin.py, `__init__`).
_WEIXIN = {"account_id": "WEIXIN_ACCOUNT_ID", "base_url": "WEIXIN_BASE_URL", "cdn_base_url": "WEIXIN_CDN_BASE_URL"}


def judge_meanwhile(facts: Mapping[str, ProfileFacts]) -> Iterator[Limit]:
    """Yield what would become of such messages, and what of the default's own account would keep all from starting."""
    default = facts.get(DEFAULT)
    if default is None:
        return
    yield from _does_not_start(default)
    others = [one for name, one in facts.items() if name != DEFAULT]
    for channel in dict.fromkeys(each for one in others for each in one.held.channels):
        served = [one for one in others if channel in one.held.channels]
        if channel in _ASK_NOBODY:
            continue
        if channel in default.held.channels:
            yield Limit(
                DEFAULT, "answers-for-others",
                f"default has an account of {channel} of its own, as {_named(served)}: what is said to them while "
                "their agent works would be lost, and a notice would go out through default's account", Weight.DECIDE,
                str(default.home), "let a member have that account: `hermes-profiles team add NAME`, then take it from "
                f"default with `hermes-profiles env unset default …`; see `hermes-profiles catalog {channel}`",
            )  # fmt: skip
        else:
            yield from _unheard(default, served, channel)


def _does_not_start(default: ProfileFacts) -> Iterator[Limit]:
    if "weixin" not in default.held.channels:
        return
    extra = below(below(mapping(default.config.get("platforms")), "weixin"), "extra")
    missing = [name for key, name in _WEIXIN.items() if not extra.get(key) and not default.scope.get(name, "").strip()]
    if missing:
        yield Limit(
            DEFAULT, "needs-address", f"default: its weixin has no {', '.join(missing)} of its own: the gateway of all "
            "would not start", Weight.REFUSE, str(default.home / ".env"),
            f"set it, the value is asked for: `hermes-profiles env set default {missing[0]}` (WeChat's files: "
            "https://novac2c.cdn.weixin.qq.com/c2c)",
        )  # fmt: skip


def _unheard(default: ProfileFacts, served: Sequence[ProfileFacts], channel: str) -> Iterator[Limit]:
    prefix = {"qqbot": "QQ"}.get(channel, channel.upper())
    variable, everybody = f"{prefix}_ALLOWED_USERS", (f"{prefix}_ALLOW_ALL_USERS", "GATEWAY_ALLOW_ALL_USERS")
    if any(default.environment.get(name, "").strip().lower() in ("1", "true", "yes") for name in everybody):
        return
    heard = {*_ids(default.environment.get(variable)), *_ids(default.environment.get("GATEWAY_ALLOWED_USERS"))}
    unheard = [one for one in served if "*" not in heard and _callers(one, channel, variable) - heard]
    if unheard:
        yield Limit(
            DEFAULT, "unheard-meanwhile",
            f"what is said to {_named(unheard)} on {channel} while their agent works is dropped: default's {variable} "
            "decides then, and does not name who may talk to them", Weight.NOTE, str(default.home / ".env"),
            f"name them there before the switch: `hermes-profiles env set default {variable}`; it opens no member to "
            "them, for each gets a list of its own",
        )  # fmt: skip


def _callers(one: ProfileFacts, channel: str, variable: str) -> set[str]:
    extra = below(below(mapping(one.config.get("platforms")), channel), "extra")
    listed = extra.get("allow_from")
    return {
        *_ids(one.environment.get(variable)), *_ids(one.environment.get("GATEWAY_ALLOWED_USERS")),
        *_ids(",".join(map(str, listed)) if isinstance(listed, list) else str(listed or "")),
    }  # fmt: skip


def _ids(text: str | None) -> set[str]:
    return {each.strip() for each in (text or "").split(",") if each.strip()}


def _named(profiles: Sequence[ProfileFacts]) -> str:
    names = [one.name for one in profiles]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
