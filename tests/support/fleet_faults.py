"""Faults injected into twelve real gateways one after the other: what the watcher logs, and which alerts go out.

Run as a program: Python of real Hermes, manager, a file for the results, names of faults (all without any). HOME
belongs to the fleet and is a small file system of its own. The last printed line is JSON: one row for each fault.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import judged_fleet
from judged_fleet import HOME, NAMES, ROOT, JudgedFleet, send_signal
from loopback_server import LoopbackServer
from process_polls import is_alive
from thin_venv import checkout_venv, linked_venv, packages_of

OUTBOX = HOME / "outbox"
_LOG = ROOT / "profiles/.hermes-profiles/events/log.ndjson"
_CHECKOUT = Path(__file__).resolve().parents[2]
# An alert goes out at once, and nothing holds it back.
_AT_ONCE = ("--after", "0", "--limit", "1000")
_RECORD = """#!/bin/sh
{ date +%s.%N; echo "$HERMES_ALERT_KIND"; cat; echo --end--; } >> "$1"
"""
_OVER = re.compile(r", after \d+ (?:s|min|h|d) \(")
# Seconds: until a fault must be in the log; where only a look can see it; until an alert and a recovery must be out.
SOON, LOOK, _SENT, _CALM, _SEEN = 10.0, 60.0, 25.0, 240.0, 150.0
_SUSPENDED = 100.0
# Seconds after which Hermes notices that its polls hang.
_HERMES = 100.0


class Sent(NamedTuple):
    """One message that went out: its kind, the faults in it and the ends of faults."""

    at: float
    kind: str
    falls: tuple[str, ...]
    overs: tuple[str, ...]


class Seen(NamedTuple):
    """One row of the result. `after`: seconds from the fault to its event, None without one."""

    fault: str
    profile: str
    kind: str
    cause: str
    reason: str
    after: float | None
    limit: float
    alert_after: float | None
    alerts: int
    recoveries: int
    wrong: tuple[str, ...]
    events: tuple[str, ...]


class Injected(NamedTuple):
    """One kind of fault. `kinds`: of its event; `limit`: seconds; `alerts`: how many go out; `is_fleet`: of no profile.

    `inject` returns when the fault was there (monotonic); `repair` undoes it.
    """

    name: str
    profile: str
    kinds: tuple[str, ...]
    reason: str
    inject: Callable[[], float]
    repair: Callable[[], object]
    limit: float = SOON
    alerts: int = 1
    is_fleet: bool = False


class ModelApi(LoopbackServer):
    """A stand-in for a model provider that refuses each key."""

    def __init__(self) -> None:
        super().__init__(_Refusal)


class _Refusal(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""


class FaultyFleet(JudgedFleet):
    """Twelve gateways, a watcher, and faults."""

    def __init__(self, hermes: str, manager: str, count: int = len(NAMES)) -> None:
        self.model = ModelApi()
        super().__init__(hermes, manager, 0, count)
        self.ours_python = checkout_venv(HOME / "ours", _CHECKOUT, HOME)
        self.hermes = linked_venv(HOME / "agent", "hermes_agent-")
        self.ours.pop("PYTHONPATH")
        self.environment["PATH"] = self.ours["PATH"] = f"{HOME}/agent/bin:/usr/bin:/bin"
        self.closed: list[socket.socket] = []
        self.rows: list[Seen] = []

    def begin(self, words: tuple[str, ...]) -> subprocess.Popen[str]:
        """Start a command of ours, without --json for one that has no such answer."""
        module = "hermes_profiles.cli" if words[0] in ("doctor", "config") else "hermes_profiles.cli.gateways"
        return subprocess.Popen(
            [self.ours_python, "-I", "-m", module, *words, "--json"], env=self.ours, cwd=HOME,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def write(self, name: str) -> None:
        """Write a profile; its model is the stand-in."""
        super().write(name)
        home = self.home(name)
        config = json.loads((home / "config.yaml").read_text())
        config["model"] = {
            "default": "stand-in", "provider": "custom", "base_url": f"{self.model.url}/v1", "api_key": "CANARY-model",
            "context_length": 128_000,
        }  # fmt: skip
        (home / "config.yaml").write_text(json.dumps(config) + "\n")
        with (home / ".env").open("a") as env:
            env.write("GATEWAY_ALLOW_ALL_USERS=true\n")

    def prepare(self) -> None:
        """Make the fleet, the watcher and an alert that is sent at once."""
        OUTBOX.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(OUTBOX)], check=True)
        (OUTBOX / "record").write_text(_RECORD)
        (OUTBOX / "record").chmod(0o755)
        super().prepare()
        self.command("watch", "on")
        self.add_alert("whole")
        self.rest()

    def add_alert(self, name: str) -> None:
        self.command("alert", "add", name, "--exec", f"{OUTBOX}/record {OUTBOX}/{name}", *_AT_ONCE)

    def command(self, *words: str) -> None:
        """Run a command of ours that must succeed."""
        done = self.run(*words)
        if done.code:
            self.fault("", f"{words} exits with {done.code}: {done.error[-500:]} {done.answer.get('errors')}")

    def rest(self, seconds: float = 90.0) -> bool:
        """Wait until all gateways work; return whether they do."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            rows, code = self.status()
            if code == 0 and all(row["state"] == "running" for row in rows.values()):
                return True
            time.sleep(1)
        return False

    # -- what is seen

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the events of the log with a greater number, the file before included."""
        found = []
        for path in (_LOG.with_name(f"{_LOG.name}.1"), _LOG):
            with contextlib.suppress(OSError):
                for line in path.read_text().splitlines():
                    with contextlib.suppress(ValueError):
                        event = json.loads(line)
                        if event["number"] > after:
                            found.append(event)
        return found

    def last_number(self) -> int:
        return max((each["number"] for each in self.events()), default=0)

    def pid(self, name: str) -> int:
        """Return the process of a gateway, 0 without one."""
        return next(iter(self.judge.gateways().get(name, [])), 0)

    def new_pid(self, name: str, old: int, seconds: float = 60.0) -> int:
        """Return the process of a gateway once it is another one, 0 where none came."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid = self.pid(name)
            if pid and pid != old:
                return pid
            time.sleep(0.1)
        return 0

    def came_up(self, name: str, pid: int) -> float:
        """Return when a process reported that it runs (monotonic)."""
        path = self.home(name) / "gateway_state.json"

        def is_up() -> bool:
            with contextlib.suppress(ValueError):
                state = json.loads(_text(path) or "{}")
                return state.get("pid") == pid and state.get("gateway_state") in ("running", "degraded")
            return False

        _until(is_up, LOOK)
        return time.monotonic()

    # -- one fault

    def try_fault(self, number: int, fault: Injected) -> None:
        """Inject a fault, wait for its event and its alert, repair it, wait for the recovery."""
        print(f"{time.strftime('%H:%M:%S')} {fault.name}: {fault.profile}", flush=True)
        self.said = fault.name
        self.add_alert(outbox := f"f{number}")
        position, wrong = self.last_number(), []
        began = fault.inject()
        event = self.wait_for(fault, position) if fault.kinds else None
        seen, began_at = time.monotonic(), time.time() - time.monotonic() + began
        # The clock of an event can be a set one, and it can be older than the end of the injection.
        after = max(min(_epoch(event) - began_at, seen - began), 0.0) if event is not None else None
        sent: list[Sent] = []
        alert_after = None
        if fault.alerts:
            alerted = self.alert_of(outbox)
            alert_after = alerted - began if alerted is not None else None
        else:
            time.sleep(SOON)
        fault.repair()
        if not fault.is_fleet or fault.alerts:
            _until(lambda: _is_balanced(sent_by(outbox)), _CALM)
        if not self.rest():
            wrong.append("not all gateways work again")
        time.sleep(SOON)
        _until(lambda: _is_balanced(sent_by(outbox)), _CALM)
        sent = sent_by(outbox)
        events = self.events(position)
        alerts = sum(bool(each.falls) for each in sent)
        recoveries = sum(bool(each.overs) for each in sent)
        if fault.kinds and event is None:
            wrong.append("no event")
        elif after is not None and after > fault.limit:
            wrong.append(f"late: {after:.1f} s")
        if (alerts, recoveries) != (fault.alerts, fault.alerts):
            wrong.append(f"{alerts} alerts, {recoveries} recoveries")
        if event is not None and not re.search(fault.reason, f"{event['reason']} {event['exit_code']}"):
            wrong.append("the reason")
        mine = {fault.profile, None}
        strangers = [each for one in sent for each in one.falls if not fault.is_fleet and not _names(each, mine)]
        wrong += [f"an alert of another: {each}" for each in strangers]
        row = Seen(
            fault.name, fault.profile, (event or {}).get("kind", ""), (event or {}).get("cause", ""),
            (event or {}).get("reason") or "", after and round(after, 1), fault.limit,
            alert_after and round(alert_after, 1), alerts, recoveries, tuple(wrong),
            tuple(map(_short, events)),
        )  # fmt: skip
        self.rows.append(row)
        print(f"    {json.dumps(row._asdict() | {'events': []})}", flush=True)
        for text in (*row.events, *(str(each) for each in sent)):
            print(f"        {text}", flush=True)
        self.command("alert", "remove", outbox)

    def alert_of(self, outbox: str) -> float | None:
        """Return when the first alert went out (monotonic), None where none did."""
        _until(lambda: any(each.falls for each in sent_by(outbox)), _SENT)
        at = next((each.at for each in sent_by(outbox) if each.falls), None)
        return at - time.time() + time.monotonic() if at is not None else None

    def wait_for(self, fault: Injected, position: int) -> dict[str, Any] | None:
        """Return the event of a fault once it is in the log, None where it does not come."""
        deadline = time.monotonic() + _SEEN
        while time.monotonic() < deadline:
            for event in self.events(position):
                is_about = fault.is_fleet or event["profile"] == fault.profile
                if is_about and event["kind"] in fault.kinds and event["cause"] != "command":
                    return event
            time.sleep(0.1)
        return None

    # -- the faults

    def all(self) -> Iterator[Injected]:
        """Yield every fault that there is under this manager, those that concern all gateways last."""
        yield self.one_crash("ada")
        yield self.crash_loop("bert")
        yield self.suspended_gateway("cleo")
        yield self.of_platform("token revoked (401)", "dora", "401", ("token-refused",), "401|[Uu]nauthorized")
        # The library of Telegram waits and asks again; Hermes 0.19.0 logs nothing of it.
        yield self.of_platform("rate limit (429)", "emil", "429", (), "")._replace(alerts=0)
        yield self.of_platform("two pollers (409)", "fay", "409", ("conflict",), "409|Conflict")
        yield self.conflict_lost("gus", "hal")
        yield self.port_stolen("hal")
        yield self.broken_config("ines")
        yield self.model_key("jan")
        yield self.out_of_memory("kim")
        yield self.unit_removed("ada")
        if self.is_systemd:
            yield self.unit_masked("bert")
        yield self.of_platform("platform answers 502", "dora", "502", ("degraded",), "502|Bad Gateway")
        yield self.of_platform("platform refuses", "emil", "refuse", ("degraded",), "")
        yield self.of_platform("platform hangs", "fay", "hang", ("degraded",), "")
        yield self.log_not_writable("cleo")
        yield self.profile_deleted("gus")
        yield self.hermes_updated("default")
        yield self.clock_set()
        yield self.disk_full()
        yield self.machine_suspended()
        if not self.is_systemd:
            yield self.supervisord_killed()

    def signal(self, name: str, number: int) -> float:
        """Send a signal to a gateway, and return when (monotonic); 0 is the group of this process."""
        if pid := self.pid(name):
            send_signal(pid, number)
        return time.monotonic()

    def kill(self, name: str) -> float:
        return self.signal(name, signal.SIGKILL)

    def one_crash(self, name: str) -> Injected:
        return Injected("one crash", name, ("down",), "-9|SIGKILL", lambda: self.kill(name), _nothing)

    def crash_loop(self, name: str) -> Injected:
        def inject() -> float:
            began, old = self.kill(name), 0
            for _ in range(3):
                old = self.new_pid(name, old)
                time.sleep(0.5)
                began = self.kill(name)
                print(f"    killed {old}", flush=True)
            return began

        return Injected("crash loop", name, ("crash-looping",), "restarted|SIGKILL", inject, _nothing)

    def suspended_gateway(self, name: str) -> Injected:
        return Injected(
            "suspended (SIGSTOP)", name, ("hung",), "SIGSTOP", lambda: self.signal(name, signal.SIGSTOP),
            lambda: self.signal(name, signal.SIGCONT),
        )  # fmt: skip

    def of_platform(self, what: str, name: str, mode: str, kinds: tuple[str, ...], reason: str) -> Injected:
        def inject() -> float:
            self.polls.modes[name] = mode
            return time.monotonic()

        def repair() -> None:
            self.polls.modes.pop(name, None)
            if mode == "401":
                self.command("restart", "--yes", name)

        limit = _HERMES if mode == "hang" else SOON
        return Injected(what, name, kinds, reason, inject, repair, limit)

    def conflict_lost(self, name: str, of: str) -> Injected:
        def inject() -> float:
            self.holds["telegram"][name] = of
            self.write(name)
            old = self.pid(name)
            self.signal(name, signal.SIGUSR1)  # Hermes asks its manager for a restart
            return self.came_up(name, self.new_pid(name, old))

        def repair() -> None:
            self.holds["telegram"][name] = name
            self.write(name)
            self.command("restart", "--yes", "--start-stopped", name)

        return Injected("conflict won by another", name, ("conflict",), of, inject, repair)

    def port_stolen(self, name: str) -> Injected:
        def inject() -> float:
            self.command("stop", "--yes", name)
            thief = socket.socket()
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    thief.bind(("127.0.0.1", self.ports[name]))
                    break
                time.sleep(0.02)
            thief.listen()
            self.closed.append(thief)
            threading.Thread(target=self.run, args=("start", name)).start()
            return self.came_up(name, self.new_pid(name, 0))

        def repair() -> None:
            self.closed.pop().close()
            self.command("restart", "--yes", name)

        return Injected("port stolen", name, ("port-lost",), "port|listen", inject, repair)

    def broken_config(self, name: str) -> Injected:
        def inject() -> float:
            path = self.home(name) / "config.yaml"
            path.write_text(path.read_text() + 'platforms: {telegram: [}\n"')
            began = time.monotonic()
            threading.Thread(target=self.run, args=("restart", "--yes", name)).start()
            return began

        def repair() -> None:
            self.write(name)
            self.command("restart", "--yes", "--start-stopped", name)

        return Injected("config broken at restart", name, ("configuration-broken",), "config", inject, repair)

    def model_key(self, name: str) -> Injected:
        def inject() -> float:
            self.polls.send(str(self.pid(name)), 42, "hello")
            log, deadline = self.home(name) / "logs/errors.log", time.monotonic() + 60
            while time.monotonic() < deadline and "Non-retryable client error" not in _text(log):
                time.sleep(0.1)
            return time.monotonic()

        return Injected(
            "model key refused", name, ("model-key-refused",), "refuses the key", inject,
            lambda: self.command("restart", "--yes", name),
        )  # fmt: skip

    def out_of_memory(self, name: str) -> Injected:
        """The service manager gets a small memory cgroup while it starts a gateway, which the kernel then ends.

        Without memory cgroups of version 1 SIGKILL stands for that.
        """
        groups = HOME / "groups"
        small = groups / f"hermes-small-{os.getpid()}-{int(time.time())}"

        def inject() -> float:
            self.command("stop", "--yes", name)
            groups.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "cgroup", "-o", "memory", "none", str(groups)], check=False)
            try:
                small.mkdir()
                (small / "memory.limit_in_bytes").write_text("64M")
                for pid in managers(self.judge.daemons()):
                    (small / "cgroup.procs").write_text(str(pid))
            except OSError as error:
                print(f"    no memory cgroup: {error}; SIGKILL", flush=True)
            threading.Thread(target=self.run, args=("start", name)).start()
            pid = self.new_pid(name, 0)
            if not small.exists():
                return self.kill(name)
            _until(lambda: not is_alive(pid), LOOK)
            return time.monotonic()

        def repair() -> None:
            with contextlib.suppress(OSError):
                for line in (small / "cgroup.procs").read_text().split():
                    with contextlib.suppress(OSError):
                        (groups / "cgroup.procs").write_text(line)
                small.rmdir()
            subprocess.run(["umount", str(groups)], check=False)

        return Injected("out of memory", name, ("down",), "memory ran out", inject, repair)

    def definition(self, name: str) -> Path:
        """Return the file that defines a service."""
        if self.is_systemd:
            return HOME / ".config/systemd/user" / f"hermes-gateway-{name}.service"
        found = (ROOT / "profiles/.hermes-profiles/supervisor").rglob(f"*{name}*.conf")
        return next(iter(found))

    def unit_removed(self, name: str) -> Injected:
        def inject() -> float:
            self.definition(name).unlink()
            began = time.monotonic()
            if self.is_systemd:
                self.systemctl("daemon-reload")
            return began

        def repair() -> None:
            self.command("install", "--force", "--python", self.hermes, name)
            self.command("restart", "--yes", "--start-stopped", name)

        return Injected("unit removed by hand", name, ("unsupervised",), "removed", inject, repair)

    def unit_masked(self, name: str) -> Injected:
        kept: list[bytes] = []

        def inject() -> float:
            path = self.definition(name)
            kept.append(path.read_bytes())
            path.unlink()
            path.symlink_to("/dev/null")
            began = time.monotonic()
            self.systemctl("daemon-reload")
            return began

        def repair() -> None:
            path = self.definition(name)
            path.unlink()
            path.write_bytes(kept.pop())
            self.systemctl("daemon-reload")

        return Injected("unit masked", name, ("unsupervised",), "masked", inject, repair)

    def log_not_writable(self, name: str) -> Injected:
        logs = self.home(name) / "logs"

        def inject() -> float:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(logs)], check=True)
            began, old = time.monotonic(), self.pid(name)
            self.signal(name, signal.SIGUSR1)
            _until(lambda: self.pid(name) != old, LOOK)
            return began

        def repair() -> None:
            subprocess.run(["umount", str(logs)], check=True)
            self.command("restart", "--yes", "--start-stopped", name)

        return Injected("log not writable", name, ("log-lost",), "logs cannot", inject, repair, LOOK + SOON)

    def profile_deleted(self, name: str) -> Injected:
        def inject() -> float:
            shutil.rmtree(self.home(name), ignore_errors=True)
            shutil.rmtree(self.home(name), ignore_errors=True)
            return time.monotonic()

        def repair() -> None:
            if pid := self.pid(name):
                print(f"    the gateway of the deleted profile runs: {pid}", flush=True)
                send_signal(pid, signal.SIGKILL)
                time.sleep(1)
            shutil.rmtree(self.home(name), ignore_errors=True)
            self.write(name)
            self.command("install", "--force", "--start", "--python", self.hermes, name)

        return Injected("profile deleted by hand", name, ("down",), "profile", inject, repair)

    def hermes_updated(self, name: str) -> Injected:
        """The dist-info of the environment says a later version, as an update under a running gateway leaves it."""
        packages = packages_of(HOME / "agent")
        old, new = packages / "hermes_agent-0.19.0.dist-info", packages / "hermes_agent-0.19.1.dist-info"

        def swap(one: Path, other: Path, version: str) -> None:
            text = (one / "METADATA").read_text()
            (one / "METADATA").write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", text))
            one.rename(other)

        def inject() -> float:
            swap(old, new, "0.19.1")
            os.utime(new)
            return time.monotonic()

        def repair() -> None:
            self.command("restart", "--yes", "--stale")

        return Injected(
            "Hermes updated under it", name, ("old-code",), "0.19.1 was installed", inject, repair, LOOK + SOON,
            is_fleet=True,
        )  # fmt: skip

    def clock_set(self) -> Injected:
        """The clock of the watcher alone is set, an hour forward and back again: a namespace has no wall clock."""
        shift = HOME / "clock-shift"

        def inject() -> float:
            shift.write_text("3600")
            return time.monotonic()

        def repair() -> None:
            shift.write_text("0")
            time.sleep(60)

        return Injected(
            "clock set an hour forward, and back", "", ("clock-changed",), "forward", inject, repair, alerts=0,
            is_fleet=True,
        )  # fmt: skip

    def disk_full(self) -> Injected:
        filler = HOME / "filler"

        def inject() -> float:
            free = os.statvfs(HOME)
            began = time.monotonic()
            with filler.open("wb") as file, contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, (free.f_bavail - 2) * free.f_bsize)
            with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            return began

        return Injected(
            "disk full", "", ("disk-full",), "free|space", inject, filler.unlink, LOOK + SOON, is_fleet=True
        )

    def machine_suspended(self) -> Injected:
        """Every process of the fleet and the watcher stand still, then go on."""

        def others() -> list[int]:
            gateways = [pid for pids in self.judge.gateways().values() for pid in pids]
            return [*gateways, *self.judge.daemons(), *watchers()]

        def inject() -> float:
            pids = others()
            for pid in pids:
                send_signal(pid, signal.SIGSTOP)
            time.sleep(_SUSPENDED)
            began = time.monotonic()
            for pid in pids:
                send_signal(pid, signal.SIGCONT)
            return began

        return Injected(
            "machine suspended", "", ("clock-changed",), "suspended|stood still", inject, lambda: time.sleep(60),
            alerts=0, is_fleet=True,
        )  # fmt: skip

    def supervisord_killed(self) -> Injected:
        def inject() -> float:
            for pid in self.judge.daemons():
                send_signal(pid, signal.SIGKILL)
            return time.monotonic()

        def repair() -> None:
            _until(lambda: not self.judge.gateways(), LOOK)  # they end without their supervisord
            self.command("start")

        return Injected("supervisord killed", "", ("supervisor-gone",), "supervisord", inject, repair, is_fleet=True)


def managers(daemons: list[int]) -> list[int]:
    """Return the processes that start gateways: supervisord, or else the user manager of systemd."""
    if daemons:
        return daemons
    words = {int(entry): _text(Path(f"/proc/{entry}/cmdline")) for entry in filter(str.isdecimal, os.listdir("/proc"))}
    return [pid for pid, text in words.items() if text.startswith("/lib/systemd/systemd\0--user")]


def watchers() -> list[int]:
    """Return the processes of the watcher."""
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            if b"watch-run" in words and str(HOME).encode() in b" ".join(words):
                found.append(int(entry))
    return found


def sent_by(name: str) -> list[Sent]:
    """Return the messages that an alert got."""
    found = []
    for block in _text(OUTBOX / name).split("--end--\n")[:-1]:
        at, kind, *lines = block.splitlines()
        falls = [line for line, following in itertools.pairwise(lines) if following.startswith("  run: ")]
        overs = [line for line in lines if _OVER.search(line)]
        found.append(Sent(float(at), kind, tuple(falls), tuple(overs)))
    return found


def _is_balanced(sent: list[Sent]) -> bool:
    """Return whether each fault that was sent is over."""
    return sum(len(each.falls) for each in sent) == sum(len(each.overs) for each in sent)


def _names(line: str, profiles: set[str | None]) -> bool:
    return any(line.startswith((f"{name} ", f"{name}:")) for name in profiles)


def _epoch(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _short(event: dict[str, Any]) -> str:
    place = ":".join(filter(None, (event["profile"], event["channel"], event["fault"])))
    number = f"{event['number']} {event['time'][11:23]}"
    return f"{number} {event['kind']} {place} [{event['cause']}] {event['from']} to {event['to']}: {event['reason']}"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _until(what: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.2)
    return False


def _nothing() -> None:
    return


def main() -> None:
    """Inject the faults, and print what was seen."""
    hermes, manager, results, *names = sys.argv[1:]
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    judged_fleet.GROUP = "some"
    fleet = FaultyFleet(hermes, manager)
    with fleet.polls, fleet.topics, fleet.model:
        fleet.prepare()
        for number, fault in enumerate(fleet.all()):
            if names and not any(name in fault.name for name in names):
                continue
            fleet.try_fault(number, fault)
            Path(results).write_text(json.dumps([each._asdict() for each in fleet.rows], indent=1))
        cost = [_cost(pid) for pid in watchers()]
        whole = sent_by("whole")
    fleet.run("watch", "off")
    fleet.run("stop", "--yes", "--force")
    rows = [each._asdict() | {"events": []} for each in fleet.rows]
    wrong = [f"{each.fault}: {text}" for each in fleet.rows for text in each.wrong]
    total = (sum(len(each.falls) for each in whole), sum(len(each.overs) for each in whole))
    print(json.dumps({"manager": manager, "wrong": wrong, "rows": rows, "whole": total, "faults": fleet.faults,
                      "watcher": cost}, default=str), flush=True)  # fmt: skip


def _cost(pid: int) -> tuple[float, int]:
    """Return the seconds of processor time and the bytes of memory of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
