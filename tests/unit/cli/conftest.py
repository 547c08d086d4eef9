from __future__ import annotations

import pytest
from cli_world import World
from command_runner import Runner


@pytest.fixture
def world(runner: Runner) -> World:
    """A user with a root whose default profile holds a bot."""
    world = World(runner)
    world.make()
    return world


@pytest.fixture
def bare(runner: Runner) -> World:
    """A user without any root."""
    return World(runner)
