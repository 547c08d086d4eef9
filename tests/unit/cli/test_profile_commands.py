"""use, rename, delete, restore, trash, alias and undo: their changes and their undo."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_root import CommandRoot, picture, strays

from hermes_profiles.changes.journal import Journal


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    world.ok("clone", "default", "work")
    world.ok("alias", "work", "--name", "desk")
    return world


STATE = (".hermes-profiles",)


@pytest.mark.parametrize("given", [
    ("create", "new"), ("create", "new", "--clone", "--description", "x"), ("clone", "default", "new"),
    ("clone", "work", "new", "--clone-all"), ("use", "work"), ("rename", "work", "office"), ("delete", "work"),
    ("alias", "work", "--name", "other"), ("alias", "work", "--remove"), ("undo",), ("restore", "gone"),
    ("restore", "gone", "--as", "back"), ("trash", "empty"),
], ids=" ".join)  # fmt: skip
def test_dry_run_changes_nothing_and_lists_planned_steps(work: CommandRoot, given: tuple[str, ...]) -> None:
    work.ok("create", "gone")
    work.ok("delete", "gone", "--yes")
    dry = work.unchanged_by(*given, "--dry-run", "--json")
    assert dry.code == 0 and dry.data["dry_run"] is True
    text = work.unchanged_by(*given, "--dry-run")
    assert "dry run" in text.stdout or "would be" in text.stdout
    if given[0] == "trash":
        assert len(dry.data["deleted"]) == 1
        return
    yes = ("--yes",) if given[0] == "delete" else ()
    done = work.ok(*given, *yes, "--json")
    entry = Journal(work.state).find(done.data["change"])
    shown = [(step["kind"], _unstamped(step["target"])) for step in dry.data["plan"]]
    assert shown == [(str(step.kind), _unstamped(step.target)) for step in entry.steps]
    for step in dry.data["plan"]:
        assert _unstamped(step["target"]) in _unstamped(text.stdout) or given[0] in ("create", "clone")


def _unstamped(text: str) -> str:
    return re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "STAMP", text)


@pytest.mark.parametrize("given", [
    ("create", "new"), ("clone", "default", "new"), ("clone", "work", "new", "--clone-all"), ("use", "work"),
    ("rename", "work", "office"), ("delete", "work", "--yes"), ("alias", "work", "--name", "other"),
    ("alias", "work", "--remove"), ("alias", "work", "--name", "desk", "--remove"),
], ids=" ".join)  # fmt: skip
def test_undo_and_redo_restore_each_change(work: CommandRoot, given: tuple[str, ...]) -> None:
    before = work.picture(work.user)
    before = {path: value for path, value in before.items() if ".hermes-profiles" not in path}
    done = work.ok(*given, "--json")
    after = {path: value for path, value in work.picture().items() if ".hermes-profiles" not in path}
    assert after != before
    undone = work.ok("undo")
    assert {path: value for path, value in work.picture().items() if ".hermes-profiles" not in path} == before
    (again,) = re.findall(r"`hermes-profiles (undo .*)`", undone.stdout)
    work.ok(*again.split())
    assert {path: value for path, value in work.picture().items() if ".hermes-profiles" not in path} == after
    assert done.data["change"] in work.ok("undo", "--list").stdout and strays(work) == []


def test_use_writes_the_file_hermes_reads(work: CommandRoot) -> None:
    work.ok("use", "work")
    assert (work.root / "active_profile").read_text() == "work\n"
    assert "already" in work.ok("use", "work").stdout
    assert work.ok("use", "default").stdout == "the sticky default is default now (it was work)\n"
    assert not (work.root / "active_profile").exists()


def test_rename_updates_aliases_and_sticky_default(work: CommandRoot) -> None:
    work.ok("use", "work")
    before = picture(work.home("work"))
    work.ok("rename", "work", "office")
    assert work.names() == ["default", "office"] and picture(work.home("office")) == before
    assert (work.root / "active_profile").read_text() == "office\n"
    assert sorted(os.listdir(work.bin)) == ["desk", "office"]
    assert all(" -p office " in (work.bin / name).read_text() for name in ("desk", "office"))


def test_rename_keeps_hermes_path_in_alias(work: CommandRoot) -> None:
    (work.bin / "desk").write_text("#!/bin/sh\nexec '/opt/my hermes/bin/hermes' -p work \"$@\"\n")
    work.ok("rename", "work", "office")
    assert (work.bin / "desk").read_text() == "#!/bin/sh\nexec '/opt/my hermes/bin/hermes' -p office \"$@\"\n"


def test_rename_to_the_name_of_its_own_alias(work: CommandRoot) -> None:
    done = work.ok("rename", "work", "desk", "--json")
    assert done.json["warnings"] == [] and os.listdir(work.bin) == ["desk"]
    assert " -p desk " in (work.bin / "desk").read_text()


def test_aliases_match_exactly_and_unrelated_files_are_kept(world: CommandRoot) -> None:
    for name in ("erp", "erp-dev", "erp-devops"):
        world.ok("create", name)
    foreign = {
        "backup": '#!/bin/sh\ntar czf /backup.tgz ~ && hermes -p erp chat -q "done"\n',
        "python-tool": "#!/usr/bin/env python3\n# run as: hermes -p erp chat\n",
        "almost": '#!/bin/sh\nexec hermes -p erp "$@"\necho and more\n',
        "ffmpeg": "\x7fELF hermes -p erp ",
    }
    for name, text in foreign.items():
        (world.bin / name).write_text(text)
    before = {name: (world.bin / name).read_text() for name in (*foreign, "erp-dev", "erp-devops")}
    done = world.ok("rename", "erp", "shop")
    assert f"{world.bin}/backup starts erp and is left alone" in done.stderr
    assert " -p shop " in (world.bin / "shop").read_text() and not (world.bin / "erp").exists()
    world.ok("undo")
    world.ok("delete", "erp", "--yes")
    assert not (world.bin / "erp").exists()
    assert {name: (world.bin / name).read_text() for name in before} == before
    world.ok("restore", "erp")
    done = world.unchanged_by("alias", "erp", "--name", "backup", "--remove", "--json")
    assert done.code == 6 and done.problem["code"] == "not-an-alias"
    for name in ("backup", "python-tool", "erp-dev"):
        done = world.unchanged_by("alias", "erp", "--name", name, "--json")
        assert done.code == 6 and done.problem["code"] == "alias-taken"
    assert world.call("alias", "erp", "--name", "ls", "--json").problem["code"] == "alias-taken"


def test_alias_starts_its_profile(world: CommandRoot) -> None:
    hermes = world.user / "tools" / "hermes"
    hermes.parent.mkdir()
    hermes.write_text('#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n')
    hermes.chmod(0o755)
    env = {"PATH": f"{hermes.parent}:/usr/bin:/bin"}
    world.ok("create", "work", env=env)
    output = subprocess.run([world.bin / "work", "chat", "two words", "$x"], capture_output=True, text=True).stdout
    assert output == "[-p]\n[work]\n[chat]\n[two words]\n[$x]\n"


def test_command_name_gets_no_alias_and_working_hint(world: CommandRoot) -> None:
    done = world.ok("create", "git-x", "--json")
    assert done.json["warnings"] == []
    done = world.ok("create", "cat", "--json")
    (warning,) = done.json["warnings"]
    assert warning["code"] == "no-alias" and done.data["alias"] is None and not (world.bin / "cat").exists()
    (command,) = re.findall(r"`hermes-profiles (.*)`", warning["hint"])
    world.ok(*command.replace("OTHER", "kitty").split())
    assert world.listed("cat")["alias"] == "kitty"


def test_delete_moves_to_trash_and_restore_recovers_all(work: CommandRoot) -> None:
    work.ok("use", "work")
    before = picture(work.home("work"))
    done = work.ok("delete", "work", "--yes")
    assert "sticky default" in done.stderr and not (work.root / "active_profile").exists()
    assert work.names() == ["default"] and os.listdir(work.bin) == []
    assert "work" in work.ok("trash", "list").stdout
    work.ok("restore", "work")
    assert picture(work.home("work")) == before and work.ok("trash", "list").stdout == "the trash is empty\n"


def test_restore_under_another_name_and_by_id(work: CommandRoot) -> None:
    first = work.ok("delete", "work", "--yes", "--json").data["trash_id"]
    work.ok("create", "work", "--description", "second")
    second = work.ok("delete", "work", "--yes", "--json").data["trash_id"]
    assert work.ok("restore", "work", "--as", "newest", "--json").data["trash_id"] == second
    assert work.ok("restore", first, "--as", "oldest", "--json").data["path"] == str(work.home("oldest"))
    assert work.listed("newest")["description"] == "second" and work.listed("oldest")["model"] == "gpt-5"
    assert work.call("restore", "work").code == 5


def test_restore_after_deletes_in_one_second_uses_the_last(world: CommandRoot) -> None:
    for number in range(12):
        world.ok("create", "work", "--no-alias", "--description", str(number))
        world.ok("delete", "work", "--yes")
    for number in reversed(range(12)):
        world.ok("restore", "work")
        assert world.listed("work")["description"] == str(number)
        world.ok("rename", "work", f"old{number}")


def test_restore_does_not_overwrite(work: CommandRoot) -> None:
    work.ok("delete", "work", "--yes")
    work.ok("create", "work")
    done = work.unchanged_by("restore", "work", "--json", "--dry-run")
    before = work.picture(work.home("work"))
    done = work.call("restore", "work", "--json")
    assert done.code == 6 and done.problem["code"] == "exists" and work.picture(work.home("work")) == before


def test_trash_empty_deletes_only_old_entries(work: CommandRoot) -> None:
    for name in ("old", "young", "odd"):
        work.ok("create", name)
        work.ok("delete", name, "--yes")
    _set_deleted(work, "old", (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="seconds"))
    _set_deleted(work, "odd", "no time at all")
    dry = work.unchanged_by("trash", "empty", "--older-than", "30", "--dry-run", "--json")
    done = work.ok("trash", "empty", "--older-than", "30", "--yes", "--json")
    assert [row["profile"] for row in done.data["deleted"]] == ["old"] == [r["profile"] for r in dry.data["deleted"]]
    assert sorted(row["profile"] for row in work.ok("trash", "list", "--json").data["trash"]) == ["odd", "young"]
    assert work.ok("trash", "empty", "--older-than", "30", "--yes").stdout == "nothing to delete\n"
    assert work.call("trash", "empty").code == 6, "final deletion needs a confirmation"
    assert len(work.ok("trash", "empty", "--yes", "--json").data["deleted"]) == 2 and strays(work) == []


def _set_deleted(world: CommandRoot, name: str, when: str) -> None:
    (about,) = world.state.glob(f"trash/*-{name}/about.json")
    about.write_text(json.dumps(json.loads(about.read_text()) | {"deleted_at": when}))


def test_state_folder_is_private(work: CommandRoot) -> None:
    work.ok("delete", "work", "--yes")
    for path in work.state.rglob("*"):
        if "home" not in path.relative_to(work.state).parts:
            assert path.stat().st_mode & 0o077 == 0, path
    assert work.state.stat().st_mode & 0o777 == 0o700


def test_undo_after_later_changes_is_refused(work: CommandRoot) -> None:
    work.ok("rename", "work", "office")
    work.make("work", {".env": ""})
    done = work.call("undo", "--json")
    assert done.code == 6 and done.problem["hint"]
    assert sorted(work.names()) == ["default", "office", "work"]


def test_hints_of_refusals_name_commands_that_exist(work: CommandRoot) -> None:
    from hermes_profiles.cli.command_table import HERMES_PROFILES

    for given in (("show", "nobody"), ("delete", "work"), ("delete", "default"), ("create", "work"), ("restore", "x"),
        ("alias", "work", "--name", "ls"), ("catalog", "x"), ("explain", "x"), ("undo", "x"), ("trash", "empty", "x"),
        ("create", "../x"), ("create", "test"), ("alias", "work", "--name", "chat")):  # fmt: skip
        hint = work.call(*given, "--json").problem["hint"]
        for command in re.findall(r"`(.*?)`", hint):
            words = command.split()
            assert words[0] in ("hermes-profiles", "hermes", "ls", "cat", "mv") or re.fullmatch(r"[a-z0-9-]+", command)
            assert words[0] != "hermes-profiles" or words[1] in HERMES_PROFILES.commands, hint


def test_clone_report_has_counts_and_groups(world: CommandRoot) -> None:
    for number in range(30):
        world.make(files={f"logs/day{number}.log": "x", f"skills/s{number}/run.bin": b"\x00" + _token()})
    text = world.ok("clone", "default", "work").stdout
    assert "left behind, " in text and " and 24 more: not plain text" in text
    assert "taken out of the text of 1 file:\n    memories/MEMORY.md:1  the value of TELEGRAM_BOT_TOKEN\n" in text


def test_clone_report_without_settings_has_files_heading(world: CommandRoot) -> None:
    world.make("plain", {".env": "OPENAI_API_KEY=sk-CANARY-000000000\n", "state.db": "x"})
    text = world.ok("clone", "plain", "work").stdout
    assert "  left behind, 1 file or folder:\n    state.db: " in text and "setting" not in text
    assert "  kept: 1 key, 1 file\n" in text


def _token() -> bytes:
    from command_root import TOKEN

    return TOKEN.encode()


def test_stale_alias_of_deleted_profile_is_rewritten(world: CommandRoot) -> None:
    world.bin.mkdir(parents=True)
    (world.bin / "work").write_text('#!/bin/sh\nexec /gone/hermes -p work "$@"\n')
    world.ok("create", "work")
    assert (world.bin / "work").read_text() == '#!/bin/sh\nexec hermes -p work "$@"\n'
    world.ok("undo")
    assert "/gone/hermes" in (world.bin / "work").read_text()


def test_hostile_alias_folder_cannot_redirect_writes(world: CommandRoot, tmp_path: Path) -> None:
    world.bin.mkdir(parents=True)
    target = tmp_path / "precious"
    target.write_text('#!/bin/sh\nexec hermes -p work "$@"\n')
    (world.bin / "work").symlink_to(target)
    world.ok("create", "work")
    world.ok("delete", "work", "--yes")
    assert target.read_text() == '#!/bin/sh\nexec hermes -p work "$@"\n', "a link is removed, not what it points to"


def test_linked_profiles_folder_on_another_disk_is_supported(world: CommandRoot) -> None:
    """`profiles` is a link: every change follows it and is complete."""
    elsewhere = world.root.parent / "other-disk"
    elsewhere.mkdir()
    (world.root / "profiles").symlink_to("../other-disk")
    world.ok("create", "a", "--no-alias")
    world.ok("clone", "a", "b", "--no-alias")
    world.ok("rename", "b", "c")
    world.ok("delete", "c", "--yes")
    world.ok("restore", "c")
    world.ok("team", "create", "t", "--lead", "a", "--members", "x")
    world.ok("undo")
    world.ok("delete", "a", "--yes")
    world.ok("trash", "empty", "--yes")
    assert world.names() == ["default", "c"] and strays(world) == []
    assert sorted(path.name for path in elsewhere.iterdir()) == [".hermes-profiles", "c"]
