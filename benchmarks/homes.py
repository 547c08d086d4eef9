"""Synthetic homes for the benchmarks: the size and shape of what people really keep. No real secret in them."""

from __future__ import annotations

from pathlib import Path

ENV = """\
# models
OPENROUTER_API_KEY=sk-or-bench-{n}
ANTHROPIC_API_KEY=sk-ant-bench-{n}
TAVILY_API_KEY=tvly-bench-{n}
GITHUB_TOKEN=ghp_bench{n}

# channels
TELEGRAM_BOT_TOKEN={n}00000:BENCH-telegram-{n}-AAHk3q9Zx1
TELEGRAM_ALLOWED_USERS=42000000{n},43000000{n}
SLACK_BOT_TOKEN=xoxb-BENCH-{n}-4411223344
SLACK_APP_TOKEN=xapp-BENCH-{n}-9988776655
WEIXIN_TOKEN=BENCH-weixin-{n}-5f2a77c1
WEIXIN_ACCOUNT_ID=bench{n}
DISCORD_BOT_TOKEN=BENCH.discord.{n}.MTIzNDU2Nzg5
API_SERVER_ENABLED=true
API_SERVER_PORT={port}
API_SERVER_KEY=BENCH-api-server-key-{n}
"""
CONFIG = """\
# configuration of the agent
_config_version: 22
model:
  default: anthropic/claude-sonnet-4   # the usual one
  provider: openrouter
fallback_providers: []
toolsets:
  - hermes-cli
agent:
  max_turns: 60
  verbose: false
  reasoning_effort: medium
terminal:
  backend: local
  cwd: .
  timeout: 180
  lifetime_seconds: 300
compression:
  enabled: true
  threshold: 0.5
  target_ratio: 0.2
memory:
  memory_enabled: true
  user_profile_enabled: true
  memory_char_limit: 2200
delegation:
  max_iterations: 50
  default_toolsets:
    - terminal
    - file
    - web
display:
  compact: false
  personality: kawaii
  skin: default
tts:
  provider: edge
  edge:
    voice: en-US-AriaNeural
platforms:
  telegram:
    enabled: true
    extra:
      reply_in_thread: true
  discord:
    enabled: true
mcp_servers:
  slack:
    command: npx
    args:
      - -y
      - "@modelcontextprotocol/server-slack"
    env:
      SLACK_TEAM_ID: ${SLACK_TEAM_ID}
approvals:
  mode: manual
  timeout: 60
"""
SKILL = (
    "---\nname: skill-{n}\ndescription: does thing {n}\n---\n" + "Read the page, then write a summary of it.\n" * 100
)


def write_home(home: Path, number: int, *, files: int) -> None:
    """Write one home with this many files, most of them skills of about 4 KB."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / ".env").write_text(ENV.replace("{n}", str(number)).replace("{port}", str(20000 + number)), encoding="utf-8")
    (home / ".env").chmod(0o600)
    (home / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (home / "SOUL.md").write_text("You are calm and brief.\n", encoding="utf-8")
    (home / "profile.yaml").write_text(
        f"description: bench profile {number}\ndescription_auto: false\n", encoding="utf-8"
    )
    for index in range(max(files - 4, 0)):
        skill = home / "skills" / f"group-{index // 50}" / f"skill-{index}"
        skill.mkdir(parents=True, exist_ok=True)
        (skill / "SKILL.md").write_text(SKILL.replace("{n}", str(index)), encoding="utf-8")


def write_root(root: Path, *, profiles: int, files: int = 4) -> None:
    """Write a root with a default profile and this many named ones, each with `files` files."""
    write_home(root, 0, files=files)
    for number in range(1, profiles + 1):
        write_home(root / "profiles" / f"p{number:04d}", number, files=files)


def write_log(home: Path, lines: int) -> None:
    """Write a log of a gateway with this many lines, as Hermes writes them, of about 120 bytes each."""
    (home / "logs").mkdir(exist_ok=True)
    with (home / "logs" / "gateway.log").open("w", encoding="utf-8") as log:
        for number in range(lines):
            clock = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d},{number % 1000:03d}"
            log.write(
                f"2026-11-20 {clock} INFO gateway.run: inbound message {number} from user 42000000 answered in 3.2 s, "
                "two tools used\n"
            )
