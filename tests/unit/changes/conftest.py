from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sample_root import SampleRoot, make_sample_root


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def world(tmp_path: Path) -> SampleRoot:
    return make_sample_root(tmp_path / "user")


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Iterator[SampleRoot]]:
    """Yield new worlds, in memory where possible, because a test may use thousands."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield (make_sample_root(tmp_path / f"user{number}") for number in count())
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield (make_sample_root(Path(folder, f"user{number}")) for number in count())
