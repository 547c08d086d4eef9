"""The tour's world: a home that looks like Ada's, made-up bots, and a stand-in for Telegram on this machine.

Every secret in it contains CANARY: the recorder writes nothing in which one is seen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHOWN = "/home/ada"  # what stands in the text where the sandbox was
CANARY = "CANARY"
_BIN = Path(sys.executable).parent
# Real Hermes asks nobody outside: neither for packages nor for Telegram's addresses.
_QUIET = (
    "HERMES_DISABLE_LAZY_INSTALLS=1",
    "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1",
    "TELEGRAM_FALLBACK_IPS=149.154.167.220",
    "NO_PROXY=*",
)
_SOURCE_ENV = f"""\
# models and tools
OPENROUTER_API_KEY=sk-or-{CANARY}-0001
TAVILY_API_KEY='tvly-{CANARY}-0002'

# the family's bot
TELEGRAM_BOT_TOKEN=7000000001:{CANARY}-AAHk3q9Zx1
TELEGRAM_ALLOWED_USERS=4200000042
# the team's
export\tSLACK_BOT_TOKEN="xoxb-{CANARY}-4411223344"
'SLACK_APP_TOKEN'=xapp-{CANARY}-9988776655
SLACK_TEAM_ID=T0ADA
WEIXIN_TOKEN = {CANARY}-5f2a77c1   # from the phone
WEIXIN_ACCOUNT_ID=ada-weixin
API_SERVER_ENABLED=true
OLD_BOT=7000000001:{CANARY}-AAHk3q9Zx1
"""
_SOURCE_CONFIG = """\
# what Ada uses every day
model:
  default: anthropic/claude-sonnet-4   # the usual one
  provider: openrouter
platforms:
  telegram:
    enabled: true
mcp_servers:
  slack:
    command: npx
    env:
      SLACK_TEAM_ID: ${SLACK_TEAM_ID}
"""
_SOURCE_FILES = {
    "SOUL.md": "You are calm, brief and a little funny.\n",
    "memories/USER.md": "Likes short answers.\n",
    "skills/notify/SKILL.md": f"curl https://api.telegram.org/bot7000000001:{CANARY}-AAHk3q9Zx1/getMe\n",
    "sessions/20261101.json": "{}\n",
    "weixin/accounts/ada-weixin.json": f'{{"token": "{CANARY}-5f2a77c1"}}\n',
}
_FLEET_CONFIG = """\
model:
  default: anthropic/claude-sonnet-4
  provider: openrouter
platforms:
  telegram:
    enabled: true
    extra:
      base_url: {bot}
"""


class Sandbox:
    """A home with nothing in it, and the environment of somebody who has just logged in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / ".hermes"
        self.environment = {
            "HOME": str(home), "PATH": f"{_BIN}:{home}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
            "USER": "ada", "SHELL": "/bin/bash", "TERM": "xterm-256color", "HERMES_PROFILES_MANAGER": "supervisor",
        }  # fmt: skip

    def clear(self) -> None:
        """Take everything away that a scene has left."""
        self.run("hermes-gateways uninstall")  # with its last service the supervisord ends, too
        shutil.rmtree(self.home)
        self.home.mkdir(mode=0o700)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line in a shell that has just been opened (and has read what the shim wrote for it); return what it
        said."""
        return subprocess.run(
            ["sh", "-c", f"[ -r ~/.bashrc ] && . ~/.bashrc; {line}"], env=self.environment, cwd=self.home,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def prepare(self, line: str) -> None:
        """Run a line that the tour does not show; raises SystemExit when it fails."""
        done = self.run(line)
        if done.returncode:
            raise SystemExit(f"{line} ended with {done.returncode}\n{done.stdout}{done.stderr}")

    def write(self, path: str, content: str) -> None:
        """Write a file below the root, for its owner alone."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.touch(mode=0o600)
        target.write_text(content, encoding="utf-8")

    def shown(self, text: str) -> str:
        """Return text as Ada would see it; raises SystemExit when a secret or another path of this machine is in it."""
        text = text.replace(str(self.home), SHOWN).replace(sys.prefix, f"{SHOWN}/venv")
        for word in (CANARY, str(Path(__file__).parent.parent)):
            if word in text:
                raise SystemExit(f"{word} in what was recorded:\n{text}")
        return text


def write_source(sandbox: Sandbox, _url: str = "") -> None:
    """Write a default profile with three bots, one of them in awkward places."""
    sandbox.write(".env", _SOURCE_ENV)
    sandbox.write("config.yaml", _SOURCE_CONFIG)
    for path, content in _SOURCE_FILES.items():
        sandbox.write(path, content)


def write_fleet(sandbox: Sandbox, url: str) -> None:
    """Write a default profile with one bot, and have Hermes itself clone it twice, bot and all."""
    keys = (f"OPENROUTER_API_KEY=sk-or-{CANARY}-0001", f"TELEGRAM_BOT_TOKEN=7000000002:{CANARY}-shared")
    sandbox.write(".env", "\n".join((*keys, "TELEGRAM_ALLOWED_USERS=4200000042", *_QUIET, "")))
    sandbox.write("config.yaml", _FLEET_CONFIG.format(bot=f"{url}/default/bot"))
    sandbox.write("SOUL.md", _SOURCE_FILES["SOUL.md"])
    for name in ("family", "work"):
        sandbox.prepare(f"hermes profile create {name} --clone --no-alias")
        sandbox.prepare(f"sed -i s,/default/bot,/{name}/bot, .hermes/profiles/{name}/config.yaml")
    sandbox.prepare("chmod go+r .hermes/profiles/family/.env")


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """Give a sandbox. Its path is as long as what is shown for it, so that tables stay straight."""
    home = _short_folder()
    made = Sandbox(home)
    try:
        yield made
    finally:
        made.clear()
        home.rmdir()


def _short_folder() -> Path:
    for letter in "abcdefghijklmnopqrstuvwxyz":
        path = Path(f"/tmp/ada{letter}")
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        return path
    raise SystemExit("no name is free for a sandbox in /tmp")
