"""Names that Hermes marked as deleted, and folders that are no profile, on an installation of 0.22 and of 0.19."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import Runner
from fake_hermes import FakeHermes

from hermes_profiles.hermes.behaviours import Behaviour

MARKED = ("hermes-profiles", "profiles/.deleted")


@pytest.fixture
def box(runner: Runner) -> CommandRoot:
    box = CommandRoot(runner)
    box.make()
    runner.environment.update(FakeHermes(runner.user_home / "newest").environment)
    return box


@pytest.fixture
def older(runner: Runner) -> CommandRoot:
    box = CommandRoot(runner)
    box.make()
    runner.environment.update(FakeHermes(runner.user_home / "older", "0.19.0").environment)
    return box


def marker(box: CommandRoot, name: str) -> Path:
    return box.root / "profiles" / ".deleted" / name


def mark(box: CommandRoot, *names: str) -> None:
    for name in names:
        marker(box, name).parent.mkdir(parents=True, exist_ok=True)
        marker(box, name).write_text("deleted\n")


def listed(box: CommandRoot) -> list[str]:
    return [row["name"] for row in box.ok("list", "--json").data["profiles"]]


def planned(box: CommandRoot, *arguments: str) -> list[str]:
    return [step["target"] for step in box.ok(*arguments, "--dry-run", "--json").data["plan"]]


MAKERS = (
    ("create", "work"),
    ("clone", "default", "work"),
    ("rename", "other", "work"),
    ("team", "create", "crew", "--lead", "default", "--channel", "telegram", "--members", "work"),
)


@pytest.mark.parametrize("arguments", MAKERS, ids=lambda words: words[0])
def test_new_name_loses_its_marker_and_undo_restores_it(box: CommandRoot, arguments: tuple[str, ...]) -> None:
    box.make("other")
    mark(box, "work", "gone")
    if arguments[0] != "team":
        assert str(marker(box, "work")) in planned(box, *arguments)
    box.ok(*arguments)
    assert not marker(box, "work").exists() and marker(box, "gone").exists()
    assert "work" in listed(box)
    box.ok("undo")
    assert marker(box, "work").read_text() == "deleted\n"
    assert "work" not in listed(box)


def test_delete_writes_marker_and_restore_removes_it(box: CommandRoot) -> None:
    box.make("work")
    assert str(marker(box, "work")) in planned(box, "delete", "work", "--yes")
    box.ok("delete", "work", "--yes")
    assert marker(box, "work").read_text() == "deleted\n"
    box.ok("restore", "work")
    assert not marker(box, "work").exists() and "work" in listed(box)
    box.ok("undo")
    assert marker(box, "work").exists() and "work" not in listed(box)
    box.ok("undo", box.ok("undo", "--list", "--json").data["changes"][0]["id"])
    assert not marker(box, "work").exists() and "work" in listed(box)


def test_undo_of_delete_removes_marker(box: CommandRoot) -> None:
    box.make("work")
    box.ok("delete", "work", "--yes")
    box.ok("undo")
    assert not marker(box, "work").exists() and "work" in listed(box)


def test_undo_of_create_marks_name(box: CommandRoot) -> None:
    box.ok("create", "work")
    box.ok("undo")
    assert marker(box, "work").exists()


def test_rename_marks_no_name(box: CommandRoot) -> None:
    box.make("work")
    box.ok("rename", "work", "office")
    assert not marker(box, "work").exists() and not marker(box, "office").exists()


def test_team_member_that_goes_to_the_trash_is_marked(box: CommandRoot) -> None:
    box.ok("team", "create", "crew", "--lead", "default", "--channel", "telegram", "--members", "a,b")
    box.ok("team", "remove", "--team", "crew", "--all", "--yes")
    assert marker(box, "a").exists() and marker(box, "b").exists()
    box.ok("undo")
    assert not marker(box, "a").exists() and set(listed(box)) == {"default", "a", "b"}


def test_older_hermes_gets_no_marker(older: CommandRoot) -> None:
    older.make("work")
    older.ok("delete", "work", "--yes")
    assert not marker(older, "work").parent.exists()
    mark(older, "night")
    (older.home("night") / "cron").mkdir(parents=True)
    assert "night" in listed(older), "any folder is a profile for 0.19.0"


def test_marked_and_ghost_folders_are_no_profiles(box: CommandRoot) -> None:
    box.make("work")
    mark(box, "work")
    (box.home("ghost") / "cron").mkdir(parents=True)
    assert listed(box) == ["default"]
    for name, code in (("work", "deleted-name"), ("ghost", "no-identity")):
        done = box.call("show", name, "--json")
        assert done.code == 5 and done.problem["code"] == code
        assert "delete" in box.call("create", name, "--json").problem["hint"]


def test_link_without_target_is_an_identity(box: CommandRoot) -> None:
    box.home("work").mkdir(parents=True)
    (box.home("work") / ".env").symlink_to("/nowhere")
    assert "work" in listed(box)


def test_ghost_is_a_profile_where_hermes_needs_no_identity(runner: Runner) -> None:
    box = CommandRoot(runner)
    box.make()
    hermes = FakeHermes(runner.user_home / "middle", "0.21.3", frozenset({Behaviour.PROFILES_NEED_IDENTITY}))
    runner.environment.update(hermes.environment)
    (box.home("ghost") / "cron").mkdir(parents=True)
    assert "ghost" in listed(box)


def test_doctor_removes_marker_of_profile_that_was_made_again(box: CommandRoot) -> None:
    mark(box, "work")
    box.make("work")
    rows = box.call("doctor", "--json", "--only", "files.deleted-name").data["findings"]
    assert [row["fix"]["automatic"] for row in rows] == [True]
    box.ok("doctor", "--fix", "--yes", "--only", "files.deleted-name")
    assert not marker(box, "work").exists() and "work" in listed(box)
    box.ok("undo")
    assert marker(box, "work").exists()


def test_doctor_leaves_remains_of_a_deleted_profile_to_the_user(box: CommandRoot) -> None:
    box.make("work")
    mark(box, "work")
    (row,) = box.call("doctor", "--json", "--only", "files.deleted-name").data["findings"]
    assert row["fix"]["automatic"] is False and row["fix"]["command"] == "hermes-profiles delete work"
    box.ok("delete", "work", "--yes")
    assert not box.home("work").exists() and marker(box, "work").exists()
    box.ok("restore", "work")
    assert "work" in listed(box)


def test_doctor_creates_no_file_in_a_ghost(box: CommandRoot) -> None:
    ghost = box.home("ghost") / "cron"
    ghost.mkdir(parents=True)
    rows = box.call("doctor", "--json", "--only", "files").data["findings"]
    assert [row["check"] for row in rows if "ghost" in row["message"]] == ["files.ghost-folder"]
    box.call("doctor", "--fix", "--yes", "--only", "files.no-env")
    assert list(box.home("ghost").iterdir()) == [ghost]
    box.ok("delete", "ghost", "--yes")
    assert not box.home("ghost").exists()


def test_names_of_later_releases_are_shown_and_survive_a_rename(box: CommandRoot) -> None:
    box.make("work", {".env": "", "profile.yaml": "display_name: Fred  # shown\nprevious_names: [old]\n"})
    assert 'work "Fred"' in box.ok("list").stdout
    box.ok("rename", "work", "office")
    row = box.ok("show", "office", "--json").data
    assert row["display_name"] == "Fred" and row["previous_names"] == ["old", "work"]
    assert "shown as:    Fred" in box.ok("show", "office").stdout
    box.ok("clone", "office", "twin")
    twin = box.ok("show", "twin", "--json").data
    assert "display_name" not in twin and "previous_names" not in twin
    box.ok("undo")
    box.ok("undo", box.ok("undo", "--list", "--json").data["changes"][2]["id"])
    text = (box.home("work") / "profile.yaml").read_text()
    assert text == "display_name: Fred  # shown\nprevious_names: [old]\n"
