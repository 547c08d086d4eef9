"""Profiles of this package in real Hermes 0.19.0, and profiles of Hermes in this package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_root import CommandRoot, picture
from real_hermes import apart, hermes_python

from hermes_profiles.hermes.cli import SUBCOMMANDS
from hermes_profiles.hermes.profile_names import RESERVED

pytestmark = pytest.mark.judge


def hermes_command() -> Path:
    return Path(hermes_python()).parent / "hermes"


def hermes(world: CommandRoot, *arguments: str, code: int = 0, before: Sequence[str] = ()) -> str:
    environment = {
        "HOME": str(world.user), "PATH": f"{hermes_command().parent}:{world.bin}:/usr/bin:/bin", "TZ": "UTC",
        "NO_COLOR": "1",
        "HERMES_DISABLE_LAZY_INSTALLS": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", "LANG": "C.UTF-8",
    }  # fmt: skip
    done = subprocess.run(
        [*before, hermes_command(), *arguments], env=environment, cwd=world.user, capture_output=True, text=True,
        timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == code, done
    return done.stdout


def their_list(world: CommandRoot) -> dict[str, tuple[bool, str | None, str, str | None]]:
    """Return profile → (active, model, gateway, alias) as `hermes profile list` prints them."""
    found = {}
    for line in hermes(world, "profile", "list").splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) >= 4 and not cells[0].startswith(("Profile", "─")):
            cells = [None if cell == "—" else cell for cell in cells]
            found[cells[0].lstrip("◆")] = (cells[0].startswith("◆"), cells[1], str(cells[2]), cells[3])
    return found


def our_list(world: CommandRoot) -> dict[str, tuple[bool, str | None, str, str | None]]:
    rows = world.ok("list", "--json").data["profiles"]
    return {row["name"]: (row["is_active"], row["model"], row["gateway"]["state"], row["alias"]) for row in rows}


@pytest.fixture
def judged(world: CommandRoot) -> CommandRoot:
    world.runner.environment["PATH"] = f"{hermes_command().parent}:{world.bin}:/usr/bin:/bin"
    return world


def test_hermes_lists_created_profile_with_same_model_alias_and_mark(judged: CommandRoot) -> None:
    world = judged
    world.ok("create", "plain", "--description", "for: the 'team' #1")
    world.ok("clone", "default", "work")
    world.ok("alias", "work", "--name", "desk")
    world.ok("clone", "work", "night", "--no-alias")
    world.ok("use", "work")
    assert our_list(world) == their_list(world)
    assert our_list(world)["work"] == (True, "gpt-5", "stopped", "desk")
    world.ok("rename", "work", "office")
    world.ok("delete", "plain", "--yes")
    assert our_list(world) == their_list(world) and set(our_list(world)) == {"default", "office", "night"}
    world.ok("restore", "plain")
    world.ok("use", "default")
    assert our_list(world) == their_list(world) and their_list(world)["default"][0]


def test_hermes_shows_and_configures_created_profile(judged: CommandRoot) -> None:
    world = judged
    world.ok("clone", "default", "work", "--description", "answers the team: calls, mail")
    shown = hermes(world, "profile", "show", "work")
    assert f"Path:    {world.home('work')}" in shown and ".env:    exists" in shown and "gpt-5" in shown
    assert "answers the team: calls, mail" in hermes(world, "profile", "describe", "work")
    config = hermes(world, "-p", "work", "config")
    assert str(world.home("work") / "config.yaml") in config and "gpt-5" in config
    assert "CANARYtelegram" not in config


def test_alias_and_sticky_default_start_the_profile(judged: CommandRoot) -> None:
    world = judged
    world.ok("create", "work")
    environment = {**world.runner.environment, "HERMES_DISABLE_LAZY_INSTALLS": "1"}
    output = subprocess.run(
        [world.bin / "work", "config", "path"], env=environment, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert str(world.home("work") / "config.yaml") in output
    world.ok("use", "work")
    assert str(world.home("work") / "config.yaml") in hermes(world, "config", "path")


def test_list_of_profile_made_by_hermes_matches_hermes(judged: CommandRoot) -> None:
    world = judged
    hermes(world, "profile", "create", "alpha")
    hermes(world, "profile", "create", "beta", "--clone-from", "default", "--clone")
    hermes(world, "profile", "create", "gamma", "--no-alias")
    hermes(world, "profile", "describe", "alpha", "--text", "first of all")
    hermes(world, "profile", "use", "beta")
    hermes(world, "profile", "alias", "alpha", "--name", "al")
    assert our_list(world) == their_list(world)
    assert our_list(world)["beta"] == (True, "gpt-5", "stopped", "beta")
    shown = world.ok("show", "alpha", "--json").data
    assert shown["alias"] == "al" and shown["description"] == "first of all"
    assert world.ok("show", "beta", "--json").data["channels"] == ["slack", "telegram"], "Hermes' clone keeps the bots"


def test_profile_made_by_hermes_is_renamed_and_deleted_with_aliases(judged: CommandRoot) -> None:
    world = judged
    hermes(world, "profile", "create", "alpha")
    hermes(world, "profile", "alias", "alpha", "--name", "al")
    world.ok("rename", "alpha", "omega")
    assert sorted(os.listdir(world.bin)) == ["al", "omega"] and our_list(world) == their_list(world)
    world.ok("delete", "omega", "--yes")
    assert os.listdir(world.bin) == [] and our_list(world) == their_list(world)
    world.ok("undo")
    assert our_list(world) == their_list(world) and "omega" in their_list(world)


def test_created_profile_has_same_folders_as_hermes(judged: CommandRoot) -> None:
    world = judged
    hermes(world, "profile", "create", "theirs", "--no-skills")
    world.ok("create", "ours", "--no-skills")
    theirs = {path.name for path in world.home("theirs").iterdir() if path.is_dir()}
    ours = {path.name for path in world.home("ours").iterdir() if path.is_dir()}
    assert ours <= theirs, ours - theirs
    assert (world.home("ours") / ".no-bundled-skills").is_file() == (
        world.home("theirs") / ".no-bundled-skills"
    ).is_file()


def test_hermes_deletes_and_renames_created_profile(judged: CommandRoot) -> None:
    world = judged
    world.ok("create", "work")
    world.ok("create", "night")
    hermes(world, "profile", "rename", "work", "office")
    hermes(world, "profile", "delete", "night", "--yes", before=apart())
    assert our_list(world) == their_list(world) and set(our_list(world)) == {"default", "office"}


def test_state_folder_is_no_profile_to_hermes_and_survives_update(judged: CommandRoot) -> None:
    world = judged
    world.ok("create", "work")
    world.ok("delete", "work", "--yes")
    before = picture(world.state)
    assert set(their_list(world)) == {"default"}
    script = "from hermes_cli.profiles import backfill_profile_envs; backfill_profile_envs()"
    environment = {"HOME": str(world.user), "PATH": "/usr/bin:/bin"}
    subprocess.run([hermes_python(), "-c", script], env=environment, check=True, capture_output=True)
    assert picture(world.state) == before
    assert shutil.which("hermes", path=str(hermes_command().parent))


def test_profile_names_are_accepted_and_refused_like_hermes(judged: CommandRoot) -> None:
    from hermes_profiles.model.errors import UsageProblem
    from hermes_profiles.model.names import check_alias_name, check_new_name

    names = ["work", "Work", " work ", "a" * 64, "a" * 65, "-x", "_x", "a.b", "a b", "", ".", "../x", "9", "a\n", "é"]
    names += [*RESERVED, *SUBCOMMANDS]
    script = """if True:
        import json, sys
        from hermes_cli.profiles import normalize_profile_name, validate_alias_name, validate_profile_name
        def ok(check, name):
            try:
                check(normalize_profile_name(name))
            except ValueError:
                return False
            return True
        checks = (validate_profile_name, validate_alias_name)
        print(json.dumps([[ok(check, name) for check in checks] for name in json.load(sys.stdin)]))
    """
    done = subprocess.run(
        [hermes_python(), "-c", script], input=json.dumps(names), capture_output=True, text=True, check=True,
        env={"HOME": str(judged.user), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    stricter = {"a\n", "default", "hermes", "test", "tmp", "root", "sudo"}  # names that only hermes-profiles refuses
    for name, (profile, alias) in zip(names, json.loads(done.stdout), strict=True):
        for check, theirs in ((check_new_name, profile), (check_alias_name, alias)):
            try:
                check(name)
                ours = True
            except UsageProblem:
                ours = False
            if check is check_alias_name and name in SUBCOMMANDS:
                assert not ours
            elif name not in stricter:
                assert ours == theirs, (name, check.__name__, theirs)
            else:
                assert not ours
