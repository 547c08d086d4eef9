"""Measure whole processes: each command beside `python -c pass`, and beside real Hermes doing the same job.

Run with the Python that has hermes-profiles installed (and hermes-agent, for the comparison):

    python benchmarks/run.py [--runs 9] [--only list] [--markdown]

Runs are interleaved (A B A B …) so that a machine whose speed drifts does not favour one of them; medians are shown.
Nothing is judged here: the budgets stand in the last column, the reader compares.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from homes import write_home, write_log, write_root

BIN = Path(sys.executable).parent
OURS = str(BIN / "hermes-profiles")
GATEWAYS = str(BIN / "hermes-gateways")
HERMES = str(BIN / "hermes")
BASE = [sys.executable, "-c", "pass"]


@dataclass
class Case:
    """One job: our command, Hermes' command for the same (None: it has none), and how to tidy up after a run."""

    name: str
    home: Path
    ours: Callable[[int], list[str]]
    theirs: Callable[[int], list[str]] | None
    budget: str
    runs: int
    after: Callable[[], None] = field(default=lambda: None)
    copy: Callable[[int], list[str]] | None = None  # `cp -r` of what the job copies
    whole: Callable[[int], list[str]] | None = None  # the same job for all profiles


@dataclass
class Figures:
    """Medians of one command."""

    wall: float
    cpu: float
    peak_mb: float


def measure(
    commands: dict[str, Callable[[int], list[str]]], home: Path, runs: int, after: Callable[[], None]
) -> dict[str, Figures]:
    """Return the medians of each command, run in turn; the first round warms up and does not count."""
    samples: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    environment = {
        "HOME": str(home),
        "PATH": f"{BIN}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HERMES_DISABLE_LAZY_INSTALLS": "1",
    }
    for number in range(runs + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            process = subprocess.Popen(
                command(number), env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - started
            if process.returncode != 0:
                raise SystemExit(f"{' '.join(command(number))} ended with {process.returncode}")
            if number:
                samples[name].append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
            after()
    return {
        name: Figures(*(statistics.median(column) for column in zip(*rows, strict=True)))
        for name, rows in samples.items()
    }


def cases(root: Path, runs: int) -> list[Case]:
    """Return the jobs, with their homes written below `root`."""
    made = []
    for count in (20, 1000):
        home = root / f"list-{count}"
        write_root(home / ".hermes", profiles=count - 1)
        budget = "8x" if count == 20 else "0.5 s"
        made.append(
            Case(
                f"list --json, {count} profiles",
                home,
                lambda _: [OURS, "list", "--json"],
                (lambda _: [HERMES, "profile", "list"]),
                budget,
                runs if count == 20 else max(3, runs // 2),
            )
        )
    for count in (20, 1000):
        home = root / f"list-{count}"
        names = ["default", *(f"p{number:04d}" for number in range(1, min(count, 20)))]
        loop = f'for p in {" ".join(names)}; do "{HERMES}" -p "$p" gateway status; done'
        made.append(
            Case(
                f"gateways status --json, {count} profiles",
                home,
                lambda _: [GATEWAYS, "status", "--json"],
                (lambda _, loop=loop: ["sh", "-c", loop]) if count == 20 else None,
                "12x" if count == 20 else "1 s",
                max(3, runs // 2),
            )
        )
    for count in (20, 1000):
        home = root / f"list-{count}"
        made.append(
            Case(
                f"doctor --json, {count} profiles",
                home,
                lambda _: [OURS, "doctor", "--json"],
                # Hermes' own looks at one profile.
                (lambda _: [HERMES, "doctor"]) if count == 20 else None,
                "16x" if count == 20 else "3 s",
                max(3, runs // 2),
            )
        )
    made.append(Case("--help", root, lambda _: [OURS, "--help"], lambda _: [HERMES, "--help"], "8x", runs))
    made += log_cases(root, runs)
    made += one_of_many_cases(root, runs)
    made += [sync_case(root, count, max(3, runs // 2)) for count in (200, 800)]
    for count in (200, 20_000):
        home = root / f"clone-{count}"
        write_home(home / ".hermes", 0, files=count)
        made.append(
            Case(
                f"clone, {count} files",
                home,
                lambda n: [OURS, "clone", "default", f"ours{n}", "--no-alias"],
                (lambda n: [HERMES, "profile", "create", f"theirs{n}", "--clone", "--no-alias"]),
                "14x" if count == 200 else "2.5 × cp -r",
                runs if count == 200 else 3,
                (lambda home=home: _remove_clones(home)),
                (lambda n, home=home: ["cp", "-r", str(home / ".hermes"), str(home / f"copy{n}")]),
            )
        )
    return made


def _remove_clones(home: Path) -> None:
    shutil.rmtree(home / ".hermes" / "profiles", ignore_errors=True)
    for copy in home.glob("copy*"):
        shutil.rmtree(copy)


def one_of_many_cases(root: Path, runs: int) -> list[Case]:
    """Return the jobs for one profile in a root of 20 and of 1,000: they read little of the others."""
    jobs: tuple[tuple[str, list[str], list[str] | None], ...] = (
        ("gateways status p0001 --json", [GATEWAYS, "status", "p0001", "--json"], [GATEWAYS, "status", "--json"]),
        ("doctor p0001 --json", [OURS, "doctor", "p0001", "--json"], [OURS, "doctor", "--json"]),
        ("the step before a start", [GATEWAYS, "prestart", "p0001"], None),
    )
    return [
        Case(
            f"{name}, {count} profiles", root / f"list-{count}", lambda _, job=job: job, None, "-", max(3, runs // 2),
            whole=(lambda _, whole=whole: whole) if whole is not None else None,
        )
        for name, job, whole in jobs
        for count in (20, 1000)
    ]  # fmt: skip


def sync_case(root: Path, count: int, runs: int) -> Case:
    """Return a sync of one setting to all profiles; it is another value in each run."""
    home = root / f"sync-{count}"
    write_root(home / ".hermes", profiles=count - 1)
    values = iter(range(1000, 2000))

    def change() -> None:
        file = home / ".hermes" / "config.yaml"
        file.write_text(re.sub(r"max_turns: \d+", f"max_turns: {next(values)}", file.read_text()))

    change()
    job = [OURS, "sync", "--from", "default", "--to", "all", "--keys", "agent.max_turns"]
    return Case(f"sync --to all, {count} profiles", home, lambda _: job, None, "-", runs, change)


def log_cases(root: Path, runs: int) -> list[Case]:
    """Return the jobs that read logs: the end of 20 long ones, and all of one of 100,000 lines."""
    home, whole = root / "logs-20", root / "logs-whole"
    write_root(home / ".hermes", profiles=19)
    for place in (home / ".hermes", *(home / ".hermes" / "profiles").iterdir()):
        write_log(place, 40_000)
    write_root(whole / ".hermes", profiles=0)
    write_log(whole / ".hermes", 100_000)
    names = ["default", *(f"p{number:04d}" for number in range(1, 20))]
    loop = f'for p in {" ".join(names)}; do "{HERMES}" -p "$p" logs gateway -n 50; done'
    return [
        Case(
            "gateways logs -n 50, 20 profiles, 5 MB each", home, lambda _: [GATEWAYS, "logs", "-n", "50"],
            lambda _: ["sh", "-c", loop], "-", max(3, runs // 2),
        ),
        Case(
            "gateways logs, all of 100,000 lines", whole, lambda _: [GATEWAYS, "logs", "-n", "1000000"],
            lambda _: [HERMES, "logs", "gateway", "-n", "1000000"], "-", max(3, runs // 2),
        ),
    ]  # fmt: skip


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", default="", help="only jobs whose name holds this")
    options = parser.parse_args()
    hermes = os.access(HERMES, os.X_OK)
    print("| job | ours | × `python -c pass` | CPU × | peak memory | real Hermes | budget |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="hermes-profiles-bench-") as folder:
        for case in cases(Path(folder), options.runs):
            if options.only not in case.name:
                continue
            commands = {"pass": lambda _: BASE, "ours": case.ours}
            if hermes and case.theirs is not None:
                commands["theirs"] = case.theirs
            if case.copy is not None:
                commands["copy"] = case.copy
            if case.whole is not None:
                commands["whole"] = case.whole
            found = measure(commands, case.home, case.runs, case.after)
            ours, base = found["ours"], found["pass"]
            theirs = found.get("theirs")
            beside = f"{theirs.wall * 1000:.0f} ms ({theirs.wall / ours.wall:.1f}× ours)" if theirs else "not installed"
            whole = found.get("whole")
            beside += f"; {ours.cpu / whole.cpu:.2f} of the CPU time for all profiles" if whole else ""
            copied = found.get("copy")
            beside += (
                f"; cp -r {copied.wall * 1000:.0f} ms (ours {ours.wall / copied.wall:.1f} times that)" if copied else ""
            )
            print(
                f"| {case.name} | {ours.wall * 1000:.0f} ms | {ours.wall / base.wall:.1f} | {ours.cpu / base.cpu:.1f} "
                f"| {ours.peak_mb:.0f} MB | {beside} | {case.budget} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
