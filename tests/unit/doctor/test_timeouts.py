"""Jobs with time limits: a job that hangs or raises is recorded, and the others run."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hermes_profiles.doctor.timeouts import run_with_timeouts


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """An event to hang on, set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def test_all_jobs_complete_in_order() -> None:
    results = run_with_timeouts([(number, lambda number=number: number * 2) for number in range(50)], limit=5)
    assert results.completed == {number: number * 2 for number in range(50)} and not results.failures
    assert list(results.completed) == list(range(50))


def test_hanging_job_is_recorded_and_others_run_once(stuck: threading.Event) -> None:
    calls: list[str] = []

    def job(name: str, *, hangs: bool = False) -> str:
        calls.append(name)
        if hangs:
            stuck.wait(30)
        return name

    jobs = [(name, lambda name=name: job(name, hangs=name in "be")) for name in "abcdef"]
    results = run_with_timeouts(jobs, limit=0.2)
    assert list(results.completed) == ["a", "c", "d", "f"]
    assert {name: failure.error for name, failure in results.failures.items()} == {"b": None, "e": None}
    stuck.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(2)
    assert calls == list("abcdef"), "a thread that was left to itself does not go on"


def test_raising_job_is_recorded() -> None:
    def throw() -> str:
        raise RuntimeError("no")

    results = run_with_timeouts([("a", throw), ("b", lambda: "b")], limit=5)
    assert results.completed == {"b": "b"}
    assert isinstance(results.failures["a"].error, RuntimeError)


def test_no_jobs_no_results() -> None:
    assert run_with_timeouts([], limit=1) == ({}, {})
