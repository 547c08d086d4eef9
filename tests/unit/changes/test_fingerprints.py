"""The key of fingerprints: one per root, private, written by one rename, never read through a link."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_profiles.changes import fingerprint_key as fingerprints
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.fingerprint_key import any_key, fingerprint_key
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / ".hermes").mkdir()
    return Layout(tmp_path / ".hermes", tmp_path)


def test_reading_creates_no_key(layout: Layout) -> None:
    assert fingerprint_key(layout, make=False) is None
    assert list(layout.root.iterdir()) == []


def test_the_key_is_random_private_and_stays(layout: Layout) -> None:
    umask = os.umask(0)
    try:
        key = fingerprint_key(layout, make=True)
    finally:
        os.umask(umask)
    assert key is not None and len(key) == 32 and len(set(key)) > 8
    assert fingerprint_key(layout, make=True) == fingerprint_key(layout, make=False) == any_key(layout) == key
    assert stat.S_IMODE(layout.fingerprint_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.state.stat().st_mode) == 0o700
    assert list((layout.state / "staging").iterdir()) == []
    other = Layout(layout.root.parent / "other", layout.user_home)
    other.root.mkdir()
    assert fingerprint_key(other, make=True) != key


def test_runs_at_the_same_time_get_the_same_key(layout: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: fingerprint_key(layout, make=True), range(32)))
    assert len(keys) == 1 and keys == {layout.fingerprint_key.read_bytes()}


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33])
def test_a_damaged_key_is_reported_and_kept(layout: Layout, content: bytes) -> None:
    layout.state.mkdir(parents=True)
    layout.fingerprint_key.write_bytes(content)
    for make in (True, False):
        with pytest.raises(Failed, match=r"fingerprint\.key, is damaged") as caught:
            fingerprint_key(layout, make=make)
        assert caught.value.problem.hint and "mv " in caught.value.problem.hint
    with pytest.raises(Failed, match="is damaged"):
        any_key(layout)
    assert layout.fingerprint_key.read_bytes() == content


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder"])
def test_only_a_regular_file_is_a_key(layout: Layout, tmp_path: Path, kind: str) -> None:
    layout.state.mkdir(parents=True)
    (tmp_path / "foreign").write_bytes(b"k" * 32)
    if kind == "fifo":
        os.mkfifo(layout.fingerprint_key)
    elif kind == "folder":
        layout.fingerprint_key.mkdir()
    else:
        layout.fingerprint_key.symlink_to(tmp_path / ("foreign" if kind == "link" else "nowhere"))
    with pytest.raises(Failed, match=r"fingerprint\.key"):
        fingerprint_key(layout, make=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_root_that_cannot_be_written_gets_a_key_of_this_run(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Files):
        def operation(self, name: str, path: str) -> None:
            if name == "create":
                raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(fingerprints, "Files", Full)
    with pytest.raises(Failed, match="no space left"):
        fingerprint_key(layout, make=True)
    first, second = any_key(layout), any_key(layout)
    assert len(first) == len(second) == 32 and first != second
    assert not layout.fingerprint_key.exists()


def test_a_removed_draft_is_written_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    class Swept(Files):
        swept = False

        def operation(self, name: str, path: str) -> None:
            if name == "rename" and not Swept.swept:
                Swept.swept = True
                for draft in (layout.state / "staging").iterdir():
                    draft.unlink()

    monkeypatch.setattr(fingerprints, "Files", Swept)
    assert fingerprint_key(layout, make=True) == layout.fingerprint_key.read_bytes()
    assert Swept.swept
