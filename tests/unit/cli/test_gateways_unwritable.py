"""Read-only and full disks: a command that could not finish stops no gateway, and names the way out."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from closed_folders import read_only_below
from gateway_root import GatewayRoot

from hermes_profiles.changes import errors
from hermes_profiles.operations.context import from_os_error


@pytest.mark.parametrize("words", [
    ("uninstall", "work"), ("uninstall", "--yes"), ("reset", "work"), ("delete", "work", "--yes"),
    ("rename", "work", "office"),
], ids=" ".join)  # fmt: skip
def test_gateway_whose_service_cannot_be_changed_runs_on(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    fleet.gok("install", "work", "--start")
    pid, programs = fleet.pid("work"), fleet.program("work").parent
    run = fleet.gateways if words[0] in ("uninstall", "reset") else fleet.call
    with monkeypatch.context() as patch:
        read_only_below(patch, programs)
        done = run(*words, "--json")
        assert done.code == 1 and f"{programs} is on a read-only file system" in done.json["errors"][0]["message"]
        assert "remount,rw" in done.json["errors"][0]["hint"] and fleet.pid("work") == pid
        assert fleet.gok("start", "work", "--json").data["outcomes"][0]["outcome"] == "already-running"
    assert fleet.rows("work")["work"]["service"]["enabled"] and fleet.journal() != []
    assert run(*words, "--json").code == 0


def test_uninstall_that_cannot_remove_files_starts_again_what_it_stopped(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hermes_profiles.fleet import uninstall
    from hermes_profiles.model.errors import Failed

    fleet.gok("install", "work", "night", "--start")
    fleet.gok("stop", "night")
    fleet.gok("disable", "night")

    def refused(*_: Any, **__: Any) -> None:
        raise Failed("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(uninstall, "apply", refused)
        assert fleet.gateways("uninstall", "work", "night", "--json").code == 1
    rows = fleet.rows()
    assert rows["work"]["state"] in ("starting", "running") and rows["work"]["service"]["enabled"]
    assert rows["night"]["state"] == "stopped" and not rows["night"]["service"]["enabled"]


@pytest.mark.parametrize("words", [("restart", "work"), ("reset", "work"), ("restart", "--yes")], ids=" ".join)
def test_gateway_on_a_full_disk_is_not_restarted(
    fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    fleet.gok("install", "work", "--start")
    pid = fleet.pid("work")
    _fill(monkeypatch)
    done = fleet.gateways(*words, "--json")
    row = next(each for each in done.data["outcomes"] if each["profile"] == "work")
    assert done.code == 1 and row["detail"] == f"{fleet.home('work')} has no space left: its gateway was left running"
    assert "df -h" in done.json["errors"][0]["hint"] and fleet.pid("work") == pid
    fleet.gok("stop", "work")
    assert fleet.outcomes(fleet.gateways("start", "work", "--json")) == {"work": "started"}  # its service tries again


def test_read_only_file_system_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "lock"))
    hint = from_os_error(error).hint
    assert hint == "the file system was read-only; see `mount`, then run the command again"
    read_only_below(monkeypatch, tmp_path)
    hint = from_os_error(error).hint
    assert hint is not None and f'`sudo mount -o remount,rw "$(findmnt -fno TARGET -T {tmp_path})"`' in hint
    with pytest.raises(errors.Failed) as caught, errors.translated_errors():
        raise error
    assert caught.value.problem.hint == hint


def _fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every disk have 100 kB left."""
    real = os.statvfs

    def statvfs(path: Any) -> Any:
        parts = {name: getattr(real(path), name) for name in dir(real(path)) if name.startswith("f_")}
        return SimpleNamespace(**{**parts, "f_bavail": 100, "f_frsize": 1024})

    monkeypatch.setattr(os, "statvfs", statvfs)
