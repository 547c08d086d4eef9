"""A stateful fake launchctl: its jobs run nothing, and its errors are those of the real one.

Run as a program (`install` puts it on PATH); its state is `state.json` beside it:
  domains     {domain: code of `print DOMAIN`}
  jobs        {"domain/label": {pid, status, runs, home, leaving}}; `leaving`: how many more `print`s show a job that
              was booted out
  disabled    [label]
  bootstrap   {domain: code} that this domain always answers with
  fails       {"bootstrap": [code, …], "kickstart": …, "bootout": …}: answered one after the other, then it works
  loads_anyway  a failing bootstrap loads the job all the same
  lingers     how many `print`s a job survives its bootout
  hidden      [domain] whose jobs `list` does not show
  old_words   print-disabled says true/false
  calls       [[argument, …]] of each call
"""

from __future__ import annotations

import fcntl
import json
import os
import plistlib
import sys
from pathlib import Path
from typing import Any, TextIO

_TEXTS = {
    3: "No such process", 5: "Input/output error", 17: "File exists", 36: "Operation now in progress",
    37: "Operation already in progress", 113: "Could not find specified service", 119: "Service is disabled",
    125: "Domain does not support specified action",
}  # fmt: skip
_WORDS = {"bootstrap": "Bootstrap failed", "bootout": "Boot-out failed", "kickstart": "Could not kickstart service"}


class LaunchdState:
    """The state of a fake launchd; every change is written to its file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"

    def read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.path.read_text())
        return state

    def change(self, **values: Any) -> None:
        state = self.read() if self.path.exists() else {}
        state.update(values)
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(state))
        beside.replace(self.path)

    @property
    def calls(self) -> list[list[str]]:
        calls: list[list[str]] = self.read()["calls"]
        return calls

    @property
    def jobs(self) -> dict[str, Any]:
        jobs: dict[str, Any] = self.read()["jobs"]
        return jobs

    def forget_calls(self) -> None:
        self.change(calls=[])


def install(folder: Path, uid: int) -> LaunchdState:
    """Put a `launchctl` into a folder; returns its state: both domains, no job."""
    folder.mkdir(exist_ok=True)
    program = folder / "launchctl"
    program.write_text(
        f"#!/bin/sh\nexec {sys.executable} -S -E {Path(__file__).resolve()} {folder}/state.json \"$@\"\n"
    )  # fmt: skip
    program.chmod(0o755)
    world = LaunchdState(folder)
    world.change(
        domains={f"gui/{uid}": 0, f"user/{uid}": 0}, jobs={}, disabled=[], bootstrap={}, fails={}, calls=[], hidden=[],
        loads_anyway=False, lingers=0, old_words=False, next_pid=1000,
    )  # fmt: skip
    return world


class Launchctl:
    """One call."""

    def __init__(self, state: dict[str, Any], out: TextIO, error: TextIO) -> None:
        self.state, self.out, self.error = state, out, error

    def fail(self, code: int, verb: str, target: str = "") -> int:
        if code == 113:
            domain, _, label = target.rpartition("/")
            kind, _, uid = domain.partition("/")
            self.error.write(f'Could not find service "{label}" in domain for user {kind}: {uid}\n')
        elif code:
            self.error.write(f"{_WORDS.get(verb, verb)}: {code}: {_TEXTS.get(code, 'Unknown error')}\n")
        return code

    def next_failure(self, verb: str) -> int:
        queue = self.state["fails"].get(verb) or [0]
        return int(queue.pop(0))

    def run(self, words: list[str]) -> int:
        self.state["calls"].append(words)
        code: int = getattr(self, "do_" + words[0].replace("-", "_"))(*words[1:])
        return code

    def do_list(self) -> int:
        self.out.write("PID\tStatus\tLabel\n-\t0\tcom.apple.something\n")
        for target, job in self.state["jobs"].items():
            domain, _, label = target.rpartition("/")
            if domain not in self.state["hidden"]:
                self.out.write(f"{job['pid'] or '-'}\t{job['status']}\t{label}\n")
        return 0

    def do_print(self, target: str) -> int:
        if target in self.state["domains"]:
            if code := self.state["domains"][target]:
                return self.fail(code, "print", target)
            self.out.write(f"{target} = {{\n\ttype = login\n\tservices = {{\n")
            for each, job in self.state["jobs"].items():
                domain, _, label = each.rpartition("/")
                if domain == target:
                    self.out.write(f"\t\t{job['pid']:8} {job['status'] or '-':>6} \t{label}\n")
            self.out.write("\t}\n\n\tunmanaged processes = {\n\t\t  12  0  ai.hermes.gateway-not\n\t}\n}\n")
            return 0
        job = self.state["jobs"].get(target)
        if job is not None and job.get("leaving") is not None:
            job["leaving"] -= 1
            if job["leaving"] < 0:
                del self.state["jobs"][target]
                job = None
        if job is None:
            return self.fail(113, "print", target)
        self.out.write(f"{target} = {{\n\tactive count = 1\n\tstate = {'running' if job['pid'] else 'waiting'}\n")
        self.out.write("\tinherited environment = {\n\t\tHERMES_HOME => /wrong\n\t}\n")
        self.out.write(f"\tenvironment = {{\n\t\tHERMES_HOME => {job['home']}\n\t\tPATH => /bin\n\t}}\n")
        self.out.write(f"\truns = {job['runs']}\n")
        if job["pid"]:
            self.out.write(f"\tpid = {job['pid']}\n")
        self.out.write("}\n")
        return 0

    def do_print_disabled(self, domain: str) -> int:
        if code := self.state["domains"].get(domain, 113):
            return self.fail(code, "print-disabled", domain)
        old = self.state["old_words"]
        self.out.write(f'disabled services = {{\n\t"com.apple.x" => {"false" if old else "enabled"}\n')
        for label in self.state["disabled"]:
            self.out.write(f'\t"{label}" => {"true" if old else "disabled"}\n')
        self.out.write("}\n")
        return 0

    def do_bootstrap(self, domain: str, path: str) -> int:
        plist = plistlib.loads(Path(path).read_bytes())
        target = f"{domain}/{plist['Label']}"
        if code := self.state["domains"].get(domain) or self.state["bootstrap"].get(domain) or 0:
            return self.fail(code, "bootstrap")
        code = self.next_failure("bootstrap")
        if code and not self.state["loads_anyway"]:
            return self.fail(code, "bootstrap")
        if plist["Label"] in self.state["disabled"] or target in self.state["jobs"]:
            return self.fail(5, "bootstrap")
        home = plist.get("EnvironmentVariables", {}).get("HERMES_HOME", "")
        self.state["jobs"][target] = {"pid": 0, "status": 0, "runs": 0, "home": home}
        if plist.get("RunAtLoad"):
            self.spawn(target)
        return self.fail(code, "bootstrap")

    def spawn(self, target: str) -> None:
        self.state["next_pid"] += 1
        job = self.state["jobs"][target]
        job["pid"], job["runs"] = self.state["next_pid"], job["runs"] + 1

    def do_bootout(self, target: str) -> int:
        if code := self.next_failure("bootout"):
            return self.fail(code, "bootout", target)
        job = self.state["jobs"].get(target)
        if job is None:
            return self.fail(3, "bootout", target)
        if self.state["lingers"]:
            job["leaving"] = self.state["lingers"]
            return self.fail(36, "bootout", target)
        del self.state["jobs"][target]
        return 0

    def do_kickstart(self, target: str) -> int:
        if code := self.next_failure("kickstart"):
            return self.fail(code, "kickstart", target)
        job = self.state["jobs"].get(target)
        if job is None:
            return self.fail(113, "kickstart", target)
        if job.get("leaving") is not None or job["pid"]:
            return self.fail(37, "kickstart", target)
        self.spawn(target)
        return 0

    def do_enable(self, target: str) -> int:
        label = target.rpartition("/")[2]
        self.state["disabled"] = [each for each in self.state["disabled"] if each != label]
        return self.next_failure("enable")

    def do_disable(self, target: str) -> int:
        self.state["disabled"].append(target.rpartition("/")[2])
        return 0


def answer(path: Path, words: list[str], out: TextIO, error: TextIO) -> int:
    """Answer one call and return its exit code; `path`: the state. Concurrent calls are serialized by a lock."""
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world = LaunchdState(path.parent)
        call = Launchctl(world.read(), out, error)
        code = call.run(words)
        world.change(**call.state)
    return code


if __name__ == "__main__":
    sys.exit(answer(Path(sys.argv[1]), sys.argv[2:], sys.stdout, sys.stderr))
