"""Drift: differences of a member's config.yaml and `.env` from its lead's. Pure.

The member's own settings are never drift: its identity by the rules of a clone, the flags of its channels, and its
overrides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.channels.shared_settings import is_shared_path
from hermes_profiles.credentials.classifier import Classification, SourceDocuments, classify
from hermes_profiles.documents.dotenv.document import DISAGREE, DISAGREE_HINT, EnvDocument, quoted
from hermes_profiles.documents.text import TextEdit
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.value import Value, canonical
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.settings.changes import Path

from .shares import NOTED_BY_HERMES, POLICY, own_paths


class OwnSettings:
    """The member's own settings in its config.yaml.

    `paths`: own paths with everything below; a path into a list covers the whole list. `secrets`: other paths that hold
    a value of its identity, which are never removed.
    """

    def __init__(self, paths: Iterable[Path], secrets: Iterable[Path], catalog: Catalog) -> None:
        self._paths = frozenset(_without_index(path) for path in (*paths, *NOTED_BY_HERMES))
        self._secrets = frozenset(_without_index(path) for path in secrets)
        self._catalog = catalog

    def covers(self, path: Path) -> bool:
        """Return whether a path is the member's own, or below an own path."""
        return self.is_flag(path) or any(path[:size] in self._paths for size in range(1, len(path) + 1))

    def stays(self, path: Path) -> bool:
        """Return whether a path is kept even if the lead does not have it."""
        return self.covers(path) or path in self._secrets

    def is_flag(self, path: Path) -> bool:
        """Return whether a path is the `enabled` flag of a channel."""
        return path[-1:] == ("enabled",) and self.channel(path) is not None

    def channel(self, path: Path) -> str | None:
        """Return the channel of an `enabled` flag."""
        place = channel_place(path, self._catalog)
        return place.channel if place is not None and path == (*place.block, "enabled") else None

    def is_below(self, path: Path, value: Value) -> bool:
        """Return whether the member has own settings below a path with this value."""
        if value.kind != "mapping":
            return False
        return any(self.stays((*path, name)) or self.is_below((*path, name), below) for name, below in value.named())


def _without_index(path: Path) -> Path:
    at = next((number for number, part in enumerate(path) if part[:1] == "[" and part[-1:] == "]"), len(path))
    return path[:at]


def own_settings(
    config: YamlDocument | None, env: EnvDocument | None, own: Collection[str], catalog: Catalog
) -> tuple[OwnSettings, frozenset[str]]:
    """Return the member's own settings of config.yaml, and the names of its own variables in `.env`.

    The variables include those that own values refer to. `own`: the overrides of its profile.yaml.
    """
    judged = classify(SourceDocuments(env, config=config), catalog=catalog, policy=POLICY)
    removed = [removal.entry.path for removal in judged.config.removals]
    kept = OwnSettings((*removed, *own_paths(own)), _secrets(config, judged), catalog)
    rulings = judged.env[env.path] if env is not None else ()
    # A variable with only the prefix of a channel can come from the lead, if the lead's config.yaml refers to it.
    identities = (
        item.entry.name
        for item in rulings
        if not item.ruling.keeps and item.ruling.key_class is not KeyClass.UNKNOWN and not item.entry.commented
    )
    names = frozenset((*identities, *own))
    return kept, _with_parts(env, names) if env is not None else names


def _with_parts(env: EnvDocument, names: frozenset[str]) -> frozenset[str]:
    """Return names of variables, and of the variables that their values refer to (`TOKEN=${ID}:${HASH}`)."""
    found, waiting = set(names), list(names)
    while waiting:
        entry = env.get(waiting.pop())
        new = set(entry.references) - found if entry is not None else set()
        found |= new
        waiting += new
    return frozenset(found)


def _secrets(config: YamlDocument | None, judged: Classification) -> Iterator[Path]:
    if config is not None and judged.values:
        for entry in config.entries:
            values = judged.values.secrets if is_shared_path(entry.path) else judged.values
            if entry.kind == "scalar" and entry.value and values.names_in(entry.value.encode()):
                yield entry.path


# --- config.yaml


class ConfigComparison(NamedTuple):
    """Compares a member's config.yaml with its lead's. `on`: channels that the member enables itself."""

    kept: OwnSettings
    on: frozenset[str]

    def differences(
        self, mine: Value | None, theirs: Value | None, path: Path = ()
    ) -> Iterator[tuple[str, Path, Value | None]]:
        """Yield the (action, path, new value) that bring the member in line with its lead.

        Mappings are compared key by key, lists as a whole; an empty mapping equals a missing one. Raises LookupError if
        a scalar would replace a member's own setting.
        """
        if path and self.kept.is_flag(path):
            if mine is not None and theirs is None and self.kept.channel(path) not in self.on:
                yield "add", path, mine
        elif path and self.kept.covers(path):
            return
        elif mine is None:
            if theirs is not None:
                yield from self._without(theirs, path)
        elif mine.kind == "mapping" and theirs is not None and theirs.kind == "mapping":
            yield from self._inside(mine, theirs, path)
        elif theirs is not None and self.kept.is_below(path, theirs):
            if mine.items or (mine.kind == "scalar" and mine.tag != "null"):
                raise LookupError(path)
            yield from self._inside(Value("mapping", "map"), theirs, path)
        else:
            shared = self._shared(mine, path)
            if shared is None:
                yield from self._without(theirs, path) if theirs is not None else ()
            elif theirs is None or canonical(shared) != canonical(theirs):
                yield ("add" if theirs is None else "set"), path, shared

    def _inside(self, mine: Value, theirs: Value, path: Path) -> Iterator[tuple[str, Path, Value | None]]:
        names = dict.fromkeys(name for value in (mine, theirs) for name, _ in value.named())
        for name in names:
            yield from self.differences(mine.child(name), theirs.child(name), (*path, name))

    def _without(self, theirs: Value, path: Path) -> Iterator[tuple[str, Path, Value | None]]:
        """Yield the removals of everything that is not the member's own."""
        if self.kept.stays(path) or _is_empty(theirs):
            return
        if self.kept.is_below(path, theirs):
            for name, below in theirs.named():
                yield from self._without(below, (*path, name))
        else:
            yield "remove", path, None

    def _shared(self, mine: Value, path: Path) -> Value | None:
        """Return the part of the lead's value that a member without one gets, None if empty."""
        if path and self.kept.is_flag(path):
            return mine if self.kept.channel(path) not in self.on else None
        if path and self.kept.covers(path):
            return None
        if mine.kind != "mapping":
            return mine
        items = tuple(
            (key, shared)
            for key, value in mine.items
            if key is not None and (shared := self._shared(value, (*path, key.text))) is not None
        )
        return mine._replace(items=items) if items else None


def _is_empty(value: Value) -> bool:
    """Return whether a mapping has no values at any depth."""
    return value.kind == "mapping" and all(_is_empty(below) for _, below in value.named())


# --- .env


class _Values(NamedTuple):
    """Variables of a `.env` as read at the start of a gateway, and by line-by-line readers."""

    start: Mapping[str, str]
    lines: Mapping[str, str]

    @classmethod
    def of(cls, document: EnvDocument) -> _Values:
        return cls(document.environment(), document.line_environment())

    def equals(self, name: str, pool: _Values) -> bool:
        """Return whether a variable has the value of the pool; an interpolated value can be expanded."""
        value = pool.start.get(name)
        return self.start.get(name) == value and self.lines.get(name) in (pool.lines.get(name), value)


def variable_differences(
    pool: EnvDocument, member: EnvDocument, carried: Iterable[str], gone: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield the (action, name) that set the `carried` variables as in the pool and remove the `gone` ones."""
    wanted, found = _Values.of(pool), _Values.of(member)
    for name in carried:
        if not found.equals(name, wanted):
            yield ("add" if member.get(name) is None else "set"), name
    for name in gone:
        if member.get(name) is not None:
            yield "remove", name


def with_pool_variables(
    pool: EnvDocument, member: EnvDocument, changes: Iterable[tuple[str, str]], known: Collection[str]
) -> bytes:
    """Return a member's `.env` after these changes.

    Raises DocumentError if a reader of Hermes would not see the value of the pool.
    """
    actions, values = {name: action for action, name in changes}, _Values.of(pool)
    gone = [entry for entry in member.entries if not entry.commented and actions.get(entry.name) == "remove"]
    wanted = [name for name, action in actions.items() if action != "remove"]
    plain = {name: value for name in wanted if (value := values.start.get(name, "")) and quoted(value) is not None}
    there = {name: entry for name in wanted if (entry := member.get(name)) is not None}
    raw = member.edit(
        remove=gone,
        set_values={entry: plain[name] for name, entry in there.items() if name in plain},
        append=[(name, plain.get(name, "")) for name in wanted if name not in there],
    )
    after = EnvDocument.parse(raw, path=member.path, known_keys=known)
    as_written = list(_verbatim_edits(pool, after, (name for name in wanted if name not in plain)))
    if as_written:
        after = EnvDocument.parse(after.edit(text_edits=as_written), path=after.path, known_keys=known)
    now = _Values.of(after)
    for name in wanted:
        if not now.equals(name, values):
            entry = after.get(name)
            raise DocumentError(after.path, entry.line if entry is not None else None, DISAGREE, hint=DISAGREE_HINT)
    return after.raw


def _verbatim_edits(pool: EnvDocument, member: EnvDocument, names: Iterable[str]) -> Iterator[TextEdit]:
    """Yield the edits that copy values verbatim from the pool: multi-line ones, and ones with unusual quotes."""
    for name in names:
        entry, found = pool.get(name), member.get(name)
        if entry is not None and found is not None:
            yield TextEdit(found.value_start, found.rest_end, pool.text[entry.value_start : entry.rest_end])
