"""Cases of team faults."""

from __future__ import annotations

import os

from doctor_root import Case, DoctorRoot

LEAD_TOKEN = "CANARY-lead-weixin-token-0001"


def token(name: str) -> str:
    return f"CANARY-{name}-weixin-token-0001"


def healthy(world: DoctorRoot) -> None:
    """Create the team crew: default leads ann and bob, each with a separate account."""
    world.add("default", ".env", f"WEIXIN_TOKEN={LEAD_TOKEN}\nWEIXIN_ACCOUNT_ID=lead@im.bot\n")
    world.add("default", "config.yaml", "toolsets: [web]\n")
    world.write("default", "skills/cook/SKILL.md", "# cook\n")
    done = world.runner.call("team", "create", "crew", "--members", "ann,bob")
    assert done.code == 0, done
    for name in ("ann", "bob"):
        world.add(
            name,
            ".env",
            f"WEIXIN_TOKEN={token(name)}\nWEIXIN_ACCOUNT_ID={name}@im.bot\nWEIXIN_ALLOWED_USERS=me-{name}\n",
        )
    profile = world.root / "profile.yaml"
    profile.chmod(0o600)


def edit(world: DoctorRoot, name: str, path: str, before: str, after: str) -> None:
    file = world.home(name) / path
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def another_model(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "ann", "config.yaml", "gpt-5", "gpt-4")


def a_key_of_its_own(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "bob", ".env", "sk-CANARY-default", "sk-CANARY-bob-s-own")


def the_lead_gained_a_setting(world: DoctorRoot) -> None:
    healthy(world)
    world.write("default", "config.yaml", (world.root / "config.yaml").read_text() + "auxiliary: {timeout: 9}\n")
    world.runner.call("team", "sync", "crew")
    edit(world, "ann", "config.yaml", "auxiliary", "ancillary")


def no_note_of_keys(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "ann", "profile.yaml", "env: OPENAI_API_KEY", "env: ''")


def seeded_skills(world: DoctorRoot) -> None:
    healthy(world)
    (world.home("ann") / "skills").unlink()
    world.write("ann", "skills/own/SKILL.md", "# own\n")


def a_link_to_somebody_else(world: DoctorRoot) -> None:
    healthy(world)
    (world.home("ann") / "SOUL.md").unlink()
    (world.home("ann") / "SOUL.md").symlink_to("../work/SOUL.md")


def a_missing_link(world: DoctorRoot) -> None:
    healthy(world)
    (world.home("bob") / "skills").unlink()


def the_lead_lost_its_persona(world: DoctorRoot) -> None:
    healthy(world)
    (world.root / "SOUL.md").unlink()
    (world.home("bob") / "SOUL.md").unlink()


def the_lead_is_gone(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "default", "profile.yaml", "crew", "other")
    world.write("default", "profile.yaml", "description: x\n", mode=0o600)


def two_leads(world: DoctorRoot) -> None:
    healthy(world)
    world.write("work", "profile.yaml", "description: mine\n" + (world.root / "profile.yaml").read_text(), mode=0o600)


def a_lead_that_follows(world: DoctorRoot) -> None:
    healthy(world)
    world.write("work", "profile.yaml", "teams: {other: {channel: weixin}}\nteam: {name: crew}\n", mode=0o600)
    world.write("work", "config.yaml", (world.home("ann") / "config.yaml").read_text(), mode=0o600)
    world.write("work", ".env", (world.root / ".env").read_text().split("WEIXIN")[0], mode=0o600)
    world.runner.call("team", "sync", "crew")


def a_token_in_a_skill(world: DoctorRoot) -> None:
    healthy(world)
    world.write("default", "skills/cook/SKILL.md", f"# cook\n\ncurl -H {LEAD_TOKEN}\n")


def a_members_token_in_the_persona(world: DoctorRoot) -> None:
    healthy(world)
    world.write("default", "SOUL.md", f"use {token('bob')}\n")


def a_token_in_another_home(world: DoctorRoot) -> None:
    healthy(world)
    world.add("bob", ".env", f"MY_NOTE={token('ann')}\n")


def a_token_in_a_memory(world: DoctorRoot) -> None:
    healthy(world)
    world.write("bob", "memories/MEMORY.md", f"ann's is\n{token('ann')}\n")


def everybody_by_the_default(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "bob", ".env", "WEIXIN_ALLOWED_USERS=me-bob\n", "")
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")
    world.add("default", ".env", "WEIXIN_ALLOWED_USERS=the-boss\n")


def approvals_of_a_process(world: DoctorRoot) -> None:
    healthy(world)
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")
    world.write("ann", "platforms/pairing/weixin-approved.json", '{"friend": {"name": "x"}}', mode=0o600)


def a_config_of_the_leads(world: DoctorRoot) -> None:
    healthy(world)
    (world.home("ann") / "config.yaml").unlink()
    os.symlink("../../config.yaml", world.home("ann") / "config.yaml")


# The multiplexer does not run here.
NOT_UP = frozenset({"services.skipped-by-multiplexer"})
TEAM_CASES: tuple[Case, ...] = (
    Case("teams.drift", another_model, ("ann",)),
    Case("teams.drift", a_key_of_its_own, ("bob",)),
    Case("teams.drift", the_lead_gained_a_setting, ("ann",)),
    Case("teams.drift", no_note_of_keys, ("ann",)),
    Case("teams.broken-link", seeded_skills, ("ann",)),
    Case("teams.broken-link", a_link_to_somebody_else, ("ann",)),
    Case("teams.broken-link", a_missing_link, ("bob",)),
    Case("teams.broken-link", the_lead_lost_its_persona, ("ann",)),
    Case("teams.no-pool", the_lead_is_gone, ("ann", "bob")),
    Case("teams.no-pool", two_leads, ("ann", "bob", "default", "work"), fixed=True),
    Case("teams.no-pool", a_lead_that_follows, ("work",)),
    Case("teams.exposed-secret", a_token_in_a_skill, ("default",)),
    Case("teams.exposed-secret", a_members_token_in_the_persona, ("bob", "default")),
    Case("teams.foreign-secret", a_token_in_another_home, ("ann", "bob")),
    Case("teams.foreign-secret", a_token_in_a_memory, ("ann", "bob")),
    Case("teams.inherited-access", everybody_by_the_default, ("bob",), also=NOT_UP),
    Case("teams.unread-approvals", approvals_of_a_process, ("ann",), also=NOT_UP),
    Case("teams.no-sync", a_config_of_the_leads, ("ann",), also=frozenset({"conflicts.shared-identity"})),
)
