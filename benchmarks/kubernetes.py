"""Measure `hermes-gateways render kubernetes` on a root of many profiles; the budget is 3 s for 2,000.

    python benchmarks/kubernetes.py [--profiles 2000]

Run with the Python that has hermes-profiles installed. Nothing is judged here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from homes import CONFIG

COMMAND = (sys.executable, "-m", "hermes_profiles.cli.gateways", "render", "kubernetes", "--json")
IMAGE = "registry.example.org/hermes:1@sha256:" + "a" * 64


def seconds(*command: str, folder: Path) -> float:
    """Return how long a command takes; it must succeed."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print one line for a first and a second run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=2000)
    count = parser.parse_args().profiles
    with tempfile.TemporaryDirectory(prefix="hp-render.") as made:
        root = Path(made) / ".hermes"
        for number in range(count):
            home = root / "profiles" / f"p{number:05d}" if number else root
            home.mkdir(parents=True)
            (home / "config.yaml").write_text(CONFIG)
            (home / ".env").write_text(f"OPENAI_API_KEY=sk-bench-{number}\n")
            (home / "profile.yaml").write_text("groups:\n  all: true\n")
        words = ("--home", str(root), "--image", IMAGE, "-o", str(Path(made) / "out"))
        base = seconds(sys.executable, "-c", "pass", folder=root)
        for label, more in (
            ("files written", ()),
            ("files unchanged", ()),
            ("a group", ("--group", "all", "--dry-run")),
        ):
            took = seconds(*COMMAND, *words, *more, folder=root)
            print(f"render kubernetes, {count} profiles, {label}: {took:.2f} s ({took / base:.0f} x python -c pass)")


if __name__ == "__main__":
    main()
