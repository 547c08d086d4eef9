"""Plans describe their steps, and wrong steps are refused."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from sample_root import CANARY, PLANS, SampleRoot, do

import hermes_profiles.changes as room
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import (
    ChangePlan,
    MakeFolder,
    MakeLink,
    MoveTree,
    PublishTree,
    ReplaceFile,
    TidyFolder,
    WriteFile,
    describe,
    place_before,
)
from hermes_profiles.model.secret import Secret

TARGET = Path("/root/profiles/bert")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\0b", ".", ".."])
def test_an_entry_cannot_leave_its_tree(path: str) -> None:
    with pytest.raises(ValueError, match="relative to the tree"):
        PublishTree(TARGET, (MakeFolder(path),))


def test_no_entry_is_below_a_link_or_a_file() -> None:
    link, below = MakeLink("x", "/etc"), WriteFile("x/passwd", Secret(b""))
    for entries in ((link, below), (below, link), (WriteFile("x", Secret(b"")), below)):
        with pytest.raises(ValueError, match="'x"):
            PublishTree(TARGET, entries)


def test_two_entries_cannot_have_one_path() -> None:
    with pytest.raises(ValueError, match="two entries"):
        PublishTree(TARGET, (WriteFile("x", Secret(b"")), WriteFile("x", Secret(b""))))
    PublishTree(TARGET, (WriteFile("x/y", Secret(b"")), MakeFolder("x")))


def test_a_step_needs_an_absolute_path() -> None:
    for bad in (Path("x"), Path("/x/../y")):
        with pytest.raises(ValueError, match="absolute"):
            PublishTree(bad, ())
        with pytest.raises(ValueError, match="absolute"):
            MoveTree(TARGET, bad)
        with pytest.raises(ValueError, match="absolute"):
            ReplaceFile(bad, None)


def test_a_file_of_a_published_tree_is_an_entry_not_a_step() -> None:
    with pytest.raises(ValueError, match="make it an entry"):
        ChangePlan((), "", (PublishTree(TARGET, ()), ReplaceFile(TARGET / "x", None)))


def test_the_commit_point_is_one_of_the_steps() -> None:
    with pytest.raises(ValueError, match="commit point"):
        ChangePlan((), "", (TidyFolder(TARGET),), commit=1)


def test_place_before_follows_moves_back() -> None:
    moves = [("/a", "/b"), ("/b/x", "/c")]
    assert place_before("/c/y", moves) == "/a/x/y"
    assert place_before("/bb", moves) == "/bb"


def test_a_moved_or_removed_path_has_no_place_before() -> None:
    moves = [("/a", "/trash"), ("/c", None)]
    assert [place_before(path, moves) for path in ("/a", "/a/x", "/c", "/b", "/trash/x")] == [
        None, None, None, "/b", "/a/x",
    ]  # fmt: skip
    assert place_before("/a/x", [("/a", "/trash"), ("/b", "/a")]) == "/b/x"
    assert place_before("/a/x", [("/a", None), ("/b", "/a")]) == "/b/x"


def test_no_file_is_created_in_a_folder_that_is_moved_away(tmp_path: Path) -> None:
    move = MoveTree(tmp_path / "a", tmp_path / "trash")
    with pytest.raises(ValueError, match="moves away"):
        ChangePlan(("x",), "x", (move, ReplaceFile(tmp_path / "a/x", Secret(b""))))
    ChangePlan(("x",), "x", (move, ReplaceFile(tmp_path / "a", None, link="b")))


@pytest.mark.parametrize("kind", PLANS)
def test_a_dry_run_shows_what_the_journal_keeps(kind: str, world: SampleRoot) -> None:
    plan = PLANS[kind](world)
    shown = describe(plan)
    assert CANARY.decode() not in repr(plan) + repr(shown)
    entry = Journal(world.layout.state).find(do(world, plan))
    kept = tuple(
        {"kind": record.kind, "target": record.target}
        | ({"source": record.source} if record.kind == "move" else {})
        | ({"entries": record.entries} if record.kind == "publish" else {})
        | ({"mode": f"{record.mode:04o}", "before": f"{record.old.mode:04o}"} if record.kind == "mode" else {})
        for record in entry.steps
    )
    assert kept == shown


def test_the_package_imports_only_the_model_and_light_modules() -> None:
    allowed = {
        "__future__", "collections", "contextlib", "ctypes", "dataclasses", "datetime", "enum", "errno", "fcntl",
        "functools", "json", "os", "pathlib", "pwd", "shlex", "stat", "sys", "time", "types", "typing",
    }  # fmt: skip
    # Only a copy of a database and a move import these modules.
    special = {"database_copy.py": {"sqlite3", "urllib"}, "receive_tree.py": {"tarfile"}}
    for path in Path(room.__file__).parent.glob("*.py"):
        known = allowed | special.get(path.name, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= known, path
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                module = node.module or ""
                of_ours = module.startswith(("hermes_profiles.model", "hermes_profiles.hermes"))
                assert of_ours or module.split(".")[0] in known, path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, path
    assert sys.modules["hermes_profiles.changes"] is room
