"""The hint of each error code, followed as it is printed, leads on: the next state is better."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_runner import Done, Runner
from doctor_root import DoctorRoot
from error_hints import HINT_CASES
from gateway_root import end_processes_of
from hint_case import HintCase
from hint_reasons import NO_COMMAND, NOT_RUN
from hints import (
    changes_something,
    commands_in,
    filled,
    is_option,
    is_run_here,
    run,
    unknown_words,
    without_questions,
)

from hermes_profiles.operations.own_services import watch_service


@pytest.fixture
def world(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DoctorRoot]:
    """Yield a user with three healthy profiles, without a Hermes installation. The path of its home has a blank."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "hermes_cli" else find(name, *more)
    )
    monkeypatch.setattr(watch_service, "_UP_SECONDS", 2.0)
    home = isolated / "my home"
    home.mkdir(mode=0o700)
    yield DoctorRoot(Runner(home))
    end_processes_of(home)


@pytest.mark.parametrize("case", HINT_CASES, ids=lambda case: case.code)
def test_hint_leads_on(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch, case: HintCase) -> None:
    planted = case.plant(world) if case.plant is not None else None
    first = case.command.replace("{}", str(planted))
    with monkeypatch.context() as machine:
        if case.patch is not None:
            case.patch(machine)
        problem = provoked(world, case, first)
    assert problem is not None, "the case does not provoke its code"
    commands = [filled(command, case.names) for command in commands_in(problem["hint"] or "")]
    assert commands or any(case.code in codes for codes in NO_COMMAND.values()), problem
    for number, command in enumerate(commands):
        assert unknown_words(command) is None, (command, unknown_words(command))
        if is_option(command) and number:
            assert unknown_words(f"{commands[number - 1]} {command}") is None, command
        elif is_option(command) or (is_run_here(command) and case.code not in NOT_RUN):
            with restored(world.user):
                assert_better(world, case, first, problem, command)


def provoked(world: DoctorRoot, case: HintCase, line: str) -> dict[str, Any] | None:
    """Run the first command, and return its error, warning or remark with the code of the case, None without one."""
    if case.told is not None:
        found = next((each for each in case.told(world) if each.code == case.code), None)
        return found and {"message": found.message, "hint": found.hint, "exit": 1}
    done = answer(world, f"{line} --json", case.typed)
    found = done.json
    listed = [found["data"].get(key) for key in ("gateways", "outcomes")] if found["data"] else []
    profiles = [row for rows in listed if isinstance(rows, list) for row in rows]
    remarks = (remark for each in profiles for remark in each.get("remarks", ()))
    rows = (row for row in (*found["errors"], *found["warnings"], *remarks) if row["code"] == case.code)
    return next((row | {"exit": done.code} for row in rows), None)


def answer(world: DoctorRoot, line: str, typed: str) -> Done:
    program, *words = shlex.split(line)
    if program == "hermes-gateways":
        return world.runner.gateways(*words, env=world.environment, typed=typed)
    return world.runner.call(*words, env=world.environment, typed=typed)


def assert_better(world: DoctorRoot, case: HintCase, first: str, problem: dict[str, Any], command: str) -> None:
    """Follow a command of the hint: it succeeds, or has a hint of its own; what it repairs does not come again."""
    if is_option(command):
        option = command.split()[0]
        words = re.sub(rf"{re.escape(option)} \S+", "", first) if " " in command else first
        if case.told is not None:
            assert answer(world, f"{first} {command}", "").code in (0, 3), f"{command} does not help"
            return
        is_left_out = f"without `{command}`" in problem["hint"]
        rest = re.sub(rf"{re.escape(option)}( [^-\s]\S*)?", "", first)
        again = provoked(world, case, rest if is_left_out else f"{words} {command}")
        assert again is None or again["message"] != problem["message"], f"{command} changes nothing"
        return
    answers = list(run(world.runner, without_questions(command), world.environment, case.answer))
    if any(done.code not in (0, 3) for done in answers):
        assert "hint: " in answers[-1].stderr and f"`{command}`" not in answers[-1].stderr, (command, answers[-1])
    elif case.told is None and changes_something(command) and not _stands_in(command, first, problem):
        again = provoked(world, case, first)
        assert again is None or again["message"] != problem["message"], f"the same error after {command}"


def _stands_in(command: str, first: str, problem: dict[str, Any]) -> bool:
    """Return whether a command is run in place of the first one, or the first one has done its work already."""
    return command.split()[:2] == first.split()[:2] or (problem["exit"] == 0 and changes_something(first))


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    """Restore a folder after the block: each command of a hint begins with the same state."""
    copy = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, copy, symlinks=True)
    try:
        yield
    finally:
        end_processes_of(folder)
        shutil.rmtree(folder)
        copy.rename(folder)
