"""Every check: it reports exactly its case, its fix is idempotent, and undo restores every byte."""

from __future__ import annotations

import json

import pytest
from conflict_cases import CONFLICT_CASES
from doctor_root import Case, DoctorRoot
from file_cases import FILE_CASES
from general_cases import GENERAL_CASES
from runtime_cases import RUNTIME_CASES
from security_cases import SECURITY_CASES
from service_cases import SERVICE_CASES
from team_cases import TEAM_CASES

from hermes_profiles.doctor.findings import Severity
from hermes_profiles.doctor.registry import CHECKS

CASES = (
    *GENERAL_CASES, *CONFLICT_CASES, *SECURITY_CASES, *FILE_CASES, *TEAM_CASES, *SERVICE_CASES, *RUNTIME_CASES,
)  # fmt: skip
# Checks that need a live manager, a real gateway or a broken check, with the tests that cover them.
ELSEWHERE: dict[str, str] = {
    "conflicts.held-elsewhere": "test_conflicts_live.py",
    "conflicts.moved": "../profiles/test_placement.py",
    "conflicts.inherited-identity": "test_conflicts_live.py",
    "conflicts.inherited-api": "test_redirects.py",
    "conflicts.free-mask": "test_cut_short.py",
    "conflicts.other-root": "test_other_roots.py",
    "conflicts.port-taken": "test_conflicts_live.py",
    "files.deleted-name": "test_deletion_markers.py",
    "files.unwritable": "test_unwritable.py",
    "files.ghost-folder": "test_deletion_markers.py",
    "general.check-failed": "test_doctor_runner.py",
    "general.other-root": "test_other_roots.py",
    "general.unseen": "test_doctor_runner.py",
    "places.clock": "../places/test_compare_places.py",
    "places.profile-twice": "../places/test_compare_places.py",
    "places.shared-identity": "../places/test_compare_places.py",
    "places.version": "../places/test_compare_places.py",
    "services.fold-ahead": "test_update_day.py",
    "services.half-migrated": "test_update_day.py",
    "services.standalone": "test_update_day.py",
    "services.linger-off": "test_services_managers.py",
    "services.no-systemd": "test_services_managers.py",
    "services.not-reloaded": "test_services_repair.py",
    "services.skipped-by-multiplexer": "test_services_topology.py",
    "services.topology": "test_services_topology.py",
    "services.unread-unit": "test_services_folders.py",
    "security.foreign-owner": "test_security_facts.py",
    "runtime.deaf": "test_runtime_live.py",
    "runtime.failed-start": "test_failed_start.py",
    "runtime.silent": "test_runtime_live.py",
    "runtime.swapped-homes": "test_live_fixes_work.py",
    "runtime.two-gateways": "test_runtime_live.py",
    "runtime.old-code": "test_runtime_live.py",
    "runtime.unsupervised": "test_runtime_live.py",
    "runtime.open-files": "test_runtime_live.py",
    "runtime.memory": "test_runtime_live.py",
    "runtime.alert-failing": "test_alert_checks.py",
    "runtime.alert-unwatched": "test_alert_checks.py",
    "runtime.backup-failed": "test_backup_checks.py",
    "runtime.backup-unwatched": "test_backup_checks.py",
    "runtime.disk": "test_runtime_machine.py",
    "runtime.inodes": "test_runtime_machine.py",
    "runtime.wal-filesystem": "test_runtime_machine.py",
    "runtime.restart-interrupted": "test_cut_short.py",
    "runtime.unknown-release": "test_newer_release.py",
    "runtime.unused-sdk": "test_unused_sdk.py",
    "runtime.database-unchecked": "test_runtime_databases.py",
}


def test_healthy_root_has_no_findings(world: DoctorRoot) -> None:
    done = world.doctor("--json")
    assert (done.code, done.data["findings"]) == (0, [])
    assert done.data["summary"] == {"profiles": 3, "errors": 0, "warnings": 0, "infos": 0, "fixable": 0}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_check_reports_exactly_the_case(world: DoctorRoot, case: Case) -> None:
    world.environment.update(case.environment)
    case.plant(world)
    rows = world.findings()
    own = [row for row in rows if row["check"] == case.check]
    assert len(own) == 1, json.dumps(rows, indent=1)
    assert tuple(sorted(own[0]["profiles"])) == case.profiles
    # A fleet of three services has no alert in any case.
    assert {row["check"] for row in rows} - {case.check, "runtime.no-alert"} <= case.also, json.dumps(rows, indent=1)
    assert own[0]["fix"]["automatic"] is case.fixed
    assert own[0]["fix"]["text"] and own[0]["message"] and not own[0]["message"].endswith(".")
    if case.severity is not None:
        assert own[0]["severity"] == case.severity
    assert all(row["fingerprint"] for row in rows)
    assert world.findings() == rows, "a second look finds the same, in the same order"


@pytest.mark.parametrize("case", [case for case in CASES if case.fixed], ids=str)
def test_fix_is_idempotent_and_undone(world: DoctorRoot, case: Case) -> None:
    world.environment.update(case.environment)
    case.plant(world)
    before = world.picture()
    dry = world.doctor("--fix", "--dry-run", "--only", case.check, "--json")
    assert dry.data["plan"] and world.picture() == before
    fixed = world.doctor("--fix", "--yes", "--only", case.check, "--json")
    assert [row["check"] for row in fixed.data["fixed"]] == [case.check], fixed.stdout
    assert fixed.data["findings"] == []
    after = world.picture()
    again = world.doctor("--fix", "--yes", "--only", case.check, "--json")
    assert again.data["fixed"] == [] and again.code == 0
    assert world.picture() == after
    for _ in fixed.data["changes"]:
        assert world.runner.call("undo", env=world.environment).code == 0
    assert world.picture() == before
    assert [row["check"] for row in world.findings("--only", case.check)] == [case.check]


def test_every_check_has_a_case() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids))
    assert set(ids) == {case.check for case in CASES} | set(ELSEWHERE)
    assert all(check.title and check.severity in Severity for check in CHECKS)
