from __future__ import annotations

import pytest
from command_root import CommandRoot
from command_runner import Runner


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    """A user with a root whose default profile has a bot."""
    world = CommandRoot(runner)
    world.make()
    return world


@pytest.fixture
def bare(runner: Runner) -> CommandRoot:
    """A user without any root."""
    return CommandRoot(runner)
