"""`hermes-gateways run` as process 1 of a bare root filesystem: signals, orphans, a second instance, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import gateway_root
import pytest
from bare_root import BareRoot
from command_runner import REPOSITORY, assert_no_canary
from gateway_root import TOKEN, GatewayRoot, until

pytestmark = pytest.mark.nightly


class Container:
    """A running process 1, and the lines that it has printed."""

    def __init__(self, bare: BareRoot, fleet: GatewayRoot, *arguments: str) -> None:
        environment = {**fleet.runner.environment, "PYTHONPATH": str(REPOSITORY)}
        self.unshare = subprocess.Popen(
            bare.command("run", "--json", *arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.lines: list[dict[str, Any]] = []
        self.other: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.unshare.stdout is not None
        for line in self.unshare.stdout:
            assert_no_canary(line.decode(), "the stream of run")
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.other.append(line.decode())

    def own(self, text: str, profile: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of the command itself that begin with a text."""
        seen = [each for each in self.lines if each.get("source") == "run" and each["text"].startswith(text)]
        return [each for each in seen if profile is None or each["profile"] == profile]

    @property
    def first(self) -> int:
        """Return the pid, outside, of process 1."""
        (child,) = _children(self.unshare.pid)
        return child

    def code(self) -> int:
        """Wait for the end, and return the exit code."""
        code = self.unshare.wait(60)
        self._reader.join(10)
        return code

    def close(self) -> None:
        """End it with all that runs in it."""
        self.unshare.kill()
        self.unshare.wait()
        self._reader.join(10)
        assert self.unshare.stdout is not None
        self.unshare.stdout.close()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _sleeping(parent: int) -> list[int]:
    """Return the children of a process that run `sleep`."""
    return [pid for pid in _children(parent) if Path(f"/proc/{pid}/comm").read_text().strip() == "sleep"]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_root, "DEADLINE", 60.0)


def test_run_is_process_1_of_a_bare_root(fleet: GatewayRoot, tmp_path: Path) -> None:
    (fleet.home("work") / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    bare = BareRoot(tmp_path / "bare", fleet.user)
    run = Container(bare, fleet, "--health", "0", "--except", "night", "--grace", "5")
    try:
        until(lambda: run.own("started", "work") and run.own("started", "default"))
        assert run.own("serving")
        ns = ["nsenter", "--target", str(run.first), "--pid", "--mount", "--net", f"--root={bare.folder}"]
        environment = {**fleet.runner.environment, "PYTHONPATH": str(REPOSITORY)}
        inside = [*ns, *bare.command()[bare.command().index("-c") - 1 :]]
        second = subprocess.run([*inside, "run"], env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 6 and "in the foreground" in second.stderr, second

        # The parent of an orphan ends at once. Process 1 gets the orphan, and reaps it.
        parent = subprocess.run([*ns, "/bin/sh", "-c", "/bin/sleep 1 & exit 0"], env=environment, check=False)
        (orphan,) = until(lambda: _sleeping(run.first))
        assert parent.returncode == 0
        until(lambda: not Path(f"/proc/{orphan}").exists())  # a zombie would still be there

        extra = bare.inside(fleet.root / "profiles/extra")
        extra.mkdir()
        (extra / "config.yaml").write_text("model: gpt-5\n")
        os.kill(run.first, signal.SIGHUP)
        until(lambda: run.own("started", "extra"))

        os.kill(run.first, signal.SIGTERM)
        assert run.code() == 0 and run.own("stopped, exit code 0"), (run.lines[-5:], run.other)
        assert not any("Traceback" in line for line in run.other)
    finally:
        run.close()


def test_exit_code_of_a_gateway_that_gave_up_is_the_one_of_the_container(fleet: GatewayRoot, tmp_path: Path) -> None:
    (fleet.home("night") / "exits").write_text("78\n")
    bare = BareRoot(tmp_path / "bare", fleet.user)
    run = Container(bare, fleet, "work", "night", "--timeout", "5")
    try:
        until(lambda: run.own("started", "work") and run.own("failed", "night"))
        os.kill(run.first, signal.SIGINT)
        assert run.code() == 1, (run.lines[-5:], run.other)
    finally:
        run.close()
