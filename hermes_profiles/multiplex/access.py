"""Checks that a switch to the multiplexer neither grants nor removes access for anyone. Pure.

Hermes 0.19.0 (gateway/authz_mixin.py, `_auth_env`) reads an allow-list from a served profile's own `.env`. If that has
none or a blank one, it reads the environment of the process, which is default's. Adapters read the environment alone
(`os.getenv`), except those of `READ_PER_PROFILE`. A list in any profile's config.yaml becomes a variable of the whole
process (`_apply_yaml_config` of each adapter).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_settings import below, mapping
from hermes_profiles.hermes import access as hermes_access
from hermes_profiles.hermes.environment import (
    GATEWAY_ALLOW_ALL_USERS,
    GATEWAY_ALLOWED_USERS,
    TRUTHY_ACCESS,
)
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern

from .facts import MultiplexFacts
from .model import Issue, IssueSeverity, PinnedSetting

_ACCESS = lazy_pattern(r"ALLOW|POLICY|GUEST|IGNORE|TRUST")
_NO_ACCESS = lazy_pattern(r"_HOME_|FREE_RESPONSE|CRON_THREAD")


class Access(NamedTuple):
    """Settings to write so that access stays the same, and issues where that is not possible."""

    pinned: tuple[PinnedSetting, ...]
    issues: tuple[Issue, ...]


def check_access(facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> Access:
    """Return the settings that keep the access to each profile as it is, and the issues that remain."""
    process = _process_environment(facts)
    pinned: list[PinnedSetting] = []
    issues: list[Issue] = []
    for name, profile in facts.items():  # default comes first: its settings become those of the process
        check = _AccessCheck(profile, catalog, process)
        check.run()
        pinned += check.pinned
        issues += check.issues
        if name == DEFAULT:
            process |= {each.key[0]: each.value for each in check.pinned}
    return Access(tuple(pinned), tuple(issues))


def open_policy_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield profiles with an `open` policy that default does not opt in to: the multiplexer would not start.

    Source: gateway/run.py, `_own_policy_open_startup_violation`, which ignores a named profile's own opt-in.
    """
    process = _process_environment(facts)
    for name, profile in facts.items():
        for channel in profile.held.channels:
            opt_in = hermes_access.allow_all_variable(channel)
            opted_in = _is_true(process.get(GATEWAY_ALLOW_ALL_USERS)) or _is_true(process.get(opt_in))
            if (
                channel not in hermes_access.POLICIES
                or opted_in
                or "open" not in effective_policies(profile, channel, process)
            ):
                continue
            (variable, _), _ = hermes_access.POLICIES[channel]
            place = profile.place(variable) if variable in profile.scope else str(profile.home / CONFIG_FILE)
            yield Issue(
                name,
                "open-policy",
                f"{name}: the multiplexer would not start: {channel} is open to everyone ({place}), and default does "
                f"not set {opt_in}",
                IssueSeverity.REFUSE,
                place,
                f"remove the open policy: `hermes-profiles env unset {name} {variable}`"
                if variable in profile.scope
                else f"set a stricter policy: `hermes-profiles config set {name} "
                f"platforms.{channel}.extra.dm_policy pairing`",
            )


def pairing_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield profiles that admit new users by pairing: a user's approval would count for default alone.

    Source: gateway/run.py, which uses default's `self.pairing_store` for every profile.
    """
    process = _process_environment(facts)
    for name, profile in facts.items():
        for channel in profile.held.channels if name != DEFAULT else ():
            if channel in hermes_access.POLICIES and effective_policies(profile, channel, process)[0] == "pairing":
                yield Issue(
                    name,
                    "pairing-codes",
                    f"{name}: new {channel} users get a pairing code of default; its approval admits them to default, "
                    f"not to {name}",
                    IssueSeverity.NOTE,
                    str(profile.home / "pairing"),
                    f"add users to the allow-list: `hermes-profiles env set {name} {channel.upper()}_ALLOWED_USERS`",
                )


def effective_policies(profile: MultiplexFacts, channel: str, process: Mapping[str, str]) -> tuple[str, str]:
    """Return the policies that the adapter of a served profile uses for direct messages and for groups."""
    blocks = _blocks(profile.config, channel)
    found = []
    for (variable, fallback), key in zip(hermes_access.POLICIES[channel], ("dm_policy", "group_policy"), strict=True):
        own = profile.scope.get(variable, "").strip() if channel in hermes_access.READ_PER_PROFILE else ""
        in_config = next((str(below(each, "extra")[key]) for each in blocks if below(each, "extra").get(key)), "")
        found.append((own or in_config or process.get(variable, "").strip() or fallback).strip().lower())
    return found[0], found[1]


class _AccessCheck:
    """Checks the access to profile profile. `process`: the environment of the multiplexer."""

    def __init__(self, profile: MultiplexFacts, catalog: Catalog, process: Mapping[str, str]) -> None:
        self._profile = profile
        self._catalog = catalog
        self._process = process
        self._bridged = bridged_variables(profile.config)
        self._written: dict[str, tuple[str, str]] = {}
        self.issues: list[Issue] = []

    @property
    def pinned(self) -> list[PinnedSetting]:
        """Return the settings to write, sorted by variable."""
        return [
            PinnedSetting(self._profile.name, ENV_FILE, (name,), value, why)
            for name, (value, why) in sorted(self._written.items())
        ]

    def run(self) -> None:
        """Check every enabled channel."""
        for channel in self._profile.held.channels:
            if channel not in self._catalog.channels or channel in ("webhook", "homeassistant", "api_server", "relay"):
                continue  # these channels have no allow-list
            names = [
                fact.name
                for fact in self._catalog.channels[channel].keys
                if fact.key_class is KeyClass.IDENTITY_SETTING
                and _ACCESS.search(fact.name)
                and not _NO_ACCESS.search(fact.name)
            ]
            self._check_lists(channel, names)
            for name in (hermes_access.allow_all_variable(channel), GATEWAY_ALLOW_ALL_USERS):
                self._check_flag(name)
            self._check_policies(channel)
            if self._profile.name != DEFAULT:
                self._check_adapter(channel, names)

    def _before(self, name: str) -> str:
        return (self._profile.environment.get(name, "").strip() or self._bridged.get(name, "")).strip()

    def _after(self, name: str) -> str:
        own = self._written[name][0] if name in self._written else self._profile.scope.get(name, "")
        return own.strip() or self._process.get(name, "").strip()

    def _check_flag(self, name: str) -> None:
        before, after = _is_true(self._before(name)), _is_true(self._after(name))
        if before is not after:
            self._write(name, "true" if before else "false")

    def _check_lists(self, channel: str, names: Iterable[str]) -> None:
        """Keep the effect of the allow-lists that the gateway reads."""
        users = next((name for name in names if name.endswith("_ALLOWED_USERS") and "_GROUP_" not in name), "")
        lists = [name for name in names if name in hermes_access.ADAPTER_LISTS or name == users] + [
            GATEWAY_ALLOWED_USERS
        ]
        changed = [name for name in lists if _parsed_list(self._before(name)) != _parsed_list(self._after(name))]
        if not changed:
            return
        had_none = not any(self._before(name) for name in lists)
        for name in changed:
            self._write(name, self._before(name) or hermes_access.EMPTY_LIST)
        if users and not self._before(users) and (had_none or users in changed):
            self._write(users, self._users(channel, had_none=had_none))
        _, group = effective_policies(self._profile, channel, {}) if channel in hermes_access.POLICIES else ("", "")
        if had_none and group == "allowlist" and not _is_true(self._before(GATEWAY_ALLOW_ALL_USERS)):
            self._group_issue(channel, changed)

    def _users(self, channel: str, *, had_none: bool) -> str:
        """Return the allow-list of a channel that has the same effect as having no list.

        Without any list the gateway trusts an adapter with policy `allowlist`, or admits everyone; with a list it does
        neither. On some channels the adapter also uses the list instead of the one in config.yaml.
        """
        allowed = _extra_list(self._profile.config, channel, "allow_from")
        direct = effective_policies(self._profile, channel, {})[0] if channel in hermes_access.POLICIES else ""
        for_all_channels = user_ids(self._before(GATEWAY_ALLOWED_USERS))
        if direct == "allowlist" and (had_none or channel in hermes_access.LIST_REPLACES_CONFIG):
            is_any = (
                had_none or "*" in for_all_channels or _is_true(self._before(hermes_access.allow_all_variable(channel)))
            )
            return ",".join(user for user in allowed if is_any or user in for_all_channels) or hermes_access.EMPTY_LIST
        return "*" if had_none and _is_true(self._before(GATEWAY_ALLOW_ALL_USERS)) else hermes_access.EMPTY_LIST

    def _group_issue(self, channel: str, changed: Iterable[str]) -> None:
        name, variable = self._profile.name, next(iter(changed))
        self.issues.append(
            Issue(
                name,
                "inherited-access",
                f"{name}: members of an allowed {channel} group would lose access: default's {variable} applies to "
                "every profile that has none",
                IssueSeverity.REFUSE,
                str(self._profile.home / CONFIG_FILE),
                f"remove it from default's environment: `hermes-profiles env unset default {variable}`",
            )
        )

    def _check_policies(self, channel: str) -> None:
        """Keep policies that the adapter would read from the process because the profile has none."""
        if channel not in hermes_access.READ_PER_PROFILE or self._profile.name == DEFAULT:
            return
        mine, theirs = (
            effective_policies(self._profile, channel, {}),
            effective_policies(self._profile, channel, self._process),
        )
        for (variable, _), own, other in zip(hermes_access.POLICIES[channel], mine, theirs, strict=True):
            if own != other:
                self._write(variable, own)
        for variable, key in hermes_access.CONFIG_LISTS.get(channel, {}).items():
            inherits = self._process.get(variable, "").strip() and not self._profile.scope.get(variable, "").strip()
            if inherits and variable not in self._written and not _has_extra(self._profile.config, channel, key):
                self._write(variable, hermes_access.EMPTY_LIST)

    def _check_adapter(self, channel: str, names: Iterable[str]) -> None:
        """Report variables that the adapter reads from the process and not from the profile."""
        if channel in hermes_access.READ_PER_PROFILE:
            return
        asked = [name for name in names if name not in hermes_access.READ_BY_GATEWAY_ALONE]
        for name in (
            *asked,
            *((GATEWAY_ALLOW_ALL_USERS, GATEWAY_ALLOWED_USERS) if channel in hermes_access.READ_GATEWAY_LISTS else ()),
        ):
            before, process = self._before(name), self._process.get(name, "").strip()
            if _is_same_value(name, before, process):
                continue
            self._adapter_issue(channel, name, before, process)

    def _adapter_issue(self, channel: str, name: str, before: str, process: str) -> None:
        own = self._profile.name
        if process:
            self.issues.append(
                Issue(
                    own,
                    "foreign-access",
                    f"{own}: its {channel} would use default's {name} instead of {'its own' if before else 'none'}",
                    IssueSeverity.REFUSE,
                    self._profile.place(name) if before else None,
                    f"remove it from default's environment: `hermes-profiles env unset default {name}`",
                )
            )
        else:
            self.issues.append(
                Issue(
                    own,
                    "unread-access",
                    f"{own}: the multiplexer's {channel} adapter does not read its {name}: users that it allows may be "
                    "rejected",
                    IssueSeverity.DECIDE,
                    self._profile.place(name),
                    f"show the setting: `hermes-profiles show {own}`",
                )
            )

    def _write(self, name: str, value: str) -> None:
        what = "its own value" if value not in (hermes_access.EMPTY_LIST, "false") else "a value that allows no profile"
        self._written[name] = (value, f"{name}: {self._profile.name} gets {what}, so default's does not apply")


def _process_environment(facts: Mapping[str, MultiplexFacts]) -> dict[str, str]:
    """Return the environment of the multiplexer: default's, then unset variables that any config.yaml provides."""
    default = facts.get(DEFAULT)
    found = dict(default.environment) if default is not None else {}
    for profile in facts.values():
        for name, value in bridged_variables(profile.config).items():
            if not found.get(name, "").strip():
                found[name] = value
    return found


def bridged_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the access variables that Hermes derives from a config.yaml."""
    found: dict[str, str] = {}
    for channel, rows in hermes_access.CONFIG_VARIABLES.items():
        block = next(iter(_blocks(config, channel)), {})
        for key, variable, in_extra in rows:
            value = block.get(key)
            if value is None and in_extra:
                value = below(block, "extra").get(key)
            if value is not None:
                found[variable] = _joined(value)
    return {name: value for name, value in found.items() if value.strip()}


def _blocks(config: Mapping[str, Any], channel: str) -> list[Mapping[str, Any]]:
    """Return the blocks of a channel, in the order in which Hermes reads them."""
    gateway = mapping(config.get("gateway"))
    places = (config, mapping(gateway.get("platforms")), mapping(config.get("platforms")))
    return [place[channel] for place in places if isinstance(place.get(channel), Mapping)]


def _extra_list(config: Mapping[str, Any], channel: str, key: str) -> tuple[str, ...]:
    for block in _blocks(config, channel):
        value = below(block, "extra").get(key)
        if value:
            return tuple(sorted(user_ids(_joined(value))))
    return ()


def _has_extra(config: Mapping[str, Any], channel: str, key: str) -> bool:
    return any(below(block, "extra").get(key) is not None for block in _blocks(config, channel))


def _joined(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def user_ids(text: str | None) -> frozenset[str]:
    """Return the user ids of an allow-list."""
    return frozenset(each.strip() for each in (text or "").split(",") if each.strip())


def _parsed_list(text: str) -> tuple[bool, frozenset[str]]:
    """Return whether Hermes treats a text as a list, and its user ids."""
    return bool(text.strip()), user_ids(text)


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in TRUTHY_ACCESS


def _is_same_value(name: str, before: str, process: str) -> bool:
    """Return whether two values of a variable are equivalent."""
    if "ALLOW_ALL" in name:
        return _is_true(before) is _is_true(process)
    return before.lower() == process.lower() or (bool(user_ids(before)) and user_ids(before) == user_ids(process))
