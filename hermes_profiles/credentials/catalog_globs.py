"""Matching of paths inside a home against the globs of the catalogue. Pure text; nothing is looked at."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(glob: str, relative_path: str) -> bool:
    """Return whether a path (`/` between parts, relative to the home) is, or lies below, what a glob names.

    `*` stands for anything but `/`. A glob that ends in `/` names a folder and everything in it; one that
    does not names a file, and what lies below it should it turn out to be a folder.
    """
    return _pattern(glob).fullmatch(normal(relative_path)) is not None


def normal(relative_path: str) -> str:
    """Return the path without `./` in front and `/` behind, so that `weixin/` and `./weixin` are one."""
    path = relative_path.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    return path.rstrip("/")


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    body = "[^/]*".join(re.escape(part) for part in glob.rstrip("/").split("*"))
    return re.compile(body + r"(?:/.*)?", re.DOTALL)
