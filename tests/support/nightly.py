"""Sampling of slow cases: HERMES_PROFILES_NIGHTLY=1 runs all, other runs use a sample.

conftest.py skips tests marked `nightly` in other runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

SWITCH = "HERMES_PROFILES_NIGHTLY"
NIGHTLY = os.environ.get(SWITCH) == "1"

T = TypeVar("T")


def sample(everything: Sequence[T], every: int) -> Sequence[T]:
    """Return all cases in a nightly run, else every n-th, beginning with the first."""
    return everything if NIGHTLY else everything[::every]


def up_to(last: int, every: int, end: int = 0) -> Sequence[int]:
    """Return 1 to `last` in a nightly run, else every n-th number and the last `end` ones."""
    if NIGHTLY:
        return range(1, last + 1)
    return [number for number in range(1, last + 1) if (number - 1) % every == 0 or number > last - end]
