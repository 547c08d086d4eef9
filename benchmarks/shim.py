"""Measure what the shim costs: `hermes --version` with and without it, and a program that does nothing; then what the
plugin costs where Hermes 0.19.0 loads plugins: at the start of a chat or a gateway, and for a word it does not know.

Run with the Python that has hermes-profiles and hermes-agent installed:

    python benchmarks/shim.py [--runs 200] [--folders 20]

Runs are interleaved (A B A B …); the least of many is shown beside the median, since a busy machine only ever adds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def measure(commands: dict[str, list[str]], environment: dict[str, str], runs: int) -> dict[str, list[float]]:
    """Return the milliseconds of each run of each command, run in turn; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            process.wait()
            if number:
                taken[name].append((time.perf_counter() - started) * 1000)
    return taken


def install(home: Path, path: str) -> Path:
    """Put the shim in place for a user of its own; returns it."""
    environment = {"HOME": str(home), "PATH": path}
    subprocess.run([BIN / "hermes-profiles", "shim", "install"], env=environment, check=True, capture_output=True)
    return home / ".local" / "share" / "hermes-profiles" / "shim" / "hermes"


def plugin(folder: Path, runs: int) -> dict[str, list[float]]:
    """Return the milliseconds of loading all plugins for a user who has ours enabled, and for one who has not."""
    commands = {}
    for name in ("not enabled", "enabled"):
        home = folder / name.replace(" ", "-")
        home.mkdir()
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "HERMES_DISABLE_LAZY_INSTALLS": "1"}
        if name == "enabled":
            enable = [BIN / "hermes", "plugins", "enable", "hermes-profiles"]
            subprocess.run(enable, env=environment, check=True, capture_output=True)
        load = "from hermes_cli.plugins import discover_plugins; discover_plugins()"
        commands[name] = ["/usr/bin/env", f"HOME={home}", sys.executable, "-c", load]
    return measure(commands, environment, runs)


def main() -> None:
    """Print a line for each pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--folders", type=int, default=20, help="folders on PATH before the real one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        before = []
        for number in range(given.folders):
            (home / f"folder{number}").mkdir()
            before.append(str(home / f"folder{number}"))
        nothing = home / "nothing" / "hermes"
        nothing.parent.mkdir()
        nothing.write_text("#!/bin/sh\n:\n")
        nothing.chmod(0o755)
        rows = []
        for name, real, runs in (
            ("nothing", nothing, given.runs),
            ("hermes --version", BIN / "hermes", given.runs // 8),
        ):
            if not os.access(real, os.X_OK):
                print(f"{name}: {real} is not there")
                continue
            path = os.pathsep.join([*before, str(real.parent), "/usr/bin", "/bin"])
            shim = install(home, path)
            environment = {"HOME": str(home), "PATH": path, "HERMES_DISABLE_LAZY_INSTALLS": "1"}
            commands = {
                "without": [str(real), "--version"],
                "with": [str(shim), "--version"],
                "sh -c :": ["/bin/sh", "-c", ":"],
            }
            rows.append((name, measure(commands, environment, max(runs, 5))))
        plugged = plugin(home, max(given.runs // 8, 5)) if os.access(BIN / "hermes", os.X_OK) else {}
    for name, taken in rows:
        for kind, of in (("least", min), ("median", statistics.median)):
            figures = {command: of(values) for command, values in taken.items()}
            more = figures["with"] - figures["without"]
            shown = ", ".join(f"{command} {figure:.2f} ms" for command, figure in figures.items())
            print(f"{name}, {kind}: {shown}; the shim adds {more:.2f} ms")
    for name, figures in plugged.items():
        print(f"plugin {name}: least {min(figures):.1f} ms, median {statistics.median(figures):.1f} ms")


if __name__ == "__main__":
    main()
