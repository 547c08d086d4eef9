"""The plan of a sync: copies named settings of one profile to others, never identities.

Nothing is written here. A target that cannot be edited with certainty stops the whole plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.clone.source import read_source
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.shared_settings import is_shared_path
from hermes_profiles.credentials.classifier import Classification, classify
from hermes_profiles.credentials.detection.secret_detection import role_of_path
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import NotFound, Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT

from .changes import Path, SyncChange, comment_warning, differences, setting_change, variable_change
from .files import (
    FileReaders,
    SettingsFile,
    check_may_write,
    found_value,
    plan_settings,
    settings_file,
    shared_file_warnings,
    with_variable,
)
from .sharing_warnings import ProfileClaims, shared_with_others


class TargetSync(NamedTuple):
    """The changes of one target; only kept ones when it already has the same settings."""

    profile: str
    changes: tuple[SyncChange, ...]
    steps: tuple[ReplaceFile, ...]


class Sync(NamedTuple):
    """The result of planning; `plan` is None when all targets already have the same settings."""

    plan: ChangePlan | None
    targets: tuple[TargetSync, ...]
    warnings: tuple[Problem, ...] = ()


class SyncRequest(NamedTuple):
    """The arguments of one sync: checked names of profiles, paths of config.yaml, variables of `.env`."""

    source: str
    targets: tuple[str, ...]
    keys: tuple[Path, ...]
    names: tuple[str, ...] = ()
    exact: bool = False


def plan_sync(layout: Layout, request: SyncRequest, catalog: Catalog) -> Sync:
    """Return the sync of some settings.

    Raises NotFound for a key that the source does not have, Refused for one that belongs to an identity or holds the
    value of one, DocumentError for a file that cannot be read or edited with certainty.
    """
    config = settings_file(layout, request.source, CONFIG_FILE)
    document = config.config()
    keys = _without_inner(request.keys)
    values = {key: found_value(config, document, key) for key in keys}
    variables = _variables(layout, request, catalog)
    _check_identities(layout, request, values, variables, catalog)
    targets = []
    warnings: list[Problem] = []
    fleet = _Fleet(layout, catalog, FileReaders(layout), ProfileClaims(layout, catalog))
    for name in request.targets:
        target = _Target(fleet, name, exact=request.exact)
        if values:
            target.take_settings(values)
        if variables:
            target.take_variables(variables)
        targets.append(TargetSync(name, tuple(target.changes), tuple(target.steps)))
        warnings += target.warnings
    steps = [(target.profile, step) for target in targets for step in target.steps]
    if not steps:
        return Sync(None, tuple(targets), tuple(warnings))
    changed = [target.profile for target in targets if target.steps]
    settings = [*(path_text(key) for key in keys), *variables]
    command = ("sync", "--from", request.source, "--to", ",".join(request.targets), *settings)
    summary = f"sync {', '.join(settings)} from {request.source} to {', '.join(changed)}"
    return Sync(plan_settings(command, summary, steps), tuple(targets), tuple(warnings))


def _without_inner(keys: Iterable[Path]) -> tuple[Path, ...]:
    """Return the keys without those that are below another one."""
    given = tuple(dict.fromkeys(keys))
    return tuple(
        key for key in given if not any(key[: len(outer)] == outer for outer in given if len(outer) < len(key))
    )


def _variables(layout: Layout, request: SyncRequest, catalog: Catalog) -> dict[str, str]:
    if not request.names:
        return {}
    file = settings_file(layout, request.source, ENV_FILE)
    document = file.env(catalog)
    values = {}
    for name in request.names:
        entry = document.get(name)
        if entry is None:
            raise NotFound(
                f"{request.source} has no {name} in {file.path}",
                target=name,
                code="not-set",
                hint=f"see `hermes-profiles env list {request.source}`",
            )
        values[name] = entry.value
    return values


# --- identities


def _check_identities(
    layout: Layout, request: SyncRequest, values: dict[Path, Value], variables: dict[str, str], catalog: Catalog
) -> None:
    """Raise Refused for keys and values that a clone would leave behind."""
    rules = FileRules(catalog, ClonePolicy(skip_unreadable=True), Scope.AGENT, request.source == DEFAULT)
    source = read_source(request.source, layout.home(request.source), rules)
    judged = classify(source.documents, catalog=catalog, policy=ClonePolicy())
    for key in values:
        for removal in judged.config.removals:
            path = removal.entry.path
            if path[: len(key)] == key or key[: len(path)] == path:
                raise _refused(path_text(path), removal.ruling.reason, removal.ruling.channel, removal.ruling.key_class)
    for item in (item for rulings in judged.env.values() for item in rulings):
        if item.entry.name in variables and not item.entry.commented and not item.ruling.keeps:
            ruling = item.ruling
            raise _refused(item.entry.name, ruling.reason, ruling.channel, ruling.key_class)
    for name, text in _texts(values, variables):
        _check_value(name, text, judged)


def _texts(values: dict[Path, Value], variables: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        for path, leaf in value.leaves(key):
            yield path_text(path), leaf.text
    yield from variables.items()


def _check_value(name: str, text: str, judged: Classification) -> None:
    values = judged.values.secrets if is_shared_path(name.split(".")) else judged.values
    owners = values.names_in(text.encode("utf-8", "surrogatepass"))
    if owners:
        raise Refused(
            f"{name} holds the value of {owners[0]}, which belongs to an identity: only one profile can have it",
            target=name,
            code="identity",
            hint="set it for each profile: `hermes-profiles config set PROFILE PATH`",
        )


def _refused(name: str, reason: str, channel: str | None, key_class: KeyClass | None) -> Refused:
    known = key_class is not None and key_class is not KeyClass.UNKNOWN
    kind = f"{key_class}".replace("_", " ") if known else "identity"
    of = f" of {channel}" if channel and channel not in reason else ""
    example = f"explain {name}" if name.isidentifier() and name.isupper() else f"explain '{name}'"
    return Refused(
        f"{name} is not copied ({kind}{of}): {reason}",
        target=name,
        code="identity",
        hint=f"leave it out, or set it in each profile; see `hermes-profiles {example}`",
    )


# --- targets


class _Fleet(NamedTuple):
    """What all targets of a sync have in common, read once for all of them."""

    layout: Layout
    catalog: Catalog
    readers: FileReaders
    claims: ProfileClaims


class _Target:
    """Collects the changes of one target."""

    def __init__(self, fleet: _Fleet, name: str, *, exact: bool) -> None:
        self.name = name
        self.changes: list[SyncChange] = []
        self.steps: list[ReplaceFile] = []
        self.warnings: list[Problem] = []
        self._fleet = fleet
        self._catalog = fleet.catalog
        self._exact = exact

    def take_settings(self, values: dict[Path, Value]) -> None:
        """Add the changes of config.yaml."""
        file = self._file(CONFIG_FILE)
        document = file.config()
        for key, value in values.items():
            for action, path, after in list(differences(key, value, document.value().at(key))):
                document = self._edited(document, action, path, after)
        self._replace(file, document.raw, private=any(change.hidden for change in self.changes))
        channels = {role_of_path(key, self._catalog).channel for key in values}
        if self.steps and channels != {None}:  # another profile can already use the channel that is switched on
            self.warnings += shared_with_others(
                self._fleet.claims,
                self.name,
                {CONFIG_FILE: document.raw},
                channels=(),
            )

    def _edited(self, document: YamlDocument, action: str, path: Path, after: Value | None) -> YamlDocument:
        before = document.value().at(path)
        if action == "remove" and not self._exact:
            self.changes.append(setting_change(path, "keep", before, before, self._catalog))
            return document
        self._check_own_identity(path, before, document)
        self.changes.append(setting_change(path, action, before, after, self._catalog))
        if after is not None:
            warning = comment_warning(self.name, path, document)
            self.warnings += [warning] if warning is not None else []
            return set_path(document, path, after)
        return delete_path(document, path)

    def _check_own_identity(self, path: Path, before: Value | None, document: YamlDocument) -> None:
        """Raise Refused when the change would remove a part of the target's own identity."""
        for below, _ in before.leaves(path) if before is not None else ():
            role = role_of_path(below, self._catalog)
            if role.is_identity:
                raise Refused(
                    f"{path_text(below)} of {self.name} belongs to its own {role.channel or 'identity'} "
                    f"({document.path}); a sync does not touch it",
                    target=self.name,
                    code="identity",
                    hint="name the keys below it that should be the same",
                )

    def take_variables(self, variables: dict[str, str]) -> None:
        """Add the changes of `.env`."""
        file = self._file(ENV_FILE)
        started, changed = file, False
        for name, value in variables.items():
            entry = file.env(self._catalog).get(name)
            raw = with_variable(file, name, value, self._catalog)
            if raw != (file.raw or b""):
                changed = True
                action = "set" if entry is not None else "add"
                self.changes.append(variable_change(name, action))
                file = file._replace(raw=raw)
        if changed:
            self._replace(started, file.raw or b"", private=True)

    def _file(self, name: str) -> SettingsFile:
        file = settings_file(self._fleet.layout, self.name, name, self._fleet.readers)
        check_may_write(self._fleet.layout, file)
        return file

    def _replace(self, file: SettingsFile, content: bytes, *, private: bool) -> None:
        step = file.replaced(content, private=private)
        if step is not None:
            self.steps.append(step)
            self.warnings += shared_file_warnings(file)
