"""Rows of a sync: the changes of a target's settings, without secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.detection.secret_detection import is_secret
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.value import Value, canonical
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple

Path = tuple[str, ...]


class SyncChange(NamedTuple):
    """One setting of a target that becomes another; a secret's `before` and `after` are None.

    `action`: add, set, remove, or keep: the target has it below a named key and the source does not.
    """

    place: str
    key: str
    action: str
    before: Value | None
    after: Value | None
    hidden: bool


def setting_change(path: Path, action: str, before: Value | None, after: Value | None, catalog: Catalog) -> SyncChange:
    """Return the row of a path of config.yaml; without values when a secret is among them."""
    values = [value for value in (before, after) if value is not None]
    secret = any(
        is_secret(below, leaf.text, leaf.tag, catalog) for value in values for below, leaf in value.leaves(path)
    )
    shown = (None, None) if secret else (before, after)
    return SyncChange("config", path_text(path), action, *shown, hidden=secret)


def variable_change(name: str, action: str) -> SyncChange:
    """Return the row of a variable; its values are never in it."""
    return SyncChange("env", name, action, None, None, hidden=True)


def differences(path: Path, mine: Value, theirs: Value | None) -> Iterator[tuple[str, Path, Value | None]]:
    """Yield (action, path, new value): mappings are compared key by key, lists as wholes."""
    if theirs is None:
        yield "add", path, mine
    elif mine.kind == theirs.kind == "mapping":
        for name, value in mine.named():
            yield from differences((*path, name), value, theirs.child(name))
        for name, _ in theirs.named():
            if mine.child(name) is None:
                yield "remove", (*path, name), None
    elif canonical(mine) != canonical(theirs):
        yield "set", path, mine


def comment_warning(profile: str, path: Path, document: YamlDocument) -> Problem | None:
    """Return a warning about comments inside a list that is replaced as a whole."""
    entry = document.get(path)
    below = [inner for inner in document.entries if inner.path[: len(path)] == path and len(inner.path) > len(path)]
    if entry is None or not below or entry.kind == "scalar":
        return None
    lines = range(entry.key_line + 1, max(inner.line for inner in below) + 1)
    lost = [comment for comment in document.comments if document.line_of(comment.start) in lines]
    if not lost:
        return None
    line = document.line_of(lost[0].start)
    message = f"{profile}: a comment inside {path_text(path)} can be lost with its old items ({document.path}:{line})"
    return Problem("comment", message, profile)
