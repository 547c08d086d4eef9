"""The one service of the newest Hermes under a real service manager: install, status, park, restart, stop, uninstall.

Run as a program under a live `systemd --user`, or under supervisord in namespaces of its own, with the arguments: the
Python of the newest release, the manager. HOME belongs to the fleet. Each step is judged by the process table and by a
stand-in for Telegram that knows which process polls which bot. The last printed line is JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from newest_gateway import bring_loopback_up
from nightly import NIGHTLY
from process_polls import ProcessPolls

NEWEST, MANAGER = Path(sys.argv[1]), sys.argv[2]
HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
NAMES = ("default", "ada", "bert")
TOKENS = {name: f"72000000{number:02}:CANARY-token-of-{name}-0123456789abc" for number, name in enumerate(NAMES)}
ENVIRONMENT = {
    **os.environ, "PATH": f"{NEWEST.parent}:/usr/bin:/bin", "HERMES_PROFILES_MANAGER": MANAGER,
    "XDG_STATE_HOME": str(HOME / ".local/state"), "XDG_CONFIG_HOME": str(HOME / ".config"),
    "HERMES_DISABLE_LAZY_INSTALLS": "1", "HERMES_ALLOW_ROOT_GATEWAY": "1", "LANG": "C.UTF-8",
}  # fmt: skip
ENV = (
    "TELEGRAM_FALLBACK_IPS=149.154.167.220\nHERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\nNO_PROXY=*\n"
    "HERMES_DISABLE_LAZY_INSTALLS=1\nHERMES_ALLOW_ROOT_GATEWAY=1\n"
)


def home(name: str) -> Path:
    """Return the home of a profile."""
    return ROOT if name == "default" else ROOT / "profiles" / name


def write_profiles(url: str) -> None:
    """Write the profiles, each with a bot of its own."""
    for name in NAMES:
        home(name).mkdir(parents=True, exist_ok=True)
        (home(name) / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKENS[name]}\n{ENV}")
        telegram = {"telegram": {"extra": {"base_url": f"{url}/{name}/bot"}}}
        text = f'model: {{"default": "none/none"}}\nplatforms: {json.dumps(telegram)}\n'
        (home(name) / "config.yaml").write_text(text)
        (home(name) / "SOUL.md").write_text("You are helpful.\n")


def gateways() -> list[int]:
    """Return the pids of the gateways in the process table."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            except OSError:
                continue
            if words[-2:] == [b"gateway", b"run"]:
                found.append(int(entry.name))
    return sorted(found)


def ours(*words: str) -> dict[str, Any]:
    """Return exit code and envelope of `hermes-gateways`."""
    done = subprocess.run(
        [sys.executable, "-m", "hermes_profiles.cli.gateways", *words, "--json"], env=ENVIRONMENT, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {words}"
    said = f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0 or words == ("status",), f"{said}\n{logs()}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def logs() -> str:
    """Return the ends of the gateways' logs."""
    found = []
    for name in NAMES:
        for path in sorted((home(name) / "logs").glob("*.log")):
            found.append(f"-- {path}\n{path.read_text(errors='replace')[-1500:]}")
    return "\n".join(found)


def eventually(check: Callable[[], Any], what: str, patience: float = 90) -> None:
    """Wait until a check is true."""
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}\n{logs()}"
        time.sleep(0.2)


class Story:
    """The steps; `seen`: what each showed."""

    def __init__(self, bots: ProcessPolls) -> None:
        self._bots = bots
        self.seen: dict[str, Any] = {}

    def step(self, name: str, words: Iterable[str], polled: Iterable[str]) -> None:
        """Run a command; wait until exactly these bots are polled, by one gateway; record status and processes."""
        answer = ours(*words)
        wanted = sorted(polled)
        self._bots.forget()
        eventually(lambda: self._is_polled(wanted), f"{name}: {wanted} are polled by one gateway")
        self._bots.forget()
        time.sleep(3)
        now = sorted(self._bots.polled(TOKENS))
        status = ours("status")
        rows = {row["profile"]: row for row in status["data"]["gateways"]}
        self.seen[name] = {
            "outcomes": {row["profile"]: row["outcome"] for row in answer["data"]["outcomes"]},
            "states": {each: row["state"] for each, row in rows.items()},
            "details": {each: row["detail"] for each, row in rows.items()},
            "pids": {each: row["pid"] for each, row in rows.items()},
            "telegram": {
                each: next((one["state"] for one in row["channels"] if one["name"] == "telegram"), None)
                for each, row in rows.items()
            },
            "installed": sorted(each for each, row in rows.items() if row["service"]["installed"]),
            "gateways": gateways(), "polled": now, "exit": status["exit_code"],
        }  # fmt: skip

    def _is_polled(self, wanted: list[str]) -> bool:
        polled, alive = self._bots.polled(TOKENS), gateways()
        if len(alive) != bool(wanted):
            return False
        return sorted(polled) == wanted and set(polled.values()) <= set(alive)

    def run(self) -> dict[str, Any]:
        """Run the story."""
        self.step("installed", ["install", "--start", "--python", str(NEWEST)], NAMES)
        self.step("parked", ["stop", "bert"], ["default", "ada"])
        if NIGHTLY:
            self.step("restarted beside", ["restart", "ada"], ["default", "ada"])
        self.step("served again", ["start", "bert"], NAMES)
        self.step("restarted", ["restart"], NAMES)
        self.step("stopped", ["stop"], [])
        if NIGHTLY:
            self.step("started", ["start"], NAMES)
        self.step("uninstalled", ["uninstall", "--yes"], [])
        self.seen["doubles"] = self._bots.doubles
        return self.seen


def main() -> dict[str, Any]:
    """Run the story beside the stand-in."""
    if MANAGER == "supervisor":
        bring_loopback_up()
    with ProcessPolls() as bots:
        write_profiles(bots.url)
        return Story(bots).run()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
