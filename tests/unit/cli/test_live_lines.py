"""Progress lines: redrawn per gateway on a terminal, only final results elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from pty_terminal import read_to_end

SCRIPT = """
from hermes_profiles.cli.framework.output import LiveLines
live = LiveLines()
live.show({"work": "starting", "family": "starting (connecting telegram)"})
live.drop("work", "work: started")
live.show({"family": "running"})
live.drop("family", "family: started")
live.end()
"""


def _on_a_terminal(script: str) -> str:
    ours, theirs = pty.openpty()
    environment = {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    done = subprocess.Popen([sys.executable, "-c", script], stderr=theirs, stdout=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    output = read_to_end(ours)
    assert done.wait(10) == 0
    return output.decode()


def _screen(output: str) -> list[str]:
    """Return the final content of the terminal."""
    lines: list[str] = []
    for part in output.replace("\r\n", "\n").split("\n"):
        while part.startswith("\x1b["):
            up, _, part = part[2:].partition("A\x1b[J")
            del lines[-int(up) :]
        lines.append(part)
    return [line for line in lines if line]


def test_live_lines_on_terminal_are_redrawn() -> None:
    output = _on_a_terminal(SCRIPT)
    assert "  family: starting (connecting telegram)" in output
    assert _screen(output) == ["work: started", "family: started"]


@pytest.mark.parametrize("name", ["work", "a\x1b[2Jb"])
def test_live_lines_without_terminal_print_only_results(tmp_path: Path, name: str) -> None:
    script = SCRIPT.replace('"work"', repr(name))
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True
    )
    assert done.stderr == "work: started\nfamily: started\n"


STEPS = """
from types import SimpleNamespace
from hermes_profiles.cli.framework.progress import ProgressReporter
from hermes_profiles.fleet.outcomes import FleetStep, Outcome, OutcomeKind
from hermes_profiles.operations.events import Event
reporter = ProgressReporter()
gateway = SimpleNamespace(state="crash-looping", detail="ended by SIGTERM")
reporter.on_progress(Event({}, steps={"work": FleetStep("stopping", 2.7, 30.0)}))
reporter.on_progress(Event({"work": gateway, "served": gateway}))
reporter.on_outcome(Outcome("work", OutcomeKind.RESTARTED))
reporter.end()
"""


def test_progress_shows_time_and_limit_and_no_state_between() -> None:
    output = _on_a_terminal(STEPS)
    assert "  work: stopping, 2 of 30 s" in output and "  served: waiting, 0 s" in output
    assert "crash-looping" not in output and "SIGTERM" not in output
    assert _screen(output) == ["work: restarted"]
