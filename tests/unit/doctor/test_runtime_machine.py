"""Checks of disks, inodes, file systems and run-time files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from closed_folders import obey_modes
from command_runner import Runner
from doctor_root import DoctorRoot
from runtime_cases import NOBODY, aged, database, pid_record
from test_runtime_databases import seen

from hermes_profiles.changes.journal import ChangeEntry, Journal
from hermes_profiles.doctor.checks import machine
from hermes_profiles.doctor.facts.databases import DatabaseFacts
from hermes_profiles.doctor.facts.machine import Disk, MachineFacts, Mount
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.findings import Finding
from hermes_profiles.doctor.probes.machine import mount_of, mount_table, probe_machine
from hermes_profiles.doctor.probes.runtime import drain_counts, machine_epoch
from hermes_profiles.model.layout import Layout

MB, GB = 1024**2, 1024**3
NFS = "26 1 0:9 / {0} rw,relatime shared:1 master:2 - nfs4 server:/export rw,vers=4.2\n"


class _Facts:
    """The facts that the machine checks read."""

    def __init__(self, layout: Layout, facts: MachineFacts, wal: dict[str, tuple[str, ...]] | None = None) -> None:
        self.layout = layout
        self.runtime = RuntimeFacts(machine=facts, databases=DatabaseFacts(in_wal_mode=wal or {}))
        self.profiles = {name: seen(layout.home(name), name=name) for name in wal or {}}


def disks(tmp_path: Path, *seen_disks: Disk) -> list[tuple[str | None, tuple[str, ...]]]:
    layout = Layout(tmp_path, tmp_path.parent, "linux")
    found: list[Finding] = list(machine.disk_space(_Facts(layout, MachineFacts(seen_disks))))  # type: ignore[arg-type]
    return [(each.severity and str(each.severity), each.profiles) for each in found]


@pytest.mark.parametrize(
    ("free", "size", "severity"),
    [
        (99 * MB, 100 * GB, "error"),
        (101 * MB, 100 * GB, "warning"),
        (1023 * MB, 2 * GB, "warning"),
        (1025 * MB, 2 * GB, None),
        (4 * GB, 100 * GB, "warning"),
        (6 * GB, 100 * GB, None),
        (100 * GB, 8000 * GB, None),
        (0, 0, None),
    ],
)
def test_disk_space_thresholds(tmp_path: Path, free: int, size: int, severity: str | None) -> None:
    found = disks(tmp_path, Disk(str(tmp_path), ("a", "b"), free, size))
    assert found == ([(severity, ())] if severity else [])


def test_full_disk_beside_root_names_profiles(tmp_path: Path) -> None:
    assert disks(tmp_path, Disk("/mnt/x", ("a", "b"), 0, GB)) == [("error", ("a", "b"))]


@pytest.mark.parametrize(
    ("free", "count", "severity"),
    [
        (99, 1_000_000, "error"),
        (9_999, 1_000_000, "warning"),
        (10_001, 1_000_000, None),
        (9_000, 20_000, None),
        (0, 0, None),
    ],
)
def test_inode_thresholds(tmp_path: Path, free: int, count: int, severity: str | None) -> None:
    layout = Layout(tmp_path, tmp_path.parent, "linux")
    one = Disk(str(tmp_path), (), 50 * GB, 100 * GB, free, count)
    found = list(machine.inodes(_Facts(layout, MachineFacts((one,)))))  # type: ignore[arg-type]
    assert [str(each.severity) for each in found] == ([severity] if severity else [])


def test_each_disk_is_queried_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path.parent, "linux")
    profiles = {name: seen(layout.home(name), name=name) for name in ("a", "b")}
    for name in profiles:
        layout.home(name).mkdir(parents=True)
    found = probe_machine(layout, profiles, with_mounts=())
    answer = os.statvfs(tmp_path)
    assert [(each.place, each.profiles, each.size) for each in found.disks] == [
        (str(tmp_path), ("a", "b"), answer.f_blocks * answer.f_frsize)
    ]
    assert found.mounts == {}


def test_longest_mount_point_above_home_is_used(tmp_path: Path) -> None:
    place = tmp_path / "net work"
    (place / "home").mkdir(parents=True)
    table = tmp_path / "mountinfo"
    table.write_text(
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + NFS.format(str(place).replace(" ", r"\040"))
        + f"30 1 0:3 / {tmp_path}/net rw - tmpfs none rw\nnot a line\n"
    )  # fmt: skip
    mounts = mount_table(table)
    assert mount_of(place / "home", mounts) == Mount(str(place), "nfs4")
    assert mount_of(tmp_path / "network", mounts) == Mount("/", "ext4")
    assert mount_table(tmp_path / "none") == () and mount_of(place, ()) is None
    assert mount_table()[0].kind


@pytest.mark.parametrize(("kind", "fires"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False), ("fuseblk", False)])
def test_wal_database_on_network_file_system_is_reported(tmp_path: Path, kind: str, fires: bool) -> None:
    layout = Layout(tmp_path, tmp_path.parent, "linux")
    mounts = {"a": Mount("/mnt/x", kind), "b": Mount("/mnt/x", kind)}
    wal = {"a": ("state.db",), "b": ("state.db",)}
    found = list(machine.wal_filesystem(_Facts(layout, MachineFacts((), mounts), wal)))  # type: ignore[arg-type]
    assert [each.profiles for each in found] == ([("a", "b")] if fires else [])


def test_mounts_are_read_only_for_wal_databases(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path.parent, "linux")
    table = tmp_path / "mountinfo"
    table.write_text(NFS.format(tmp_path))
    database(layout.home("a") / "state.db", wal=True)
    database(layout.home("b") / "state.db")
    profiles = {name: seen(layout.home(name), name=name) for name in ("a", "b")}
    found = probe_machine(layout, profiles, with_mounts=["a"], mounts=table)
    assert found.mounts == {"a": Mount(str(tmp_path), "nfs4")}


def test_drain_request_of_this_boot_is_in_effect(tmp_path: Path) -> None:
    request = tmp_path / ".drain_request.json"
    assert drain_counts(request) is False
    for content, counts in (
        (json.dumps({"epoch": machine_epoch()}), True),
        (json.dumps({"epoch": "another:1"}), False),
        ("{}", True),
        ("[1]", True),
        ("{", True),
        ("", True),
    ):
        request.write_text(content)
        assert drain_counts(request) is counts, content
    assert machine_epoch(tmp_path) == ""


def test_fresh_markers_are_not_reported(world: DoctorRoot) -> None:
    for name in (".gateway-planned-stop.json", ".gateway-takeover.json", ".drain_request.json", ".restart_notify.json"):
        world.write("work", name, "{}")
    aged(world.write("family", ".restart_last_processed.json", "{}"), 9 * 86400)
    aged(world.write("family", ".restart_failure_counts", "{}"), 9 * 86400)
    aged(world.write("family", ".clean_shutdown", ""), 9 * 86400)
    assert world.findings("--only", "runtime") == []


def test_normal_logs_and_old_starts_have_no_findings(world: DoctorRoot) -> None:
    for number in range(12):
        with world.write("work", f"logs/agent.log.{number}", "").open("r+b") as file:
            file.truncate(5 * MB)
    starts = "".join(f"{time.time() - 121 - n!r}\n" for n in range(40))
    world.write("work", "gateway-starts.log", starts)
    world.write("family", "gateway-starts.log", f"{time.time()!r}\n" * 5)
    assert world.findings("--only", "runtime") == []


def test_folder_in_place_of_lock_is_reported(world: DoctorRoot) -> None:
    token = "7000000002:CANARY-telegram-token"
    world.profile("work", env=f"TELEGRAM_BOT_TOKEN={token}\n")
    locks = world.user / ".local/state/hermes/gateway-locks"
    digest = hashlib.sha256(token.encode()).hexdigest()[:16]
    (locks / f"telegram-bot-token-{digest}.lock" / "x").mkdir(parents=True)
    (locks / "telegram-bot-token-0123456789abcdef.lock").mkdir()
    (locks / "telegram-bot-token-fedcba9876543210.lock").write_text(pid_record(NOBODY))
    (row,) = world.findings("--only", "runtime")
    assert (row["check"], row["profiles"], row["channel"]) == ("runtime.stale-lock", ["work"], "telegram")
    subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], check=True)
    assert world.findings("--only", "runtime") == []


LOCK_DIR = "HERMES_GATEWAY_LOCK_DIR"


def test_unwritable_lock_folder_is_reported(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = world.user / ".local/state/hermes/gateway-locks"
    locks.mkdir(parents=True)
    locks.chmod(0o500)
    obey_modes(monkeypatch)
    assert world.findings("--only", "runtime") == [], "no profile needs a lock"
    world.profile("work", env="TELEGRAM_BOT_TOKEN=7000000002:CANARY-telegram-token\n")
    (row,) = world.findings("--only", "runtime")
    assert (row["check"], row["profiles"]) == ("runtime.stale-lock", ["work"])
    assert row["fix"]["command"] == f"chmod u+wx {locks}"
    locks.chmod(0o700)
    world.profile("work", env=f"TELEGRAM_BOT_TOKEN=7000000002:CANARY-telegram-token\n{LOCK_DIR}=/proc/1/none\n")
    (row,) = world.findings("--only", "runtime")
    assert f"{LOCK_DIR} in line 3 of {world.home('work')}/.env names it" in row["message"]
    assert (row["evidence"][0]["line"], row["evidence"][0]["key"]) == (3, LOCK_DIR)
    assert row["fix"]["command"] == f"hermes-profiles env unset work {LOCK_DIR}"


def test_stale_lock_of_dead_gateway_is_not_reported(world: DoctorRoot) -> None:
    """Hermes takes over such a lock."""
    token = "7000000002:CANARY-telegram-token"
    world.profile("work", env=f"TELEGRAM_BOT_TOKEN={token}\n")
    locks = world.user / ".local/state/hermes/gateway-locks"
    locks.mkdir(parents=True)
    digest = hashlib.sha256(token.encode()).hexdigest()[:16]
    (locks / f"telegram-bot-token-{digest}.lock").write_text(pid_record(NOBODY))
    world.write("work", "gateway.lock", pid_record(NOBODY))
    assert world.findings("--only", "runtime") == []


def test_fix_command_ends_interrupted_change(world: DoctorRoot) -> None:
    world.runner.ok("use", "work", env=world.environment)
    (path,) = (world.state / "journal").glob("*.json")
    path.write_text(path.read_text().replace('"status": "done"', '"status": "begun"'))
    (row,) = world.findings("--only", "runtime")
    assert row["check"] == "runtime.journal-interrupted"
    words = row["fix"]["command"].split()
    assert words[0] == "hermes-profiles"
    done = world.runner.call(*words[1:], env=world.environment)
    assert done.code == 0 and "interrupted change" in done.stderr, done
    assert world.findings("--only", "runtime") == []


def test_running_change_is_not_interrupted(world: DoctorRoot) -> None:
    import fcntl

    world.runner.ok("use", "work", env=world.environment)
    (path,) = (world.state / "journal").glob("*.json")
    path.write_text(path.read_text().replace('"status": "done"', '"status": "begun"'))
    with (world.state / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert world.findings("--only", "runtime") == []


def test_unreadable_journal_is_reported(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Journal) -> tuple[ChangeEntry, ...]:
        raise PermissionError(errno.EACCES, "Permission denied", "journal")

    monkeypatch.setattr(Journal, "begun", refuse)
    world.write("work", "gateway.pid", pid_record(NOBODY))
    rows = world.findings("--only", "runtime")
    assert [row["check"] for row in rows] == ["runtime.stale-pid", "runtime.journal-interrupted"]
    assert rows[1]["message"] == "cannot read the journal of changes: permission denied"


def test_pid_file_changed_after_check_is_kept(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file that was proven stale is removed."""
    from hermes_profiles.doctor import fix_plan

    path = world.write("work", "gateway.pid", pid_record(NOBODY))
    build = fix_plan.build_fix_plan

    def later(*args: object, **options: object) -> object:
        plan = build(*args, **options)  # type: ignore[arg-type]
        path.unlink()
        path.write_text(pid_record(os.getpid(), 7.0))
        return plan

    monkeypatch.setattr(fix_plan, "build_fix_plan", later)
    done = world.doctor("--fix", "--yes", "--only", "runtime.stale-pid", "--json")
    assert done.code == 1 and json.loads(path.read_text())["start_time"] == 7.0


def test_files_of_orderly_stop_have_no_findings(world: DoctorRoot, runner: Runner) -> None:
    """An orderly stop leaves lock, state, heartbeat, ledger, databases and logs, none of which is a fault."""
    state = {"pid": NOBODY, "start_time": 1, "gateway_state": "stopped", "platforms": {"telegram": {"state": "fatal"}}}
    for name in ("default", "work", "family"):
        world.write(name, "gateway.lock", pid_record(NOBODY))
        world.write(name, "gateway_state.json", json.dumps(state), mode=0o600)
        world.write(name, "state/gateway.heartbeat", json.dumps({"pid": NOBODY, "updated_at": "2020-01-01T00:00:00Z"}))
        world.write(name, "gateway-starts.log", "1700000000.5\n")
        world.write(name, "logs/gateway.log", "started\n" * 100)
        database(world.home(name) / "state.db", wal=True)
        database(world.home(name) / "projects.db")
    assert world.findings("--only", "runtime") == []
