"""A fleet of real gateways under one service manager, commands on it, and what was wrong with their answers.

HOME belongs to the fleet. What is true comes from `fleet_judge`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from fleet_judge import FleetJudge, TimedPolls, Truth, differences
from free_ports import free_ports
from ntfy_stand_in import TopicStreams
from process_polls import is_alive

HOME = Path(os.environ["HOME"])
ROOT = HOME / ".hermes"
NAMES = ("default", "ada", "bert", "cleo", "dora", "emil", "fay", "gus", "hal", "ines", "jan", "kim")
GROUP = "some"
CHANNELS = ("telegram", "ntfy")
PATIENCE = 2.0  # seconds until a status has to be true
_TIMEOUT = 240.0
_GOOD = {"started", "already-running", "restarted"}
_NAMED = re.compile(r"(?:process|PID) (\d+)")
_ENDED_SINCE = re.compile(r"gone|ended|held|another program|is not a gateway")
_NUMBER = re.compile(r"\d+")
_ENDED = {"stopped", "already-stopped"}


class Ran(NamedTuple):
    """One command of ours that has ended."""

    words: tuple[str, ...]
    code: int
    answer: dict[str, Any]
    error: str
    ended: float

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """Return the outcomes of its profiles."""
        found = (self.answer.get("data") or {}).get("outcomes")
        return found if isinstance(found, list) else []


class JudgedFleet:
    """Profiles and their gateways; `faults`: what was wrong, `said`: the present step."""

    def __init__(self, hermes: str, manager: str, seed: int, count: int) -> None:
        self.hermes = hermes
        self.is_systemd = manager == "systemd"
        self.random = random.Random(seed)
        self.names = NAMES[:count]
        self.polls = TimedPolls()
        self.ports = free_ports(self.names)
        self.topics = TopicStreams()
        self.judge = FleetJudge(ROOT, self.polls, self.topics, dict(self.ports))
        # Channel → profile → whose bot or topic it has.
        self.holds = {channel: {name: name for name in self.names} for channel in CHANNELS}
        self.broken: dict[Path, bytes] = {}
        self.masked: dict[Path, bytes] = {}
        self.suspended: set[int] = set()
        # Gateways that a command of Hermes has become: no service of ours started them.
        self.by_hermes: set[int] = set()
        self.may_run: set[str] = set()
        self.faults: list[dict[str, Any]] = []
        self.known: set[tuple[str, str]] = set()
        self.said = ""
        self.environment = {
            "HOME": str(HOME), "PATH": f"{Path(hermes).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "NO_COLOR": "1",
            "COLUMNS": "120", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        session = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
        self.environment |= {name: os.environ[name] for name in session if name in os.environ}
        self.ours = {**self.environment, "PYTHONPATH": os.environ["PYTHONPATH"]}
        if not self.is_systemd:
            self.ours["HERMES_PROFILES_MANAGER"] = manager

    # -- profiles

    def home(self, name: str) -> Path:
        """Return the home of a profile."""
        return ROOT if name == "default" else ROOT / "profiles" / name

    def write(self, name: str) -> None:
        """Write a profile with its API server, and the bot whose token it has now."""
        home = self.home(name)
        home.mkdir(parents=True, exist_ok=True)
        number, topic = (self.names.index(self.holds[channel][name]) for channel in CHANNELS)
        lines = [
            "HERMES_DISABLE_LAZY_INSTALLS=1", "HERMES_GATEWAY_MAX_STARTS=100000", "API_SERVER_ENABLED=true",
            "API_SERVER_HOST=127.0.0.1", f"API_SERVER_PORT={self.judge.ports[name]}",
            f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef", f"TELEGRAM_BOT_TOKEN={token(number)}",
            "TELEGRAM_FALLBACK_IPS=149.154.167.220", "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1", "NO_PROXY=*",
            f"NTFY_SERVER_URL={self.topics.url}", f"NTFY_TOPIC=CANARY-topic-{topic:02}",
        ]  # fmt: skip
        extra = {"base_url": f"{self.polls.url}/{name}/bot"}
        config = {"model": {"default": "none/none"}, "platforms": {"telegram": {"extra": extra}}}
        (home / ".env").write_text("\n".join(lines) + "\n")
        (home / "config.yaml").write_text(json.dumps(config) + "\n")

    def prepare(self) -> None:
        """Make the profiles, a group and the services, and start all."""
        for name in self.names:
            self.write(name)
        self.said = "install --start"
        self.run("group", GROUP, *self.names[1 : 2 + len(self.names) // 3])
        done = self.run("install", "--start", "--python", self.hermes)
        self.may_run |= set(self.names)
        if done.code:
            self.fault("", f"install exits with {done.code}: {done.error[-600:]} {done.answer.get('errors')}")
        self.compare()

    # -- commands

    def begin(self, words: tuple[str, ...]) -> subprocess.Popen[str]:
        """Start a command of ours."""
        module = "hermes_profiles.cli" if words[0] == "doctor" else "hermes_profiles.cli.gateways"
        return subprocess.Popen(
            [sys.executable, "-m", module, *words, "--json"], env=self.ours, cwd=HOME, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def finish(self, words: tuple[str, ...], process: subprocess.Popen[str]) -> Ran:
        """Return what a command of ours answered."""
        try:
            out, error = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, error = process.communicate()
            self.fault("", f"{words} did not end within {_TIMEOUT:.0f} s")
        answer = {}
        with contextlib.suppress(ValueError):
            answer = json.loads(out)
        # An outcome has the last lines of a gateway's log, where a traceback is one of Hermes.
        if "CANARY" in out + error or "Traceback" in (error if answer else out + error):
            self.fault("", f"{words} shows a secret or a traceback: {error[-1500:]} {out[-1500:]}")
        if process.returncode >= 0 and answer.get("exit_code") != process.returncode:
            self.fault(
                "", f"{words} exits with {process.returncode}, its answer says {answer.get('exit_code')}: {error}"
            )
        return Ran(words, process.returncode, answer, error, time.monotonic())

    def run(self, *words: str) -> Ran:
        """Run a command of ours."""
        return self.finish(words, self.begin(words))

    def run_hermes(self, name: str, *words: str) -> None:
        """Run a command of Hermes; one that goes on as the gateway is left running."""
        log = (HOME / "hermes-commands.log").open("ab")
        with contextlib.suppress(OSError), log:
            process = subprocess.Popen(
                [self.hermes, "-m", "hermes_cli.main", "-p", name, *words],
                env={**self.environment, "HERMES_ALLOW_ROOT_GATEWAY": "1"}, cwd=HOME, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(6)
            except subprocess.TimeoutExpired:
                self.by_hermes.add(process.pid)

    def systemctl(self, *words: str) -> None:
        """Run systemctl on the user manager."""
        subprocess.run(["systemctl", "--user", *words], check=False, capture_output=True, timeout=60)

    # -- judgement

    def fault(self, profile: str, text: str, **more: Any) -> None:
        """Record something wrong, once while it lasts."""
        self.faults.append({"step": self.said, "profile": profile, "fault": text, **more})
        print(
            f"    FAULT {profile}: {text}", *(f"\n        {name}: {value}" for name, value in more.items()), flush=True
        )

    def status(self) -> tuple[dict[str, Any], int]:
        """Return our rows and the exit code of our status."""
        done = self.run("status")
        rows = {row["profile"]: row for row in (done.answer.get("data") or {}).get("gateways", [])}
        return rows, done.code

    def compare(self) -> None:
        """Compare our status with the truth until they agree; what differs for PATIENCE without a change is wrong."""
        began: dict[tuple[str, str], tuple[float, int]] = {}
        deadline, wrong = time.monotonic() + 40, {}
        while time.monotonic() < deadline:
            before = self.judge.truth()
            rows, code = self.status()
            after, now = self.judge.truth(), time.monotonic()
            still = {name for name, each in before.items() if each.is_like(after[name])}
            found = {
                (name, kind_of(text)): text
                for name, text in differences(rows, after, code)
                if (name or len(still) == len(before)) and (not name or name in still)
                if not name or not self.is_second_named(rows[name], after[name], text)
            }
            began = {key: began.get(key, (now, 0)) for key in found}
            began = {key: (since, looks + 1) for key, (since, looks) in began.items()}
            wrong = {key: text for key, text in found.items() if now - began[key][0] > PATIENCE and began[key][1] > 2}
            if not found or (wrong and len(wrong) == len(found)):
                break
            time.sleep(0.2)
        for (name, kind), text in wrong.items():
            if (name, kind) not in self.known:
                self.fault(name, text, row=short_row(rows.get(name)), truth=after.get(name))
        self.known = set(wrong)
        self.check_doubles()
        self.check_unasked(after if wrong else self.judge.truth())

    def is_second_named(self, row: dict[str, Any], truth: Truth, text: str) -> bool:
        """Return whether a service tries to start a gateway beside one of Hermes' own, and the row says so."""
        others = {pid for pid in truth.pids if pid != row["pid"]}
        named = set(map(int, _NUMBER.findall(" ".join(row["disagreement"]))))
        return "gateways of one profile" in text and bool(self.by_hermes & set(truth.pids)) and others <= named

    def check_doubles(self) -> None:
        """Record each time two processes polled one token.

        A gateway that Hermes itself started knows no mask, and Hermes does not lock a topic.
        """
        for stand_in in (self.polls, self.topics):
            doubles = stand_in.doubles[:]
            del stand_in.doubles[: len(doubles)]
            for what, one, other in sorted(set(doubles)):
                if stand_in is self.topics and self.by_hermes & {one, other}:
                    continue
                self.fault("", f"two gateways poll one bot or topic ({what[:15]}): processes {one} and {other}")

    def check_unasked(self, truth: dict[str, Truth]) -> None:
        """Record gateways that run though nothing has asked for them since they were stopped."""
        runs = {name for name, each in truth.items() if each.pids}
        for name in sorted(runs - self.may_run):
            self.fault(name, f"runs (PID {truth[name].pids}), nobody has started it")
        self.may_run |= runs

    def check_doctor(self) -> None:
        """Record findings of doctor that name an ended process as if it ran."""
        done = self.run("doctor")
        findings = (done.answer.get("data") or {}).get("findings", [])
        if done.code not in (0, 3) or (done.code == 3) != any(each["severity"] == "error" for each in findings):
            self.fault("", f"doctor exits with {done.code}", errors=done.answer.get("errors"), error=done.error[-600:])
        for text in (each["message"] for each in findings):
            dead = [pid for pid in map(int, _NAMED.findall(text)) if not is_alive(pid)]
            if dead and not _ENDED_SINCE.search(text):
                self.fault("", f"doctor names ended processes: {text}")

    def check(self, done: Ran) -> None:
        """Compare the outcomes and the exit code of a command that has just ended with the process table."""
        gateways = self.judge.gateways()
        bad = []
        for each in done.outcomes:
            name, outcome, pids = each["profile"], each["outcome"], gateways.get(each["profile"], [])
            if outcome in _GOOD and (not pids or each["pid"] not in (None, *pids)) and not self.is_fresh(done, name):
                self.fault(name, f"{outcome} (PID {each['pid']}), its gateways are {pids}", detail=each["detail"])
            elif outcome in _ENDED and pids:
                self.fault(name, f"{outcome}, its gateways are {pids}", detail=each["detail"])
            elif outcome not in _GOOD | _ENDED | {"skipped"}:
                bad.append(each)
            if outcome in _ENDED:
                self.may_run.discard(name)
        if bool(done.code) != bool(bad or done.answer.get("errors")):
            self.fault("", f"{done.words} exits with {done.code}, its outcomes are {done.outcomes}")
        if done.code:
            print(f"    exit {done.code}: {[(e['profile'], e['outcome'], e['detail'][:150]) for e in bad]}", end=" ")
            print([str(each.get("message"))[:200] for each in done.answer.get("errors") or []], flush=True)
        if done.code and not any(each["outcome"] == "refused" for each in bad):
            self.check_failed(done, bad)

    def is_fresh(self, done: Ran, name: str) -> bool:
        """Return whether a gateway may have ended since a command has said that it runs."""
        return any(pid in self.suspended for pid in self.judge.gateways().get(name, [])) and done.code == 0

    def check_failed(self, done: Ran, bad: list[dict[str, Any]]) -> None:
        """Record a command that failed although all that it was asked for is there."""
        if done.words[0] == "start" and bad:
            truth = self.judge.truth()
            if all(truth[each["profile"]].answers and truth[each["profile"]].polls_for for each in bad):
                self.fault(
                    "", f"{done.words} exits with {done.code}, all of {[e['profile'] for e in bad]} are up", bad=bad
                )

    def ask(self, *words: str) -> None:
        """Run a command of ours, and check what it says."""
        self.may_run |= self.selected(words) if words[0] != "stop" else set()
        self.check(self.run(*words))

    def selected(self, words: tuple[str, ...]) -> set[str]:
        """Return the profiles that a command may start."""
        named = {word for word in words[1:] if word in self.names}
        if "--group" in words:
            return set(self.names[1 : 2 + len(self.names) // 3])
        return named or set(self.names)


def token(number: int) -> str:
    """Return a bot token; the stand-in accepts any number."""
    return f"71000001{number:02}:CANARYtelegramCANARYtelegramCANARY{number:02}"


def send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kind_of(text: str) -> str:
    """Return what kind of difference a text tells, without its numbers."""
    return "".join(each for each in text if not each.isdigit())


def short_row(row: Any) -> Any:
    """Return what a report needs of one of our rows."""
    if not row:
        return row
    channels = [(each["name"], each["state"], each["detail"]) for each in row["channels"]]
    service = {name: row["service"][name] for name in ("installed", "enabled", "active")}
    found = {name: row.get(name) for name in ("state", "pid", "detail", "uptime_s", "restarts", "last_exit")}
    return {**found, "channels": channels, "api": row["api"], "service": service, "disagreement": row["disagreement"]}
