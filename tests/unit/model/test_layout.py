from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.model.layout import Layout, given_home

HOME = Path("/home/ada")


def _root(env: dict[str, str], home: str | None = None) -> str:
    return str(Layout.from_environment({"PWD": "/work/x", **env}, user_home=HOME, platform="linux", home=home).root)


@pytest.mark.parametrize(("given", "root"), [
    (None, "/home/ada/.hermes"), ("/data", "/data"), ("/data/profiles/work", "/data"),
    ("/data/profiles/work/", "/data"),
    ("~/.hermes", "/home/ada/.hermes"), ("~", "/home/ada"), ("~other/x", "/work/x/~other/x"), (".", "/work/x"),
    ("profiles/work", "/work/x"), ("../y/profiles/work/.", "/work/y"), ("/data/profiles", "/data/profiles"),
])  # fmt: skip
def test_the_root_is_what_hermes_would_use(given: str | None, root: str) -> None:
    assert _root({}, given) == root
    assert _root({"HERMES_HOME": given or ""}) == root


def test_the_option_beats_the_variable() -> None:
    assert _root({"HERMES_HOME": "/a"}, "/b") == "/b"
    assert given_home({"HERMES_HOME": " /a \n"}, user_home=HOME) == Path("/a")
    assert given_home({"HERMES_HOME": "  "}, user_home=HOME) is None


def test_places_below_the_root() -> None:
    linux = Layout(HOME / ".hermes", HOME)
    assert linux.home("default") == HOME / ".hermes" and linux.home("work") == HOME / ".hermes/profiles/work"
    assert linux.state.parent == linux.profiles and linux.state.name.startswith(".")
