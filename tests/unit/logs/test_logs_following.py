"""A log is followed through all that happens to logs: no line lost, none doubled, order kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_profiles.logs.follow import LogFollower, LogTargets
from hermes_profiles.logs.records import Cut
from hermes_profiles.logs.sources import LogSource
from hermes_profiles.logs.tail import LogTail


def line(number: int) -> str:
    return f"2026-11-21 17:{number // 60 % 60:02d}:{number % 60:02d},000 INFO gateway.run: line {number}\n"


class Log:
    """A log, who writes it, and who follows it; the clock is ours."""

    def __init__(self, folder: Path, *, from_end: bool = True, before: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "gateway.log"
        if before:
            self.path.write_text(before)
        self.now = os.stat(folder).st_mtime
        self.tail = LogTail(self.path, self.now, from_end=from_end)
        self.written: list[str] = []
        self.seen: list[str] = []
        self.count = 0

    def write(self, many: int = 1, path: Path | None = None) -> None:
        with open(path or self.path, "a") as file:
            for _ in range(many):
                file.write(line(self.count))
                self.written.append(f"line {self.count}")
                self.count += 1

    def rotate(self, keep: int = 3) -> None:
        for number in range(keep, 0, -1):
            older = Path(f"{self.path}.{number - 1}") if number > 1 else self.path
            if older.exists():
                older.rename(f"{self.path}.{number}")
        self.path.touch()

    def look(self, seconds: float = 0.2) -> None:
        self.now += seconds
        has_more = True
        while has_more:
            records, has_more = self.tail.read_new(self.now)
            self.seen += [each.text for each in records]

    def all_seen(self) -> list[str]:
        for _ in range(3):
            self.look()
        self.look(3.0)
        return self.seen


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "logs", before=line(10**6) * 3)


def once(log: Log) -> None:
    assert log.all_seen() == log.written


def test_tail_skips_existing_lines(log: Log) -> None:
    log.look()
    assert log.seen == []
    log.write(2)
    once(log)


def test_rotations_between_two_looks_lose_nothing(log: Log) -> None:
    log.write(2)
    log.look()
    for _ in range(3):
        log.write(2)
        log.rotate()
    log.write(1)
    once(log)
    assert not log.tail.lost


def test_tail_skips_lines_rotated_before(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(6):
        (folder / f"gateway.log.{number}").write_text(line(10**6 + number))
        os.utime(folder / f"gateway.log.{number}", (10**9 - number, 10**9 - number))
    log = Log(folder, before=line(10**6))
    log.write(1)
    log.rotate(keep=7)
    log.write(1)
    once(log)


def test_a_loss_is_known(log: Log) -> None:
    log.write(1)
    log.look()
    for _ in range(6):
        log.rotate()
        log.write(1)
    assert log.all_seen()[-1] == log.written[-1] and log.tail.lost


@pytest.mark.parametrize("many", [1, 50])
def test_a_log_that_is_emptied_begins_again(log: Log, many: int) -> None:
    """Also when there is more in it already than was read before."""
    log.write(5)
    log.look()
    log.look()
    os.truncate(log.path, 0)
    log.write(many)
    once(log)


def test_a_log_that_is_emptied_and_filled_to_the_very_same_size_begins_again(log: Log) -> None:
    log.write(9)
    log.look()
    log.look()
    size = log.path.stat().st_size
    os.truncate(log.path, 0)
    with open(log.path, "a") as file:
        file.write("x" * (size - 1) + "\n")
    assert log.all_seen()[-1] == "x" * (size - 1)


def test_a_copy_before_the_cut_is_read(log: Log) -> None:
    """`copytruncate` of logrotate."""
    log.write(5)
    log.look()
    log.write(5)
    shutil.copy(log.path, f"{log.path}.1")
    os.truncate(log.path, 0)
    log.write(3)
    once(log)
    log.rotate()
    log.write(1)
    once(log)


def test_a_log_that_is_removed_and_made_again_is_a_new_one(log: Log) -> None:
    log.write(3)
    log.look()
    log.write(2)
    log.path.unlink()
    log.look()
    log.write(7)  # often the file system gives it the number of the old one
    once(log)


def test_the_number_of_a_removed_file_means_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs", before=line(10**6) * 3)
    for _ in range(20):
        log.write(3)
        log.look()
        log.path.unlink()
        log.write(3)
        log.look()
    once(log)


def test_tail_new_log_is_read_from_beginning(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs")
    log.look()
    log.write(3)
    once(log)


def test_tail_reads_writer_of_renamed_file(log: Log) -> None:
    """supervisord and launchd keep what they opened; Hermes renames it."""
    log.write(1)
    log.look()
    log.rotate()
    log.write(1)
    log.look()
    log.write(1, Path(f"{log.path}.1"))
    assert sorted(log.all_seen()) == log.written


def test_tail_reads_writer_behind_a_hole(log: Log) -> None:
    with open(log.path, "w") as file:  # no append: it keeps its place
        file.write(line(1) * 1000)
        file.flush()
        log.look()
        log.look()
        log.seen.clear()
        os.truncate(log.path, 0)
        file.write(line(2))
        file.flush()
    assert log.all_seen() == ["line 2"]


def test_half_a_line_waits_for_the_other_half(log: Log) -> None:
    with open(log.path, "a") as file:
        file.write(line(1)[:30])
        file.flush()
        log.look(0.3)
        log.look(0.3)
        assert log.seen == []
        file.write(line(1)[30:])
    assert log.all_seen() == ["line 1"]


def test_tail_open_line_is_returned_and_marked(log: Log) -> None:
    with open(log.path, "a") as file:
        file.write("begun")
        file.flush()
        log.look(0.1)
        records, _ = log.tail.read_new(log.now + 1.5)
        assert [(each.text, each.cut) for each in records] == [("begun", Cut.END)]
        file.write(" and ended\nnext\n")
    records = [*log.tail.read_new(log.now + 2)[0], *log.tail.read_new(log.now + 3)[0]]
    assert [(each.text, each.cut) for each in records] == [(" and ended", Cut.BEGIN), ("next", Cut.NOTHING)]


def test_a_line_without_end_takes_no_memory(log: Log) -> None:
    with open(log.path, "a") as file:
        for _ in range(50):
            file.write("x" * 1_000_000)
            file.flush()
            log.look(0.1)
        file.write("\nnext\n")
    found = log.all_seen()
    assert found[-1] == "next" and sum(map(len, found)) < 2_000_000


@pytest.mark.parametrize("what", ["folder", "fifo", "denied"])
def test_what_cannot_be_read_is_a_problem_until_it_can(tmp_path: Path, what: str, monkeypatch: Any) -> None:
    log = Log(tmp_path / "logs")
    if what == "folder":
        log.path.mkdir()
    elif what == "fifo":
        os.mkfifo(log.path)
    else:
        log.path.write_text("")
        monkeypatch.setattr("os.open", _denied(os.open, str(log.path)))
    log.look()
    assert log.tail.problem is not None
    monkeypatch.undo()
    log.path.rmdir() if what == "folder" else log.path.unlink()
    log.look()
    log.write(1)
    once(log)
    assert log.tail.problem is None


def _denied(real: Callable[..., int], path: str) -> Callable[..., int]:
    def opened(name: Any, *rest: Any, **named: Any) -> int:
        if str(name) == path:
            raise PermissionError(13, "Permission denied", path)
        return real(name, *rest, **named)

    return opened


def test_tail_many_rotated_logs_are_read_once(log: Log) -> None:
    for _ in range(12):
        log.write(2)
        log.look(3.0)
        log.rotate(keep=30)
    once(log)


def test_files_are_let_go(log: Log) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        log.write(3)
        log.rotate()
        log.look(3.0)
    assert len(os.listdir("/proc/self/fd")) - before <= 5
    log.tail.close()
    assert len(os.listdir("/proc/self/fd")) < before


_STEPS = st.lists(
    st.sampled_from(["write", "write many", "look", "rotate", "remove", "cut", "copy and cut"]), max_size=30
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_tail_returns_every_line_once(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    log = Log(tmp_path_factory.mktemp("followed") / "logs", before=line(10**6))
    turned = 0
    for step in steps:
        if step.startswith("write"):
            log.write(40 if step == "write many" else 1)
        elif step == "look":
            log.look()
            turned = 0
        elif step == "rotate" and turned < 3:  # more at once than are kept is a loss
            log.rotate()
            turned += 1
        elif step in ("remove", "cut"):
            log.look()  # unread lines are lost
            turned = 0
            log.path.unlink(missing_ok=True) if step == "remove" else os.truncate(log.path, 0)
        elif step == "copy and cut" and turned == 0:
            log.write(1)  # an empty one cannot be recognised
            log.look()
            log.write(2)
            for number in (2, 1):
                if os.path.exists(f"{log.path}.{number}"):
                    os.rename(f"{log.path}.{number}", f"{log.path}.{number + 1}")
            shutil.copy(log.path, f"{log.path}.1")
            os.truncate(log.path, 0)
            turned = 1
        if step in ("remove",):
            log.path.touch()
    once(log)
    log.tail.close()


# -- many together


@pytest.mark.parametrize("every", [11, 100])
def test_records_of_many_files_come_in_order_of_time(tmp_path: Path, every: int) -> None:
    """However long a busy machine lets us wait between two looks."""
    now = [1_795_281_600.0]
    logs = [tmp_path / name for name in ("a.log", "b.log", "c.log")]
    live = LogFollower(
        LogTargets([LogSource(path.stem, path.name, path) for path in logs], []), {}, clock=lambda: now[0]
    )
    told: list[float] = []
    for number in range(300):
        now[0] += 0.01
        moment = now[0]
        with open(logs[(number * 7) % 3], "a") as file:
            import time

            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
            file.write(f"{stamp},{int(moment % 1 * 1000):03d} INFO a: {number}\n")
        if number % every == 0:
            told += [entry.key for entry in live.read_new()[0]]
    for _ in range(4):
        now[0] += 1
        told += [entry.key for entry in live.read_new()[0]]
    live.close()
    assert len(told) == 300 and told == sorted(told)


@pytest.mark.parametrize("hours", [-9, 9])
def test_a_clock_of_another_zone_holds_nothing_back(tmp_path: Path, hours: int) -> None:
    now = [1_795_281_600.0]
    path = tmp_path / "a.log"
    live = LogFollower(LogTargets([LogSource("a", "a.log", path)], []), {}, clock=lambda: now[0])
    import time

    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now[0] + hours * 3600))
    path.write_text(f"{stamp},000 INFO a: hello\n")
    told = []
    for _ in range(3):
        told += [entry.record.text for entry in live.read_new()[0]]
        now[0] += 0.3
    live.close()
    assert told == ["hello"]
