"""A home for one errand: a program of Hermes works in it, and nothing of a profile changes meanwhile.

What a killed run leaves there is found by the next one for the same name; nobody else looks at it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout

from .errors import translated_errors
from .filesystem import Files
from .state_files import acquire_lock, write_pid

FOLDER = "errands"


def scratch_of(layout: Layout, name: str) -> Path:
    """Return where the errand of a name works."""
    return layout.state / FOLDER / name


@contextmanager
def temporary_home(layout: Layout, name: str) -> Iterator[Path]:
    """Yield the place for a name's errand, which nobody else has meanwhile; it is removed at the end.

    It may be there already, left by a run that was killed. Raises Refused (code `busy`) while another run has it,
    Failed when it cannot be made.
    """
    files, folder = Files(), layout.state / FOLDER
    with translated_errors():
        files.private_folder(str(layout.state))
        files.private_folder(str(folder))
    lock = folder / f"{name}.lock"
    descriptor = acquire_lock(lock, wait=0.0)
    if descriptor is None:
        raise Refused(
            f"another command is at this for {name}", target=name, code="busy", hint=f"see which: `cat {lock}`"
        )
    try:
        write_pid(descriptor, lock)
        yield scratch_of(layout, name)
        clear_scratch(scratch_of(layout, name))
    finally:
        os.close(descriptor)  # unlinking the file would let two processes hold "the" lock


def make_scratch(place: Path) -> None:
    """Make the folder of an errand, empty and 0700; what was there is removed. Raises Failed."""
    with translated_errors():
        clear_scratch(place)
        Files().make_folders(str(place))


def clear_scratch(place: Path) -> None:
    """Remove the folder of an errand with all that is in it. Raises Failed."""
    files = Files()
    with translated_errors():
        if files.lstat(str(place)) is not None:
            files.remove_tree(str(place))
