"""Reads the files of one home, each of them once.

The fast readers are used where they are certain, else the full ones, which are imported only then; the result is the
same. A file that cannot be read becomes a problem, not an exception.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any

from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.documents.yaml.fast_reader import EVERYTHING, read_simple_sections
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.text import system_reason

from .regular_file import read_kept

LARGEST = 16 * 1024 * 1024
_NOTHING: Mapping[str, str] = MappingProxyType({})
_VariableReader = Callable[[Mapping[str, str]], Mapping[str, str]]
# The gateway reads both at its start; `.env` wins over `.op.env`.
ENVIRONMENT_FILES = (OP_ENV_FILE, ENV_FILE)


class HomeFiles:
    """Reads the files of a home; `known` are the names at which Hermes splits joined lines of an environment file.

    `whole`: YAML files are read completely even for a few keys, so that errors further down are found. `problems`: the
    files that could not be read so far, in the order of reading.
    """

    def __init__(self, home: Path, known: Collection[str] = (), *, whole: bool = False) -> None:
        self.home = home
        self._folder = os.fspath(home)  # joined as text: a path object takes as long as opening the file
        self.problems: list[Problem] = []
        self._known = known
        self._whole: dict[str, Mapping[str, Any]] | None = {} if whole else None
        self._raw: dict[str, bytes | None] = {}

    def raw(self, name: str) -> bytes | None:
        """Return the bytes of a file, None when it is missing or cannot be read.

        `name`: a path relative to the home, or an absolute one.
        """
        if name not in self._raw:
            self._raw[name] = self._read(os.path.join(self._folder, name))
        return self._raw[name]

    def absent(self, name: str) -> None:
        """Record that a file is missing, so that it is not opened."""
        self._raw.setdefault(name, None)

    def expect(self, name: str, raw: bytes) -> None:
        """Use these bytes in place of a file: a plan will write them."""
        self._raw[name] = raw

    def _read(self, path: str) -> bytes | None:
        try:
            raw = read_kept(path, LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._unreadable(path, f"cannot read {path}: {system_reason(error)}")
            return None
        if len(raw) < LARGEST:
            return raw
        self._unreadable(path, f"{path} is larger than {LARGEST // 2**20} MiB")
        return None

    def _unreadable(self, path: str, message: str) -> None:
        self.problems.append(Problem("unreadable", message, path, f"look at it: `ls -l {quote(str(path))}`"))

    def environment(
        self, names: Collection[str] = ENVIRONMENT_FILES, sources: Mapping[str, str] = _NOTHING
    ) -> dict[str, str]:
        """Return the variables that a gateway reads at its start; a later file wins over an earlier one.

        `sources`: what sources of secrets and the managed directory set, for the references of the files. Hermes 0.19.0
        loads the files twice before it reads its channels (hermes_cli/main.py, gateway/run.py): a reference finds
        what is set further down, in the other file, or by a source.
        """
        readers, refers = [], False
        for name in names:
            raw = self.raw(name)
            if raw:
                known = self._known if name == ENV_FILE else ()  # Hermes splits joined lines of no other file
                readers.append(_variable_reader(raw, str(self.home / name), known, self.problems))
                refers = refers or b"$" in raw
        environment: dict[str, str] = {}
        for _ in range(2 if refers else 1):
            before = {**sources, **environment}
            for read in readers:
                environment.update(read(before))
        return environment

    def sections(self, name: str, wanted: Collection[str]) -> Mapping[str, Any]:
        """Return these top-level keys of a YAML file, {} when it is absent or broken."""
        raw = self.raw(name)
        if not raw:
            return {}
        if self._whole is None:
            return sections_in(raw, str(self.home / name), wanted, self.problems)
        if name not in self._whole:
            self._whole[name] = sections_in(raw, str(self.home / name), EVERYTHING, self.problems)
        return self._whole[name]

    def json(self, name: str) -> object:
        """Return a parsed JSON file, None when it is missing, broken or not UTF-8 (Hermes ignores it then)."""
        raw = self.raw(name)
        try:
            return json.loads(raw.decode("utf-8-sig")) if raw else None
        except (ValueError, RecursionError):
            return None


def environment_in(raw: bytes, path: str, known: Collection[str], problems: list[Problem]) -> Mapping[str, str]:
    """Return the variables of an environment file, for both kinds of readers.

    A file with an error is added to `problems`, and the variables are those of its sound lines: Hermes passes over a
    broken line, and starts the channels of the others.
    """
    return _variable_reader(raw, path, known, problems)({})


def _variable_reader(raw: bytes, path: str, known: Collection[str], problems: list[Problem]) -> _VariableReader:
    """Return what reads the variables of an environment file, given those that are set before, for `${NAME}`."""
    values = read_simple_env(raw)
    if values:
        return lambda _: values
    from hermes_profiles.documents.dotenv.document import EnvDocument
    from hermes_profiles.documents.sealed import check_has_assignment, check_not_sealed, sealed_form

    try:
        check_not_sealed(raw, path)
        document = EnvDocument.parse(raw, path=path, known_keys=known)
        if not document.names():
            check_has_assignment(document.text, path)
    except DocumentError as error:
        problems.append(error.problem)
        is_sealed = sealed_form(raw) is not None
        return lambda before: {} if is_sealed else _of_sound_lines(raw, path, known, before)
    return lambda before: {**document.line_environment(), **document.environment(before)}


def _of_sound_lines(raw: bytes, path: str, known: Collection[str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of those lines of a broken environment file that can be parsed by themselves.

    A line that opens a quote goes on until the next line with such a quote.
    """
    from hermes_profiles.documents.dotenv.document import EnvDocument

    lines, at = raw.splitlines(keepends=True), 0
    found: dict[str, str] = {}
    while at < len(lines):
        plain = read_simple_env(lines[at])
        if plain is not None:
            found.update(plain)
            at += 1
            continue
        for end in (at + 1, _end_of_quote(lines, at)):
            try:
                document = EnvDocument.parse(b"".join(lines[at:end]), path=path, known_keys=known)
            except DocumentError:
                continue
            found.update({**document.line_environment(), **document.environment({**before, **found})})
            at = end - 1
            break
        at += 1
    return found


def _end_of_quote(lines: Sequence[bytes], at: int) -> int:
    """Return the number behind the line that closes the quote which a line opens; the next line where none does."""
    quote = lines[at].partition(b"=")[2].lstrip()[:1]
    if quote not in (b'"', b"'"):
        return at + 1
    return next((end + 1 for end in range(at + 1, len(lines)) if quote in lines[end]), at + 1)


def sections_in(raw: bytes, path: str, wanted: Collection[str], problems: list[Problem]) -> Mapping[str, Any]:
    """Return top-level keys of a YAML file (or all of them), {} when it is broken."""
    sections = read_simple_sections(raw, wanted)
    if sections is not None:
        return sections
    try:
        return _parsed(raw, path)
    except DocumentError as error:
        problems.append(error.problem)
        return {}


# A process that looks at a fleet again and again, such as the watcher, parses a file once until it changes.
@lru_cache(maxsize=128)
def _parsed(raw: bytes, path: str) -> Mapping[str, Any]:
    """Return the content of a YAML file, {} where it is no mapping. Raises DocumentError."""
    from hermes_profiles.documents.sealed import check_not_sealed
    from hermes_profiles.documents.yaml.document import YamlDocument

    check_not_sealed(raw, path)
    data = YamlDocument.parse(raw, path=path).data()
    return MappingProxyType(dict(data)) if isinstance(data, Mapping) else {}
