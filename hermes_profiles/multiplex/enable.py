"""Plans the file changes that enable the multiplexer: its setting, pinned settings, and approvals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.yaml.set_path import set_path
from hermes_profiles.documents.yaml.value import parse_scalar
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.settings.files import SettingsFile, check_may_write, settings_file, with_variable

from .access import check_access, open_policy_issues, pairing_issues
from .approvals import MovedApprovals, move_to_multiplexer
from .busy_messages import allowlists_for_busy_messages, with_allowlists
from .facts import MultiplexFacts, multiplex_setting
from .limits import disabled_channels, limit_issues
from .model import Issue, IssueSeverity, PinnedSetting
from .saved_state import COMMAND, MULTIPLEX, SavedState


class EnablePlan(NamedTuple):
    """Changes of files that enable the multiplexer, and the issues that it would cause.

    `setting`: the path of config.yaml that is set, and its value before (None if unset); `steps`: () when every file
    already has its content.
    """

    issues: tuple[Issue, ...]
    pinned: tuple[PinnedSetting, ...]
    approvals: tuple[MovedApprovals, ...]
    setting: tuple[tuple[str, ...], str | None]
    steps: tuple[Step, ...]

    def plan(self, more: Iterable[Step] = ()) -> ChangePlan | None:
        """Return the change, None when there is nothing to write."""
        steps = (*self.steps, *more)
        if not steps:
            return None
        names = [*(each.profile for each in self.pinned), *(each.profile for each in self.approvals)]
        profiles = dict.fromkeys((DEFAULT, *names))
        return ChangePlan((*COMMAND, MULTIPLEX), "have one gateway serve all profiles", steps, profiles=tuple(profiles))


def plan_enable(layout: Layout, facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> EnablePlan:
    """Return the plan that has a multiplexer serve all these profiles.

    Raises DocumentError for a file that cannot be edited with certainty, Refused for one that other profiles read.
    """
    allowlists = allowlists_for_busy_messages(facts)
    facts = with_allowlists(facts, allowlists)
    access = check_access(facts, catalog)
    pinned = (*allowlists, *access.pinned, *disabled_channels(facts, catalog))
    issues = (
        *_overruled(facts),
        *limit_issues(facts, catalog),
        *open_policy_issues(facts),
        *access.issues,
        *pairing_issues(facts),
        *_conversations(facts),
    )
    moved = tuple(
        each for name, one in facts.items() if name != DEFAULT for each in move_to_multiplexer(name, one.home)
    )
    path, before = multiplex_setting(layout.home(DEFAULT))
    steps = [*_set_multiplex(layout, path, before), *_pin_settings(layout, pinned, catalog)]
    steps += [step for each in moved for step in each.steps]
    value_before = None if before is None else str(before).lower() if isinstance(before, bool) else str(before)
    return EnablePlan(tuple(issues), pinned, moved, (path, value_before), tuple(steps))


def _overruled(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield the variable that overrides config.yaml, if it is off."""
    default = facts.get(DEFAULT)
    value = default.environment.get(GATEWAY_MULTIPLEX_PROFILES, "") if default is not None else ""
    if default is None or value.strip().lower() not in multiplexing.OFF:
        return
    place = default.place(GATEWAY_MULTIPLEX_PROFILES)
    yield Issue(
        DEFAULT,
        "overruled",
        f"{GATEWAY_MULTIPLEX_PROFILES} is off in {place} and overrides config.yaml",
        IssueSeverity.REFUSE,
        place,
        f"remove it: `hermes-profiles env unset default {GATEWAY_MULTIPLEX_PROFILES}`",
    )


def _conversations(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    if any(one.held.channels for name, one in facts.items() if name != DEFAULT):
        yield Issue(
            DEFAULT,
            "conversations",
            "conversations restart: the multiplexer keeps them in default's home, a profile's own gateway in the "
            "profile's home",
            IssueSeverity.NOTE,
            hint="list the old ones with `hermes -p NAME sessions list`",
        )


def _set_multiplex(layout: Layout, path: tuple[str, ...], before: object) -> Iterator[ReplaceFile]:
    if before is not None and is_truthy(before):
        return
    file = settings_file(layout, DEFAULT, CONFIG_FILE)
    check_may_write(layout, file)
    step = file.replaced(set_path(file.config(), path, parse_scalar("true")).raw, private=False)
    if step is not None:
        yield step


def _pin_settings(layout: Layout, pinned: Sequence[PinnedSetting], catalog: Catalog) -> Iterator[ReplaceFile]:
    """Yield a step for each file that gets a pinned setting."""
    for profile, name in dict.fromkeys((each.profile, each.file) for each in pinned):
        mine = [each for each in pinned if (each.profile, each.file) == (profile, name)]
        file = settings_file(layout, profile, name)
        check_may_write(layout, file)
        content = _with_variables(file, mine, catalog) if name == ENV_FILE else _with_settings(file, mine)
        step = file.replaced(content, private=name == ENV_FILE)
        if step is not None:
            yield step


def _with_variables(file: SettingsFile, pinned: Iterable[PinnedSetting], catalog: Catalog) -> bytes:
    content = file.raw or b""
    for each in pinned:
        content = with_variable(file._replace(raw=content), each.key[0], each.value, catalog)
    return content


def _with_settings(file: SettingsFile, pinned: Iterable[PinnedSetting]) -> bytes:
    document = file.config()
    for each in pinned:
        document = set_path(document, each.key, parse_scalar(each.value))
    return document.raw


def with_plan(record: SavedState, enable: EnablePlan, layout: Layout) -> SavedState:
    """Return a saved state with the settings and approvals of a plan.

    Each setting has a keyed fingerprint of its value, which shows later whether it was changed since.
    """
    key = any_key(layout)
    pinned = {name: dict(rows) for name, rows in record.pinned.items()}
    for each in enable.pinned:
        digest = fingerprint(each.value, key)
        pinned.setdefault(each.profile, {})[f"{each.file}:{'.'.join(each.key)}"] = digest
    approvals = {name: list(rows) for name, rows in record.approvals.items()}
    for moved in enable.approvals:
        approvals.setdefault(moved.profile, []).append(moved.channel)
    return record._replace(
        pinned={name: tuple(rows.items()) for name, rows in pinned.items()},
        approvals={name: tuple(dict.fromkeys(rows)) for name, rows in approvals.items()},
    )
