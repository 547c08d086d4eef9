"""Three real gateways move from one booted host to another and back; a stand-in of Telegram notes who polls when.

The hosts are in two time zones. A job of one profile runs each minute of two hours of the first zone, so on the second
host it goes on only where it keeps that zone.

Run as a program in the network of the hosts, with an `ssh` that reaches `one` and `two`, the key that they accept,
and the address of `two`. Each host reaches a stand-in of its own through a tunnel. Every step asserts; the last printed
line is `told`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot_api import BotApi
from host_tunnel import tunnel

SSH, KEY, ADDRESS = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
PORT = 8081
NAMES = ("kid", "mum", "shop")
ZONES = {"one": "Europe/Berlin", "two": "Asia/Tokyo"}
ENV = """NO_PROXY=*
TELEGRAM_FALLBACK_IPS=149.154.167.220
HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1
HERMES_DISABLE_LAZY_INSTALLS=1
"""


def files(name: str) -> dict[str, str]:
    """Return the files of a profile: each has a bot of its own."""
    token = f"712345678{NAMES.index(name)}:CANARYmovegatewayCANARYmovegatewayCANARY"
    telegram = {"enabled": True, "extra": {"base_url": f"http://127.0.0.1:{PORT}/{name}/bot"}}
    config = {"model": {"default": "none/none"}, "platforms": {"telegram": telegram}}
    return {".env": f"TELEGRAM_BOT_TOKEN={token}\n{ENV}", "config.yaml": json.dumps(config)}


class HostBotApi(BotApi):
    """The stand-in of one host. `spans`: gateway → begin and end of each of its polls."""

    def __init__(self) -> None:
        self.spans: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
        super().__init__()

    def answer(
        self, gateway: str, token: str, method: str, arguments: dict[str, Any], peer: int = 0
    ) -> tuple[int, Any]:
        if method != "getUpdates":
            return super().answer(gateway, token, method, arguments, peer)
        begin = time.monotonic()
        try:
            return super().answer(gateway, token, method, arguments, peer)
        finally:
            self.spans[gateway].append((begin, time.monotonic()))

    def polled(self, more_than: dict[str, int]) -> bool:
        """Return whether each bot was polled more than two times beyond a number."""
        return all(len(self.spans[name]) > more_than.get(name, 0) + 2 for name in NAMES)


def run(host: str, line: str, typed: str = "", code: int = 0, account: str = "ada") -> str:
    """Return the output of a line of shell on a host."""
    done = subprocess.run(
        [SSH, "-l", account, host, line], input=typed, capture_output=True, text=True, timeout=400, check=False
    )
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {line}"
    assert done.returncode == code, f"{host}: {line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def eventually(check: Callable[[], bool], what: str, patience: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


def states(host: str) -> dict[str, str]:
    """Return the states of the moving profiles that a host has."""
    rows = json.loads(run(host, "hermes-gateways status --json; true"))["data"]["gateways"]
    return {each["profile"]: each["state"] for each in rows if each["profile"] in NAMES}


def move(line: str) -> None:
    """Move all three by a command on `one`."""
    begin = time.monotonic()
    moved = json.loads(run("one", f"hermes-gateways move {' '.join(NAMES)} {line} --json"))["data"]["profiles"]
    print(f"{line}: {time.monotonic() - begin:.1f} s", moved)
    found = [(each["outcome"], each["running"], each["channels"]) for each in moved]
    assert found == [("moved", True, ["telegram"])] * len(NAMES)


def prepare() -> None:
    """Make both roots, and let `one` reach `two`."""
    base = "mkdir -p ~/.hermes && cd ~/.hermes && echo 'model: none/none' > config.yaml && touch .env"
    for host, zone in ZONES.items():
        run(host, base)
        run(host, f"ln -sf /usr/share/zoneinfo/{zone} /etc/localtime", account="root")
    for name in NAMES:
        run("one", f"mkdir -p ~/.hermes/profiles/{name}")
        for path, text in files(name).items():
            run("one", f"cat > ~/.hermes/profiles/{name}/{path}", text)
    run("one", "umask 077; cat > ~/.ssh/id", KEY.read_text())
    config = f"Host two\n  HostName {ADDRESS}\n  IdentityFile ~/.ssh/id\n  StrictHostKeyChecking accept-new\n"
    run("one", "cat > ~/.ssh/config", config)


def plan_job() -> None:
    """Give `kid` a job of each minute of this hour and the next, in the zone of the first host."""
    hour = datetime.now(ZoneInfo(ZONES["one"])).hour
    run(
        "one",
        "mkdir -p ~/.hermes/profiles/kid/scripts && cat > ~/.hermes/profiles/kid/scripts/mark.sh",
        "date >> ~/ran",
    )
    job = f"'* {hour},{(hour + 1) % 24} * * *' --no-agent --script mark.sh --deliver local --name mark"
    run("one", f"hermes -p kid cron create {job}")


def runs(host: str) -> int:
    """Return how often the job ran on a host."""
    return len(run(host, "cat ~/ran 2>/dev/null; true").splitlines())


def tell(one: HostBotApi, two: HostBotApi) -> None:
    """Move there and back."""
    running = dict.fromkeys(NAMES, "running")
    run("one", f"hermes-gateways install {' '.join(NAMES)} --start --json")
    eventually(lambda: one.polled({}), "the gateways poll on one")
    run("one", "hermes-gateways place add two --ssh two --json")
    plan_job()
    move("--to two")
    eventually(lambda: two.polled({}), "the gateways poll on two")
    for name in NAMES:
        last = max(end for _, end in one.spans[name])
        assert last <= min(start for start, _ in two.spans[name]), f"two pollers of the bot of {name}"
        run("one", f"hermes-profiles restore {name} --json", code=6)
    assert states("one") == {} and states("two") == running
    # The first run was planned at home; the one after it is computed here.
    eventually(lambda: runs("two") > 1, "the job goes on at the hours of its zone", 240)
    before = {name: len(spans) for name, spans in one.spans.items()}
    move("--to local")
    eventually(lambda: one.polled(before), "the gateways poll on one again")
    for name in NAMES:
        last = max(end for _, end in two.spans[name])
        assert last <= one.spans[name][before[name]][0], f"two pollers of the bot of {name}"
    assert states("two") == {} and states("one") == running
    print("polls", {name: (len(one.spans[name]), len(two.spans[name])) for name in NAMES})


def main() -> None:
    """Tell the story."""
    prepare()
    with ExitStack() as stack:
        one, two = (stack.enter_context(HostBotApi()) for _ in range(2))
        stack.enter_context(tunnel(SSH, "one", one, PORT))
        stack.enter_context(tunnel(SSH, "two", two, PORT))
        tell(one, two)
    print("told")


if __name__ == "__main__":
    main()
