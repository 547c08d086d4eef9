"""How many gateways fit into memory, and how far apart they start."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hermes_profiles.fleet.memory_check import TYPICAL, available_memory, default_stagger, memory_warning

MB = 10**6


@pytest.mark.parametrize(("count", "running", "available", "fits"), [
    (5, [], 5 * TYPICAL, True), (5, [], 5 * TYPICAL - 1, False), (0, [], 0, True),
    (2, [100 * MB, 300 * MB], 400 * MB, True), (2, [100 * MB, 300 * MB], 400 * MB - 1, False),
    (2, [None, 0, 300 * MB], 599 * MB, False), (2, [None, 0], 2 * TYPICAL, True),
])  # fmt: skip
def test_memory_warning_counts_gateways(count: int, running: list[int | None], available: int, fits: bool) -> None:
    assert (memory_warning(count, running, available=available) is None) is fits


def test_memory_warning_has_numbers_and_a_hint() -> None:
    found = memory_warning(10, [200 * MB], available=1000 * MB)
    assert found is not None and found.code == "memory"
    assert found.message == "10 gateways need about 2000 MB (200 MB each), 1000 MB are free"
    assert found.hint is not None and "hermes-gateways" in found.hint


def test_available_memory_is_positive() -> None:
    assert available_memory() > 1 * MB


@pytest.mark.parametrize(("count", "seconds"), [(0, 0.0), (1, 0.0), (8, 0.0), (9, 0.5), (20, 0.5), (40, 0.25)])
def test_default_stagger_grows_with_the_fleet(count: int, seconds: float) -> None:
    assert default_stagger(count) == seconds


def test_default_stagger_keeps_ten_seconds() -> None:
    assert all(count * default_stagger(count) <= 10 + 1e-9 for count in range(2000))
    assert all(later <= earlier for earlier, later in pairwise(default_stagger(count) for count in range(9, 500)))
