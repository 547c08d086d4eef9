"""The last line of a log, for a table: whole, short, harmless."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermes_profiles.logs.last_line import last_line
from hermes_profiles.model.layout import Layout

SECRET = "CANARY-4711-abcdefgh-CANARY"


@pytest.fixture
def log(isolated: Path) -> Path:
    folder = isolated / ".hermes/profiles/work/logs"
    folder.mkdir(parents=True)
    (isolated / ".hermes/profiles/other").mkdir()
    (isolated / ".hermes/profiles/other/.env").write_text(f"TELEGRAM_BOT_TOKEN={SECRET}\n")
    return folder / "gateway.log"


def last(log: Path) -> str:
    user = log.parents[4]
    return last_line(Layout(user / ".hermes", user), "work")


@pytest.mark.parametrize(("content", "shown"), [
    (b"", ""), (b"\n\n", ""), (b"half", ""),
    (b"2026-11-21 17:20:44,138 INFO a: one\n2026-11-21 17:20:45,138 WARNING a.b: two\n\n", "WARNING two"),
    (b"2026-11-21 17:20:44,138 INFO gateway.run: one\n2026-11-21 17:20:45,138 ERR", "INFO one"),
    (b"2026-11-21 17:20:44,138 ERROR a: x\nTraceback (most recent call last):\nValueError: y\n", "ERROR ValueError: y"),
    (b"x" * 100_000 + b"\nok\n", "ok"), (b"x" * 100_000 + b"\n", ""),
    (b"\x1b[31mred\x1b[0m\n", "red"), (b"10%\r20%\r30%\r\n", "30%"),
    (b"z" * 900 + b"\n", "z" * 400),
])  # fmt: skip
def test_last_line_returns_last_complete_line(log: Path, content: bytes, shown: str) -> None:
    log.write_bytes(content)
    assert last(log) == shown


@pytest.mark.parametrize("line", [SECRET, f"GET /bot{SECRET}/x", "with xoxb-CANARY-slack-0000"])
def test_last_line_is_redacted_for_all_profiles(log: Path, line: str) -> None:
    log.write_text(f"2026-11-21 17:20:44,138 INFO gateway.run: {line}\n")
    assert "CANARY" not in last(log) and last(log).startswith("INFO ")


@pytest.mark.parametrize("what", ["missing", "folder", "fifo", "no home"])
def test_what_is_no_log_is_no_line(log: Path, what: str) -> None:
    if what == "folder":
        log.mkdir()
    elif what == "fifo":
        os.mkfifo(log)
    elif what == "no home":
        log.parent.rmdir()
        log.parent.parent.rmdir()
    assert last(log) == ""
