"""Confirmation prompts at a terminal, their answers and Ctrl-C, and refusal without a terminal."""

from __future__ import annotations

import os
import pty
import time

import pytest
from command_root import CommandRoot
from command_runner import COMMAND, assert_no_canary


def at_terminal(world: CommandRoot, *arguments: str, typed: bytes, expect: bytes = b"to go on: ") -> tuple[int, str]:
    """Run the command on a separate terminal and answer its prompt; returns (exit code, output)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(world.user)
        os.execve(COMMAND[0], [*COMMAND, *arguments], world.runner.environment)
    shown, deadline, answered = b"", time.monotonic() + 60, False
    while time.monotonic() < deadline:
        if not answered and expect in shown:
            os.write(terminal, typed)
            answered = True
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert_no_canary(shown, "the terminal")
    return os.waitstatus_to_exitcode(status), shown.decode()


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    world.ok("create", "work")
    return world


def test_confirmed_delete_deletes(work: CommandRoot) -> None:
    code, shown = at_terminal(work, "delete", "work", typed=b"work\n")
    assert code == 0 and "type 'work' to go on" in shown and work.names() == ["default"]


@pytest.mark.parametrize("typed", [b"y\n", b"yes\n", b"Work\n", b"\n", b"default\n", b"\x04"])
def test_wrong_confirmation_deletes_nothing(work: CommandRoot, typed: bytes) -> None:
    before = work.picture()
    code, shown = at_terminal(work, "delete", "work", typed=typed)
    assert code == 6 and "nothing changed" in shown and work.picture() == before


def test_ctrl_c_at_prompt_changes_nothing_and_exits_130(work: CommandRoot) -> None:
    before = work.picture()
    code, shown = at_terminal(work, "delete", "work", typed=b"\x03")
    assert code == 130 and "interrupted" in shown and "Traceback" not in shown and work.picture() == before


def test_trash_empty_needs_confirmation(work: CommandRoot) -> None:
    work.ok("delete", "work", "--yes")
    code, shown = at_terminal(work, "trash", "empty", typed=b"work\n")
    assert code == 6 and len(work.ok("trash", "list", "--json").data["trash"]) == 1
    code, shown = at_terminal(work, "trash", "empty", typed=b"delete\n")
    assert code == 0 and "1 deleted profile for good" in shown
    assert work.ok("trash", "list", "--json").data["trash"] == []


def test_yes_option_skips_prompt(work: CommandRoot) -> None:
    code, shown = at_terminal(work, "delete", "work", "--yes", typed=b"")
    assert code == 0 and "go on" not in shown


@pytest.mark.parametrize("given", [("delete", "work"), ("delete", "work", "--json")], ids=" ".join)
def test_prompt_without_terminal_is_refused_with_working_hint(work: CommandRoot, given: tuple[str, ...]) -> None:
    before = work.picture()
    done = work.run(*given)
    assert done.code == 6 and work.picture() == before
    assert "`hermes-profiles delete work --yes`" in (done.stderr + done.stdout)


def test_table_on_terminal_fits_its_width(work: CommandRoot) -> None:
    code, shown = at_terminal(work, "list", typed=b"")
    assert code == 0 and "work" in shown and "\x1b[3" not in shown, "no colour under NO_COLOR"
