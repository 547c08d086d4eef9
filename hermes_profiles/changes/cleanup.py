"""What killed runs leave in our own state folder, and its removal under the lock."""

from __future__ import annotations

from .filesystem import Files
from .journal import Journal

EMPTYING = ".emptying-"


def sweep(state: str, journal: Journal, files: Files) -> None:
    """Remove staged trees, half-written entries and half-emptied trash; what cannot be removed is left."""
    staging, trash = f"{state}/staging", f"{state}/trash"
    stray = [f"{staging}/{name}" for name in files.names(staging)]
    stray += [f"{trash}/{name}" for name in files.names(trash) if name.startswith(EMPTYING)]
    for path in stray:
        try:
            files.remove_tree(path)
        except OSError:  # it takes space, but must not keep anybody from working
            continue
    try:
        journal.sweep()
    except OSError:
        pass
