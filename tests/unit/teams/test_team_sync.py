"""A team's sync: members get what their lead shares, keep what is theirs, and a second one finds nothing to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from synced_team import KEY, LEAD_TOKEN, SyncedTeam, make_synced_team, noon, rows, without_times

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import NotFound, UsageProblem
from hermes_profiles.teams.model import Membership, read_membership
from hermes_profiles.teams.shares import DEFAULT_SHARES, Share


@pytest.fixture
def world(tmp_path: Path) -> SyncedTeam:
    return make_synced_team(tmp_path)


def config(world: SyncedTeam, name: str) -> dict[str, object]:
    data = YamlDocument.parse((world.home(name) / "config.yaml").read_bytes()).data()
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("lead", ["default", "boss"])
@pytest.mark.parametrize(
    "share", [DEFAULT_SHARES, tuple(Share), (), (Share.KEYS,), (Share.CONFIG,), (Share.SKILLS, Share.MEMORY)]
)
@pytest.mark.parametrize("accounts", [True, False])
def test_new_members_are_as_their_lead(tmp_path: Path, lead: str, share: tuple[Share, ...], accounts: bool) -> None:
    world = make_synced_team(tmp_path, lead=lead, share=share, accounts=accounts)
    found = world.plan()
    assert (rows(found), found.plan, found.problems) == ({}, None, ())


def test_what_the_lead_changes_reaches_every_member(world: SyncedTeam) -> None:
    lead = world.picture()
    world.edit("default", "config.yaml", "gpt-5  # the best", "gpt-6  # better")
    world.edit("default", "config.yaml", "toolsets: [web, terminal]\n", "auxiliary:\n  timeout: 9\n")
    world.edit("default", ".env", KEY, "sk-CANARY-shared-key-0002")
    world.edit("default", ".env", "TZ=Europe/Berlin\n", "TAVILY_API_KEY=CANARY-tavily-01\n")
    lead = {path: what for path, what in world.picture().items() if "/profiles" not in path}
    found = world.sync()
    expected = [
        ("env", "OPENAI_API_KEY", "set"), ("env", "TAVILY_API_KEY", "add"), ("env", "TZ", "remove"),
        ("config", "model.default", "set"), ("config", "auxiliary", "add"), ("config", "toolsets", "remove"),
    ]  # fmt: skip
    assert {name: sorted(changes) for name, changes in rows(found).items()} == dict.fromkeys(
        ("ann", "bob"), sorted(expected)
    )
    for name in ("ann", "bob"):
        assert "# the best" in world.read(name, "config.yaml")  # the member's own bytes stay where they can
        assert config(world, name)["model"] == {"default": "gpt-6", "provider": "openai"}
        assert config(world, name)["auxiliary"] == {"timeout": 9} and "toolsets" not in config(world, name)
        env = world.read(name, ".env")
        assert "OPENAI_API_KEY=sk-CANARY-shared-key-0002\n" in env and "TZ=" not in env
        assert f"WEIXIN_TOKEN=CANARY-{name}-weixin-token\n" in env and LEAD_TOKEN not in env
        membership = read_membership(world.home(name))
        assert membership is not None and membership.env == ("OPENAI_API_KEY", "TAVILY_API_KEY")
        assert oct((world.home(name) / ".env").stat().st_mode)[-3:] == "600"
    assert {path: what for path, what in world.picture().items() if "/profiles" not in path} == lead


def test_own_settings_of_a_member_are_never_changed(world: SyncedTeam) -> None:
    weixin = config(world, "ann")["platforms"]["weixin"]  # type: ignore[index]
    world.write("ann", {
        "config.yaml": world.read("ann", "config.yaml").replace(
            "platforms:", "onboarding: {seen: {busy: true}}\nTELEGRAM_HOME_CHANNEL: '7'\nplatforms:\n  slack:\n"
            "    token: CANARY-own-slack\n    enabled: true\n  brand_new: {extra: {colour: red}}", 1,
        ),
        ".env": world.read("ann", ".env") + "TELEGRAM_BOT_TOKEN=7100000001:CANARYtelegramCANARYtelegram1\n"
        "WEIXIN_ALLOWED_USERS=me\nMY_OWN=1\n",
        "weixin/accounts/ann.json": "{}", "memories/MEMORY.md": "I am ann\n", "platforms/pairing/x.json": "{}",
    })  # fmt: skip
    before = world.picture()
    assert rows(world.plan()) == {}
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    world.sync()
    after = world.picture()
    changed = [path for path in after if after[path] != before.get(path) and path.startswith(str(world.home("ann")))]
    assert changed == [str(world.home("ann") / "config.yaml")]
    platforms = config(world, "ann")["platforms"]
    assert platforms["weixin"]["extra"] == weixin["extra"] and weixin["extra"]  # type: ignore[index]
    assert platforms["slack"] == {"token": "CANARY-own-slack", "enabled": True}  # type: ignore[index]
    assert platforms["brand_new"] == {"extra": {"colour": "red"}}  # type: ignore[index]


def test_settings_that_the_lead_lacks_are_removed(world: SyncedTeam) -> None:
    world.edit("ann", "config.yaml", "toolsets:", "mcp_servers: {x: {url: http://x}}\ntoolsets:")
    world.edit("ann", "config.yaml", "openai\n", "openai\n  base_url: http://mine\n")
    found = world.sync()
    assert rows(found) == {"ann": [("config", "model.base_url", "remove"), ("config", "mcp_servers", "remove")]}


def test_a_secret_is_in_no_row(world: SyncedTeam) -> None:
    world.edit("default", "config.yaml", "model:", "providers: {x: {api_key: CANARY-provider}}\nmodel:")
    (change,) = world.plan().members[0].changes
    assert (change.key, change.hidden, change.before, change.after) == ("providers", True, None, None)


# --- channels


def test_a_channel_the_lead_gains_stays_off_at_members(world: SyncedTeam) -> None:
    world.edit("default", "config.yaml", "platforms:", (
        "platforms:\n  telegram:\n    token: 7100000001:CANARYtelegramCANARYtelegram1\n"
        "    extra: {require_mention: true}"
    ))  # fmt: skip
    world.sync()
    assert config(world, "ann")["platforms"]["telegram"] == {  # type: ignore[index]
        "extra": {"require_mention": True}, "enabled": False,
    }  # fmt: skip


def test_a_members_own_channel_is_not_switched_off(world: SyncedTeam) -> None:
    """It is on by its token alone: a flag of the lead's block would switch it off."""
    token = "TELEGRAM_BOT_TOKEN=7100000002:CANARYtelegramCANARYtelegram2\n"
    world.write("ann", {".env": world.read("ann", ".env") + token})
    world.edit("default", "config.yaml", "platforms:", "platforms:\n  telegram: {extra: {require_mention: true}}")
    world.sync()
    ann, bob = (config(world, name)["platforms"]["telegram"] for name in ("ann", "bob"))  # type: ignore[index]
    assert ann == {"extra": {"require_mention": True}} and bob == {**ann, "enabled": False}


def test_a_key_that_a_members_channel_runs_on_is_its_own(world: SyncedTeam) -> None:
    """The mail server is a setting of tools, until the channel is on."""
    world.write("default", {".env": world.read("default", ".env") + "EMAIL_SMTP_HOST=smtp.of-lead.example\n"})
    world.edit("ann", "config.yaml", "platforms:", "platforms:\n  email: {enabled: true}")
    world.write("ann", {".env": world.read("ann", ".env") + "EMAIL_SMTP_HOST=smtp.of-ann.example\n"})
    found = world.sync()
    assert [row for row in rows(found).get("ann", []) if row[1] == "EMAIL_SMTP_HOST"] == []
    assert "smtp.of-ann.example" in world.read("ann", ".env") and "of-lead" not in world.read("ann", ".env")
    assert "smtp.of-lead.example" in world.read("bob", ".env")


def test_the_teams_channel_is_never_switched(tmp_path: Path) -> None:
    world = make_synced_team(tmp_path, accounts=False)
    world.write("ann", {".env": world.read("ann", ".env") + "WEIXIN_TOKEN=CANARY-a\nWEIXIN_ACCOUNT_ID=ann@im.bot\n"})
    world.edit("default", "config.yaml", "      dm_policy", "      send_chunk_delay_seconds: 1.5\n      dm_policy")
    world.sync()
    weixin = config(world, "ann")["platforms"]["weixin"]  # type: ignore[index]
    assert "enabled" not in weixin and "dm_policy" not in weixin["extra"]


def test_own_settings_are_not_replaced_by_a_scalar(world: SyncedTeam) -> None:
    world.edit("default", "config.yaml", world.read("default", "config.yaml").split("platforms:")[1], "\n")
    before = config(world, "ann")["platforms"]
    world.sync()
    assert config(world, "ann")["platforms"] == before  # the lead has `platforms:` and nothing below it
    assert before["weixin"]["extra"]  # type: ignore[index]


# --- what a member keeps


def test_overrides_are_kept(world: SyncedTeam) -> None:
    world.edit("ann", "config.yaml", "gpt-5", "mine")
    world.edit("ann", ".env", KEY, "sk-CANARY-my-own-key")
    found = world.sync(own=["ann:model.default", "ann:OPENAI_API_KEY"])
    assert rows(found)["ann"] == [("own", "OPENAI_API_KEY", "keep"), ("own", "model.default", "keep")]
    assert config(world, "ann")["model"]["default"] == "mine"  # type: ignore[index]
    assert "sk-CANARY-my-own-key" in world.read("ann", ".env")
    assert read_membership(world.home("ann")) == Membership("family", ("TZ",), ("model.default", "OPENAI_API_KEY"))
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    world.sync()
    assert config(world, "ann")["model"]["default"] == "mine"  # type: ignore[index]
    assert config(world, "bob")["model"]["default"] == "gpt-6"  # type: ignore[index]
    world.sync(not_own=["ann:model.default", "ann:OPENAI_API_KEY"])
    assert config(world, "ann")["model"]["default"] == "gpt-6"  # type: ignore[index]
    assert KEY in world.read("ann", ".env") and "my-own" not in world.read("ann", ".env")


def test_an_override_can_be_absent(world: SyncedTeam) -> None:
    world.write("ann", {"config.yaml": "toolsets: [web, terminal]\ngateway: {}\n"})
    world.sync(own=["ann:model.default"])
    assert config(world, "ann")["model"] == {"provider": "openai"}


@pytest.mark.parametrize("text", ["ann", "ann:", ":model", "ann:a,b", "ann:toolsets[0]", "ann:a..b", "A N:model"])
def test_invalid_overrides_are_refused(world: SyncedTeam, text: str) -> None:
    with pytest.raises(UsageProblem):
        world.plan(own=[text])


def test_overrides_of_unknown_keys_are_refused(world: SyncedTeam) -> None:
    with pytest.raises(NotFound, match=r"neither ann nor its lead has modle\.default"):
        world.plan(own=["ann:modle.default"])
    with pytest.raises(NotFound, match=r"ann does not override model"):
        world.plan(not_own=["ann:model"])


# --- links


def test_links_are_repaired_and_replaced_files_go_to_the_trash(world: SyncedTeam) -> None:
    before = world.picture()
    home = world.home("ann")
    (home / "skills").unlink()
    (home / "SOUL.md").unlink()
    world.write("ann", {"skills/own/SKILL.md": "# mine\n", "SOUL.md": "I am seeded\n"})
    (world.home("bob") / "skills").unlink()
    (world.home("bob") / "skills").symlink_to("../ann/skills")
    (world.home("bob") / "SOUL.md").unlink()
    broken = world.picture()
    found = world.sync()
    assert rows(found) == {
        "ann": [("link", "skills", "replace"), ("link", "SOUL.md", "replace")],
        "bob": [("link", "skills", "set"), ("link", "SOUL.md", "add")],
    }
    assert world.picture() == before
    (entry,) = trash_entries(world.layout)
    assert (entry.name, entry.kind, sorted(entry.paths)) == ("ann", "files", ["SOUL.md", "skills"])
    assert (entry.home / "skills/own/SKILL.md").read_text() == "# mine\n"
    undo(world.layout, now=noon)
    assert world.picture() == broken


def test_a_skill_of_the_lead_is_there_at_once(world: SyncedTeam) -> None:
    world.write("default", {"skills/sing/SKILL.md": "# sing\n"})
    assert (world.home("ann") / "skills/sing/SKILL.md").read_text() == "# sing\n"
    assert rows(world.plan()) == {}


def test_links_follow_what_the_lead_gains_and_loses(world: SyncedTeam) -> None:
    world.write("default", {"plugins/x/plugin.yaml": "name: x\n"})
    os.remove(world.layout.root / "SOUL.md")
    found = world.sync()
    changes = [("link", "SOUL.md", "remove"), ("link", "plugins", "add")]
    assert rows(found) == {"ann": changes, "bob": changes}
    assert not os.path.lexists(world.home("ann") / "SOUL.md")
    assert (world.home("bob") / "plugins/x/plugin.yaml").exists()
    world.write("default", {"SOUL.md": "again\n"})
    world.sync()
    assert world.read("bob", "SOUL.md") == "again\n"


def test_links_to_a_former_lead_are_updated(tmp_path: Path) -> None:
    world = make_synced_team(tmp_path, lead="boss")
    before = world.picture()
    world.home("boss").rename(world.home("chief"))  # as Hermes renames, and our own rename does not
    world.lead = "chief"
    found = world.sync()
    assert {key for changes in rows(found).values() for key in changes} == {
        ("link", "skills", "set"), ("link", "SOUL.md", "set"),
    }  # fmt: skip
    world.home("chief").rename(world.home("boss"))
    world.sync()
    assert world.picture() == before


def test_paths_no_longer_shared_are_removed(world: SyncedTeam) -> None:
    world.edit("default", "profile.yaml", "skills, persona, config, keys", "skills")
    found = world.sync()
    assert rows(found)["ann"] == [
        ("env", "OPENAI_API_KEY", "remove"), ("env", "TZ", "remove"), ("link", "SOUL.md", "remove"),
    ]  # fmt: skip
    assert config(world, "ann")["model"] == {"default": "gpt-5", "provider": "openai"}  # no more compared


def test_a_members_own_file_stays_where_nothing_is_shared(world: SyncedTeam) -> None:
    world.write("ann", {"plugins/mine/plugin.yaml": "x"})
    (world.home("bob") / "hooks").symlink_to("/nowhere")
    assert rows(world.plan()) == {}


def test_a_link_to_itself_is_never_made(world: SyncedTeam) -> None:
    """The lead's skills are in a member's home, shared by hand before."""
    (world.home("ann") / "skills").unlink()
    shutil.move(world.layout.root / "skills", world.home("ann") / "skills")
    (world.layout.root / "skills").symlink_to("profiles/ann/skills")
    found = world.plan()
    (problem,) = found.problems
    assert problem.code == "pool-in-member" and found.plan is None
    assert (world.home("ann") / "skills/cook/SKILL.md").exists()


def test_a_home_behind_a_link_gets_links_that_lead_there(world: SyncedTeam, tmp_path: Path) -> None:
    shutil.move(world.home("ann"), tmp_path / "elsewhere")
    world.home("ann").symlink_to(tmp_path / "elsewhere")
    (world.home("ann") / "skills").unlink()
    world.sync()
    assert (world.home("ann") / "skills/cook/SKILL.md").exists()


@pytest.mark.parametrize(("key", "file"), [("SOUL.md", "SOUL.md"), ("skills/", "skills/cook/SKILL.md")])
def test_a_member_can_keep_a_part_of_the_pool_for_itself(world: SyncedTeam, key: str, file: str) -> None:
    """Written through a link, it would be the lead's that changes."""
    before = world.picture()
    shared = world.read("default", file)
    found = world.sync(own=[f"ann:{key}"])
    assert rows(found) == {"ann": [("own", key, "keep"), ("link", key.rstrip("/"), "own")]}
    assert world.read("ann", file) == shared
    world.write("ann", {file: "mine\n"})
    assert world.read("default", file) == shared and world.read("bob", file) == shared
    world.sync()
    assert world.read("ann", file) == "mine\n"
    world.sync(not_own=[f"ann:{key}"])
    assert without_times(world.picture()) == without_times(before)


# --- faults


def test_one_member_that_cannot_be_read_does_not_stop_the_others(world: SyncedTeam) -> None:
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    world.write("ann", {"config.yaml": "a: [\n"})
    found = world.plan()
    (problem,) = found.problems
    assert problem.target == "ann" and "config.yaml:" in problem.message
    assert found.plan is not None and found.plan.profiles == ("bob",)


def test_a_value_in_the_place_of_a_members_own_is_a_problem(world: SyncedTeam) -> None:
    world.edit("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n", "gateway: all\n")
    world.edit("ann", "config.yaml", "gateway: {}", "gateway: {relay_id: CANARY-relay, multiplex_profiles: true}")
    (problem,) = world.plan().problems
    assert problem.code == "in-the-way" and "gateway" in problem.message


@pytest.mark.parametrize(("profile", "code"), [("default", "no-lead"), ("bob", "two-leads")])
def test_a_team_without_a_lead_or_with_two_is_not_synced(world: SyncedTeam, profile: str, code: str) -> None:
    before = world.read("default", "profile.yaml")
    if code == "no-lead":
        world.write("default", {"profile.yaml": "description: x\n"})
    else:
        world.write("eve", {"profile.yaml": before})
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    found = world.plan()
    assert [each.code for each in found.problems] == [code] and found.plan is None and found.members == ()


def test_a_lead_that_is_a_member_is_no_lead(world: SyncedTeam) -> None:
    world.write("default", {"profile.yaml": world.read("default", "profile.yaml") + "team: {name: family}\n"})
    found = world.plan()
    assert [each.code for each in found.problems] == ["lead-is-member"] and found.plan is None


def test_a_lead_that_cannot_be_read_is_a_fault_of_its_team_alone(world: SyncedTeam) -> None:
    world.write("boss", {"config.yaml": "model: x\n", "profile.yaml": "teams: {sales: {channel: weixin}}\n"})
    world.write("eva", {"profile.yaml": "team: {name: sales}\n"})
    world.write("default", {".env": "A='open\n"})
    found = world.plan()
    assert [each.target for each in found.problems] == [str(world.layout.root / ".env")]
    assert found.plan is not None and found.plan.profiles == ("eva",)


def test_a_file_that_two_profiles_share_is_not_written(world: SyncedTeam) -> None:
    (world.home("ann") / "config.yaml").unlink()
    (world.home("ann") / "config.yaml").symlink_to("../../config.yaml")
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    before = world.read("default", "config.yaml")
    found = world.plan()
    assert [each.code for each in found.problems] == ["shared-file"]
    assert found.plan is not None and found.plan.profiles == ("bob",)
    assert world.read("default", "config.yaml") == before
