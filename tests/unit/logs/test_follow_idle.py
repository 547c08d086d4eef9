"""An idle round of `logs -f` looks at each log once and opens nothing; a line is still shown within two seconds."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from work_count import work_of

from hermes_profiles.logs.follow import LogFollower, LogTargets
from hermes_profiles.logs.sources import LogSource
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import logs
from hermes_profiles.operations.gateways.logs import LogCollector, LogReader, LogRequest, idle_seconds

LINE = "2026-11-20 10:00:00,000 INFO gateway.run: {}\n"
LOGS = 40


@pytest.fixture
def follower(tmp_path: Path) -> LogFollower:
    sources = []
    for number in range(LOGS):
        path = tmp_path / f"p{number}.log"
        if number % 2:
            path.write_text(LINE.format("began"))
        sources.append(LogSource(f"p{number}", path.name, path))
    found = LogFollower(LogTargets(sources, ()), {"PATH": "/usr/bin:/bin"})
    found.read_new()
    return found


def test_idle_round_is_one_status_of_each_log(follower: LogFollower) -> None:
    work = work_of(follower.read_new)
    assert dict(work.reads) == {"stat": LOGS}
    follower.close()


@pytest.mark.parametrize("change", ["a new line", "a new file", "rotation", "truncation", "removal of a rotated file"])
def test_change_after_idle_rounds_is_read(follower: LogFollower, tmp_path: Path, change: str) -> None:
    path, new = tmp_path / "p1.log", LINE.format("news")
    for _ in range(3):
        follower.read_new()
    if change == "a new file":
        path = tmp_path / "p2.log"
    if change in ("rotation", "removal of a rotated file"):
        path.rename(tmp_path / "p1.log.1")
    if change == "removal of a rotated file":
        (tmp_path / "p1.log.1").unlink()
    with path.open("w" if change == "truncation" else "a") as file:
        file.write(new)
    found: list[str] = []
    end = time.monotonic() + 20
    while not found and time.monotonic() < end:
        found += [each.record.text for each in follower.read_new()[0]]
    assert [text.strip() for text in found] == ["news"]
    follower.close()


def test_two_rounds_take_less_than_two_seconds() -> None:
    assert idle_seconds(10, is_holding=False) == idle_seconds(5000, is_holding=True) == 0.2
    assert idle_seconds(100_000, is_holding=False) + 2 * idle_seconds(100_000, is_holding=True) < 2


def _reader(folder: Path) -> LogReader:
    root = folder / ".hermes"
    for number in range(6):
        home = root / "profiles" / f"p{number}"
        home.mkdir(parents=True)
        (home / ".env").write_text("TELEGRAM_BOT_TOKEN=7100000001:CANARY\n")
    session = FleetSession(str(root), environment={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    return LogReader(session, LogRequest(), LogCollector())


def test_nothing_to_show_reads_no_secrets(tmp_path: Path) -> None:
    reader = _reader(tmp_path)
    assert work_of(lambda: reader._show([])).read_count == 0


def test_definitions_are_read_again_when_one_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, read = _reader(tmp_path), list[str]()
    real = logs.sources_of
    monkeypatch.setattr(logs, "sources_of", lambda world, name: read.append(name) or real(world, name))
    first = reader._sources()
    assert reader._sources() is first and len(read) == 7
    units = tmp_path / ".config/systemd/user"
    units.mkdir(parents=True)
    (units / "hermes-gateway-p1.service").write_text("[Service]\n")
    os.utime(units, ns=(1, 1))
    again = reader._sources()
    assert len(read) == 14 and [unit.name for unit in again.units] == ["hermes-gateway-p1.service"]
    reader._determined -= 1000
    reader._sources()
    assert len(read) == 21
