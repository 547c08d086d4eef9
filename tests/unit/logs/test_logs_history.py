"""What was written is read from its end: the last of all together, in order, and no more of a file than is shown."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hermes_profiles.logs.deduplicate import StderrDeduplicator
from hermes_profiles.logs.filters import Filter, pattern_of
from hermes_profiles.logs.follow import LogFollower, LogTargets
from hermes_profiles.logs.history import LogHistory
from hermes_profiles.logs.records import Cut, Level
from hermes_profiles.logs.sources import LogSource

START = 1_795_281_600.0  # a full minute


def stamp(second: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(START + second)) + f",{int(second % 1 * 1000):03d}"


def line(second: float, text: str, level: str = "INFO") -> str:
    return f"{stamp(second)} {level} gateway.run: {text}\n"


def source(folder: Path, profile: str, name: str = "gateway.log") -> LogSource:
    (folder / profile).mkdir(exist_ok=True)
    return LogSource(profile, name, folder / profile / name)


def texts(past: LogHistory, count: int | None = None) -> list[str]:
    return [entry.record.text for entry in (past.since() if count is None else past.last(count))]


@pytest.fixture
def three(tmp_path: Path) -> list[LogSource]:
    """Three profiles that speak in turn, twice a second, and one of them over four files."""
    found = [source(tmp_path, name) for name in ("a", "b", "c")]
    for rank, each in enumerate(found):
        lines = [line(number / 2, f"{number}") for number in range(rank, 300, 3)]
        parts = [lines[:20], lines[20:50], lines[50:90], lines[90:]] if rank == 0 else [lines]
        for back, part in enumerate(reversed(parts)):
            path = Path(f"{each.path}.{back}") if back else each.path
            path.write_text("".join(part))
            os.utime(path, (START + 1000 - back, START + 1000 - back))
    return found


@pytest.mark.parametrize("count", [0, 1, 7, 250, 300, 1000])
def test_the_last_of_all_together_come_in_order(three: list[LogSource], count: int) -> None:
    wanted = [str(number) for number in range(300)][300 - min(count, 300) :]
    assert texts(LogHistory(three, [], Filter()), count) == wanted


@pytest.mark.parametrize("since", [None, 0.0, 30.25, 149.0, 1000.0])
@pytest.mark.parametrize("until", [None, 0.0, 60.0, 140.1])
@pytest.mark.parametrize("count", [None, 10_000])
def test_a_span_of_time_is_all_there_is_in_it(
    three: list[LogSource], since: float | None, until: float | None, count: int | None
) -> None:
    wanted = Filter(START + since if since is not None else None, START + until if until is not None else None)
    expected = [str(n) for n in range(300) if (since or 0) <= n / 2 <= (1e9 if until is None else until)]
    assert texts(LogHistory(three, [], wanted), count) == expected


def test_what_is_wanted_is_counted_not_what_is_read(three: list[LogSource]) -> None:
    wanted = Filter(pattern=pattern_of("^..?$"))
    assert texts(LogHistory(three, [], wanted), 5) == ["95", "96", "97", "98", "99"]


@pytest.mark.parametrize("what", ["last", "since", "until", "both"])
def test_a_huge_log_is_opened_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """2 GB, of which nearly nothing is there: so many bytes could not be read unnoticed."""
    one = source(tmp_path, "a")
    read = [0]
    real = os.pread

    def counted(file: int, size: int, place: int) -> bytes:
        found = real(file, size, place)
        read[0] += len(found)
        return found

    with open(one.path, "w") as file:
        for place in range(0, 2_000_000_000, 100_000_000):
            file.seek(place)
            file.write("\n" + "".join(line(place / 1_000_000 + number / 100, f"{number}") for number in range(2_000)))
        file.seek(2_000_000_000)
        file.write("\n" + "".join(line(3_000 + number, f"last {number}") for number in range(20)))
    os.utime(one.path, (START + 4_000, START + 4_000))
    monkeypatch.setattr(os, "pread", counted)
    if what == "last":
        assert texts(LogHistory([one], [], Filter()), 10) == [f"last {number}" for number in range(10, 20)]
    elif what == "since":
        assert len(texts(LogHistory([one], [], Filter(since=START + 1_900)))) == 2_020
    elif what == "until":
        assert texts(LogHistory([one], [], Filter(until=START + 101)), 3) == ["98", "99", "100"]
    else:
        assert texts(LogHistory([one], [], Filter(START + 3_005, START + 3_006)), 3) == ["last 5", "last 6"]
    assert read[0] < 60_000_000, f"{read[0] / 1e6} MB were read"
    if what == "last":
        assert read[0] < 300_000


def test_a_hole_before_the_last_lines_is_jumped_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = source(tmp_path, "a")
    with open(one.path, "w") as file:
        file.write(line(1, "first"))
        file.seek(2_000_000_000)
        file.write("\n" + line(2, "last"))
    begin = time.process_time()
    assert texts(LogHistory([one], [], Filter()), 10) == ["first", "last"]
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
def test_lines_of_any_length_are_whole(tmp_path: Path, size: int) -> None:
    one = source(tmp_path, "a")
    one.path.write_text("".join(line(number, f"{number} " + "x" * size) for number in range(5)))
    found = texts(LogHistory([one], [], Filter()), 10)
    assert [each.split()[0] for each in found] == ["0", "1", "2", "3", "4"]
    assert all(len(each) >= min(size, 60_000) for each in found)
    assert texts(LogHistory([one], [], Filter(since=START))) == found


def test_a_traceback_is_one_record_from_either_side(tmp_path: Path) -> None:
    one = source(tmp_path, "a")
    trace = "Traceback (most recent call last):\n  x\nValueError: boom"
    one.path.write_text(f"an orphan\n{line(1, 'failed', 'ERROR')}{trace}\n{line(2, 'next')}")
    wanted = ["an orphan", f"failed\n{trace}", "next"]
    assert texts(LogHistory([one], [], Filter()), 10) == wanted == texts(LogHistory([one], [], Filter()))


def test_the_last_line_without_an_end_is_marked(tmp_path: Path) -> None:
    one = source(tmp_path, "a")
    one.path.write_text(line(1, "whole") + line(2, "half").rstrip())
    for entries in (LogHistory([one], [], Filter()).last(5), [*LogHistory([one], [], Filter()).since()]):
        assert [entry.record.cut for entry in entries] == [Cut.NOTHING, Cut.END]


def test_history_shows_copy_and_original_once(tmp_path: Path) -> None:
    """On standard error, a gateway repeats its warnings without a time: under our supervisor in the very same file."""
    log, errors = source(tmp_path, "a"), source(tmp_path, "a", "gateway.error.log")
    log.path.write_text(line(1, "careful", "WARNING") + "WARNING gateway.run: careful\n" + line(2, "fine"))
    errors.path.write_text("WARNING gateway.run: careful\nERROR agent.loop: no model\nBus error\n")
    (tmp_path / "a" / "errors.log").write_text(
        line(1, "careful", "WARNING") + line(1.5, "no model", "ERROR").replace("gateway.run", "agent.loop")
    )
    past = LogHistory([log, errors], [], Filter(), originals={"a": StderrDeduplicator(log.path.parent)})
    found = past.last(10)
    assert [entry.record.text for entry in found] == ["careful", "no model\nBus error", "fine"]
    assert found[1].time == START + 1.5, "the time of its twin in errors.log"
    assert [entry.record.text for entry in past.since()] == ["careful", "no model\nBus error", "fine"]


def test_history_shows_copy_without_original(tmp_path: Path) -> None:
    errors = source(tmp_path, "a", "gateway.error.log")
    errors.path.write_text("WARNING gateway.run: careful\n")
    past = LogHistory(
        [errors], [], Filter(level=Level.WARNING), originals={"a": StderrDeduplicator(errors.path.parent)}
    )
    assert texts(past, 10) == ["careful"]


@pytest.mark.parametrize("what", ["folder", "fifo", "missing"])
def test_history_unreadable_log_is_a_problem(three: list[LogSource], what: str) -> None:
    path = three[1].path
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    past = LogHistory(three, [], Filter())
    assert len(texts(past, 1000)) == 200
    assert list(past.problems) == ([] if what == "missing" else [str(path)])


@pytest.mark.parametrize(("wanted", "found"), [
    (Filter(until=START + 100), "100"), (Filter(since=START + 299_990), "299999"),
    (Filter(START + 5_000, START + 5_003), "5003"),
])  # fmt: skip
def test_a_moment_in_a_long_log_is_found_by_halving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Filter, found: str
) -> None:
    one = source(tmp_path, "a")
    with open(one.path, "w") as file:
        for minute in range(5_000):
            head = stamp(minute * 60)[:17]
            file.write("".join(f"{head}{number:02d},000 INFO a: {minute * 60 + number}\n" for number in range(60)))
    os.utime(one.path, (START + 300_000, START + 300_000))
    read = [0]
    real = os.pread

    def counted(file: int, size: int, place: int) -> bytes:
        block = real(file, size, place)
        read[0] += len(block)
        return block

    monkeypatch.setattr(os, "pread", counted)
    assert texts(LogHistory([one], [], wanted), 3)[-1] == found
    assert texts(LogHistory([one], [], wanted))[-1] == found
    assert read[0] < 3_500_000 < one.path.stat().st_size / 3


def test_history_equal_times_are_in_order_of_profiles(tmp_path: Path) -> None:
    several = [source(tmp_path, name) for name in ("c", "a", "b")]
    for each in several:
        each.path.write_text(line(1, f"{each.profile} one") + line(1, f"{each.profile} two"))
    wanted = ["c one", "c two", "a one", "a two", "b one", "b two"]
    assert texts(LogHistory(several, [], Filter()), 10) == wanted == texts(LogHistory(several, [], Filter()))


def test_history_file_older_than_last_record_is_in_order(tmp_path: Path) -> None:
    """The system's clock for files ticks each 4 or 10 ms."""
    several = [source(tmp_path, name) for name in ("a", "b")]
    for each in several:
        each.path.write_text(line(1.706, f"{each.profile}"))
    os.utime(several[1].path, (START + 1.698, START + 1.698))
    assert texts(LogHistory(several, [], Filter()), 10) == ["a", "b"] == texts(LogHistory(several, [], Filter()))


@pytest.mark.parametrize("turned", [0, 1, 2])
def test_who_follows_hears_what_was_written_since_and_history_does_not(tmp_path: Path, turned: int) -> None:
    one = source(tmp_path, "a")
    one.path.write_text(line(1, "before"))
    live = LogFollower(LogTargets([one], []), {})
    for number in range(turned):
        if number:
            os.rename(f"{one.path}.1", f"{one.path}.2")
        os.rename(one.path, f"{one.path}.1")
        one.path.write_text(line(2 + number, f"after {number}"))
    with open(one.path, "a") as file:
        file.write(line(9, "last"))
    for many in (10, None):
        past = LogHistory([one], [], Filter(), read_to=live.read_to, began=live.began)
        assert texts(past, many) == ["before"]
    told: list[str] = []
    for _ in range(4):
        told += [entry.record.text for entry in live.read_new()[0]]
        time.sleep(0.1)
    live.close()
    assert told == [*(f"after {number}" for number in range(turned)), "last"]
