"""The secrets of all profiles of a root, for everything that is printed: a value is secret wherever it is repeated.

Files are scanned line by line, not parsed: a broken file has secrets too, and a thousand profiles are read in a moment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.detection.secret_detection import is_secret_name, is_secret_path
from hermes_profiles.credentials.detection.shape_marks import halves_of_bots, may_have_mark
from hermes_profiles.credentials.search.escapes import base64_decoded, unescaped, without_quotes
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

from .home_files import LARGEST
from .listing import profile_names
from .regular_file import read_kept

SHORTEST = 8
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
_BLANK = r"[^\S\n]"
_YAML_LINES = lazy_pattern(rf"(?m)^((?:{_BLANK}|#)*(?:- +)*)(?:[\"']?({_NAME})[\"']?{_BLANK}*:(?:{_BLANK}+|$))?(.+)?$")
_FLOW_PAIR = rf"[\"']?({_NAME})[\"']?\s*[:=]\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,\[\]{{}}]+)"
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
# From the beginning of a run alone: from each of its characters, a value of 1 MB would take hours.
_RANDOM = lazy_pattern(r"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}")
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OTHERS = bytes(range(256)).translate(None, _LETTERS)
_TO_RUNS = bytes.maketrans(_OTHERS, b" " * len(_OTHERS))
_TO_FORM = bytes.maketrans(_LETTERS, b"a" * len(_LETTERS))
_GRAM = 7
_LONG_RUN = b"a" * _GRAM
_FEW_GRAMS = 8
# Base64 without padding is decoded up to its last whole group: so many characters of a value can be missing.
_CUT = 2


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
        if not self.values:
            return {}
        words, grams = _words_in(text)
        near = [*_with_all_runs(self._with_run(grams & self._grams), text, words)]
        if self._without_run:
            joined = "\n".join(("", *words, ""))
            others = [
                value
                for value, runs in self._without_run
                if words.issuperset(runs[1:-1]) and f"{runs[0]}\n" in joined and f"\n{runs[-1]}" in joined
            ]
            near += _contained(others, text) if others else ()
        return {
            value: self.values[value]
            for value in near
            if is_unusual(value, self._catalog) and value not in self.addresses
        }

    def _with_run(self, grams: set[str]) -> list[str]:
        """Return the secrets whose longest run of letters and digits ends, in any case, with one of these 7 letters."""
        if not grams:
            return []
        if len(grams) > _FEW_GRAMS:
            return [value for gram in grams for value in self._by_gram.get(gram, ())]
        near = [value for value in self.values for gram in grams if gram in value.lower()]
        return [value for value in near if _longest_run(value)[-_GRAM:].lower() in grams]

    @cached_property
    def _grams(self) -> frozenset[str]:
        """Return the ends of all runs: fast to find, and nearly all outputs have none of them."""
        return frozenset([run[-_GRAM:] for run in _runs("\n".join(self.values).lower()) if run[_GRAM - 1 :]])

    @cached_property
    def _by_gram(self) -> dict[str, list[str]]:
        by_gram: dict[str, list[str]] = {}
        for value in self.values:
            by_gram.setdefault(_longest_run(value)[-_GRAM:].lower(), []).append(value)
        return by_gram

    @cached_property
    def _without_run(self) -> list[tuple[str, list[str]]]:
        """Return the secrets without a long run, each with its runs; those inside are whole runs of its every text."""
        text = "\n".join(self.values)
        if text.count("\n") >= len(self.values):
            text = "\n".join([value.replace("\n", " ") for value in self.values])
        forms = text.encode("ascii", "replace").translate(_TO_FORM).split(b"\n")
        found = [value for value, form in zip(self.values, forms, strict=True) if _LONG_RUN not in form]
        return [(value, _runs(value) or [""]) for value in found]

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
        self._seen: dict[bytes, frozenset[str]] = {}  # a document → the variables that it refers to for secrets
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
        if len(value) >= SHORTEST and _is_secret_variable(name, self._catalog):
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
        given: dict[str, str] = {}
        is_plain = "${" not in text
        known, referred = self._secret_variables, self._referred
        for name, value in _ASSIGNMENTS.findall(text):
            if name in known and is_plain:
                is_secret = known[name]
                if is_secret is False and "://" not in value and "\\" not in value and name not in referred:
                    continue
            if not _MARKS.intersection(value):
                value = given[name] = value.strip()
                if name in known and known[name] and ":" not in value:
                    if value not in self.found and len(value) >= SHORTEST:
                        self.found[value] = name
                else:
                    self.variable(name, value)
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
        if not raw:
            return
        if raw in self._seen:
            self._referred |= self._seen[raw]
            return
        before, self._referred = self._referred, set()
        self._scan_document(raw, name)
        self._seen[raw] = frozenset(self._referred)
        self._referred |= before

    def _scan_document(self, raw: bytes, name: str) -> None:
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
        parents: list[tuple[int, tuple[str, ...]]] = [(-1, ())]
        anchored: dict[str, str] = {}
        self._aliased.clear()
        text = "\n".join(text.splitlines())
        may_have_form = "\\" in text or may_have_mark(text)
        for before, key, value in _YAML_LINES.findall(text):
            if key:
                indent = len(before)
                while parents[-1][0] >= indent:
                    del parents[-1]
                parents += [(indent, (*parents[-1][1], key))]
            if not value:
                continue
            path = parents[-1][1]
            if (
                value[0] == "&"
                or _may_have_pairs(value)
                or (may_have_form and ("\\" in value or may_have_mark(value)))
                or self._is_secret_path(path)
            ):
                self._yaml_value(path, value, anchored)
        for name in self._aliased & anchored.keys():
            self._note(name, anchored[name])

    def _yaml_value(self, path: tuple[str, ...], value: str, anchored: dict[str, str]) -> None:
        if value[0] == "&":
            name, _, rest = value[1:].partition(" ")
            anchored[name] = rest.strip().strip("'\"")
        for part in _literals(value):
            self._setting(path, part)
        if _may_have_pairs(value):
            for name, part in re.findall(_FLOW_PAIR, value):
                for text in _literals(part):
                    self._setting((*path, name), text)

    def _setting(self, path: tuple[str, ...], value: str) -> None:
        if self._is_secret_path(path):
            if "${" in value:
                self._referred.update(_VARIABLE.findall(value))
            if value[:1] == "*":
                self._aliased.add(value[1:])
            self._note(path[-1], value)
        elif len(value) >= SHORTEST and _looks_secret(value):
            self._note(path[-1] if path else CONFIG_FILE, value)
        elif "://" in value:
            self._note_login(path[-1] if path else CONFIG_FILE, value)

    def _is_secret_path(self, path: tuple[str, ...]) -> bool:
        if path not in self._secret_paths:
            self._secret_paths[path] = is_secret_path(path, self._catalog)
        return self._secret_paths[path]

    def _note(self, name: str, value: str) -> None:
        if len(value) < SHORTEST:
            return
        if "://" in value:
            self._note_login(name, value)
        for part in (value, *(value.split() if " " in value else ()), *halves_of_bots(value)):
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
    if len(value) < SHORTEST:
        return False
    return _looks_secret(value) or ("/" not in value and _RANDOM.search(value) is not None)


def _looks_secret(value: str) -> bool:
    if not may_have_mark(value):
        return False
    from hermes_profiles.credentials.detection.secret_shapes import looks_secret

    return looks_secret(value)


def _may_have_pairs(value: str) -> bool:
    return ("{" in value or "[" in value) and (":" in value or "=" in value)


def _longest_run(value: str) -> str:
    return max(_runs(value), key=len, default="")


def _is_plain_url(value: str) -> bool:
    """Return whether a value is a URL without a secret of its own."""
    return re.fullmatch(_URL, value) is not None and not _looks_secret(value) and _RANDOM.search(value) is None


def _is_secret_variable(name: str, catalog: Catalog) -> bool | None:
    """Return whether a variable holds a secret; None where its name says nothing."""
    fact = catalog.lookup(name)
    # The id of an account (WEIXIN_ACCOUNT_ID) identifies it and gives no access: reports name accounts by it.
    if fact is not None and fact.known and not fact.secret and not is_secret_name(name):
        return False if fact.key_class is not KeyClass.UNKNOWN else None
    if is_secret_path((name,), catalog):
        return True
    return False if fact is not None and fact.key_class is not KeyClass.UNKNOWN else None


def _with_all_runs(values: Sequence[str], text: str, words: set[str]) -> Iterator[str]:
    """Yield the values whose runs are all in a text, in some spelling, quotes and backslashes aside.

    One run alone can be a public part of the value, such as the id of its account.
    """
    if not values:
        return
    joined = "\n".join(words).lower()
    bare = cache(lambda: "\n".join(chain.from_iterable(map(_runs, _bare_views(text)))).lower())
    has = cache(lambda run: run in joined or run in bare())  # many secrets of a fleet have a run in common
    for value in values:
        *runs, last = _runs(value.lower())
        if all(map(has, runs)) and has(last[:-_CUT]):
            yield value


def _contained(values: Iterable[str], text: str) -> Iterator[str]:
    """Yield the values that a text has in some spelling, quotes and backslashes aside."""
    views = _bare_views(text)
    for value in values:
        bare = without_quotes(value)
        if any(bare in view for view in views):
            yield value


def _bare_views(text: str) -> list[str]:
    return [without_quotes(view) for view in chain((text,), unescaped(text), base64_decoded(text))]


def _runs(text: str) -> list[str]:
    """Return the runs of letters and digits in a text, ASCII alone."""
    return text.encode("ascii", "replace").translate(_TO_RUNS).decode("ascii").split()


def _words_in(text: str) -> tuple[set[str], set[str]]:
    """Return the runs of letters and digits in a text, its escapes and its base64, and their grams in lower case."""
    words = set(_runs(text))
    for view in chain(unescaped(text), base64_decoded(text)):
        words.update(_runs(view))
    long = [word for word in words if len(word) >= _GRAM]
    return words, {word[at : at + _GRAM] for word in map(str.lower, long) for at in range(len(word) - _GRAM + 1)}


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
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _read(path: str) -> bytes:
    try:
        return read_kept(path, LARGEST)
    except OSError:
        return b""


def _json_files(folder: str) -> Iterable[str]:
    try:
        return [name for name in sorted(os.listdir(folder))[:_MOST_FILES] if name.endswith(".json")]
    except OSError:
        return ()
