"""The doctor on real gateways: killed, suspended, unresponsive, prevented from starting.

The Bot API is a stand-in on 127.0.0.1.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_api import BotApi
from command_runner import Runner
from free_ports import free_port
from hermes_judge import environment, far_folder
from real_hermes import judge_with_telegram
from test_conflict_gateways import TOKEN, answers, eventually

pytestmark = pytest.mark.judge


class Fleet:
    """Profiles with one token and separate API servers, started by hand and without an overlay."""

    def __init__(self, user_home: Path, api: BotApi) -> None:
        self.user = user_home
        self.root = user_home / ".hermes"
        self.environment = environment(
            user_home, HERMES_HOME=str(self.root), HERMES_ALLOW_ROOT_GATEWAY="1", NO_PROXY="*",
            TELEGRAM_FALLBACK_IPS="149.154.167.220", HERMES_TELEGRAM_DISABLE_FALLBACK_IPS="1",
        )  # fmt: skip
        self.locks = Path(self.environment["HERMES_GATEWAY_LOCK_DIR"])
        self.runner = Runner(user_home, {"HERMES_GATEWAY_LOCK_DIR": str(self.locks)})
        self.ports: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._api = api
        self._python = judge_with_telegram()

    def home(self, profile: str) -> Path:
        return self.root / "profiles" / profile

    def make(self, profile: str) -> None:
        self.home(profile).mkdir(parents=True)
        self.ports[profile] = free_port()
        (self.home(profile) / ".env").write_text(
            f"TELEGRAM_BOT_TOKEN={TOKEN}\nAPI_SERVER_ENABLED=true\nAPI_SERVER_HOST=127.0.0.1\n"
            f"API_SERVER_KEY=CANARY-{profile}-0123456789abcdef\nAPI_SERVER_PORT={self.ports[profile]}\n"
        )
        platforms = {"telegram": {"extra": {"base_url": f"{self._api.url}/{profile}/bot"}}}
        (self.home(profile) / "config.yaml").write_text(
            f"model:\n  default: none/none\nplatforms: {json.dumps(platforms)}\n"
        )

    def launch(self, profile: str) -> subprocess.Popen[bytes]:
        with (self.user / f"{profile}.log").open("ab") as log:
            self.running[profile] = subprocess.Popen(
                [self._python, "-m", "hermes_cli.main", "-p", profile, "gateway", "run"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.user, env=self.environment,
            )  # fmt: skip
        return self.running[profile]

    def start(self, profile: str) -> int:
        """Start a gateway and wait until it answers and has reported its bot; returns its pid."""
        started = self.launch(profile)
        eventually(lambda: answers(self.ports[profile]), lambda: self.log(profile))
        eventually(lambda: self.channel_state(profile) in ("connected", "retrying"), lambda: self.log(profile))
        return started.pid

    def channel_state(self, profile: str) -> str:
        try:
            state = json.loads((self.home(profile) / "gateway_state.json").read_bytes())
        except (OSError, ValueError):
            return ""
        if state["pid"] != self.running[profile].pid or state["gateway_state"] not in ("running", "draining"):
            return ""
        return str(state["platforms"].get("telegram", {}).get("state", ""))

    def end(self, profile: str, number: int = signal.SIGKILL) -> int:
        process = self.running.pop(profile)
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        process.wait(30)
        return process.pid

    def log(self, profile: str) -> str:
        return (self.user / f"{profile}.log").read_text(errors="replace")[-3000:]

    def findings(self, *words: str) -> list[dict[str, Any]]:
        """Return findings on gateways, without the one on missing supervision."""
        rows = self.runner.call("doctor", "--only", "runtime", "--skip", "runtime.unsupervised", "--json", *words)
        found: list[dict[str, Any]] = rows.data["findings"]
        return found

    def fix(self) -> list[str]:
        done = self.runner.call("doctor", "--only", "runtime", "--fix", "--yes", "--json")
        return [row["check"] for row in done.data["fixed"]]

    def exits(self, profile: str) -> str:
        """Start a gateway that fails, wait for its end, and return the end of its log."""
        process = self.launch(profile)
        assert process.wait(60) != 0, self.log(profile)
        del self.running[profile]
        return self.log(profile)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Yield a fleet in a home outside /tmp, where Hermes starts no gateway; all end with the test."""
    with far_folder("runtime") as folder, BotApi() as api:
        made = Fleet(folder, api)
        try:
            for profile in ("one", "two"):
                made.make(profile)
            yield made
        finally:
            for profile in tuple(made.running):
                made.end(profile)


def checks(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["check"], *row["profiles"]) for row in rows]


def test_doctor_reports_unresponsive_suspended_and_killed_gateways(fleet: Fleet) -> None:
    assert fleet.findings() == []
    one = fleet.start("one")
    assert fleet.findings() == [], "a healthy gateway"
    begun = time.time()
    fleet.start("two")
    (row,) = fleet.findings()
    assert checks([row]) == [("runtime.deaf", "two")] and row["channel"] == "telegram"
    assert "is retrying since 20" in row["message"]
    assert f"the gateway of one (process {one}) holds the lock of its bot" in row["message"]
    assert time.time() - begun < 60 and fleet.findings() == [row]

    os.kill(one, signal.SIGSTOP)
    silent = [each for each in fleet.findings() if each["check"] == "runtime.silent"]
    assert checks(silent) == [("runtime.silent", "one")]
    subprocess.run(["/bin/sh", "-c", silent[0]["fix"]["command"]], check=True)
    eventually(lambda: fleet.findings() == [row], lambda: str(fleet.findings()))

    files = {path: path.read_bytes() for path in fleet.home("one").glob("gateway.*")}
    killed = fleet.end("two")
    (row,) = fleet.findings()
    assert checks([row]) == [("runtime.stale-pid", "two")] and f"process {killed}, which has ended" in row["message"]
    assert fleet.fix() == ["runtime.stale-pid"] and not (fleet.home("two") / "gateway.pid").exists()
    assert {path: path.read_bytes() for path in fleet.home("one").glob("gateway.*")} == files
    assert answers(fleet.ports["one"]) and fleet.findings() == []

    # The lock of a killed gateway blocks no other one: it has no finding.
    fleet.end("one")
    assert fleet.fix() == ["runtime.stale-pid"]
    assert list(fleet.locks.glob("telegram-bot-token-*.lock"))
    assert fleet.findings() == []
    fleet.start("two")
    assert fleet.channel_state("two") == "connected" and fleet.findings() == []


@pytest.mark.nightly
def test_doctor_reports_reused_pid(fleet: Fleet) -> None:
    one = fleet.start("one")
    (fleet.home("two") / "gateway.pid").write_bytes((fleet.home("one") / "gateway.pid").read_bytes())
    (row,) = fleet.findings()
    assert checks([row]) == [("runtime.reused-pid", "two")] and "which is the gateway of one" in row["message"]
    assert fleet.fix() == ["runtime.reused-pid"] and (fleet.home("one") / "gateway.pid").exists()

    fleet.end("one")
    record = json.loads((fleet.home("one") / "gateway.pid").read_bytes())
    (fleet.home("one") / "gateway.pid").write_text(json.dumps(record | {"pid": os.getpid()}))
    (row,) = fleet.findings()
    assert (
        checks([row]) == [("runtime.reused-pid", "one")]
        and f"process {os.getpid()}, which is another" in row["message"]
    )
    assert fleet.fix() == ["runtime.reused-pid"]
    assert fleet.start("one") != one
    assert fleet.channel_state("one") == "connected" and fleet.findings() == []


@pytest.mark.parametrize(
    ("name", "plant", "check"),
    [
        ("gateway.pid", Path.mkdir, "runtime.bad-pid-file"),
        pytest.param("gateway.lock", Path.mkdir, "runtime.stale-lock", marks=pytest.mark.nightly),
        pytest.param("gateway.lock", os.mkfifo, "runtime.stale-lock", marks=pytest.mark.nightly),
    ],
)
def test_doctor_reports_what_prevents_gateway_start(
    fleet: Fleet, name: str, plant: Callable[[Path], None], check: str
) -> None:
    plant(fleet.home("one") / name)
    (row,) = fleet.findings()
    assert (row["check"], row["severity"]) == (check, "error")
    fleet.exits("one")
    assert check in {each["check"] for each in fleet.findings()}, "a start does not fix it"
    assert check in fleet.fix()
    fleet.start("one")
    assert fleet.findings() == []


@pytest.mark.parametrize(
    "plant",
    [
        lambda path: path.write_text("garbage"),
        pytest.param(lambda path: path.write_text('{"pid": 1'), marks=pytest.mark.nightly),
        pytest.param(lambda path: path.symlink_to("nowhere"), marks=pytest.mark.nightly),
        pytest.param(os.mkfifo, marks=pytest.mark.nightly),
    ],
)
def test_doctor_warns_about_misleading_pid_file(fleet: Fleet, plant: Callable[[Path], None]) -> None:
    """It is a warning, because Hermes removes the file."""
    plant(fleet.home("one") / "gateway.pid")
    (row,) = fleet.findings()
    assert (row["check"], row["severity"]) == ("runtime.bad-pid-file", "warning")
    fleet.start("one")
    assert fleet.findings() == []


@pytest.mark.nightly
def test_doctor_reports_folder_in_place_of_channel_lock(fleet: Fleet) -> None:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()[:16]
    lock = fleet.locks / f"telegram-bot-token-{digest}.lock"
    (lock / "x").mkdir(parents=True)
    (row,) = fleet.findings()
    assert checks([row]) == [("runtime.stale-lock", "one", "two")]
    fleet.start("one")
    assert fleet.channel_state("one") == "retrying"
    subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], check=True)
    fleet.end("one", signal.SIGINT)
    fleet.start("one")
    assert fleet.channel_state("one") == "connected" and fleet.findings() == []


@pytest.mark.nightly
def test_doctor_reports_leftover_drain_request(fleet: Fleet) -> None:
    request = fleet.home("one") / ".drain_request.json"
    request.write_text('{"action": "drain"}')
    old = time.time() - 7200
    os.utime(request, (old, old))
    (row,) = fleet.findings()
    assert (row["check"], row["severity"]) == ("runtime.stale-marker", "warning")
    fleet.start("one")

    def state() -> str:
        return str(json.loads((fleet.home("one") / "gateway_state.json").read_bytes())["gateway_state"])

    eventually(lambda: state() == "draining", lambda: fleet.log("one"))
    (row,) = fleet.findings()
    assert row["check"] == "runtime.stale-marker" and "refused all messages" in row["message"]
    assert fleet.fix() == [] and request.exists(), "its writer can still need it"
    subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], check=True)
    eventually(lambda: state() == "running", lambda: fleet.log("one"))
    assert fleet.findings() == []


def settled(observe: Callable[[], list[str]]) -> list[str]:
    """Return the state once it is stable for three seconds: a started gateway continues to create files."""
    seen, since, deadline = observe(), time.monotonic(), time.monotonic() + 60
    while time.monotonic() - since < 3:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
        now = observe()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def test_doctor_leaves_databases_of_running_gateway_unchanged(fleet: Fleet) -> None:
    fleet.start("one")
    names = settled(lambda: sorted(str(path) for path in fleet.home("one").rglob("*.db*")))
    assert any(name.endswith("response_store.db") for name in names), names
    for _ in range(20):
        assert fleet.findings() == []
    assert sorted(str(path) for path in fleet.home("one").rglob("*.db*")) == names
    fleet.end("one", signal.SIGINT)
    left = {path: path.read_bytes() for path in fleet.home("one").rglob("*.db*")}
    assert fleet.findings() == []
    assert {path: path.read_bytes() for path in fleet.home("one").rglob("*.db*")} == left
