"""Measure a fleet of real gateways under a live systemd: our one command beside the shell loop over real Hermes.

Run with the Python that has hermes-profiles and hermes-agent installed, in a HOME of its own outside /tmp, where a
`systemd --user` can be talked to:

    python benchmarks/fleet.py [--profiles 20]

The gateways are started, asked, restarted both ways and taken down again. Nothing is judged here.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
GATEWAYS, HERMES = str(BIN / "hermes-gateways"), str(BIN / "hermes")
HOME = Path(os.environ["HOME"])


def environment() -> dict[str, str]:
    """Return what both sides are run with."""
    kept = ("HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "LANG")
    given = {name: os.environ[name] for name in kept if name in os.environ}
    return {**given, "PATH": f"{BIN}:/usr/bin:/bin"}


def make(count: int) -> list[str]:
    """Make profiles with an API server each; returns their names, the default first."""
    names = ["default", *(f"p{number:02d}" for number in range(1, count))]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    for name, held in zip(names, sockets, strict=True):
        home = HOME / ".hermes" if name == "default" else HOME / ".hermes/profiles" / name
        home.mkdir(parents=True)
        port = held.getsockname()[1]
        (home / ".env").write_text(
            f"API_SERVER_ENABLED=true\nAPI_SERVER_PORT={port}\nAPI_SERVER_KEY=BENCH-{name}-0123456789\n"
            "HERMES_DISABLE_LAZY_INSTALLS=1\n"
        )
        (home / "config.yaml").write_text("model:\n  default: none/none\n")
    for held in sockets:
        held.close()
    return names


def seconds(*command: str) -> float:
    """Return how long a command takes; it must succeed."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environment(), cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def loop(names: Sequence[str], verb: str) -> float:
    """Return how long the loop takes that people write by hand: `for p in …; do hermes -p $p gateway VERB; done`."""
    return seconds("sh", "-c", f'for p in {" ".join(names)}; do "{HERMES}" -p "$p" gateway {verb} || exit 1; done')


def median(run: Sequence[float]) -> float:
    """Return the middle of some times."""
    return statistics.median(run)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=20)
    options = parser.parse_args()
    if (HOME / ".hermes").exists():
        raise SystemExit(f"{HOME}/.hermes is there already: set HOME to an empty folder")
    names = make(options.profiles)
    base = median([seconds(sys.executable, "-c", "pass") for _ in range(7)])
    started = seconds(GATEWAYS, "install", "--start", "--timeout", "300")
    try:
        status = median([seconds(GATEWAYS, "status", "--json") for _ in range(7)])
        restart = median([seconds(GATEWAYS, "restart", "--timeout", "300") for _ in range(3)])
        their_status, their_restart = loop(names, "status"), loop(names, "restart")
    finally:
        seconds(GATEWAYS, "uninstall")
    print(
        f"| job, {options.profiles} real gateways under systemd | ours | × `python -c pass` | loop over real Hermes |"
    )
    print("|---|---|---|---|")
    print(f"| install and start | {started:.1f} s | - | - |")
    print(f"| status --json | {status * 1000:.0f} ms | {status / base:.1f} | {their_status:.1f} s |")
    print(f"| restart | {restart:.1f} s | - | {their_restart:.1f} s |")


if __name__ == "__main__":
    main()
