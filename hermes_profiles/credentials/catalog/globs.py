"""Matching of paths inside a home against the globs of the catalogue. Pure text: no file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")


def matches(glob: str, relative_path: str) -> bool:
    """Return whether a glob names a path (`/` between parts, relative to the home) or a folder above it.

    `*` matches anything but `/`. A glob that ends in `/` names a folder and everything in it; another one names a
    file, or a folder of that name and everything in it.
    """
    return _pattern(glob).fullmatch(normal(relative_path)) is not None


def normal(relative_path: str) -> str:
    """Return the path without `./` in front and `/` behind, so that `weixin/` and `./weixin` are one."""
    path = relative_path.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    return path.rstrip("/")


class GlobIndex(Generic[Value]):
    """Globs with a value each, in order; a full copy asks twice for every one of its files.

    Most paths share no first part with any glob, and then nothing is matched at all.
    """

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        self._by_first: dict[str, list[tuple[int, str, Value]]] = {}
        self._by_prefix: list[tuple[str, int, str, Value]] = []
        for number, (glob, value) in enumerate(pairs):
            first = glob.partition("/")[0]
            if "*" in first:
                self._by_prefix.append((first.partition("*")[0], number, glob, value))
            else:
                self._by_first.setdefault(first, []).append((number, glob, value))

    def matching(self, path: str) -> Iterator[Value]:
        """Yield the values of the globs that match a normal path, first glob first."""
        near = list(self._by_first.get(path.partition("/")[0], ()))
        near += [row[1:] for row in self._by_prefix if path.startswith(row[0])]
        for _, glob, value in sorted(near, key=lambda row: row[0]):
            if matches(glob, path):
                yield value


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    body = "[^/]*".join(re.escape(part) for part in glob.rstrip("/").split("*"))
    return re.compile(body + r"(?:/.*)?", re.DOTALL)
