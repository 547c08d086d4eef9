"""Work that all test processes of a run share: one of them does it, the others wait and read the result."""

from __future__ import annotations

import fcntl
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Return what `make` returned in the first process that asked for this name; pytest deals one file to several.

    `make` gets an empty folder that stays until the run ends; its result must be picklable. A failure is the failure
    of all of them; after a skip, the next process calls it again.
    """
    base = folders.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"once-{name}"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result, failure = shared / "result", shared / "failure"
        if failure.exists():
            pytest.fail(f"{name} failed in another process: {failure.read_text()}")
        if not result.exists():
            try:
                made = make(Path(tempfile.mkdtemp(dir=shared)))
            except (Exception, pytest.fail.Exception) as error:
                failure.write_text(f"{type(error).__name__}: {error}")
                raise
            result.write_bytes(pickle.dumps(made))
            return made
        return pickle.loads(result.read_bytes())  # type: ignore[no-any-return]
