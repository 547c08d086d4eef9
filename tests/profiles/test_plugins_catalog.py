"""Channels beyond the catalogue: what cannot be read stops a clone and only warns who looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.model.layout import Layout
from hermes_profiles.model.result import DocumentError, Problem
from hermes_profiles.profiles.plugins import catalog_for


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
def test_a_channel_invented_tomorrow_is_known(layout: Layout, file: str) -> None:
    _plugin(layout, GOOD, file=file)
    fact = catalog_for(layout, {"HOME": str(layout.user_home)}).lookup("NEWCHAT_TOKEN")
    assert fact is not None and fact.channel == "newchat"


@pytest.mark.parametrize("content", [b"name: [\xff", b"name: [unclosed\nkind: platform\n"])
def test_a_broken_declaration_stops_a_clone_and_warns_who_looks(layout: Layout, content: bytes) -> None:
    broken = _plugin(layout, content, name="broken")
    _plugin(layout, GOOD)
    with pytest.raises(DocumentError, match=r"plugin\.yaml"):
        catalog_for(layout, {"HOME": str(layout.user_home)})
    problems: list[Problem] = []
    catalog = catalog_for(layout, {"HOME": str(layout.user_home)}, problems=problems)
    assert [str(broken) in problem.message for problem in problems] == [True]
    assert catalog.lookup("NEWCHAT_TOKEN") is not None


def test_a_users_file_that_is_no_utf8_names_the_line(layout: Layout) -> None:
    path = layout.user_home / ".config" / "hermes-profiles" / "catalog.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"# one\n# two \xff\n")
    with pytest.raises(DocumentError, match=r"catalog\.toml:2: is not UTF-8"):
        catalog_for(layout, {"HOME": str(layout.user_home)})


def test_a_plugin_in_a_category_is_found_as_hermes_finds_it(layout: Layout) -> None:
    _plugin(layout, GOOD, name="chats/newchat")
    assert "newchat" in catalog_for(layout, {"HOME": str(layout.user_home)}).channels


def test_a_users_own_plugin_of_a_known_name_adds_its_variables(layout: Layout) -> None:
    _plugin(layout, b"name: slack\nkind: platform\nrequires_env:\n  - COMPANY_CHAT_TOKEN\n", name="slack")
    fact = catalog_for(layout, {"HOME": str(layout.user_home)}).lookup("COMPANY_CHAT_TOKEN")
    assert fact is not None and fact.channel == "slack"


def test_channels_of_the_hermes_on_path_are_known(layout: Layout) -> None:
    environment = layout.user_home / "pipx" / "hermes"
    plugin = environment / "lib" / "python3.12" / "site-packages" / "plugins" / "platforms" / "newchat" / "plugin.yaml"
    plugin.parent.mkdir(parents=True)
    plugin.write_bytes(GOOD)
    program = environment / "bin" / "hermes"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    link = layout.user_home / "bin" / "hermes"
    link.parent.mkdir()
    link.symlink_to(program)
    known = catalog_for(layout, {"HOME": str(layout.user_home), "PATH": str(link.parent)}).channels
    assert "newchat" in known
