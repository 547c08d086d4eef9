"""The end of a log file, as managers and tables read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermes_profiles.services.last_lines import last_lines, tail

LIMIT = 16 * 1024


@pytest.mark.parametrize(
    ("content", "count", "expected"),
    [
        (b"", 3, []),
        (b"a\nb\n", 3, ["a", "b"]),
        (b"a\nb\nc\nd", 2, ["c", "d"]),
        (b"a\nb\n", 0, []),
        (b"x\xff\n", 1, ["x\ufffd"]),
    ],
)
def test_last_lines_returns_at_most_count(tmp_path: Path, content: bytes, count: int, expected: list[str]) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    assert last_lines(log, count) == expected


def test_last_lines_drops_a_first_line_that_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for length in range(LIMIT - 60, LIMIT + 60):
        log.write_text("SECRET" + "x" * (length - 6) + "\nlast\n")
        found = last_lines(log, 9)
        assert found[-1] == "last" and all(line.startswith("SECRET") for line in found[:-1])
        assert len(tail(log)) <= LIMIT + 1


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_tail_of_no_regular_file_is_empty(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    assert tail(path) == b"" and last_lines(path, 3) == []
