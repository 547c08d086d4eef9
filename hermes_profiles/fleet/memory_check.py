"""Checks before a start whether the gateways fit into memory."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_profiles.model.errors import Problem

# Memory of a gateway of Hermes 0.19.0 (measured: 97 MB at its start, 123 MB with one channel).
TYPICAL = 120 * 10**6


def available_memory() -> int:
    """Return the bytes that new processes can use without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def memory_warning(count: int, running: Iterable[int | None], *, available: int) -> Problem | None:
    """Return a warning where `count` more gateways do not fit; `running`: bytes of each running gateway."""
    known = [size for size in running if size]
    each = max(sum(known) // len(known), 1) if known else TYPICAL
    needed = each * count
    if count == 0 or needed <= available:
        return None
    return Problem(
        "memory",
        f"{count} gateways need about {needed // 10**6} MB ({each // 10**6} MB each), {available // 10**6} MB are free",
        None,
        "start fewer with `hermes-gateways start NAME …`, or set a limit with `hermes-gateways install --memory 300M`",
    )


def default_stagger(count: int) -> float:
    """Return the seconds between two starts: 0 for up to 8 gateways, else the whole fleet within ten seconds."""
    return 0.0 if count <= 8 else min(0.5, 10 / count)
