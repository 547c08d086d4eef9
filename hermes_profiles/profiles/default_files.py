"""Which files of the root are the default profile's own, and which belong to the root and all of its profiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote as url_quote

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes import files
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT

# Reasons of the catalogue for files that make no sense without the process or the installation around them.
OF_A_PROCESS = "belongs to the running gateway of the source"
OF_THE_ROOT = ("belongs to the root, not to a profile", "part of the installation")
# State that a message can still depend on, although it is below such a folder.
_KEPT = "gateway"
# What all profiles of a root use, whichever of them wrote it. A complete archive of default has it as well.
_SHARED_IN_ROOT = frozenset(
    {files.BACKUPS_FOLDER, files.KANBAN_FOLDER, files.KANBAN_DATABASE, files.MANAGED_MARKER, files.SHARED_LOGIN_FOLDER}
)
_ENVIRONMENTS = ("venv", ".venv")  # of Python: an installation by hand
_BESIDE_KANBAN = (f"{files.KANBAN_DATABASE}-", f"{files.KANBAN_DATABASE}.")  # its locks and its log
_OF_ITS_GATEWAY = frozenset({files.LOCK_FILE, files.PID_FILE, files.STARTS_FILE, files.STATE_FILE})
# Returns whether an entry at the top of a home, by its name, goes where the profile goes.
Goes = Callable[[str], bool]


def reason_not_own(path: str, catalog: Catalog, *, is_default: bool) -> str | None:
    """Return why a file or folder of a home belongs to a process, or to the root, None for one of the profile."""
    if path.partition("/")[0] == _KEPT:
        return None
    reason = catalog.left_behind_reason(path, is_default=is_default)
    return reason if reason == OF_A_PROCESS or (is_default and reason in OF_THE_ROOT) else None


def goes_with(name: str, catalog: Catalog) -> Goes:
    """Return which entries of a home move to another place with its profile: of default, only its own."""
    if name != DEFAULT:
        return lambda _: True
    return lambda top: not _is_shared(top) and reason_not_own(top, catalog, is_default=True) is None


def _is_shared(top: str) -> bool:
    return top in _SHARED_IN_ROOT or top in _ENVIRONMENTS or top.startswith(_BESIDE_KANBAN)


def leaving_entries(layout: Layout, catalog: Catalog) -> Iterator[Path]:
    """Yield the entries of the root that are default's own, and what its gateway wrote about its process, by name."""
    goes = goes_with(DEFAULT, catalog)
    with os.scandir(layout.root) as scan:
        names = sorted(entry.name for entry in scan)
    yield from (layout.root / name for name in names if goes(name) or name in _OF_ITS_GATEWAY)


def boards_in_use(layout: Layout) -> tuple[str, ...]:
    """Return the boards of tasks that hold something: all profiles of the root share them."""
    database, boards = layout.root / files.KANBAN_DATABASE, layout.root / files.KANBAN_FOLDER / "boards"
    found = [files.KANBAN_DATABASE] if database.is_file() and _has_tasks(database) else []
    return (*found, *([f"{files.KANBAN_FOLDER}/{boards.name}"] if boards.is_dir() and any(boards.iterdir()) else ()))


def _has_tasks(database: Path) -> bool:
    """Return whether a board has a task; one that cannot be read counts. Nothing is written, not even a side file."""
    import sqlite3  # only where default moves

    log = Path(f"{database}-wal")
    if log.exists() and log.stat().st_size:
        return True
    try:
        with closing(sqlite3.connect(f"file:{url_quote(str(database))}?mode=ro&immutable=1", uri=True)) as reader:
            return reader.execute("SELECT 1 FROM tasks LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return True
