"""A gateway is running only when pid, start time and home say so together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_profiles.fleet.state import Gateway, GatewayState, gateway_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "root" / "profiles" / "work"
    home.mkdir(parents=True)
    return home


def _proc(folder: Path, pid: int = 42, *, state: str = "S", started: int = 1000, home: object = None) -> Path:
    place = folder / "proc" / str(pid)
    place.mkdir(parents=True)
    after = [state, *["0"] * 18, str(started), *["0"] * 20]
    (place / "stat").write_text(f"{pid} (a name) with ) in it) {' '.join(after)}\n")
    variables = ["PATH=/bin", *([f"HERMES_HOME={home}"] if home else [])]
    (place / "environ").write_bytes("\x00".join(variables).encode() + b"\x00")
    return folder / "proc"


def _look(home: Path, proc: Path, record: object) -> Gateway:
    (home / "gateway.pid").write_text(record if isinstance(record, str) else json.dumps(record))
    return gateway_of(home, platform="linux", proc=proc)


RECORD = {"pid": 42, "kind": "hermes-gateway", "start_time": 1000}


def test_all_three_match(home: Path, tmp_path: Path) -> None:
    assert _look(home, _proc(tmp_path, home=home), RECORD) == Gateway(GatewayState.RUNNING, 42)


def test_the_root_as_home_matches_its_profile(home: Path, tmp_path: Path) -> None:
    assert _look(home, _proc(tmp_path, home=home.parent.parent), RECORD).state is GatewayState.RUNNING


def test_a_process_whose_environment_cannot_be_read_counts_by_its_start_time(home: Path, tmp_path: Path) -> None:
    proc = _proc(tmp_path)
    (proc / "42" / "environ").unlink()
    assert _look(home, proc, RECORD).state is GatewayState.RUNNING
    assert _look(home, proc, {"pid": 42}) == Gateway(GatewayState.UNKNOWN, 42)
    assert _look(home, proc, "42") == Gateway(GatewayState.UNKNOWN, 42)


@pytest.mark.parametrize(("change", "record"), [
    ({"started": 1001}, RECORD), ({"state": "Z"}, RECORD), ({"state": "X"}, RECORD), ({"pid": 43}, RECORD),
    ({"home": "/elsewhere"}, RECORD), ({}, {**RECORD, "pid": 0}), ({}, {**RECORD, "pid": "42"}), ({}, "{broken"),
    ({}, "[]"), ({}, ""),
])  # fmt: skip
def test_anything_else_is_stale(home: Path, tmp_path: Path, change: dict[str, object], record: object) -> None:
    proc = _proc(tmp_path, **{"home": home, **change})  # type: ignore[arg-type]
    assert _look(home, proc, record) == Gateway(GatewayState.STALE)


def test_without_a_pid_file_it_is_stopped(home: Path, tmp_path: Path) -> None:
    assert gateway_of(home, platform="linux", proc=tmp_path) == Gateway(GatewayState.STOPPED)


def test_a_link_to_the_home_is_the_home(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    assert _look(home, _proc(tmp_path, home=tmp_path / "link"), RECORD).state is GatewayState.RUNNING
