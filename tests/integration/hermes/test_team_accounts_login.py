"""`team add --login` with real Hermes: its set-up at a terminal, and a stand-in of WeChat's API."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts_root import AccountsRoot, account_id, eventually, friend, running_accounts, token
from command_runner import COMMAND, REPOSITORY, Runner
from ilink_stand_in import Scan
from login_dialogue import aim_at_stand_in, answer_set_up
from pty_terminal import Terminal
from real_hermes import hermes_python

pytestmark = pytest.mark.judge


class LoginTeam:
    """A team on WeChat, and a user at a terminal."""

    def __init__(self, world: AccountsRoot) -> None:
        self.world = world
        aimed = aim_at_stand_in(world.user)
        hermes = Path(hermes_python()).parent
        self.environment = {
            **world.environment, "PATH": f"{hermes}:/usr/bin:/bin", "ILINK_STAND_IN": world.ilink.url,
            "PYTHONPATH": f"{aimed}:{REPOSITORY}", "NO_COLOR": "1", "HERMES_PROFILES_MANAGER": "supervisor",
        }  # fmt: skip
        self.runner = Runner(world.user, {"HERMES_HOME": str(world.root)})
        self.runner.ok("team", "create", "family", "--members", "ann,bob")

    def scan(self, member: str, *, user: str = "", suffix: str = "") -> Scan:
        return Scan(account_id(member + suffix), token(member + suffix), user or friend(member))

    def log_in(self, member: str, *more: str, choose: str = "allow", answer: str | None = None) -> tuple[int, str]:
        """Log a member in at the terminal; returns the exit code and the output."""
        words = [*COMMAND, "team", "add", member, "--team", "family", "--login", *more]
        with Terminal(words, self.environment, self.world.user) as terminal:
            answer_set_up(terminal, choose)
            if answer is not None:
                terminal.expect("; type '")
                terminal.type(f"{answer}\n")
            code = terminal.end()
            return code, terminal.text

    def env(self, member: str) -> dict[str, str]:
        lines = (self.world.home(member) / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def extra(self, member: str) -> Any:
        code = "import sys, yaml; print(__import__('json').dumps(yaml.safe_load(open(sys.argv[1]))))"
        import subprocess

        config = self.world.home(member) / "config.yaml"
        done = subprocess.run([hermes_python(), "-c", code, str(config)], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["platforms"]["weixin"]["extra"]


@pytest.fixture
def team() -> Iterator[LoginTeam]:
    with running_accounts("login") as world:
        world.lead()
        yield LoginTeam(world)


@pytest.mark.nightly
def test_scan_gives_a_member_its_account_and_it_answers(team: LoginTeam) -> None:
    world = team.world
    world.ilink.will_scan(team.scan("ann"), team.scan("bob"), team.scan("eve"))
    for member in ("ann", "bob", "eve"):  # eve is new
        code, seen = team.log_in(member)
        assert code == 0, seen
        assert "account" in seen and account_id(member)[-4:] in seen
    for member in ("ann", "bob", "eve"):
        env = team.env(member)
        assert env["WEIXIN_ACCOUNT_ID"] == account_id(member) and env["WEIXIN_TOKEN"] == token(member)
        assert env["WEIXIN_ALLOWED_USERS"] == friend(member) and env["WEIXIN_HOME_CHANNEL"] == friend(member)
        assert "WEIXIN_DM_POLICY" not in env
        assert team.extra(member) == {"dm_policy": "allowlist", "group_policy": "disabled"}
        assert world.holders(token(member)) == {
            f"profiles/{member}/.env", f"profiles/{member}/weixin/accounts/{account_id(member)}.json"
        }  # fmt: skip
    world.members = ("ann", "bob", "eve")
    config = json.loads((world.root / "config.yaml").read_bytes())
    assert "platforms" not in config
    world.serve("multiplex")
    for member in world.members:
        world.ilink.send(token(member), friend(member), f"say-hello-{member}")
        world.ilink.send(token(member), "somebody", f"say-stranger-{member}")
    for member in world.members:
        assert world.answered(member, friend(member))[0].startswith(f"heard say-hello-{member} · persona the-lead")
        assert {each.to for each in world.ilink.sent[token(member)]} == {friend(member)}


@pytest.mark.nightly
def test_scan_of_another_members_account_is_refused(team: LoginTeam) -> None:
    world = team.world
    world.ilink.will_scan(team.scan("ann"), team.scan("ann", suffix="x")._replace(account=account_id("ann")))
    assert team.log_in("ann")[0] == 0
    before = {name: team.env(name) for name in ("ann", "bob")}
    code, seen = team.log_in("bob", answer="no")
    assert code == 6 and "is the weixin account of ann" in seen and "team add ann --team family --login" in seen
    assert {name: team.env(name) for name in ("ann", "bob")} == before
    places = world.holders(token("annx"))
    assert places and all("/trash/" in place for place in places), places
    # The same scan again, assigned to its owner.
    world.ilink.will_scan(team.scan("ann", suffix="x")._replace(account=account_id("ann")))
    code, seen = team.log_in("bob", choose="pairing", answer="ann")
    assert code == 0, seen
    assert team.env("ann") == {**before["ann"], "WEIXIN_TOKEN": token("annx")}
    assert team.env("bob") == before["bob"]
    assert team.extra("ann") == {"dm_policy": "allowlist", "group_policy": "disabled"}


@pytest.mark.nightly
def test_same_user_scanning_for_two_members_is_reported(team: LoginTeam) -> None:
    team.world.ilink.will_scan(team.scan("ann"), team.scan("bob", user=friend("ann")))
    assert team.log_in("ann")[0] == 0
    before = {name: team.env(name) for name in ("ann", "bob")}
    code, seen = team.log_in("bob", answer="bob")
    assert code == 6 and "the person behind the weixin account of ann" in seen
    assert {name: team.env(name) for name in ("ann", "bob")} == before


@pytest.mark.nightly
def test_replacing_a_members_account_needs_confirmation(team: LoginTeam) -> None:
    team.world.ilink.will_scan(team.scan("ann"), team.scan("eve"), team.scan("eve"))
    assert team.log_in("ann")[0] == 0
    before = team.env("ann")
    code, seen = team.log_in("ann", answer="")
    assert code == 6 and "another account" in seen and team.env("ann") == before
    code, seen = team.log_in("ann", answer="ann")
    assert code == 0 and team.env("ann")["WEIXIN_TOKEN"] == token("eve")
    assert not (team.world.home("ann") / "weixin" / "accounts" / f"{account_id('ann')}.json").exists()
    team.runner.ok("undo")
    assert team.env("ann") == before


def test_aborted_login_changes_nothing(team: LoginTeam) -> None:
    picture = {name: team.env(name) for name in ("ann", "bob")}
    words = [*COMMAND, "team", "add", "bob", "--team", "family", "--login"]
    with Terminal(words, team.environment, team.world.user) as terminal:
        terminal.expect("Start QR login now?")
        terminal.type("\n")
        terminal.expect("https://example.invalid/code")
        terminal.type("\x03")
        assert terminal.end() == 130, terminal.text
    with Terminal(words, team.environment, team.world.user) as terminal:
        terminal.expect("Start QR login now?")
        terminal.type("n\n")
        assert terminal.end() == 1 and "bob is as it was" in terminal.text
    assert {name: team.env(name) for name in ("ann", "bob")} == picture
    eventually(lambda: not list((team.world.root / "profiles/.hermes-profiles/errands").glob("bob")), "left behind")


def test_incomplete_login_is_kept_in_the_trash(team: LoginTeam) -> None:
    team.world.ilink.will_scan(team.scan("bob"))
    before = team.env("bob")
    words = [*COMMAND, "team", "add", "bob", "--team", "family", "--login"]
    with Terminal(words, team.environment, team.world.user) as terminal:
        terminal.expect("Start QR login now?")
        terminal.type("\n")
        terminal.expect("direct messages be authorized")
        terminal.type("\x03")
        terminal.expect("Select [1-4]")  # Hermes asks once more, without its menu
        assert terminal.end_by("\x03") == 130, terminal.text
    assert team.env("bob") == before
    (place,) = team.world.holders(token("bob"))
    assert "/trash/" in place and place.endswith(f"weixin/accounts/{account_id('bob')}.json")


def test_json_output_has_only_the_answer(team: LoginTeam) -> None:
    team.world.ilink.will_scan(team.scan("ann"))
    answer = team.world.user / "answer.json"
    descriptor = os.open(answer, os.O_WRONLY | os.O_CREAT, 0o600)
    words = [sys.executable, "-m", "hermes_profiles.cli", "team", "add", "ann", "--team", "family", "--login", "--json"]
    with Terminal(words, team.environment, team.world.user, stdout=descriptor) as terminal:
        os.close(descriptor)
        terminal.expect("Start QR login now?")
        terminal.type("\n")
        for question in ("direct messages be authorized", "group chats be handled", "as the home channel?"):
            terminal.expect(question)
            terminal.type("\n")
        assert terminal.end() == 0, terminal.text
    (row,) = json.loads(answer.read_text())["data"]["members"]
    assert row["profile"] == "ann" and row["account"]
