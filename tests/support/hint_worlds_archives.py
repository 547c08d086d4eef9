"""Archives, backups and databases with a fault."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from doctor_root import DoctorRoot
from hint_worlds_machine import problem_of_call

from hermes_profiles.backups.store import Backup
from hermes_profiles.changes.database_copy import MAGIC, copy_database
from hermes_profiles.model.errors import Problem
from hermes_profiles.operations.archives import backups
from hermes_profiles.operations.archives.export_profiles import _plan_complete
from hermes_profiles.operations.context import Session


def archive_that_leads_out(world: DoctorRoot) -> None:
    with tarfile.open(world.user / "work.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../a"))


def archive_of_zstd(world: DoctorRoot) -> None:
    (world.user / "work.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 60)


def folder_with_a_blank(world: DoctorRoot) -> None:
    (world.user / "my files").mkdir()


def no_zstd(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.archives.compression._ZSTD_MODULES", ())


def _damaged_database(world: DoctorRoot) -> Path:
    path = world.home("work") / "state.db"
    path.write_bytes(MAGIC + b"\xff" * 5000)
    return path


def a_damaged_database(world: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: copy_database(_damaged_database(world), world.user / "copy.db"))


def a_backup_of_a_damaged_database(world: DoctorRoot) -> Iterator[Problem | None]:
    path = _damaged_database(world)
    backup = Backup("x", datetime.now(UTC), world.user / "x.tar.zst.age", 1, True)
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(backups, "opened_backup", lambda *_: SimpleNamespace())
        machine.setattr(backups, "database_files", lambda _: iter((path,)))
        session = Session(str(world.root), environment={**world.runner.environment})
        yield backups._verified(session, backup, backups.Unlock()).fault


def a_key_that_is_new(world: DoctorRoot) -> Iterator[Problem]:
    path = world.user / "backup.key"
    path.write_text("# of this user\n")
    yield backups._new_key(path)


def a_link_that_stays_behind(world: DoctorRoot) -> Iterator[Problem]:
    if not (world.home("work") / "media").is_symlink():
        (world.home("work") / "media").symlink_to("/usr/share")
    session = Session(str(world.root), environment={**world.runner.environment})
    return iter(_plan_complete(session, "work", ("work",)).warnings)
