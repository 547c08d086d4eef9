"""From one bot to a second agent that answers through a bot of its own, by the commands that were printed alone.

The gateways are real. Telegram, Slack, WeChat and the model are stand-ins on 127.0.0.1: their addresses are all that is
added to a printed command. No file is opened.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from accounts_root import KEY, MODEL_KEYS, account_id, eventually, friend, token
from bot_api import BotApi
from command_runner import REPOSITORY, assert_no_canary
from hermes_judge import environment, far_folder
from ilink_stand_in import Ilink, Scan
from login_dialogue import aim_at_stand_in, answer_set_up
from pty_terminal import Terminal
from test_conflict_gateways import judge_with_telegram

pytestmark = pytest.mark.judge

OLD = "7000000001:CANARYdefaultCANARYdefaultCANARYdefault"
NEW = "7000000002:CANARYworkCANARYworkCANARYworkCANARYwork"
SLACK = "SLACK_BOT_TOKEN=xoxb-CANARY-0000000001\nSLACK_APP_TOKEN=xapp-1-CANARY-0000000001\n"
ANA = 4200000042
_PROGRAM = "#!{python}\nimport sys\nfrom {module} import main\nsys.exit(main())\n"
_PROGRAMS = {
    "hermes-profiles": "hermes_profiles.cli.profiles", "hermes-gateways": "hermes_profiles.cli.gateways",
    "hermes": "hermes_cli.main",
}  # fmt: skip


class Newcomer:
    """A user with one agent, who runs the commands that are printed. `said`: all that was printed so far."""

    def __init__(self, home: Path, api: BotApi, ilink: Ilink) -> None:
        self.home, self.api, self.ilink = home, api, ilink
        self.said = ""
        python = judge_with_telegram()
        bin_folder = home / "bin"
        bin_folder.mkdir()
        for name, module in _PROGRAMS.items():
            (bin_folder / name).write_text(_PROGRAM.format(python=python, module=module))
            (bin_folder / name).chmod(0o755)
        self.environment = environment(
            home, PATH=f"{bin_folder}:/usr/bin:/bin", PYTHONPATH=f"{aim_at_stand_in(home)}:{REPOSITORY}",
            ILINK_STAND_IN=ilink.url, LANG="C.UTF-8", NO_COLOR="1", HERMES_ALLOW_ROOT_GATEWAY="1",
            HERMES_PROFILES_MANAGER="supervisor", XDG_RUNTIME_DIR=str(home / "nowhere"), PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
        root = home / ".hermes"
        root.mkdir(mode=0o700)
        (root / ".env").touch(mode=0o600)
        (root / ".env").write_text(
            f"{MODEL_KEYS}TELEGRAM_BOT_TOKEN={OLD}\nTELEGRAM_ALLOWED_USERS={ANA}\nNO_PROXY=*\n"
            "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\n"
            + SLACK.replace("CANARY", "CANARY-old")
            + f"WEIXIN_TOKEN={token('default')}\nWEIXIN_ACCOUNT_ID={account_id('default')}\n"
        )
        model = {"default": "stand-in", "provider": "custom", "base_url": f"{ilink.url}/v1", "api_key": KEY}
        telegram = {"enabled": True, "extra": {"base_url": f"{api.url}/default/bot"}}
        platforms = {"telegram": telegram, "slack": {"enabled": True}, "weixin": {"enabled": True}}
        config = {"model": {**model, "context_length": 128_000}, "platforms": platforms}
        (root / "config.yaml").write_text(json.dumps(config))

    def run(self, line: str, *, typed: str = "", code: int = 0) -> str:
        """Run a shell line, and return what it printed."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", line], env=self.environment, cwd=self.home, input=typed,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        assert done.returncode == code, f"$ {line}\n{shown}\n{self.logs()}"
        assert_no_canary(shown, line)
        self.said += shown
        return shown

    def printed(self, words: str) -> str:
        """Return the last printed command that begins with these words."""
        found = re.findall(rf"{re.escape(words)}(?: [\w-]+)*", self.said)
        assert found, f"no command {words!r} was printed:\n{self.said}"
        return str(found[-1])

    def logs(self) -> str:
        folders = (self.home / ".hermes", *(self.home / ".hermes/profiles").glob("*"))
        return "\n".join(
            path.read_text(errors="replace")[-3000:] for folder in folders for path in folder.glob("logs/gateway.log")
        )

    def said_by(self, gateway: str) -> str:
        """Return what the bot of a gateway sent, without the escapes of Telegram's markdown."""
        return "\n".join(text.replace("\\", "") for name, text in self.api.sent if name == gateway)

    def end(self) -> None:
        """End the gateways and their daemon."""
        pid = self.home / ".hermes/profiles/.hermes-profiles/supervisor/supervisord.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
            eventually(lambda: not pid.exists(), "the daemon did not end")


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    with far_folder("steps") as home, BotApi() as api, Ilink() as ilink:
        made = Newcomer(home, api, ilink)
        try:
            yield made
        finally:
            made.end()


def test_second_agent_answers_through_its_own_bot(newcomer: Newcomer) -> None:
    newcomer.run("hermes-profiles")
    newcomer.run(newcomer.printed("hermes-profiles clone default"))
    connect = f"{newcomer.printed('hermes-profiles connect work telegram')} --api {newcomer.api.url}/work/bot"
    newcomer.run(connect, typed=OLD, code=6)
    assert newcomer.api.polls.total() == 0, "nothing was started"
    newcomer.run(f"{connect} --allow {ANA}", typed=NEW)
    newcomer.run(newcomer.printed("hermes-gateways install work --start"))
    newcomer.api.send("work", ANA, "say-hello")
    eventually(lambda: "heard say-hello" in newcomer.said_by("work"), newcomer.logs)
    assert newcomer.api.conflicts == 0 and newcomer.api.polls.keys() == {"work"}
    assert newcomer.run("hermes-gateways status work").startswith("running\n")


def test_second_agent_gets_an_account_on_slack_and_by_a_scan_on_wechat(newcomer: Newcomer) -> None:
    newcomer.run("hermes-profiles")
    newcomer.run(newcomer.printed("hermes-profiles clone default"))
    slack = f"{newcomer.printed('hermes-profiles connect work slack')} --api {newcomer.ilink.url}"
    newcomer.run(slack, typed=SLACK.replace("CANARY", "CANARY-old"), code=6)
    assert "work has work_bot of Home on slack" in newcomer.run(slack, typed=SLACK)
    newcomer.ilink.will_scan(Scan(account_id("work"), token("work"), friend("work")))
    words = newcomer.printed("hermes-profiles connect work weixin").split()
    with Terminal(words, newcomer.environment, newcomer.home) as terminal:
        answer_set_up(terminal)
        terminal.expect("start the gateway of work now")
        terminal.type("n\n")
        assert terminal.end() == 0, terminal.text
    assert "channels:    slack, weixin" in newcomer.run("hermes-profiles show work")
    assert "hermes-gateways install work --start" in terminal.text
