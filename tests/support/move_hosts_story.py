"""A real gateway moves from one booted host to another and back, while a stand-in of Telegram notes who polls when.

Run as a program in the network of the hosts, with an `ssh` that reaches `one` and `two`, the key that they accept,
and the address of `two`. Each host reaches a stand-in of its own through a tunnel. Every step asserts; the last printed
line is `told`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bot_api import BotApi

SSH, KEY, ADDRESS = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
PORT = 8081
TOKEN = "7123456789:CANARYmovegatewayCANARYmovegatewayCANARY"
ENV = f"""TELEGRAM_BOT_TOKEN={TOKEN}
NO_PROXY=*
TELEGRAM_FALLBACK_IPS=149.154.167.220
HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1
HERMES_DISABLE_LAZY_INSTALLS=1
"""
CONFIG = {
    "model": {"default": "none/none"},
    "platforms": {"telegram": {"enabled": True, "extra": {"base_url": f"http://127.0.0.1:{PORT}/kid/bot"}}},
}


class HostBotApi(BotApi):
    """The stand-in of one host. `spans`: begin and end of each poll."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []
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
            self.spans.append((begin, time.monotonic()))


def run(host: str, line: str, typed: str = "", code: int = 0) -> str:
    """Return the output of a line of shell on a host."""
    done = subprocess.run([SSH, host, line], input=typed, capture_output=True, text=True, timeout=400, check=False)
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {line}"
    assert done.returncode == code, f"{host}: {line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def tunnel(host: str, api: BotApi) -> Iterator[None]:
    """Let a host reach a stand-in on its own loopback."""
    port = api.url.rpartition(":")[2]
    words = [SSH, "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{PORT}:127.0.0.1:{port}", host]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def eventually(check: Callable[[], bool], what: str, patience: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


def row(host: str) -> Any:
    """Return the row of the profile in `status` of a host, None where it has none."""
    rows = json.loads(run(host, "hermes-gateways status --json; true"))["data"]["gateways"]
    return next((each for each in rows if each["profile"] == "kid"), None)


def prepare() -> None:
    """Make both roots, and let `one` reach `two`."""
    base = "mkdir -p ~/.hermes && cd ~/.hermes && echo 'model: none/none' > config.yaml && touch .env"
    run("one", base)
    run("two", base)
    run("one", "mkdir -p ~/.hermes/profiles/kid && cat > ~/.hermes/profiles/kid/.env", ENV)
    run("one", "cat > ~/.hermes/profiles/kid/config.yaml", json.dumps(CONFIG))
    run("one", "umask 077; cat > ~/.ssh/id", KEY.read_text())
    config = f"Host two\n  HostName {ADDRESS}\n  IdentityFile ~/.ssh/id\n  StrictHostKeyChecking accept-new\n"
    run("one", "cat > ~/.ssh/config", config)


def tell(one: HostBotApi, two: HostBotApi) -> None:
    """Move there and back."""
    run("one", "hermes-gateways install kid --start --json")
    eventually(lambda: len(one.spans) > 2, "the gateway polls on one")
    run("one", "hermes-gateways place add two --ssh two --json")
    begin = time.monotonic()
    (moved,) = json.loads(run("one", "hermes-gateways move kid --to two --json"))["data"]["profiles"]
    print(f"there in {time.monotonic() - begin:.1f} s", moved)
    assert (moved["outcome"], moved["running"]) == ("moved", True)
    eventually(lambda: len(two.spans) > 2, "the gateway polls on two")
    assert max(end for _, end in one.spans) <= min(start for start, _ in two.spans), "two pollers of one bot"
    assert row("one") is None and row("two")["state"] == "running"
    run("one", "hermes-profiles restore kid --json", code=6)
    before = len(one.spans)
    begin = time.monotonic()
    (back,) = json.loads(run("one", "hermes-gateways move kid --to local --json"))["data"]["profiles"]
    print(f"back in {time.monotonic() - begin:.1f} s", back)
    assert (back["outcome"], back["running"]) == ("moved", True)
    eventually(lambda: len(one.spans) > before + 2, "the gateway polls on one again")
    assert max(end for _, end in two.spans) <= one.spans[before][0], "two pollers of one bot"
    assert row("two") is None and row("one")["state"] == "running"
    print("polls", len(one.spans), len(two.spans))


def main() -> None:
    """Tell the story."""
    prepare()
    with ExitStack() as stack:
        one, two = (stack.enter_context(HostBotApi()) for _ in range(2))
        stack.enter_context(tunnel("one", one))
        stack.enter_context(tunnel("two", two))
        tell(one, two)
    print("told")


if __name__ == "__main__":
    main()
