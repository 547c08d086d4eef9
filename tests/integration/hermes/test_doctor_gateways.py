"""The doctor on two real gateways with one Telegram token and one API port.

The Bot API is a stand-in on 127.0.0.1. The gateways have no overlay and no masks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_runner import Runner
from test_conflict_gateways import Gateways, answers, eventually, run_of

pytestmark = pytest.mark.judge


class Clones(Gateways):
    """Gateways started like Hermes starts them."""

    def start_alone(self, profile: str, **environment: str) -> int:
        """Start a gateway and wait until one of its channels answers; returns its pid."""
        with (self.layout.user_home / f"{profile}.log").open("ab") as log:
            self.running[profile] = subprocess.Popen(
                [self._python, "-m", "hermes_cli.main", "-p", profile, "gateway", "run"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.layout.user_home,
                env={**self.environment, **environment},
            )  # fmt: skip
        eventually(lambda: answers(self.own_port[profile]), lambda: self.log(profile))
        return self.running[profile].pid

    def doctor(self, root: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return check → its only finding on shared resources."""
        runner = Runner(self.layout.user_home, {**self.environment, "HERMES_HOME": str(root or self.layout.root)})
        rows = runner.call("doctor", "--only", "conflicts", "--json").data["findings"]
        assert len({row["check"] for row in rows}) == len(rows), json.dumps(rows, indent=1)
        return {row["check"]: row for row in rows}


@pytest.fixture
def clones() -> Iterator[Clones]:
    with run_of(Clones, "doctor") as made:
        yield made


def test_shared_identity_names_real_holder_and_waiting_gateway(clones: Clones) -> None:
    for profile in ("one", "two"):
        clones.make(profile)
    quiet = clones.doctor()
    assert set(quiet) == {"conflicts.shared-identity", "conflicts.shared-port"}
    assert quiet["conflicts.shared-identity"]["message"] == "2 profiles have the same telegram token: one and two"

    first = clones.start_alone("one")
    clones.polled_by("one")
    second = clones.start_alone("two")
    eventually(lambda: "telegram" in clones.channels("two"), lambda: clones.log("two"))
    eventually(lambda: clones.channels("two").get("api_server") not in (None, "connecting"), lambda: clones.log("two"))
    states = clones.channels("two")
    assert states["telegram"] != "connected" and states["api_server"] != "connected", states
    found = clones.doctor()
    assert found["conflicts.shared-identity"]["message"] == (
        f"2 profiles have the same telegram token: one and two; one uses it now (pid {first}); "
        f"telegram of two is {states['telegram']}"
    )
    assert found["conflicts.shared-port"]["message"] == (
        f"one and two claim port {clones.api_port} for api_server; one listens on it now (pid {first}); "
        f"api_server of two is {states['api_server']}"
    )
    assert set(found) == set(quiet), "no other profile uses the port of its own gateway"

    clones.stop("one")
    gone = clones.doctor()["conflicts.shared-identity"]["message"]
    assert f"pid {first}" not in gone, "its lock file exists, and no process holds it"
    clones.stop("two")
    third = clones.start_alone("two")
    assert third != second
    clones.polled_by("two")
    assert f"two uses it now (pid {third})" in clones.doctor()["conflicts.shared-identity"]["message"]

    other = clones.layout.user_home / "other"
    shutil.copytree(clones.layout.home("one"), other / "profiles" / "one", ignore=shutil.ignore_patterns("*.pid"))
    elsewhere = clones.doctor(other)["conflicts.held-elsewhere"]["message"]
    assert elsewhere == (f"process {third}, which serves {clones.layout.home('two')}, uses the telegram token of one")


@pytest.mark.nightly
def test_inherited_token_is_reported(clones: Clones) -> None:
    for profile in ("one", "two"):
        clones.make(profile)
    env = clones.layout.home("two") / ".env"
    lines = env.read_text().splitlines(keepends=True)
    env.write_text("".join(line for line in lines if not line.startswith(("TELEGRAM", "API_SERVER"))))
    token = next(line.split("=", 1)[1].strip() for line in lines if line.startswith("TELEGRAM_BOT_TOKEN"))
    assert clones.doctor() == {}
    pid = clones.start_alone("two", TELEGRAM_BOT_TOKEN=token)
    clones.polled_by("two")  # Hermes used it
    found = clones.doctor()
    assert set(found) == {"conflicts.inherited-identity"}
    assert found["conflicts.inherited-identity"]["message"].startswith(
        f"two (pid {pid}) has a telegram token from the environment"
    )
    assert found["conflicts.inherited-identity"]["profiles"] == ["two", "one"]
