"""The demo's source profile: synthetic secrets in the places where real ones hide."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE

# Made up, one a channel; the demo proves that none of them arrives in a clone.
SECRETS = {
    "TELEGRAM_BOT_TOKEN": "7000000001:DEMO-telegram-AAHk3q9Zx1",
    "SLACK_BOT_TOKEN": "xoxb-DEMO-slack-bot-4411223344",
    "SLACK_APP_TOKEN": "xapp-DEMO-slack-app-9988776655",
    "WEIXIN_TOKEN": "DEMO-weixin-token-5f2a77c1",
    "DISCORD_BOT_TOKEN": "DEMO.discord.MTIzNDU2Nzg5.Gx1",
    "MATRIX_ACCESS_TOKEN": "syt_DEMO_matrix_0a1b2c3d",
    "FEISHU_APP_SECRET": "DEMO-feishu-secret-77aa88",
    "HASS_TOKEN": "DEMO-hass-eyJhbGciOi.42",
    "API_SERVER_KEY": "DEMO-api-server-key-0123456789",
}
SHARED = {"OPENROUTER_API_KEY": "sk-or-demo-shared-0001", "TAVILY_API_KEY": "tvly-demo-shared-0002"}


def write_demo_source(root: Path) -> None:
    """Write a default profile with awkward content into an empty root folder."""
    for path, content in _files().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.touch(mode=0o600)
        target.write_bytes(content)


def switch_channels_off(root: Path) -> None:
    """Leave default its model alone, so that its made-up tokens do not reach the servers of real channels."""
    (root / ENV_FILE).write_text("HERMES_DISABLE_LAZY_INSTALLS=1\n")
    (root / CONFIG_FILE).write_text("model:\n  default: anthropic/claude-sonnet-4\n  provider: openrouter\n")
    shutil.rmtree(root / "weixin")


def _files() -> dict[str, bytes]:
    secrets = SECRETS
    return {
        ".env": _env().encode(),
        "config.yaml": _config().encode(),
        "SOUL.md": b"You are calm, brief and a little funny.\n",
        "memories/MEMORY.md": f"The old bot token was {secrets['TELEGRAM_BOT_TOKEN']}; keep it secret.\n".encode(),
        "memories/USER.md": b"Likes short answers.\n",
        "skills/notify/SKILL.md": (
            "---\nname: notify\ndescription: sends a note\n---\n"
            f"curl https://api.telegram.org/bot{secrets['TELEGRAM_BOT_TOKEN'].replace(':', '%3A')}/getMe\n"
        ).encode(),
        "skills/notify/auth.txt": b"Authorization: Basic "
        + base64.b64encode(secrets["SLACK_BOT_TOKEN"].encode())
        + b"\n",
        "skills/notify/cache.bin": b"\x00\x01" + secrets["WEIXIN_TOKEN"].encode() + b"\x00\xff",
        "skills/weather/SKILL.md": b"---\nname: weather\ndescription: looks at the sky\n---\nLook up.\n",
        "weixin/accounts/demo.json": f'{{"token": "{secrets["WEIXIN_TOKEN"]}", "userId": "demo-user"}}\n'.encode(),
        "pairing/telegram-approved.json": b'{"4200000042": {"name": "Ada"}}\n',
        "channel_directory.json": b'{"telegram": ["4200000042"]}\n',
        "state.db": b"SQLite format 3\x00 not really\n",
    }


def _env() -> str:
    secrets, shared = SECRETS, SHARED
    return (
        "# models and tools: a clone keeps these\n"
        f"OPENROUTER_API_KEY={shared['OPENROUTER_API_KEY']}\n"
        f"export TAVILY_API_KEY='{shared['TAVILY_API_KEY']}'\n\n"
        "# channels: a clone keeps none of these\n"
        f"TELEGRAM_BOT_TOKEN={secrets['TELEGRAM_BOT_TOKEN']}\n"
        "TELEGRAM_ALLOWED_USERS=4200000042\n"
        "TELEGRAM_REQUIRE_MENTION=true\n"
        f'export\tSLACK_BOT_TOKEN="{secrets["SLACK_BOT_TOKEN"]}"\n'
        f"'SLACK_APP_TOKEN'={secrets['SLACK_APP_TOKEN']}\n"
        "SLACK_TEAM_ID=T0DEMO\n"
        f"WEIXIN_TOKEN = {secrets['WEIXIN_TOKEN']}   # from the phone\n"
        "WEIXIN_ACCOUNT_ID=demo\n"
        f"HASS_TOKEN={secrets['HASS_TOKEN']}\n"
        "API_SERVER_ENABLED=true\n"
        f"API_SERVER_KEY={secrets['API_SERVER_KEY']}\n"
        f"# MATRIX_ACCESS_TOKEN={secrets['MATRIX_ACCESS_TOKEN']}\n"
        f"BACKUP_OF_BOT={secrets['TELEGRAM_BOT_TOKEN']}\n"
    )


def _config() -> str:
    secrets = SECRETS
    return (
        "# the demo's configuration; every comment survives a clone\n"
        "model:\n"
        "  default: anthropic/claude-sonnet-4   # the usual one\n"
        "  provider: openrouter\n"
        f"FEISHU_APP_SECRET: {secrets['FEISHU_APP_SECRET']}\n"
        "x-bot: &bot\n"
        "  enabled: true\n"
        f"  token: {secrets['DISCORD_BOT_TOKEN']}\n"
        "  reply_prefix: 'hi: '\n"
        "platforms:\n"
        "  Discord:\n"
        "    <<: *bot\n"
        f"  matrix: {{enabled: true, token: {secrets['MATRIX_ACCESS_TOKEN']}, extra: {{homeserver: 'https://matrix.example'}}}}\n"
        "mcp_servers:\n"
        "  slack:\n"
        "    command: npx\n"
        "    env:\n"
        "      SLACK_TEAM_ID: ${SLACK_TEAM_ID}\n"
        "terminal:\n"
        "  timeout: 60\n"
    )
