"""An installation by git: launcher, store interpreter, checkout; its services from the installation to the removal.

Run as a program under a live `systemd --user` with the Python of the newest release as argument. HOME belongs to the
fleet. The launcher is written by Hermes itself; an interpreter with the dependencies takes the place of the one that
its package manager downloads. The last printed line is JSON.
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

NEWEST = Path(sys.argv[1])
HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
CHECKOUT = ROOT / "hermes-agent"
LAUNCHER = CHECKOUT / ".hermes/bin/hermes"
STORE = ROOT / "tools/python-3"
UNITS = HOME / ".config/systemd/user"
NAMES = ("default", "anna")
TOKENS = {name: f"71000000{number:02}:CANARY-token-of-{name}-0123456789abc" for number, name in enumerate(NAMES)}
ENVIRONMENT = {
    **os.environ, "PATH": f"{HOME}/.local/bin:/usr/bin:/bin", "HERMES_PROFILES_MANAGER": "systemd",
    "XDG_STATE_HOME": str(HOME / ".local/state"), "XDG_CONFIG_HOME": str(HOME / ".config"),
    "HERMES_DISABLE_LAZY_INSTALLS": "1", "HERMES_ALLOW_ROOT_GATEWAY": "1",
    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost", "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@localhost",
}  # fmt: skip
_WRITE_LAUNCHERS = """
import sys
from pathlib import Path
root, python, conveniences = map(Path, sys.argv[1:])
sys.path.insert(0, str(root))
from hermes_cli._launchers import _publish_conveniences, mint_launcher
for folder in (root / ".hermes/bin", conveniences):
    folder.mkdir(parents=True)
assert mint_launcher("hermes", root, root / ".hermes/bin", python, None)
_publish_conveniences(root, conveniences, ["hermes"])
"""


def run(*words: str | Path) -> str:
    """Return the output of a program that must succeed."""
    done = subprocess.run(
        list(map(str, words)), env=ENVIRONMENT, cwd=HOME, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{words[:3]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install_hermes() -> None:
    """Make the checkout, the store and the launchers."""
    site = next(NEWEST.parent.parent.glob("lib/python3*/site-packages"))
    (record,) = site.glob("hermes_agent*.dist-info/RECORD")
    own = {line.partition(",")[0].split("/")[0] for line in record.read_text().splitlines()} - {"..", "__pycache__"}
    own.discard(record.parent.name)
    CHECKOUT.mkdir(parents=True)
    run("cp", "-r", *sorted(site / name for name in own), CHECKOUT)
    (CHECKOUT / "pyproject.toml").write_text('[project]\nname = "hermes-agent"\nversion = "0.22.2"\n')
    packages = STORE / "lib" / site.parent.name / "site-packages"
    packages.mkdir(parents=True)
    for entry in site.iterdir():
        if entry.name not in own and entry != record.parent:
            (packages / entry.name).symlink_to(entry)
    (STORE / "bin").mkdir()
    (STORE / "bin/python3").symlink_to(os.path.realpath(NEWEST))
    (STORE / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(NEWEST)).parent}\n")
    (STORE.parent / "facts.json").write_text(json.dumps({"packages": {"python": {"entry": STORE.name}}}))
    run("git", "-C", CHECKOUT, "init", "-q")
    commit("first")
    run(STORE / "bin/python3", "-I", "-c", _WRITE_LAUNCHERS, CHECKOUT, STORE / "bin/python3", HOME / ".local/bin")


def commit(text: str) -> None:
    """Have the checkout be at a new commit, as after an update."""
    run("git", "-C", CHECKOUT, "commit", "-q", "--allow-empty", "-m", text)


def command(*words: str, code: int = 0) -> dict[str, Any]:
    """Return the data of one of our commands."""
    done = subprocess.run(
        [sys.executable, "-m", "hermes_profiles.cli.gateways", *words, "--json"], env=ENVIRONMENT, cwd=HOME,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {words}"
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{logs()}"
    answer: dict[str, Any] = json.loads(done.stdout)["data"]
    return answer


def outcomes(*words: str) -> dict[str, list[str]]:
    """Return profile → outcome and detail of a command."""
    return {row["profile"]: [row["outcome"], row["detail"] or ""] for row in command(*words)["outcomes"]}


def states(code: int = 0) -> dict[str, str]:
    """Return profile → state of its gateway."""
    return {row["profile"]: row["state"] for row in command("status", code=code)["gateways"]}


def logs() -> str:
    """Return the ends of what the gateway wrote."""
    shown = subprocess.run(
        ["journalctl", "--user", "-n", "60", "--no-pager"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return shown.stdout[-5000:]


def eventually(check: Callable[[], Any], what: str) -> None:
    """Wait until a check is true."""
    deadline = time.monotonic() + 90
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}\n{logs()}"
        time.sleep(0.2)


def units() -> list[str]:
    """Return the unit files and drop-ins on the disk."""
    found = (path.relative_to(UNITS) for path in UNITS.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path) for path in found if "hermes-gateway" in str(path))


def write_profiles(url: str) -> None:
    """Write the profiles, each with a bot of its own."""
    for name in NAMES:
        home = ROOT if name == "default" else ROOT / "profiles" / name
        home.mkdir(parents=True, exist_ok=True)
        lines = [f"TELEGRAM_BOT_TOKEN={TOKENS[name]}", "TELEGRAM_FALLBACK_IPS=149.154.167.220", "NO_PROXY=*"]
        lines += ["HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1", "HERMES_DISABLE_LAZY_INSTALLS=1"]
        (home / ".env").write_text("\n".join([*lines, "HERMES_ALLOW_ROOT_GATEWAY=1"]) + "\n")
        telegram = {"telegram": {"extra": {"base_url": f"{url}/{name}/bot"}}}
        (home / "config.yaml").write_text(f"model: {{default: none/none}}\nplatforms: {json.dumps(telegram)}\n")
        (home / "SOUL.md").write_text("You are helpful.\n")


def main() -> dict[str, Any]:
    """Run the story."""
    seen: dict[str, Any] = {}
    install_hermes()
    with ProcessPolls() as bots:

        def are_polled() -> bool:
            return set(bots.polled(TOKENS)) == set(NAMES)

        write_profiles(bots.url)
        seen["install"] = outcomes("install", "--start")
        eventually(are_polled, "each bot is polled")
        seen["units"] = units()
        unit = (UNITS / "hermes-gateway.service").read_text()
        seen["program"] = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
        seen["launcher"] = str(LAUNCHER)
        seen["status"] = states()
        seen["current"] = outcomes("restart", "--stale")
        commit("an update")
        seen["planned"] = outcomes("restart", "--stale", "--dry-run")
        seen["stale"] = outcomes("restart", "--stale")
        bots.forget()
        eventually(are_polled, "each bot is polled again")
        seen["again"] = outcomes("restart", "--stale")
        seen["drift"] = outcomes("install", "--dry-run")
        seen["stop"] = outcomes("stop")
        seen["stopped"] = states(code=3)
        seen["uninstall"] = outcomes("uninstall", "--yes")
        seen["left"] = units()
        seen["doubles"] = bots.doubles
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
