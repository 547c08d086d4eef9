"""Programs in the foreground of the terminal: signals and inherited settings."""

from __future__ import annotations

import subprocess
import sys

import pytest

EARLY = """
import os, signal, subprocess, sys
from hermes_profiles.operations.accounts.foreground import in_foreground
class Early(subprocess.Popen):
    def __init__(self, *words, **more):
        {before}
        super().__init__(*words, **more)
        {after}
subprocess.Popen = Early
in_foreground(["sleep", "60"])
"""
IGNORING = """
import signal, sys
from hermes_profiles.operations.accounts.foreground import in_foreground
signal.signal(signal.SIGINT, signal.{how})
sys.exit(in_foreground(["grep", "SigIgn", "/proc/self/status"])[0])
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], timeout=30, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_signal_during_child_start_is_forwarded(moment: str) -> None:
    now = "os.kill(os.getpid(), signal.SIGTERM)"
    assert run(EARLY.format(**{"before": "pass", "after": "pass"} | {moment: now})).returncode == 143


@pytest.mark.parametrize(("how", "is_ignored"), [("SIG_IGN", True), ("default_int_handler", False)])
def test_ignored_sigint_is_inherited_by_child(how: str, is_ignored: bool) -> None:
    done = run(IGNORING.format(how=how))
    assert bool(int(done.stdout.split()[1], 16) & 2) is is_ignored, done


def test_program_that_cannot_run_is_system_error() -> None:
    done = run(
        "from hermes_profiles.operations.accounts.foreground import in_foreground\nin_foreground(['/nowhere/hermes'])"
    )
    assert "FileNotFoundError" in done.stderr
