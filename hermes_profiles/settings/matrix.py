"""Compares all profiles at once: which settings are not the same everywhere. Nothing is written.

Each profile is read once, so that the time grows with the number of profiles and not with that of their pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.detection.secret_detection import Role
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.value import Value
from hermes_profiles.model.errors import HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple

from .diff import ComparedItem, ComparedItems, compared_items
from .files import FileReaders


class SharedValue(NamedTuple):
    """The profiles that have one value. `is_set`: False for those without any; `value`: None where it is secret."""

    profiles: tuple[str, ...]
    value: Value | None
    is_set: bool

    def __repr__(self) -> str:
        return f"SharedValue({self.profiles})"


class MatrixRow(NamedTuple):
    """One setting; `groups`: the profiles that have each value, most of them first. `hidden`: a secret."""

    place: str
    key: str
    groups: tuple[SharedValue, ...]
    hidden: bool
    role: Role

    @property
    def differs(self) -> bool:
        """Return whether the profiles do not all have the same."""
        return len(self.groups) > 1


class Matrix(NamedTuple):
    """The settings of all profiles. `profiles`: those that could be read; `warnings`: why others could not."""

    profiles: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    warnings: tuple[Problem, ...]


def compare_all(layout: Layout, names: Sequence[str], catalog: Catalog, keys: Sequence[tuple[str, ...]] = ()) -> Matrix:
    """Return the settings of profiles that differ; with `keys` these and all below them, also where they are alike.

    A key is a path of config.yaml, the name of a variable, or a file.
    """
    readers = FileReaders(layout)
    items: dict[str, Mapping[str, ComparedItems]] = {}
    warnings = []
    for name in names:
        try:
            items[name] = compared_items(layout, name, catalog, readers)
        except HermesProfilesError as error:
            warnings.append(error.problem)
    rows = _rows(items, [path_text(path) for path in keys])
    return Matrix(tuple(items), tuple(row for row in rows if keys or row.differs), tuple(warnings))


def _rows(items: Mapping[str, Mapping[str, ComparedItems]], keys: Collection[str]) -> Iterator[MatrixRow]:
    holders: dict[tuple[str, str], dict[str, ComparedItem]] = {}
    for name, places in items.items():
        for place, found in places.items():
            for key, item in found.items():
                if not keys or any(_is_in(key, wanted) for wanted in keys):
                    holders.setdefault((place, key), {})[name] = item
    order = {place: number for number, place in enumerate(("config", "env", "file"))}
    for place, key in sorted(holders, key=lambda each: order[each[0]]):
        yield _row(place, key, holders[place, key], tuple(items))


def _is_in(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith((f"{wanted}.", f"{wanted}["))


def _row(place: str, key: str, holders: Mapping[str, ComparedItem], names: Sequence[str]) -> MatrixRow:
    hidden = any(item.secret for item in holders.values())
    groups: dict[object, list[str]] = {}
    for name in names:
        groups.setdefault((holders[name].compared,) if name in holders else None, []).append(name)
    values = [
        SharedValue(
            tuple(members),
            None if hidden or compared is None else holders[members[0]].value,
            is_set=compared is not None,
        )
        for compared, members in groups.items()
    ]
    values.sort(key=lambda each: -len(each.profiles))
    return MatrixRow(place, key, tuple(values), hidden, next(iter(holders.values())).role)
