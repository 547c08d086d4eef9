"""Update day: services that 0.19.0 runs, the newest Hermes under them, the fold into one gateway, and the way back.

Run as a program under a live `systemd --user` with the arguments: the Python of Hermes 0.19.0, that of the newest
release, the number of profiles. HOME belongs to the fleet. Each step is judged by the process table and by a stand-in
for Telegram that knows which process polls which bot. The last printed line is JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from process_polls import ProcessPolls

OLD, NEWEST, COUNT = (Path(sys.argv[1]).parent.parent, Path(sys.argv[2]).parent.parent, int(sys.argv[3]))
HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
VENV = HOME / "hermes-venv"
UNITS = HOME / ".config/systemd/user"
NAMES = ("default", *(f"p{number:02}" for number in range(1, COUNT)))
TOKENS = {name: f"71000000{number:02}:CANARY-token-of-{name}-0123456789abc" for number, name in enumerate(NAMES)}
ENVIRONMENT = {
    **os.environ, "PATH": f"{VENV}/bin:/usr/bin:/bin", "HERMES_PROFILES_MANAGER": "systemd",
    "XDG_STATE_HOME": str(HOME / ".local/state"), "XDG_CONFIG_HOME": str(HOME / ".config"),
    "HERMES_DISABLE_LAZY_INSTALLS": "1", "HERMES_ALLOW_ROOT_GATEWAY": "1",
}  # fmt: skip


def home(name: str) -> Path:
    """Return the home of a profile."""
    return ROOT if name == "default" else ROOT / "profiles" / name


def switch_to(venv: Path) -> None:
    """Have the environment that the services name be that of another release."""
    link = HOME / "new-venv"
    link.symlink_to(venv)
    link.replace(VENV)


def command(*words: str, program: str = "gateways", code: int = 0) -> dict[str, Any]:
    """Return the envelope of one of our commands."""
    module = "hermes_profiles.cli.gateways" if program == "gateways" else "hermes_profiles.cli"
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--json"], env=ENVIRONMENT, capture_output=True, text=True,
        timeout=400, check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {words}"
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{logs()}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run_mode(*words: str, code: int = 0) -> dict[str, Any]:
    """Return the envelope of `team run-mode`."""
    return command("team", "run-mode", *words, program="profiles", code=code)


def doctor(check: str, code: int) -> list[list[str]]:
    """Return the profiles of each finding of a check."""
    answer = command("doctor", "--only", check, program="profiles", code=code)
    return [row["profiles"] for row in answer["data"]["findings"]]


def hermes(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `hermes` of the present release; the namespace keeps it from other gateways of the machine."""
    return subprocess.run(
        [str(VENV / "bin/hermes"), *words], env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )


def eventually(check: Callable[[], Any], what: str, patience: float = 90) -> Any:
    """Return the first true answer of a check."""
    deadline = time.monotonic() + patience
    while not (found := check()):
        assert time.monotonic() < deadline, f"never happened: {what}\n{logs()}"
        time.sleep(0.2)
    return found


def logs() -> str:
    """Return the ends of the gateways' logs."""
    found = []
    for name in NAMES:
        path = home(name) / "logs/gateway.log"
        found.append(f"-- {name}\n{path.read_text(errors='replace')[-1500:] if path.exists() else ''}")
    shown = subprocess.run(["systemctl", "--user", "list-units", "hermes*", "--all"], capture_output=True, text=True)
    return "\n".join([*found, shown.stdout])


def gateways() -> dict[int, str]:
    """Return pid → home of the gateways in the process table."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"gateway" in words and b"run" in words:
                given = [each for each in variables if each.startswith(b"HERMES_HOME=")]
                found[int(entry.name)] = os.fsdecode(given[0].partition(b"=")[2]) if given else ""
    return found


def units() -> list[str]:
    """Return the unit files and drop-ins on the disk."""
    found = (path.relative_to(UNITS) for path in UNITS.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path) for path in found if "hermes-gateway" in str(path))


class Judge:
    """The stand-in and the process table, asked after each step."""

    def __init__(self, bots: ProcessPolls) -> None:
        self._bots = bots

    def separate(self, names: tuple[str, ...] = NAMES) -> None:
        """Wait until a process of its own polls each bot."""
        self._bots.forget()

        def each_by_its_own() -> bool:
            table, polled = gateways(), self._bots.polled(TOKENS)
            return set(polled) == set(NAMES) and all(
                os.path.realpath(table.get(polled[name], "/")) == os.path.realpath(home(name)) for name in names
            )

        eventually(each_by_its_own, f"a process of its own polls each bot: {self._bots.polled(TOKENS)} {gateways()}")

    def one(self) -> None:
        """Wait until the gateway of default polls every bot, and no other gateway runs."""
        self._bots.forget()

        def all_by_one() -> bool:
            table, polled = gateways(), self._bots.polled(TOKENS)
            return len(table) == 1 and set(polled) == set(NAMES) and set(polled.values()) == set(table)

        eventually(all_by_one, f"one process polls every bot: {self._bots.polled(TOKENS)} {gateways()}")


def write_profiles(url: str) -> None:
    """Write the profiles, each with a bot of its own."""
    for name in NAMES:
        home(name).mkdir(parents=True, exist_ok=True)
        lines = [f"TELEGRAM_BOT_TOKEN={TOKENS[name]}", "TELEGRAM_FALLBACK_IPS=149.154.167.220", "NO_PROXY=*"]
        lines += ["HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1", "HERMES_DISABLE_LAZY_INSTALLS=1"]
        lines += ["HERMES_ALLOW_ROOT_GATEWAY=1"]
        (home(name) / ".env").write_text("\n".join(lines) + "\n")
        platforms = {"telegram": {"extra": {"base_url": f"{url}/{name}/bot"}}}
        config = {"model": {"default": "none/none"}, "platforms": platforms}
        (home(name) / "config.yaml").write_text(
            "".join(f"{key}: {json.dumps(value)}\n" for key, value in config.items())
        )
        (home(name) / "SOUL.md").write_text("You are helpful.\n")


class Steps:
    """The steps of the story: name, seconds, and polls of all bots; each is printed for a failed run."""

    def __init__(self, bots: ProcessPolls) -> None:
        self._bots = bots
        self._begun = ("", 0.0, 0)
        self.done: list[tuple[str, float, int]] = []

    def __call__(self, name: str) -> None:
        """End the present step, and begin the next one where it has a name."""
        now, polls = time.monotonic(), sum(self._bots.polls.values())
        last, begun, before = self._begun
        if last:
            self.done.append((last, round(now - begun, 1), polls - before))
            sys.stderr.write(f"{last}: {now - begun:.1f} s, {polls - before} polls\n")
            sys.stderr.flush()
        self._begun = (name, now, polls)


def main() -> dict[str, Any]:
    """Run the story."""
    seen: dict[str, Any] = {}
    switch_to(OLD)
    with ProcessPolls() as bots:
        judge, step = Judge(bots), Steps(bots)
        write_profiles(bots.url)
        step("0.19.0")
        command("install", "--start", "--python", str(VENV / "bin/python"))
        judge.separate()
        seen["before"] = units()
        step("newest under it")
        switch_to(NEWEST)
        command("restart", "--rolling")
        judge.separate()
        seen["mode"] = run_mode()["data"]
        seen["already"] = run_mode("processes")
        seen["ahead"] = command("upgrade-check", code=3)["data"]
        seen["found"] = doctor("services.fold-ahead", code=0)
        step("fold")
        seen["fold"] = run_mode("multiplex", "--yes")
        judge.one()
        seen["folded"] = units()
        step("undo")
        command("undo", program="profiles")
        judge.separate()
        seen["undone"] = units()
        step("Hermes' own fold")
        done = hermes("gateway", "migrate", "--multiplex", "-y")
        seen["hermes"] = [done.returncode, done.stdout[-1500:] + done.stderr[-500:]]
        judge.one()
        seen["left"] = units()
        seen["behind"] = command("upgrade-check", code=3)["data"]
        command("doctor", "--fix", "--yes", "--only", "services.orphan", program="profiles")
        seen["cleaned"] = units()
        seen["done"] = command("upgrade-check")["data"]
        step("standalone")
        seen["plain"] = run_mode("processes", code=6)["errors"]
        seen["standalone"] = run_mode("processes", "--standalone", "--yes")
        judge.separate()
        seen["apart"] = units()
        step("undo of standalone")
        command("undo", program="profiles")
        judge.one()
        seen["one_again"] = units()
        step("standalone and back by run-mode")
        run_mode("processes", "--standalone", "--yes")
        judge.separate()
        (ROOT / "gateway_migration.json").write_text('{"version": 1, "secondaries": []}')
        run_mode("multiplex", "--yes")
        judge.one()
        seen["manifest"] = (ROOT / "gateway_migration.json").exists()
        step("")
        seen["doubles"], seen["steps"] = bots.doubles, step.done
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
