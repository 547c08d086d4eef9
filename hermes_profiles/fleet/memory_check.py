"""Whether so many gateways fit into memory: counted before they start, not noticed afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_profiles.model.errors import Problem

# What a gateway of Hermes 0.19.0 takes after a while (measured: 97 MB at its start, 123 MB with one channel).
TYPICAL = 120 * 10**6


def available_memory() -> int:
    """Return the bytes that new processes could use without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def memory_warning(count: int, running: Iterable[int | None], *, available: int) -> Problem | None:
    """Return a warning when `count` more gateways will not fit; `running`: bytes each running one uses."""
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
    """Return the seconds between two starts: none for a few, and all of a large fleet within ten seconds."""
    return 0.0 if count <= 8 else min(0.5, 10 / count)
