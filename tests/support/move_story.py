"""Three real gateways move to another root, one comes back, and default moves under a name.

A stand-in of Telegram counts pollers.

Run as a program with the Python of real Hermes as argument. HOME belongs to the story. Every step asserts; the last
printed line is `told`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from free_ports import free_port
from process_polls import ProcessPolls, is_alive

HERMES = sys.argv[1]
HOME = Path(os.environ["HOME"])
ROOT, OTHER = HOME / ".hermes", HOME / "vps" / ".hermes"
NAMES = ("kid", "mum", "shop")
AWAY = "ada"
OF_THE_ROOT = ("bin/my tool", "kanban.db", "hermes-agent/README.md")
AWKWARD = ("memories/我的 记忆.md", "workspace/big file.bin", "skills/my notes/SKILL.md")
KEPT = ("memories/MEMORY.md", "skills/notes/SKILL.md", "sessions/old.jsonl", "SOUL.md")


class CountingBotApi(ProcessPolls):
    """A stand-in that keeps messages until their offset is confirmed, and sees two polls of one bot at once.

    `delivered`: (gateway, message) → the processes that got it; `confirmed`: (gateway, process) → its last offset. A
    gateway that stops can lose the answer of its last poll: it has not taken a message that it did not confirm.
    """

    def __init__(self) -> None:
        self.delivered: dict[tuple[str, int], set[int]] = {}
        self.confirmed: dict[tuple[str, int], int] = {}
        self.offsets: dict[str, list[int]] = {}
        self._latest: dict[str, int] = {}
        self._open: dict[str, list[int]] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._guard = threading.Lock()
        super().__init__()

    def send(self, gateway: str, user: int, text: str) -> None:
        with self._guard:
            self._count += 1
            person = {"id": user, "is_bot": False, "first_name": "Ana"}
            message = self._message(user, text) | {"from": person}
            self._waiting.setdefault(gateway, []).append({"update_id": self._count, "message": message})

    def answer(
        self, gateway: str, token: str, method: str, arguments: dict[str, Any], peer: int = 0
    ) -> tuple[int, Any]:
        if method != "getUpdates":
            return super().answer(gateway, token, method, arguments, peer)
        offset = int(arguments.get("offset") or 0)
        with self._guard:
            polling = self._open.setdefault(gateway, [])
            self.doubles += [(gateway, peer, pid) for pid in polling if peer and pid not in (0, peer) and is_alive(pid)]
            polling.append(peer)
            self._latest[gateway] = number = self._latest.get(gateway, 0) + 1
            self.polls[gateway] += 1
            self.offsets.setdefault(gateway, []).append(offset)
            self.confirmed[gateway, peer] = max(offset, self.confirmed.get((gateway, peer), 0))
            waiting = [each for each in self._waiting.get(gateway, []) if each["update_id"] >= offset]
            self._waiting[gateway] = waiting
        try:
            end = time.monotonic() + min(float(arguments.get("timeout") or 0), 0.5)
            while not self._waiting[gateway] and time.monotonic() < end:
                time.sleep(0.05)
            with self._guard:
                if self._latest[gateway] != number:  # as at Telegram, a later poll ends this one
                    return 409, "Conflict: terminated by other getUpdates request"
                found = list(self._waiting[gateway])
                for each in found:
                    self.delivered.setdefault((gateway, each["update_id"]), set()).add(peer)
            return 200, found
        finally:
            with self._guard:
                polling.remove(peer)

    def takers(self) -> dict[tuple[str, int], list[int]]:
        """Return (gateway, message) → the processes that took it: it must be one."""
        with self._guard:
            return {
                (gateway, number): [peer for peer in peers if self.confirmed[gateway, peer] > number]
                for (gateway, number), peers in self.delivered.items()
            }


def command(*words: str, root: Path = ROOT, program: str = "gateways", code: int = 0) -> Any:
    module = "hermes_profiles.cli.gateways" if program == "gateways" else "hermes_profiles.cli"
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--home", str(root), "--json"], capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {words}"
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def eventually(check: Any, what: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


def write_profile(name: str, number: int, port: int, url: str) -> None:
    home = home_of(ROOT, name)
    for path in KEPT:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(f"{path} of {name}\n")
    lines = ["HERMES_DISABLE_LAZY_INSTALLS=1", "API_SERVER_ENABLED=true", "API_SERVER_HOST=127.0.0.1"]
    lines += [f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef", f"API_SERVER_PORT={port}"]
    lines += [f"TELEGRAM_BOT_TOKEN=700000009{number}:CANARY-telegram-of-{name}-000000000000", "NO_PROXY=*"]
    lines += ["TELEGRAM_FALLBACK_IPS=149.154.167.220", "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1"]
    config = {
        "model": {"default": "none/none"},
        "platforms": {"telegram": {"extra": {"base_url": f"{url}/{name}/bot"}}},
    }
    (home / ".env").write_text("\n".join(lines) + "\n")
    (home / "config.yaml").write_text(json.dumps(config) + "\n")


def home_of(root: Path, name: str) -> Path:
    return root if name == "default" else root / "profiles" / name


def digests(root: Path, name: str, paths: tuple[str, ...] = KEPT) -> dict[str, str]:
    home = home_of(root, name)
    return {path: hashlib.sha256((home / path).read_bytes()).hexdigest() for path in paths}


def arguments_of_all() -> str:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found.append((entry / "cmdline").read_text(errors="replace"))
            except OSError:
                continue
    return "\n".join(found)


def main() -> None:
    for root in (ROOT, OTHER):
        root.mkdir(parents=True)
        (root / "config.yaml").write_text("model: none/none\n")
        (root / ".env").write_text("HERMES_DISABLE_LAZY_INSTALLS=1\n")
    with CountingBotApi() as api:
        port = free_port()
        (OTHER / ".env").write_text(f"API_SERVER_PORT={port}\n")
        for number, name in enumerate(NAMES):
            write_profile(name, number, port if name == "mum" else free_port(), api.url)
        try:
            move_all(api, port)
            move_default(api)
        finally:
            for root in (ROOT, OTHER):
                subprocess.run(
                    [sys.executable, "-m", "hermes_profiles.cli.gateways", "uninstall", "--yes", "--home", str(root)],
                    capture_output=True, timeout=120, check=False,
                )  # fmt: skip
    print("told")


def move_all(api: CountingBotApi, port: int) -> None:
    command("install", *NAMES, "--start")
    command("place", "add", "vps", "--local", str(OTHER))
    eventually(lambda: all(api.polls[name] for name in NAMES), "all poll")
    before = {name: digests(ROOT, name) for name in NAMES}
    seen: list[str] = []
    done = threading.Event()

    def look_and_write() -> None:
        while not done.is_set():
            seen.append(arguments_of_all())
            for name in NAMES:
                api.send(name, 42, "hello")
            done.wait(1.0)

    watcher = threading.Thread(target=look_and_write)
    watcher.start()
    begin = time.monotonic()
    try:
        moved = command("move", *NAMES, "--to", "vps")["data"]["profiles"]
    finally:
        done.set()
        watcher.join()
    print(f"moved three in {time.monotonic() - begin:.1f} s", [each["outcome"] for each in moved])
    assert [each["outcome"] for each in moved] == ["moved"] * 3 and all(each["running"] for each in moved)
    assert not [text for text in seen if "CANARY" in text], "a secret was among the arguments of a program"
    for name in NAMES:
        assert digests(OTHER, name) == before[name] and not (ROOT / "profiles" / name).exists()
        polls = api.polls[name]
        eventually(lambda name=name, polls=polls: api.polls[name] > polls + 2, f"{name} polls there")
    (assigned,) = [each["assigned"] for each in moved if each["profile"] == "mum"]
    assert assigned and assigned[0]["name"] == "API_SERVER_PORT" and assigned[0]["value"] != str(port)
    eventually(lambda: not any(api._waiting[name] for name in NAMES), "all messages are confirmed")
    assert api.doubles == [], "two pollers of one bot"
    wrong = {message: peers for message, peers in api.takers().items() if len(peers) != 1}
    assert not wrong, f"messages that not exactly one gateway took: {wrong}"
    for name in NAMES:
        offsets = [each for each in api.offsets[name] if each > 0]
        assert offsets == sorted(offsets), f"the offsets of {name} go back"
    refused = command("restore", "kid", program="profiles", code=6)
    assert refused["errors"][0]["code"] == "moved"
    back = command("move", "kid", "--to", "local")["data"]["profiles"]
    assert back[0]["outcome"] == "moved" and digests(ROOT, "kid") == before["kid"]
    polls = api.polls["kid"]
    eventually(lambda: api.polls["kid"] > polls + 2, "kid polls here again")
    assert api.doubles == []
    print("messages", len(api.delivered), "polls", dict(api.polls))


def move_default(api: CountingBotApi) -> None:
    """Move default as `ada`, with awkward files, while `kid` goes on in the same root."""
    write_profile("default", len(NAMES), free_port(), api.url)
    for path in (*OF_THE_ROOT, *AWKWARD):
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(path.encode() * (4 << 20 if "big" in path else 1))
    (ROOT / "skills/链接").symlink_to(ROOT / AWKWARD[0])
    command("install", "default", "--start")
    eventually(lambda: api.polls["default"] > 2, "default polls")
    (kid,) = command("status", "kid")["data"]["gateways"]
    before = digests(ROOT, "default", (*KEPT, *AWKWARD))
    for _ in range(5):
        api.send("default", 42, "hello")
    begin = time.monotonic()
    (moved,) = command("move", "default", "--to", "vps", "--as", AWAY)["data"]["profiles"]
    print(f"moved default in {time.monotonic() - begin:.1f} s", moved)
    assert (moved["outcome"], moved["as"], moved["running"]) == ("moved", AWAY, True)
    there = home_of(OTHER, AWAY)
    assert (
        digests(OTHER, AWAY, (*KEPT, *AWKWARD)) == before and (there / "skills/链接").readlink() == there / AWKWARD[0]
    )
    strays = [path for path in (*OF_THE_ROOT, "profiles") if (there / path).exists()]
    assert strays == [], f"of the root, but moved: {strays} of {sorted(each.name for each in there.iterdir())}"
    assert all((ROOT / path).exists() for path in OF_THE_ROOT) and not (ROOT / "SOUL.md").exists()
    polls = api.polls["default"]
    eventually(lambda: api.polls["default"] > polls + 2, "it polls there")
    eventually(lambda: not api._waiting["default"], "its messages are confirmed")
    assert api.doubles == [] and all(len(peers) == 1 for peers in api.takers().values())
    (now,) = command("status", "kid")["data"]["gateways"]
    assert (now["state"], now["pid"]) == ("running", kid["pid"]), "the root works on"
    (back,) = command("move", AWAY, "--to", "local")["data"]["profiles"]
    assert back["outcome"] == "moved" and digests(ROOT, AWAY, (*KEPT, *AWKWARD)) == before
    assert api.doubles == []


if __name__ == "__main__":
    main()
