"""A team as `team create` makes it: a lead with a pool, and members with links into it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from command_root import CommandRoot

POOL = {
    "skills/greet/SKILL.md": "say hello\n",
    "skills/greet/run.sh": "#!/bin/sh\n",
    "SOUL.md": "You are the lead.\n",
    "plugins/wave/plugin.yaml": "name: wave\n",
}
LINKED = ("skills", "SOUL.md", "plugins")
LEAD_TOKEN = "7100000077:CANARYleadCANARYleadCANARYlead7"


def weixin(name: str) -> str:
    """Return the token of a member's account."""
    return f"CANARYweixin{name}CANARY0123456789"


def make_team(
    world: CommandRoot,
    members: Sequence[str] = ("anna", "bert"),
    *,
    lead: str = "default",
    team: str = "weixin",
    share: str = "skills, persona, config, keys",
    pool: dict[str, str] = POOL,
) -> None:
    """Create a team without the command; a missing lead is created as well."""
    home = world.home(lead)
    world.make(lead, {"config.yaml": "model: gpt-5\n", **pool, ".env": f"OPENAI_API_KEY=sk-CANARYshared0123456789\n"
                      f"TELEGRAM_BOT_TOKEN={LEAD_TOKEN}\n"})  # fmt: skip
    with open(home / "profile.yaml", "a") as file:
        file.write(f"teams:\n  {team}:\n    channel: weixin\n    share: {share}\n")
    for name in members:
        make_member(world, name, lead=lead, team=team)


def make_member(world: CommandRoot, name: str, *, lead: str = "default", team: str = "weixin") -> Path:
    """Create a member of a team with a separate account."""
    home = world.make(name, {
        "config.yaml": "model: gpt-5\nplatforms:\n  weixin:\n    enabled: true\n",
        ".env": f"OPENAI_API_KEY=sk-CANARYshared0123456789\nWEIXIN_TOKEN={weixin(name)}\n"
        f"WEIXIN_ACCOUNT_ID={name}-im-bot\n",
        "profile.yaml": f"description: {name}'s own\nteam:\n  name: {team}\n  env: OPENAI_API_KEY\n",
        f"weixin/accounts/{name}-im-bot.json": f'{{"token": "{weixin(name)}"}}\n',
        "memories/MEMORY.md": f"I belong to {name}\n",
    })  # fmt: skip
    for path in LINKED:
        if os.path.exists(world.home(lead) / path):
            there = os.path.relpath(world.home(lead) / path, home)
            os.symlink(there, home / path)
    return home
