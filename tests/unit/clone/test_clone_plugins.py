"""Channels that the code of a plugin registers do not start in a clone."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_source import Cloned, clone, make_layout

from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.profiles.plugin_channels import catalog_for

SECRET = "CANARY-pager-Key0123456789"
CODE = """import os
def register(ctx):
    ctx.register_platform(name="{name}", label="x", adapter_factory=None, check_fn=lambda: True,
        is_connected=lambda cfg: bool(os.getenv("{variable}")))
"""
CASES = {
    "no kind": ("pager", "pager", "PAGER_KEY", "name: pager\nrequires_env: [PAGER_KEY]\n"),
    "variable not listed": ("pager", "pager", "ACME_TOKEN", "name: pager-platform\nkind: platform\n"),
    "folder of a known channel": ("telegram", "telegram2", "TGTWO_TOKEN", "name: t2-platform\nkind: platform\n"),
    "another name": ("acme", "pager", "XP_TOKEN", "name: acme-platform\nkind: platform\nrequires_env: [OTHER_VAR]\n"),
    "one folder deeper": ("chats/acme", "pager", "XP_TOKEN", "name: acme\n"),
}


def made(tmp_path: Path, folder: str, code: str, manifest: str, env: str, policy: ClonePolicy | None = None) -> Cloned:
    layout = make_layout(
        tmp_path,
        {
            ".env": f"OPENAI_API_KEY=sk-CANARY-keep0123456789\n{env}\n",
            "config.yaml": f"model:\n  default: x\nplugins:\n  enabled: [{folder}, acme, t2-platform]\n",
            f"plugins/{folder}/plugin.yaml": manifest,
            f"plugins/{folder}/__init__.py": code,
        },
    )
    catalog = catalog_for(layout, {"HOME": str(tmp_path)}, homes=(layout.root,))
    return clone(layout, policy=policy, catalog=catalog)


@pytest.mark.parametrize("case", CASES)
def test_channel_of_a_plugin_is_off_and_its_variable_stays_behind(tmp_path: Path, case: str) -> None:
    folder, channel, variable, manifest = CASES[case]
    code = CODE.format(name=channel, variable=variable)
    copy = made(tmp_path, folder, code, manifest, f"{variable}={SECRET}")
    assert variable in copy.names_removed() and SECRET not in copy.text(".env")
    assert f"  {channel}:\n    enabled: false\n" in copy.text("config.yaml")
    assert "OPENAI_API_KEY=sk-CANARY-keep0123456789" in copy.text(".env")
    assert (copy.home / "plugins" / folder / "__init__.py").is_file()


def test_channel_without_any_variable_is_off(tmp_path: Path) -> None:
    code = "def register(ctx):\n    ctx.register_platform(name='pager', check_fn=lambda: True)\n"
    assert "  pager:\n    enabled: false\n" in made(tmp_path, "pager", code, "name: pager\n", "A=1").text("config.yaml")


def test_plugin_that_is_not_enabled_changes_nothing(tmp_path: Path) -> None:
    code = CODE.format(name="pager", variable="PAGER_KEY")
    layout = make_layout(
        tmp_path,
        {".env": "A=1\n", "config.yaml": "a: 1\n", "plugins/p/plugin.yaml": "name: p\n", "plugins/p/__init__.py": code},
    )
    copy = clone(layout, catalog=catalog_for(layout, {"HOME": str(tmp_path)}))
    assert copy.text("config.yaml") == "a: 1\n"


def test_registration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    code = "import os\ndef register(ctx):\n    ctx.register_platform(name='regap'[::-1], k=os.getenv('XP_TOKEN'))\n"
    copy = made(tmp_path, "acme", code, "name: acme\n", f"XP_TOKEN={SECRET}")
    (row,) = copy.data["files"]["named"]
    assert row["path"] == "plugins/acme/__init__.py" and row["line"] == 3
    assert "XP_TOKEN" in copy.names_removed()


def test_cloned_channels_keep_the_plugins_too(tmp_path: Path) -> None:
    folder, channel, variable, manifest = CASES["no kind"]
    code = CODE.format(name=channel, variable=variable)
    copy = made(tmp_path, folder, code, manifest, f"{variable}={SECRET}", ClonePolicy(channels=Channels.CLONE))
    assert SECRET in copy.text(".env") and "enabled: false" not in copy.text("config.yaml")


@pytest.mark.parametrize("name", [
    "secret.json", "secrets.json", "credentials.json", "token.json", "pager_tokens.json", "auth.json", "account.json",
    "session.json", "bot.session", "service_account.json",
])  # fmt: skip
@pytest.mark.parametrize("case", ["no kind", "one folder deeper"])
def test_account_in_the_folder_of_a_channel_plugin_stays_behind(tmp_path: Path, case: str, name: str) -> None:
    folder, channel, variable, manifest = CASES[case]
    place = f"plugins/{folder}/{name}"
    layout = make_layout(
        tmp_path,
        {
            ".env": "A=1\n",
            "config.yaml": f"plugins:\n  enabled: [{folder}, acme]\n",
            f"plugins/{folder}/plugin.yaml": manifest,
            f"plugins/{folder}/__init__.py": CODE.format(name=channel, variable=variable),
            f"plugins/{folder}/settings.json": '{"interval": 5}',
            place: f'{{"token": "{SECRET}"}}',
            "memories/MEMORY.md": f"- the pager is {SECRET}\n",
        },
    )
    copy = clone(layout, catalog=catalog_for(layout, {"HOME": str(tmp_path)}, homes=(layout.root,)))
    assert copy.left_behind()[place] == f"state of the {channel} identity" and not (copy.home / place).exists()
    assert (copy.home / f"plugins/{folder}/settings.json").is_file()
    assert name.endswith(".session") or SECRET not in copy.text("memories/MEMORY.md")


def test_credentials_of_another_plugin_are_copied_and_named(tmp_path: Path) -> None:
    place = "plugins/weather/credentials.json"
    files = {
        "plugins/weather/plugin.yaml": "name: weather\n",
        place: f'{{"key": "{SECRET}"}}',
        "skills/a/secret.json": "1",
    }
    copy = clone(make_layout(tmp_path, {".env": "A=1\n", "config.yaml": "a: 1\n", **files}))
    assert copy.text(place) == files[place]
    assert copy.data["files"]["named"] == [{"path": place, "line": None, "kind": "credentials of a plugin"}]
