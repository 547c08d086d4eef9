"""The judge of the random walk names each false row: the walk itself runs by night."""

from __future__ import annotations

from typing import Any

import pytest
from fleet_judge import Truth, differences

UP = Truth((7,), is_suspended=False, polls_for=50.0, answers=frozenset({8642}), streams=True)
DOWN = Truth((), is_suspended=False, polls_for=None, answers=frozenset(), streams=False)


def row(state: str, pid: int | None, telegram: str, healthy: bool | None) -> dict[str, Any]:
    channels = [{"name": "telegram", "state": telegram}, {"name": "api_server", "state": telegram}]
    api = {"healthy": healthy, "port": 8642, "detail": ""}
    return {"state": state, "pid": pid, "channels": channels, "api": api, "service": {"installed": True}}  # fmt: skip


RUNS, STOPPED = row("running", 7, "connected", healthy=True), row("stopped", None, "off", healthy=None)


@pytest.mark.parametrize(
    ("said", "truth", "code", "words"),
    [
        (RUNS, UP, 0, []),
        (STOPPED, DOWN, 3, []),
        (RUNS, DOWN, 3, ["running (PID 7)", "connected, its gateway polls nothing", "API healthy", "no gateway runs"]),
        (row("running", 8, "connected", healthy=True), UP, 0, ["running (PID 8)"]),
        (STOPPED, UP, 3, ["stopped, its gateway is (7,)", "telegram off; its gateway has polled for 50 s"]),
        (row("running", 7, "deaf", healthy=True), UP, 0, ["running, telegram deaf"]),
        (row("starting", 7, "connecting", healthy=True), UP, 0, ["starting, telegram connecting"]),
        (row("running", 7, "connected", healthy=False), UP, 0, ["API not healthy"]),
        (RUNS, UP._replace(pids=(7, 9)), 0, ["2 gateways of one profile"]),
        (row("running", 7, "unknown", healthy=None), UP._replace(is_suspended=True), 0, ["its process is suspended"]),
        (RUNS, UP._replace(polls_for=None), 0, ["connected, its gateway polls nothing"]),
        (STOPPED, DOWN, 0, ["status exits with 0"]),
        (RUNS, UP, 3, ["status exits with 3"]),
    ],
)
def test_false_status_is_named(said: dict[str, Any], truth: Truth, code: int, words: list[str]) -> None:
    found = [text for _, text in differences({"ada": said}, {"ada": truth}, code)]
    assert len(found) == len(words) and all(each in text for each, text in zip(words, found, strict=True)), found
