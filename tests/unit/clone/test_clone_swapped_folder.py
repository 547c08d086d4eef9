"""A folder of the source that becomes a link during a clone leads nowhere."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hermes_profiles.changes.copy_file import open_inside
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.plan import CopyFile
from hermes_profiles.changes.signature import ChangedMeanwhile, Signature
from hermes_profiles.profiles.tree_walk import EntryKind, read_file, walk


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with `skills/a/file`, and beside it `elsewhere` with another file of that name."""
    for folder, content in (("home/skills/a", b"inside\n"), ("elsewhere/a", b"outside\n")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_bytes(content)
    return tmp_path / "home"


def swap(home: Path) -> None:
    (home / "skills").rename(home.parent / "away")
    (home / "skills").symlink_to(home.parent / "elsewhere")


def test_folder_swapped_for_a_link_after_the_walk_is_not_read_through(home: Path, tmp_path: Path) -> None:
    items = {item.path: item for item in walk(home, lambda _: True)}
    item = items["skills/a/file"]
    copy = CopyFile("skills/a/file", home / "skills/a/file", item.signature, executable=False)
    swap(home)
    with pytest.raises(OSError, match=r"skills/a/file"):
        read_file(home, item)
    with pytest.raises(ChangedMeanwhile):
        Files().copy_new(str(tmp_path / "copy"), copy, screen=None, owner=None)
    assert not (tmp_path / "copy").exists() or (tmp_path / "copy").read_bytes() == b""


def test_folder_swapped_for_a_link_during_the_walk_is_not_entered(home: Path) -> None:
    found = []
    for item in walk(home, lambda _: True):
        if item.path == "skills":
            swap(home)
        found.append(item.path)
    assert found == ["skills"]


def test_file_that_a_gateway_replaced_is_read_as_it_is_now(home: Path, tmp_path: Path) -> None:
    item = next(item for item in walk(home, lambda _: True) if item.kind is EntryKind.FILE)
    (home / "new").write_bytes(b"newer\n")
    (home / "new").replace(home / item.path)
    assert read_file(home, item) == b"newer\n"
    copy = CopyFile(item.path, home / item.path, item.signature, executable=False)
    Files().copy_new(str(tmp_path / "copy"), copy, screen=None, owner=None)
    assert (tmp_path / "copy").read_bytes() == b"newer\n"


def test_no_opened_file_is_outside_while_the_folder_is_swapped_again_and_again(home: Path) -> None:
    skills, link = home / "skills", home.parent / "link"
    link.symlink_to(home.parent / "elsewhere")
    planned = Signature.of(os.lstat(skills / "a" / "file"))
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            skills.rename(home.parent / "away")
            link.rename(skills)
            skills.rename(link)
            (home.parent / "away").rename(skills)

    thread = threading.Thread(target=churn)
    thread.start()
    seen = set()
    try:
        for _ in range(5000):
            try:
                descriptor = open_inside(str(home), "skills/a/file", planned)
            except OSError:
                continue
            seen.add(os.read(descriptor, 100))
            os.close(descriptor)
            seen |= {item.target.encode() for item in walk(home, lambda _: True) if item.path == "a" and item.target}
    finally:
        done.set()
        thread.join()
    assert seen <= {b"inside\n"}
