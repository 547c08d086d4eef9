"""Paths of settings as users write them: `platforms.slack.extra.apps[0]."key.with.dots"`. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.patterns import lazy_pattern

_INDEX = lazy_pattern(r"\[(\d{1,6})\]")
_BARE = lazy_pattern(r"[^.\[\]\"'\s\x00-\x1f\x7f]+")
_QUOTED = lazy_pattern(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")
_ESCAPED = lazy_pattern(r"\\(.)")
HINT = 'write it as `platforms.slack.extra.apps[0].name`; quote a key that holds a dot: `models."gpt-5.1".alias`'


def path_text(path: Sequence[str]) -> str:
    """Return a path as text that `parsed_path` reads back."""
    parts: list[str] = []
    for part in path:
        if parts and _INDEX.fullmatch(part):
            parts[-1] += part
        elif _BARE.fullmatch(part):
            parts.append(part)
        else:
            parts.append('"' + re.sub(r'(["\\])', r"\\\1", part) + '"')
    return ".".join(parts)


def parsed_path(text: str) -> tuple[str, ...]:
    """Return the keys of a path, list items as `[0]`. Raises UsageProblem with an example."""
    path: list[str] = []
    at = 0
    while at < len(text):
        if path and (match := _INDEX.match(text, at)) is not None:
            path.append(match[0])
            at = match.end()
            continue
        if path:
            if text[at] != ".":
                raise _bad(text)
            at += 1
        match = _QUOTED.match(text, at)
        if match is not None:
            path.append(_ESCAPED.sub(r"\1", match[1]) if match[1] is not None else match[2])
        else:
            # A bare key may contain a blank, but no dot and no bracket.
            match = re.compile(r"[^.\[\]\"']+").match(text, at)
            if match is None:
                raise _bad(text)
            path.append(match[0])
        at = match.end()
    if not path or text.endswith("."):
        raise _bad(text)
    return tuple(path)


def split_paths(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the paths of a repeatable option, each value of which may be several paths separated by commas."""
    found = []
    for text in texts:
        rest, piece = text, ""
        pieces = []
        while rest:
            match = _QUOTED.match(rest)
            if match is not None:
                piece, rest = piece + match[0], rest[match.end() :]
            elif rest[0] == ",":
                pieces.append(piece)
                piece, rest = "", rest[1:]
            else:
                piece, rest = piece + rest[0], rest[1:]
        found += [parsed_path(one.strip()) for one in [*pieces, piece] if one.strip()]
    return list(dict.fromkeys(found))


def _bad(text: str) -> UsageProblem:
    return UsageProblem(f"{text!r} is not the path of a setting", target=text, code="bad-path", hint=HINT)
