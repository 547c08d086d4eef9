"""The order of the tests in a run with several processes: each of them begins with some of the slow files.

pytest-xdist's worksteal gives each process a contiguous part of the tests, and later lets idle ones take from the end
of another part. Files that start real gateways would else lie in one part and be the last to run, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Weighed(NamedTuple):
    """A test: the file that it is in, and whether the file is slow."""

    file: str
    is_slow: bool


def spread(items: Sequence[T], weights: Sequence[Weighed], processes: int) -> list[T]:
    """Return the items in an order whose `processes` equal parts begin with whole slow files.

    The items of one file stay together and in their order.
    """
    pairs = list(zip(weights, items, strict=True))
    slow = [[item for _, item in group] for weight, group in groupby(pairs, key=lambda pair: pair[0]) if weight.is_slow]
    rest = iter([item for weight, item in pairs if not weight.is_slow])
    ordered: list[T] = []
    for number in range(processes):
        size = (len(items) - len(ordered)) // (processes - number)
        part = [item for group in slow[number::processes] for item in group]
        ordered += [*part, *islice(rest, max(0, size - len(part)))]
    return [*ordered, *rest]
