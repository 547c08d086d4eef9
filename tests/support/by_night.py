"""What only runs by night, with HERMES_PROFILES_NIGHTLY=1, and what by day is asked of a sample.

A whole test is marked `nightly`; conftest.py skips it by day.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

SWITCH = "HERMES_PROFILES_NIGHTLY"
NIGHTLY = os.environ.get(SWITCH) == "1"

T = TypeVar("T")


def sample(everything: Sequence[T], every: int) -> Sequence[T]:
    """Return all by night; by day each so-manieth, the first among them."""
    return everything if NIGHTLY else everything[::every]


def up_to(last: int, every: int, end: int = 0) -> Sequence[int]:
    """Return the numbers from 1 to `last` by night; by day each so-manieth, and the `end` last ones."""
    if NIGHTLY:
        return range(1, last + 1)
    return [number for number in range(1, last + 1) if (number - 1) % every == 0 or number > last - end]
