"""Redacts the secrets of a profile in text that its gateway wrote, such as its log."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_profiles.credentials.detection.secret_shapes import may_have_shape, without_shapes
from hermes_profiles.credentials.detection.shape_marks import halves_of_bots
from hermes_profiles.credentials.search.escapes import unescaped, without_quotes
from hermes_profiles.credentials.search.spellings import unwrapped
from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    WEIXIN_ACCOUNTS_FOLDER,
)
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import apart

from .listing import profile_names
from .regular_file import read_regular

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog

_SHORTEST = 8
_LARGEST = 4 * 1024 * 1024
# Where Hermes 0.19.0 keeps accounts of WeChat, one file each (gateway/platforms/weixin.py).
_MOST_FORMER = 400
_SECRET_NAME = lazy_pattern(
    r"token|secret|passw|passphrase|credential|private|cookie|authorization|api_?key|(?:_|\b)(?:key|pass|pwd)$",
    re.IGNORECASE,
)
# `NAME=value` to the end of its line, and `name: value` of YAML and JSON, in any context: a broken file that no parser
# accepts still holds secrets.
_ASSIGNMENT = lazy_pattern(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$", re.MULTILINE)
_PAIR = lazy_pattern(r"([A-Za-z0-9_.-]+)[\"']?\s*:\s+(\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s,#\[\]{}][^\n,]*)")
_COMMENT = lazy_pattern(r"\s#")
_SECTION = lazy_pattern(rb"^([^\s#:]+):", re.MULTILINE)
_USER = lazy_pattern(r"://([^/\s:@]*):([^/\s@]+)@")
# A run of characters that most secrets contain in most spellings, and the length that distinguishes two of them.
_RUN = lazy_pattern(r"[A-Za-z0-9]{7,}")
_GRAM = 7
# Size of the caches: harmless words, and compiled patterns.
_WORDS = 50_000
_PATTERNS = 1_000
_FEW = 8
# What is between the two parts of a secret that goes on in the next line, and how much of both lines that can be.
_WRAP_MARKS = " \t\r\\^`=_+.&|\u2502\"'>#*"
_AROUND = 40
_AROUND_RECORD = 400
# A shorter part of a secret is harmless.
_SHORTEST_PART = 4


def secrets_of(home: Path, catalog: Catalog | None = None) -> Mapping[str, str]:
    """Return value → name of the secrets in a profile's files.

    Without the catalogue a secret is recognised by its name only, and only literal values are found.
    """
    secrets: dict[str, str] = {}
    for file in (OP_ENV_FILE, ENV_FILE):
        raw = _read(home / file)
        for name, value in (*assignments(raw), *(_parsed(raw, file).items() if catalog is not None else ())):
            fact = catalog.lookup(name) if catalog is not None else None
            if (fact is not None and fact.secret) or _SECRET_NAME.search(name):
                _note(secrets, name, value)
            _note_login(secrets, name, value)
    for file in (CONFIG_FILE, LEGACY_CONFIG_FILE, AUTH_FILE, *_account_files(home)):
        raw = _read(home / file)
        for name, value in (*_pairs(raw), *(_leaves(_data(raw, file)) if catalog is not None else ())):
            if _SECRET_NAME.search(name):
                _note(secrets, name, value)
            _note_login(secrets, name, value)
    return secrets


def former_secrets(layout: Layout, catalog: Catalog | None = None) -> Mapping[str, str]:
    """Return value → name of secrets that were replaced or deleted: in the trash, and in the bytes kept for an undo."""
    secrets: dict[str, str] = {}
    for entry in _newest(layout.trash):
        secrets |= secrets_of(entry / "home", catalog)
    for change in _newest(layout.state / "journal"):
        for file in _newest(change):
            raw = _read(file)
            for name, value in (*assignments(raw), *_pairs(raw)):
                if _SECRET_NAME.search(name):
                    _note(secrets, name, value)
    return secrets


def _newest(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))[-_MOST_FORMER:] if not name.endswith(".json")]
    except OSError:
        return []


def secrets_around(layout: Layout, profile: str, catalog: Catalog | None = None) -> Mapping[str, str]:
    """Return the secrets that a profile's gateway can write: its own; for `default`, those of all profiles.

    The gateway of `default` can serve all profiles.
    """
    if profile != DEFAULT:
        return secrets_of(layout.home(profile), catalog)
    secrets: dict[str, str] = {}
    for name in profile_names(layout):
        secrets |= secrets_of(layout.home(name), catalog)
    return secrets


def _account_files(home: Path) -> tuple[str, ...]:
    """Return the files of accounts below a home; Hermes uses their token when `.env` has none."""
    try:
        names = sorted(os.listdir(home / WEIXIN_ACCOUNTS_FOLDER))
    except OSError:
        return ()
    return tuple(f"{WEIXIN_ACCOUNTS_FOLDER}/{name}" for name in names if name.endswith(".json"))


def _note(secrets: dict[str, str], name: str, value: str) -> None:
    for part in (value, *value.splitlines(), *value.split(), *halves_of_bots(value)):
        if len(part.strip()) >= _SHORTEST:
            secrets.setdefault(part.strip(), name)


def _note_login(secrets: dict[str, str], name: str, value: str) -> None:
    """Add the password of a URL (`postgres://user:password@host`), literally and percent-decoded."""
    from urllib.parse import unquote

    for match in _USER.finditer(value):
        for part in (match[2], unquote(match[2])):
            _note(secrets, name, part)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return b""


def assignments(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield (name, possible value) of the lines `NAME=value` of a text."""
    for name, value in _ASSIGNMENT.findall(raw.decode("utf-8", "replace")):
        yield from ((name, text) for text in _literals(value))


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    for name, value in _PAIR.findall(raw.decode("utf-8", "replace")):
        yield from ((name, text) for text in _literals(value))


def _literals(value: str) -> Iterator[str]:
    """Yield the possible values: the whole text, without a comment, without quotes."""
    for text in (value.strip(), _COMMENT.split(value, maxsplit=1)[0].strip()):
        yield text
        yield text.strip("'\"")


def _parsed(raw: bytes, path: str) -> Mapping[str, str]:
    """Return the variables as Hermes reads them: interpolated, or quoted over several lines."""
    plain = read_simple_env(raw)
    if plain is not None:
        return plain
    from hermes_profiles.documents.dotenv.document import EnvDocument

    try:
        return EnvDocument.parse(raw, path=path).environment()
    except DocumentError:  # the literal values are known already
        return {}


def _data(raw: bytes, path: str) -> Any:
    if not raw:
        return None
    from hermes_profiles.documents.yaml.fast_reader import read_simple_sections

    try:
        if path.endswith(".json"):
            return json.loads(raw)
        plain = read_simple_sections(raw, {name.decode("utf-8", "replace") for name in _SECTION.findall(raw)})
        if plain is not None:
            return plain
        from hermes_profiles.documents.yaml.document import YamlDocument

        return YamlDocument.parse(raw, path=path).data()
    except (DocumentError, ValueError, RecursionError):  # the literal values are known already
        return None


def _leaves(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield every text with its name, and with the name above it (`tokens.slack`): either can mark a secret."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(data, list):
        for value in data:
            yield from _leaves(value, path)
    elif isinstance(data, str):
        yield from ((name, data) for name in (*path[-1:], ".".join(path[-2:])))


def redacted(lines: Iterable[str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines with every secret, however it is spelled, replaced by `<its name>`."""
    return tuple(Redactor(secrets).redact_all([*lines]))


class Redactor:
    """Redacts secrets in text; text without secrets, which is nearly all, is skipped fast.

    A secret with a run of 7 or more letters and digits can only be where the last 7 of them are. So the runs of a text
    are compared with these, and only a match is searched in full.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: value → name, as `secrets_of` returns them."""
        from hermes_profiles.credentials.search.value_index import ValueIndex

        named: dict[str, list[str]] = {}
        for value, name in secrets.items():
            named.setdefault(name, []).append(value)
        self._index = ValueIndex(named)
        self._grams: dict[str, list[str]] = {}
        self._odd: set[str] = set()
        for spelling in self._index.spellings:
            runs = _RUN.findall(spelling)
            if runs:
                self._grams.setdefault(max(runs, key=len)[-_GRAM:], []).append(spelling)
            else:
                self._odd.update((spelling, _as_latin_1(spelling)))
        bare = ((without_quotes(value), name) for value, name in self._index.values.items())
        self._bare = {value: name for value, name in bare if len(value) > _GRAM}
        self._harmless: set[str] = set()
        self._patterns: dict[tuple[str, ...], re.Pattern[str]] = {}

    def redact(self, text: str) -> str:
        """Return a text, of one line or of many, with every secret replaced by `<its name>`."""
        return self._searched(text) if self.may_hold(text) else text

    def replace_values(self, text: str) -> str:
        """Return a text with every known secret replaced; what only looks like a secret stays."""
        return self._without_values(text) if self._may_hold_value(text) else text

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """Return texts as `redact` does, but faster; a secret that goes on in the next text is hidden in both."""
        if len(texts) >= _FEW and not self.may_hold("\n".join(texts)):
            return [*texts]
        redacted = self._redact_each(texts)
        for at in range(len(redacted) - 1 if self._index else 0):
            first, second = redacted[at : at + 2]
            if self._may_hold_value(f"{first[-_AROUND_RECORD:]}\n{second[:_AROUND_RECORD]}"):
                both, size = f"{first}\n{second}", len(first)
                for start, end, name in self._wrapped(both):
                    if start < size < end:
                        redacted[at : at + 2] = f"{both[:start]}<{name}>", f"<{name}>{both[end:]}"
                        break
        return redacted

    def _redact_each(self, texts: Sequence[str]) -> list[str]:
        """Return redacted texts: they are searched together, and split in halves on a match."""
        if len(texts) < _FEW:
            return [*map(self.redact, texts)]
        if not self.may_hold("\n".join(texts)):
            return [*texts]
        middle = len(texts) // 2
        return [*self._redact_each(texts[:middle]), *self._redact_each(texts[middle:])]

    def redact_cut(self, text: str, *, begins: bool = False, ends: bool = False) -> str:
        """Return a redacted text that can begin or end within a secret; that part of the secret is removed.

        `begins`: the beginning of the text is missing; `ends`: its end is missing.
        """
        text = self.redact(text)
        if ends:
            cut = max((_overlap(text, value) for value in self._index.spellings), default=0)
            text = f"{text[:-cut]}<cut secret>" if cut else text
        if begins:
            turned = text[::-1]
            cut = max((_overlap(turned, value[::-1]) for value in self._index.spellings), default=0)
            text = f"<cut secret>{text[cut:]}" if cut else text
        return text

    def may_hold(self, text: str) -> bool:
        """Return False when a text holds no secret; a cheap test that errs towards True."""
        return may_have_shape(text) or (bool(self._index) and self._may_hold_value(text))

    def _may_hold_value(self, text: str) -> bool:
        if "\0" in text:  # as in UTF-16
            return True
        if "%" in text or "\\" in text or "&" in text:
            text = "\n".join((text, *unescaped(text)))
        if "\n" in text:
            lines = text.split("\n")
            text = "\n".join((text, *map(_around_end, lines, lines[1:])))
        words = set(_RUN.findall(text)) - self._harmless
        if self._has_gram(words):
            return True
        if len(self._harmless) > _WORDS:
            self._harmless.clear()
        self._harmless |= words
        return any(spelling in text for spelling in self._odd)

    def _has_gram(self, words: Iterable[str]) -> bool:
        return any(not self._grams.keys().isdisjoint(_grams_of(word)) for word in words)

    def _searched(self, text: str) -> str:
        return without_shapes(self._without_values(text) if self._index else text)

    def _without_values(self, text: str) -> str:
        text = "\n".join(map(self._line, text.split("\n")))
        for start, end, name in reversed(self._wrapped(text)):
            text = f"{text[:start]}<{name}>{text[end:]}"
        return text

    def _wrapped(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, end, name) of every secret over several lines of a text, in order, never overlapping."""
        found = [
            (*view.span(start, end), name)
            for view in unwrapped(text)
            if self._has_gram(_RUN.findall(view.text))
            for start, end, name in self._index.spans(view.text)
        ]
        whole = [span for span in found if "\n" in (part := text[span[0] : span[1]]) or "\\n" in part]
        return [whole[at] for at in apart([span[:2] for span in whole])]

    def _line(self, line: str) -> str:
        text = self._cut_out(line)
        if not self._may_hold_value(text):
            return text
        left = set(self._index.names_in(_bytes(text)))
        for view in (text, *unescaped(text)):
            left.update(self._index.names_in(_bytes(view)))
            bare = without_quotes(view)
            left.update(name for value, name in self._bare.items() if value in bare)
        # A spelling that cannot be cut out, such as one with every character encoded: remove the whole line.
        return f"<{', '.join(sorted(left))}>" if left else text

    def _cut_out(self, line: str) -> str:
        """Return a line without the values in it that are plain text."""
        names = self._index.spellings
        near = {gram for word in _RUN.findall(line) for gram in _grams_of(word) if gram in self._grams}
        candidates = {spelling for gram in near for spelling in self._grams[gram]} | self._odd
        spellings = tuple(sorted((text for text in candidates if text in line and text in names), key=_longest_first))
        if not spellings:
            return line
        pattern = self._patterns.get(spellings)
        if pattern is None:
            if len(self._patterns) >= _PATTERNS:
                self._patterns.clear()
            pattern = self._patterns[spellings] = re.compile("|".join(map(re.escape, spellings)))
        return pattern.sub(lambda match: f"<{names[match[0]]}>", line)


def _around_end(line: str, following: str) -> str:
    """Return the letters beside the end of a line, with and without the marks of a continuation between them."""
    first, second = line[-_AROUND:], following[:_AROUND]
    bare = first.rstrip(_WRAP_MARKS)[-_GRAM:] + second.lstrip(_WRAP_MARKS)[:_GRAM]
    return f"{first[-_GRAM:]}{second.lstrip()[:_GRAM]} {bare}"


def _grams_of(word: str) -> list[str]:
    return [word[at : at + _GRAM] for at in range(len(word) - _GRAM + 1)]


def _longest_first(text: str) -> tuple[int, str]:
    return -len(text), text


def _as_latin_1(text: str) -> str:
    """Return a text that was written in Latin-1, as it looks when it is read as UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def _bytes(text: str) -> bytes:
    """Return the bytes of a text as in its file: bytes that are not UTF-8 are surrogates in the text."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _overlap(text: str, value: str) -> int:
    """Return how many characters at the end of a text are the beginning of a value."""
    for size in range(min(len(value) - 1, len(text)), _SHORTEST_PART - 1, -1):
        if text.endswith(value[:size]):
            return size
    return 0
