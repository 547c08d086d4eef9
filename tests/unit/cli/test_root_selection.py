"""The root and profile a command selects: explicit name, --home, HERMES_HOME, sticky default."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_root import SOURCE, CommandRoot
from command_runner import Runner


@pytest.fixture
def two(world: CommandRoot) -> CommandRoot:
    """Two named profiles with different models."""
    for name in ("work", "night"):
        world.make(name, {".env": "", "config.yaml": f"model: model-of-{name}\n"})
    return world


def _source(done: object) -> tuple[str, str]:
    return done.json["data"]["source"], done.stderr.strip()  # type: ignore[attr-defined]


def test_clone_without_selection_uses_default_profile(two: CommandRoot) -> None:
    assert _source(two.ok("create", "x", "--clone", "--json")) == ("default", "cloning default (the default profile)")


def test_clone_with_sticky_profile_uses_it_with_note(two: CommandRoot) -> None:
    two.ok("use", "night")
    assert _source(two.ok("create", "x", "--clone", "--json")) == ("night", "cloning night (the sticky default)")


def test_inherited_home_precedes_sticky_profile_with_note(two: CommandRoot) -> None:
    two.ok("use", "night")
    env = {"HERMES_HOME": str(two.home("work"))}
    assert _source(two.ok("create", "x", "--clone", "--json", env=env)) == ("work", "cloning work (HERMES_HOME)")
    assert two.home("x").is_dir(), "the new profile goes into the root, not below the profile"


def test_home_option_precedes_inherited_home(two: CommandRoot) -> None:
    env = {"HERMES_HOME": str(two.home("work"))}
    done = two.ok("create", "x", "--clone", "--json", "--home", str(two.home("night")), env=env)
    assert _source(done) == ("night", "cloning night (--home)")


def test_explicit_name_takes_precedence_without_note(two: CommandRoot) -> None:
    two.ok("use", "night")
    env = {"HERMES_HOME": str(two.home("night"))}
    assert _source(two.ok("create", "x", "--clone-from", "work", "--json", env=env)) == ("work", "")
    assert two.ok("show", "work", "--json", "--home", str(two.home("night")), env=env).data["model"] == "model-of-work"
    assert two.ok("clone", "work", "y", "--json", env=env).data["source"] == "work"


def test_explain_names_selected_profile(two: CommandRoot) -> None:
    done = two.ok("explain", "telegram", env={"HERMES_HOME": str(two.home("work"))})
    assert done.stderr == "profile: work (HERMES_HOME)\n"
    assert two.ok("explain", "telegram", "-p", "default").stderr == ""


@pytest.mark.parametrize(("line", "reason"), [
    ("WHATSAPP_ENABLED=false", "off: it switches nothing on"),
    ("TELEGRAM_BOT_TOKEN=", "empty: it masks an inherited value"),
    ("DISCORD_REQUIRE_MENTION=true", "harmless behaviour"),
    ("OPENAI_API_KEY=CANARY-openai", "a key of a tool or provider"),
    ("MY_NOTE=1", "no channel reads it"),
])  # fmt: skip
def test_explain_says_why_a_variable_stays_here(two: CommandRoot, line: str, reason: str) -> None:
    (two.home("work") / ".env").write_text(f"# first\n{line}\n")
    name = line.partition("=")[0]
    done = two.ok("explain", name, "-p", "work")
    assert f"  .env:2  {name}: kept, {reason}" in done.stdout
    has_general = "left behind in general" in done.stdout
    assert has_general is (name in ("WHATSAPP_ENABLED", "TELEGRAM_BOT_TOKEN"))


def test_explain_knows_the_flag_of_a_channel(two: CommandRoot) -> None:
    assert "switched off" in two.ok("explain", "platforms.telegram.enabled", "-p", "work").stdout


def test_missing_sticky_profile_is_error(two: CommandRoot) -> None:
    (two.root / "active_profile").write_text("gone\n")
    done = two.unchanged_by("create", "x", "--clone", "--json")
    assert done.code == 5 and "'gone'" in done.problem["message"]


@pytest.mark.parametrize("home", [".hermes", "./.hermes/", ".hermes/profiles/work", "~/.hermes", ".hermes/x/.."])
def test_relative_home_is_resolved_from_working_folder(two: CommandRoot, home: str) -> None:
    for env in ({}, {"PWD": "/nowhere"}):
        done = two.run("list", "--json", "--home", home, env=env)
        assert [row["name"] for row in done.data["profiles"]] == ["default", "night", "work"], home
        assert done.data["profiles"][0]["path"] == str(two.root)


def test_relative_profile_home_is_recognised_as_a_profile(two: CommandRoot) -> None:
    done = two.ok("create", "x", "--clone", "--json", "--home", ".hermes/profiles/work")
    assert _source(done) == ("work", "cloning work (--home)")


def test_empty_home_is_refused(two: CommandRoot) -> None:
    for given in (("list",), ("create", "x"), ("delete", "work", "--yes")):
        done = two.unchanged_by(*given, "--home", "", "--json")
        assert done.code == 2 and "--home" in done.problem["message"]


def test_custom_root_is_separate(runner: Runner, tmp_path: Path) -> None:
    world = CommandRoot(runner, tmp_path / "data")
    world.make(files=SOURCE)
    env = {"HERMES_HOME": str(world.root)}
    assert runner.ok("create", "work", "--json", env=env).data["path"] == str(world.root / "profiles/work")
    assert runner.ok("list", "--names", env=env).stdout == "default\nwork\n"
    assert runner.ok("list", "--names", "--home", str(world.home("work"))).stdout == "default\nwork\n"
    assert not (runner.user_home / ".hermes").exists()


def test_create_without_a_root_makes_one(bare: CommandRoot) -> None:
    done = bare.ok("create", "work", "--json")
    assert bare.names() == ["default", "work"] and done.data["source"] is None
    home = bare.home("work")
    folders = ["cron", "home", "logs", "memories", "plans", "sessions", "skills", "skins", "workspace"]
    assert sorted(path.name for path in home.iterdir() if path.is_dir()) == folders
    assert (home / ".env").stat().st_mode & 0o777 == 0o600 and home.stat().st_mode & 0o777 == 0o700
    assert (bare.bin / "work").stat().st_mode & 0o777 == 0o755


def test_hint_commands_keep_home_option(runner: Runner, tmp_path: Path) -> None:
    world = CommandRoot(runner, tmp_path / "a root")
    world.make()
    home = ("--home", str(world.root))
    assert f"`hermes-profiles create nobody --home '{world.root}'`" in runner.call("show", "nobody", *home).stderr
    runner.ok("create", "work", *home)
    assert f"`hermes-profiles delete work --yes --home '{world.root}'`" in runner.call("delete", "work", *home).stderr
    done = runner.ok("delete", "work", "--yes", *home)
    assert f"`hermes-profiles restore work --home '{world.root}'`" in done.stdout
    (world.root / "active_profile").write_text("gone")
    (warning,) = runner.ok("list", "--json", *home).json["warnings"]
    assert warning["hint"].endswith(f"`hermes-profiles use NAME --home '{world.root}'`")
    assert "--home" not in runner.call("show", "nobody").stderr


def test_read_commands_without_root_create_nothing(bare: CommandRoot) -> None:
    for given in (("list",), ("list", "--json"), ("list", "--names"), ("trash", "list"), ("undo", "--list"),
        ("create", "work", "--dry-run"), ("show", "work"), ("catalog",)):  # fmt: skip
        bare.unchanged_by(*given)
    assert not bare.root.exists()
    assert "make one with `hermes-profiles create NAME`" in bare.ok("list").stdout


def test_aliases_start_the_profiles_of_the_root_in_which_hermes_works(world: CommandRoot) -> None:
    world.make("work", {".env": ""})
    world.ok("alias", "work")
    other = world.user / "other"
    shutil.copytree(world.root, other)
    shutil.rmtree(world.root / "profiles" / "work")  # an alias without a profile here, and a profile without one there
    script = world.bin / "work"
    at = ("--home", str(other))
    (row,) = [each for each in world.ok("list", "--json", *at).json["data"]["profiles"] if each["name"] == "work"]
    assert row["alias"] is None
    assert world.ok("clone", "work", "new", *at).stderr == "" and not (world.bin / "new").exists()
    world.ok("rename", "work", "desk", *at)
    world.ok("delete", "desk", "--yes", *at)
    world.ok("restore", "desk", *at)
    assert sorted(path.name for path in world.bin.iterdir()) == [script.name] and "-p work " in script.read_text()
    done = world.run("alias", "desk", *at)
    assert done.code == 6 and f"HERMES_HOME={other} hermes -p desk" in done.stderr
    shutil.rmtree(other / "profiles" / "new")
    assert "orphan-alias" not in world.run("doctor", "--json", *at).stdout
    assert "orphan-alias" in world.run("doctor", "--json").stdout
    link = world.user / "link"
    link.symlink_to(world.root)
    world.make("work", {".env": ""})
    rows = world.ok("list", "--json", "--home", str(link)).json["data"]["profiles"]
    assert [each["alias"] for each in rows if each["name"] == "work"] == ["work"]
