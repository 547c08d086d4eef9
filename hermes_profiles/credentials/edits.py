"""The edits that a clone makes in each document, decided once the removed values are known. Pure.

The rules judge names and paths. A kept name can still hold a removed value, so the last decision is made here. The
edits are data: `rewrite` applies them and makes no decision of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from hermes_profiles.documents.dotenv.document import EnvDocument, EnvEntry
from hermes_profiles.documents.entries import TreeEntry
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.text import TextEdit
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.environment import REDIRECTS
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

from .channels.shared_settings import is_shared_path
from .classifier import EnvRuling
from .policy import Ruling, Verdict
from .rules.config import TreeJudgement, dotted
from .search.value_index import Redaction, ValueIndex, placeholder

Path = tuple[str, ...]
_NO_PATHS: Mapping[Path, str] = MappingProxyType({})
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Removed(NamedTuple):
    """A key or path that is removed, with its place and the reason; its value is not in here."""

    name: str
    file: str
    line: int
    ruling: Ruling


class Kept(NamedTuple):
    """A variable that stays, with its place and the reason."""

    name: str
    file: str
    line: int
    reason: str


class EditRows(NamedTuple):
    """The edits of one document as rows of a report.

    `kept`: variables that stay, each once; `disabled`: channels that are switched off.
    """

    removed: tuple[Removed, ...] = ()
    kept: tuple[Kept, ...] = ()
    disabled: tuple[str, ...] = ()
    redacted: tuple[Redaction, ...] = ()


class EnvEdits(NamedTuple):
    """The edits of an environment file.

    `replace`: entry → new value; `append`: (name, value) of new lines; `redact`: removed values outside of the entries
    that are removed, replaced or kept by the user.
    """

    remove: tuple[EnvEntry, ...]
    replace: Mapping[EnvEntry, str]
    append: tuple[tuple[str, str], ...]
    redact: tuple[TextEdit, ...]
    rows: EditRows

    def __repr__(self) -> str:
        return "EnvEdits(***)"


class TreeEdits(NamedTuple):
    """The edits of a YAML or JSON document.

    `replace`: scalar → new text; `insert`: (path, text) of new scalars; `redact`: removed values in comments.
    """

    remove: tuple[TreeEntry, ...]
    replace: Mapping[TreeEntry, str]
    insert: tuple[tuple[Path, str], ...]
    redact: tuple[TextEdit, ...]
    rows: EditRows

    def __repr__(self) -> str:
        return "TreeEdits(***)"


def env_edits(
    document: EnvDocument,
    rulings: Sequence[EnvRuling],
    values: ValueIndex,
    *,
    assigned: Mapping[str, str] = _NO_NAMES,
    masked: Iterable[str] = (),
) -> EnvEdits:
    """Return the edits of an environment file.

    `assigned`: name → new value, which replaces the value of the source or is appended; `masked`: names to append as
    `NAME=`. An entry without a value stays: it masks an inherited variable.
    """
    decided = [
        (item.entry, _final_ruling(item, document, values.secrets if item.is_shared else values, assigned))
        for item in rulings
    ]
    removed = [(entry, ruling) for entry, ruling in decided if ruling.removes]
    replace = {
        entry: assigned[entry.name]
        for entry, ruling in decided
        if ruling.verdict is Verdict.ASSIGN and entry.name in assigned
    }
    untouched = [(entry.start, entry.end) for entry, _ in removed]
    untouched += [(entry.value_start, entry.rest_end) for entry in replace]
    untouched += [(item.entry.start, item.entry.end) for item in rulings if item.ruling.kept_by_user]
    shared = [(item.entry.value_start, item.entry.rest_end) for item in rulings if item.is_shared]
    spans = _spans_outside(document.text, untouched, shared, values)
    replaced_names = {entry.name for entry in replace}
    append = [(name, value) for name, value in assigned.items() if name not in replaced_names]
    append += [(name, "") for name in masked]
    kept = {
        entry.name: Kept(entry.name, document.path, entry.line, ruling.reason)
        for entry, ruling in decided
        if not entry.commented and ruling.keeps
    }
    return EnvEdits(
        remove=tuple(entry for entry, _ in removed),
        replace=replace,
        append=tuple(append),
        redact=tuple(TextEdit(start, end, placeholder(name)) for start, end, name in spans),
        rows=EditRows(
            removed=tuple(Removed(entry.name, document.path, entry.line, ruling) for entry, ruling in removed),
            kept=tuple(kept.values()),
            redacted=tuple(Redaction(document.line_of(start), name) for start, _, name in spans),
        ),
    )


def _final_ruling(item: EnvRuling, document: EnvDocument, values: ValueIndex, assigned: Mapping[str, str]) -> Ruling:
    """Return the ruling once values are known: a harmless name can hold a removed value, an empty one holds none."""
    entry, ruling = item.entry, item.ruling
    if ruling.verdict is Verdict.ASSIGN and entry.name not in assigned:
        return ruling._replace(verdict=Verdict.REMOVE)
    if entry.commented:
        return Ruling(Verdict.KEEP, "a comment", ruling.channel, ruling.key_class)
    if ruling.removes and not any(entry.values) and entry.name not in REDIRECTS:
        return Ruling(Verdict.KEEP, "empty: it masks an inherited value", ruling.channel, ruling.key_class)
    if ruling.keeps and not ruling.kept_by_user:
        owner = next((name for value in entry.values if (name := values.whole(value))), None)
        # A value that is only interpolated (`BOT=${TELEGRAM_BOT_TOKEN}`) has no bytes here to remove.
        if owner is not None and values.spans(document.text[entry.value_start : entry.value_end]):
            return Ruling(Verdict.REMOVE, _reason("its value", owner), ruling.channel, ruling.key_class)
    return ruling


def _spans_outside(
    text: str, untouched: Iterable[tuple[int, int]], shared: Iterable[tuple[int, int]], values: ValueIndex
) -> list[tuple[int, int, str]]:
    """Return the removed values outside of `untouched`: for one reader a value can reach into the next entry.

    In `shared`, the values of models, providers and tools, only secrets are found.
    """
    spans: list[tuple[int, int, str]] = []
    position = 0
    stops = [(start, end, False) for start, end in untouched] + [(start, end, True) for start, end in shared]
    for start, end, is_shared in (*sorted(stops), (len(text), len(text), False)):
        start = max(start, position)
        parts = [(values, position, start), *([(values.secrets, start, end)] if is_shared else [])]
        for index, first, last in parts:
            spans += [(first + at, first + to, name) for at, to, name in index.spans(text[first:last])]
        position = max(position, end)
    return spans


def tree_edits(
    document: YamlDocument | JsonDocument,
    judgement: TreeJudgement,
    values: ValueIndex,
    *,
    assigned: Mapping[Path, str] = _NO_PATHS,
) -> TreeEdits:
    """Return the edits of a YAML or JSON document: identities removed, channels switched off, removed values redacted.

    `assigned`: path → new value, inserted where the path is missing. Raises DocumentError when a channel that stays
    shares a removed setting through an anchor, and the two cannot be separated.
    """
    rulings: dict[TreeEntry, Ruling] = {removal.entry: removal.ruling for removal in judgement.removals}
    gone = {entry.path for entry in rulings}
    replace: dict[TreeEntry, str] = {}
    redacted: list[Redaction] = []
    for entry in document.entries:
        if _below(entry.path, gone) or entry.path in judgement.kept or entry.path in assigned:
            continue
        searched = values.secrets if is_shared_path(entry.path) else values
        owner = next((name for *_, name in values.spans(entry.path[-1])), None)
        if owner is not None or (entry.value and (owner := searched.whole(entry.value))):
            rulings[entry] = Ruling(Verdict.REMOVE, _reason("it", owner))
            gone.add(entry.path)
        elif entry.value and entry.kind == "scalar":
            text, places = searched.redact(entry.value)
            if places:
                replace[entry] = text
                redacted += [Redaction(entry.line, place.name) for place in places]
    flags: dict[TreeEntry, str] = {}
    insert = _switch_off(document.entries, judgement, flags)
    insert += _separate_shared(document, rulings, flags, judgement.staying)
    replace.update(flags)
    for entry in _aliases_of_flags(document.entries, flags):
        replace.setdefault(entry, entry.value or "")
    insert += _assign(document.entries, assigned, replace)
    for entry in _aliases_without_anchor(document.entries, gone):
        replace.setdefault(entry, entry.value or "")
    comments = list(_spans_in_comments(document, values))
    redacted += [Redaction(document.line_of(comment), name) for comment, _, _, name in comments]
    origins = {entry.origin for entry in rulings if entry.origin not in judgement.staying}
    return TreeEdits(
        remove=tuple(entry for entry in document.entries if entry.origin in origins),
        replace=replace,
        insert=tuple(insert),
        redact=tuple(TextEdit(start, end, placeholder(name)) for _, start, end, name in comments),
        rows=EditRows(
            removed=tuple(
                Removed(dotted(entry.path), document.path, entry.line, ruling) for entry, ruling in rulings.items()
            ),
            disabled=tuple(dict.fromkeys(place.channel for place in judgement.switch_off)),
            redacted=tuple(redacted),
        ),
    )


def _switch_off(
    entries: Iterable[TreeEntry], judgement: TreeJudgement, flags: dict[TreeEntry, str]
) -> list[tuple[Path, str]]:
    """Add every flag to set to false, overruled ones included, to `flags`; return the flags that are missing."""
    present: dict[Path, list[TreeEntry]] = {}
    for entry in entries:
        if entry.path[-1] == "enabled" and entry.kind == "scalar":
            present.setdefault(entry.path, []).append(entry)
    missing = []
    for place in (*judgement.switch_off, *judgement.masks):
        path = (*place.block, "enabled")
        flags.update((flag, "false") for flag in present.get(path, ()) if is_truthy(flag.value))
        if path not in present:
            missing.append((path, "false"))
    return missing


def _assign(
    entries: Iterable[TreeEntry], assigned: Mapping[Path, str], replace: dict[TreeEntry, str]
) -> list[tuple[Path, str]]:
    """Add every scalar at an assigned path to `replace`; return the paths that are missing."""
    missing = dict(assigned)
    for entry in entries:
        if entry.path in assigned and entry.kind == "scalar":
            replace[entry] = assigned[entry.path]
            missing.pop(entry.path, None)
    return list(missing.items())


def _separate_shared(
    document: YamlDocument | JsonDocument,
    rulings: dict[TreeEntry, Ruling],
    flags: dict[TreeEntry, str],
    staying: frozenset[int],
) -> list[tuple[Path, str]]:
    """Take out of `rulings` and `flags` what a channel that stays has through the same anchor.

    Returns the scalars to insert over the shared ones instead. Raises DocumentError when the shared text is in the
    block itself that loses it.
    """
    over: dict[Path, str] = {}
    for entry in [shared for shared in (*rulings, *flags) if shared.origin in staying]:
        if entry.via == "own":
            raise DocumentError(
                document.path,
                entry.line,
                f"another channel has {dotted(entry.path)} through an anchor",
                hint="write the settings of both channels out, without the anchor, then try again",
            )
        text = flags.pop(entry, "")
        rivals = [other for other in rulings if other.path == entry.path and other.origin not in staying]
        if entry.effective or any(rival.value for rival in rivals):
            over[entry.path] = text
        for overlaid in (*rivals, *(() if entry.effective else (entry,))):
            rulings.pop(overlaid, None)  # it already overrules the shared value and must stay
    return list(over.items())


def _aliases_of_flags(entries: Iterable[TreeEntry], flags: Iterable[TreeEntry]) -> Iterator[TreeEntry]:
    """Yield the aliases of flags that change: the flag of another channel keeps its value."""
    values = {flag.value for flag in flags if flag.anchored}
    paths = {flag.path for flag in flags}
    for entry in entries if values else ():
        if entry.via == "alias" and entry.kind == "scalar" and entry.value in values and entry.path not in paths:
            yield entry


def _aliases_without_anchor(entries: Sequence[TreeEntry], gone: set[Path]) -> Iterator[TreeEntry]:
    """Yield the aliases of anchored texts that are removed: they get the text itself."""
    anchors = {
        entry.value for entry in entries if entry.anchored and entry.kind == "scalar" and _below(entry.path, gone)
    }
    for entry in entries:
        is_alias = entry.via == "alias" and entry.kind == "scalar" and entry.is_string
        if is_alias and entry.value in anchors and not _below(entry.path, gone):
            yield entry


def _spans_in_comments(
    document: YamlDocument | JsonDocument, values: ValueIndex
) -> Iterator[tuple[int, int, int, str]]:
    """Yield (start of the comment, start, end, name) of every removed value in a comment; JSON has none."""
    for comment in document.comments if isinstance(document, YamlDocument) else ():
        for start, end, name in values.spans(document.text[comment.start : comment.end]):
            yield comment.start, comment.start + start, comment.start + end, name


def _reason(subject: str, owner: str) -> str:
    """Return why something with a removed value stays behind; the owner is a key, or the kind of a credential."""
    if " " in owner:
        return f"{subject} has the form of a {owner}"
    return f"its value is that of {owner}" if subject == "its value" else f"{subject} holds the value of {owner}"


def _below(path: Path, gone: set[Path]) -> bool:
    return any(path[:size] in gone for size in range(1, len(path) + 1))
