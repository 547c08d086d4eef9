"""Measure what idle commands cost: `status --watch` and `logs -f` over many profiles in which nothing happens.

Run with the Python that has hermes-profiles installed:

    python benchmarks/idle.py [--profiles 1000] [--logs 60] [--seconds 30] [--warm 20]

Each command runs on a terminal of 140 × 40; the share of one core is taken after `--warm` seconds.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from homes import write_log, write_root

GATEWAYS = str(Path(sys.executable).parent / "hermes-gateways")


def share(command: list[str], home: Path, warm: float, seconds: float) -> float:
    """Return the share of one core that a command takes, with its ended children."""
    environment = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TERM": "xterm"}
    pid, leader = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environment)
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    threading.Thread(target=_drain, args=(leader,), daemon=True).start()
    try:
        time.sleep(warm)
        before, began = _cpu(pid), time.monotonic()
        time.sleep(seconds)
        return (_cpu(pid) - before) / (time.monotonic() - began)
    finally:
        os.kill(pid, signal.SIGINT)
        os.waitpid(pid, 0)


def _drain(leader: int) -> None:
    try:
        while os.read(leader, 65536):
            pass
    except OSError:  # the command has ended
        return


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1000)
    parser.add_argument("--logs", type=int, default=60, help="so many of the profiles have a log")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hermes-profiles-idle-") as folder:
        home = Path(folder)
        write_root(home / ".hermes", profiles=options.profiles - 1)
        for profile in sorted((home / ".hermes" / "profiles").iterdir())[: options.logs]:
            write_log(profile, 100)
        print("| idle command | share of one core | budget |\n|---|---|---|")
        for words, budget in (("status --watch", "5 %"), ("logs -f", "3 %")):
            found = share([GATEWAYS, *words.split()], home, options.warm, options.seconds)
            print(f"| {words}, {options.profiles} profiles | {found:.1%} | {budget} |", flush=True)


if __name__ == "__main__":
    main()
