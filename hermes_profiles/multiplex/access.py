"""Who may talk to whom, before and after: nobody may get in who was out, nobody be locked out who was in. Pure.

Hermes 0.19.0 (gateway/authz_mixin.py, `_auth_env`) takes an allow-list from a served profile's own `.env`, and where
that has none or a blank one, from the environment of the process: the default's. Adapters look there first and last
(`os.getenv`), except those of `READ_PER_PROFILE`. And a list in config.yaml becomes a variable of the whole process
(`_apply_yaml_config` of each adapter), whichever profile it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channel_settings import below, mapping
from hermes_profiles.hermes import access as hermes_access
from hermes_profiles.hermes.environment import (
    GATEWAY_ALLOW_ALL_USERS,
    GATEWAY_ALLOWED_USERS,
    TRUTHY_ACCESS,
)
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.names import DEFAULT

from .facts import MultiplexFacts
from .model import Issue, IssueSeverity, PinnedSetting

_ACCESS = re.compile(r"ALLOW|POLICY|GUEST|IGNORE|TRUST")
_NO_ACCESS = re.compile(r"_HOME_|FREE_RESPONSE|CRON_THREAD")


class Access(NamedTuple):
    """What is written so that access stays as it is, and what cannot be kept so."""

    pinned: tuple[PinnedSetting, ...]
    issues: tuple[Issue, ...]


def check_access(facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> Access:
    """Return how the access to each profile stays what it is, for all profiles that one gateway would serve."""
    process = _process_environment(facts)
    pinned: list[PinnedSetting] = []
    issues: list[Issue] = []
    for name, one in facts.items():  # the default comes first: what is written for it is the process's
        check = _AccessCheck(one, catalog, process)
        check.run()
        pinned += check.pinned
        issues += check.issues
        if name == DEFAULT:
            process |= {each.key[0]: each.value for each in check.pinned}
    return Access(tuple(pinned), tuple(issues))


def open_policy_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield profiles for which the whole gateway would not start: a policy `open`, and the process has not opted in
    (gateway/run.py, `_own_policy_open_startup_violation`; a named profile's own opt-in is not looked at)."""
    process = _process_environment(facts)
    for name, one in facts.items():
        for channel in one.held.channels:
            opt_in = hermes_access.allow_all_variable(channel)
            opted_in = _is_true(process.get(GATEWAY_ALLOW_ALL_USERS)) or _is_true(process.get(opt_in))
            if (
                channel not in hermes_access.POLICIES
                or opted_in
                or "open" not in effective_policies(one, channel, process)
            ):
                continue
            (variable, _), _ = hermes_access.POLICIES[channel]
            place = one.place(variable) if variable in one.scope else str(one.home / CONFIG_FILE)
            yield Issue(
                name,
                "open-policy",
                f"{name}: {channel} is open to everybody ({place}), and default does not set {opt_in}: the "
                "gateway of all would not start",
                IssueSeverity.REFUSE,
                place,
                f"let in whom you choose: `hermes-profiles env unset {name} {variable}`"
                if variable in one.scope
                else f"let in whom you choose: `hermes-profiles config set {name} "
                f"platforms.{channel}.extra.dm_policy pairing`",
            )


def pairing_issues(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield, to be known, profiles that let new people in by pairing: the code they get is one of default's
    (gateway/run.py asks `self.pairing_store` for every profile), and approving it lets them in there alone."""
    process = _process_environment(facts)
    for name, one in facts.items():
        for channel in one.held.channels if name != DEFAULT else ():
            if channel in hermes_access.POLICIES and effective_policies(one, channel, process)[0] == "pairing":
                yield Issue(
                    name,
                    "pairing-codes",
                    f"{name}: whoever is new on {channel} gets a pairing code of default's: "
                    "approving it lets them in there, and not here",
                    IssueSeverity.NOTE,
                    str(one.home / "pairing"),
                    f"let somebody in by the list: `hermes-profiles env set {name} {channel.upper()}_ALLOWED_USERS`",
                )


def effective_policies(one: MultiplexFacts, channel: str, process: Mapping[str, str]) -> tuple[str, str]:
    """Return the policies for direct messages and for groups that the adapter of a served profile would have."""
    blocks = _blocks(one.config, channel)
    found = []
    for (variable, otherwise), key in zip(hermes_access.POLICIES[channel], ("dm_policy", "group_policy"), strict=True):
        own = one.scope.get(variable, "").strip() if channel in hermes_access.READ_PER_PROFILE else ""
        set_there = next((str(below(each, "extra")[key]) for each in blocks if below(each, "extra").get(key)), "")
        found.append((own or set_there or process.get(variable, "").strip() or otherwise).strip().lower())
    return found[0], found[1]


class _AccessCheck:
    """Judges one profile. `process`: the environment of the one gateway."""

    def __init__(self, one: MultiplexFacts, catalog: Catalog, process: Mapping[str, str]) -> None:
        self._one = one
        self._catalog = catalog
        self._process = process
        self._bridged = bridged_variables(one.config)
        self._written: dict[str, tuple[str, str]] = {}
        self.issues: list[Issue] = []

    @property
    def pinned(self) -> list[PinnedSetting]:
        """Return what is to be written, by variable."""
        return [
            PinnedSetting(self._one.name, ENV_FILE, (name,), value, why)
            for name, (value, why) in sorted(self._written.items())
        ]

    def run(self) -> None:
        """Judge every channel that is on."""
        for channel in self._one.held.channels:
            if channel not in self._catalog.channels or channel in ("webhook", "homeassistant", "api_server", "relay"):
                continue  # asks nobody for an allow-list
            names = [
                fact.name
                for fact in self._catalog.channels[channel].keys
                if fact.key_class is KeyClass.IDENTITY_SETTING
                and _ACCESS.search(fact.name)
                and not _NO_ACCESS.search(fact.name)
            ]
            self._judge_lists(channel, names)
            for name in (hermes_access.allow_all_variable(channel), GATEWAY_ALLOW_ALL_USERS):
                self._judge_switch(name)
            self._judge_policies(channel)
            if self._one.name != DEFAULT:
                self._judge_adapter(channel, names)

    def _before(self, name: str) -> str:
        return (self._one.environment.get(name, "").strip() or self._bridged.get(name, "")).strip()

    def _after(self, name: str) -> str:
        own = self._written[name][0] if name in self._written else self._one.scope.get(name, "")
        return own.strip() or self._process.get(name, "").strip()

    def _judge_switch(self, name: str) -> None:
        before, after = _is_true(self._before(name)), _is_true(self._after(name))
        if before is not after:
            self._write(name, "true" if before else "false")

    def _judge_lists(self, channel: str, names: Iterable[str]) -> None:
        """Keep the lists that the gateway asks for as they are."""
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
        _, group = effective_policies(self._one, channel, {}) if channel in hermes_access.POLICIES else ("", "")
        if had_none and group == "allowlist" and not _is_true(self._before(GATEWAY_ALLOW_ALL_USERS)):
            self._limit_groups(channel, changed)

    def _users(self, channel: str, *, had_none: bool) -> str:
        """Return the list of a channel that stands for what there was without one.

        Without any list the gateway believes an adapter whose policy is a list, or lets everybody in; with one it does
        neither. And a list of some channels is what their adapter goes by, too, in place of the one in config.yaml.
        """
        allowed = _extra_list(self._one.config, channel, "allow_from")
        direct = effective_policies(self._one, channel, {})[0] if channel in hermes_access.POLICIES else ""
        everywhere = _ids(self._before(GATEWAY_ALLOWED_USERS))
        if direct == "allowlist" and (had_none or channel in hermes_access.LIST_REPLACES_CONFIG):
            all_of_them = (
                had_none or "*" in everywhere or _is_true(self._before(hermes_access.allow_all_variable(channel)))
            )
            return ",".join(one for one in allowed if all_of_them or one in everywhere) or hermes_access.EMPTY_LIST
        return "*" if had_none and _is_true(self._before(GATEWAY_ALLOW_ALL_USERS)) else hermes_access.EMPTY_LIST

    def _limit_groups(self, channel: str, changed: Iterable[str]) -> None:
        name, variable = self._one.name, next(iter(changed))
        self.issues.append(
            Issue(
                name,
                "inherited-access",
                f"{name}: members of an allowed group of {channel} may talk to it and no longer could: default's "
                f"{variable} counts for every profile that has none",
                IssueSeverity.REFUSE,
                str(self._one.home / CONFIG_FILE),
                f"take it out of default's environment: `hermes-profiles env unset default {variable}`",
            )
        )

    def _judge_policies(self, channel: str) -> None:
        """Keep policies that the adapter would take from the process where the profile says nothing."""
        if channel not in hermes_access.READ_PER_PROFILE or self._one.name == DEFAULT:
            return
        mine, theirs = effective_policies(self._one, channel, {}), effective_policies(self._one, channel, self._process)
        for (variable, _), own, other in zip(hermes_access.POLICIES[channel], mine, theirs, strict=True):
            if own != other:
                self._write(variable, own)
        for variable, key in hermes_access.CONFIG_LISTS.get(channel, {}).items():
            inherits = self._process.get(variable, "").strip() and not self._one.scope.get(variable, "").strip()
            if inherits and variable not in self._written and not _has_extra(self._one.config, channel, key):
                self._write(variable, hermes_access.EMPTY_LIST)

    def _judge_adapter(self, channel: str, names: Iterable[str]) -> None:
        """Name what the adapter takes from the process, whatever the profile says."""
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
            self._limit_adapter(channel, name, before, process)

    def _limit_adapter(self, channel: str, name: str, before: str, process: str) -> None:
        own = self._one.name
        if process:
            self.issues.append(
                Issue(
                    own,
                    "foreign-access",
                    f"{own}: its {channel} would go by default's {name}, and not by {'its own' if before else 'none'}",
                    IssueSeverity.REFUSE,
                    self._one.place(name) if before else None,
                    f"take it out of default's environment: `hermes-profiles env unset default {name}`; it then counts "
                    "for nobody but those who have their own",
                )
            )
        else:
            self.issues.append(
                Issue(
                    own,
                    "unread-access",
                    f"{own}: its own {name} is not read by the {channel} adapter of one gateway for "
                    "all: somebody it lets in may be turned away",
                    IssueSeverity.DECIDE,
                    self._one.place(name),
                    f"see what it is: `hermes-profiles show {own}`",
                )
            )

    def _write(self, name: str, value: str) -> None:
        whose = "has its own" if value not in (hermes_access.EMPTY_LIST, "false") else "lets in nobody by it"
        self._written[name] = (value, f"{name}: {self._one.name} {whose}, whatever the default's is")


def _process_environment(facts: Mapping[str, MultiplexFacts]) -> dict[str, str]:
    """Return the environment of the one gateway: the default's, and what config.yaml of anybody turns into variables
    that nobody had set before."""
    default = facts.get(DEFAULT)
    found = dict(default.environment) if default is not None else {}
    for one in facts.values():
        for name, value in bridged_variables(one.config).items():
            if not found.get(name, "").strip():
                found[name] = value
    return found


def bridged_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of access that Hermes makes of a config.yaml."""
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
    """Return the blocks of a channel, the one Hermes looks at first in front."""
    gateway = mapping(config.get("gateway"))
    places = (config, mapping(gateway.get("platforms")), mapping(config.get("platforms")))
    return [place[channel] for place in places if isinstance(place.get(channel), Mapping)]


def _extra_list(config: Mapping[str, Any], channel: str, key: str) -> tuple[str, ...]:
    for block in _blocks(config, channel):
        value = below(block, "extra").get(key)
        if value:
            return tuple(sorted(_ids(_joined(value))))
    return ()


def _has_extra(config: Mapping[str, Any], channel: str, key: str) -> bool:
    return any(below(block, "extra").get(key) is not None for block in _blocks(config, channel))


def _joined(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ids(text: str | None) -> frozenset[str]:
    return frozenset(each.strip() for each in (text or "").split(",") if each.strip())


def _parsed_list(text: str) -> tuple[bool, frozenset[str]]:
    """Return what a list is to Hermes: whether it is one at all, and who is on it."""
    return bool(text.strip()), _ids(text)


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in TRUTHY_ACCESS


def _is_same_value(name: str, before: str, process: str) -> bool:
    """Return whether two values of a variable mean the same."""
    if "ALLOW_ALL" in name:
        return _is_true(before) is _is_true(process)
    return before.lower() == process.lower() or (bool(_ids(before)) and _ids(before) == _ids(process))
