"""Deleted profiles can be listed, restored, and permanently deleted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sample_root import NOON, PLANS, Breaking, Counting, Killing, SampleRoot, do, heal, run_killed, strays

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import empty, steps_from_trash, steps_to_trash, trash_entries
from hermes_profiles.changes.undo_plan import plan_undo
from hermes_profiles.model.errors import HermesProfilesError, NotFound
from hermes_profiles.model.secret import Secret


def test_a_deleted_profile_can_be_listed_and_restored(world: SampleRoot) -> None:
    before = world.picture()
    do(world, PLANS["delete"](world))
    assert not world.layout.home("anna").exists()
    (entry,) = trash_entries(world.layout)
    assert (entry.name, entry.origin) == ("anna", world.layout.home("anna"))
    assert entry.deleted_at == "2026-03-01T12:00:00+00:00"
    assert (entry.folder / "about.json").stat().st_mode & 0o777 == 0o600
    steps = steps_from_trash(entry, world.layout.home("anna"))
    do(world, ChangePlan(("restore",), "restore anna", steps))
    home = str(world.layout.home("anna"))
    assert {p: w for p, w in world.picture().items() if p.startswith(home)} == {
        p: w for p, w in before.items() if p.startswith(home)
    }
    assert trash_entries(world.layout) == ()
    assert strays(world) == []


def test_a_home_without_a_readable_about_is_still_listed(world: SampleRoot) -> None:
    do(world, PLANS["delete"](world))
    (entry,) = trash_entries(world.layout)
    (entry.folder / "about.json").write_bytes(b"{")
    (again,) = trash_entries(world.layout)
    assert (again.id, again.name, again.origin) == (entry.id, "anna", None)
    assert empty(world.layout, older_than=NOON + timedelta(days=900)) == ()


def test_empty_chooses_by_id_or_age(world: SampleRoot) -> None:
    do(world, PLANS["delete"](world))
    (entry,) = trash_entries(world.layout)
    with pytest.raises(NotFound, match="not in the trash"):
        empty(world.layout, ids=["nothing", entry.id])
    assert empty(world.layout, older_than=NOON) == ()
    assert empty(world.layout, ids=[]) == ()
    assert trash_entries(world.layout) == (entry,)
    assert empty(world.layout, older_than=NOON + timedelta(seconds=1)) == (entry,)
    assert os.listdir(world.layout.trash) == []


def test_empty_follows_no_links_and_removes_deep_folders(world: SampleRoot) -> None:
    outside = world.user_home / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    home = world.layout.home("anna")
    (home / "link").symlink_to(outside)
    (home / "skills" / "link").symlink_to(outside / "precious")
    here = os.getcwd()
    try:
        os.chdir(home)
        for _ in range(1500):  # deeper than a path may be long, and than Python may recurse
            os.mkdir("deep")
            os.chdir("deep")
        os.chdir(here)
        do(world, PLANS["delete"](world))
        (emptied,) = empty(world.layout)
        assert not emptied.folder.exists()
    finally:  # pytest itself could not remove it
        subprocess.run(["rm", "-rf", str(home), str(world.layout.trash)], check=True)
    assert (outside / "precious").read_bytes() == b"x"
    assert trash_entries(world.layout) == ()
    assert strays(world) == []


def test_read_only_folders_are_emptied_by_their_owner(worlds: Iterator[SampleRoot]) -> None:
    world = next(worlds)
    do(world, PLANS["delete"](world))
    (entry,) = trash_entries(world.layout)
    (entry.home / "skills" / "cook").chmod(0o500)
    (entry.home / "skills").chmod(0)

    def job() -> None:
        if os.geteuid() == 0:
            for path in (world.user_home, *world.user_home.rglob("*"), world.user_home.parent):
                os.chown(path, 65534, 65534, follow_symlinks=False)
            os.setgid(65534)
            os.setuid(65534)
        empty(world.layout)

    assert run_killed(job) == 0
    assert trash_entries(world.layout) == ()


def test_emptying_continues_after_a_fault_or_a_kill(worlds: Iterator[SampleRoot]) -> None:
    def prepared() -> SampleRoot:
        world = next(worlds)
        do(world, PLANS["delete"](world))
        return world

    files = Counting()
    empty(prepared().layout, files=files)
    for at in range(1, len(files.seen) + 1):
        broken, killed = prepared(), prepared()
        whole = sorted(os.listdir(trash_entries(broken.layout)[0].home))
        try:
            empty(broken.layout, files=Breaking(at, 5))
        except HermesProfilesError as error:
            assert error.problem.hint
        else:  # about.json could not be read, and is not needed
            assert files.seen[at - 1][0] == "read"
        assert run_killed(lambda at=at, killed=killed: empty(killed.layout, files=Killing(at))) == -9
        for world in (broken, killed):
            for entry in trash_entries(world.layout):
                assert sorted(os.listdir(entry.home)) == whole
            heal(world)
            assert strays(world) == []


def test_reading_a_missing_trash_creates_no_folder(world: SampleRoot) -> None:
    assert empty(world.layout, files=Files()) == ()
    assert heal(world) == ()
    assert not world.layout.state.exists()


def kept_contents(world: SampleRoot) -> bytes:
    """Return the old bytes that the journal keeps."""
    folder = world.layout.state / "journal"
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*/*")))


def next_id(world: SampleRoot) -> str:
    return Journal(world.layout.state).fresh_id(NOON)


def replaced(world: SampleRoot, name: str, content: bytes) -> None:
    path = world.layout.home(name) / ".env"
    step = ReplaceFile(path, Secret(content), expected=Signature.of(os.lstat(path)))
    do(world, ChangePlan(("env", "set"), f"set a variable of {name}", (step,), profiles=(name,)))


def renamed(world: SampleRoot, old: str, new: str) -> None:
    step = MoveTree(world.layout.home(old), world.layout.home(new))
    do(world, ChangePlan(("rename",), f"rename {old}", (step,), profiles=(old, new)))


def test_old_contents_of_a_profile_are_deleted_under_all_its_names_and_others_stay(world: SampleRoot) -> None:
    for name in ("anna", "bella"):
        (world.layout.home(name)).mkdir(exist_ok=True)
        (world.layout.home(name) / ".env").write_bytes(b"TOKEN=CANARY-first-of-" + name.encode())
        replaced(world, name, b"TOKEN=CANARY-second-of-" + name.encode())
    renamed(world, "anna", "carla")
    replaced(world, "carla", b"TOKEN=none")
    assert kept_contents(world).count(b"-of-anna") == 2
    home = world.layout.home("carla")
    steps = steps_to_trash(world.layout, home, trash_id=next_id(world), name="carla", deleted_at=NOON)
    do(world, ChangePlan(("delete",), "delete carla", steps, profiles=("carla",)))
    assert kept_contents(world).count(b"-of-anna") == 2, "the trash can still be emptied or not"
    empty(world.layout)
    assert b"of-anna" not in kept_contents(world) and b"first-of-bella" in kept_contents(world)
    journal = Journal(world.layout.state)
    for entry in journal.entries():
        if entry.profiles == ("carla",) and entry.command[0] == "env":
            with pytest.raises(HermesProfilesError):
                plan_undo(entry, world.layout)
        elif entry.profiles == ("bella",):
            plan_undo(entry, world.layout)


def test_contents_stay_while_the_trash_has_the_name_and_after_it_was_created_again(world: SampleRoot) -> None:
    home = world.layout.home("anna")
    (home / ".env").write_bytes(b"TOKEN=CANARY-old")
    replaced(world, "anna", b"TOKEN=x")
    for _ in range(2):
        steps = steps_to_trash(world.layout, home, trash_id=next_id(world), name="anna", deleted_at=NOON)
        do(world, ChangePlan(("delete",), "delete anna", steps, profiles=("anna",)))
        home.mkdir()
    (home / ".env").write_bytes(b"TOKEN=CANARY-new")
    replaced(world, "anna", b"TOKEN=y")
    second, first = trash_entries(world.layout)
    empty(world.layout, ids=[second.id])
    assert b"CANARY-old" in kept_contents(world), "the first one may come back"
    empty(world.layout, ids=[first.id])
    assert kept_contents(world) == b"TOKEN=CANARY-new", "this one is there"
