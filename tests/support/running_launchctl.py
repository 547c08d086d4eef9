"""A launchctl whose jobs run: a keeper for each job starts its program, and again as `KeepAlive` says.

`install` puts it on PATH; its state is that of fake_launchctl.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import plistlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fake_launchctl

_THROTTLE = 0.3
_SECONDS = 10.0


class RunningLaunchctl(fake_launchctl.Launchctl):
    """One call."""

    folder: Path

    def run(self, words: list[str]) -> int:
        jobs = self.state["jobs"]
        for target, job in list(jobs.items()):
            if "keeper" in job:
                if is_alive(job["keeper"]):
                    job.update(self._told(target))
                else:
                    del jobs[target]
        return super().run(words)

    def do_bootstrap(self, domain: str, path: str) -> int:
        content = Path(path).read_bytes()
        target = f"{domain}/{plistlib.loads(content)['Label']}"
        if target not in self.state["jobs"]:
            self._file(target, "plist").write_bytes(content)
        return super().do_bootstrap(domain, path)

    def spawn(self, target: str) -> None:
        job = self.state["jobs"][target]
        if "keeper" in job:
            os.kill(job["keeper"], signal.SIGUSR1)
        else:
            self._file(target, "json").unlink(missing_ok=True)
            # The parent of a job is launchd.
            words = ["/sbin/launchd", "-S", "-E", __file__, "keep", str(self._file(target, "json"))]
            keeper = subprocess.Popen(
                words, executable=sys.executable, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            job["keeper"] = keeper.pid
        deadline = time.monotonic() + _SECONDS
        while not self._told(target).get("runs") and time.monotonic() < deadline:
            time.sleep(0.01)
        job.update(self._told(target))

    def do_bootout(self, target: str) -> int:
        keeper = self.state["jobs"].get(target, {}).get("keeper")
        code = super().do_bootout(target)
        if keeper and code in (0, 36):
            os.kill(keeper, signal.SIGTERM)
        return code

    def _told(self, target: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file(target, "json").read_bytes())
        except OSError:
            return {}
        return found

    def _file(self, target: str, ending: str) -> Path:
        return self.folder / f"job-{target.replace('/', '-')}.{ending}"


def keep(book: Path) -> None:
    """Run the program of a job until SIGTERM; `book`: what is told of it, beside its property list."""
    job = plistlib.loads(book.with_suffix(".plist").read_bytes())
    words = job.get("ProgramArguments") or [job["Program"]]
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **job.get("EnvironmentVariables", {})}
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    runs, status = 0, 0
    while True:
        with (
            open(job.get("StandardOutPath", os.devnull), "ab") as out,
            open(job.get("StandardErrorPath", os.devnull), "ab") as error,
        ):
            process = subprocess.Popen(
                words, env=environment, cwd=job.get("WorkingDirectory", "/"), stdout=out, stderr=error,
                start_new_session=True,
            )  # fmt: skip
        runs += 1
        _tell(book, {"pid": process.pid, "runs": runs, "status": status})
        while process.poll() is None and not asked:
            time.sleep(0.02)
        if asked:
            _end(process, job.get("ExitTimeOut", 20))
            return
        status = process.returncode
        _tell(book, {"pid": 0, "runs": runs, "status": status})
        wanted = job.get("KeepAlive")
        if isinstance(wanted, dict):
            wanted = "SuccessfulExit" in wanted and wanted["SuccessfulExit"] == (status == 0)
        while not asked and not wanted:
            if signal.sigtimedwait([signal.SIGUSR1], 0.05) is not None:
                break
        time.sleep(_THROTTLE)
        if asked:
            return


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):  # launchd ends what is left of the group
        os.killpg(process.pid, signal.SIGKILL)


def _tell(book: Path, values: dict[str, int]) -> None:
    draft = book.with_suffix(".draft")
    draft.write_text(json.dumps(values))
    draft.replace(book)


def end(keeper: int) -> None:
    """End a keeper and its program."""
    if is_alive(keeper):
        os.kill(keeper, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS
    while is_alive(keeper) and time.monotonic() < deadline:
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def install(folder: Path, uid: int) -> fake_launchctl.LaunchdState:
    """Put a `launchctl` into a folder; returns its state: both domains, no job."""
    world = fake_launchctl.install(folder, uid)
    program = folder / "launchctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {__file__} call {folder}/state.json "$@"\n')
    return world


def _call(path: Path, words: list[str]) -> int:
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world = fake_launchctl.LaunchdState(path.parent)
        call = RunningLaunchctl(world.read(), sys.stdout, sys.stderr)
        call.folder = path.parent
        code = call.run(words)
        world.change(**call.state)
    return code


if __name__ == "__main__":
    verb, file, *rest = sys.argv[1:]
    if verb == "call":
        sys.exit(_call(Path(file), rest))
    keep(Path(file))
