"""Line numbers of keys in documents, for the evidence of a finding. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.documents.yaml.fast_reader import read_simple_sections
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

_YAML_KEY = lazy_pattern(r"( *)(?:- )?([\"']?)([A-Za-z_][A-Za-z0-9_ .-]*)\2:(?: .*)?")


def env_line(raw: bytes, name: str, known: Collection[str] = ()) -> int | None:
    """Return the line (from 1) of the effective entry of a name in a `.env`, None when the name is not set."""
    return _env_lines(raw, tuple(known)).get(name)


@lru_cache(maxsize=8)  # thousands of variables of one file can be asked for
def _env_lines(raw: bytes, known: tuple[str, ...]) -> Mapping[str, int]:
    plain = read_simple_env(raw)
    if plain is not None:
        lines = {
            line.removeprefix(b"export ").partition(b"=")[0].decode("utf-8", "replace"): number
            for number, line in enumerate(raw.split(b"\n"), 1)
        }
        return {name: lines[name] for name in plain}
    from hermes_profiles.documents.dotenv.document import EnvDocument

    try:
        document = EnvDocument.parse(raw, known_keys=known)
    except DocumentError:
        return {}
    return {entry.name: entry.line for entry in document.entries if not entry.commented}


def yaml_line(raw: bytes, path: Sequence[str]) -> int | None:
    """Return the line of the key at a path of a YAML document, None when the path does not exist."""
    # The lines of one section are found by their indentation where that section and all top-level keys are plain.
    if not any(key.startswith("[") for key in path) and read_simple_sections(raw, path[:1]) is not None:
        return _plain_line(raw.decode(), path)
    from hermes_profiles.documents.yaml.document import YamlDocument

    try:
        entry = YamlDocument.parse(raw, path="").get(tuple(path))
    except DocumentError:
        return None
    return entry.key_line if entry is not None else None


def _plain_line(text: str, path: Sequence[str]) -> int | None:
    """Return the line of a path in plain block style, found by its indentation."""
    at: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _YAML_KEY.fullmatch(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        indent = len(match[1])
        while at and at[-1][0] >= indent:
            at.pop()
        at.append((indent, match[3]))
        if [name for _, name in at] == list(path):
            return number
    return None


def json_line(raw: bytes, path: Sequence[str]) -> int | None:
    """Return the line of the key at a path of a JSON document, None when the path does not exist."""
    from .json_document import JsonDocument

    try:
        entry = JsonDocument.parse(raw, path="").get(tuple(path))
    except DocumentError:
        return None
    return entry.key_line if entry is not None else None
