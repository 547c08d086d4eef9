"""Channels of plugins and of the user: a broken declaration stops a clone, and is a warning elsewhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.context import Session
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.plugin_channels import catalog_for, homes_with_plugins
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


CODE = """import os
def register(ctx):
    ctx.register_platform(name="pager", label="pager", adapter_factory=None, check_fn=None,
        is_connected=lambda cfg: bool(os.getenv("PAGER_KEY")))
"""
KEY = "PAGER_KEY=CANARY-pager-0123456789\n"


def _home(layout: Layout, name: str, config: str, plugin: str = "", manifest: str = "name: pager\n") -> None:
    home = layout.home(name)
    home.mkdir(parents=True, exist_ok=True)
    (home / ".env").write_text(KEY)
    (home / "config.yaml").write_text(config)
    if plugin:
        folder = home / "plugins" / plugin
        folder.mkdir(parents=True)
        (folder / "plugin.yaml").write_text(manifest)
        (folder / "__init__.py").write_text(CODE)


def _channels(layout: Layout, name: str) -> tuple[str, ...]:
    session = Session(str(layout.root), environment={"HOME": str(layout.user_home)})
    return claimed_resources(layout.home(name), catalog=session.catalog).channels


ON = "plugins:\n  enabled:\n  - pager\n"


@pytest.mark.parametrize(("config", "plugin", "manifest", "is_on"), [
    (ON, "pager", "name: pager\n", True),
    (ON, "any", "name: pager\n", True),
    (ON, "pager", "version: 1\n", True),
    (ON, "group/pager", "name: other\n", False),
    (ON.replace("pager", "group/pager"), "group/pager", "name: other\n", True),
    (ON, "a/b/pager", "name: pager\n", False),  # Hermes looks one folder deeper
    (ON, "", "", False),  # only another home has the plugin
    ("model: x\n", "pager", "name: pager\n", False),
    (ON + "  disabled:\n  - pager\n", "pager", "name: pager\n", False),
    (ON.replace("\n  - pager", " pager"), "pager", "name: pager\n", False),
    (ON, "pager", "name: pager\nkind: exclusive\n", False),
    (ON.replace("pager", "any"), "any", "name: pager\n", False),
])  # fmt: skip
def test_a_plugin_starts_its_channel_only_in_the_home_that_has_and_enables_it(
    layout: Layout, config: str, plugin: str, manifest: str, is_on: bool
) -> None:
    _home(layout, "default", ON, "pager")
    _home(layout, "own", config, plugin, manifest)
    assert _channels(layout, "default") == ("pager",)
    assert _channels(layout, "own") == (("pager",) if is_on else ())


@pytest.mark.parametrize(("env", "config", "found"), [
    ("HERMES_ENABLE_PROJECT_PLUGINS=1\n", ON, ("pager",)),
    ("HERMES_ENABLE_PROJECT_PLUGINS=0\n", ON, ()),
    ("", ON, ()),
    ("HERMES_ENABLE_PROJECT_PLUGINS=true\n", "model: x\n", ()),
])  # fmt: skip
def test_plugins_below_the_folder_of_the_process_are_those_of_a_project(
    layout: Layout, env: str, config: str, found: tuple[str, ...]
) -> None:
    """A service works in the home, and Hermes looks for `.hermes/plugins` there (hermes_cli/plugins.py)."""
    _home(layout, "own", config, "../.hermes/plugins/pager")
    path = layout.home("own") / ".env"
    path.write_text(KEY + env)
    assert _channels(layout, "own") == found
    catalog = Session(str(layout.root), environment={"HOME": str(layout.user_home)}).catalog
    assert (catalog.lookup("PAGER_KEY") is not None) == (config == ON), "left behind by a clone"


@pytest.mark.parametrize(("environment", "disabled", "found"), [
    ("", "telegram-platform", ("irc",)),
    ("", "platforms/telegram", ("irc", "telegram")),  # no name that the start of 0.19.0 knows
    ("", "wecom-platform", ("irc", "telegram")),
    ("HERMES_SAFE_MODE=1\n", "", ()),
])  # fmt: skip
def test_a_channel_whose_plugin_of_hermes_is_off_does_not_start(
    layout: Layout, environment: str, disabled: str, found: tuple[str, ...]
) -> None:
    _home(layout, "default", f"plugins:\n  disabled:\n  - {disabled}\n" if disabled else "model: x\n")
    irc = "IRC_SERVER=irc.example.org\nIRC_CHANNEL=#a\nIRC_NICKNAME=b\n"
    (layout.root / ".env").write_text(f"TELEGRAM_BOT_TOKEN=7100:CANARY-telegram\n{irc}{environment}")
    assert _channels(layout, "default") == found
    session = Session(str(layout.root), environment={"HOME": str(layout.user_home)})
    off = [each.channel for each in claimed_resources(layout.root, catalog=session.catalog).off]
    assert off == [channel for channel in ("telegram",) if disabled == "telegram-platform"]


@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize("is_on", [True, False])
def test_channel_of_an_installed_package_is_known(layout: Layout, *, is_on: bool, is_file: bool) -> None:
    site = layout.root / "hermes-agent" / "venv" / "lib" / "python3.11" / "site-packages"
    (site / "pager_pkg").mkdir(parents=True)
    described = site / "pager_pkg-1.0.dist-info" / "entry_points.txt"
    described.parent.mkdir()
    module = "pager_pkg.entry:register"
    described.write_text(f"[console_scripts]\nx = y:z\n\n[hermes_agent.plugins]\nmy-pager = {module}\n")
    code = site / "pager_pkg" / ("entry.py" if is_file else "entry/__init__.py")
    code.parent.mkdir(exist_ok=True)
    code.write_text(CODE)
    _home(layout, "default", "plugins:\n  enabled:\n  - other\n")
    _home(layout, "own", f"plugins:\n  enabled:\n  - {'my-pager' if is_on else 'pager_pkg'}\n")
    assert _channels(layout, "own") == (("pager",) if is_on else ())
    fact = catalog_for(layout, {"HOME": str(layout.user_home)}).lookup("PAGER_KEY")
    assert fact is not None and fact.channel == "pager"


@pytest.mark.parametrize(("config", "is_read"), [
    ("plugins:\n  enabled: []\n  disabled: []\n", False),
    ("plugins:\n  enabled:\n  disabled: [pager]\n", False),
    ("platforms:\n  telegram:\n    enabled: true\n", False),
    ("plugins:\n  enabled: [pager]\n", True),
    ("plugins:\n  enabled: [\n    pager]\n", True),
    ("plugins:\n  enabled: # mine\n\n  # first\n  - pager\n", True),
    ("plugins:\r\n  enabled:\r\n  - pager\r\n", True),
    ("plugins: {enabled: ['pager']}\n", True),
    ('{"plugins": {"enabled": ["pager"]}}', True),
    ("x: &a [pager]\nplugins:\n  enabled: *a\n", True),
])  # fmt: skip
def test_plugins_of_homes_that_enable_none_are_not_read(layout: Layout, config: str, *, is_read: bool) -> None:
    _home(layout, "own", config, "pager")
    assert homes_with_plugins(layout) == ((layout.home("own"),) if is_read else ())
