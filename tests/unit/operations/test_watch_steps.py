"""What the watcher adds to a status: which gateways it looks at again within seconds, logs that cannot be written."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from hermes_profiles.events.snapshot import SeenGateway
from hermes_profiles.fleet.outdated import CodeAge, InstalledCode
from hermes_profiles.operations.monitoring.fleet_snapshot import old_code, unwritable_logs, with_reason
from hermes_profiles.operations.monitoring.watch_run import is_on_its_way


@pytest.mark.parametrize(
    ("state", "activity", "pid", "expected"),
    [
        ("starting", "activating", None, True),
        ("running", "active", 42, False),
        ("stopped", "inactive", None, False),
        ("stale", "deactivating", None, True),  # systemd cleans up after it, and starts it again
        ("stopped", "activating", None, True),
        ("running", "deactivating", 42, False),  # the end of its process wakes the watcher
        ("crash-looping", "activating", None, False),  # for weeks
    ],
)
def test_gateway_on_its_way(state: str, activity: str, pid: int | None, expected: bool) -> None:
    assert is_on_its_way(SeenGateway("work", state, activity=activity, pid=pid)) is expected


def test_gateway_that_cannot_write_its_logs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unwritable_logs(tmp_path) == ""
    (tmp_path / "logs").mkdir()
    assert unwritable_logs(tmp_path) == ""
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere but on a read-only disk
    reason = unwritable_logs(tmp_path)
    assert reason == f"its logs cannot be written: {tmp_path}/logs"
    looping = SeenGateway("work", "crash-looping", "restarted 3 times")
    assert with_reason(looping, reason).detail == f"{reason}; restarted 3 times"
    (tmp_path / "logs" / "errors.log").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "errors.log")
    assert unwritable_logs(tmp_path) == f"{reason}/errors.log"
    running = SeenGateway("work", "running")
    assert (with_reason(running, reason), with_reason(looping, "")) == (running, looping)


def test_gateways_with_the_code_of_before_an_update_are_one_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"work": CodeAge(InstalledCode(1.0, "0.19.1")), "home": CodeAge()}
    monkeypatch.setattr("hermes_profiles.operations.monitoring.fleet_snapshot.code_ages", lambda gateways: ages)
    status = SimpleNamespace(gateways=())
    (fault,) = old_code(status)  # type: ignore[arg-type]
    assert (fault.kind, fault.profile, fault.reason.partition(":")[0]) == (
        "old-code", None, "Hermes 0.19.1 was installed after the start of work",
    )  # fmt: skip
    ages["work"] = CodeAge(known=False)
    assert old_code(status) == ()  # type: ignore[arg-type]
