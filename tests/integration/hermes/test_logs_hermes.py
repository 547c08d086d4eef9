"""Logs of real Hermes 0.19.0 gateways: each record is printed once, followed or read later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from free_ports import free_port
from real_hermes import hermes_python
from systemd_live import live_home

pytestmark = pytest.mark.judge
KEYS = ("CANARY-api-server-key-one", "CANARY-api-server-key-two")


def test_records_of_real_gateways_are_printed_once() -> None:
    with live_home() as home:
        fleet = Fleet(home, hermes_python())
        with open(home / "followed", "wb") as stream:
            words = [*fleet.words, "logs", "-f", "-n", "0", "--json"]
            follower = subprocess.Popen(words, env=fleet.environment, stdout=stream)
        try:
            fleet.run("install", "--start", "--timeout", "60")
            fleet.run("restart", "work", "--timeout", "60")
        finally:
            fleet.run("stop")
            time.sleep(2)
            follower.send_signal(signal.SIGINT)
            assert follower.wait(10) == 130
            fleet.run("uninstall", "--yes")
        followed = rows((home / "followed").read_bytes())
        history = rows(fleet.run("logs", "-n", "10000", "--json"))
    counts = Counter(row["text"] for row in history if row["profile"] == "default")
    assert counts["Starting Hermes Gateway..."] == 1 and max(counts.values()) == 1, counts.most_common(3)
    texts = [row["text"] for row in history if row["profile"] == "work"]
    assert texts.count("Starting Hermes Gateway...") == 2 and any("WEIXIN_ACCOUNT_ID" in text for text in texts)
    # Each warning is also on standard error, which supervisord writes to the same log.
    assert sum("No env user allowlists" in text for text in texts) == 2
    assert not any("Traceback" in text for text in texts)
    as_told = Counter((row["profile"], row["level"], row["text"]) for row in followed)
    assert as_told == Counter((row["profile"], row["level"], row["text"]) for row in history)
    assert "CANARY" not in str(followed) + str(history)


def rows(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.splitlines()]


class Fleet:
    """Two real profiles with separate ports under the embedded supervisord; one has half a Weixin account.

    A variable in `.env`, which the service reads, keeps gateways from installing libraries.
    """

    def __init__(self, home: Path, python: str) -> None:
        self.words = [sys.executable, "-m", "hermes_profiles.cli.gateways"]
        self.environment = {
            "HOME": str(home), "PATH": f"{os.path.dirname(python)}:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
            "HERMES_PROFILES_MANAGER": "supervisor", "XDG_RUNTIME_DIR": str(home / "run"),
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        (home / "run").mkdir(mode=0o700)
        for profile, key in zip((home / ".hermes", home / ".hermes/profiles/work"), KEYS, strict=True):
            profile.mkdir(parents=True)
            more = "WEIXIN_TOKEN=CANARY-weixin-0000000000\n" if profile.name == "work" else ""
            (profile / ".env").write_text(
                f"HERMES_DISABLE_LAZY_INSTALLS=1\nAPI_SERVER_KEY={key}\nAPI_SERVER_PORT={free_port()}\n{more}"
            )
            (profile / "config.yaml").write_text("model:\n  default: gpt-5\n")

    def run(self, *words: str) -> bytes:
        done = subprocess.run(
            [*self.words, *words], env=self.environment, capture_output=True, timeout=200, check=False
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout!r} {done.stderr!r}"
        return done.stdout
