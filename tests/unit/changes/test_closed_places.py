"""A place in which the user cannot write is named, with the command that allows it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hermes_profiles.changes.errors import translated_errors
from hermes_profiles.model.errors import Failed


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which nobody can write, the superuser included."""
    folder = tmp_path / "my home"
    folder.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != folder)
    return folder


def _problem(path: Path, number: int = errno.EACCES) -> tuple[str, str]:
    with pytest.raises(Failed) as caught, translated_errors():
        raise OSError(number, os.strerror(number), str(path))
    return caught.value.problem.message, caught.value.problem.hint or ""


@pytest.mark.parametrize("inner", ["x.tmp", "new/deeper/x.tmp"])
def test_folder_of_a_file_that_could_not_be_made_is_named(closed: Path, inner: str) -> None:
    message, hint = _problem(closed / inner)
    assert message == f"nothing was changed: {closed}: permission denied"
    assert hint == f"allow it with `chmod u+w '{closed}'`, then run the command again"


def test_file_that_could_not_be_moved_stays_named(closed: Path) -> None:
    (closed / "a").touch()
    message, hint = _problem(closed / "a")
    assert message == f"nothing was changed: {closed / 'a'}: permission denied" and f"`chmod u+w '{closed}'`" in hint


def test_folder_that_takes_no_new_profile_is_named(tmp_path: Path, closed: Path) -> None:
    with pytest.raises(Failed) as caught, translated_errors():
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "staged"), None, str(closed / "new"))
    assert caught.value.problem.message == f"nothing was changed: {closed}: permission denied"


def test_place_of_another_user_is_not_to_be_changed(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.lstat(closed).st_uid + 1)
    assert (
        _problem(closed / "x")[1] == f"see the owner with `ls -ld '{closed}'`, then run the command again as that user"
    )


def test_open_place_and_other_errors_name_the_path(tmp_path: Path, closed: Path) -> None:
    assert f"`ls -ld {tmp_path}/x`" in _problem(tmp_path / "x")[1]
    assert str(closed / "x") in _problem(closed / "x", errno.EIO)[0]
