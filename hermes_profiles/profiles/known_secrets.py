"""The secrets of all profiles of a root, for everything that is printed: a value is secret wherever it is repeated.

Files are scanned line by line, not parsed: a broken file has secrets too, and a thousand profiles are read in a moment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.escapes import base64_decoded, unescaped, without_quotes
from hermes_profiles.credentials.secret_detection import is_secret_path, looks_secret
from hermes_profiles.hermes.environment import HERMES_MANAGED_DIR
from hermes_profiles.hermes.files import (
    ANTHROPIC_LOGIN_FILE,
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    HONCHO_FILE,
    LEGACY_CONFIG_FILE,
    MACHINE_FOLDER,
    NOUS_LOGIN_FILE,
    OP_ENV_FILE,
    SHARED_LOGIN_FOLDER,
    SLACK_TOKENS_FILE,
    WEBHOOKS_FILE,
    WEIXIN_ACCOUNTS_FOLDER,
)
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern

from .listing import profile_names
from .regular_file import read_regular

SHORTEST = 8
_LARGEST = 1024 * 1024
_MOST_FILES = 100
_MOST_LINES = 100
_ENVIRONMENT_FILES = frozenset((ENV_FILE, OP_ENV_FILE))
_DOCUMENTS = frozenset(
    (
        CONFIG_FILE,
        LEGACY_CONFIG_FILE,
        AUTH_FILE,
        HONCHO_FILE,
        ANTHROPIC_LOGIN_FILE,
        SLACK_TOKENS_FILE,
        WEBHOOKS_FILE,
        NOUS_LOGIN_FILE,
    )
)
# The first part of the path, which the listing of a home shows, → the folder.
_FOLDERS = {folder.partition("/")[0]: folder for folder in (WEIXIN_ACCOUNTS_FOLDER, "mcp-tokens")}

# Patterns that few homes need are text: they are compiled when they are used.
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
# `NAME=value`, also in a comment: a value that was switched off is still a secret.
_ASSIGNMENTS = lazy_pattern(rf"^[ \t#]*(?:export[ \t]+|set[ \t]+)?({_NAME})[ \t]*=[ \t]*(\S.*)", re.MULTILINE)
_LINES = rf"(?m)^[ \t#]*(?:export[ \t]+)?({_NAME})[ \t]*=[ \t]*([\"'])((?:(?!\2)[^\\\n]|\\.)*\n[^\"']*)"
_MARKS = frozenset("'\"#$\\ \t\r")
_YAML_LINE = lazy_pattern(rf"([\s#]*(?:- +)*)(?:[\"']?({_NAME})[\"']?\s*:(?:\s+|$))?(.*)")
_FLOW_PAIR = rf"[\"']?({_NAME})[\"']?\s*[:=]\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,\[\]{{}}]+)"
_FLOW = lazy_pattern(r"[{\[]")
_COMMENT = r"\s#"
_PROPERTIES = r"^(?:[&*!|>][^\s]*\s+)*[&*!|>]*"
_USER = r"://([^/\s:@]*):([^/\s@]+)@"
_REFERENCE = r"\$\{[^}]*\}|\$[A-Za-z_]\w*|(?:op|file|env|vault|bws|keyring|pass):\S+"
_VARIABLE = lazy_pattern(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL = r"[a-z][a-z0-9+.-]*://[^\s@]*"
_PATH = (
    r"(?:~|\.{1,2}|[A-Za-z]:|/(?:home|root|etc|var|opt|usr|mnt|run|tmp|srv|data|media|Users|private|nix|dev))[/\\].*"
)
_WORD = r"[A-Z]+|(?:[A-Z]?[^\W\d_A-Z]{1,16}){1,3}"
_BETWEEN_WORDS = r"[ '._/-]"
# So many words are a pass phrase; fewer are words of any text (`lm-studio`, `not-needed`).
_PHRASE_WORDS, _PHRASE_SIZE = 4, 20
_RUN = lazy_pattern(r"[A-Za-z0-9]{7,}")
_RANDOM = lazy_pattern(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}")
_PART = lazy_pattern(r"[A-Za-z0-9]+")
_GRAM = 7


class _Index(NamedTuple):
    """Secrets by the last 7 characters of their longest run of letters and digits.

    `others`: the secrets without such a run, each with its first run, the runs inside, which are whole runs of every
    text that contains it, and its last run.
    """

    by_gram: dict[str, list[str]]
    others: list[tuple[str, str, frozenset[str], str]]


class KnownSecrets:
    """The secrets of a root, read when they are first needed."""

    def __init__(self, layout: Layout, catalog: Catalog, environment: Mapping[str, str]) -> None:
        self._layout = layout
        self._catalog = catalog
        self._environment = environment

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Return value → name of every secret of 8 characters or more, common words included."""
        scan = _Scan(self._catalog)
        for home in self._homes():
            scan.home(home)
        for name, value in self._environment.items():
            scan.inherited(name, value)
        return scan.found

    @cached_property
    def addresses(self) -> str:
        """Return the names and paths that stay visible even where a secret is the same: a profile is called by them."""
        return "\n".join((*profile_names(self._layout), str(self._layout.root), str(self._layout.user_home)))

    def near(self, text: str) -> dict[str, str]:
        """Return value → name of the secrets that a text may contain in some spelling; it errs towards more.

        Left out are those that are common words, and those that are a part of the name or path of a profile.
        """
        words, grams = _words_in(text)
        index = self._index
        near = [value for gram in grams & index.by_gram.keys() for value in index.by_gram[gram]]
        if index.others:
            joined = "\n".join(("", *words, ""))
            others = [
                value
                for value, first, inner, last in index.others
                if inner <= words and f"{first}\n" in joined and f"\n{last}" in joined
            ]
            near += _contained(others, text) if others else ()
        return {
            value: self.values[value]
            for value in near
            if is_unusual(value, self._catalog) and value not in self.addresses
        }

    @cached_property
    def _index(self) -> _Index:
        by_gram: dict[str, list[str]] = {}
        others = []
        for value in self.values:
            runs = _RUN.findall(value)
            if runs:
                by_gram.setdefault(max(runs, key=len)[-_GRAM:], []).append(value)
                continue
            parts = _PART.findall(value) or [""]
            others.append((value, parts[0], frozenset(parts[1:-1]), parts[-1]))
        return _Index(by_gram, others)

    def _homes(self) -> Iterator[str]:
        yield str(self._layout.root)
        profiles = str(self._layout.profiles)
        try:
            yield from (f"{profiles}/{name}" for name in os.listdir(profiles) if name[:1] != ".")
        except OSError:
            pass
        yield self._environment.get(HERMES_MANAGED_DIR, "").strip() or MACHINE_FOLDER
        yield f"{self._layout.root}/{SHARED_LOGIN_FOLDER}"


class _Scan:
    """The secrets found so far; files and names that were seen before are passed over."""

    def __init__(self, catalog: Catalog) -> None:
        self.found: dict[str, str] = {}
        self._catalog = catalog
        self._secret_paths: dict[tuple[str, ...], bool] = {}
        self._secret_variables: dict[str, bool | None] = {}
        self._seen: set[bytes] = set()
        self._referred: set[str] = set()
        self._aliased: set[str] = set()

    def home(self, folder: str) -> None:
        """Add the secrets in the files of a home."""
        try:
            present = set(os.listdir(folder))
        except OSError:
            return
        self._referred.clear()
        for name in present & _DOCUMENTS:
            self._document(_read(f"{folder}/{name}"), name)
        for name, below in _FOLDERS.items():
            if name in present:
                for file in _json_files(f"{folder}/{below}"):
                    self._document(_read(f"{folder}/{below}/{file}"), file)
        for name in present & _ENVIRONMENT_FILES:
            self._variables(_decoded(_read(f"{folder}/{name}")))

    def inherited(self, name: str, value: str) -> None:
        """Add a variable of the environment of this process when its name is that of a secret."""
        if _is_secret_variable(name, self._catalog):
            self._note(name, value)

    def variable(self, name: str, value: str) -> None:
        """Add a variable of an environment or of an environment file when it is a secret."""
        is_secret = self._secret_variables.get(name, ...)
        if is_secret is ...:
            is_secret = self._secret_variables[name] = _is_secret_variable(name, self._catalog)
        if is_secret or name in self._referred or (is_secret is None and _looks_generated(value)):
            self._note(name, value)
        elif "://" in value:
            self._note_login(name, value)

    def _variables(self, text: str) -> None:
        assignments = _ASSIGNMENTS.findall(text)
        given: dict[str, str] = {}
        is_plain = "${" not in text
        for name, value in assignments:
            if not _MARKS.intersection(value):
                self.variable(name, value.rstrip())
                continue
            for part in _literals(value):
                self.variable(name, part)
                if not is_plain:
                    self.variable(name, _VARIABLE.sub(lambda found: given.get(found[1], ""), part))
            given[name] = value.strip().strip("'\"")
        if '"' in text or "'" in text:
            self._quoted_lines(text)

    def _quoted_lines(self, text: str) -> None:
        """Add the lines of a value that is quoted over several lines."""
        for match in re.finditer(_LINES, text):
            for line in match[3].splitlines()[:_MOST_LINES]:
                self.variable(match[1], line.strip().rstrip("'\""))

    def _document(self, raw: bytes, name: str) -> None:
        if not raw or raw in self._seen:
            return
        self._seen.add(raw)
        if name.endswith(".json"):
            try:
                self._tree(json.loads(raw), ())
            except (ValueError, RecursionError):
                self._lines(_decoded(raw))
        else:
            self._lines(_decoded(raw))

    def _tree(self, data: object, path: tuple[str, ...]) -> None:
        if isinstance(data, dict):
            for key, value in data.items():
                self._tree(value, (*path, str(key)))
        elif isinstance(data, list):
            for value in data:
                self._tree(value, path)
        elif isinstance(data, str):
            self._setting(path, data)

    def _lines(self, text: str) -> None:
        """Scan YAML by its lines: a line without a key belongs to the key above it."""
        parents: list[tuple[int, str]] = []
        anchored: dict[str, str] = {}
        self._aliased.clear()
        for line in text.splitlines():
            match = _YAML_LINE.match(line)
            if match is None:
                continue
            before, key, value = match.groups()
            if key is not None:
                indent = len(before)
                while parents and parents[-1][0] >= indent:
                    parents.pop()
                parents.append((indent, key))
            path = tuple(name for _, name in parents)
            if value:
                self._yaml_value(path, value, anchored)
        for name in self._aliased & anchored.keys():
            self._note(name, anchored[name])

    def _yaml_value(self, path: tuple[str, ...], value: str, anchored: dict[str, str]) -> None:
        if value[0] == "&":
            name, _, rest = value[1:].partition(" ")
            anchored[name] = rest.strip().strip("'\"")
        for part in _literals(value):
            self._setting(path, part)
        if _FLOW.search(value):
            for name, part in re.findall(_FLOW_PAIR, value):
                for text in _literals(part):
                    self._setting((*path, name), text)

    def _setting(self, path: tuple[str, ...], value: str) -> None:
        is_secret = self._secret_paths.get(path)
        if is_secret is None:
            is_secret = self._secret_paths[path] = is_secret_path(path, self._catalog)
        if is_secret:
            self._referred.update(_VARIABLE.findall(value))
            if value[:1] == "*":
                self._aliased.add(value[1:])
            self._note(path[-1], value)
        elif len(value) >= SHORTEST and looks_secret(value):
            self._note(path[-1] if path else CONFIG_FILE, value)
        elif "://" in value:
            self._note_login(path[-1] if path else CONFIG_FILE, value)

    def _note(self, name: str, value: str) -> None:
        if len(value) < SHORTEST:
            return
        if "://" in value:
            self._note_login(name, value)
        for part in (value, *(value.split() if " " in value else ())):
            part = part.strip()
            if len(part) >= SHORTEST:
                self.found.setdefault(part, name)

    def _note_login(self, name: str, value: str) -> None:
        for match in re.finditer(_USER, value):
            from urllib.parse import unquote

            for part in (match[2], unquote(match[2])):
                if len(part) >= SHORTEST:
                    self.found.setdefault(part, name)


def is_unusual(value: str, catalog: Catalog) -> bool:
    """Return whether a secret can be searched for in any text: a common word would be hidden everywhere."""
    lowered = value.lower()
    if catalog.is_placeholder(value) or lowered in catalog.common_values:
        return False
    if lowered.startswith(("your_", "your-", "<", "${")) or set(lowered) <= set("*x.-_ "):
        return False
    if re.fullmatch(_REFERENCE, value) or re.fullmatch(_PATH, value) or _is_plain_url(value):
        return False
    words = re.split(_BETWEEN_WORDS, value)
    is_phrase = len(value) >= _PHRASE_SIZE and len(words) >= _PHRASE_WORDS
    return is_phrase or not all(re.fullmatch(_WORD, word) for word in words)


def _looks_generated(value: str) -> bool:
    return len(value) >= SHORTEST and (looks_secret(value) or ("/" not in value and _RANDOM.search(value) is not None))


def _is_plain_url(value: str) -> bool:
    """Return whether a value is a URL without a secret of its own."""
    return re.fullmatch(_URL, value) is not None and not looks_secret(value) and _RANDOM.search(value) is None


def _is_secret_variable(name: str, catalog: Catalog) -> bool | None:
    """Return whether a variable holds a secret; None where its name says nothing."""
    if is_secret_path((name,), catalog):
        return True
    fact = catalog.lookup(name)
    return False if fact is not None and fact.key_class is not KeyClass.UNKNOWN else None


def _contained(values: Iterable[str], text: str) -> Iterator[str]:
    """Yield the values that a text has in some spelling, quotes and backslashes aside."""
    views = [without_quotes(view) for view in chain((text,), unescaped(text), base64_decoded(text))]
    for value in values:
        bare = without_quotes(value)
        if any(bare in view for view in views):
            yield value


def _words_in(text: str) -> tuple[set[str], set[str]]:
    """Return the runs of letters and digits in a text, in what its escapes and its base64 mean, and their grams."""
    words = set(_PART.findall(text))
    for view in chain(unescaped(text), base64_decoded(text)):
        words.update(_PART.findall(view))
    long = [word for word in words if len(word) >= _GRAM]
    return words, {word[at : at + _GRAM] for word in long for at in range(len(word) - _GRAM + 1)}


def _literals(value: str) -> tuple[str, ...]:
    """Return the possible values of a text: whole, without a comment, quotes and the marks of YAML."""
    whole = value.strip()
    found = {whole}
    if " #" in value or "\t#" in value:
        found.add(re.split(_COMMENT, whole, maxsplit=1)[0].strip())
    for text in tuple(found):
        bare = re.sub(_PROPERTIES, "", text) if text[:1] in ("&", "*", "!", "|", ">") else text
        found |= {bare, bare.strip("'\",")}
        if "\\" in bare and bare[:1] == '"':
            found.add(_unescaped(bare))
        if "''" in bare:
            found.add(bare.strip("'").replace("''", "'"))
    return tuple(found)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "surrogateescape")


def _read(path: str) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return b""


def _json_files(folder: str) -> Iterable[str]:
    try:
        return [name for name in sorted(os.listdir(folder))[:_MOST_FILES] if name.endswith(".json")]
    except OSError:
        return ()
