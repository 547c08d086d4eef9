"""A random walk on gateways of the newest Hermes: after each step our status is compared with what Hermes says.

What is true comes from the control sockets, the process table, the polls of the stand-in for Telegram, and from
`hermes gateway list`. Our status must not differ in a row, and no profile may have two gateways.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newest_gateway import UP, NewestGateways, token

NAMES = ("ada", "bert", "cleo", "dora")
API_PORT = 18642
API = f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-walk-0123456789abcdef\nAPI_SERVER_PORT={API_PORT}\n"
# States of our rows in which a gateway runs the profile.
ALIVE = {"running", "degraded", "served", "unsupervised", "starting"}
_LISTED = re.compile(r"^  (?P<mark>[✓✗]) (?P<name>\S+)(?: \(current\))?\s+— (?P<text>.*)$", re.MULTILINE)
_PATIENCE = 60.0
Actions = list[tuple[str, Callable[[], object]]]


@dataclass
class Truth:
    """What Hermes itself says: profile → pid of its gateway, and profile → state of its Telegram channel."""

    pids: dict[str, int] = field(default_factory=dict)
    telegram: dict[str, str] = field(default_factory=dict)
    is_settled: bool = True


class Walk:
    """A root, its gateways, and random steps on them; `said`: what was done, for the message of a failure."""

    def __init__(self, newest: NewestGateways, seed: int) -> None:
        self.newest = newest
        self.random = random.Random(seed)
        self.said: list[str] = []
        self.bots: dict[str, int] = {}
        self.next_bot = 1
        self.started: dict[int, str] = {}

    def prepare(self) -> None:
        """Make default, two named profiles and their gateway."""
        for name in ("default", *NAMES[:2]):
            self._profile(name)
        self.newest.up()

    # -- profiles

    def _profile(self, name: str) -> None:
        self.newest.profile(name, bot=token(self.next_bot), env=API if name == "default" else "")
        self.bots[name] = self.next_bot
        self.next_bot += 1

    def existing(self) -> list[str]:
        """Return the named profiles of the model."""
        return [name for name in self.bots if name != "default"]

    # -- what is true

    def gateways(self) -> set[int]:
        """Return the processes of gateways, without the children of one."""
        return set(self.newest.processes())

    def truth(self) -> Truth:
        """Return what the control sockets of all live gateways say."""
        found = Truth()
        alive = self.gateways()
        answered = set()
        for name in self.bots:
            said = ask_socket(self.newest.home(name), "status")
            pid = said.get("pid")
            if pid not in alive:
                continue
            answered.add(pid)
            found.is_settled &= said.get("gateway_state") in UP
            for served in said.get("served_profiles") or [name]:
                assert found.pids.setdefault(served, pid) == pid, f"two gateways serve {served}: {self.said}"
                key = "telegram" if served == name else f"{served}:telegram"
                state = (said.get("platforms") or {}).get(key, {})
                found.telegram[served] = str(state.get("error_code") or state.get("state"))
                found.is_settled &= state.get("state") in ("connected", "fatal", None)
        found.is_settled &= answered == alive
        return found

    def settle(self) -> Truth:
        """Return the truth once it has not changed for a second."""
        for name in self.bots:
            ask_socket(self.newest.home(name), "rescan-profiles", timeout=20)
        deadline = time.monotonic() + _PATIENCE
        before, since = self.truth(), time.monotonic()
        while time.monotonic() - since < 1 or not before.is_settled:
            assert time.monotonic() < deadline, f"no stable state after {self.said}: {before}\n{self.newest.log()}"
            time.sleep(0.3)
            now = self.truth()
            if now != before:
                before, since = now, time.monotonic()
        return before

    # -- the comparison

    def compare(self, *, ask_hermes: bool) -> list[str]:
        """Return how our status differs from the truth; a truth that changes during the comparison is read again."""
        for _ in range(5):
            truth = self.settle()
            polls = self.newest.polls()
            answer = self.newest.ours("status", "--json")
            listed = self.newest.hermes("gateway", "list").stdout if ask_hermes else ""
            time.sleep(1.5)
            after = self.newest.polls()
            if self.settle() == truth:
                break
        else:
            raise AssertionError(f"the gateways never came to rest: {self.said}")
        wrong = list(self._differences(truth, answer.data, answer.code))
        wrong += self._listed_differences(answer.data, listed) if ask_hermes else []
        wrong += self._poll_differences(truth, polls, after)
        return [*wrong, f"steps: {self.said}", answer.stdout[-6000:], listed] if wrong else []

    def _differences(self, truth: Truth, data: dict[str, Any], code: int) -> Iterable[str]:
        rows = {row["profile"]: row for row in data["gateways"]}
        pids = list(truth.pids.values())
        is_shared = any(not self._is_standalone(name) or pids.count(pid) > 1 for name, pid in truth.pids.items())
        if set(rows) != set(self.bots):
            yield f"rows {sorted(rows)}, profiles {sorted(self.bots)}"
        for name, row in rows.items():
            pid = truth.pids.get(name)
            if (row["state"] in ALIVE) != (pid is not None) or (pid is not None and row["pid"] != pid):
                yield f"{name}: our row says {row['state']} (PID {row['pid']}), its gateway is {pid}"
            channels = {each["name"]: each for each in row["channels"]}
            if any(":" in each for each in channels):
                yield f"{name}: channels of other profiles in its row: {sorted(channels)}"
            ours = channels.get("telegram", {}).get("state")
            is_connected = truth.telegram.get(name) == "connected"
            if pid is not None and (ours == "connected") != is_connected:
                yield f"{name}: our row says telegram {ours}, Hermes says {truth.telegram.get(name)}"
            if pid is None and ours not in ("off", "masked", None):
                yield f"{name}: no gateway, our row says telegram {ours}"
            if pid is None and is_shared and not row["detail"]:
                yield f"{name}: not served while a gateway for all runs, and our row gives no reason"
        health = self.newest.get(f"http://127.0.0.1:{API_PORT}/health")[0]
        if (health == 200) != ("default" in truth.pids):
            yield f"health {health}, default's gateway {truth.pids.get('default')}"

    def _listed_differences(self, data: dict[str, Any], listed: str) -> Iterable[str]:
        theirs = {match["name"]: match for match in _LISTED.finditer(listed)}
        ours = {row["profile"]: row for row in data["gateways"]}
        if set(theirs) != set(ours):
            yield f"`gateway list` names {sorted(theirs)}, we name {sorted(ours)}"
        for name in set(theirs) & set(ours):
            is_up = ours[name]["state"] in ALIVE
            if (theirs[name]["mark"] == "✓") != is_up:
                yield f"{name}: `gateway list` says {theirs[name]['text']}, we say {ours[name]['state']}"
            if "served" in theirs[name]["text"] and ours[name]["state"] != "served":
                yield f"{name}: `gateway list` says served, we say {ours[name]['state']}"

    def _poll_differences(self, truth: Truth, before: dict[str, int], after: dict[str, int]) -> Iterable[str]:
        """Yield the bots that are polled though no gateway serves their profile, and the other way round."""
        polled = {name for name, count in after.items() if count > before.get(name, 0) + 1}
        for name in sorted(polled - {self._bot_path(each) for each in truth.pids}):
            yield f"the bot of {name} is polled, no gateway serves the profile"
        for name, state in truth.telegram.items():
            if state == "connected" and not self._is_polled(self._bot_path(name)):
                yield f"{name}: Hermes says connected, its bot is not polled"

    def _bot_path(self, name: str) -> str:
        """Return the name under which a profile's gateway reaches the stand-in, which a rename keeps."""
        config = (self.newest.home(name) / "config.yaml").read_text()
        found = re.search(r"/(\w+)/bot", config)
        return found[1] if found else ""

    def _is_polled(self, path: str) -> bool:
        before, deadline = self.newest.polls().get(path, 0), time.monotonic() + 20
        while self.newest.polls().get(path, 0) <= before:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)
        return True

    # -- steps

    def step(self) -> None:
        """Do one random step."""
        kinds = [kind for kind in self._kinds() if kind]
        words, action = self.random.choice(self.random.choice(kinds))
        self.said.append(words)
        action()

    def _kinds(self) -> list[Actions]:
        """Return the possible steps by kind; each kind is equally likely."""
        pids = self.truth().pids
        names = self.existing()
        free = [name for name in NAMES if name not in self.bots]
        kinds = [self._host_actions(pids.get("default")), self._new_profiles(free)]
        if names:
            name = self.random.choice(names)
            changes = self._changed_profiles(name, free)
            kinds += [self._served(name, pids), self._served(name, pids), self._alone(name, pids), changes]
            kinds.append(self._bot_actions(name, [each for each in names if each != name]))
        return kinds

    def _host_actions(self, host: int | None) -> Actions:
        if host is None:
            return [("hermes gateway run", self._start_host)]
        return [
            ("SIGTERM default", lambda: self._end(host, 15)),
            ("SIGKILL default", lambda: self._end(host, 9)),
            ("SIGTERM default, hermes gateway run", lambda: (self._end(host, 15), self._start_host())),
            ("SIGKILL default, hermes gateway run", lambda: (self._end(host, 9), self._start_host())),
        ]

    def _new_profiles(self, free: list[str]) -> Actions:
        if not free:
            return []
        name = self.random.choice(free)
        return [
            (f"hermes profile create {name}", lambda: self._create(name, self._hermes, "profile", "create")),
            (f"hermes-profiles clone default {name}", lambda: self._create(name, self._profiles, "clone", "default")),
            (f"ghost folder {name}", lambda: self._ghost(name)),
            (f"folder {name} appears", lambda: self._folder(name)),
        ]

    def _served(self, name: str, pids: dict[str, int]) -> Actions:
        """Return steps that have the gateway for all serve a profile, or stop serving it."""
        steps: Actions = [
            (f"hermes -p {name} gateway stop", lambda: self._hermes("-p", name, "gateway", "stop")),
            (f"hermes-gateways stop {name}", lambda: self._ours("stop", name)),
            (f"hermes-gateways restart {name}", lambda: self._ours("restart", name)),
            (f"hermes-gateways start {name}", lambda: self._ours("start", name)),
        ]
        if name not in pids and "default" in pids:  # without a host it asks a service manager
            steps.append((f"hermes -p {name} gateway start", lambda: self._hermes("-p", name, "gateway", "start")))
        return steps

    def _alone(self, name: str, pids: dict[str, int]) -> Actions:
        steps: Actions = [
            (f"standalone on {name}", lambda: self._standalone(name, "true")),
            (f"standalone off {name}", lambda: self._standalone(name, "false")),
            (f"hermes -p {name} gateway run", lambda: self._run_alone(name)),
        ]
        if name in pids and pids[name] != pids.get("default"):
            steps.append((f"SIGKILL {name}", lambda: self._end(pids[name], 9)))
        return steps

    def _changed_profiles(self, name: str, free: list[str]) -> Actions:
        steps: Actions = [
            (f"hermes profile delete {name}", lambda: self._delete(name, self._hermes, "profile")),
            (f"hermes-profiles delete {name}", lambda: self._delete(name, self._profiles)),
        ]
        if free:
            new = self.random.choice(free)
            steps += [
                (f"hermes profile rename {name} {new}", lambda: self._rename(name, new, self._hermes, "profile")),
                (f"hermes-profiles rename {name} {new}", lambda: self._rename(name, new, self._profiles)),
            ]
        return steps

    def _bot_actions(self, name: str, others: list[str]) -> Actions:
        steps: Actions = [(f"{name} gets a new bot", lambda: self._share(name, self._new_bot()))]
        if others:
            other = self.random.choice(others)
            steps.append((f"{name} takes the bot of {other}", lambda: self._share(name, self.bots[other])))
        return steps

    def _start_host(self) -> None:
        pid = self.newest.start()
        with suppress(AssertionError):  # another gateway may hold the host: it exits then
            self._wait_for(pid)

    def _run_alone(self, name: str) -> None:
        self._wait_for(self.newest.start(profile=name))

    def _wait_for(self, pid: int) -> None:
        """Wait until a started gateway reports running or has ended."""
        deadline = time.monotonic() + _PATIENCE
        while self.newest.exit_code(pid) is None:
            if any(self._state(name, pid) for name in self.bots):
                return
            assert time.monotonic() < deadline, f"gateway {pid} neither runs nor ends: {self.said}"
            time.sleep(0.2)

    def _state(self, name: str, pid: int) -> bool:
        state = self.newest.state(name)
        return state.get("pid") == pid and state.get("gateway_state") in UP

    def _end(self, pid: int, number: int) -> None:
        self.newest.stop(pid, number)

    def _hermes(self, *words: str) -> bool:
        return self._noted(self.newest.hermes(*words))

    def _ours(self, *words: str) -> bool:
        return self._noted(self.newest.ours(*words))

    def _profiles(self, *words: str) -> bool:
        return self._noted(self.newest.ours(*words, program="profiles"))

    def _noted(self, done: Any) -> bool:
        """Return whether a command succeeded; its error becomes part of the step's text."""
        assert "Traceback" not in done.stderr + done.stdout, (self.said, done)
        if done.code:
            self.said[-1] += f" (exit {done.code}: {(done.stderr or done.stdout).strip()[-300:]})"
        return not done.code

    def _create(self, name: str, run: Callable[..., bool], *words: str) -> None:
        shutil.rmtree(self.newest.home(name), ignore_errors=True)  # a folder that is not a profile is in the way
        assert run(*words, name), self.said
        self._profile(name)

    def _ghost(self, name: str) -> None:
        (self.newest.home(name) / "cron").mkdir(parents=True, exist_ok=True)

    def _folder(self, name: str) -> None:
        """Write the folder of a profile by hand: with a deletion marker of Hermes it is not a profile."""
        before = dict(self.bots)
        self._profile(name)
        if self._is_deleted(name):
            self.said[-1] += " (deleted)"
            self.bots = before

    def _is_standalone(self, name: str) -> bool:
        """Return whether a profile asks for a gateway that serves it alone; Hermes ignores that in default."""
        return name != "default" and "standalone: true" in (self.newest.home(name) / "config.yaml").read_text()

    def _standalone(self, name: str, value: str) -> None:
        path = self.newest.home(name) / "config.yaml"
        kept = [line for line in path.read_text().splitlines() if not line.startswith("gateway:")]
        path.write_text("\n".join([*kept, f"gateway: {{standalone: {value}}}", ""]))

    def _new_bot(self) -> int:
        self.next_bot += 1
        return self.next_bot - 1

    def _share(self, name: str, bot: int) -> None:
        self.bots[name] = bot
        (self.newest.home(name) / ".env").write_text(f"TELEGRAM_BOT_TOKEN={token(bot)}\n")

    def _delete(self, name: str, run: Callable[..., bool], *before: str) -> None:
        run(*before, "delete", name, "--yes")
        if not (self.newest.home(name) / "config.yaml").exists():
            del self.bots[name]

    def _rename(self, name: str, new: str, run: Callable[..., bool], *before: str) -> None:
        shutil.rmtree(self.newest.home(new), ignore_errors=True)  # a ghost in the way
        run(*before, "rename", name, new)
        if not (self.newest.home(new) / "config.yaml").exists():
            return
        bot = self.bots.pop(name)
        if self._is_deleted(new):  # Hermes 0.22.2 keeps the marker of an earlier profile: the renamed one is hidden
            self.said[-1] += " (deleted)"
        else:
            self.bots[new] = bot

    def _is_deleted(self, name: str) -> bool:
        return (self.newest.root / "profiles" / ".deleted" / name).exists()


def ask_socket(home: Path, verb: str, timeout: float = 5.0) -> dict[str, Any]:
    """Return the answer of a gateway's control socket, {} where nothing answers."""
    path = home / "gateway.sock"
    with suppress(OSError):
        path = Path((home / "gateway.sock.path").read_text().strip())
    with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(json.dumps({"verb": verb, "id": 1, "protocol": 1}).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
        result = answer.get("result")
        return result if isinstance(result, dict) else {}
    return {}
