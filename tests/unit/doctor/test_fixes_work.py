"""The fix command of each finding, run as it is printed, removes the finding or shows what a person must see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from command_runner import Runner
from doctor_root import Case, DoctorRoot
from finding_hints import ANSWERS, FIXED_ELSEWHERE, MORE_CASES, NOT_RUN, ONLY_SHOWN, REST
from gateway_root import end_processes_of
from hints import changes_something, commands_in, filled, run, unknown_words, without_questions
from named_tests import body_of, source_of
from test_every_check import CASES, ELSEWHERE

from hermes_profiles.doctor.registry import CHECKS

ALL = (*CASES, *MORE_CASES)
SHOWN = {check for checks in ONLY_SHOWN.values() for check in checks}


def by_day(case: Case) -> Any:
    """Return the parameter of a case: by day the first of each check is run."""
    first = next(each for each in ALL if each.check == case.check) is case
    return pytest.param(case, id=str(case), marks=() if first else pytest.mark.nightly)


def reported(world: DoctorRoot, case: Case) -> list[dict[str, Any]]:
    return [row for row in world.findings("--only", case.check) if row["check"] == case.check]


@pytest.fixture(autouse=True)
def ended(runner: Runner) -> Iterator[None]:
    """End what a fix started."""
    yield
    end_processes_of(runner.user_home)


@pytest.mark.parametrize("case", [by_day(case) for case in ALL])
def test_fix_removes_the_finding_or_shows_its_place(world: DoctorRoot, case: Case) -> None:
    world.environment.update(case.environment)
    case.plant(world)
    row, *_ = reported(world, case)
    command = filled(row["fix"]["command"] or "")
    for text in (command, *map(filled, commands_in(row["fix"]["text"]))):
        assert not text or unknown_words(text) is None, (text, unknown_words(text))
    if case.plant.__name__ in NOT_RUN:
        return
    answers = list(run(world.runner, without_questions(command), world.environment, ANSWERS.get(_name(case), "")))
    if any(done.code not in (0, 3) for done in answers):
        last = answers[-1].stderr
        assert "hint: " in last and command not in last, (command, answers)
    elif changes_something(command):
        assert row["fingerprint"] not in {each["fingerprint"] for each in reported(world, case)}, (command, answers)
    else:
        assert case.check in SHOWN, f"{command} changes nothing"


def _name(case: Case) -> str:
    return case.plant.__name__


def test_every_check_is_here_or_has_a_reason() -> None:
    tried = {case.check for case in ALL}
    rest = {*FIXED_ELSEWHERE, *(check for checks in REST.values() for check in checks)}
    assert len(rest) == len(FIXED_ELSEWHERE) + sum(map(len, REST.values())), "a check twice"
    owner = {"security.foreign-owner"} - tried if os.getuid() else set()
    assert rest | owner == {check.id for check in CHECKS} - tried
    assert rest <= set(ELSEWHERE) and tried | owner >= SHOWN
    assert {*NOT_RUN, *ANSWERS} <= set(map(_name, ALL))


@pytest.mark.parametrize("check", FIXED_ELSEWHERE)
def test_fixed_elsewhere_names_a_test_that_runs_the_fix(check: str) -> None:
    where = FIXED_ELSEWHERE[check]
    assert check in source_of(where), "the file does not name the check"
    assert "fix" in body_of(where), "the test has no fix"
