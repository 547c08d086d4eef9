"""Entries of the journal change nothing but their own root, whoever wrote them and wherever the root is now."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_root import (
    CANARY,
    PLANS,
    Picture,
    SampleRoot,
    do,
    heal,
    noon,
    picture,
    without_times,
)

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, TidyFolder
from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret

IN_THE_ROOT = ("delete_in_root", "rename", "modes", "files")


def delete_in_root(world: SampleRoot) -> ChangePlan:
    """Return a plan of the root alone: without the alias."""
    plan = PLANS["delete"](world)
    return ChangePlan(plan.command, plan.summary, (*plan.steps[:2], *plan.steps[3:]), 1, plan.profiles)


MAKERS: dict[str, Callable[[SampleRoot], ChangePlan]] = {**PLANS, "delete_in_root": delete_in_root}


def entry_file(world: SampleRoot, change: str) -> Path:
    return world.layout.state / "journal" / f"{change}.json"


def as_of_0_1_0(path: Path, root: Path) -> None:
    """Rewrite an entry as 0.1.0 wrote it: absolute paths, no root."""
    data = json.loads(path.read_text())

    def absolute(value: Any) -> Any:
        if isinstance(value, str):
            return str(root) + value[5:] if value == "@root" or value.startswith("@root/") else value
        if isinstance(value, list):
            return [absolute(each) for each in value]
        return {key: absolute(each) for key, each in value.items()} if isinstance(value, dict) else value

    data["steps"] = absolute(data["steps"])
    data["schema"] = "hermes-profiles-journal/1"
    del data["root"], data["root_inode"]
    path.write_text(json.dumps(data))


def copied(world: SampleRoot, to: Path) -> SampleRoot:
    shutil.copytree(world.layout.root, to, symlinks=True)
    return SampleRoot(world.user_home, Layout(to, world.user_home))


def in_root(world: SampleRoot) -> Picture:
    root = str(world.layout.root)
    found = picture(world.layout.root, without=world.layout.state)
    return {path[len(root) :]: what for path, what in found.items()}


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("kind", MAKERS)
def test_undo_in_a_copied_root_changes_the_copy_alone(kind: str, is_old: bool, world: SampleRoot) -> None:
    before = in_root(world)
    change = do(world, MAKERS[kind](world))
    if is_old:
        as_of_0_1_0(entry_file(world, change), world.layout.root)
    copy = copied(world, world.user_home / "sandbox")
    live = picture(world.user_home, without=copy.layout.root)
    try:
        undo(copy.layout, now=noon)
        assert without_times(in_root(copy)) == without_times(before)
        again = undo(copy.layout, Journal(copy.layout.state).entries()[0].id, now=noon)
        undo(copy.layout, again.change_id, now=noon)
    except (Refused, NotFound):
        assert kind not in IN_THE_ROOT or is_old
    assert picture(world.user_home, without=copy.layout.root) == live


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("by_copy", [False, True])
def test_a_moved_root_keeps_its_undo(kind: str, is_old: bool, by_copy: bool, world: SampleRoot) -> None:
    before, alias = in_root(world), os.path.lexists(world.alias)
    change = do(world, MAKERS[kind](world))
    if is_old:
        as_of_0_1_0(entry_file(world, change), world.layout.root)
        if Journal(world.layout.state).find(change).root == "":
            pytest.skip("nothing in such an entry tells its root")
    moved = SampleRoot(world.user_home, Layout(world.user_home / "elsewhere" / "hermes", world.user_home))
    moved.layout.root.parent.mkdir()
    if by_copy:
        shutil.copytree(world.layout.root, moved.layout.root, symlinks=True)
        shutil.rmtree(world.layout.root)
    else:
        world.layout.root.rename(moved.layout.root)
    undo(moved.layout, change, now=noon)
    assert without_times(in_root(moved)) == without_times(before)
    assert os.path.lexists(world.alias) == alias


@pytest.mark.parametrize("kind", PLANS)
def test_an_entry_of_0_1_0_is_undone_and_done_again_in_its_own_root(kind: str, world: SampleRoot) -> None:
    before = world.picture()
    change = do(world, PLANS[kind](world))
    after = without_times(world.picture())
    as_of_0_1_0(entry_file(world, change), world.layout.root)
    again = undo(world.layout, now=noon).change_id
    assert world.picture() == before
    undo(world.layout, again, now=noon)
    assert without_times(world.picture()) == after


def test_a_root_from_a_backup_keeps_its_undo(world: SampleRoot) -> None:
    before = in_root(world)
    do(world, PLANS["rename"](world))
    world.layout.root.rename(world.user_home / "backup")
    shutil.copytree(world.user_home / "backup", world.layout.root, symlinks=True)
    undo(world.layout, now=noon)
    assert without_times(in_root(world)) == without_times(before)


def test_a_copy_that_shares_its_profiles_through_a_link_is_refused(world: SampleRoot) -> None:
    elsewhere = world.user_home / "disk"
    world.layout.profiles.rename(elsewhere)
    world.layout.profiles.symlink_to(elsewhere)
    do(world, PLANS["rename"](world))
    copy = copied(world, world.user_home / "sandbox")
    shown = picture(world.user_home, without=world.layout.state)
    with pytest.raises(Refused) as raised:
        undo(copy.layout, now=noon)
    assert raised.value.problem.code == "foreign-entry"
    assert picture(world.user_home, without=world.layout.state).keys() == shown.keys()
    undo(world.layout, now=noon)  # its own root still can


# Entries that somebody else wrote


def forged(world: SampleRoot, change: str, **fields: Any) -> str:
    """Write a copy of an entry with other fields of its first step, as an interrupted change; returns its id."""
    data = json.loads(entry_file(world, change).read_text())
    status = fields.pop("status", "begun")
    ready = fields.pop("ready", False)
    data |= {"status": status, "ready": ready, "id": change[:-4] + "7fff"}
    data["steps"] = [data["steps"][0] | fields]
    data["commit"] = 0
    entry_file(world, data["id"]).write_text(json.dumps(data))
    return str(data["id"])


OUTSIDE = [
    "{user}/photos", "{user}", "/", "{user}/.ssh/authorized_keys", "@root/../photos", "@root", "photos",
    "@root/profiles/../../photos", "{user}/.config/systemd/user/ssh-agent.service", "{user}/.local/bin",
    "{user}/.local/bin/../../photos", "@real/../photos", "//etc/passwd", "{user}/Library/LaunchAgents/com.apple.plist",
    "{user}/.config/systemd/user/ssh-agent.service.d/hermes-gateway.conf", "{user}/.hermes-other/x",
    "@root/profiles/anna/out/only.jpg",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["publish", "move", "replace", "remove", "mode", "tidy"])
@pytest.mark.parametrize("where", OUTSIDE)
@pytest.mark.parametrize("status", ["begun", "done"])
def test_an_entry_that_points_elsewhere_is_refused(kind: str, where: str, status: str, world: SampleRoot) -> None:
    photos = world.user_home / "photos"
    photos.mkdir()
    (photos / "only.jpg").write_bytes(b"x")
    (world.layout.home("anna") / "out").symlink_to(photos)
    change = do(world, PLANS["publish"](world))
    place = where.format(user=world.user_home)
    old = {
        "identity": {"inode": 1, "size": 1, "mtime_ns": 1},
        "mode": 0o600,
        "uid": 0,
        "gid": 0,
        "backup": None,
        "link": "x",
    }
    new = {
        "inode": (photos / "only.jpg").stat().st_ino,
        "size": 1,
        "mtime_ns": (photos / "only.jpg").stat().st_mtime_ns,
    }
    change = forged(
        world, change, kind=kind, target=place, source=None, made=[], old=old, new=new, status=status, ready=True
    )
    before = picture(world.user_home, without=world.layout.state)
    # A step that removes a folder only if it is empty may name a folder above known files.
    if kind == "tidy" and where == "{user}/.local/bin":
        heal(world)
        if status == "done":
            undo(world.layout, change, now=noon)
    else:
        with pytest.raises((Refused, Failed)) as raised:
            heal(world)
            undo(world.layout, change, now=noon)
        problem = raised.value.problem
        assert problem.code == "foreign-entry" or "put the entry aside" in str(problem.hint)
    assert picture(world.user_home, without=world.layout.state) == before


@pytest.mark.parametrize("kind", ["publish", "replace"])
@pytest.mark.parametrize(
    "source",
    ["{user}/photos", "{root}/profiles/anna", "{root}/profiles/.hermes-profiles/journal", "{root}", "@root/.env"],
)
def test_recovery_removes_staged_files_of_the_change_alone(kind: str, source: str, world: SampleRoot) -> None:
    (world.user_home / "photos").mkdir()
    change = do(world, PLANS["publish"](world))
    given = source.format(user=world.user_home, root=world.layout.root)
    change = forged(world, change, kind=kind, target="@root/profiles/new", source=given, made=[])
    before = picture(world.user_home, without=world.layout.state)
    with pytest.raises(Failed) as raised:
        heal(world)
    assert raised.value.problem.code == "not-recovered"
    path = entry_file(world, change)
    assert raised.value.problem.hint == f"put the entry aside: `mv {path} {path}.refused`"
    path.rename(f"{path}.refused")  # the hint is right
    heal(world)
    assert picture(world.user_home, without=world.layout.state) == before


def test_a_link_in_the_place_of_our_staging_folder_is_not_swept(world: SampleRoot) -> None:
    photos = world.user_home / "photos"
    photos.mkdir()
    (photos / "only.jpg").write_bytes(b"x")
    do(world, PLANS["publish"](world))
    for name in ("staging", "trash"):
        shutil.rmtree(world.layout.state / name, ignore_errors=True)
        (world.layout.state / name).symlink_to(photos)
    heal(world)
    assert (photos / "only.jpg").exists()


def test_files_of_services_can_be_undone(world: SampleRoot) -> None:
    units = world.user_home / ".config/systemd/user"
    paths = (units / "hermes-gateway-anna.service", units / "hermes-gateway-anna.service.d" / "50-hermes-profiles.conf")
    before = world.picture()
    steps = tuple(ReplaceFile(path, Secret(b"[Service]\n"), 0o644) for path in paths)
    do(world, ChangePlan(("install",), "install", steps, profiles=("anna",)))
    after = without_times(world.picture())
    again = undo(world.layout, now=noon).change_id
    assert world.picture() == before
    undo(world.layout, again, now=noon)
    assert without_times(world.picture()) == after
    gone = (*(ReplaceFile(path, None, expected=world.signature(path)) for path in paths), TidyFolder(paths[1].parent))
    do(world, ChangePlan(("uninstall",), "uninstall", gone, profiles=("anna",)))
    undo(world.layout, now=noon)
    assert without_times(world.picture()) == after


def test_a_start_file_behind_a_link_can_be_undone(world: SampleRoot) -> None:
    dotfiles = world.user_home / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "bashrc").write_bytes(b"old\n")
    (world.user_home / ".bashrc").symlink_to(dotfiles / "bashrc")
    path = dotfiles / "bashrc"
    do(world, ChangePlan(("shim",), "shim", (ReplaceFile(path, Secret(b"new\n"), 0o644, world.signature(path)),)))
    undo(world.layout, now=noon)
    assert path.read_bytes() == b"old\n"


# Old bytes


def test_old_bytes_stay_when_an_unreadable_entry_is_put_aside(world: SampleRoot) -> None:
    path = world.layout.home("anna") / ".env"
    step = ReplaceFile(path, Secret(b"NEW=1\n"), 0o600, world.signature(path))
    change = do(world, ChangePlan(("env",), "env", (step,), profiles=("anna",)))
    file = entry_file(world, change)
    file.write_bytes(file.read_bytes()[:200])
    (problem,) = Journal(world.layout.state).problems()
    assert f"`mv {file} {file}.unreadable`" in str(problem.hint)
    file.rename(f"{file}.unreadable")
    do(world, PLANS["rename"](world))
    kept = world.layout.state / "journal" / change
    assert [each.read_bytes() for each in kept.iterdir()] == [b"TELEGRAM_BOT_TOKEN=" + CANARY + b"\n"]


def test_removal_that_was_killed_is_finished(world: SampleRoot) -> None:
    change = do(world, PLANS["rename"](world))
    folder = world.layout.state / "journal"
    (folder / f"{change}.json").rename(folder / f".{change}.gone.tmp")
    assert (folder / change).is_dir()
    heal(world)
    assert sorted(each.name for each in folder.iterdir()) == []
