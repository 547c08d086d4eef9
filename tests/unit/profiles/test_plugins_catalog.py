"""Channels of plugins and of the user: a broken declaration stops a clone, and is a warning elsewhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.profiles.ports import declared_ports


@pytest.fixture
def layout(isolated: Path) -> Layout:
    return Layout(isolated / ".hermes", isolated)


def _plugin(layout: Layout, content: bytes, name: str = "newchat", file: str = "plugin.yaml") -> Path:
    path = layout.root / "plugins" / name / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


GOOD = b"name: newchat\nkind: platform\nrequires_env:\n  - NEWCHAT_TOKEN\n"


@pytest.mark.parametrize("file", ["plugin.yaml", "plugin.yml"])
def test_unknown_plugin_channel_is_known(layout: Layout, file: str) -> None:
    _plugin(layout, GOOD, file=file)
    fact = catalog_for(layout, {"HOME": str(layout.user_home)}).lookup("NEWCHAT_TOKEN")
    assert fact is not None and fact.channel == "newchat"


@pytest.mark.parametrize("content", [b"name: [\xff", b"name: [unclosed\nkind: platform\n"])
def test_broken_declaration_stops_a_clone_and_is_a_warning_elsewhere(layout: Layout, content: bytes) -> None:
    broken = _plugin(layout, content, name="broken")
    _plugin(layout, GOOD)
    with pytest.raises(DocumentError, match=r"plugin\.yaml"):
        catalog_for(layout, {"HOME": str(layout.user_home)})
    problems: list[Problem] = []
    catalog = catalog_for(layout, {"HOME": str(layout.user_home)}, problems=problems)
    assert [str(broken) in problem.message for problem in problems] == [True]
    assert catalog.lookup("NEWCHAT_TOKEN") is not None


def test_user_file_that_is_not_utf8_names_the_line(layout: Layout) -> None:
    path = layout.user_home / ".config" / "hermes-profiles" / "catalog.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"# one\n# two \xff\n")
    with pytest.raises(DocumentError, match=r"catalog\.toml:2: is not UTF-8"):
        catalog_for(layout, {"HOME": str(layout.user_home)})


@pytest.mark.parametrize("place", [".config/hermes-profiles/catalog.toml", ".hermes/plugins/odd/plugin.yaml"])
def test_declaration_that_is_a_fifo_is_reported_without_waiting(layout: Layout, place: str) -> None:
    path = layout.user_home / place
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    signal.alarm(10)
    try:
        with pytest.raises(DocumentError, match="not a regular file") as caught:
            catalog_for(layout, {"HOME": str(layout.user_home)})
    finally:
        signal.alarm(0)
    assert str(path) in caught.value.problem.message


def test_ports_of_a_profile_with_a_fifo_are_read_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    (tmp_path / "config.yaml").write_text("port: 8650\n")
    signal.alarm(10)
    try:
        assert declared_ports([tmp_path]) == {8650}
    finally:
        signal.alarm(0)
