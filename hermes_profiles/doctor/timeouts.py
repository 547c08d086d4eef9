"""A time limit for every look at the world: one that hangs is named, and the others go on without it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ProbeFailure(NamedTuple):
    """A look that failed: `error` is what it raised, None when it took longer than it may."""

    error: Exception | None
    seconds: float


class Watched(NamedTuple, Generic[Key, Value]):
    """What was seen, and what could not be."""

    seen: dict[Key, Value]
    troubles: dict[Key, ProbeFailure]


def run_with_timeouts(jobs: Iterable[tuple[Key, Callable[[], Value]]], *, limit: float) -> Watched[Key, Value]:
    """Return what each job returns; one that takes longer than `limit` seconds, or raises, is in `troubles`.

    All run one after the other in a thread beside this one. When one hangs (a dead network folder), its thread is left
    to itself and another one goes on with the next: a thread cannot be ended from outside.
    """
    waiting = list(jobs)
    result: Watched[Key, Value] = Watched({}, {})
    while waiting:
        done = _run(waiting, result, limit)
        if done < len(waiting):
            result.troubles[waiting[done][0]] = ProbeFailure(None, limit)
            done += 1
        waiting = waiting[done:]
    return result


def _run(jobs: list[tuple[Key, Callable[[], Value]]], result: Watched[Key, Value], limit: float) -> int:
    """Return how many jobs were done before one hung."""
    answers: SimpleQueue[tuple[Value | None, Exception | None]] = SimpleQueue()

    left = threading.Event()

    def work() -> None:
        for _, job in jobs:
            if left.is_set():
                return
            try:
                answers.put((job(), None))
            except Exception as error:  # noqa: BLE001  whatever it is, it is told as a finding
                answers.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    for number, (key, _) in enumerate(jobs):
        try:
            value, error = answers.get(timeout=limit)
        except Empty:
            left.set()
            return number
        if error is not None:
            result.troubles[key] = ProbeFailure(error, limit)
        else:
            result.seen[key] = value  # type: ignore[assignment]
    return len(jobs)
