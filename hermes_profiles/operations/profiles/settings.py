"""Read and change one setting of config.yaml, or variables of `.env`, and carry settings from profile to profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hermes_profiles.changes.fingerprint_key import answer_key
from hermes_profiles.credentials.catalog.catalog import KeyClass
from hermes_profiles.credentials.detection.secret_detection import Role, is_secret, role_of_name, role_of_path
from hermes_profiles.documents.dotenv.document import EnvEntry
from hermes_profiles.documents.yaml.paths import parsed_path, path_text
from hermes_profiles.documents.yaml.value import Value, scalar
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.profiles.listing import profile_names, require
from hermes_profiles.settings.diff import ProfileDiff, compare
from hermes_profiles.settings.files import (
    SettingsFile,
    check_may_write,
    checked_variable,
    found_value,
    plan_settings,
    settings_file,
    shared_file_warnings,
    variables,
    with_setting,
    with_variable,
    without_variables,
)
from hermes_profiles.settings.matrix import Matrix, compare_all
from hermes_profiles.settings.sharing_warnings import ProfileClaims, shared_with_others
from hermes_profiles.settings.sync import SyncRequest, TargetSync, plan_sync

from ..apply import ChangeResult, carry_out
from ..context import Session
from .credential_warnings import credential_warnings
from .team_warnings import setting_warnings, sync_warnings, variable_warnings

# Replaces a secret.
HIDDEN = "***"
ALL = "all"


class SettingValue(NamedTuple):
    """A setting of config.yaml. `value`: secrets read `***`; `fingerprint`: of a secret, equal for equal values."""

    profile: str
    path: str
    file: Path
    line: int | None
    value: Value
    is_secret: bool
    fingerprint: str | None

    def __repr__(self) -> str:
        return f"SettingValue({self.profile!r}, {self.path!r})"  # the value may be revealed


class SettingTarget(NamedTuple):
    """A setting that is to be changed: its profile and file, after `check_may_write`."""

    file: SettingsFile
    keys: tuple[str, ...]
    warnings: tuple[Problem, ...]

    @property
    def path(self) -> str:
        """Return the path as text."""
        return path_text(self.keys)


class SettingChange(NamedTuple):
    """The result of a changed setting. `before`, `after`: None for no value; secrets read `***`."""

    profile: str
    path: str
    file: Path
    line: int | None
    before: Value | None
    after: Value | None
    is_secret: bool
    change: ChangeResult
    warnings: tuple[Problem, ...]


class VariableEntry(NamedTuple):
    """One line of `.env`. `fingerprint`: None for an empty value; `effective`: False when a later line overrides it."""

    name: str
    role: Role
    line: int
    effective: bool
    fingerprint: str | None


class VariableList(NamedTuple):
    """The variables of a profile's `.env`."""

    profile: str
    file: Path
    variables: tuple[VariableEntry, ...]


class VariableTarget(NamedTuple):
    """A `.env` that is to be changed, after `check_may_write`."""

    file: SettingsFile
    names: tuple[str, ...]
    warnings: tuple[Problem, ...]


class VariableChange(NamedTuple):
    """The result of a variable that was set. `outcome`: set, added or same."""

    profile: str
    name: str
    file: Path
    line: int | None
    role: Role
    outcome: str
    fingerprint: str | None
    change: ChangeResult
    warnings: tuple[Problem, ...]


class VariablesRemoved(NamedTuple):
    """The result of variables that were removed. `absent`: those that were not there."""

    profile: str
    file: Path
    removed: tuple[str, ...]
    absent: tuple[str, ...]
    change: ChangeResult
    warnings: tuple[Problem, ...]


class SettingsSync(NamedTuple):
    """The result of settings carried to other profiles."""

    source: str
    targets: tuple[TargetSync, ...]
    change: ChangeResult
    warnings: tuple[Problem, ...]


def get_setting(session: Session, profile: str, path: str | None = None, *, reveal: bool = False) -> SettingValue:
    """Return a setting of config.yaml, all of them without a path. `reveal`: with its secrets."""
    name, keys = check_existing_name(profile), parsed_path(path) if path is not None else ()
    file = settings_file(session.layout, name, CONFIG_FILE)
    document = file.config()
    value = found_value(file, document, keys)
    shown, secret = (value, False) if reveal else masked(value, keys, session)
    entry = document.get(keys) if keys else None
    mark = fingerprint(value.text, answer_key(session.layout)) if secret and value.kind == "scalar" else None
    return SettingValue(name, path_text(keys), file.path, entry.line if entry else None, shown, secret, mark)


def setting_target(session: Session, profile: str, path: str, *, dry_run: bool = False) -> SettingTarget:
    """Return a setting that may be changed. Raises Refused when its file may not be written."""
    name, keys = check_existing_name(profile), parsed_path(path)
    warnings = session.recover(dry_run=dry_run)
    file = settings_file(session.layout, name, CONFIG_FILE)
    check_may_write(session.layout, file)
    return SettingTarget(file, keys, tuple(warnings))


def change_setting(
    session: Session, target: SettingTarget, new: Value | None, *, dry_run: bool = False
) -> SettingChange:
    """Set a setting, or remove it with all below it (None)."""
    file, keys, path = target.file, target.keys, target.path
    verb, name = "set" if new is not None else "unset", target.file.profile
    before = file.config().value().at(keys)
    after = with_setting(file, keys, new)
    old, was_secret = masked(before, keys, session) if before is not None else (None, False)
    shown, is_now_secret = masked(new, keys, session) if new is not None else (None, False)
    secret = was_secret or is_now_secret
    step = file.replaced(after.raw, private=secret)
    entry = after.get(keys)
    warnings, plan = [*target.warnings], None
    if step is not None:
        warnings += [*shared_file_warnings(file), *_sharing(session, file, keys, new, after.raw)]
        warnings += setting_warnings(session, file, keys, after.raw)
        plan = plan_settings(("config", verb, name, path), f"{verb} {path} of {name}", [(name, step)])
    elif new is None:
        warnings.append(_nothing_set(name, path, f"config get {name}"))
    change = carry_out(session, plan, dry_run=dry_run)
    line = entry.line if entry else None
    return SettingChange(name, path, file.path, line, old, shown, secret, change, (*warnings, *session.problems))


def list_variables(session: Session, profile: str) -> VariableList:
    """Return the variables of a profile's `.env`, without their values."""
    file = settings_file(session.layout, check_existing_name(profile), ENV_FILE)
    document = file.env(session.catalog)
    entries = variables(document)
    key = answer_key(session.layout) if any(entry.value for entry in entries) else b""
    return VariableList(
        file.profile,
        file.path,
        tuple(
            VariableEntry(
                entry.name,
                role_of_name(entry.name, session.catalog),
                entry.line,
                document.get(entry.name) is entry,
                fingerprint(entry.value, key) if entry.value else None,
            )
            for entry in entries
        ),
    )


def variable_target(session: Session, profile: str, names: Iterable[str], *, dry_run: bool = False) -> VariableTarget:
    """Return a `.env` whose variables may be changed. Raises Refused when it may not be written."""
    who = check_existing_name(profile)
    given = tuple(dict.fromkeys(checked_variable(name) for name in names))
    warnings = session.recover(dry_run=dry_run)
    file = settings_file(session.layout, who, ENV_FILE)
    check_may_write(session.layout, file)
    return VariableTarget(file, given, tuple(warnings))


def set_variable(session: Session, target: VariableTarget, value: str, *, dry_run: bool = False) -> VariableChange:
    """Set the variable of a target."""
    file, (name,) = target.file, target.names
    existed = file.env(session.catalog).get(name) is not None
    raw = with_variable(file, name, value, session.catalog)
    step = file.replaced(raw, private=True)
    after = file._replace(raw=raw).env(session.catalog)
    entry = after.get(name)
    role = role_of_name(name, session.catalog)
    mark = fingerprint(value, answer_key(session.layout)) if value else None
    warnings, plan = [*target.warnings], None
    if step is not None:
        number = int(value) if name.endswith("PORT") and value.isdecimal() and len(value) < 6 else None
        warnings += [*shared_file_warnings(file), *_overruled(file, name, after.entries, entry)]
        warnings += shared_with_others(
            ProfileClaims(session.layout, session.catalog),
            file.profile,
            {ENV_FILE: raw},
            channels=session.catalog.channels_of(name) if role.is_identity else (),
            port=number,
        )
        if role.key_class is KeyClass.IDENTITY_CREDENTIAL and value:
            warnings += credential_warnings(session, file, name, raw, known=warnings)
        warnings += variable_warnings(session, file, (name,), raw)
        plan = plan_settings(
            ("env", "set", file.profile, name), f"set {name} of {file.profile}", [(file.profile, step)]
        )
    outcome = ("set" if existed else "added") if step is not None else "same"
    return VariableChange(
        file.profile,
        name,
        file.path,
        entry.line if entry else None,
        role,
        outcome,
        mark,
        carry_out(session, plan, dry_run=dry_run),
        (*warnings, *session.problems),
    )


def unset_variables(session: Session, target: VariableTarget, *, dry_run: bool = False) -> VariablesRemoved:
    """Remove the variables of a target, duplicates included."""
    file, profile = target.file, target.file.profile
    raw, gone = without_variables(file, target.names, session.catalog)
    absent = tuple(name for name in target.names if name not in gone)
    warnings = [*target.warnings]
    warnings += [_nothing_set(profile, name, f"env list {profile}") for name in absent]
    step = file.replaced(raw, private=True)
    plan = None
    if step is not None:
        warnings += [*shared_file_warnings(file), *variable_warnings(session, file, gone, raw)]
        plan = plan_settings(
            ("env", "unset", profile, *gone), f"unset {', '.join(gone)} of {profile}", [(profile, step)]
        )
    change = carry_out(session, plan, dry_run=dry_run)
    return VariablesRemoved(profile, file.path, tuple(gone), absent, change, (*warnings, *session.problems))


def _nothing_set(profile: str, what: str, listing: str) -> Problem:
    message = f"{profile} has no {what}: there is nothing to remove"
    return Problem("not-set", message, what, f"see what is set with `hermes-profiles {listing}`")


def compare_profiles(session: Session, a: str, b: str) -> ProfileDiff:
    """Return how two profiles differ in settings, variables, skills and persona."""
    one, other = check_existing_name(a), check_existing_name(b)
    if one == other:
        raise UsageProblem(f"{one} is compared with itself", target=one, hint="name two profiles")
    diff = compare(session.layout, one, other, session.catalog)
    return diff._replace(warnings=(*diff.warnings, *session.problems))


def compare_all_profiles(session: Session, keys: Sequence[tuple[str, ...]] = ()) -> Matrix:
    """Return the settings in which the profiles of the root differ; with `keys` these, also where they are alike."""
    names = profile_names(session.layout)
    found = compare_all(session.layout, names, session.catalog, keys)
    return found._replace(warnings=(*found.warnings, *session.problems))


def sync_settings(
    session: Session,
    source: str,
    targets: Sequence[str],
    keys: tuple[tuple[str, ...], ...] = (),
    names: Sequence[str] = (),
    *,
    exact: bool = False,
    dry_run: bool = False,
) -> SettingsSync:
    """Carry settings and variables from one profile to others. `targets`: names, or `all`.

    `exact`: remove what a target has below the keys and the source has not.
    """
    name = check_existing_name(source)
    request = SyncRequest(
        name, _targets(session, name, targets), keys, tuple(checked_variable(each) for each in names), exact
    )
    if not request.keys and not request.names:
        raise UsageProblem(
            "nothing was named to carry over",
            target="--keys",
            hint=f"use `--keys model.default` or `--env OPENAI_API_KEY`; see `hermes-profiles diff "
            f"{request.source} {request.targets[0]}`",
        )
    warnings = session.recover(dry_run=dry_run)
    planned = plan_sync(session.layout, request, session.catalog)
    warnings += sync_warnings(session, request.source, planned.targets)
    change = carry_out(session, planned.plan, dry_run=dry_run)
    return SettingsSync(name, tuple(planned.targets), change, (*warnings, *planned.warnings, *session.problems))


def _targets(session: Session, source: str, given: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the targets. Raises UsageProblem for none, or for the source itself; NotFound."""
    if ALL in given:
        names = tuple(name for name in profile_names(session.layout) if name != source)
    else:
        names = tuple(dict.fromkeys(check_existing_name(name) for name in given))
    if not names or source in names:
        why = f"{source} is both source and target" if names else "no profile was named that gets the settings"
        raise UsageProblem(why, target="--to", hint="name others after --to; see `hermes-profiles list`")
    for name in names:
        require(session.layout, name)
    return names


def masked(value: Value, path: tuple[str, ...], session: Session) -> tuple[Value, bool]:
    """Return a value whose secrets read `***`, and whether there are any."""
    if not value.items:
        hidden = value.kind == "scalar" and is_secret(path, value.text, value.tag, session.catalog)
        return (scalar("str", HIDDEN) if hidden else value), hidden
    below = [
        (key, *masked(each, (*path, name), session))
        for (key, _), (name, each) in zip(value.items, value.named(), strict=True)
    ]
    return value._replace(items=tuple((key, each) for key, each, _ in below)), any(hidden for *_, hidden in below)


def _sharing(
    session: Session, file: SettingsFile, keys: tuple[str, ...], new: Value | None, raw: bytes
) -> list[Problem]:
    role = role_of_path(keys, session.catalog)
    if new is None:
        return []
    number = int(new.text) if role.is_identity and new.text.isdecimal() and len(new.text) < 6 else None
    return shared_with_others(
        ProfileClaims(session.layout, session.catalog),
        file.profile,
        {CONFIG_FILE: raw},
        channels=(role.channel,) if role.channel and role.is_identity else (),
        port=number if keys[-1].endswith("port") else None,
    )


def _overruled(
    file: SettingsFile, name: str, entries: Iterable[EnvEntry], counts: EnvEntry | None
) -> Iterator[Problem]:
    for entry in entries:
        if entry.name == name and not entry.commented and entry is not counts:
            yield Problem(
                "duplicate",
                f"{name} is also set in line {entry.line} of {file.path}, which has no effect",
                name,
                f"remove both lines first: `hermes-profiles env unset {file.profile} {name}`",
            )
