from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import Runner
from real_hermes import judges


def _libraries(python: str) -> set[str]:
    return {path.name for path in (Path(python).parent.parent / "lib").glob("python3*/site-packages/*.dist-info")}


@pytest.fixture(autouse=True, scope="module")
def _hermes_installs_nothing() -> Iterator[None]:
    """Fail when Hermes has installed the library of a channel: over the network, for all later tests.

    The `.env` of a gateway forbids it: services pass on no other variables.
    """
    before = {python: _libraries(python) for python in judges()}
    yield
    new = sorted(name for python, found in before.items() for name in _libraries(python) - found)
    assert not new, f"HERMES_DISABLE_LAZY_INSTALLS=1 was missing: {', '.join(new)}"


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    """A user with a root whose default profile has a bot."""
    world = CommandRoot(runner)
    world.make()
    return world
