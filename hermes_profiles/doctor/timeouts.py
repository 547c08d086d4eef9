"""Runs jobs one after the other, each under a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from hermes_profiles.model.named_tuple import NamedTuple

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class JobFailure(NamedTuple):
    """Why a job failed: the error it raised, None when it exceeded its limit of `seconds`."""

    error: Exception | None
    seconds: float


class JobResults(NamedTuple, Generic[Key, Value]):
    """Return values of the jobs that completed, and the failures of the others, by key."""

    completed: dict[Key, Value]
    failures: dict[Key, JobFailure]


def run_with_timeouts(jobs: Iterable[tuple[Key, Callable[[], Value]]], *, limit: float) -> JobResults[Key, Value]:
    """Return the results of the jobs; one that raises or exceeds `limit` seconds is in `failures`.

    The jobs run one after the other in a worker thread. When a job hangs (a dead network folder), its thread is
    abandoned, because Python cannot stop a thread, and a new thread runs the remaining jobs.
    """
    remaining = list(jobs)
    result: JobResults[Key, Value] = JobResults({}, {})
    while remaining:
        done = _run(remaining, result, limit)
        if done < len(remaining):
            result.failures[remaining[done][0]] = JobFailure(None, limit)
            done += 1
        remaining = remaining[done:]
    return result


def _run(jobs: list[tuple[Key, Callable[[], Value]]], result: JobResults[Key, Value], limit: float) -> int:
    """Return how many jobs completed before one hung."""
    results: SimpleQueue[tuple[Value | None, Exception | None]] = SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        for _, job in jobs:
            if abandoned.is_set():
                return
            try:
                results.put((job(), None))
            except Exception as error:  # noqa: BLE001  every error is reported as a finding
                results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    for number, (key, _) in enumerate(jobs):
        try:
            value, error = results.get(timeout=limit)
        except Empty:
            abandoned.set()
            return number
        if error is not None:
            result.failures[key] = JobFailure(error, limit)
        else:
            result.completed[key] = value  # type: ignore[assignment]
    return len(jobs)
