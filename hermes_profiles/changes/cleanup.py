"""Removal of the files that killed runs leave in our own state folder."""

from __future__ import annotations

from .filesystem import Files
from .journal import Journal

EMPTYING = ".emptying-"


def sweep(state: str, journal: Journal, files: Files) -> None:
    """Remove staged trees, partial journal entries and partly emptied trash, under the lock; ignore errors."""
    staging, trash = f"{state}/staging", f"{state}/trash"
    stray = [f"{staging}/{name}" for name in files.names_inside(staging)]
    stray += [f"{trash}/{name}" for name in files.names_inside(trash) if name.startswith(EMPTYING)]
    for path in stray:
        try:
            files.remove_tree(path)
        except OSError:  # it only takes space, which must not prevent the change
            continue
    try:
        journal.sweep()
    except OSError:
        pass
