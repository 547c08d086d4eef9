"""Undo reverts a change, and touches no file that was changed since."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_root import CANARY, PLANS, SampleRoot, do, make_sample_root, noon, strays, without_times

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import Journal, Status
from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    MakeLink,
    PublishTree,
    ReplaceFile,
    TreeEntry,
    WriteFile,
    describe,
)
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.changes.undo_plan import plan_undo
from hermes_profiles.hermes.version import NEWEST_KNOWN, facts_of
from hermes_profiles.model.errors import NotFound, Refused
from hermes_profiles.model.secret import Secret


@pytest.mark.parametrize("kind", PLANS)
def test_undo_after_a_change_is_identity(kind: str, world: SampleRoot) -> None:
    before = world.picture()
    change_id = do(world, PLANS[kind](world))
    after = without_times(world.picture())
    undone = undo(world.layout, now=noon).change_id
    assert world.picture() == before
    undo(world.layout, undone, now=noon)
    assert without_times(world.picture()) == after
    undo(world.layout, now=noon)
    assert world.picture() == before
    first = Journal(world.layout.state).find(change_id)
    assert first.status is Status.UNDONE
    assert strays(world) == []


def test_undo_reverts_one_change_after_the_other(world: SampleRoot) -> None:
    pictures = [world.picture()]
    for kind in ("publish", "rename"):
        do(world, PLANS[kind](world))
        pictures.append(world.picture())
    pictures.pop()
    while pictures:
        undo(world.layout, now=noon)
        assert without_times(world.picture()) == without_times(pictures.pop())
    with pytest.raises(NotFound, match="no change to undo"):
        undo(world.layout, now=noon)


def test_undoing_twice_by_id_is_refused_with_a_hint(world: SampleRoot) -> None:
    change_id = do(world, PLANS["publish"](world))
    later = undo(world.layout, change_id, now=noon).change_id
    with pytest.raises(Refused) as caught:
        undo(world.layout, change_id, now=noon)
    assert later in (caught.value.problem.hint or "")


def test_an_unknown_change_is_not_found(world: SampleRoot) -> None:
    with pytest.raises(NotFound, match="no change"):
        undo(world.layout, "20260101T000000Z-0000", now=noon)


def test_an_undone_profile_is_in_the_trash_with_its_new_files(world: SampleRoot) -> None:
    do(world, PLANS["publish"](world))
    (world.layout.home("bert") / "memory.md").write_bytes(b"learned something")
    undo(world.layout, now=noon)
    (entry,) = trash_entries(world.layout)
    assert entry.name == "bert"
    assert entry.origin == world.layout.home("bert")
    assert (entry.home / "memory.md").read_bytes() == b"learned something"


def test_a_file_changed_since_is_not_overwritten(world: SampleRoot) -> None:
    do(world, PLANS["publish"](world))
    world.layout.active_profile.write_bytes(b"carl\n")
    before = world.picture()
    with pytest.raises(Refused, match="active_profile was changed since") as caught:
        undo(world.layout, now=noon)
    assert caught.value.problem.hint
    assert world.picture() == before


def test_a_profile_that_was_replaced_is_not_moved(world: SampleRoot) -> None:
    do(world, PLANS["publish"](world))
    home = world.layout.home("bert")
    home.rename(home.with_name("other"))
    with pytest.raises(NotFound, match="bert does not exist"):
        undo(world.layout, now=noon)
    home.mkdir()
    with pytest.raises(Refused, match="was replaced since"):
        undo(world.layout, now=noon)


def test_a_path_that_exists_again_is_refused(world: SampleRoot) -> None:
    do(world, PLANS["delete"](world))
    world.layout.home("anna").mkdir()
    (world.layout.home("anna") / ".env").write_bytes(b"")
    with pytest.raises(Refused) as caught:
        undo(world.layout, now=noon)
    assert caught.value.problem.code == "exists"


def test_folder_of_logs_in_the_place_of_a_renamed_profile_goes_to_the_trash(world: SampleRoot) -> None:
    world = SampleRoot(world.user_home, world.layout._replace(installed=lambda: facts_of(NEWEST_KNOWN)))
    before = world.picture()
    do(world, PLANS["rename"](world))
    logs = world.layout.home("anna") / "logs"
    logs.mkdir(parents=True)
    (logs / "gateway.log").write_bytes(b"written after the rename\n")
    undone = undo(world.layout, now=noon)
    (entry,) = trash_entries(world.layout)
    assert (entry.home / "logs/gateway.log").read_bytes() == b"written after the rename\n"
    assert not world.layout.deletion_marker("anna").exists()
    assert world.picture() == before
    undo(world.layout, undone.change_id, now=noon)
    assert (logs / "gateway.log").read_bytes() == b"written after the rename\n"


def test_a_missing_alias_does_not_prevent_an_undo(world: SampleRoot) -> None:
    before = world.picture()
    do(world, PLANS["publish"](world))
    (world.user_home / "Library/LaunchAgents/ai.hermes.gateway-bert.plist").unlink()
    undo(world.layout, now=noon)
    assert world.picture() == before


def test_a_dry_undo_prints_the_steps_of_the_undo(world: SampleRoot) -> None:
    change_id = do(world, PLANS["delete"](world))
    journal = Journal(world.layout.state)
    shown = describe(plan_undo(journal.find(change_id), world.layout))
    undone = journal.find(undo(world.layout, now=noon).change_id)
    assert [(step["kind"], step["target"]) for step in shown] == [(r.kind, r.target) for r in undone.steps]


def test_no_content_is_in_the_journal_and_old_bytes_are_private(world: SampleRoot) -> None:
    env = world.layout.root / ".env"
    new = Secret(b"TOKEN=" + CANARY + b"-new\n")
    do(world, ChangePlan(("x",), "change .env", (ReplaceFile(env, new, 0o600, Signature.of(env.lstat())),)))
    do(world, PLANS["publish"](world))
    undo(world.layout, now=noon)
    undo(world.layout, now=noon)
    kept = 0
    for path in (world.layout.state / "journal").rglob("*"):
        if path.suffix == ".json":
            assert b"CANARY" not in path.read_bytes()
        elif path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600
            kept += CANARY in path.read_bytes()
    assert kept


NAMES = st.sampled_from(["a", "b", "c.md", ".env", "ü"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
LEAVES = st.one_of(
    st.binary(max_size=40), st.just("folder"), st.sampled_from([("link", "a"), ("link", "/nowhere")]), st.none()
)


def _entries(tree: dict[str, object], source: Path) -> tuple[TreeEntry, ...]:
    entries: list[TreeEntry] = []
    for path, leaf in tree.items():
        if any(other != path and other.startswith(path + "/") for other in tree):
            leaf = "folder"
        match leaf:
            case bytes():
                entries.append(WriteFile(path, Secret(leaf)))
            case ("link", str(target)):
                entries.append(MakeLink(path, target))
            case None:
                entries.append(CopyFile(path, source, Signature.of(os.lstat(source)), True))
            case _:
                entries.append(MakeFolder(path))
    return tuple(entries)


@settings(max_examples=40, deadline=None)
@given(tree=st.dictionaries(PATHS, LEAVES, max_size=8))
def test_any_tree_is_published_and_undone(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = make_sample_root(Path(folder, "user"))
        before = world.picture()
        entries = _entries(tree, world.layout.home("anna") / "SOUL.md")
        home = world.layout.home("bert")
        do(world, ChangePlan(("create",), "create bert", (PublishTree(home, entries),)))
        for entry in entries:
            at = home / entry.path
            match entry:
                case WriteFile():
                    assert at.read_bytes() == entry.content.reveal()
                case CopyFile():
                    assert at.read_bytes() == b"kind\n"
                case MakeLink():
                    assert os.readlink(at) == entry.target
                case MakeFolder():
                    assert at.is_dir()
        undo(world.layout, now=noon)
        assert world.picture() == before
        assert strays(world) == []
