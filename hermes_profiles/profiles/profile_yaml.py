"""Edits profile.yaml, where Hermes keeps keys that it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret

from .profile import TEAM_SECTIONS
from .tree_walk import read_document

if TYPE_CHECKING:
    from hermes_profiles.documents.yaml.document import YamlDocument

PREVIOUS_NAMES = "previous_names"
# Path of a key → its new text, None to remove it.
Values = Mapping[tuple[str, ...], str | None]


def plan_meta(layout: Layout, values: Mapping[str, Values], *, command: str) -> ChangePlan | None:
    """Return the change that sets keys of profile.yaml, profile by profile, None when nothing changes.

    The rest of each file stays byte for byte. Raises DocumentError when one cannot be edited with certainty.
    """
    steps: list[Step] = []
    changed = []
    for profile, wanted in values.items():
        path = layout.home(profile) / PROFILE_FILE
        raw = read_document(path) or b""
        new = edit_profile_yaml(raw, wanted, path=str(path))
        if new != raw:
            steps.append(ReplaceFile(path, Secret(new), 0o600, signature(path)))
            changed.append(profile)
    if not steps:
        return None
    return ChangePlan((command, *changed), f"{command} {', '.join(changed)}", tuple(steps), profiles=tuple(changed))


def edit_profile_yaml(raw: bytes, values: Values, *, path: str) -> bytes:
    """Return a profile.yaml with keys set or removed; DocumentError when that cannot be done with certainty."""
    from hermes_profiles.documents.yaml.document import YamlDocument

    document = YamlDocument.parse(raw, path=path)
    set_to = {key: text for key, text in values.items() if text is not None and _text(document, key) != text}
    gone = [entry for key, text in values.items() if text is None for entry in document.find(key)]
    if not set_to and not gone:
        return raw
    return document.edit(remove=gone, insert=set_to.items())


def with_previous_name(raw: bytes, name: str, *, path: str) -> bytes:
    """Return a profile.yaml that names an earlier name of its profile; DocumentError when it cannot be edited.

    Hermes finds members of group chats by these names (0.21.4, hermes_cli/profiles.py, `_record_profile_rename`).
    """
    from hermes_profiles.documents.yaml.document import YamlDocument
    from hermes_profiles.documents.yaml.set_path import set_path
    from hermes_profiles.documents.yaml.value import Value, scalar

    document = YamlDocument.parse(raw, path=path)
    found = document.value().child(PREVIOUS_NAMES)
    before = [value for _, value in found.items] if found is not None and found.kind == "sequence" else []
    if any(value.text == name for value in before):
        return raw
    names = tuple((None, value) for value in (*before, scalar("str", name)))
    return set_path(document, (PREVIOUS_NAMES,), Value("sequence", "seq", items=names)).raw


def without_teams(raw: bytes, *, path: str) -> bytes:
    """Return a profile.yaml without its membership and without the teams it leads; the rest stays byte for byte.

    Raises DocumentError when that cannot be done with certainty.
    """
    return edit_profile_yaml(raw, {(section,): None for section in TEAM_SECTIONS}, path=path) if b"team" in raw else raw


def _text(document: YamlDocument, key: tuple[str, ...]) -> str | None:
    entry = document.get(key)
    return entry.value if entry is not None else None
