"""What is true of a fleet of real gateways, and how a status of ours differs from it.

The truth comes from the process table, from `/health` of the API servers and from the stand-ins for Telegram and
ntfy. No module of the product is used.
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from ntfy_stand_in import TopicStreams
from process_polls import ProcessPolls, is_alive

# States of our rows: with a live process, without one, and those of the moments in between.
ALIVE = {"running", "degraded", "unsupervised"}
DEAD = {"stopped", "failed", "stale"}
# Seconds since the end of a poll in which its gateway still counts as polling: the stand-in answers after one second.
WINDOW = 4.0
# Seconds of polls after which a channel may no longer be called off, and a gateway no longer starting: the word of a
# gateway can be lost on a full disk, its next heartbeat comes 30 s later.
SETTLED, BEATS = 6.0, 45.0
# States of a channel that deny what a poll shows.
_DENIALS = {"off", "disconnected", "fatal", "deaf", "masked", "retrying"}
_RUNS = {"run", "restart"}  # without a service manager `gateway restart` goes on as the gateway


class Poller(NamedTuple):
    """A process that polls a token: when it began, and the end of its last poll (now while one is under way)."""

    pid: int
    since: float
    last: float


class TimedPolls(ProcessPolls):
    """The stand-in; it remembers since when and until when each process polled each token."""

    def __init__(self) -> None:
        super().__init__()
        self._since: dict[tuple[str, int], float] = {}
        self._last: dict[tuple[str, int], float] = {}
        self._under_way: dict[tuple[str, int], int] = {}
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # killed gateways reset connections

    def caller(self, port: int) -> int:
        """Return the process of a new connection; it is looked for again while it is not found."""
        for _ in range(5):
            if pid := super().caller(port):
                return pid
            time.sleep(0.01)
        return 0

    def answer(
        self, gateway: str, token: str, method: str, arguments: dict[str, Any], peer: int = 0
    ) -> tuple[int, Any]:
        """Return (status, result) of one call, and note a poll."""
        if method != "getUpdates":
            return super().answer(gateway, token, method, arguments, peer)
        key = (token, peer)
        with self._lock:
            now = time.monotonic()
            if now - self._last.get(key, 0.0) > WINDOW and not self._under_way.get(key):
                self._since[key] = now
            self._last[key] = now
            self._under_way[key] = self._under_way.get(key, 0) + 1
        try:
            return super().answer(gateway, token, method, arguments, peer)
        finally:
            with self._lock:
                self._last[key] = time.monotonic()
                self._under_way[key] -= 1

    def polled_by(self, token: str) -> list[Poller]:
        """Return the living processes that poll a token."""
        with self._lock:
            now = time.monotonic()
            found = [
                Poller(pid, self._since[one, pid], now if self._under_way[one, pid] else last)
                for (one, pid), last in self._last.items()
                if one == token and (self._under_way[one, pid] or now - last < WINDOW)
            ]
        return [each for each in found if is_alive(each.pid)]

    def tokens_of(self, pid: int) -> set[str]:
        """Return the tokens that a process polls."""
        with self._lock:
            tokens = {token for token, other in self._last if other == pid}
        return {token for token in tokens if any(each.pid == pid for each in self.polled_by(token))}


class Truth(NamedTuple):
    """What is true of one profile: its gateways, whether one is suspended, its polls, and its API server.

    `polls_for`: seconds for which its gateway has polled a token, None where it polls none; `answers`: the ports on
    which its gateway answers; `streams`: whether it has an open stream of a topic.
    """

    pids: tuple[int, ...]
    is_suspended: bool
    polls_for: float | None
    answers: frozenset[int]
    streams: bool

    def is_like(self, other: Truth) -> bool:
        """Return whether nothing has changed between two looks but the time."""
        mine, others = (
            (each.pids, each.is_suspended, each.polls_for is None, each.answers, each.streams) for each in (self, other)
        )
        return mine == others


class FleetJudge:
    """Looks at the gateways of the root in HOME; `ports`: profile → port of its API server now.

    A gateway keeps the port that it has started with.
    """

    def __init__(self, root: Path, polls: TimedPolls, topics: TopicStreams, ports: dict[str, int]) -> None:
        self._root = root
        self._polls = polls
        self._topics = topics
        self.ports = ports
        self._known = set(ports.values())

    def gateways(self) -> dict[str, list[int]]:
        """Return profile → processes of its gateways, by command lines and environments alone."""
        found: dict[str, list[int]] = {}
        for pid, words, variables in _processes():
            if "hermes_cli.main" not in words and not any(each.endswith("/hermes") for each in words[:2]):
                continue
            at = words.index("gateway") if "gateway" in words else len(words)
            if not _RUNS & set(words[at:]) or f"HOME={self._root.parent}" not in variables or not is_alive(pid):
                continue
            named = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-p", "--profile")), "")
            found.setdefault(named or _profile_of(variables, self._root), []).append(pid)
        return found

    def daemons(self) -> list[int]:
        """Return the processes of supervisord that serve this root."""
        return [
            pid
            for pid, words, variables in _processes()
            if any("supervisor_daemon" in word for word in words)
            and any(str(self._root.parent) in word for word in (*words, *variables))
            and is_alive(pid)
        ]

    def truth(self) -> dict[str, Truth]:
        """Return profile → what is true of it now."""
        gateways = self.gateways()
        owners = _listeners(self._known, [pid for pids in gateways.values() for pid in pids if _state(pid) not in "Tt"])
        with ThreadPoolExecutor(len(self._known)) as pool:
            answers = {port for port, healthy in zip(owners, pool.map(_is_healthy, owners), strict=True) if healthy}
        return {
            name: self._truth(
                pids := gateways.get(name, []), frozenset(port for port in answers if owners[port] & set(pids))
            )
            for name in self.ports
        }

    def _truth(self, pids: list[int], answers: frozenset[int]) -> Truth:
        polls = [each for pid in pids for token in self._polls.tokens_of(pid) for each in self._polls.polled_by(token)]
        since = [each.since for each in polls if each.pid in pids]
        return Truth(
            tuple(sorted(pids)),
            any(_state(pid) in "Tt" for pid in pids),
            time.monotonic() - min(since) if since else None,
            answers,
            bool(self._topics.subscribers() & set(pids)),
        )


def differences(rows: Mapping[str, Any], truth: Mapping[str, Truth], code: int) -> Iterator[tuple[str, str]]:
    """Yield (profile, how our status differs from the truth); the profile is "" for the exit code of the status."""
    if set(rows) != set(truth):
        yield "", f"rows of {sorted(rows)}, profiles {sorted(truth)}"
    for name in sorted(set(rows) & set(truth)):
        for text in _of_row(rows[name], truth[name]):
            yield name, text
    installed = [name for name, row in rows.items() if row["service"]["installed"]]
    dead = [name for name in installed if not truth[name].pids and rows[name]["state"] != "starting"]
    if code not in (3, 4) and dead:
        yield "", f"status exits with {code}, nothing runs for {dead}"
    states = {name: rows[name]["state"] for name in installed}
    degraded = [name for name, row in rows.items() if row["state"] == "degraded" and not row["disabled"]]
    if code not in (3, 4) and degraded:
        yield "", f"status exits with {code}, degraded: {degraded}"
    if code and not degraded and all(truth[name].pids and states[name] in ALIVE for name in installed):
        yield "", f"status exits with {code}, all run: {states}"


def _of_row(row: Mapping[str, Any], truth: Truth) -> Iterator[str]:
    state, pids = row["state"], truth.pids
    channels = {each["name"]: each["state"] for each in row["channels"]}
    telegram, api = channels.get("telegram", "absent"), channels.get("api_server", "absent")
    if len(pids) > 1:
        yield f"{len(pids)} gateways of one profile: {pids}"
    if state in ALIVE and (not pids or row["pid"] not in pids):
        yield f"{state} (PID {row['pid']}), its gateways are {pids}"
    if state in DEAD and pids:
        yield f"{state}, its gateway is {pids}"
    if state == "running" and truth.is_suspended:
        yield "running, its process is suspended"
    if telegram == "connected" and truth.polls_for is None:
        yield "telegram connected, its gateway polls nothing"
    if channels.get("ntfy") == "connected" and not truth.streams:
        yield "ntfy connected, its gateway has no stream"
    if channels.get("ntfy") in _DENIALS and truth.streams and not truth.is_suspended:
        yield f"ntfy {channels['ntfy']}, its gateway has a stream"
    polls_for = truth.polls_for or 0.0
    is_denied = (polls_for > SETTLED and telegram in _DENIALS) or (polls_for > BEATS and state == "starting")
    # A gateway that ends leaves its channels first; the answer to its last poll can be on its way.
    is_ending = row.get("detail", "").endswith(("is being stopped", "it is ending"))
    if is_denied and not truth.is_suspended and not is_ending:
        yield f"{state}, telegram {telegram}; its gateway has polled for {polls_for:.0f} s"
    asked = row["api"] or {}
    if asked.get("healthy") and asked["port"] not in truth.answers:
        yield f"API healthy on {asked['port']}, its gateway answers on {sorted(truth.answers)}"
    if asked.get("healthy") is False and asked["port"] in truth.answers:
        yield f"API not healthy ({asked.get('detail')}), its gateway answers on {asked['port']}"
    if api == "connected" and not pids:
        yield "api_server connected, no gateway runs"


def _processes() -> Iterator[tuple[int, list[str], list[str]]]:
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = os.fsdecode(Path(f"/proc/{entry}/cmdline").read_bytes()).split("\0")[:-1]
            if words:
                yield int(entry), words, os.fsdecode(Path(f"/proc/{entry}/environ").read_bytes()).split("\0")


def _profile_of(variables: list[str], root: Path) -> str:
    home = next((each.partition("=")[2] for each in variables if each.startswith("HERMES_HOME=")), str(root))
    return "default" if Path(home) == root else Path(home).name


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def _listeners(ports: Iterable[int], pids: Iterable[int]) -> dict[int, set[int]]:
    """Return port → those of the processes that listen on it."""
    wanted = {f"{port:04X}": port for port in ports}
    inodes = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        port = wanted.get(fields[1].rpartition(":")[2])
        if fields[3] == "0A" and port is not None:
            inodes[f"socket:[{fields[9]}]"] = port
    found: dict[int, set[int]] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    port = inodes.get(os.readlink(f"/proc/{pid}/fd/{name}"))
                    if port is not None:
                        found.setdefault(port, set()).add(pid)
    return found


def _is_healthy(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False
