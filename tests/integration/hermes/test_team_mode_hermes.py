"""The run mode on real Hermes: answered users, answering process, and files after a switch and back.

The default profile is open, which no member can inherit; one member uses a list, one uses pairing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts_root import (
    BOSS,
    QUICK,
    AccountsRoot,
    account_id,
    eventually,
    friend,
    interrupted,
    running_accounts,
    token,
)
from real_hermes import hermes_python
from ruamel.yaml import YAML
from shim_stage import NO_NETWORK

pytestmark = pytest.mark.judge
MEMBERS = ("anna", "bob", "carl")


class TeamCommands:
    """The commands, run as the user of an AccountsRoot."""

    def __init__(self, world: AccountsRoot, runtime: str) -> None:
        self.world = world
        self.environment = {
            "HOME": str(world.user), "HERMES_HOME": str(world.root), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
            "HERMES_PROFILES_MANAGER": "supervisor", "XDG_RUNTIME_DIR": runtime,
        }  # fmt: skip

    def run(self, module: str, *words: str, code: int | None = 0) -> Any:
        done = subprocess.run(
            [hermes_python(), "-m", module, *words, "--json"], env=self.environment, cwd=self.world.user,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert "CANARY" not in done.stdout + done.stderr
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)["data"]

    def gateways(self, *words: str, code: int | None = 0) -> Any:
        return self.run("hermes_profiles.cli.gateways", *words, code=code)

    def mode(self, *words: str) -> Any:
        return self.run("hermes_profiles.cli", "team", "run-mode", *words)

    def kept(self) -> dict[str, Any]:
        """Return the content of the files that a switch writes.

        Hermes records its first conversation in config.yaml, and rewrites the whole file then."""
        found: dict[str, Any] = {}
        for name in ("default", *MEMBERS):
            for file in (".env", "platforms/pairing/weixin-approved.json"):
                path = self.world.home(name) / file
                found[f"{name} {file}"] = path.read_bytes() if path.exists() else b"-"
            config = YAML(typ="safe").load((self.world.home(name) / "config.yaml").read_bytes())
            config.pop("onboarding", None)
            found[f"{name} config.yaml"] = config
        return found

    def end(self) -> None:
        path = self.world.root / "profiles/.hermes-profiles/supervisor/supervisord.pid"
        if path.exists():
            pid = int(path.read_text())
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not Path(f"/proc/{pid}").exists(), "the daemon did not end")


@pytest.fixture
def commands() -> Iterator[TeamCommands]:
    with running_accounts("team-mode") as world:
        world.lead()
        world.by_hand(MEMBERS)
        bob = json.loads((world.home("bob") / "config.yaml").read_bytes())
        bob["platforms"]["weixin"]["extra"] = {"dm_policy": "pairing", **QUICK}
        (world.home("bob") / "config.yaml").write_text(json.dumps(bob))
        approved = world.home("bob") / "platforms/pairing/weixin-approved.json"
        approved.parent.mkdir(parents=True)
        approved.write_text(json.dumps({friend("bob"): {"user_name": "x", "approved_at": 1.0}}))
        for name in ("default", *MEMBERS):
            with (world.home(name) / ".env").open("a") as env:
                env.write("".join(f"{key}={value}\n" for key, value in NO_NETWORK.items()))
                env.write("HERMES_ALLOW_ROOT_GATEWAY=1\n")
        runtime = tempfile.mkdtemp(prefix="hp-")
        commands = TeamCommands(world, runtime)
        try:
            yield commands
        finally:
            commands.end()
            shutil.rmtree(runtime, ignore_errors=True)


def who_is_answered(commands: TeamCommands) -> dict[str, set[str]]:
    """Return member → answered users, of its friend, the boss and a stranger."""
    ilink = commands.world.ilink
    ilink.reset()
    for member in MEMBERS:
        for person in (friend(member), BOSS, "stranger"):
            ilink.send(token(member), person, f"hello from {person}")
    expected = [*((one, friend(one)) for one in MEMBERS), ("anna", BOSS), ("carl", BOSS)]
    for _ in range(4):  # an interrupted turn may swallow the first message: users repeat it
        waiting = [(member, person) for member, person in expected if not ilink.answers(token(member), person)]
        if not waiting or ilink.wait(lambda: all(ilink.answers(token(one), who) for one, who in expected), 30.0):
            break
        for member, person in waiting:
            ilink.send(token(member), person, f"hello again from {person}")
    ilink.wait(lambda: False, 4.0)  # no other user is answered during this time
    commands.world.idle()  # an interrupted turn is resumed, and a busy message interrupts it
    return {
        member: {person for person in (friend(member), BOSS, "stranger") if ilink.answers(token(member), person)}
        for member in MEMBERS
    }  # fmt: skip


@pytest.mark.nightly
def test_multiplexer_answers_the_same_users_as_single_gateways(commands: TeamCommands) -> None:
    with (commands.world.root / ".env").open("a") as env:
        env.write(f"GATEWAY_ALLOW_ALL_USERS=true\nWEIXIN_ALLOWED_USERS={BOSS}\n")
    commands.gateways("install", *MEMBERS, "--start")
    commands.world.polled()
    expected = {"anna": {friend("anna"), BOSS}, "bob": {friend("bob")}, "carl": {friend("carl"), BOSS}}
    assert who_is_answered(commands) == expected
    kept = commands.kept()
    data = commands.mode("multiplex")
    assert {each["key"] for each in data["isolated"]} == {"GATEWAY_ALLOW_ALL_USERS", "WEIXIN_ALLOWED_USERS"}
    status = commands.gateways("status")
    states = {row["profile"]: row["state"] for row in status["gateways"]}
    assert states == {"default": "running", **dict.fromkeys(MEMBERS, "served")}
    pid = next(row["pid"] for row in status["gateways"] if row["profile"] == "default")
    assert [(row["profile"], row["state"], row["pid"]) for row in status["accounts"]] == [
        (name, "connected", pid) for name in MEMBERS
    ]
    assert all(account_id(row["profile"])[:4] in row["account"] for row in status["accounts"])
    assert who_is_answered(commands) == expected
    assert set(commands.world.ilink.most_at_once.values()) == {1}, "an account has one poll loop"
    commands.mode("processes")
    assert commands.kept() == kept
    states = {row["profile"]: row["state"] for row in commands.gateways("status")["gateways"]}
    assert states == {"default": "stopped", **dict.fromkeys(MEMBERS, "running")}
    assert who_is_answered(commands) == expected


@pytest.mark.nightly
def test_unserved_profile_restores_the_former_state(commands: TeamCommands) -> None:
    commands.gateways("install", *MEMBERS, "--start")
    commands.world.polled()
    kept = commands.kept()
    with (commands.world.home("carl") / ".env").open("a") as env:
        env.write("API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef\n")
    refused = commands.run("hermes_profiles.cli", "team", "run-mode", "multiplex", code=6)
    assert [row["code"] for row in refused["limits"]] == ["port-binding"]
    # Seen too late, as if written between the check and the start.
    script = (
        "import hermes_profiles.multiplex.enable as enable\nenable.limit_issues = lambda *_: ()\n"
        "from hermes_profiles.cli.profiles import main\nmain()\n"
    )
    done = subprocess.run(
        [hermes_python(), "-c", script, "team", "run-mode", "multiplex", "--timeout", "60"], env=commands.environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 1 and "carl is not served; the former state was restored" in done.stderr, done
    states = {row["profile"]: row["state"] for row in commands.gateways("status")["gateways"]}
    assert states["default"] == "stopped" and {states[name] for name in MEMBERS} <= {"running", "degraded"}
    assert {**commands.kept(), "carl .env": b""} == {**kept, "carl .env": b""}


@pytest.mark.nightly
def test_no_busy_message_of_an_allowed_user_is_dropped(commands: TeamCommands) -> None:
    """0.19.0 checks busy messages against the list in a member's `.env` alone.

    Users of config.yaml and pairing are written there. Default is open, which no member can inherit."""
    with (commands.world.root / ".env").open("a") as env:
        env.write(f"GATEWAY_ALLOW_ALL_USERS=true\nWEIXIN_ALLOWED_USERS={BOSS}\n")
    commands.gateways("install", *MEMBERS, "--start")
    commands.world.polled()
    kept = commands.kept()
    data = commands.mode("multiplex")
    assert {each["profile"] for each in data["isolated"] if each["key"] == "WEIXIN_ALLOWED_USERS"} == set(MEMBERS)
    commands.world.ilink.reset()
    words = interrupted(commands.world, MEMBERS, "second")
    assert {account: texts[-1] for account, texts in words.items()} == {
        token(one): f"say-second-{one}" for one in MEMBERS
    }
    for member in MEMBERS:
        commands.world.ilink.send(token(member), "stranger", "say-stranger")
        for other in set(MEMBERS) - {member}:
            commands.world.ilink.send(token(member), friend(other), "say-foreign")
    commands.world.ilink.wait(lambda: False, 4.0)
    for member in MEMBERS:
        answered = {
            person
            for person in ("stranger", *map(friend, MEMBERS))
            if commands.world.ilink.answers(token(member), person)
        }
        assert answered == {friend(member)}, member
    commands.mode("processes")
    assert commands.kept() == kept
