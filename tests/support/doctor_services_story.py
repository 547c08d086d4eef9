"""Runs the doctor on services of real Hermes 0.19.0; prints JSON in its last line.

Run under a live systemd. Arguments: the Python of real Hermes. HOME is the user's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERMES = sys.argv[1]
HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
UNITS = HOME / ".config/systemd/user"
SEEN: dict[str, Any] = {}


def hermes(*words: str) -> None:
    environment = {"HOME": str(HOME), "PATH": "/usr/bin:/bin", "HERMES_HOME": str(ROOT)}
    environment |= {
        name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ
    }
    done = subprocess.run(
        [HERMES, "-m", "hermes_cli.main", *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


def command(module: str, *words: str) -> Any:
    environment = {**os.environ, "PATH": f"{Path(HERMES).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--json"], env=environment, capture_output=True, text=True, timeout=180,
        check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert not answer["errors"], answer
    return answer["data"]


def findings(*words: str) -> list[list[Any]]:
    rows = command("hermes_profiles.cli", "doctor", "--only", "services", *words)["findings"]
    return [[row["check"], row["severity"], row["profiles"]] for row in rows if row["check"] != "services.linger-off"]


def running(profile: str) -> bool:
    rows = command("hermes_profiles.cli.gateways", "status", profile)["gateways"]
    return bool(rows[0]["state"] == "running")


def eventually(profile: str) -> None:
    deadline = time.monotonic() + 90
    while not running(profile):
        assert time.monotonic() < deadline, f"{profile} never ran"
        time.sleep(0.5)


def main() -> None:
    for name in ("one", "two"):
        hermes("profile", "create", name, "--no-alias")
    for name in ("default", "one", "two"):
        home = ROOT if name == "default" else ROOT / "profiles" / name
        (home / ".env").write_text("HERMES_DISABLE_LAZY_INSTALLS=1\n")
        (home / ".env").chmod(0o600)
        hermes("-p", name, "gateway", "install", "--no-start-now")
    SEEN["idle"] = sorted(findings())
    for name in ("default", "one", "two"):
        hermes("-p", name, "gateway", "start")
        eventually(name)
    SEEN["by hermes"] = findings()
    (ROOT / "active_profile").write_text("one\n")
    SEEN["sticky"] = sorted(findings())
    (ROOT / "active_profile").unlink()
    command("hermes_profiles.cli.gateways", "install")
    SEEN["adopted"] = findings()
    # At each start Hermes rewrites its unit when it differs from its template.
    command("hermes_profiles.cli.gateways", "restart")
    for name in ("default", "one", "two"):
        eventually(name)
    SEEN["booted"] = findings()
    hermes("profile", "delete", "two", "-y")
    SEEN["deleted"] = findings()
    fixed = command("hermes_profiles.cli", "doctor", "--only", "services", "--fix", "--yes")
    SEEN["fixed"] = [row["check"] for row in fixed["fixed"]]
    SEEN["left"] = findings(), sorted(path.name for path in UNITS.glob("hermes-gateway-two*"))
    command("hermes_profiles.cli.gateways", "uninstall", "--yes")
    sys.stdout.write(json.dumps(SEEN) + "\n")


if __name__ == "__main__":
    main()
