"""Measure what the watcher of many real gateways costs: its processor time and memory, from /proc.

Run with the Python that has hermes-agent 0.19.0 and what hermes-profiles needs; the code is that of this checkout:

    python benchmarks/watch.py [--profiles 30] [--seconds 600] [--kills 0]

The gateways run under the bundled supervisord in a home of their own. Each polls a stand-in of Telegram and has an API
server; nothing else is reached. An alert is set up. `--kills`: so many gateways are killed during the time, evenly.
The time of `status --json` is taken with the watcher's files and again without them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

from bot_api import BotApi  # noqa: E402
from free_ports import free_port  # noqa: E402
from thin_venv import checkout_venv  # noqa: E402

WARM = 90.0


class Fleet:
    """A root with gateways under supervisord."""

    def __init__(self, home: Path, api: BotApi, count: int) -> None:
        self.home, self.root = home, home / ".hermes"
        self._ours = checkout_venv(home / "ours", _TESTS.parent)
        self.names = ("default", *(f"p{number:02}" for number in range(1, count)))
        self.environment = {
            "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "HERMES_PROFILES_MANAGER": "supervisor",
        }  # fmt: skip
        for number, name in enumerate(self.names):
            folder = self.root if name == "default" else self.root / "profiles" / name
            folder.mkdir(parents=True)
            (folder / ".env").write_text(
                f"API_SERVER_ENABLED=true\nAPI_SERVER_HOST=127.0.0.1\nAPI_SERVER_PORT={free_port()}\n"
                f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef\nHERMES_DISABLE_LAZY_INSTALLS=1\nNO_PROXY=*\n"
                f"TELEGRAM_BOT_TOKEN=72000000{number:02}:CANARYtelegramCANARYtelegramCANARY{number:02}\n"
                "TELEGRAM_FALLBACK_IPS=149.154.167.220\nHERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\n"
            )
            telegram = {"extra": {"base_url": f"{api.url}/{name}/bot"}}
            config = {"model": {"default": "none/none"}, "platforms": {"telegram": telegram}}
            (folder / "config.yaml").write_text(json.dumps(config) + "\n")

    def run(self, *words: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = subprocess.run(
            [self._ours, "-m", "hermes_profiles.cli.gateways", *words],
            env=self.environment, cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def watcher(self) -> int:
        """Return the process of the watcher."""
        return int(json.loads(self.run("watch", "status", "--json"))["data"]["pid"])

    def pids(self) -> list[int]:
        """Return the processes of the gateways."""
        rows = json.loads(self.run("status", "--json"))["data"]["gateways"]
        return [row["pid"] for row in rows if row["pid"]]

    def status_seconds(self) -> float:
        """Return the median of the seconds that a status takes."""
        found = []
        for _ in range(9):
            began = time.perf_counter()
            self.run("status", "--json")
            found.append(time.perf_counter() - began)
        return statistics.median(found)


def cost(pid: int) -> tuple[float, float]:
    """Return the seconds of processor time of a process with its ended children, and its memory (RSS) in MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    rss = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), rss / 1024


def watched(fleet: Fleet, seconds: float, kills: int) -> tuple[float, float]:
    """Return (processor seconds, peak of memory in MB) of the watcher over a time."""
    pid, peak = fleet.watcher(), 0.0
    before, began = cost(pid)[0], time.monotonic()
    gateways, killed = fleet.pids(), 0
    while time.monotonic() - began < seconds:
        time.sleep(1)
        peak = max(peak, cost(pid)[1])
        if kills and (time.monotonic() - began) * kills / seconds > killed:
            os.kill(gateways[killed % len(gateways)], signal.SIGKILL)
            killed += 1
    return cost(pid)[0] - before, peak


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="hp-watch-", dir="/var/tmp"))
    with BotApi() as api:
        fleet = Fleet(home, api, options.profiles)
        try:
            fleet.run("install", "--start", "--timeout", "600", "--python", sys.executable)
            plain = fleet.status_seconds()
            fleet.run("watch", "on")
            fleet.run("alert", "add", "--exec", "/bin/true")
            time.sleep(WARM)
            spent, peak = watched(fleet, options.seconds, options.kills)
            with_events = fleet.status_seconds()
        finally:
            fleet.run("watch", "off")
            fleet.run("stop", "--yes", "--force")
            fleet.run("uninstall", "--yes")
            shutil.rmtree(home, ignore_errors=True)
    print(f"| {options.profiles} real gateways, {options.seconds:.0f} s, {options.kills} killed | figure |\n|---|---|")
    print(f"| processor time of the watcher | {spent:.2f} s, {spent / options.seconds:.2%} of a core |")
    print(f"| its memory (RSS), peak | {peak:.0f} MB |")
    print(f"| `status --json` without, with a watcher | {plain * 1000:.0f}, {with_events * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
