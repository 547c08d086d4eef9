"""Temporary homes for the recorder: made-up profiles, bots and accounts.

Every secret contains CANARY. The recorder refuses to write text that contains it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHOWN = "/home/ada"  # shown in place of the path of the sandbox
CANARY = "CANARY"
_WEIXIN = "https://ilinkai.weixin.qq.com"
_BIN = Path(sys.executable).parent
# Real Hermes contacts no other machine: neither for packages nor for Telegram's addresses.
_QUIET = (
    "HERMES_DISABLE_LAZY_INSTALLS=1",
    "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1",
    "TELEGRAM_FALLBACK_IPS=149.154.167.220",
    "NO_PROXY=*",
)
_BOT = f"7000000001:{CANARY}-AAHk3q9Zx1AAHk3q9Zx1AAHk3q9"
_SOURCE_ENV = f"""\
# models and tools
OPENROUTER_API_KEY=sk-or-{CANARY}-0001
TAVILY_API_KEY='tvly-{CANARY}-0002'

# the family's bot
TELEGRAM_BOT_TOKEN={_BOT}
TELEGRAM_ALLOWED_USERS=4200000042
# the team's
export\tSLACK_BOT_TOKEN="xoxb-{CANARY}-4411223344"
'SLACK_APP_TOKEN'=xapp-{CANARY}-9988776655
SLACK_TEAM_ID=T0ADA
WEIXIN_TOKEN = {CANARY}-5f2a77c1   # from the phone
WEIXIN_ACCOUNT_ID=ada-weixin
API_SERVER_ENABLED=true
OLD_BOT={_BOT}
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
    "skills/notify/SKILL.md": f"curl https://api.telegram.org/bot{_BOT}/getMe\n",
    "sessions/20261101.json": "{}\n",
    "weixin/accounts/ada-weixin.json": f'{{"token": "{CANARY}-5f2a77c1"}}\n',
}
_SETTINGS = {
    "config.yaml": "# the usual model\nmodel:\n  default: gpt-5.2\n  provider: openai\ntoolsets: [web, terminal]\n",
    ".env": f"OPENAI_API_KEY=sk-{CANARY}-0001\nTELEGRAM_BOT_TOKEN={_BOT}\n",
    "profiles/work/config.yaml": "model:\n  default: gpt-5-mini   # cheap is enough here\n  provider: openai\n",
    "profiles/work/.env": f"# work\nOPENAI_API_KEY=sk-{CANARY}-0002\n",
    "profiles/night/config.yaml": "model:\n  default: gpt-5-mini\n",
    "profiles/night/.env": "",
}
_LEAD_CONFIG = "model:\n  default: gpt-5\n  provider: openai\n"
_LEAD_ENV = f"OPENAI_API_KEY=sk-{CANARY}-0001\nWEIXIN_TOKEN={CANARY}-5f2a77c1\nWEIXIN_ACCOUNT_ID=11aa22bb33cc@im.bot\n"
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


def has_hermes() -> bool:
    """Return whether real Hermes is installed beside this Python."""
    return (_BIN / "hermes").exists()


class Sandbox:
    """An empty home, and the environment of a fresh login."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / ".hermes"
        self.environment = {
            "HOME": str(home), "PATH": f"{_BIN}:{home}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
            "USER": "ada", "SHELL": "/bin/bash", "TERM": "xterm-256color", "HERMES_PROFILES_MANAGER": "supervisor",
        }  # fmt: skip
        if "PYTHONPATH" in os.environ:  # another checkout than the installed one
            self.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def clear(self) -> None:
        """Remove everything that a scene has left."""
        self.run("hermes-gateways uninstall --yes")  # supervisord ends with its last service
        shutil.rmtree(self.home)
        self.home.mkdir(mode=0o700)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line in a new shell, which reads .bashrc if there is one; return its output."""
        return subprocess.run(
            ["sh", "-c", f"[ -r ~/.bashrc ] && . ~/.bashrc; {line}"], env=self.environment, cwd=self.home,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def prepare(self, line: str) -> None:
        """Run a line that no page shows; raises SystemExit when it fails."""
        done = self.run(line)
        if done.returncode:
            raise SystemExit(f"{line} exited with {done.returncode}\n{done.stdout}{done.stderr}")

    def write(self, path: str, content: str) -> None:
        """Write a file below the root, readable by its owner only."""
        self.write_home(f".hermes/{path}", content)

    def write_home(self, path: str, content: str) -> None:
        """Write a file below the home, readable by its owner only."""
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.touch(mode=0o600)
        target.write_text(content, encoding="utf-8")

    def shown(self, text: str) -> str:
        """Return text with the paths of /home/ada. Raises SystemExit for a secret or another path of this machine."""
        text = text.replace(str(self.home), SHOWN).replace(f"{sys.prefix}/", f"{SHOWN}/venv/")
        for word in (CANARY, str(Path(__file__).parent.parent)):
            if word in text:
                raise SystemExit(f"{word} in the recorded text:\n{text}")
        return text


def write_source(sandbox: Sandbox, _url: str = "") -> None:
    """Write a default profile with three bots, one of them in awkward places."""
    sandbox.write(".env", _SOURCE_ENV)
    sandbox.write("config.yaml", _SOURCE_CONFIG)
    for path, content in _SOURCE_FILES.items():
        sandbox.write(path, content)


def write_fleet(sandbox: Sandbox, url: str) -> None:
    """Write a default profile with one bot, and let Hermes itself clone it twice, including the bot."""
    keys = (f"OPENROUTER_API_KEY=sk-or-{CANARY}-0001", f"TELEGRAM_BOT_TOKEN=7000000002:{CANARY}-shared")
    sandbox.write(".env", "\n".join((*keys, "TELEGRAM_ALLOWED_USERS=4200000042", *_QUIET, "")))
    sandbox.write("config.yaml", _FLEET_CONFIG.format(bot=f"{url}/default/bot"))
    sandbox.write("SOUL.md", _SOURCE_FILES["SOUL.md"])
    for name in ("family", "work"):
        sandbox.prepare(f"hermes profile create {name} --clone --no-alias")
        sandbox.prepare(f"sed -i s,/default/bot,/{name}/bot, .hermes/profiles/{name}/config.yaml")
    sandbox.prepare("chmod go+r .hermes/profiles/family/.env")


def write_settings(sandbox: Sandbox, _url: str = "") -> None:
    """Write three profiles that differ in a few settings, and a file with the token of default's bot."""
    for path, content in _SETTINGS.items():
        sandbox.write(path, content)
    sandbox.write_home("token.txt", f"{_BOT}\n")


def write_team(sandbox: Sandbox, _url: str = "") -> None:
    """Write a default profile that can lead a team, and a file with a WeChat token."""
    sandbox.write("config.yaml", _LEAD_CONFIG)
    sandbox.write(".env", _LEAD_ENV)
    sandbox.write("SOUL.md", _SOURCE_FILES["SOUL.md"])
    sandbox.write("skills/notes/SKILL.md", "Keep notes short.\n")
    sandbox.write_home("token.txt", f"{CANARY}-b0f5860fdecb-token\n")


def write_accounts(sandbox: Sandbox, url: str) -> None:
    """Write a team of two members, each with a Telegram bot of its own."""
    sandbox.write("config.yaml", _LEAD_CONFIG)
    sandbox.write(".env", "\n".join((f"OPENAI_API_KEY=sk-{CANARY}-0001", *_QUIET, "")))
    sandbox.write("SOUL.md", _SOURCE_FILES["SOUL.md"])
    sandbox.prepare("hermes-profiles team create family --channel telegram --members mum,dad")
    for number, name in enumerate(("mum", "dad"), start=3):
        token = f"700000000{number}:{CANARY}-AAHk3q9Zx1AAHk3q9Zx1AAHk3q9"
        account = f"TELEGRAM_BOT_TOKEN={token}\nTELEGRAM_ALLOWED_USERS=4200000042\n"
        sandbox.write_home("account.env", account)
        sandbox.prepare(f"hermes-profiles team add {name} --offline < account.env")
        path = "platforms.telegram.extra.base_url"
        sandbox.prepare(f"hermes-profiles config set {name} {path} {url}/{name}/bot")


def write_openclaw(sandbox: Sandbox, _url: str = "") -> None:
    """Write a lead, and an OpenClaw folder: two good accounts, one superseded by a second scan, one without a token."""
    write_team(sandbox)
    folder = ".openclaw/openclaw-weixin"
    accounts = (
        ("b0f5860fdecb", "o9ada", "2026-03-01", ["o9ada@im.wechat", "o9bob@im.wechat"], f"{CANARY}-1"),
        ("77aa01c2d9f0", "o9eva", "2026-03-02", ["o9eva@im.wechat"], f"{CANARY}-2"),
        ("4be6703bc6ae", "o9eva", "2026-02-01", ["o9eva@im.wechat"], f"{CANARY}-3"),
        ("c01dbeef0042", "o9max", "2026-03-03", [], ""),
    )
    sandbox.write_home(f"{folder}/accounts.json", json.dumps([f"{word}-im-bot" for word, *_ in accounts]))
    for word, user, day, allowed, token in accounts:
        account = {"token": token, "savedAt": f"{day}T10:00:00.000Z", "baseUrl": _WEIXIN, "userId": f"{user}@im.wechat"}
        sandbox.write_home(f"{folder}/accounts/{word}-im-bot.json", json.dumps(account, indent=2))
        allow_list = json.dumps({"version": 1, "allowFrom": allowed})
        sandbox.write_home(f".openclaw/credentials/openclaw-weixin-{word}-im-bot-allowFrom.json", allow_list)


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """Yield a sandbox. Its path is as long as SHOWN, so that tables stay aligned."""
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
    raise SystemExit("cannot create a sandbox in /tmp: /tmp/adaa to /tmp/adaz exist")
