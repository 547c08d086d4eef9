"""Drives `hermes-gateways awake` under a real user manager with a fake systemd-inhibit; prints results."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME = Path(os.environ["HOME"])
UNITS = HOME / ".config/systemd/user"
LOCKS = HOME / "locks"
SEEN: dict[str, Any] = {}
# Its lock is a file named by its pid; files named `denied` and `absent` make it fail.
INHIBIT = f"""#!/bin/sh
if [ -e {HOME}/denied ]; then echo "Failed to inhibit: Access denied" >&2; exit 1; fi
if [ -e {HOME}/absent ]; then echo "Failed to connect to bus: No such file or directory" >&2; exit 1; fi
if [ "$1" = --list ]; then
  [ "$COLUMNS" = 1000 ] || exit 1
  printf 'WHO             UID USER PID COMM WHAT WHY MODE\\nNetworkManager 0 root 812 NetworkManager sleep a b delay\\n'
  for each in {LOCKS}/*; do
    [ -e "$each" ] && echo "hermes-profiles {os.getuid()} me ${{each##*/}} systemd-inhibit idle:sleep Hermes block"
  done
  exit 0
fi
what=$1
while [ "${{1#--}}" != "$1" ]; do shift; done
trap 'kill $child; rm -f {LOCKS}/$$; exit 0' TERM
echo "$what" > {LOCKS}/$$
"$@" & child=$!
wait $child
rm -f {LOCKS}/$$
"""


def gateways(*words: str, program: str = "gateways") -> dict[str, Any]:
    module = f"hermes_profiles.cli.{program}" if program else "hermes_profiles.cli"
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--json"],
        env={**os.environ, "PATH": f"{HOME}/bin:{os.environ['PATH']}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["exit_code"] == done.returncode
    return answer


def awake(*words: str) -> dict[str, Any]:
    return gateways("awake", *words)


def undo() -> dict[str, Any]:
    return gateways("undo", program="")


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def held() -> bool:
    """Return whether a live process holds a lock: logind drops locks of ended ones."""
    return any(Path("/proc", each.name).exists() for each in LOCKS.iterdir())


def locks(*, lid: bool) -> list[str]:
    """Return the locks of live processes once there is one, with or without the lid.

    A replaced process releases its lock shortly after the new one has begun.
    """
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(FileNotFoundError):
            found = [path.read_text() for path in LOCKS.iterdir() if Path("/proc", path.name).exists()]
            if [("lid" in each) for each in found] == [lid] or time.monotonic() > deadline:
                return found
        time.sleep(0.05)


def becomes(wanted: bool, within: float = 5.0) -> bool:
    """Return whether the lock reaches the wanted state within the timeout."""
    deadline = time.monotonic() + within
    while held() is not wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    return held() is wanted


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def profile(name: str) -> str:
    """Create a profile with a service as Hermes writes it, and return its unit."""
    home = HOME / ".hermes" if name == "default" else HOME / ".hermes/profiles" / name
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.yaml").write_text("model: gpt-5\n")
    (home / ".env").touch()
    unit = "hermes-gateway" if name == "default" else f"hermes-gateway-{name}"
    UNITS.mkdir(parents=True, exist_ok=True)
    (UNITS / f"{unit}.service").write_text(
        f"[Service]\nExecStart=/bin/sleep 1000\nEnvironment=HERMES_HOME={home}\nRestart=always\nRestartSec=1\n"
        "[Install]\nWantedBy=default.target\n"
    )
    systemctl("daemon-reload")
    return unit


def picture() -> list[Any]:
    """Return every path below the user's configuration, with mode and bytes."""
    return [
        (str(path), path.lstat().st_mode, None if path.is_dir() else path.read_text())
        for path in sorted((HOME / ".config").rglob("*"))
    ]


def findings() -> list[Any]:
    return [(row["check"], row["profiles"]) for row in gateways("doctor", program="")["data"]["findings"]]


def from_on_to_off() -> None:
    before = picture()
    SEEN["planned"] = awake("on", "--dry-run")
    SEEN["planned changes nothing"] = picture() == before
    awake("on")
    awake("on", "--lid")
    awake("off")
    SEEN["on and off"] = picture() == before
    SEEN["on"] = awake("on")
    SEEN["idle"] = (held(), awake()["data"])
    a, default = profile("a"), profile("default")
    systemctl("start", a)
    SEEN["first started"] = becomes(True)
    SEEN["status"] = awake()
    systemctl("start", default)
    systemctl("stop", a)
    time.sleep(0.3)
    SEEN["first stopped, another runs"] = held()
    systemctl("restart", default)
    time.sleep(0.3)
    SEEN["restarted"] = held()
    os.kill(int(systemctl("show", "-P", "MainPID", default)), signal.SIGKILL)
    time.sleep(0.3)  # systemd restarts it within a second
    SEEN["killed, and waited for"] = held()
    systemctl("stop", default)
    SEEN["last stopped"] = becomes(False)
    later = profile("made-later")
    systemctl("start", later)
    SEEN["made later"] = becomes(True)
    pictured, pid = picture(), systemctl("show", "-P", "MainPID", "hermes-profiles-awake")
    SEEN["again"] = awake("on")["data"]
    SEEN["again changes nothing"] = (
        picture() == pictured and systemctl("show", "-P", "MainPID", "hermes-profiles-awake") == pid
    )
    SEEN["off"] = awake("off")
    SEEN["off ends it"] = becomes(False)
    SEEN["off again"] = awake("off")["data"]["outcome"]
    for unit in (a, default, later):
        systemctl("stop", unit)
        (UNITS / f"{unit}.service").unlink()
    UNITS.rmdir()
    SEEN["listing"] = (sorted(path for path, *_ in before), sorted(path for path, *_ in picture()))


def undone() -> None:
    unit = profile("a")
    systemctl("start", unit)
    before = picture()
    SEEN["on while one runs"] = (awake("on")["exit_code"], held())
    SEEN["undo of on"] = (undo()["exit_code"], becomes(False), picture() == before)
    SEEN["loaded after the undo"] = systemctl("show", "-P", "LoadState", "hermes-profiles-awake")
    awake("on")
    lid = awake("on", "--lid")["data"]
    SEEN["lid"] = (lid["holds"], locks(lid=True))
    undo()
    SEEN["undo of lid"] = locks(lid=False)
    awake("off")
    SEEN["undo of off"] = (undo()["exit_code"], becomes(True), awake()["data"]["held"])
    awake("off")
    systemctl("stop", unit)


def beside_services() -> None:
    hermes = HOME / "hermes/venv/bin/python"
    hermes.parent.mkdir(parents=True)
    # The service also calls it to clean up after a gateway.
    hermes.write_text('#!/bin/sh\ncase "$*" in *"gateway run") exec /bin/sleep 1000 ;; esac\n')
    hermes.chmod(0o755)
    (hermes.parent.parent / "pyvenv.cfg").write_text("home = /usr/bin\n")
    given = ("--python", str(hermes))
    (UNITS / "hermes-gateway-a.service").unlink()
    profile("default"), profile("b")
    for unit in UNITS.glob("*.service"):
        unit.unlink()
    systemctl("daemon-reload")
    awake("on")
    SEEN["install"] = gateways("install", *given)["exit_code"]
    SEEN["install again"] = sorted({row["outcome"] for row in gateways("install", *given)["data"]["outcomes"]})
    systemctl("start", "hermes-gateway-b")
    SEEN["installed and started"] = becomes(True)
    found = findings()
    awake("off")
    SEEN["doctor"] = (found, findings())
    awake("on")
    SEEN["uninstall default"] = gateways("uninstall", "default")["exit_code"]
    SEEN["others are kept awake"] = (held(), awake()["data"]["held"], awake()["data"]["broken"])
    systemctl("stop", "hermes-gateway-b")
    SEEN["ends as before"] = becomes(False)
    gateways("uninstall", "--yes")
    SEEN["left while on"] = sorted(str(path.relative_to(UNITS)) for path in UNITS.rglob("*") if not path.is_dir())
    awake("off")
    SEEN["left"] = sorted(str(path.relative_to(UNITS)) for path in UNITS.rglob("*"))


def troubles() -> None:
    unit = profile("a")
    (HOME / "denied").touch()
    before = picture()
    SEEN["denied"] = awake("on")
    (HOME / "denied").rename(HOME / "absent")
    SEEN["absent"] = awake("on")
    (HOME / "absent").unlink()
    SEEN["troubles change nothing"] = picture() == before
    foreign = UNITS / "hermes-gateway.service.d/60-awake.conf"
    foreign.parent.mkdir()
    foreign.write_text("[Unit]\n# mine\n")
    SEEN["foreign"] = awake("on")
    SEEN["forced"] = awake("on", "--force")["exit_code"]
    SEEN["undo of forced"] = (undo()["exit_code"], foreign.read_text())
    foreign.write_text("[Unit]\n# mine\n")
    awake("on", "--force")
    foreign.write_text("[Unit]\n# mine\n")
    off = awake("off")
    SEEN["off leaves what is another's"] = (off["warnings"], foreign.exists(), awake()["data"]["on"])
    foreign.unlink()
    foreign.parent.rmdir()
    awake("on")
    own = UNITS / "hermes-profiles-awake.service"
    own.write_text(own.read_text().replace("RestartSec=10", "RestartSec=11"))
    SEEN["edited"] = awake("on", "--lid")
    own.unlink()
    SEEN["half"] = awake()
    SEEN["repaired"] = (awake("on")["exit_code"], own.exists())
    systemctl("start", unit)
    becomes(True)
    systemctl("stop", "hermes-profiles-awake")
    SEEN["stopped by hand"] = awake()
    SEEN["on again"] = (awake("on")["data"]["held"], held())
    for lock in LOCKS.iterdir():
        lock.unlink()
    SEEN["logind does not know it"] = awake()
    awake("off")
    systemctl("stop", unit)


if __name__ == "__main__":
    LOCKS.mkdir()
    program = HOME / "bin/systemd-inhibit"
    program.parent.mkdir()
    program.write_text(INHIBIT)
    program.chmod(0o755)
    (HOME / ".hermes/profiles").mkdir(parents=True)
    (HOME / ".hermes/config.yaml").write_text("model: gpt-5\n")
    (HOME / ".config").mkdir()
    for part in sys.argv[1:]:
        {"life": from_on_to_off, "undo": undone, "services": beside_services, "troubles": troubles}[part]()
    sys.stdout.write(json.dumps(SEEN) + "\n")
