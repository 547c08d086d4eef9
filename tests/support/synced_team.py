"""A team to sync: a lead with a pool and an account, and members as `team create` makes them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sample_root import NOON, noon, picture, without_times

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.journal import iso
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.accounts import WEIXIN, Account
from hermes_profiles.teams.create import NewMember, build_members
from hermes_profiles.teams.model import Team, read_teams
from hermes_profiles.teams.overrides import parse_override
from hermes_profiles.teams.shares import DEFAULT_SHARES, Share
from hermes_profiles.teams.sync import TeamSync, TrashStamp, plan_team_sync

__all__ = ["SyncedTeam", "account", "make_synced_team", "noon", "rows", "without_times"]

CATALOG = load_catalog()
LEAD_TOKEN = "CANARY-lead-weixin-token-1"
KEY = "sk-CANARY-shared-key-0001"
LEAD_CONFIG = """\
# the lead
model:
  default: gpt-5  # the best
  provider: openai
toolsets: [web, terminal]
gateway:
  multiplex_profiles: true
platforms:
  weixin:
    enabled: true
    extra:
      dm_policy: allowlist
      allow_from: [lead-user-1]
"""
LEAD_ENV = f"""\
# keys
OPENAI_API_KEY={KEY}
TZ=Europe/Berlin
WEIXIN_TOKEN={LEAD_TOKEN}
WEIXIN_ACCOUNT_ID=lead@im.bot
"""
_IDS = itertools.count()


@dataclass
class SyncedTeam:
    """A root with the team `family` of ann and bob, led by default unless a test sets another lead."""

    root: Path
    lead: str = "default"
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout(self.root / ".hermes", self.root)
        self.home(self.lead).mkdir(parents=True)

    def home(self, name: str) -> Path:
        return self.layout.home(name)

    def write(self, profile: str, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            place = self.home(profile) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, profile: str, path: str) -> str:
        return (self.home(profile) / path).read_text()

    def edit(self, profile: str, path: str, before: str, after: str) -> None:
        text = self.read(profile, path)
        assert before in text, text
        self.write(profile, {path: text.replace(before, after)})

    @property
    def world(self) -> CloneContext:
        return CloneContext(self.layout, {}, CATALOG, pick_port=lambda: 0, fresh_key=lambda: "f" * 64)

    def create(
        self, *members: str, share: Sequence[Share] = DEFAULT_SHARES, team: str = "family", accounts: bool = True
    ) -> None:
        new = [NewMember(name, account(name) if accounts else None) for name in members]
        made = Team(team, self.lead, WEIXIN, tuple(share), ())
        plan, _ = build_members(made, new, self.world, define=True, command=("team", "create"))
        apply(plan, layout=self.layout, now=noon)

    def plan(self, *names: str, own: Sequence[str] = (), not_own: Sequence[str] = ()) -> TeamSync:
        teams = read_teams(self.layout)
        chosen = [teams.require(name) for name in names] or list(teams.by_name.values())
        asked = [parse_override(each, keep=True) for each in own]
        asked += [parse_override(each, keep=False) for each in not_own]
        when = TrashStamp(f"20260301T120000Z-{next(_IDS):04d}", iso(NOON))
        return plan_team_sync(self.world, teams, chosen, when, own=asked)

    def sync(self, *names: str, own: Sequence[str] = (), not_own: Sequence[str] = ()) -> TeamSync:
        """Run a sync; a second sync must change nothing."""
        found = self.plan(*names, own=own, not_own=not_own)
        assert found.problems == ()
        if found.plan is not None:
            apply(found.plan, layout=self.layout, now=noon)
        again = self.plan(*names)
        assert again.plan is None, rows(again)
        assert rows(again) == {}
        return found

    def picture(self) -> dict[str, tuple[object, ...]]:
        return picture(self.root, without=self.layout.state)


def account(name: str) -> Account:
    """Return an account with the member's name in every value."""
    variables = {
        "WEIXIN_ACCOUNT_ID": f"{name}@im.bot", "WEIXIN_TOKEN": f"CANARY-{name}-weixin-token",
        "WEIXIN_BASE_URL": "https://ilinkai.weixin.qq.com",
    }  # fmt: skip
    return Account(
        WEIXIN,
        f"{name}@im.bot",
        {key: Secret(value) for key, value in variables.items()},
        allowed=(f"friend-of-{name}",),
    )


def rows(found: TeamSync) -> dict[str, list[tuple[str, str, str]]]:
    """Return member → (place, key, action) of its changes."""
    return {
        each.profile: [(one.place, one.key, one.action) for one in each.changes]
        for each in found.members
        if each.changes
    }


def make_synced_team(root: Path, *members: str, lead: str = "default", **create: object) -> SyncedTeam:
    world = SyncedTeam(root, lead)
    world.write(lead, {
        "config.yaml": LEAD_CONFIG, ".env": LEAD_ENV, "SOUL.md": "You are kind.\n",
        "skills/cook/SKILL.md": "# cook\n", "weixin/accounts/lead.json": f'{{"token": "{LEAD_TOKEN}"}}',
    })  # fmt: skip
    os.makedirs(world.layout.root, exist_ok=True)
    world.create(*(members or ("ann", "bob")), **create)  # type: ignore[arg-type]
    return world
