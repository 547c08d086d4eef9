"""Files in the trash: `trash list`, `restore ID` and `trash empty`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

import pytest
from command_root import CommandRoot, picture, strays

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, SetMode, describe
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.cli.render.plan import dry_run_lines
from hermes_profiles.model.layout import Layout

STATE = {
    "SOUL.md": "kind\n",
    "weixin/accounts/one.json": '{"token": "CANARY-weixin"}\n',
    "whatsapp/creds.json": "CANARY-whatsapp",
    "config.yaml": "model:\n  default: gpt-5\n",
}
AWAY = ("weixin/accounts/one.json", "whatsapp")


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    world.make("work", STATE)
    return world


def throw(world: CommandRoot, paths: Sequence[str] = AWAY, profile: str = "work") -> str:
    """Move files to the trash like a repair; return the id of their entry."""
    layout, now = Layout(world.root, world.user), utc_now()
    trash_id = Journal(layout.state).fresh_id(now)
    steps = steps_to_trash_files(
        layout, profile, [layout.home(profile) / path for path in paths], trash_id=trash_id, deleted_at=now,
        reason="copied from default",
    )  # fmt: skip
    apply(ChangePlan(("repair",), f"repair {profile}", steps, profiles=(profile,)), layout=layout)
    return f"{trash_id}-{profile}"


def test_trashed_files_are_listed_restored_and_trashed_again(work: CommandRoot) -> None:
    before = picture(work.home("work"))
    entry_id = throw(work)
    (row,) = work.ok("trash", "list", "--json").data["trash"]
    assert (row["id"], row["kind"], row["profile"], row["files"]) == (entry_id, "files", "work", list(AWAY))
    assert row["reason"] == "copied from default" and row["path"].endswith(f"{entry_id}/files")
    shown = work.ok("trash", "list").stdout
    assert f"{entry_id}: weixin/accounts/one.json and 1 more (copied from default)" in shown
    assert shown.split("\n")[0].split() == ["id", "kind", "profile", "deleted"]
    dry = work.unchanged_by("restore", entry_id, "--dry-run", "--json")
    assert dry.code == 0 and [step["kind"] for step in dry.data["plan"]][:2] == ["move", "move"]
    assert str(work.home("work") / "whatsapp") in work.unchanged_by("restore", entry_id, "--dry-run").stdout
    done = work.ok("restore", entry_id, "--json")
    assert (done.data["kind"], done.data["restored"], done.data["profile"]) == ("files", list(AWAY), "work")
    assert picture(work.home("work")) == before
    assert work.ok("trash", "list").stdout == "the trash is empty\n" and strays(work) == []
    work.ok("undo")
    assert not (work.home("work") / "whatsapp").exists()
    assert [row["id"] for row in work.ok("trash", "list", "--json").data["trash"]] == [entry_id]
    assert "whatsapp" in work.ok("restore", entry_id).stdout
    assert picture(work.home("work")) == before


def test_repair_is_undone_by_undo(work: CommandRoot) -> None:
    before = picture(work.home("work"))
    throw(work)
    work.ok("undo")
    assert picture(work.home("work")) == before and work.ok("trash", "list").stdout == "the trash is empty\n"


def test_restore_to_existing_path_is_refused(work: CommandRoot) -> None:
    entry_id = throw(work)
    work.make("work", {"whatsapp": "something new"})
    for given in (("restore", entry_id, "--json"), ("restore", entry_id, "--dry-run", "--json")):
        done = work.unchanged_by(*given)
        assert done.code == 6 and done.problem["code"] == "exists"
        assert done.problem["target"] == str(work.home("work") / "whatsapp")
        assert f"mv {done.problem['target']} " in done.problem["hint"]


def test_restore_under_a_name_in_use_prints_a_command_that_works(work: CommandRoot) -> None:
    work.ok("delete", "work", "--yes")
    work.ok("create", "work", "--no-alias")
    work.ok("create", "work-2", "--no-alias")
    done = work.unchanged_by("restore", "work", "--json")
    (command,) = re.findall(r"`hermes-profiles (.*)`", done.problem["hint"])
    assert done.code == 6 and done.problem["code"] == "exists"
    assert work.ok(*command.split(), "--json").data["profile"] == "work-3"


def test_link_to_nothing_is_not_shown_as_a_profile(work: CommandRoot) -> None:
    work.home("lost").symlink_to("/nonexistent")
    done = work.unchanged_by("create", "lost", "--json")
    assert done.code == 6 and f"`ls -l {work.home('lost')}`" in done.problem["hint"]


def test_restore_by_name_selects_profile_not_files(work: CommandRoot) -> None:
    entry_id = throw(work)
    done = work.call("restore", "work", "--json")
    assert done.code == 5 and f"restore {entry_id}" in done.problem["hint"]
    work.ok("delete", "work", "--yes")
    later = throw_from_default(work)
    done = work.call("restore", entry_id, "--json")
    assert done.code == 5 and "`hermes-profiles restore work`" in done.problem["hint"], "its profile does not exist"
    assert work.ok("restore", "work", "--json").data["kind"] == "profile"
    assert (work.home("work") / "SOUL.md").exists()
    work.ok("restore", entry_id)
    work.ok("restore", later)
    assert (work.home("default") / "skills/notify/SKILL.md").exists()


def throw_from_default(world: CommandRoot) -> str:
    return throw(world, ("skills/notify/SKILL.md",), "default")


def test_files_of_renamed_profile_are_restored_to_named_profile(work: CommandRoot) -> None:
    before = picture(work.home("work"))
    entry_id = throw(work)
    work.ok("rename", "work", "office")
    done = work.call("restore", entry_id, "--json")
    assert done.code == 5 and f"restore {entry_id} --as NAME" in done.problem["hint"]
    assert work.ok("restore", entry_id, "--as", "office", "--json").data["profile"] == "office"
    assert picture(work.home("office")) == before
    assert work.call("restore", entry_id, "--as", "../x").code != 0


def test_restore_of_undescribed_entry_is_refused(work: CommandRoot) -> None:
    entry_id = throw(work)
    (about,) = work.state.glob("trash/*/about.json")
    about.write_text(json.dumps(json.loads(about.read_text()) | {"paths": ["../../victim"]}))
    (row,) = work.ok("trash", "list", "--json").data["trash"]
    assert (row["id"], row["kind"], row["profile"], row["files"]) == (entry_id, "files", "work", [])
    assert "ls -RA" in work.ok("trash", "list").stdout
    done = work.unchanged_by("restore", entry_id, "--json")
    assert done.code == 1 and done.problem["hint"]


def test_trash_empty_counts_profiles_and_files(work: CommandRoot) -> None:
    entry_id = throw(work)
    work.make("other", STATE)
    work.ok("delete", "other", "--yes")
    done = work.call("trash", "empty", "--json")
    assert done.code == 6 and "1 deleted profile and files of 1 profile" in done.problem["message"]
    assert [row["kind"] for row in work.ok("trash", "empty", entry_id, "--yes", "--json").data["deleted"]] == ["files"]
    assert [row["kind"] for row in work.ok("trash", "list", "--json").data["trash"]] == ["profile"]
    assert not list(work.state.glob(f"trash/{entry_id}")) and strays(work) == []


def test_change_dry_run_shows_mode_before_and_after(work: CommandRoot) -> None:
    path = work.home("work") / "SOUL.md"
    path.chmod(0o644)
    plan = ChangePlan(("doctor",), "set modes", (SetMode(path, 0o600, Signature.of(path.lstat())),))
    assert describe(plan) == ({"kind": "mode", "target": str(path), "mode": "0600", "before": "0644"},)
    assert f"  set the mode of {path} to 0600 (it is 0644)" in list(dry_run_lines(plan.summary, describe(plan)))


def test_undecodable_file_name_is_listed(work: CommandRoot) -> None:
    name = os.fsdecode(b"not-\xff-text")
    (work.home("work") / name).write_bytes(b"x")
    entry_id = throw(work, (name,))
    for given in (
        ("trash", "list"),
        ("trash", "list", "--json"),
        ("restore", entry_id, "--dry-run"),
        ("restore", entry_id),
    ):
        done = work.run(*given)
        assert done.code == 0 and "Traceback" not in done.stderr, given
    assert (work.home("work") / name).read_bytes() == b"x"


def test_undo_of_a_profile_that_was_deleted_for_good_names_the_list_of_changes(work: CommandRoot) -> None:
    work.ok("config", "set", "work", "model.default", "gpt-6")
    work.ok("delete", "work", "--yes")
    assert [row["undoable"] for row in work.ok("undo", "--list", "--json").data["changes"]] == [True, False]
    work.ok("trash", "empty", "--yes")
    done = work.call("undo", "--json")
    (error,) = done.json["errors"]
    assert done.code == 5 and error["code"] == "gone" and "not in the trash any more" in error["message"]
    assert "`hermes-profiles undo --list`" in error["hint"]
    rows = work.ok("undo", "--list", "--json").data["changes"]
    assert [(row["undoable"], "trash" in (row["reason"] or "")) for row in rows] == [(False, True), (False, False)]
    assert "no: its files are not in the trash any more" in work.ok("undo", "--list").stdout
