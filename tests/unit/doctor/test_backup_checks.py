"""A daily backup that fails, and one that nothing starts."""

from __future__ import annotations

import os
import shlex

from doctor_root import DoctorRoot

from hermes_profiles.backups.schedule import LastRun, Schedule, read_last, write_last, write_schedule
from hermes_profiles.events.watch_state import take_watch_lock
from hermes_profiles.model.layout import Layout


def test_failed_backup_is_a_warning_until_one_of_all_works(world: DoctorRoot) -> None:
    layout, folder = Layout(world.root, world.user), world.user / "my backups"
    write_last(layout, LastRun(1000.0, 2000.0, 1))
    assert world.findings("--only", "runtime.backup-failed") == [], "it is off"
    write_schedule(layout, Schedule(folder=str(folder)))
    (row,) = world.findings("--only", "runtime.backup-failed")
    assert row["severity"] == "warning" and "exit code 1" in row["message"]
    words = shlex.split(row["fix"]["command"])[1:]
    assert words[-1] == str(folder)
    assert world.runner.call("backup", "create", "work", env=world.environment).code == 0
    assert len(world.findings("--only", "runtime.backup-failed")) == 1, "that was one profile"
    assert world.runner.call(*words, env=world.environment).code == 0
    last = read_last(layout)
    assert last is not None and last.code == 0 and world.findings("--only", "runtime.backup-failed") == []


def test_backup_that_nothing_starts_is_a_warning(world: DoctorRoot) -> None:
    layout = Layout(world.root, world.user)
    assert world.findings("--only", "runtime.backup-unwatched") == []
    write_schedule(layout, Schedule())
    (row,) = world.findings("--only", "runtime.backup-unwatched")
    assert row["severity"] == "warning" and row["fix"]["command"] == "hermes-gateways watch on"
    lock = take_watch_lock(layout, wait=0)
    assert world.findings("--only", "runtime.backup-unwatched") == []
    os.close(lock)
