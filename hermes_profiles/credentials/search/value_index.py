"""Finds and redacts removed values in any text, in any of the usual encodings.

A bot token that was pasted into a skill, a comment or a URL is still the same token.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import apart

from .needles import Needles
from .spellings import SpelledValues
from .value_spellings import SHORTEST, base64_core, byte_spellings, text_spellings, views

# A word: small letters, a capital in front, all capitals, or up to three of them in a row (`JavaScript`).
# Atomic: a text of many words that does not match would otherwise be split in every possible way, for hours.
_WORD = r"(?>(?:[A-Z]?[^\W\d_A-Z]{1,16}){1,3}|[A-Z]+)"
_PLAIN_WORDS = lazy_pattern(rf"{_WORD}(?:[ '._-]{_WORD}){{0,4}}")
_LONGEST_WORDS = 80
_PLACEHOLDER = lazy_pattern(r"<removed: [^<>]*>")
_COMMENT = lazy_pattern(r"\s#")
_SECRET_FIELD = lazy_pattern(r"token|secret|passw|key|cred|auth|cookie|signature|email", re.IGNORECASE)
_SECRET_FIELDS = lazy_pattern(r"(?:tokens|secrets|passwords|keys|credentials)$", re.IGNORECASE)
_SHORTEST_FIELD = 12
_KEY_LINE = lazy_pattern(r"[A-Za-z0-9+/=]{40,}")
# The characters beside a public value that make it a part of a longer one: of an address, and of an id. A full stop or
# a colon behind an address can end a sentence.
_IN_ADDRESS = (r"(?<![A-Za-z0-9_.~/@%+-])", r"(?![.:]?[A-Za-z0-9_~/?#@%&+-])")
_IN_ID = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::\d{1,5})?"
_ADDRESS = lazy_pattern(rf"(?:[a-z][a-z0-9+.-]*://)?{_HOST}/?", re.IGNORECASE)
_URL = lazy_pattern(rf"[a-z][a-z0-9+.-]*://{_HOST}((?:/[^?#\s]*)?)", re.IGNORECASE)
_LONGEST_WORD_OF_A_PATH = 24
_MOST_AT_ONCE = 64
# `<id>:<secret>` of Telegram, and a piece of a webhook's address that only a generator writes; no UUID, no hexadecimal.
_OF_A_BOT = lazy_pattern(r"[0-9]{6,12}:([A-Za-z0-9_-]{30,})")
_LONG_PIECE = lazy_pattern(
    r"(?<=[/=])(?=[a-z0-9_-]*[A-Z])(?=[A-Z0-9_-]*[a-z])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{24,}(?![^/?&#])"
)
# A password of Google for one app: shown in four groups, valid without blanks too.
_APP_PASSWORD = lazy_pattern(r"([a-z]{4}) ?([a-z]{4}) ?([a-z]{4}) ?([a-z]{4})")


class Redaction(NamedTuple):
    """A removed value that was replaced: the 1-based line and the key it belongs to."""

    line: int
    name: str


def placeholder(name: str) -> str:
    """Return the text that replaces a removed value."""
    return f"<removed: {name}>"


def what_it_is(name: str) -> str:
    """Return a removed value in words: the value of a key, or a credential that was known by its form."""
    return f"a {name}" if " " in name else f"the value of {name}"


def searchable_parts(value: str, *, common: Collection[str] = frozenset(), setting: bool = False) -> tuple[str, ...]:
    """Return the strings worth searching for: the value, the items of a list, the secrets of a URL or a JSON text.

    Left out are strings shorter than 8 characters, public constants and templates such as `your_bot_token`, and the
    items of a comment behind the value, which some readers take for a part of it. `setting`: the value belongs to a
    setting, not to a credential; then plain words (a chat called "Engineering") are left out as well, because they
    would be redacted in every text.
    """
    if _PLACEHOLDER.search(value):
        value = _PLACEHOLDER.sub(" ", value)  # the source is itself a clone: the value was removed before
    stripped = value.strip()
    bare = stripped.strip("'\"")
    if bare.startswith(("{", "[{")):
        pieces = secrets_in_json(bare) or ()
    else:
        head = _COMMENT.split(stripped, maxsplit=1)[0]
        pieces = tuple(item.strip(" \t\"'`[](){}") for item in re.split(r"[,;\s]+", head))
        if "://" in head:
            pieces = (*pieces, *_url_secrets(head))
        if not setting:
            pieces = (*pieces, *_secret_parts(bare))
    # A single word of a list or of a passphrase is too common to be searched for.
    pieces = tuple(piece for piece in pieces if not _is_plain(piece.strip("-=_*")))
    whole = () if setting and _is_plain(stripped) else (value, stripped)
    groups = None if setting else _APP_PASSWORD.fullmatch(bare)
    if groups is not None:
        whole = (*whole, " ".join(groups.groups()), "".join(groups.groups()))
    return tuple(dict.fromkeys(part for part in (*whole, *pieces) if _is_searchable(part, common)))


def is_address(value: str, *, hosts: bool = True) -> bool:
    """Return whether a value is a host or a URL without a secret: many services of one machine can share it.

    `hosts`: a host without a scheme counts too (`mail.example.org`); some tokens have that form.
    """
    text = value.strip().strip("\"'")
    url = _URL.fullmatch(text) if "://" in text else None
    if url is not None:
        return all(len(word) <= _LONGEST_WORD_OF_A_PATH for word in url[1].split("/"))
    return hosts and ("." in text or ":" in text) and _ADDRESS.fullmatch(text) is not None


def _is_plain(text: str) -> bool:
    """Return whether a text is a few plain words, unlike a generated secret."""
    return len(text) <= _LONGEST_WORDS and _PLAIN_WORDS.fullmatch(text) is not None


def _secret_parts(value: str) -> tuple[str, ...]:
    """Return the parts of a credential that give access alone: a bot's token without its id, the end of a webhook."""
    token = _OF_A_BOT.fullmatch(value)
    if token is not None:
        return (token[1],)
    return tuple(_LONG_PIECE.findall(value)) if value.startswith(("https://", "http://")) else ()


def _url_secrets(value: str) -> list[str]:
    try:
        split = urlsplit(value)
    except ValueError:
        return []
    parts = [split.password or "", split.username or ""]
    return [*parts, *(unquote(part) for part in parts)]


class _Object(tuple[tuple[str, Any], ...]):
    """The members of a JSON object, also those whose name comes again."""


def secrets_in_json(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON text that look like secrets: long, under the name of a secret, not plain URLs.

    A string that is JSON itself is searched as well, and each line of JSON lines. None when the text is not JSON.
    """
    data = _parsed(text)
    if data is None:
        lines = [line for line in text.splitlines() if line.strip()]
        rows = [_parsed(line) for line in lines] if len(lines) > 1 else [None]
        if None in rows:
            return None
        data = rows
    found = [*_secrets_in(data, name="")]
    # A private key is also written with other line ends, indented, or without its first and last line.
    of_keys = (line for secret in found if "PRIVATE KEY-----" in secret for line in secret.splitlines())
    return tuple(dict.fromkeys((*found, *(line for line in of_keys if _KEY_LINE.fullmatch(line)))))


def _parsed(text: str) -> Any:
    """Return the data of a JSON text, with its objects as `_Object`; None when it is not JSON, or null."""
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return None


def _secrets_in(data: Any, *, name: str) -> Iterator[str]:
    if isinstance(data, _Object):
        for key, value in data:
            # In `tokens: {ada: …}` the name above says what the values are.
            is_one_of_many = isinstance(value, str) and _SECRET_FIELDS.search(name)
            # `noiseKey: {private: {type: Buffer, data: …}}` of WhatsApp, `cookies: [{name: …, value: …}]`.
            is_content = key in ("data", "value") and (("type", "Buffer") in data or _SECRET_FIELD.search(name))
            yield from _secrets_in(value, name="key" if is_content else name if is_one_of_many else key)
    elif isinstance(data, list):
        for value in data:
            yield from _secrets_in(value, name=name)
    elif not isinstance(data, str) or len(data) < _SHORTEST_FIELD:
        return
    elif data.lstrip()[:1] in ("{", "[") and (inner := _parsed(data)) is not None:
        yield from _secrets_in(inner, name=name)
    elif _SECRET_FIELD.search(name):
        if "://" in data:
            yield from _url_secrets(data)
        elif not _is_plain(data):
            yield data


def _is_searchable(part: str, common: Collection[str]) -> bool:
    lowered = part.strip().lower().rstrip("/")
    if len(lowered) < SHORTEST or lowered in common or set(lowered) <= set("*x.-_ "):
        return False
    return not lowered.startswith(("your_", "your-", "<removed:", "${"))


class ValueIndex:
    """Searches for every spelling of the removed values: UTF-8, UTF-16, URL-encoded, JSON-escaped, base64.

    Plain substring search: CPython's `in` reads about 8 GB/s per needle, faster than any one regular
    expression over all needles.
    """

    def __init__(
        self,
        parts: Mapping[str, Iterable[str]],
        *,
        public: Mapping[str, Iterable[str]] = MappingProxyType({}),
        spared: Collection[str] = frozenset(),
    ) -> None:
        """`parts`: name of a removed key → what `searchable_parts` gave for it; `spared`: values that stay.

        `public`: the same for values that are no secrets (hosts, URLs, ids of people and rooms). They are found as
        whole values only, never as a part of a longer address or id.
        """
        owners: dict[str, str] = {}
        for name, candidates in parts.items():
            for part in candidates:
                if part not in spared:
                    owners.setdefault(part, name)
        secret = frozenset(owners)
        for name, candidates in public.items():
            for part in candidates:
                if part not in spared:
                    owners.setdefault(part, name)
        self._public = frozenset(owners) - secret
        self._limits: dict[str, str] = {}
        self._bounded: dict[bytes, bytes] = {}
        # Longest first: a token that contains another removed value is replaced as a whole.
        ordered = sorted(owners.items(), key=lambda item: (-len(item[0]), item[0]))
        every_name = "\n".join((*parts, *public))
        in_names = [part for part, _ in ordered if part in every_name]
        shown = {name: _shown(name, in_names) for name in (*parts, *public)}
        self._owners = {part: shown[name] for part, name in ordered}
        self._spellings: dict[str, str] = {}
        # Grouped by a byte that all needles of a group contain: most files have no NUL, no % and no dash of print.
        self._needles: dict[bytes, dict[bytes, str]] = {b"": {}, b"\x00": {}, b"\xe2": {}, b"%": {}}
        for part, name in self._owners.items():
            if part in self._public:
                self._add_public(part, name)
                continue
            for text in text_spellings(part):
                self._spellings.setdefault(text, name)
                self._add(text.encode("utf-8", "surrogatepass"), name)
            for data in byte_spellings(part):
                self._add(data, name)
        self._by_mark = {mark: Needles(needles) for mark, needles in self._needles.items()}
        self._spelled = SpelledValues({part: name for part, name in self._owners.items() if part not in self._public})
        # Three times: every character of a value may be percent-encoded.
        self.overlap = 3 * max((len(needle) for group in self._needles.values() for needle in group), default=0)

    def _add(self, needle: bytes, name: str) -> None:
        mark = next((mark for mark in (b"\x00", b"\xe2", b"%") if mark in needle), b"")
        self._needles[mark].setdefault(needle, name)

    def _add_public(self, part: str, name: str) -> None:
        """Add a public value: in text between limits, and an id in other encodings too."""
        before, behind = _IN_ADDRESS if is_address(part) else _IN_ID
        encodings = [part.encode(codec, "surrogatepass") for codec in ("utf-8", "utf-16-le")]
        cores = {base64_core(encoded, shift) for encoded in encodings for shift in range(3)}
        for text in text_spellings(part):
            needle = text.encode("utf-8", "surrogatepass")
            # The characters of base64 say nothing about where the value begins.
            is_encoded = text.replace("-", "+").replace("_", "/") in cores
            if (is_encoded and before is _IN_ADDRESS[0]) or text in self._spellings:
                continue
            self._spellings[text] = name
            self._add(needle, name)
            if not is_encoded:
                self._limits[text] = f"{before}{re.escape(text)}{behind}"
                self._bounded.setdefault(needle, b"".join((before.encode(), re.escape(needle), behind.encode())))
        for data in byte_spellings(part) if before is _IN_ID[0] else ():
            if data not in self._bounded:
                self._add(data, name)

    @cached_property
    def secrets(self) -> ValueIndex:
        """Return the index of the secret values alone."""
        if not self._public:
            return self
        return ValueIndex(_by_name({value: name for value, name in self._owners.items() if value not in self._public}))

    def __bool__(self) -> bool:
        return bool(self._owners)

    def joined(self, other: ValueIndex) -> ValueIndex:
        """Return an index of the values of both. It takes as long as `other` is: a file can have values of its own."""
        names = {name: _shown(name, [part for part in self.values if part in name]) for name in other.values.values()}
        if any(name != shown for name, shown in names.items()):
            own, public = dict(other.values), other.public
            other = ValueIndex(
                _by_name({value: names[name] for value, name in own.items() if value not in public}),
                public=_by_name({value: names[name] for value, name in own.items() if value in public}),
            )
        return JoinedIndex(self, other)

    @property
    def public(self) -> frozenset[str]:
        """Return the values that are no secrets."""
        return self._public

    @property
    def values(self) -> Mapping[str, str]:
        """Return value → name of the key it belongs to, longest value first."""
        return self._owners

    @property
    def spellings(self) -> Mapping[str, str]:
        """Return every spelling of a value that is text → the name of the key it belongs to."""
        return self._spellings

    def names_in(self, data: bytes) -> tuple[str, ...]:
        """Return the names of the removed keys whose value is in these bytes, in any spelling."""
        names: set[str] = set()
        for view in views(data):
            for mark, needles in self._by_mark.items():
                if mark in view:
                    owners = self._needles[mark]
                    names.update(owners[needle] for needle in needles.in_text(view) if self._is_whole(needle, view))
        return tuple(sorted(names | self._spelled.names_in(data)))

    def hits(self, data: bytes) -> bool:
        """Return whether any removed value is in these bytes."""
        for view in views(data):
            for mark, needles in self._by_mark.items():
                if mark in view:
                    for needle in needles.candidates(view):  # a bare loop: this runs once a file
                        if needle in view and self._is_whole(needle, view):
                            return True
        return bool(self._spelled.names_in(data))

    def _is_whole(self, needle: bytes, view: bytes) -> bool:
        """Return whether a needle is in the bytes as a whole value, where it must be one."""
        pattern = self._bounded.get(needle)
        return pattern is None or re.search(pattern, view) is not None

    def whole(self, text: str) -> str | None:
        """Return the name of the key with exactly this value."""
        return self._owners.get(text) or self._owners.get(text.strip())

    def spans(self, text: str) -> tuple[tuple[int, int, str], ...]:
        """Return (start, end, name) of every removed value in the text, in order, never overlapping."""
        found = [*self._texts.in_text(text)]
        if len(found) > _MOST_AT_ONCE:  # one expression would try each of them at each character
            plain = tuple(
                (start, start + len(one), self._spellings[one]) for one in found for start in self._at(one, text)
            )
        else:
            plain = self._matches(found, text)
        return _apart((*plain, *self._spelled.spans(text)))

    def _matches(self, found: Iterable[str], text: str) -> tuple[tuple[int, int, str], ...]:
        ordered = sorted(found, key=lambda spelling: -len(spelling))
        if not ordered:
            return ()
        pattern = re.compile("|".join(self._limits.get(spelling) or re.escape(spelling) for spelling in ordered))
        return tuple((match.start(), match.end(), self._spellings[match.group()]) for match in pattern.finditer(text))

    def _at(self, spelling: str, text: str) -> Iterator[int]:
        """Yield where a spelling is in a text."""
        limits = self._limits.get(spelling)
        if limits is not None:
            yield from (match.start() for match in re.finditer(limits, text))
            return
        start = text.find(spelling)
        while start >= 0:
            yield start
            start = text.find(spelling, start + len(spelling))

    @cached_property
    def _texts(self) -> Needles[str]:
        return Needles(self._spellings)

    def redact(self, text: str) -> tuple[str, tuple[Redaction, ...]]:
        """Return the text with every removed value replaced, and the places; the same text without one."""
        spans = self.spans(text)
        if not spans:
            return text, ()
        line_starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
        pieces: list[str] = []
        redactions: list[Redaction] = []
        position = 0
        for start, end, name in spans:
            pieces += [text[position:start], placeholder(name)]
            redactions.append(Redaction(bisect_right(line_starts, start), name))
            position = end
        return "".join([*pieces, text[position:]]), tuple(redactions)

    def hide(self, text: str) -> str:
        """Return a path or a message without removed values, in any spelling."""
        hidden, _ = self.redact(text)
        parts = hidden.split("/")
        for index, part in enumerate(parts):
            if names := self.names_in(os.fsencode(part)):
                parts[index] = placeholder(names[0])
        return "/".join(parts)

    def held_by(self, texts: Sequence[str]) -> list[str]:
        """Return the texts in which `hide` would replace something; halves without a value are searched once."""
        joined = "\n".join(texts)
        if not texts or not (self.hits(os.fsencode(joined)) or self.spans(joined)):
            return []
        if len(texts) == 1:
            return [*texts]
        middle = len(texts) // 2
        return [*self.held_by(texts[:middle]), *self.held_by(texts[middle:])]

    def redact_bytes(self, data: bytes) -> tuple[bytes, tuple[Redaction, ...]] | None:
        """Return redacted bytes of a text file, or None when it is not text or a value would be left."""
        codec = _text_codec(data)
        if codec is None:
            return None
        try:
            text = data.decode(codec)
            redacted, redactions = self.redact(text)
            result = redacted.encode(codec)
        except UnicodeError:
            return None
        if codec == "utf-16":
            # The codec writes the machine's byte order: keep the file's own.
            order = "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-16-be"
            result = data[:2] + redacted.encode(order)
        return None if self.hits(result) else (result, redactions)


class JoinedIndex(ValueIndex):
    """The values of two indexes, of which neither is built again; the name of a value of both is that in the second."""

    def __init__(self, first: ValueIndex, second: ValueIndex) -> None:
        self._both = (first, second)
        self.overlap = max(first.overlap, second.overlap)

    @cached_property
    def secrets(self) -> ValueIndex:
        first, second = self._both
        return JoinedIndex(first.secrets, second.secrets) if first.public or second.public else self

    @cached_property
    def public(self) -> frozenset[str]:
        first, second = self._both
        return (first.public | second.public).difference(first.secrets.values, second.secrets.values)

    def __bool__(self) -> bool:
        return any(self._both)

    @cached_property
    def values(self) -> Mapping[str, str]:
        first, second = (one.values for one in self._both)
        return dict(sorted({**first, **second}.items(), key=lambda item: (-len(item[0]), item[0])))

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        first, second = (one.spellings for one in self._both)
        return {**first, **second}

    def names_in(self, data: bytes) -> tuple[str, ...]:
        return tuple(sorted({name for one in self._both for name in one.names_in(data)}))

    def hits(self, data: bytes) -> bool:
        return any(one.hits(data) for one in self._both)

    def whole(self, text: str) -> str | None:
        first, second = self._both
        return second.whole(text) or first.whole(text)

    def spans(self, text: str) -> tuple[tuple[int, int, str], ...]:
        first, second = (one.spans(text) for one in self._both)
        return _apart((*second, *first)) if first and second else first or second


def _apart(spans: tuple[tuple[int, int, str], ...]) -> tuple[tuple[int, int, str], ...]:
    """Return the spans in order; of two that overlap, the longer one."""
    if len(spans) < 2:
        return spans
    ranked = sorted(spans, key=lambda each: each[0] - each[1])
    return tuple(ranked[at] for at in apart([(start, end) for start, end, _ in ranked]))


def _by_name(owners: Mapping[str, str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for value, name in owners.items():
        parts.setdefault(name, []).append(value)
    return parts


def _shown(name: str, parts: Iterable[str]) -> str:
    """Return a key's name without removed values: a state file can have the name of its account."""
    for part in parts:
        if part in name:
            name = name.replace(part, "*")
    return name


def _text_codec(data: bytes) -> str | None:
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return None if b"\x00" in data else "utf-8"
