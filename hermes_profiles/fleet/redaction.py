"""Text that a gateway wrote without the profile's own secrets: its log, and its reasons, may hold its token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_profiles.documents.envglance import glance_env
from hermes_profiles.model.result import DocumentError
from hermes_profiles.profiles.roots import read_regular

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog import Catalog

_SHORTEST = 8
_LARGEST = 4 * 1024 * 1024
_TELLING = re.compile(
    r"token|secret|passw|passphrase|credential|private|cookie|authorization|api_?key|(?:_|\b)(?:key|pass|pwd)$",
    re.IGNORECASE,
)
# `NAME=value` to the end of its line, and `name: value` of YAML and JSON, whatever stands around them: the files may
# be broken, and a file that no reader takes still holds secrets.
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$", re.MULTILINE)
_PAIR = re.compile(r"([A-Za-z0-9_.-]+)[\"']?\s*:\s+(\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s,#\[\]{}][^\n,]*)")
_COMMENT = re.compile(r"\s#")
_USER = re.compile(r"://([^/\s:@]*):([^/\s@]+)@")
# Shapes that are secrets whatever file they came from: Telegram, Slack, OpenAI-like keys, bearer headers.
_SHAPES = re.compile(
    r"\b\d{6,}:[A-Za-z0-9_-]{20,}|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}|\bsk-[A-Za-z0-9_-]{8,}"
    r"|(?<=Bearer )\S{8,}"
)


def secrets_of(home: Path, catalog: Catalog | None = None) -> Mapping[str, str]:
    """Return value → name of the secrets in a profile's files, for hiding them; never to be shown.

    Without the catalogue the names alone tell what is a secret, and only what stands there literally is found.
    """
    found: dict[str, str] = {}
    for file in (".op.env", ".env"):
        raw = _read(home / file)
        for name, value in (*_assignments(raw), *(_parsed(raw, file).items() if catalog is not None else ())):
            fact = catalog.lookup(name) if catalog is not None else None
            if (fact is not None and fact.secret) or _TELLING.search(name):
                _note(found, name, value)
            _note_login(found, name, value)
    for file in ("config.yaml", "gateway.json", "auth.json"):
        raw = _read(home / file)
        for name, value in (*_pairs(raw), *(_leaves(_data(raw, file)) if catalog is not None else ())):
            if _TELLING.search(name):
                _note(found, name, value)
            _note_login(found, name, value)
    return found


def _note(found: dict[str, str], name: str, value: str) -> None:
    for part in (value, *value.splitlines(), *value.split()):
        if len(part.strip()) >= _SHORTEST:
            found.setdefault(part.strip(), name)


def _note_login(found: dict[str, str], name: str, value: str) -> None:
    """Note the password of an address (`postgres://user:password@host`), as it stands there and as it is meant."""
    from urllib.parse import unquote

    for match in _USER.finditer(value):
        for part in (match[2], unquote(match[2])):
            _note(found, name, part)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return b""


def _assignments(raw: bytes) -> Iterator[tuple[str, str]]:
    for name, value in _ASSIGNMENT.findall(raw.decode("utf-8", "replace")):
        yield from ((name, text) for text in _literals(value))


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    for name, value in _PAIR.findall(raw.decode("utf-8", "replace")):
        yield from ((name, text) for text in _literals(value))


def _literals(value: str) -> Iterator[str]:
    """Yield what a value may be: all of it, without a comment, without its quotes."""
    for text in (value.strip(), _COMMENT.split(value, maxsplit=1)[0].strip()):
        yield text
        yield text.strip("'\"")


def _parsed(raw: bytes, path: str) -> Mapping[str, str]:
    """Return what the readers of Hermes would see: values put together from others, or quoted over many lines."""
    plain = glance_env(raw)
    if plain is not None:
        return plain
    from hermes_profiles.documents.envfile import EnvDocument

    try:
        return EnvDocument.parse(raw, path=path).environment()
    except DocumentError:  # what stands there literally is known already
        return {}


def _data(raw: bytes, path: str) -> Any:
    if not raw:
        return None
    from hermes_profiles.documents.yamlfile import YamlDocument

    try:
        return json.loads(raw) if path.endswith(".json") else YamlDocument.parse(raw, path=path).data()
    except (DocumentError, ValueError, RecursionError):  # what stands there literally is known already
        return None


def _leaves(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield every text with its name and the one above (`tokens.slack`): either may tell."""
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
    from hermes_profiles.credentials.values import ValueIndex

    named: dict[str, list[str]] = {}
    for value, name in secrets.items():
        named.setdefault(name, []).append(value)
    index = ValueIndex(named)
    return tuple(_redacted(line, index) for line in lines)


def _redacted(line: str, index: Any) -> str:
    pieces, position = [], 0
    for start, end, name in index.spans(line):
        pieces += [line[position:start], f"<{name}>"]
        position = end
    text = "".join((*pieces, line[position:]))
    left = index.names_in(text.encode("utf-8", "surrogatepass"))
    # In a spelling that cannot be cut out, such as one with every character encoded: the line goes as a whole.
    return f"<{', '.join(left)}>" if left else _SHAPES.sub("<secret>", text)
