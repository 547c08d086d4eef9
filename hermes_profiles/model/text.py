"""Text of messages that every package writes alike: shortened lists of names, and errors of the system. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def first_names(names: Sequence[str], most: int) -> str:
    """Return the names, or the first `most` of them and the number of the others: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest_first(name: str, names: Sequence[str], most: int = 8) -> str:
    """Return the names, those first that are spelled like `name`: `work, default and 60 more`."""
    from difflib import get_close_matches  # for errors alone

    near = get_close_matches(name, names, most)
    return first_names((*near, *(other for other in names if other not in near)), most)


def system_reason(error: OSError) -> str:
    """Return the reason of an error of the system in lower case, without its number and path: `permission denied`."""
    return (error.strerror or str(error)).lower()


def mode_text(mode: int) -> str:
    """Return a mode in the form of `chmod`: `0600`."""
    return f"{mode:04o}"


def apart(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the numbers of the spans to keep, in the order of the text; an earlier one wins over one it overlaps."""
    taken: list[tuple[int, int, int]] = []
    for number, (start, end) in enumerate(spans):
        at = bisect_left(taken, (start, end))
        is_free = (at == 0 or taken[at - 1][1] <= start) and (at == len(taken) or end <= taken[at][0])
        if is_free:
            insort(taken, (start, end, number))
    return [number for *_, number in taken]
