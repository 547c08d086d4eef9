"""Rulings applied to documents: the bytes of the clone's files and the rows of the report. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.credentials.rules.config import ConfigJudgement, ConfigRemoval, dotted, is_kept_by_user
from hermes_profiles.credentials.rules.logins import AuthRemoval
from hermes_profiles.documents.text import TextEdit
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.truthy import is_truthy

from .classifier import EnvRuling
from .policy import ClonePolicy, Ruling, Verdict
from .value_index import Redaction, ValueIndex, placeholder

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.document import EnvDocument
    from hermes_profiles.documents.entries import TreeEntry
    from hermes_profiles.documents.json_document import JsonDocument
    from hermes_profiles.documents.yaml.document import YamlDocument


class Removed(NamedTuple):
    """A key or path that stays behind, with its place and reason; never with its value."""

    name: str
    file: str
    line: int
    ruling: Ruling


class Rewrite(NamedTuple):
    """One document of the clone: its bytes, what was removed, kept, switched off and redacted."""

    content: bytes
    removed: tuple[Removed, ...] = ()
    kept: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    redacted: tuple[Redaction, ...] = ()

    def __repr__(self) -> str:
        return "Rewrite(***)"


def rewrite_env(
    document: EnvDocument,
    rulings: Sequence[EnvRuling],
    values: ValueIndex,
    *,
    policy: ClonePolicy,
    assigned: Mapping[str, str],
    masked: Iterable[str] = (),
) -> Rewrite:
    """Return the clone's environment file.

    `assigned` takes the place of the source's values, or is appended; `masked` names are appended as `NAME=`.
    An entry without a value stays: it masks an inherited one. Raises DocumentError where an edit is not certain.
    """
    decided = [(item.entry, _final_env_ruling(item, document, values, policy, assigned)) for item in rulings]
    remove = [entry for entry, ruling in decided if ruling.removes]
    replaced = {
        entry: assigned[entry.name]
        for entry, ruling in decided
        if ruling.verdict is Verdict.ASSIGN and entry.name in assigned
    }
    spared = [(entry.start, entry.end) for entry in remove]
    spared += [(entry.value_start, entry.rest_end) for entry in replaced]
    spared += [(item.entry.start, item.entry.end) for item in rulings if item.entry.name in policy.keep]
    spans = _spans_outside(document.text, spared, values)
    edits = [TextEdit(start, end, placeholder(name)) for start, end, name in spans]
    append = [(name, value) for name, value in assigned.items() if name not in {entry.name for entry in replaced}]
    append += [(name, "") for name in masked]
    content = document.edit(remove=remove, set_values=replaced, append=append, text_edits=edits)
    if document.encoding == "utf-8-sig" and any(entry.start == 0 for entry in remove):
        # The mark becomes a part of the first name: what comes first now would be lost to the gateway.
        content = content.removeprefix(codecs.BOM_UTF8)
    _check_clean(content, values, document.path)
    kept = (entry.name for entry, ruling in decided if not entry.commented and ruling.keeps)
    return Rewrite(
        content=content,
        removed=tuple(Removed(one.name, document.path, one.line, ruling) for one, ruling in decided if ruling.removes),
        kept=tuple(dict.fromkeys(kept)),
        redacted=tuple(Redaction(document.line_of(start), name) for start, _, name in spans),
    )


def _final_env_ruling(
    item: EnvRuling,
    document: EnvDocument,
    values: ValueIndex,
    policy: ClonePolicy,
    assigned: Mapping[str, str],
) -> Ruling:
    """Return the ruling once values are known: a harmless name can hold a removed value, an empty one holds none."""
    entry, ruling = item.entry, item.ruling
    if ruling.verdict is Verdict.ASSIGN and entry.name not in assigned:
        return ruling._replace(verdict=Verdict.REMOVE)
    if entry.commented:
        return Ruling(Verdict.KEEP, "a comment", ruling.channel, ruling.key_class)
    if ruling.removes and not any(entry.values):
        return Ruling(Verdict.KEEP, "empty: it masks an inherited value", ruling.channel, ruling.key_class)
    if ruling.verdict is Verdict.KEEP and entry.name not in policy.keep:
        owner = next((name for value in entry.values if (name := values.whole(value))), None)
        # A value that is only interpolated (`BOT=${TELEGRAM_BOT_TOKEN}`) has no bytes here to remove.
        if owner is not None and values.spans(document.text[entry.value_start : entry.value_end]):
            return Ruling(Verdict.REMOVE, f"its value is that of {owner}", ruling.channel, ruling.key_class)
    return ruling


def rewrite_config(
    document: YamlDocument | JsonDocument,
    removals: Iterable[ConfigRemoval],
    judgement: ConfigJudgement,
    values: ValueIndex,
    *,
    policy: ClonePolicy,
    assigned: Mapping[tuple[str, ...], str] = MappingProxyType({}),
) -> Rewrite:
    """Return the clone's config.yaml or gateway.json: identities gone, channels off, reappearing values too.

    `assigned`: path → new value, put in where the path is not there. Raises DocumentError where an edit is not certain
    or a value would remain.
    """
    rulings: dict[TreeEntry, Ruling] = {removal.entry: removal.ruling for removal in removals}
    gone = {entry.path for entry in rulings}
    changed: dict[TreeEntry, str] = {}
    redacted: list[Redaction] = []
    for entry in document.entries:
        if _below(entry.path, gone) or is_kept_by_user(entry.path, policy) or entry.path in assigned:
            continue
        owner = next((name for *_, name in values.spans(entry.path[-1])), None)
        if owner is not None or (entry.value and (owner := values.whole(entry.value))):
            rulings[entry] = Ruling(Verdict.REMOVE, f"it holds the value of {owner}")
            gone.add(entry.path)
        elif entry.value and entry.kind == "scalar":
            text, found = values.redact(entry.value)
            if found:
                changed[entry] = text
                redacted += [Redaction(entry.line, item.name) for item in found]
    flags: dict[TreeEntry, str] = {}
    insert = _switch_off(document.entries, judgement, flags)
    insert += _shared_with_others(document, rulings, flags, judgement.staying)
    changed.update(flags)
    for entry in _sharing_a_flag(document.entries, flags):
        changed.setdefault(entry, entry.value or "")
    insert += _assign(document.entries, assigned, changed)
    for entry in _orphaned(document.entries, gone):
        changed.setdefault(entry, entry.value or "")
    content = _edit_tree(document, list(rulings), changed, insert, values, redacted, judgement.staying)
    _check_clean(content, values, document.path)
    removed = (Removed(dotted(entry.path), document.path, entry.line, ruling) for entry, ruling in rulings.items())
    return Rewrite(
        content=content,
        removed=tuple(removed),
        disabled=tuple(dict.fromkeys(place.channel for place in judgement.switch_off)),
        redacted=tuple(redacted),
    )


def _switch_off(
    entries: Iterable[TreeEntry], judgement: ConfigJudgement, changed: dict[TreeEntry, str]
) -> list[tuple[tuple[str, ...], str]]:
    """Change every flag of the channels to switch off, overruled ones too, and return the flags to put in."""
    flags: dict[tuple[str, ...], list[TreeEntry]] = {}
    for entry in entries:
        if entry.path[-1] == "enabled" and entry.kind == "scalar":
            flags.setdefault(entry.path, []).append(entry)
    insert = []
    for place in judgement.switch_off:
        path = (*place.block, "enabled")
        changed.update((flag, "false") for flag in flags.get(path, ()) if is_truthy(flag.value))
        if path not in flags:
            insert.append((path, "false"))
    return insert


def _assign(
    entries: Iterable[TreeEntry], assigned: Mapping[tuple[str, ...], str], changed: dict[TreeEntry, str]
) -> list[tuple[tuple[str, ...], str]]:
    """Change every scalar at the assigned paths, and return the paths that are not there."""
    missing = dict(assigned)
    for entry in entries:
        if entry.path in assigned and entry.kind == "scalar":
            changed[entry] = assigned[entry.path]
            missing.pop(entry.path, None)
    return list(missing.items())


def _shared_with_others(
    document: YamlDocument | JsonDocument,
    rulings: dict[TreeEntry, Ruling],
    flags: dict[TreeEntry, str],
    staying: frozenset[int],
) -> list[tuple[tuple[str, ...], str]]:
    """Leave alone what a channel that stays has through the same anchor; return what is put over it instead.

    Raises DocumentError where the text stands in the block itself that loses it.
    """
    over: dict[tuple[str, ...], str] = {}
    for entry in [one for one in (*rulings, *flags) if one.origin in staying]:
        if entry.via == "own":
            raise DocumentError(
                document.path,
                entry.line,
                f"another channel has {dotted(entry.path)} through an anchor",
                hint="write the settings of both channels out, without the anchor, then try again",
            )
        text = flags.pop(entry, "")
        rivals = [one for one in rulings if one.path == entry.path and one.origin not in staying]
        if entry.effective or any(one.value for one in rivals):
            over[entry.path] = text
        for one in (*rivals, *(() if entry.effective else (entry,))):
            rulings.pop(one, None)  # what lies over it already must stay there
    return list(over.items())


def _sharing_a_flag(entries: Iterable[TreeEntry], flags: Iterable[TreeEntry]) -> Iterator[TreeEntry]:
    """Yield the aliases of flags that change: another channel's flag stays what it is."""
    values = {flag.value for flag in flags if flag.anchored}
    paths = {flag.path for flag in flags}
    for entry in entries if values else ():
        if entry.via == "alias" and entry.kind == "scalar" and entry.value in values and entry.path not in paths:
            yield entry


def _orphaned(entries: Iterable[TreeEntry], gone: set[tuple[str, ...]]) -> Iterator[TreeEntry]:
    """Yield the aliases of texts whose anchor goes: they get the text itself."""
    entries = tuple(entries)
    anchors = {
        entry.value for entry in entries if entry.anchored and entry.kind == "scalar" and _below(entry.path, gone)
    }
    for entry in entries:
        alias = entry.via == "alias" and entry.kind == "scalar" and entry.is_string
        if alias and entry.value in anchors and not _below(entry.path, gone):
            yield entry


def _edit_tree(
    document: YamlDocument | JsonDocument,
    remove: list[TreeEntry],
    changed: dict[TreeEntry, str],
    insert: list[tuple[tuple[str, ...], str]],
    values: ValueIndex,
    redacted: list[Redaction],
    staying: frozenset[int],
) -> bytes:
    from hermes_profiles.documents.yaml.document import YamlDocument

    if not isinstance(document, YamlDocument):
        return document.edit(remove=remove, replace=changed, insert=insert)
    edits: list[TextEdit] = []
    for comment in document.comments:
        for start, end, name in values.spans(document.text[comment.start : comment.end]):
            edits.append(TextEdit(comment.start + start, comment.start + end, placeholder(name)))
            redacted.append(Redaction(document.line_of(comment.start), name))
    remove = [entry for entry in remove if entry.origin not in staying]
    origins = {entry.origin for entry in remove}
    remove += [entry for entry in document.entries if entry.origin in origins]
    return document.edit(remove=remove, replace=changed, insert=insert, text_edits=edits)


def rewrite_logins(
    document: JsonDocument, removals: Iterable[AuthRemoval], values: ValueIndex, *, policy: ClonePolicy
) -> Rewrite:
    """Return the clone's auth.json or honcho.json: channel logins and single-use logins gone."""
    rows = (ConfigRemoval(removal.entry, removal.ruling) for removal in removals)
    return rewrite_config(document, rows, ConfigJudgement(), values, policy=policy)


def _spans_outside(text: str, places: Iterable[tuple[int, int]], values: ValueIndex) -> list[tuple[int, int, str]]:
    """Return the removed values between the places: for one reader a value can reach into the next entry."""
    found: list[tuple[int, int, str]] = []
    at = 0
    for start, end in (*sorted(places), (len(text), len(text))):
        if start > at:
            found += [(at + first, at + last, name) for first, last, name in values.spans(text[at:start])]
        at = max(at, end)
    return found


def _below(path: tuple[str, ...], gone: set[tuple[str, ...]]) -> bool:
    return any(path[:size] in gone for size in range(1, len(path) + 1))


def _check_clean(content: bytes, values: ValueIndex, path: str) -> None:
    """Raise DocumentError when a removed value is still somewhere in the bytes."""
    left = values.names_in(content)
    if left:
        line = next((number for number, text in enumerate(content.splitlines(), 1) if values.names_in(text)), None)
        raise DocumentError(
            path,
            line,
            f"the value of {left[0]} stands here in a way that cannot be removed with certainty",
            hint="take it out of the file, or leave the file behind with `--skip-unreadable`",
        )
