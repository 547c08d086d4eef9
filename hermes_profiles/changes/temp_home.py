"""A temporary home in which a program of Hermes runs, so that the home of the profile does not change.

The next run with the same name finds the files that a killed run left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout

from .errors import translated_errors
from .filesystem import Files
from .lock import acquire_lock, write_pid

FOLDER = "errands"


def scratch_of(layout: Layout, name: str) -> Path:
    """Return the temporary home of a name."""
    return layout.state / FOLDER / name


@contextmanager
def temporary_home(layout: Layout, name: str) -> Iterator[Path]:
    """Yield the path of the temporary home of a name under a lock, and remove the home at the end.

    It may exist, left by a killed run. Raises Refused (code `busy`) while another run holds the lock, Failed when the
    folders cannot be created.
    """
    files, folder = Files(), layout.state / FOLDER
    with translated_errors():
        files.private_folder(str(layout.state))
        files.private_folder(str(folder))
    lock = folder / f"{name}.lock"
    descriptor = acquire_lock(lock, wait=0.0)
    if descriptor is None:
        raise Refused(
            f"another command does this for {name}",
            target=name,
            code="busy",
            hint=f"see its pid with `cat {quote(str(lock))}`",
        )
    try:
        write_pid(descriptor, lock)
        yield scratch_of(layout, name)
        clear_scratch(scratch_of(layout, name))
    finally:
        os.close(descriptor)  # unlinking the file would let two processes hold "the" lock


def make_scratch(place: Path) -> None:
    """Create a temporary home, empty and 0700; old content is removed. Raises Failed."""
    with translated_errors():
        clear_scratch(place)
        Files().make_folders(str(place))


def clear_scratch(place: Path) -> None:
    """Remove a temporary home with its content. Raises Failed."""
    files = Files()
    with translated_errors():
        if files.lstat(str(place)) is not None:
            files.remove_tree(str(place))
