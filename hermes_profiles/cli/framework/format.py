"""Values as text for a table: a dash for none, durations, sizes."""

from __future__ import annotations


def dash(value: object) -> str:
    """Return a value as text, a dash for none."""
    return "-" if value is None else str(value)


def span_text(seconds: int | None) -> str:
    """Return how long something has run, in its largest unit."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size_text(size: int | None) -> str:
    """Return a size in megabytes."""
    return "-" if size is None else f"{size / 1e6:.0f} MB"
