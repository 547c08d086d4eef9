"""`team add --login` with a stand-in of Hermes' set-up: faults, terminal, concurrent commands."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from command_root import CommandRoot, picture
from command_runner import COMMAND, REPOSITORY
from pty_terminal import Terminal

TOKEN = "CANARY-scanned-token-0123456789"
ID = "5ca00000001d@im.bot"
USER = "mum@im.wechat"
# The stand-in of hermes_cli.gateway: it executes the file `plan` beside it, line by line.
_STAND_IN = r"""
import json, os, pathlib, signal, sys, time
home = pathlib.Path(os.environ["HERMES_HOME"])
plan = pathlib.Path(__file__).with_name("plan").read_text().splitlines()
if "no-module" in plan:
    raise ImportError("no set-up here")
def _all_platforms():
    return [] if "no-platform" in plan else [{"key": "weixin"}, {"key": "telegram"}]
def _configure_platform(platform):
    for line in plan:
        word, _, rest = line.partition(" ")
        globals()[word.replace("-", "_")](rest)
def scan(rest):
    account, token, user = rest.split()
    folder = home / "weixin" / "accounts"
    folder.mkdir(parents=True)
    (folder / f"{account}.json").write_text(json.dumps({"token": token, "base_url": "", "user_id": user}))
def env(rest):
    with (home / ".env").open("a") as file:
        file.write(rest + "\n")
def write(rest):
    path, text = rest.split(" ", 1)
    pathlib.Path(path).write_text(text + "\n")
def look(rest):
    seen = {
        "terminal": [os.isatty(0), os.isatty(1), os.isatty(2)], "foreground": os.tcgetpgrp(0) == os.getpgrp(),
        "home": str(home), "mode": oct(home.stat().st_mode & 0o777), "variables": sorted(os.environ),
        "proxy": os.environ.get("HTTPS_PROXY"),
    }
    pathlib.Path(rest).write_text(json.dumps(seen))
def show(rest):
    print(rest, flush=True)
def ask(rest):
    print(rest, flush=True)
    sys.stdin.readline()
def wait(rest):
    time.sleep(float(rest))
def raw(rest):
    import tty
    tty.setraw(0)
def kill(rest):
    os.kill(os.getpid(), int(rest))
def leave(rest):
    raise SystemExit(int(rest))
"""


class LoginTerminal:
    """A user at a terminal; `plan` is the behaviour of Hermes' set-up."""

    def __init__(self, world: CommandRoot) -> None:
        self.world = world
        folder = world.user / "standin" / "hermes_cli"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "gateway.py").write_text(_STAND_IN)
        self._plan = folder / "plan"
        tools = world.user / "tools"
        tools.mkdir()
        (tools / "hermes").write_text(f"#!{sys.executable}\n")
        (tools / "hermes").chmod(0o755)
        self.environment = {
            **world.runner.environment, "PATH": f"{tools}:/usr/bin:/bin",
            "PYTHONPATH": f"{folder.parent}:{REPOSITORY}",
        }  # fmt: skip
        world.ok("team", "create", "family", "--members", "ann,bob")

    def plan(self, *lines: str) -> None:
        self._plan.write_text("\n".join(lines))

    def scans(self, account: str = ID, token: str = TOKEN, user: str = USER, *more: str) -> None:
        """Let the set-up add an account, with all its prompts answered."""
        self.plan(
            f"scan {account} {token} {user}", f"env WEIXIN_ACCOUNT_ID={account}", f"env WEIXIN_TOKEN={token}",
            "env WEIXIN_DM_POLICY=pairing", "env WEIXIN_ALLOWED_USERS=", "env WEIXIN_GROUP_POLICY=disabled", *more,
        )  # fmt: skip

    def terminal(self, member: str, *more: str, env: Mapping[str, str] | None = None) -> Terminal:
        words = [*COMMAND, "team", "add", member, "--team", "family", "--login", *more]
        return Terminal(words, {**self.environment, **(env or {})}, self.world.user)

    def log_in(
        self, member: str, *more: str, answer: str | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        with self.terminal(member, *more, env=env) as terminal:
            if answer is not None:
                terminal.expect("; type '")
                terminal.type(answer)
            code = terminal.end()
            assert "Traceback" not in terminal.text
            return code, " ".join(terminal.text.split())

    def homes(self) -> dict[str, object]:
        """Return the state of every profile."""
        return picture(self.world.root, without=(".hermes-profiles",))

    def env(self, member: str) -> dict[str, str]:
        lines = (self.world.home(member) / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def in_trash(self) -> list[str]:
        return [
            str(path.relative_to(self.world.state)) for path in self.world.state.rglob(f"trash/*/files/**/{ID}.json")
        ]


@pytest.fixture
def login(world: CommandRoot) -> LoginTerminal:
    return LoginTerminal(world)


def test_login_gives_hermes_terminal_and_temporary_home(login: LoginTerminal) -> None:
    with (login.world.home("ann") / ".env").open("a") as env:
        env.write("HTTPS_PROXY=http://proxy.example:3128\n")
    seen = login.world.user / "seen.json"
    login.scans(ID, TOKEN, USER, f"look {seen}")
    code, shown = login.log_in("ann", env={"WEIXIN_ACCOUNT_ID": "of-the-shell@im.bot", "WEIXIN_TOKEN": "CANARY-shell"})
    assert code == 0, shown
    found = json.loads(seen.read_text())
    assert found["terminal"] == [True, True, True] and found["foreground"]
    assert found["home"] not in [str(login.world.home(name)) for name in ("default", "ann", "bob")]
    assert found["mode"] == "0o700" and found["proxy"] == "http://proxy.example:3128"
    assert not {"WEIXIN_ACCOUNT_ID", "WEIXIN_TOKEN", "TELEGRAM_BOT_TOKEN"} & set(found["variables"])
    assert login.env("ann")["WEIXIN_TOKEN"] == TOKEN and not Path(found["home"]).exists()


def test_failed_login_changes_nothing(login: LoginTerminal) -> None:
    before = login.homes()
    for plan in ([], ["leave 3"], ["kill 9"], ["show nothing"], [f"env WEIXIN_ACCOUNT_ID={ID}"], ["env OTHER=1"]):
        login.plan(*plan)
        code, shown = login.log_in("ann")
        assert code == 1 and "ann is as it was" in shown, shown
        assert "`hermes-profiles team add ann --team family --login`" in shown, "no-login has another hint"
        assert login.homes() == before
    assert "(signal 9)" in [login.plan("kill 9"), login.log_in("ann")][1][1]
    assert "(exit 3)" in [login.plan("leave 3"), login.log_in("ann")][1][1]


@pytest.mark.parametrize("plan", ["no-module", "no-platform"])
def test_login_with_hermes_without_setup_is_error(login: LoginTerminal, plan: str) -> None:
    login.plan(plan)
    code, shown = login.log_in("ann")
    assert code == 1 and "has no set-up for weixin" in shown
    # no-setup
    assert "`hermes-profiles team add ann --team family < FILE`" in shown


@pytest.mark.skipif((Path(sys.executable).parent / "hermes").exists(), reason="a Hermes beside this program is found")
def test_login_without_hermes_is_error(login: LoginTerminal) -> None:
    (login.world.user / "tools" / "hermes").unlink()
    code, shown = login.log_in("ann", env={"PYTHONPATH": str(REPOSITORY)})
    assert code == 5 and "no Hermes Agent found" in shown


def test_setup_that_ends_after_scan_keeps_scan(login: LoginTerminal) -> None:
    before = login.homes()
    login.plan(f"scan {ID} {TOKEN} {USER}", "kill 9")
    code, shown = login.log_in("ann")
    assert code == 1 and "in the trash" in shown and login.homes() == before
    assert len(login.in_trash()) == 1


def test_killed_login_is_cleaned_up_by_next_command(login: LoginTerminal) -> None:
    before = login.homes()
    login.plan(f"scan {ID} {TOKEN} {USER}", "show scanned", "wait 60")
    with login.terminal("ann") as terminal:
        terminal.expect("scanned")
        os.killpg(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait(10)
    assert login.homes() == before
    login.scans("another00001@im.bot", "CANARY-another-0123456789", USER)
    code, shown = login.log_in("ann")
    assert code == 0 and "did not come to its end is in the trash now" in shown, shown
    assert len(login.in_trash()) == 1 and login.env("ann")["WEIXIN_ACCOUNT_ID"] == "another00001@im.bot"
    (entry,) = set(re.findall(r"`hermes-profiles restore (\S+)`", shown))  # left-over
    login.world.ok("restore", entry, "--dry-run")


def test_second_concurrent_login_of_member_is_refused(login: LoginTerminal) -> None:
    login.scans(ID, TOKEN, USER)
    lines = login._plan.read_text()
    login.plan("ask go on?", lines)
    with login.terminal("ann") as first:
        first.expect("go on?")
        code, shown = login.log_in("ann")
        assert code == 6 and "another command does this for ann" in shown
        first.type("\n")
        assert first.end() == 0, first.text
    assert login.env("ann")["WEIXIN_TOKEN"] == TOKEN


@pytest.mark.parametrize(
    ("answer", "code"), [("ann\n", 0), ("bob\n", 6), ("yes\n", 6), ("\n", 6), ("\x04", 6), ("\x03", 130)]
)
def test_login_with_account_of_another_member_is_refused(login: LoginTerminal, answer: str, code: int) -> None:
    login.scans(ID, "CANARY-first-0123456789", USER)
    assert login.log_in("ann")[0] == 0
    before = login.homes()
    login.scans(ID, TOKEN, USER)
    found, shown = login.log_in("bob", answer=answer)
    assert found == code, shown
    if code == 0:
        assert login.env("ann")["WEIXIN_TOKEN"] == TOKEN and "WEIXIN_TOKEN" not in login.env("bob")
    else:
        assert login.homes() == before
        assert len(login.in_trash()) == 1


def test_login_assigned_to_its_owner_keeps_allow_list(login: LoginTerminal) -> None:
    login.scans(ID, "CANARY-first-0123456789", USER)
    assert login.log_in("ann", "--allow", USER)[0] == 0
    before = login.env("ann")
    login.scans(ID, TOKEN, USER, "env WEIXIN_ALLOW_ALL_USERS=true", "env WEIXIN_HOME_CHANNEL=elsewhere@im.wechat")
    assert login.log_in("bob", answer="ann\n")[0] == 0
    assert login.env("ann") == {**before, "WEIXIN_TOKEN": TOKEN}
    assert "dm_policy: allowlist" in (login.world.home("ann") / "config.yaml").read_text()


def test_json_goes_to_stdout_and_hermes_to_the_terminal(login: LoginTerminal) -> None:
    login.scans(ID, TOKEN, USER, "show scanned by mum")
    answer = login.world.user / "answer.json"
    words = [*COMMAND, "team", "add", "ann", "--team", "family", "--login", "--json"]
    with (
        answer.open("wb") as file,
        Terminal(words, login.environment, login.world.user, stdout=file.fileno()) as terminal,
    ):
        terminal.expect("scanned by mum")
        assert terminal.end() == 0
    (row,) = json.loads(answer.read_text())["data"]["members"]
    assert row["profile"] == "ann" and row["account"]


def test_login_with_account_of_other_profile_is_refused(login: LoginTerminal) -> None:
    with (login.world.root / ".env").open("a") as env:
        env.write(f"WEIXIN_ACCOUNT_ID={ID}\nWEIXIN_TOKEN=CANARY-of-default-0123\n")
    before = login.homes()
    login.scans()
    code, shown = login.log_in("ann")
    assert code == 6 and "is the weixin account of default" in shown and "hermes -p default gateway setup" in shown
    assert login.homes() == before


def test_allow_list_is_the_last_setup_answer(login: LoginTerminal) -> None:
    """The answer can be blank, and the member can have a list or a policy before."""
    with (login.world.home("ann") / ".env").open("a") as env:
        env.write("WEIXIN_ALLOWED_USERS=old@im.wechat\nWEIXIN_DM_POLICY=open\nWEIXIN_ALLOW_ALL_USERS=true\n")
    login.scans()
    assert login.log_in("ann")[0] == 0
    assert not {"WEIXIN_ALLOWED_USERS", "WEIXIN_DM_POLICY"} & set(login.env("ann"))
    assert "dm_policy: pairing" in (login.world.home("ann") / "config.yaml").read_text()


def test_allow_option_with_login_is_used(login: LoginTerminal) -> None:
    login.scans()
    assert login.log_in("ann", "--allow", "mum@im.wechat,dad@im.wechat")[0] == 0
    assert login.env("ann")["WEIXIN_ALLOWED_USERS"] == "mum@im.wechat,dad@im.wechat"
    assert "dm_policy: allowlist" in (login.world.home("ann") / "config.yaml").read_text()


@pytest.mark.parametrize("multiplex", [False, True])
def test_pairing_under_multiplexer_is_warned_about(login: LoginTerminal, multiplex: bool) -> None:
    if multiplex:
        with (login.world.root / "config.yaml").open("a") as config:
            config.write("gateway:\n  multiplex_profiles: true\n")
    login.scans()
    code, shown = login.log_in("ann")
    assert code == 0 and ("gets a code that cannot be approved" in shown) is multiplex
    assert (f"`hermes-profiles team add ann --team family --allow {USER}`" in shown) is multiplex  # no-pairing
    if multiplex:
        login.world.ok("team", "add", "ann", "--team", "family", "--allow", USER)
        assert "dm_policy: allowlist" in (login.world.home("ann") / "config.yaml").read_text()


def test_setup_that_changes_another_profile_is_reported(login: LoginTerminal) -> None:
    bob = login.world.home("bob") / ".env"
    login.scans(ID, TOKEN, USER, f"write {bob} WEIXIN_TOKEN=CANARY-overwritten")
    code, shown = login.log_in("ann")
    assert code == 0 and ".env of bob changed while the set-up ran" in shown


def test_terminal_is_restored_after_setup(login: LoginTerminal) -> None:
    import termios

    login.plan("raw", "kill 9")
    with login.terminal("ann") as terminal:
        assert terminal.end() == 1
        assert termios.tcgetattr(terminal.descriptor)[3] & termios.ICANON


def test_sigterm_during_login_ends_hermes(login: LoginTerminal) -> None:
    mark = login.world.user / "late"
    login.plan("show waiting", "wait 3", f"write {mark} late")
    before = login.homes()
    with login.terminal("ann") as terminal:
        terminal.expect("waiting")
        terminal.process.terminate()
        assert terminal.end() == 128 + signal.SIGTERM
        time.sleep(3.5)
    assert not mark.exists() and login.homes() == before


def test_login_without_terminal_is_refused(login: LoginTerminal) -> None:
    login.scans()
    before = login.homes()
    done = login.world.run("team", "add", "ann", "--team", "family", "--login", "--json", env=login.environment)
    assert done.code == 6 and done.problem["code"] == "no-terminal" and "--account-id" in done.problem["hint"]
    assert login.homes() == before


def test_login_dry_run_starts_no_setup(login: LoginTerminal) -> None:
    before = login.homes()
    done = login.world.ok("team", "add", "ann", "--team", "family", "--login", "--dry-run", "--json")
    assert done.data["dry_run"] and not done.data["changed"] and login.homes() == before


@pytest.mark.parametrize(
    "option", [("--account-id", "x"), ("--base-url", "https://x"), ("--user", "x"), ("--no-account",)]
)
def test_options_that_conflict_with_login_are_refused(login: LoginTerminal, option: tuple[str, ...]) -> None:
    done = login.world.call("team", "add", "ann", "--team", "family", "--login", *option, "--json")
    assert done.code == 2 and option[0] in done.problem["message"]


def test_login_of_telegram_sets_its_variables(login: LoginTerminal) -> None:
    login.world.ok("team", "create", "tg", "--channel", "telegram", "--members", "eve")
    bot = "7300000001:CANARYbotCANARYbotCANARYbotCANARYbot"
    login.plan(f"env TELEGRAM_BOT_TOKEN={bot}", "env TELEGRAM_ALLOWED_USERS=42", "env GATEWAY_ALLOW_ALL_USERS=true")
    words = [*COMMAND, "team", "add", "eve", "--team", "tg", "--login"]
    with Terminal(words, login.environment, login.world.user) as terminal:
        assert terminal.end() == 0, terminal.text
        assert "GATEWAY_ALLOW_ALL_USERS" in terminal.text
    env = login.env("eve")
    assert env["TELEGRAM_BOT_TOKEN"] == bot and env["TELEGRAM_ALLOWED_USERS"] == "42"
    assert "GATEWAY_ALLOW_ALL_USERS" not in env
    done = login.world.ok("undo", "--json")
    assert done.code == 0 and "TELEGRAM_BOT_TOKEN" not in login.env("eve")


# --- the scan of a profile outside of a team


def test_clone_is_made_before_its_scan_and_stays_when_the_scan_fails(login: LoginTerminal) -> None:
    words = [*COMMAND, "clone", "default", "eve", "--connect", "weixin", "--no-start"]
    login.plan("leave 1")
    with Terminal(words, login.environment, login.world.user) as terminal:
        assert terminal.end() == 1, terminal.text
        shown = " ".join(terminal.text.split())
        assert "eve was made, and is not connected to weixin" in shown
        assert "`hermes-profiles connect eve weixin`" in shown and "`hermes-profiles delete eve`" in shown
    login.world.ok("delete", "eve", "--yes")
    login.scans()
    with Terminal(words, login.environment, login.world.user) as terminal:
        assert terminal.end() == 0, terminal.text
        assert "eve: made from default" in terminal.text and "to undo both" in terminal.text
    assert login.env("eve")["WEIXIN_TOKEN"] == TOKEN and "weixin" in login.world.listed("eve")["channels"]
