"""What the clocks show between two moments: a machine that slept, a clock that was set, a watcher that stood still."""

from __future__ import annotations

import pytest

from hermes_profiles.events.clocks import Clocks

BEFORE = Clocks(1000.0, 500.0, 400.0)


@pytest.mark.parametrize(
    ("wall", "boot", "awake", "words"),
    [
        (5, 5, 5, ""),
        (9, 5, 5, ""),  # the slewing of NTP
        (3605, 5, 5, "the clock was set forward by 3600 s"),
        (-3595, 5, 5, "the clock was set back by 3600 s"),
        (105, 105, 5, "the machine was suspended for 100 s"),
        (40, 40, 40, ""),  # a slow look
        (100, 100, 100, "nothing ran for 100 s: the machine was suspended, or overloaded"),
    ],
)
def test_jump_since_an_earlier_moment(wall: float, boot: float, awake: float, words: str) -> None:
    now = Clocks(BEFORE.wall + wall, BEFORE.boot + boot, BEFORE.awake + awake)
    assert now.jump_since(BEFORE) == words
