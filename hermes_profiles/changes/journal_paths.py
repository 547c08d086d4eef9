"""Paths in the journal's files: relative to the root, so that an entry holds in a moved root and in a copy.

`@root/x` is below the root, `@real/x` below the folder that the root leads to where the root is behind a link. Other
paths are absolute. Entries of 0.1.0 have absolute paths only; `old_root` finds their root.
"""

from __future__ import annotations

import os
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple

_ROOT, _REAL = "@root", "@real"
_STATE = "/profiles/.hermes-profiles/"


class RootPaths(NamedTuple):
    """The path of a root, and the same without links."""

    root: str
    real: str

    @classmethod
    def of(cls, root: str) -> RootPaths:
        """Return the paths of a root."""
        return cls(root, os.path.realpath(root))

    def portable(self, path: str) -> str:
        """Return a path as the journal's file holds it."""
        for mark, folder in ((_ROOT, self.root), (_REAL, self.real)):
            if path == folder or path.startswith(folder + "/"):
                return mark + path[len(folder) :]
        return path

    def local(self, text: str) -> str:
        """Return the path in this root of a text in the journal's file."""
        for mark, folder in ((_ROOT, self.root), (_REAL, self.real)):
            if text == mark or text.startswith(mark + "/"):
                return folder + text[len(mark) :]
        return text

    def moved(self, path: str, old: str) -> str:
        """Return a path below another root in this one; another path is unchanged."""
        return self.root + path[len(old) :] if path == old or path.startswith(old + "/") else path


def old_root(steps: Any) -> str | None:
    """Return the root that an entry of 0.1.0 was made in, None where its paths do not show it.

    A path in our state folder shows it: what a change staged, or what it moved to the trash.
    """
    for step in steps if isinstance(steps, list) else ():
        for path in (step.get("source"), step.get("target")) if isinstance(step, dict) else ():
            if isinstance(path, str) and _STATE in path:
                return path.partition(_STATE)[0]
    return None


def inode_of(folder: str) -> int:
    """Return the inode of a folder, 0 when it is missing."""
    try:
        return os.stat(folder).st_ino
    except OSError:
        return 0
