"""Collects the keys of models, providers and tools with the form of a credential: a copy keeps them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import KeyClass
from hermes_profiles.credentials.policy import Ruling
from hermes_profiles.credentials.rules.config import TreeJudgement
from hermes_profiles.credentials.rules.environment import SourceFacts

from .channels.shared_settings import is_shared_path
from .detection.forms import KnownValues
from .detection.shapes import sightings

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.document import EnvEntry
    from hermes_profiles.documents.json_document import JsonDocument
    from hermes_profiles.documents.yaml.document import YamlDocument

_OF_TOOLS = (KeyClass.TOOL_OR_PROVIDER_KEY, KeyClass.OPTION)


def known_values(
    rulings: Iterable[tuple[EnvEntry, Ruling]],
    trees: Iterable[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
    logins: Iterable[JsonDocument | None],
    facts: SourceFacts,
) -> KnownValues:
    """Return the values of kept keys that have the form of a credential.

    A bot's token that a tool needs stays and is named; a tool's own key is not named: its name says what it is.
    """
    needed: set[str] = set()
    silent: set[str] = set()
    for value, by_user in (*_of_variables(rulings, facts), *_of_settings(trees), *_of_logins(logins)):
        for sighting in sightings(value):
            found = value[sighting.start : sighting.end]
            needed.add(found)
            if by_user or not sighting.shape.certain:
                silent.add(found)
    return KnownValues(frozenset(needed), frozenset(silent))


def _of_variables(rulings: Iterable[tuple[EnvEntry, Ruling]], facts: SourceFacts) -> Iterator[tuple[str, bool]]:
    for entry, ruling in rulings:
        if entry.commented or not ruling.keeps:
            continue
        if ruling.kept_by_user or ruling.key_class in _OF_TOOLS or entry.name in facts.references:
            yield from ((value, ruling.kept_by_user) for value in entry.values if value)


def _of_settings(
    trees: Iterable[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
) -> Iterator[tuple[str, bool]]:
    for document, judgement in trees:
        for entry in document.entries if document is not None else ():
            kept = entry.path in judgement.kept
            if entry.kind == "scalar" and entry.value and (kept or is_shared_path(entry.path)):
                yield entry.value, kept


def _of_logins(logins: Iterable[JsonDocument | None]) -> Iterator[tuple[str, bool]]:
    for document in logins:
        for entry in document.entries if document is not None else ():
            if entry.kind == "scalar" and entry.value:
                yield entry.value, False
