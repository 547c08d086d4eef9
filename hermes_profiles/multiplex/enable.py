"""Plans the file changes that enable the multiplexer: its setting, pinned settings, and approvals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import parse_scalar
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.settings.files import SettingsFile, check_may_write, settings_file, with_variable

from .access import check_access, open_policy_issues, pairing_issues
from .approvals import MovedApprovals, move_to_multiplexer
from .busy_messages import allowlists_for_busy_messages, with_allowlists
from .facts import MultiplexFacts, multiplex_setting
from .ingress_limits import ingress_limit_issues
from .limits import disabled_channels, limit_issues
from .model import Issue, IssueSeverity, PinnedSetting
from .saved_state import COMMAND, MULTIPLEX, SavedState
from .update_settings import read_update_settings


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


def plan_enable(
    layout: Layout, facts: Mapping[str, MultiplexFacts], catalog: Catalog, hermes: HermesFacts = BASE
) -> EnablePlan:
    """Return the plan that has a multiplexer serve all these profiles. `hermes`: the installed one.

    Raises DocumentError for a file that cannot be edited with certainty, Refused for one that other profiles read.
    """
    if hermes.has(Behaviour.PROFILE_INGRESS):
        return _plan_one_gateway(layout, facts, catalog, hermes)
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
    return EnablePlan(tuple(issues), pinned, moved, (path, _setting_text(before)), tuple(steps))


def _setting_text(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _plan_one_gateway(
    layout: Layout, facts: Mapping[str, MultiplexFacts], catalog: Catalog, hermes: HermesFacts
) -> EnablePlan:
    """Return the plan for a Hermes that reads accounts and access of each profile from the profile alone.

    Nothing is pinned. What keeps a profile apart, or marks a migration of Hermes as unfinished, is removed.
    """
    settings = read_update_settings(layout, facts)
    issues = (
        *_overruled(facts),
        *ingress_limit_issues(facts, catalog, parked=settings.parked),
        *_conversations(facts),
    )
    path, before = multiplex_setting(layout.home(DEFAULT))
    steps: list[Step] = [*_set_multiplex(layout, path, before)]
    if hermes.has(Behaviour.ONE_GATEWAY):
        for name in sorted(settings.standalone & set(facts)):
            steps += set_in_config(layout, name, multiplexing.STANDALONE, None)
    if settings.migration is not None:
        manifest = settings.migration.path
        steps.append(ReplaceFile(manifest, None, expected=signature(manifest)))
    return EnablePlan(issues, (), (), (path, _setting_text(before)), tuple(steps))


def set_in_config(layout: Layout, profile: str, path: tuple[str, ...], value: str | None) -> Iterator[ReplaceFile]:
    """Yield the step that sets a key of config.yaml, or removes it with its empty section (None).

    Raises DocumentError for a file that cannot be edited with certainty, Refused for one that other profiles read.
    """
    file = settings_file(layout, profile, CONFIG_FILE)
    check_may_write(layout, file)
    if value is not None:
        document = set_path(file.config(), path, parse_scalar(value))
    else:
        document = delete_path(file.config(), path)
        above = document.value().at(path[:-1])
        if len(path) > 1 and above is not None and not above.items:
            document = delete_path(document, path[:-1])
    step = file.replaced(document.raw, private=False)
    if step is not None:
        yield step


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
    if before is None or not is_truthy(before):
        yield from set_in_config(layout, DEFAULT, path, "true")


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
