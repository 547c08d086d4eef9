"""Earlier credentials of channels: in the copies of documents in a home, and in the bytes that the journal keeps.

A token that was replaced can work until it is revoked, and files of the source can hold it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.mentions.structured_mentions import mentions_in_outline
from hermes_profiles.credentials.mentions.variable_mentions import code_filter, is_written_secret
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.environment import SourceFacts, judge_name
from hermes_profiles.credentials.rules.files import DOCUMENTS, ENV_FILES, is_document_copy
from hermes_profiles.hermes.files import BACKUPS_FOLDER, SNAPSHOTS_FOLDER
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.redact import assignments
from hermes_profiles.profiles.regular_file import read_regular

_LARGEST = 1024 * 1024
_CLASSES = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
_FIRST_LETTERS = frozenset(".#cgah")  # of the names of documents and of their copies


def former_values(
    layout: Layout, home: Path, paths: Iterable[str], texts: Iterable[str], catalog: Catalog, policy: ClonePolicy
) -> Mapping[str, tuple[str, ...]]:
    """Return name → earlier values of the credentials of channels.

    `paths`: the files of the home; `texts`: its documents, whose values are known already.
    """
    may_mention = code_filter(catalog)
    current = "\n".join(texts)
    found: dict[str, dict[str, None]] = {}
    seen: set[bytes] = set()
    for path in (*_copies(home, paths), *_snapshots(home), *_journal(layout)):
        try:
            raw = read_regular(path, _LARGEST)
        except OSError:
            continue
        if raw not in seen and may_mention(raw):
            seen.add(raw)
            for name, value in _credentials(raw, catalog, policy):
                if value not in current:
                    found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _credentials(raw: bytes, catalog: Catalog, policy: ClonePolicy) -> Iterator[tuple[str, str]]:
    for name, value in assignments(raw):
        fact = catalog.lookup(name)
        is_credential = fact is not None and fact.known and fact.secret and fact.key_class in _CLASSES
        if not is_credential or not is_written_secret(value):
            continue
        if not judge_name(name, catalog=catalog, policy=policy, facts=SourceFacts()).keeps:
            yield name, value
    for mention in mentions_in_outline(raw.decode("utf-8", "replace"), catalog):
        if mention.name not in policy.keep and (mention.channel is None or policy.concerns(mention.channel)):
            yield mention.name, mention.value


def _copies(home: Path, paths: Iterable[str]) -> Iterator[Path]:
    """Yield the copies of documents among the files of a home, and the environment files of skills."""
    for path in (*_names(home), *paths):
        name = path[path.rfind("/") + 1 :]
        if name[:1] in _FIRST_LETTERS and (is_document_copy(name) or (name in ENV_FILES and name != path)):
            yield home / path


def _snapshots(home: Path) -> Iterator[Path]:
    for folder in (BACKUPS_FOLDER, SNAPSHOTS_FOLDER):
        yield from (home / folder / name / document for name in _names(home / folder) for document in DOCUMENTS)


def _journal(layout: Layout) -> Iterator[Path]:
    journal = layout.state / "journal"
    for change in _names(journal):
        if not change.endswith(".json"):
            yield from (journal / change / name for name in _names(journal / change))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder), reverse=True)
    except OSError:
        return []
