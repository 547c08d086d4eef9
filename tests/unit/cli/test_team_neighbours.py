"""Profile commands on leads and members of teams."""

from __future__ import annotations

import os
import shutil

import pytest
from command_root import CommandRoot, picture
from command_runner import Runner
from team_root import LEAD_TOKEN, POOL, make_member, make_team, weixin

from hermes_profiles.cli.hermes_args import dispatch


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    """A root where default leads anna and bert, and boss leads dora."""
    world = CommandRoot(runner)
    make_team(world)
    make_team(world, ("dora",), lead="boss", team="sales")
    return world


def links(world: CommandRoot, name: str) -> dict[str, str]:
    home = world.home(name)
    return {path.name: os.readlink(path) for path in home.iterdir() if path.is_symlink()}


def pool(world: CommandRoot) -> dict[str, tuple[object, ...]]:
    return picture(world.root, without=("profiles",))


# Clones


@pytest.mark.parametrize("scope", [(), ("--clone-all",)], ids=["clone", "clone-all"])
def test_clone_of_member_is_independent_profile(world: CommandRoot, scope: tuple[str, ...]) -> None:
    for place in ("skills/greet/SKILL.md", "SOUL.md", "plugins/wave/plugin.yaml"):
        path = world.root / place
        path.write_text(f"{path.read_text()}# {LEAD_TOKEN} and {weixin('anna')}\n")
    before = pool(world)
    done = world.ok("clone", "anna", "solo", *scope, "--no-alias", "--json")
    home = world.home("solo")
    assert pool(world) == before and links(world, "solo") == {}
    for path in home.rglob("*"):
        raw = path.read_bytes() if path.is_file() else b""
        assert LEAD_TOKEN.encode() not in raw and weixin("anna").encode() not in raw, path
    for path in POOL:
        assert (home / path).read_text().startswith(POOL[path])
    row = world.listed("solo")
    assert row["team"] is None and row["leads"] == [] and row["channels"] == []
    assert "no-member" in [each["code"] for each in done.json["warnings"]]
    assert done.data["files"]["copied"] >= len(POOL)
    (world.root / "SOUL.md").write_text("Somebody else.\n")
    assert (home / "SOUL.md").read_text().startswith(POOL["SOUL.md"])


@pytest.mark.parametrize("source", ["default", "boss"])
def test_clone_of_lead_has_no_members(world: CommandRoot, source: str) -> None:
    with open(world.home(source) / "profile.yaml", "a") as file:
        file.write("# mine\ndescription: the boss\n")
    world.ok("clone", source, "twin", "--clone-all", "--no-alias")
    text = (world.home("twin") / "profile.yaml").read_text()
    assert "team" not in text and "# mine" in text and "the boss" in text
    assert world.listed("twin")["leads"] == [] and world.listed(source)["leads"]


def test_clone_with_description_has_no_membership(world: CommandRoot) -> None:
    world.ok("create", "solo", "--clone-from", "anna", "--clone-all", "--description", "alone", "--no-alias")
    text = (world.home("solo") / "profile.yaml").read_text()
    assert "team" not in text and "alone" in text


def test_clone_of_member_with_uneditable_profile_yaml_is_refused(world: CommandRoot) -> None:
    (world.home("anna") / "profile.yaml").write_text("team: {name: [\n")
    done = world.unchanged_by("clone", "anna", "solo", "--clone-all", "--json")
    assert done.code == 1 and "profile.yaml" in done.problem["message"]
    world.ok("clone", "anna", "solo", "--clone-all", "--skip-unreadable", "--no-alias")
    assert not (world.home("solo") / "profile.yaml").exists()


def test_clone_excludes_broken_member_links(world: CommandRoot) -> None:
    (world.root / "SOUL.md").unlink()
    shutil.rmtree(world.root / "plugins")
    done = world.ok("clone", "anna", "solo", "--no-alias", "--json")
    for path in ("SOUL.md", "plugins"):
        assert {"path": path, "reason": "the target of the link is missing"} in done.data["files"]["left_behind"]
    assert links(world, "solo") == {}


def test_clone_of_member_with_unreadable_lead_is_refused(world: CommandRoot) -> None:
    (world.root / "config.yaml").write_text("model: [\n")
    done = world.unchanged_by("clone", "anna", "solo", "--json")
    assert done.code == 1 and "config.yaml" in done.problem["message"]
    done = world.ok("clone", "anna", "solo", "--skip-unreadable", "--no-alias", "--json")
    assert {row["path"] for row in done.data["files"]["left_behind"]} >= {"skills", "SOUL.md", "plugins"}


def test_links_of_profile_without_team_are_kept(world: CommandRoot) -> None:
    (world.home("anna") / "profile.yaml").write_text("description: x\n")
    world.ok("clone", "anna", "solo", "--no-alias")
    assert links(world, "solo")["skills"] == "../../skills"


# Renames


def test_rename_of_lead_updates_member_links(world: CommandRoot) -> None:
    before = picture(world.root, without=(".hermes-profiles",))
    done = world.ok("rename", "boss", "chef", "--json")
    assert done.data["followers"] == ["dora"]
    assert links(world, "dora") == {path: f"../chef/{path}" for path in ("skills", "SOUL.md", "plugins")}
    assert (world.home("dora") / "SOUL.md").read_text() == POOL["SOUL.md"]
    assert links(world, "anna")["skills"] == "../../skills"
    assert world.listed("dora")["lead"] == "chef" and world.listed("chef")["leads"] == ["sales"]
    world.ok("undo")
    after = picture(world.root, without=(".hermes-profiles",))
    assert after == before


def test_rename_of_member_keeps_links(world: CommandRoot) -> None:
    before = links(world, "anna")
    assert world.ok("rename", "anna", "anne", "--json").data["followers"] == []
    assert links(world, "anne") == before and world.listed("anne")["team"] == "weixin"
    assert (world.home("anne") / "SOUL.md").read_text() == POOL["SOUL.md"]


# Delete and restore


def test_delete_of_lead_with_members_is_refused(world: CommandRoot) -> None:
    done = world.unchanged_by("delete", "boss", "--yes", "--json")
    assert done.code == 6 and done.problem["code"] == "leads-a-team" and "dora" in done.problem["message"]
    assert done.problem["hint"].count("team remove --team sales --all") == 2
    world.ok("team", "remove", "--team", "sales", "--all", "--keep-profile")
    world.ok("delete", "boss", "--yes")
    assert (world.home("dora") / "SOUL.md").read_text() == POOL["SOUL.md"]


def test_delete_and_restore_of_lead_without_members_include_team(world: CommandRoot) -> None:
    world.ok("team", "remove", "dora", "--yes")
    world.ok("delete", "boss", "--yes")
    assert [row["name"] for row in world.ok("team", "list", "--json").data["teams"]] == ["weixin"]
    done = world.ok("restore", "dora", "--json")
    assert [each["code"] for each in done.json["warnings"]] == ["no-lead"]
    assert "team remove dora --keep-profile" in done.json["warnings"][0]["hint"]
    world.ok("restore", "boss", "--as", "chef")
    assert links(world, "dora")["skills"] == "../chef/skills" and world.listed("dora")["lead"] == "chef"


def test_deleted_member_is_reported_as_left(world: CommandRoot) -> None:
    before = pool(world)
    done = world.ok("delete", "anna", "--yes", "--json")
    assert done.data["team"] == "weixin" and pool(world) == before
    assert "has left the team weixin" in world.ok("delete", "bert", "--yes").stdout


def test_restored_member_joins_renamed_lead(world: CommandRoot) -> None:
    world.ok("team", "remove", "dora", "--yes")
    world.ok("rename", "boss", "chef")
    world.ok("restore", "dora", "--as", "dorothea")
    assert links(world, "dorothea")["skills"] == "../chef/skills"
    world.ok("undo")
    world.ok("undo")
    world.ok("restore", "dora")
    assert links(world, "dora")["skills"] == "../boss/skills"


# Changes by Hermes


def test_lead_renamed_by_hermes_is_reported_and_fixed_by_sync(world: CommandRoot) -> None:
    world.home("boss").rename(world.home("chef"))
    assert world.listed("dora")["lead"] == "chef"
    check = world.call("team", "check", "sales", "--json")
    assert check.code == 3, check
    assert world.call("doctor", "--json").data["findings"]
    world.ok("team", "sync", "sales")
    assert links(world, "dora")["SOUL.md"] == "../chef/SOUL.md" and world.call("team", "check", "sales").code == 0


def test_lead_deleted_by_hermes_is_reported_with_hint(world: CommandRoot) -> None:
    shutil.rmtree(world.home("boss"))
    assert world.listed("dora") | {"team": "sales", "lead": None} == world.listed("dora")
    assert "no profile leads" in world.ok("show", "dora").stdout
    done = world.call("team", "check", "sales", "--json")
    assert done.code in (1, 3)
    world.ok("team", "remove", "dora", "--keep-profile")
    assert links(world, "dora") == {} and world.listed("dora")["team"] is None


def test_member_deleted_by_hermes_is_removed_from_team(world: CommandRoot) -> None:
    before = pool(world)
    shutil.rmtree(world.home("anna"))
    assert pool(world) == before
    (row,) = [row for row in world.ok("team", "list", "--json").data["teams"] if row["name"] == "weixin"]
    assert row["members"] == ["bert"] and world.call("team", "check").code == 0


# list, show, settings


def test_list_and_show_print_team_and_lead(world: CommandRoot) -> None:
    world.make("night", {"config.yaml": "model: x\n"})
    rows = {row["name"]: (row["team"], row["lead"], row["leads"]) for row in
            world.ok("list", "--json").data["profiles"]}  # fmt: skip
    assert rows == {
        "default": (None, None, ["weixin"]), "anna": ("weixin", "default", []), "bert": ("weixin", "default", []),
        "boss": (None, None, ["sales"]), "dora": ("sales", "boss", []), "night": (None, None, []),
    }  # fmt: skip
    text = world.ok("list").stdout
    (head,) = [line for line in text.splitlines() if line.split()[:1] == ["profile"]]
    assert head.endswith("team") and "leads weixin" in text
    assert "weixin (lead default)" in world.ok("show", "anna").stdout
    assert "weixin (anna, bert)" in world.ok("show", "default").stdout
    assert world.ok("show", "anna", "--json").data["skills"] == 1
    assert world.ok("show", "night", "--json").data["members"] == {}


def test_root_without_teams_has_no_column_for_them(runner: Runner) -> None:
    world = CommandRoot(runner)
    world.make()
    assert "team" not in world.ok("list").stdout and "team" not in world.ok("show", "default").stdout


def codes(world: CommandRoot, *words: str, typed: str = "") -> list[str]:
    return [each["code"] for each in world.ok(*words, "--json", typed=typed).json["warnings"]]


def test_config_set_of_shared_setting_warns_about_sync(world: CommandRoot) -> None:
    done = world.ok("config", "set", "anna", "model", "gpt-6", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "shared-in-team" and "team sync weixin --own anna:model" in warning["hint"]
    world.ok("team", "sync", "weixin", "--own", "anna:model")
    assert codes(world, "config", "set", "anna", "model", "gpt-7") == []
    assert codes(world, "config", "unset", "bert", "model") == ["shared-in-team"]
    for path, value in (("platforms.weixin.extra.dm_policy", "pairing"), ("platforms.weixin.enabled", "false")):
        assert codes(world, "config", "set", "anna", path, value) == [], path
    assert codes(world, "config", "set", "anna", "toolsets", "[a, b]") == ["shared-in-team"]
    world.ok("team", "sync")
    assert world.ok("config", "get", "anna", "model").stdout == "gpt-7\n"


def test_env_set_of_shared_variable_warns_about_sync(world: CommandRoot) -> None:
    assert codes(world, "env", "set", "anna", "OPENAI_API_KEY", typed="CANARY-new\n") == ["shared-in-team"]
    assert codes(world, "env", "set", "anna", "WEIXIN_TOKEN", typed="CANARY-newer-token\n") == []
    assert codes(world, "env", "set", "anna", "MINE_ALONE", typed="CANARY-mine\n") == []
    assert codes(world, "env", "unset", "bert", "OPENAI_API_KEY", "WEIXIN_TOKEN") == ["shared-in-team"]


BOT = "7100000009:CANARYtelegramCANARYtelegramCANARY9\n"


def test_change_of_lead_hints_sync_of_members(world: CommandRoot) -> None:
    done = world.ok("config", "set", "default", "model", "gpt-6", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "team-follows" and "anna, bert" in warning["message"]
    assert codes(world, "env", "set", "default", "OPENAI_API_KEY", typed="CANARY-new\n") == ["team-follows"]
    assert (
        codes(
            world,
            "env",
            "set",
            "default",
            "TELEGRAM_BOT_TOKEN",
            typed="7100000009:CANARYtelegramCANARYtelegramCANARY9\n",
        )
        == []
    )
    assert codes(world, "config", "set", "default", "platforms.telegram.enabled", "false") == []


def test_unshared_setting_has_no_sync_warning(runner: Runner) -> None:
    world = CommandRoot(runner)
    make_team(world, ("anna",), share="skills")
    assert codes(world, "config", "set", "anna", "model", "gpt-6") == []
    assert codes(world, "config", "set", "default", "model", "gpt-6") == []


def test_sync_between_members_warns_about_team_sync(world: CommandRoot) -> None:
    world.ok("config", "set", "bert", "model", "gpt-6")
    assert codes(world, "sync", "--from", "bert", "--to", "anna", "--keys", "model") == ["shared-in-team"]
    assert codes(world, "sync", "--from", "default", "--to", "bert", "--keys", "model") == []


@pytest.mark.parametrize("words", [("repair", "anna"), ("repair", "default"), ("doctor", "--fix"),
    ("trash", "empty"), ("team", "remove", "anna")], ids=" ".join)  # fmt: skip
def test_member_command_does_not_write_into_pool(world: CommandRoot, words: tuple[str, ...]) -> None:
    shared = {path: (world.root / path).read_bytes() for path in POOL}
    world.call(*words, "--yes")
    assert {path: (world.root / path).read_bytes() for path in POOL} == shared


def test_repair_of_member_keeps_pool(world: CommandRoot) -> None:
    for name in ("anna", "bert"):
        env = world.home(name) / ".env"
        env.write_text(env.read_text().replace(weixin("bert"), weixin("anna")))
    (world.root / "SOUL.md").write_text(f"call {weixin('anna')}\n")
    (world.root / "skills/greet/SKILL.md").write_text(f"call {weixin('anna')}\n")
    before = pool(world)
    done = world.call("repair", "bert", "--yes", "--json")
    assert done.code in (0, 1), done
    assert pool(world) == before


def test_finding_of_shared_file_is_reported_once(world: CommandRoot) -> None:
    make_member(world, "carl")
    (world.root / "skills/greet/.env").write_text("X=1\n")
    (world.root / "skills").chmod(0o777)
    found = world.call("doctor", "--json").data["findings"]
    reported = [each for each in found if any("skills" in str(row.get("file")) for row in each["evidence"])]
    assert len(reported) <= 1, reported


# The shim


@pytest.mark.parametrize(("line", "words"), [
    ("profile team list", "team list"),
    ("profiles team sync --dry-run", "team sync --dry-run"),
    ("-p work profile team create fam --members a", "team create --lead work fam --members a"),
    ("profile -p work team create fam", "team create --lead work fam"),
    ("-p work profiles team create fam --lead boss", "team create fam --lead boss"),
    ("-p work profiles team create fam --lead=boss", "team create fam --lead=boss"),
    ("-p ann profile team remove --yes", "team remove ann --yes"),
    ("-p ann profile team remove bert --yes", "team remove bert --yes"),
    ("-p ann profile team remove --all --team fam", "team remove --all --team fam"),
    ("-p ann profile team remove --frob", "team remove --frob"),
    ("-p ann profile team", "team"),
])  # fmt: skip
def test_shim_arguments_select_named_profile(line: str, words: str) -> None:
    choice = dispatch(line.split())
    assert choice.program == "profiles" and " ".join(choice.words) == words
    assert choice.must_exist == (line.split()[line.split().index("-p") + 1] if "-p" in line else None)
