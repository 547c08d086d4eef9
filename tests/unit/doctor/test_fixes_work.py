"""The fix command of a finding removes the finding, and undo restores every file."""

from __future__ import annotations

import shlex

import pytest
from conflict_cases import CONFLICT_CASES
from doctor_root import Case, DoctorRoot
from file_cases import FILE_CASES
from runtime_cases import RUNTIME_CASES

OURS = "hermes-profiles "
BY_REPAIR = {"conflicts.shared-identity", "conflicts.copied-credential", "conflicts.shared-port"}
# Only an administrator can change the managed folder.
NOT_OURS = {"one_token_for_all_from_the_machine"}
CASES = [
    case
    for case in (*CONFLICT_CASES, *FILE_CASES, *RUNTIME_CASES)
    if (case.fixed or case.check in BY_REPAIR) and case.plant.__name__ not in NOT_OURS
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fix_command_removes_the_finding(world: DoctorRoot, case: Case) -> None:
    world.environment.update(case.environment)
    case.plant(world)
    (row,) = [row for row in world.findings() if row["check"] == case.check]
    command = row["fix"]["command"]
    if case.check in BY_REPAIR:
        assert command.startswith("hermes-profiles repair ")
    words = [word for word in shlex.split(command.removeprefix(OURS)) if word != "--dry-run"]
    if not command.startswith(OURS) or words[0] not in ("repair", "doctor", "use"):
        words = ["doctor", "--fix", "--only", case.check]  # the fix is a system command such as `rm`
    before = world.picture()
    done = world.runner.call(*words, *([] if words[0] == "use" else ["--yes"]), env=world.environment)
    assert done.code in (0, 3), done
    assert [each for each in world.findings() if each["fingerprint"] == row["fingerprint"]] == [], done.stdout
    assert world.runner.call("undo", env=world.environment).code == 0
    assert world.picture() == before
