"""The life of a fleet of real gateways, driven by the commands under the present manager.

Run as a program with the Python of real Hermes as argument. HOME belongs to the fleet. Every step asserts; the last
printed line is `told`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot_api import BotApi
from free_ports import free_ports

HERMES = sys.argv[1]
HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
TOKEN = "7000000001:CANARY-telegram-token"
# Two share a bot and a port, one has an awkward name, two are plain.
NAMES = ("default", "four", "one", "three", "two")


def home(profile: str) -> Path:
    return ROOT if profile == "default" else ROOT / "profiles" / profile


def eventually(check: Callable[[], Any], what: str, patience: float = 60) -> Any:
    deadline = time.monotonic() + patience
    while not (found := check()):
        assert time.monotonic() < deadline, f"never happened: {what}\n{command('status', fails=True)['data']}"
        time.sleep(0.2)
    return found


def command(*words: str, fails: bool = False, program: str = "gateways") -> Any:
    """Return the envelope of a command run in a shell with secrets of another user."""
    hostile = {"TELEGRAM_BOT_TOKEN": "9:CANARY-of-the-shell", "API_SERVER_PORT": "1", "PORT": "2"}
    module = "hermes_profiles.cli.gateways" if program == "gateways" else "hermes_profiles.cli"
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--json"], env={**os.environ, **hostile}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {words}"
    answer = json.loads(done.stdout)
    assert fails or done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert answer["exit_code"] == done.returncode
    return answer


def rows(*profiles: str) -> dict[str, Any]:
    return {row["profile"]: row for row in command("status", *profiles, fails=True)["data"]["gateways"]}


def outcomes(*words: str, fails: bool = False) -> dict[str, str]:
    return {row["profile"]: row["outcome"] for row in command(*words, fails=fails)["data"]["outcomes"]}


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def processes() -> dict[int, bytes]:
    """Return pid → environment of the gateways of this fleet in the process table."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"hermes_cli.main" in words and f"HERMES_HOME={ROOT}".encode() in environment:
                found[int(entry.name)] = environment
    return found


def hermes(*words: str) -> str:
    environment = {"HOME": str(HOME), "PATH": "/usr/bin:/bin", "HERMES_HOME": str(ROOT)}
    environment |= {
        name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ
    }
    done = subprocess.run(
        [HERMES, "-m", "hermes_cli.main", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def write_profile(name: str, port: int, *, url: str = "", webhook: int = 0) -> None:
    """Write a profile with an API server; with a `url`, with the bot and a webhook port as well."""
    home(name).mkdir(parents=True, exist_ok=True)
    lines = ["HERMES_DISABLE_LAZY_INSTALLS=1", "API_SERVER_ENABLED=true", "API_SERVER_HOST=127.0.0.1"]
    lines += [f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef", f"API_SERVER_PORT={port}"]
    config: dict[str, Any] = {"model": {"default": "none/none"}}
    if url:
        # No look-up of Telegram's addresses and no proxy: no connection leaves the machine.
        lines += [f"TELEGRAM_BOT_TOKEN={TOKEN}", "TELEGRAM_FALLBACK_IPS=149.154.167.220", "NO_PROXY=*"]
        lines += ["HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1", f"WEBHOOK_SECRET=CANARY-{name}", "WEBHOOK_ENABLED=true"]
        lines += [f"WEBHOOK_PORT={webhook}"]
        extra = {"base_url": f"{url}/{name}/bot"}
        config["platforms"] = {"telegram": {"extra": extra}, "webhook": {"extra": {"host": "127.0.0.1"}}}
    (home(name) / ".env").write_text("\n".join(lines) + "\n")
    (home(name) / "config.yaml").write_text(json.dumps(config) + "\n")


def make(api: BotApi) -> dict[str, int]:
    """Create the profiles; returns profile → port."""
    ports = free_ports([*NAMES, "shared"])
    shared = ports.pop("shared")
    for name in NAMES:
        if name in ("one", "two"):
            write_profile(name, shared, url=api.url, webhook=ports[name])
        else:
            write_profile(name, ports[name])
    return ports


def recorded_pid(name: str) -> int | None:
    """Return the pid in the gateway's own record, which costs no process to read."""
    try:
        return int(json.loads((home(name) / "gateway.pid").read_bytes())["pid"])
    except (OSError, ValueError):
        return None


def only_poller(api: BotApi, name: str) -> None:
    before = api.polls.copy()
    eventually(lambda: sum(api.since(before).values()) >= 3, "polls of the bot")
    assert set(api.since(before)) == {name}, api.since(before)


def check_status(ports: dict[str, int]) -> dict[str, int]:
    """Compare status with files, process table, `/health` and Hermes' list; returns the pids."""
    seen = rows()
    assert set(seen) == set(NAMES)
    for name, row in seen.items():
        assert row["state"] == "running" and row["disagreement"] == [], row
        assert row["pid"] == json.loads((home(name) / "gateway.pid").read_bytes())["pid"]
        pages = int(Path(f"/proc/{row['pid']}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert abs(row["rss_bytes"] - pages) < 0.2 * pages
        assert healthy(ports[name]), name
        assert row["api"] is None or row["api"]["healthy"], row
    assert {row["pid"] for row in seen.values()} == set(processes()), "exactly the listed gateways run"
    output = hermes("gateway", "list")
    for name, row in seen.items():
        assert any(name in line.split() and str(row["pid"]) in line for line in output.splitlines()), output
    return {name: row["pid"] for name, row in seen.items()}


def clean_environments() -> None:
    for pid, environment in processes().items():
        names = {item.partition(b"=")[0].decode() for item in environment.split(b"\0") if item}
        assert not names & {"TELEGRAM_BOT_TOKEN", "API_SERVER_PORT", "PORT", "PYTHONPATH"}, (pid, names)


def channels(row: Any) -> dict[str, str]:
    return {each["name"]: each["state"] for each in row["channels"]}


def masked(name: str) -> set[str]:
    return {channel for channel, state in channels(rows(name)[name]).items() if state == "masked"}


def start_five(api: BotApi, ports: dict[str, int]) -> None:
    done = command("install", "--start", "--python", HERMES)
    assert {row["outcome"] for row in done["data"]["outcomes"]} == {"started"}, done
    assert masked("two") == {"telegram", "api_server"} and masked("one") == set()
    reasons = {each["name"]: each["detail"] for each in rows("two")["two"]["channels"]}
    assert reasons["telegram"] == "platform 'telegram' disabled: token already in use by profile 'one'"
    check_status(ports)
    clean_environments()
    only_poller(api, "one")
    assert set(outcomes("start").values()) == {"already-running"}
    assert set(outcomes("install", "--python", HERMES).values()) == {"already-installed"}


def restart_each_side(api: BotApi, ports: dict[str, int]) -> None:
    before = check_status(ports)
    assert outcomes("restart", "two") == {"two": "restarted"}
    only_poller(api, "one")
    assert outcomes("restart", "one") == {"one": "restarted"}
    only_poller(api, "one")
    assert masked("two") == {"telegram", "api_server"}
    after = check_status(ports)
    assert {name for name in NAMES if before[name] != after[name]} == {"one", "two"}


def check_sticky_profile(ports: dict[str, int]) -> None:
    """Check that a sticky profile does not change the home of the default service."""
    command("use", "three", program="profiles")
    assert outcomes("restart", "default") == {"default": "restarted"}
    check_status(ports)
    command("use", "default", program="profiles")


def check_restarts(api: BotApi, ports: dict[str, int]) -> None:
    """Check that killed gateways are restarted and counted, and the owner keeps its bot."""
    for number, why in ((signal.SIGKILL, "killed"), (signal.SIGUSR1, "exit 75")):
        pid = rows("one")["one"]["pid"]
        os.kill(pid, number)
        eventually(lambda old=pid: recorded_pid("one") not in (None, old), f"the record of a new one, {why}")
        eventually(lambda: healthy(ports["one"]), f"health of a new one, {why}")
        row = eventually(
            lambda old=pid: (r := rows("one")["one"])["state"] == "running" and r["pid"] != old and r,
            f"a new one, {why}",
        )
        assert row["restarts"] >= 1 or number == signal.SIGUSR1, row
        only_poller(api, "one")


def check_owner_change(api: BotApi) -> None:
    """Check that the bot moves when its owner stops, and returns only on request."""
    assert outcomes("stop", "one") == {"one": "stopped"}
    assert outcomes("restart", "two") == {"two": "restarted"} and masked("two") == set()
    only_poller(api, "two")
    assert outcomes("start", "one") == {"one": "started"} and masked("one") == {"telegram", "api_server"}
    only_poller(api, "two")
    assert outcomes("stop", "one", "two") == {"one": "stopped", "two": "stopped"}
    assert outcomes("start", "one", "two", "--owner", "two") == {"one": "started", "two": "started"}
    assert masked("one") == {"telegram", "api_server"} and masked("two") == set()
    only_poller(api, "two")
    assert (api.conflicts, api.most_at_once) == (0, 1)


def check_failed_gateway(ports: dict[str, int]) -> None:
    """Check that a gateway that exits with 78 is reported as failed and not retried."""
    assert outcomes("stop", "four") == {"four": "stopped"}
    with socket.create_server(("127.0.0.1", ports["four"])):
        refused = command("start", "--on-conflict", "refuse", fails=True)
        assert refused["exit_code"] == 6 and "port" in refused["errors"][0]["message"], refused
        done = command("start", "--on-conflict", "ignore", fails=True)
        found = {row["profile"]: row for row in done["data"]["outcomes"]}
        assert found["four"]["outcome"] == "failed" and done["exit_code"] == 1, found["four"]
        assert "78" in found["four"]["detail"] and found["four"]["log"], found["four"]
        assert {row["outcome"] for name, row in found.items() if name != "four"} == {"already-running"}
        time.sleep(7)
        row = rows("four")["four"]
        assert row["state"] == "failed" and not row["restarts"], row
        assert command("status", fails=True)["exit_code"] == 3
        assert outcomes("start", "four") == {"four": "started"} and masked("four") == {"api_server"}
    assert outcomes("reset", "four") == {"four": "reset"} and masked("four") == set()


def stay_down() -> None:
    assert set(outcomes("stop").values()) == {"stopped"}
    assert processes() == {}
    time.sleep(7)
    assert processes() == {} and {row["state"] for row in rows().values()} == {"stopped"}
    assert set(outcomes("stop").values()) == {"already-stopped"}
    assert set(outcomes("restart").values()) == {"skipped"}
    assert outcomes("restart", "three", "--start-stopped") == {"three": "started"}


def check_rename_and_delete(ports: dict[str, int]) -> None:
    """Check that rename moves the service of a profile and delete removes it."""
    command("rename", "three", "third", program="profiles")
    eventually(lambda: healthy(ports["three"]), "health under the new name")
    eventually(lambda: rows("third")["third"]["state"] == "running", "the gateway under its new name")
    assert len(processes()) == 1
    command("delete", "third", "--yes", program="profiles")
    assert processes() == {} and not list(HOME.rglob("hermes-gateway-th*"))


def check_leftovers() -> None:
    assert "uninstalled" in set(outcomes("uninstall", "--yes").values())
    assert processes() == {}
    left = [path for path in HOME.rglob("hermes-gateway*") if not path.is_dir()]
    assert left == [], left
    assert {row["service"]["installed"] for row in rows().values()} == {False}


def main() -> None:
    with BotApi() as api:
        ports = make(api)
        try:
            start_five(api, ports)
            restart_each_side(api, ports)
            check_sticky_profile(ports)
            check_restarts(api, ports)
            check_owner_change(api)
            check_failed_gateway(ports)
            stay_down()
            check_rename_and_delete(ports)
            check_leftovers()
        finally:
            subprocess.run(
                [sys.executable, "-m", "hermes_profiles.cli.gateways", "uninstall", "--yes"],
                check=False,
                capture_output=True,
            )
    print("told")


if __name__ == "__main__":
    main()
