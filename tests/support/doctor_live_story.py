"""Runs doctor, fix and undo on services under a live `systemd --user`; prints JSON in its last line.

Run as a program under the live manager. HOME belongs to a user with the Hermes stand-in of the command tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway_root import GATEWAY

HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
UNITS = HOME / ".config/systemd/user"
NAMES = ("default", "bad", "drift", "ghost", "loop", "plain", "work")
SEEN: dict[str, Any] = {}


def home(name: str) -> Path:
    return ROOT if name == "default" else ROOT / "profiles" / name


def hermes(folder: str) -> Path:
    python = HOME / folder / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(GATEWAY.format(python=sys.executable))
    python.chmod(0o755)
    (python.parent.parent / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (python.parent / "hermes").write_text(f"#!{python}\n")
    (python.parent / "hermes").chmod(0o755)
    return python


def command(module: str, *words: str, python: Path, code: int | None = 0) -> Any:
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "API_TOKEN": "CANARY-of-the-shell"}
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--json"], env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr
    assert code is None or done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def gateways(*words: str, python: Path) -> Any:
    return command("hermes_profiles.cli.gateways", *words, python=python)


def doctor(*words: str, python: Path) -> Any:
    return command("hermes_profiles.cli", "doctor", "--only", "services", *words, python=python, code=None)["data"]


def rows_of(data: Any) -> list[list[Any]]:
    rows = [[row["check"], row["severity"], row["profiles"], row["fix"]["automatic"]] for row in data["findings"]]
    return sorted(row for row in rows if row[0] != "services.linger-off")


def show(name: str) -> dict[str, str]:
    words = ["systemctl", "--user", "show", f"hermes-gateway-{name}.service"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline, (
            f"never happened: {what}\n{[show(name) for name in ('bad', 'loop', 'ghost')]}"
        )
        time.sleep(0.1)


def loops(name: str) -> bool:
    properties = show(name)
    return int(properties["NRestarts"]) >= 4


def code_of(name: str) -> str:
    """Return the exit code of a service in a crash loop; it is 0 during a start."""
    codes = ["0"]

    def is_between() -> bool:
        codes.append(show(name)["ExecMainStatus"])
        return codes[-1] != "0"

    eventually(is_between, f"{name} between two tries")
    return codes[-1]


def main() -> None:
    good, old = hermes("hermes"), hermes("old")
    for name in NAMES:
        home(name).mkdir(parents=True, exist_ok=True)
        (home(name) / "config.yaml").write_text("model: gpt-5\n")
        (home(name) / ".env").touch(0o600)
        # A drop-in of the user removes the delay between restarts, which is not a fault.
        own = UNITS / f"hermes-gateway{'' if name == 'default' else f'-{name}'}.service.d" / "60-fast.conf"
        own.parent.mkdir(parents=True)
        own.write_text("[Service]\nRestartSec=0.2\n")
    gateways("install", "bad", "plain", python=old)
    gateways("install", "default", "drift", "ghost", "loop", "work", "--start", python=good)
    gateways("start", "bad", "plain", python=good)
    SEEN["healthy"] = rows_of(doctor(python=good))

    (home("drift") / "config.yaml").write_text("model: gpt-5\nagent:\n  restart_drain_timeout: 300\n")
    (home("loop") / "exits").write_text("1\n" * 500)
    (UNITS / "hermes-gateway-plain.service.d/50-hermes-profiles.conf").unlink()  # the state without hermes-profiles
    subprocess.run(["systemctl", "--user", "daemon-reload"], check=True)
    shutil.rmtree(old.parent.parent.parent)
    shutil.rmtree(home("ghost"))
    for name in ("bad", "ghost", "loop", "plain"):
        subprocess.run(["systemctl", "--user", "kill", "--signal=KILL", f"hermes-gateway-{name}.service"], check=True)
    eventually(lambda: all(loops(name) for name in ("bad", "ghost", "loop", "plain")), "four loops")
    SEEN["broken"] = rows_of(doctor(python=good))
    SEEN["codes"] = {name: code_of(name) for name in ("bad", "ghost", "plain")}

    fixed = doctor("--fix", "--yes", python=good)
    SEEN["fixed"] = sorted({row["check"] for row in fixed["fixed"]})
    ghost = show("ghost")
    SEEN["ghost is"] = [ghost["LoadState"], ghost["ActiveState"], (UNITS / "hermes-gateway-ghost.service").exists()]
    eventually(lambda: show("bad")["SubState"] == "running", "the one with a new Python")
    SEEN["left"] = rows_of(doctor(python=good))
    SEEN["drifted is"] = show("drift")["TimeoutStopUSec"]

    for _ in fixed["changes"]:
        command("hermes_profiles.cli", "undo", python=good)
    ghost = show("ghost")
    SEEN["ghost is back"] = [ghost["LoadState"], ghost["UnitFileState"], ghost["NeedDaemonReload"]]
    SEEN["back"] = [row[0] for row in rows_of(doctor(python=good)) if row[2] in (["ghost"], ["drift"])]
    gateways("uninstall", *NAMES, python=good)
    SEEN["units left"] = sorted(path.name for path in UNITS.glob("*.service"))
    sys.stdout.write(json.dumps(SEEN) + "\n")


if __name__ == "__main__":
    main()
