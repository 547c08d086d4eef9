"""State files of our own: an error names the file, not the draft that is gone."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.model.errors import Failed


def test_folder_in_place_of_a_state_file_is_named(tmp_path: Path) -> None:
    target = tmp_path / "claims.json"
    target.mkdir()
    with pytest.raises(Failed) as caught:
        write_state_file(target, b"{}")
    assert caught.value.problem.message == f"nothing was changed: {target}: is a directory"
    assert caught.value.problem.target == str(target) and str(target) in (caught.value.problem.hint or "")
    assert os.listdir(tmp_path) == ["claims.json"]


def test_limit_of_file_sizes_is_told_with_the_file(tmp_path: Path) -> None:
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(Failed) as caught:
            write_state_file(tmp_path / "claims.json", b"{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert f"{tmp_path / 'claims.json'}: file too large" in caught.value.problem.message
