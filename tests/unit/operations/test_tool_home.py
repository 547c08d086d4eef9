"""A shell of an agent's tools has a HOME of its own: the home of the account is meant."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from hermes_profiles.operations.context import Session


def session(**environment: str) -> Session:
    return Session(environment=environment)


def test_home_of_tools_gives_the_home_of_the_account(tmp_path: Path):
    work = tmp_path / ".hermes" / "profiles" / "work"
    (work / "home").mkdir(parents=True)
    (work / ".env").touch()
    for given in ({"HERMES_HOME": str(work)}, {}):
        found = session(HOME=str(work / "home"), HERMES_REAL_HOME=str(tmp_path), **given)
        assert found.environment["HOME"] == str(tmp_path) and found.layout.root == tmp_path / ".hermes"
        assert found.layout.alias_folder == tmp_path / ".local" / "bin"
    found = session(HOME=str(work / "home"), HERMES_HOME=str(work))
    assert found.environment["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


def test_home_that_is_no_profiles_is_the_home_of_the_account(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "home", tmp_path / "profiles" / "ada" / "home"):
        assert session(HOME=str(folder)).environment["HOME"] == str(folder)
