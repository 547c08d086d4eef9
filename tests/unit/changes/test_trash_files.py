"""Files of a profile are moved to the trash and restored at the same paths with the same modes."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shlex import quote

import pytest
from sample_root import (
    CANARY,
    NOON,
    PLANS,
    SampleRoot,
    do,
    make_sample_root,
    noon,
    picture,
    strays,
)

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, Step
from hermes_profiles.changes.trash import (
    TrashEntry,
    empty,
    steps_from_trash_files,
    steps_to_trash,
    steps_to_trash_files,
    trash_entries,
)
from hermes_profiles.model.errors import Failed, NotFound, Refused

TRASH_ID = "20260301T120000Z-1234"
OLD_NS = 1_650_000_000_111_222_333


def steps(world: SampleRoot, *paths: str, profile: str = "anna") -> tuple[Step, ...]:
    home = world.layout.home(profile)
    return steps_to_trash_files(
        world.layout, profile, [home / each for each in paths], trash_id=TRASH_ID, deleted_at=NOON, reason="a copy"
    )  # fmt: skip


def throw(world: SampleRoot, *paths: str, profile: str = "anna") -> TrashEntry:
    do(world, ChangePlan(("repair",), "repair", steps(world, *paths, profile=profile)))
    (entry,) = trash_entries(world.layout)
    return entry


def put_back(world: SampleRoot, entry: TrashEntry, profile: str = "anna") -> str:
    return do(world, ChangePlan(("restore",), "x", steps_from_trash_files(entry, world.layout.home(profile))))


@pytest.fixture
def state_files(world: SampleRoot) -> SampleRoot:
    """Give anna the state of a channel: unusual names and modes, old times, a link, an empty folder."""
    home = world.layout.home("anna")
    (home / "weixin" / "accounts").mkdir(parents=True, mode=0o750)
    (home / "weixin" / "empty").mkdir()
    for name in ("weixin/accounts/one.json", "weixin/accounts/zwei mit Leerzeichen.json", "whatsapp-ü.json"):
        (home / name).write_bytes(CANARY)
        (home / name).chmod(0o644)
        os.utime(home / name, ns=(OLD_NS, OLD_NS))
    Path(os.fsdecode(os.fsencode(home) + b"/not-\xff-text")).write_bytes(b"x")
    (home / "session").symlink_to("weixin")
    os.utime(home / "weixin", ns=(OLD_NS, OLD_NS))
    return world


ALL = ("weixin", "whatsapp-ü.json", "session", os.fsdecode(b"not-\xff-text"), "skills/cook/SKILL.md")


def test_files_are_moved_and_restored_unchanged(state_files: SampleRoot) -> None:
    world, home = state_files, state_files.layout.home("anna")
    before, folder = world.picture(), (home / "weixin").lstat()
    entry = throw(world, *ALL)
    assert not any(os.path.lexists(home / each) for each in ALL)
    assert (home / "config.yaml").exists() and (home / "skills/cook/run.sh").exists()
    assert (entry.kind, entry.name, entry.origin, entry.reason) == ("files", "anna", home, "a copy")
    assert entry.paths == ALL
    assert entry.id == f"{TRASH_ID}-anna"
    assert entry.deleted_at == "2026-03-01T12:00:00+00:00"
    assert (entry.home / "weixin").lstat().st_ino == folder.st_ino
    assert stat.S_IMODE((entry.folder / "about.json").lstat().st_mode) == 0o600
    for made in (entry.folder, entry.home, entry.home / "skills", entry.home / "skills" / "cook"):
        assert stat.S_IMODE(made.lstat().st_mode) == 0o700
    put_back(world, entry)
    assert world.picture() == before
    assert (home / "weixin").lstat().st_mtime_ns == OLD_NS
    assert trash_entries(world.layout) == ()
    assert strays(world) == [] == os.listdir(world.layout.trash)


def test_undo_reverts_the_move_and_the_restore(state_files: SampleRoot) -> None:
    world = state_files
    before = world.picture()
    entry = throw(world, *ALL)
    gone, kept = world.picture(), picture(entry.folder)
    again = undo(world.layout, now=noon).change_id
    assert world.picture() == before
    undo(world.layout, again, now=noon)
    assert world.picture() == gone and picture(entry.folder) == kept
    put_back(world, *trash_entries(world.layout))
    undo(world.layout, now=noon)
    assert world.picture() == gone and picture(entry.folder) == kept
    put_back(world, *trash_entries(world.layout))
    assert world.picture() == before


def test_a_process_with_an_open_file_can_continue(state_files: SampleRoot) -> None:
    path = state_files.layout.home("anna") / "whatsapp-ü.json"
    with path.open("ab") as file:
        entry = throw(state_files, path.name)
        file.write(b"later")
    assert (entry.home / path.name).read_bytes() == CANARY + b"later"


def test_no_bytes_of_the_files_are_in_the_journal(state_files: SampleRoot) -> None:
    throw(state_files, *ALL)
    for path in (state_files.layout.state / "journal").rglob("*"):
        assert not path.is_file() or CANARY not in path.read_bytes()


def test_a_path_inside_another_is_ignored(state_files: SampleRoot) -> None:
    assert throw(state_files, "weixin/accounts/one.json", "weixin", "weixin", "weixin/empty").paths == ("weixin",)


def test_without_paths_there_are_no_steps(world: SampleRoot) -> None:
    assert steps(world) == ()


@pytest.mark.parametrize("path", [".", "..", "../bert/x", "skills/../../bert", "/etc/passwd"])
def test_a_path_outside_the_home_is_a_value_error(path: str, world: SampleRoot) -> None:
    with pytest.raises(ValueError, match=r"home of anna|subpath"):
        steps(world, path)


@pytest.mark.parametrize("path", ["profiles", "profiles/anna/.env", "profiles/.hermes-profiles/lock"])
def test_other_profiles_are_not_files_of_the_default_one(path: str, world: SampleRoot) -> None:
    with pytest.raises(ValueError, match="belongs to another profile"):
        steps(world, path, profile="default")


def test_files_of_the_default_profile(world: SampleRoot) -> None:
    before = world.picture()
    entry = throw(world, ".env", profile="default")
    assert (entry.name, entry.origin) == ("default", world.layout.root)
    put_back(world, entry, "default")
    assert world.picture() == before


def test_a_path_behind_a_link_is_refused(world: SampleRoot, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "one.json").write_bytes(b"{}")
    (world.layout.home("anna") / "weixin").symlink_to(shared)
    with pytest.raises(Refused, match="behind the link") as caught:
        steps(world, "SOUL.md", "weixin/one.json")
    assert caught.value.problem.hint
    entry = throw(world, "weixin")
    assert (entry.home / "weixin").readlink() == shared
    assert (shared / "one.json").read_bytes() == b"{}"


def test_a_link_that_came_since_is_not_restored_through(state_files: SampleRoot, tmp_path: Path) -> None:
    home = state_files.layout.home("anna")
    entry = throw(state_files, "weixin/accounts/one.json")
    (home / "weixin").rename(home / "old")
    (home / "weixin").symlink_to(tmp_path)
    with pytest.raises(Refused, match="behind the link"):
        put_back(state_files, entry)


def test_a_path_that_exists_again_is_named_and_no_file_moves(state_files: SampleRoot) -> None:
    entry = throw(state_files, "SOUL.md", "whatsapp-ü.json")
    place = state_files.layout.home("anna") / "whatsapp-ü.json"
    place.symlink_to("nowhere")
    before = state_files.picture()
    with pytest.raises(Refused) as caught:
        put_back(state_files, entry)
    assert caught.value.problem.target == str(place)
    assert f"mv {quote(str(place))}" in (caught.value.problem.hint or "")
    assert state_files.picture() == before
    assert trash_entries(state_files.layout) == (entry,)


def test_missing_folders_are_created_again(state_files: SampleRoot) -> None:
    entry = throw(state_files, "weixin/accounts/one.json", "weixin/accounts/zwei mit Leerzeichen.json")
    home = state_files.layout.home("anna")
    (home / "weixin/accounts").rmdir()
    put_back(state_files, entry)
    assert (home / "weixin/accounts/one.json").read_bytes() == CANARY
    assert stat.S_IMODE((home / "weixin/accounts").lstat().st_mode) == 0o700


def test_a_file_removed_from_the_trash_by_the_user_is_skipped(state_files: SampleRoot) -> None:
    entry = throw(state_files, "SOUL.md", "whatsapp-ü.json")
    (entry.home / "SOUL.md").unlink()
    put_back(state_files, entry)
    assert (state_files.layout.home("anna") / "whatsapp-ü.json").read_bytes() == CANARY
    assert trash_entries(state_files.layout) == ()


@pytest.mark.parametrize("about", [
    b"{", b"[]", b"", b"[" * 9999, {"paths": ["../../../../victim"]}, {"paths": ["/etc/passwd"]}, {"paths": "SOUL"},
    {"paths": [1]}, {"paths": ["a//b"]}, {"paths": []}, {"origin": None}, {"paths": None},
])  # fmt: skip
def test_no_file_moves_for_an_invalid_about(about: bytes | dict[str, object], world: SampleRoot) -> None:
    entry = throw(world, "SOUL.md")
    (world.user_home / ".hermes/victim").write_bytes(b"precious")
    path = entry.folder / "about.json"
    whole = json.loads(path.read_bytes())
    path.write_bytes(about if isinstance(about, bytes) else json.dumps(whole | about).encode())
    (again,) = trash_entries(world.layout)
    assert (again.id, again.name, again.kind, again.paths) == (entry.id, "anna", "files", ())
    with pytest.raises(Failed) as caught:
        put_back(world, again)
    assert str(entry.folder) in (caught.value.problem.hint or "")
    assert (entry.home / "SOUL.md").exists()
    assert empty(world.layout, ids=[entry.id]) == (again,)
    assert os.listdir(world.layout.trash) == []


def test_profiles_and_files_are_both_listed(world: SampleRoot) -> None:
    throw(world, "SOUL.md")
    do(world, PLANS["delete"](world))
    kinds = {entry.kind: entry for entry in trash_entries(world.layout)}
    assert {kind: entry.name for kind, entry in kinds.items()} == {"profile": "anna", "files": "anna"}
    assert kinds["files"].home.name == "files" and kinds["profile"].home.name == "home"
    assert empty(world.layout, older_than=NOON) == ()
    assert empty(world.layout, ids=[kinds["files"].id]) == (kinds["files"],)
    assert empty(world.layout, older_than=NOON + timedelta(seconds=1)) == (kinds["profile"],)
    assert os.listdir(world.layout.trash) == []


def test_two_entries_cannot_share_an_id(world: SampleRoot) -> None:
    plan = steps(world, "SOUL.md")
    both = (*plan, *steps(world, "config.yaml"))
    with pytest.raises(ValueError, match="two steps create this file"):
        ChangePlan((), "x", both)
    home = world.layout.home("anna")
    deleted = steps_to_trash(world.layout, home, trash_id=TRASH_ID, name="anna", deleted_at=NOON)
    with pytest.raises(ValueError, match="two steps create this file"):
        ChangePlan((), "x", (*plan, *deleted))
    throw(world, "SOUL.md")
    with pytest.raises(Refused, match="already exists"):
        steps(world, "config.yaml")
    with pytest.raises(Failed, match="was created since"):
        do(world, ChangePlan((), "x", plan[:1]))


def test_no_file_moves_when_one_is_missing(world: SampleRoot) -> None:
    plan = ChangePlan((), "x", steps(world, "config.yaml", "SOUL.md"))
    (world.layout.home("anna") / "SOUL.md").unlink()
    before = world.picture()
    with pytest.raises(NotFound, match=r"SOUL\.md does not exist"):
        do(world, plan)
    assert world.picture() == before
    assert trash_entries(world.layout) == () and strays(world) == []


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on another file system."""
    if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("one file system is all there is here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_home_on_another_file_system_is_named_and_not_changed(tmp_path: Path, elsewhere: Path) -> None:
    world = make_sample_root(tmp_path / "user")
    home = world.layout.home("anna")
    os.rename(home, home.with_name("bert"))
    home.symlink_to(elsewhere)
    (elsewhere / "SOUL.md").write_bytes(b"x")
    (elsewhere / ".env").write_bytes(b"y")
    before = world.picture(), picture(elsewhere)
    with pytest.raises(Failed, match="on another file system") as caught:
        throw(world, "SOUL.md", ".env")
    assert (caught.value.problem.code, caught.value.problem.target) == ("other-file-system", str(home / "SOUL.md"))
    assert f"df {home / 'SOUL.md'}" in (caught.value.problem.hint or "")
    assert (world.picture(), picture(elsewhere)) == before
    assert not world.layout.trash.exists() and strays(world) == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY])
def test_a_mount_below_the_home_rolls_the_moves_back(
    number: int, world: SampleRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hermes_profiles.changes import rename_noreplace

    def rename(source: bytes, target: bytes) -> int:
        return number if source.endswith(b"SOUL.md") else real(source, target)

    real = rename_noreplace._system_call
    monkeypatch.setattr(rename_noreplace, "_system_call", rename)
    before = world.picture()
    with pytest.raises(Failed, match=r"SOUL\.md cannot be moved to") as caught:
        throw(world, "config.yaml", "skills", "SOUL.md", ".env")
    assert caught.value.problem.code == "other-file-system"
    assert world.picture() == before
    assert trash_entries(world.layout) == () and strays(world) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of files: run as root")
def test_under_sudo_the_trash_belongs_to_the_user(world: SampleRoot) -> None:
    for path in (world.user_home, *world.user_home.rglob("*")):
        os.chown(path, 4711, 4712, follow_symlinks=False)
    entry = throw(world, "skills/cook/SKILL.md")
    for path in (entry.folder, *entry.folder.rglob("*")):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (4711, 4712), path


def test_a_journal_entry_has_the_target_of_each_file(state_files: SampleRoot) -> None:
    entry = throw(state_files, "whatsapp-ü.json", "weixin")
    (change,) = Journal(state_files.layout.state).entries()
    home = state_files.layout.home("anna")
    assert [(step.source, step.target) for step in change.steps[1:]] == [
        (str(home / each), str(entry.home / each)) for each in ("whatsapp-ü.json", "weixin")
    ]
    assert Files().lstat(str(entry.home / "weixin")) is not None
