"""A lead with a pool and an account, and teams made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clone_source import Content, Link, canary, make_layout

from hermes_profiles.changes.apply import apply
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import Account
from hermes_profiles.teams.create import MemberReport, NewMember, build_members
from hermes_profiles.teams.model import Team, read_teams
from hermes_profiles.teams.shares import DEFAULT_SHARES, Share

CATALOG = load_catalog()
TELEGRAM = "7100000001:CANARYleadCANARYleadCANARYleadCANARY"
LEAD: Mapping[str, Content | Link] = {
    ".env": f"# keys of the house\nOPENAI_API_KEY={canary('openai')}\nTZ=Europe/Berlin\n"
    f"TELEGRAM_BOT_TOKEN={TELEGRAM}\nWEIXIN_TOKEN={canary('leadweixin')}\n"
    "WEIXIN_ACCOUNT_ID=1ead0f5860fd@im.bot\nWEIXIN_DM_POLICY=open\n",
    "config.yaml": "# how we work\nmodel:\n  default: gpt-5 # the good one\nplatforms:\n  telegram:\n"
    f"    enabled: true\n    token: {TELEGRAM}\n  weixin:\n    enabled: true\n    extra:\n"
    "      text_batch_delay_seconds: 2\n"
    "gateway:\n  multiplex_profiles: true\n",
    "SOUL.md": "You are helpful.\n",
    "skills/greet/SKILL.md": "say hello\n",
    "plugins/wave/plugin.yaml": "name: wave\n",
    "memories/MEMORY.md": "mine alone\n",
    "weixin/accounts/1ead0f5860fd@im.bot.json": f'{{"token": "{canary("leadweixin")}"}}\n',
    "sessions/s1.json": "{}\n",
}
SECRETS = (TELEGRAM, canary("leadweixin"), "1ead0f5860fd@im.bot")


def make_lead(folder: Path, files: Mapping[str, Content | Link] = LEAD, *, lead: str = "default") -> Layout:
    layout = make_layout(folder, files, profile=lead)
    layout.profiles.mkdir(exist_ok=True)
    return layout


def world(layout: Layout, environment: Mapping[str, str] | None = None) -> CloneContext:
    return CloneContext(layout, dict(environment or {}), CATALOG, lambda: 1, lambda: "k")


def team(
    *, name: str = "family", lead: str = "default", channel: str = "weixin", share: Sequence[Share] = DEFAULT_SHARES
) -> Team:
    return Team(name, lead, channel, tuple(share), ())


def weixin(number: int, *, allowed: tuple[str, ...] = (), **more: str) -> Account:
    token = {"WEIXIN_TOKEN": Secret(canary(f"weixin{number}"))}
    return Account("weixin", f"b0f5{number:08x}@im.bot", token, allowed, **more)


def make_team(
    layout: Layout, *members: NewMember, of: Team | None = None, environment: Mapping[str, str] | None = None
) -> tuple[MemberReport, ...]:
    """Create a team, or add members to an existing one."""
    wanted = of or team()
    known = read_teams(layout).by_name
    plan, reports = build_members(
        known.get(wanted.name, wanted), members, world(layout, environment), define=wanted.name not in known,
        command=("team", "create", wanted.name),
    )  # fmt: skip
    apply(plan, layout=layout)
    return reports
