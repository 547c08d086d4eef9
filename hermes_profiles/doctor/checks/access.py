"""Reports open access to an agent: unauthenticated listeners, weak API keys, channels open to everyone. Pure.

The rules are those of Hermes 0.19.0: gateway/platforms/{api_server,webhook,msgraph_webhook}.py,
plugins/platforms/{sms,telegram}/adapter.py, gateway/authz_mixin.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural, profile_label, shell_command
from hermes_profiles.hermes.access import (
    CONFIG_VARIABLES,
    GROUP_LISTS,
    OPEN_LIST_KEYS,
    OPEN_LISTS,
    POLICIES,
    users_variable,
)
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import (
    API_SERVER_ENABLED,
    API_SERVER_HOST,
    API_SERVER_KEY,
    GATEWAY_ALLOW_ALL_USERS,
    GATEWAY_ALLOWED_USERS,
    NO_AUTHENTICATION,
    SHORTEST_API_KEY,
    TRUTHY_ACCESS,
)
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.truthy import is_truthy

from .settings import channel_blocks, channel_settings, gateway_environment, reduced_severity, scalar_text

_LOCAL_NAMES = ("localhost", "ip6-localhost", "ip6-loopback")
# Public channels: anyone who finds the bot can write to it. The others require membership of a workspace.
_PUBLIC = frozenset(
    {
        "telegram",
        "discord",
        "whatsapp",
        "whatsapp_cloud",
        "signal",
        "weixin",
        "qqbot",
        "bluebubbles",
        "email",
        "irc",
        "line",
        "matrix",
        "ntfy",
        "photon",
        "simplex",
        "sms",
    }
)


def _new_secret(profile: ProfileFacts, variable: str) -> str:
    """Return the command that sets a variable to a new secret, which it does not show."""
    return f"openssl rand -hex 32 | {shell_command('hermes-profiles env set', [profile.name, variable])}"


def weak_key(facts: Facts) -> Iterator[Finding]:
    """Find API servers whose key is missing, a placeholder or too short; Hermes 0.19.0 does not start them.

    A server without a key on a network address is reported by `open_api`.
    """
    for profile, host, key in _api_servers(facts):
        if not key and _is_reachable(host):
            continue
        why = _weakness(key, facts)
        if why:
            place = f" (reachable from the network on {host})" if _is_reachable(host) else ""
            yield Finding(
                f"the API server key of {profile_label(profile)}{place} {why}: Hermes does not start the server",
                Fix("set a new key; give it to the programs that use the server", _new_secret(profile, API_SERVER_KEY)),
                (profile.name,),
                "api_server",
                (_at_key(profile),),
                severity=reduced_severity(profile, Severity.ERROR),
            )


def _weakness(key: str, facts: Facts) -> str:
    if not key:
        return "is missing"
    if key.lower() in facts.catalog.placeholders:
        return "is a placeholder"
    return f"has fewer than {SHORTEST_API_KEY} characters" if len(key) < SHORTEST_API_KEY else ""


def _at_key(profile: ProfileFacts) -> Evidence:
    """Return the place of the key of an API server, or of the setting that enables the server."""
    for name in (API_SERVER_KEY, API_SERVER_ENABLED):
        if name in profile.environment:
            return profile.at_variable(name)
    for path in (("platforms", "api_server", "extra", "key"), ("platforms", "api_server")):
        place = profile.at_path(path)
        if place.line is not None:
            return place
    return profile.at(CONFIG_FILE)


def _api_servers(facts: Facts) -> Iterator[tuple[ProfileFacts, str, str]]:
    """Yield (profile, address, key) of the enabled API servers. Any key enables one, also a placeholder."""
    for profile in facts.profiles.values():
        environment = gateway_environment(facts, profile)
        if "api_server" not in profile.held.channels and not environment.get(API_SERVER_KEY):
            continue
        extra = _extra(profile, "api_server", facts)
        by_environment = environment.get(API_SERVER_KEY) or is_truthy(environment.get(API_SERVER_ENABLED))
        key = (by_environment and environment.get(API_SERVER_KEY)) or scalar_text(extra.get("key"))
        host = (by_environment and environment.get(API_SERVER_HOST)) or scalar_text(extra.get("host"))
        yield profile, host or environment.get(API_SERVER_HOST, "").strip() or "127.0.0.1", str(key or "").strip()


def _extra(profile: ProfileFacts, channel: str, facts: Facts) -> Mapping[str, Any]:
    extra = channel_settings(profile, channel, facts.catalog).get("extra")
    return extra if isinstance(extra, Mapping) else {}


def _is_reachable(host: str) -> bool:
    """Return whether other machines can reach an address. A host name counts as reachable, as in Hermes."""
    text = host.strip().strip("[]").lower()
    if text in (*_LOCAL_NAMES, "127.0.0.1", "::1"):
        return False
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_loopback


def open_api(facts: Facts) -> Iterator[Finding]:
    """Find listeners that are reachable from the network and do not require authentication."""
    for profile, host, key in _api_servers(facts):
        if not key and _is_reachable(host):
            yield _open(
                profile,
                "api_server",
                f"the API server of {profile_label(profile)} listens on {host} without a key: Hermes 0.19.0 does not"
                " start it, and earlier releases accept every request",
                Fix("set a key, or listen on 127.0.0.1", _new_secret(profile, API_SERVER_KEY)),
                _at_key(profile),
            )
    for profile in facts.profiles.values():
        on, environment = profile.held.channels, gateway_environment(facts, profile)
        if "webhook" in on:
            yield from _open_routes(profile, facts)
        if "sms" in on:
            yield from _unsigned_sms(profile, environment)
        if "telegram" in on:
            yield from _open_telegram(profile, environment)


def _open(profile: ProfileFacts, channel: str, message: str, fix: Fix, at: Evidence) -> Finding:
    severity = reduced_severity(profile, Severity.ERROR)
    return Finding(message, fix, (profile.name,), channel, (at,), severity=severity)


def _open_routes(profile: ProfileFacts, facts: Facts) -> Iterator[Finding]:
    """Yield the routes of a webhook listener without a secret."""
    extra = _extra(profile, "webhook", facts)
    host = scalar_text(extra.get("host"))
    if host and not _is_reachable(host):
        return
    everywhere, routes = scalar_text(extra.get("secret")), extra.get("routes")
    everywhere = (gateway_environment(facts, profile).get("WEBHOOK_SECRET") or everywhere).strip()
    open_ones = [
        str(name)
        for name, route in (routes.items() if isinstance(routes, Mapping) else ())
        if isinstance(route, Mapping) and scalar_text(route.get("secret", everywhere)) in ("", NO_AUTHENTICATION)
    ]
    if open_ones:
        which = f"routes {join_names(open_ones)}" if len(open_ones) > 1 else f"route {open_ones[0]}"
        yield _open(
            profile,
            "webhook",
            f"the webhook of {profile_label(profile)} listens on {host or 'all addresses'} without a secret on its"
            f" {which}: Hermes 0.19.0 does not start the channel",
            Fix("set a secret for each route, or listen on 127.0.0.1", _route_secret(profile, routes, open_ones[0])),
            profile.at_path(("platforms", "webhook", "extra", "routes", open_ones[0])),
        )


def _route_secret(profile: ProfileFacts, routes: Any, route: str) -> str:
    """Return the command that sets the secret of a route: the variable for all, or its own setting, which wins."""
    if "secret" not in routes[route]:
        return _new_secret(profile, "WEBHOOK_SECRET")
    path = f"platforms.webhook.extra.routes.{route}.secret"
    return f"openssl rand -hex 32 | {shell_command('hermes-profiles config set', [profile.name, path])}"


def _open_telegram(profile: ProfileFacts, environment: Mapping[str, str]) -> Iterator[Finding]:
    given = [environment.get(f"TELEGRAM_WEBHOOK_{word}", "").strip() for word in ("URL", "SECRET")]
    if given[0] and not given[1]:
        yield _open(
            profile,
            "telegram",
            f"the telegram webhook of {profile_label(profile)} has no secret: Hermes 0.19.0 does not start the channel,"
            " and earlier releases accept messages from everyone",
            Fix("set a secret for it", _new_secret(profile, "TELEGRAM_WEBHOOK_SECRET")),
            profile.at_variable("TELEGRAM_WEBHOOK_URL"),
        )


def _unsigned_sms(profile: ProfileFacts, environment: Mapping[str, str]) -> Iterator[Finding]:
    host = environment.get("SMS_WEBHOOK_HOST", "").strip() or "127.0.0.1"
    unsigned = environment.get("SMS_INSECURE_NO_SIGNATURE", "").lower() == "true"
    if unsigned and not environment.get("SMS_WEBHOOK_URL", "").strip() and _is_reachable(host):
        yield _open(
            profile,
            "sms",
            f"the sms webhook of {profile_label(profile)} listens on {host} and does not check "
            "signatures: messages from any"
            " number can be forged",
            Fix(
                "set SMS_WEBHOOK_URL to the public address, and remove SMS_INSECURE_NO_SIGNATURE",
                shell_command("hermes-profiles env unset", [profile.name, "SMS_INSECURE_NO_SIGNATURE"]),
            ),
            profile.at_variable("SMS_INSECURE_NO_SIGNATURE"),
        )


def allow_all(facts: Facts) -> Iterator[Finding]:
    """Find channels open to everyone: by an allow-all flag, or by `*` in an allow-list, also in one for groups."""
    for profile in facts.profiles.values():
        environment = gateway_environment(facts, profile)
        open_by: dict[str, str] = {}
        places: dict[str, Evidence] = {}
        is_in_groups = True
        for channel in profile.held.channels:
            name = _opened_by(channel, environment, facts)
            path = _open_list(profile, channel, environment, facts) if name is None else None
            is_in_groups = is_in_groups and name is None and path is None
            if name is None and path is None:
                name, path = _open_group_list(profile, channel, environment, facts)
            if name is not None:
                open_by[channel] = name
                at = profile.at_variable(name)
                places[name] = at if at.line is not None else profile.at_path((name,))
            elif path is not None:
                open_by[channel] = ".".join(path)
                places[".".join(path)] = profile.at_path(path)
        if not open_by:
            continue
        public = [channel for channel in open_by if channel in _PUBLIC]
        names = list(dict.fromkeys(open_by.values()))
        who = "anyone who finds the bot" if public else "anyone in the workspace"
        who = "anyone in a group with the bot" if is_in_groups else who
        yield Finding(
            f"{who} can give orders to {profile_label(profile)} through {join_names(open_by)}: {join_names(names)}",
            Fix(
                f"remove {plural(names, 'it', 'them')}, and list the allowed users",
                " && ".join(_closing(profile, name, places[name]) for name in names),
            ),
            (profile.name,),
            next(iter(open_by)) if len(open_by) == 1 else None,
            tuple(places[name] for name in names),
            severity=reduced_severity(profile, Severity.ERROR if public else Severity.WARNING),
        )


def _closing(profile: ProfileFacts, name: str, place: Evidence) -> str:
    """Return the command that closes a channel: it removes a flag or a list, and asks for the users of a variable."""
    if not (place.file or "").endswith(ENV_FILE):
        return shell_command("hermes-profiles config unset", [profile.name, name])
    verb = "set" if name.endswith("_ALLOWED_USERS") else "unset"
    return shell_command(f"hermes-profiles env {verb}", [profile.name, name])


def _open_list(
    profile: ProfileFacts, channel: str, environment: Mapping[str, str], facts: Facts
) -> tuple[str, ...] | None:
    """Return the path of an allow-list in config.yaml with `*` in it, None without one.

    The adapters turn some of these lists into variables, and a variable that is set wins (`_apply_yaml_config`). Others
    read their list themselves. Real 0.19.0 and 0.22.2 say which keys count in which place.
    """
    flags, lists = _admission(facts.catalog, channel)
    if not flags or any(environment.get(name, "").strip() for name in lists if "GROUP" not in name):
        return None
    blocks = [*channel_blocks(profile, channel, facts.catalog), *_own_section(profile, channel, facts)]
    is_newer = facts.update.hermes.has(Behaviour.EXPANDS_CONFIG)
    bridged = {
        key: below_extra or is_newer
        for key, name, below_extra in CONFIG_VARIABLES.get(channel, ())
        if name == users_variable(channel)
    }
    own = OPEN_LIST_KEYS if _obeys_list(channel, environment, blocks) else ()
    for path, block in blocks:
        extra = block.get("extra")
        extra = extra if isinstance(extra, Mapping) else {}
        is_below_gateway = path[0] == "gateway" and len(path) == 2  # 0.19.0 does not read it; 0.22.2 makes no variable
        variables = () if is_below_gateway else bridged
        found = next((key for key in variables if _admits_all(block.get(key))), None)
        found = found or next((key for key in own[: None if is_newer else 1] if _admits_all(block.get(key))), None)
        if found is not None and (is_newer or not is_below_gateway):
            return (*path, found)
        below = [*(key for key in variables if bridged[key]), *(own if is_newer or not is_below_gateway else ())]
        if (found := next((key for key in below if _admits_all(extra.get(key))), None)) is not None:
            return (*path, "extra", found)
    return None


def _obeys_list(
    channel: str, environment: Mapping[str, str], blocks: Sequence[tuple[tuple[str, ...], Mapping[str, Any]]]
) -> bool:
    """Return whether the adapter of a channel reads its list of users itself, and its policy makes the list count."""
    if channel not in OPEN_LISTS:
        return False
    policy = OPEN_LISTS[channel]
    variable = POLICIES.get(channel, (("", ""), ("", "")))[0][0]
    if given := environment.get(variable, "").strip():
        policy = given
    for _, block in blocks:
        extra = block.get("extra")
        for place in (block, extra if isinstance(extra, Mapping) else {}):
            policy = scalar_text(place.get("dm_policy")) or policy
    return policy.lower() == "allowlist"


def _open_group_list(
    profile: ProfileFacts, channel: str, environment: Mapping[str, str], facts: Facts
) -> tuple[str | None, tuple[str, ...] | None]:
    """Return the variable, or the path in config.yaml, that opens a channel to every group; (None, None) without one.

    Everyone can add a bot to a group.
    """
    for variable in GROUP_LISTS.get(channel, ()):
        if environment.get(variable, "").strip():
            if "*" in [entry.strip() for entry in environment[variable].split(",")]:
                return variable, None
            continue
        keys = [key for key, name, _ in CONFIG_VARIABLES.get(channel, ()) if name == variable]
        for path, block in (*channel_blocks(profile, channel, facts.catalog), *_own_section(profile, channel, facts)):
            for key in keys:
                if _admits_all(block.get(key)):
                    return None, (*path, key)
    return None, None


def _own_section(
    profile: ProfileFacts, channel: str, facts: Facts
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    gateway = profile.config.get("gateway")
    for path, place in (((), profile.config), (("gateway",), gateway if isinstance(gateway, Mapping) else {})):
        for name, block in place.items():
            if isinstance(block, Mapping) and facts.catalog.channel_of_config_key(str(name)) == channel:
                yield (*path, str(name)), block


def _admits_all(value: object) -> bool:
    """Return whether an allow-list admits everyone: `*` alone, in a list, in a text with commas or in JSON."""
    if isinstance(value, list | tuple):
        return any(_admits_all(item) for item in value if not isinstance(item, list | tuple))
    return isinstance(value, str) and "*" in [user.strip(" []\"'") for user in value.split(",")]


@lru_cache(maxsize=256)
def _admission(catalog: Catalog, channel: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the allow-all variables and the allow-list variables of a channel."""
    own = [
        key.name
        for key in catalog.channels[channel].keys
        if key.key_class is KeyClass.IDENTITY_SETTING and catalog.channels_of(key.name)[:1] == (channel,)
    ]
    return tuple(name for name in own if name.endswith("_ALLOW_ALL_USERS")), tuple(
        name for name in own if name.endswith("_ALLOWED_USERS")
    )


def _opened_by(channel: str, environment: Mapping[str, str], facts: Facts) -> str | None:
    """Return the variable that opens a channel to everyone, None without one."""
    flags, lists = _admission(facts.catalog, channel)
    if not flags:
        return None  # access is controlled by a key or a signature
    for name in flags:
        if environment.get(name, "").strip().lower() in TRUTHY_ACCESS:
            return name
    for name in (*(name for name in lists if "GROUP" not in name), GATEWAY_ALLOWED_USERS):
        if "*" in [user.strip() for user in environment.get(name, "").split(",")]:
            return name
    # The flag for all channels counts only where no list does.
    has_allowlist = any(environment.get(name, "").strip() for name in (*lists, GATEWAY_ALLOWED_USERS))
    name = GATEWAY_ALLOW_ALL_USERS
    return name if environment.get(name, "").strip().lower() in TRUTHY_ACCESS and not has_allowlist else None
