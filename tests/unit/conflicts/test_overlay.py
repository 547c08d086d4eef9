"""The two files of an overlay. tests/integration/hermes/test_masks_hermes.py holds them against Hermes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_profiles.conflicts.overlay import (
    Overlay,
    compose,
    masks_json,
    masks_of,
    overlay_folder,
)
from hermes_profiles.credentials.catalog.catalog import Catalog, load_catalog
from hermes_profiles.credentials.catalog.model import Channel, KeyClass, KeyFact, Sharing
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.managed_folder import managed_files, managed_folder, managed_values

CATALOG = load_catalog()


def mask(channel: str) -> Mask:
    return Mask(channel, MaskCause.TOKEN, ChannelOwner("a", 7))


def env(overlay: Overlay) -> dict[str, str]:
    return EnvDocument.parse(overlay.env).environment()


def config(overlay: Overlay) -> Any:
    return YamlDocument.parse(overlay.config).data()


def test_overlay_without_masks_and_managed_directory_is_empty() -> None:
    assert compose([], catalog=CATALOG) == Overlay()


def test_mask_empties_variables_and_disables_the_channel() -> None:
    overlay = compose([mask("weixin"), mask("weixin")], catalog=CATALOG)
    assert env(overlay) == {"WEIXIN_TOKEN": "", "WEIXIN_ACCOUNT_ID": ""}
    off = {"enabled": False}
    assert config(overlay) == {"platforms": {"weixin": off}, "weixin": off}
    assert "weixin" not in repr(overlay) and not overlay.problems


def test_mask_disables_every_spelling_and_no_other_channel() -> None:
    overlay = compose([mask("telegram")], catalog=CATALOG, spellings=("Telegram", "SLACK", "TELE: gram"))
    assert set(config(overlay)["platforms"]) == {"telegram", "Telegram"}


@pytest.mark.parametrize(("channel", "emptied", "lost"), [
    ("email", {"EMAIL_IMAP_HOST"}, "EMAIL_IMAP_HOST"),
    ("homeassistant", {"HASS_TOKEN"}, "HASS_TOKEN"),
    ("sms", {"TWILIO_ACCOUNT_SID"}, "TWILIO_ACCOUNT_SID"),
    ("api_server", {"API_SERVER_ENABLED", "API_SERVER_KEY"}, None),
])  # fmt: skip
def test_variable_of_a_tool_is_emptied_only_where_needed(channel: str, emptied: set[str], lost: str | None) -> None:
    overlay = compose([mask(channel)], catalog=CATALOG)
    assert set(env(overlay)) == emptied
    assert [f" {lost} " in problem.message for problem in overlay.problems] == ([True] if lost else [])


def test_google_project_stays_set() -> None:
    overlay = compose([mask("google_chat")], catalog=CATALOG)
    assert "GOOGLE_CLOUD_PROJECT" not in env(overlay) and "GOOGLE_CHAT_SUBSCRIPTION_NAME" in env(overlay)
    assert not overlay.problems


def test_variable_of_another_channel_stays_set() -> None:
    keys = tuple(
        KeyFact(name, "shout", KeyClass.IDENTITY_CREDENTIAL, auto_enables=True)
        for name in ("SHOUT_TOKEN", "TELEGRAM_BOT_TOKEN")
    )
    reader = Channel("shout", Sharing.exclusive, "", ("SHOUT_",), keys, (frozenset(one.name for one in keys),))
    catalog = Catalog(CATALOG.tables._replace(channels={**CATALOG.channels, "shout": reader}))
    on = ("shout", "telegram")
    assert "TELEGRAM_BOT_TOKEN" not in env(compose([mask("telegram")], catalog=catalog, on=on))
    assert "TELEGRAM_BOT_TOKEN" in env(compose([mask("telegram"), mask("shout")], catalog=catalog, on=on))
    assert "TELEGRAM_BOT_TOKEN" in env(compose([mask("telegram")], catalog=catalog, on=("telegram",)))


MANAGED = b"# policy\r\nA='x # y'\r\nexport TELEGRAM_BOT_TOKEN=7:CANARY\r\n# TELEGRAM_BOT_TOKEN=old\r\nB=\xfc\r\n"


def test_managed_env_is_copied_and_the_mask_overrides_it() -> None:
    assert compose([], catalog=CATALOG, managed_env=MANAGED).env == MANAGED
    made = compose([mask("telegram")], catalog=CATALOG, managed_env=MANAGED).env
    document = EnvDocument.parse(made)
    assert document.environment() == document.line_environment() | {"A": "x # y", "TELEGRAM_BOT_TOKEN": ""}
    assert made.startswith(b"# policy\r\nA='x # y'\r\n") and b"B=\xfc\r\n" in made and b"7:CANARY" not in made


def test_managed_env_with_open_quote_follows_the_mask() -> None:
    raw = b"A=1\nB='open\nC=2\n"
    made = compose([mask("telegram")], catalog=CATALOG, managed_env=raw).env
    assert made.endswith(raw) and b"\nTELEGRAM_BOT_TOKEN=\n" in made
    with pytest.raises(Refused, match="names a variable that must be emptied"):
        compose([mask("telegram")], catalog=CATALOG, managed_env=raw + b"TELEGRAM_BOT_TOKEN=7:CANARY\n")


@pytest.mark.parametrize("text", [
    "a: 1\n",
    "platforms:\n  telegram:\n    enabled: true # always\n    extra: {x: 1}\n  slack: {enabled: true}\n",
    "platforms: {}\ntelegram:\n",
    "platforms:\ntelegram: x\n",
    "platforms: []\n",
    "{platforms: {telegram: {enabled: true}}, a: [1, 2.5, null, 'ü']}\n",
    "base: &on {enabled: true}\nplatforms: {telegram: *on, slack: *on}\n",
    "base: &on {enabled: true}\nplatforms:\n  telegram:\n    <<: *on\n  slack:\n    <<: *on\n",
    "platforms:\n  Telegram: {enabled: true}\n",
    "telegram: {enabled: true, enabled: true}\n",
    "# only a comment\n",
])  # fmt: skip
def test_managed_config_is_copied_and_only_flags_change(text: str) -> None:
    from hermes_profiles.profiles.channels import merged

    raw = text.encode()
    before = YamlDocument.parse(raw).data() or {}
    assert isinstance(before, dict)
    off = {"enabled": False}
    extra = {"Telegram": off} if "Telegram" in text else {}
    wanted = merged(before, {"platforms": {"telegram": off, **extra}, "telegram": off})
    overlay = compose([mask("telegram")], catalog=CATALOG, managed_config=raw)
    assert config(overlay) == wanted and not overlay.problems
    assert compose([], catalog=CATALOG, managed_config=raw).config == raw


def test_broken_managed_config_is_reported_and_masked() -> None:
    overlay = compose([mask("telegram")], catalog=CATALOG, managed_config=b"a: [\n")
    assert config(overlay)["platforms"] == {"telegram": {"enabled": False}}
    assert [problem.code for problem in overlay.problems] == ["managed-ignored"]
    alone = compose([], catalog=CATALOG, managed_config=b"a: [\n")
    assert alone.config == b"a: [\n" and [one.code for one in alone.problems] == ["managed-ignored"]


def test_managed_folder_in_use(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root", tmp_path)
    machine, own = tmp_path / "etc", tmp_path / "own"

    def look(named: Path | str) -> Path | None:
        return managed_folder({"HERMES_MANAGED_DIR": str(named)}, layout, machine_wide=machine)

    assert look("") is None
    machine.mkdir()
    assert look("") == machine and look(own) is None, "a folder that is named and missing hides the other"
    own.mkdir()
    assert look(own) == own
    ours = overlay_folder(layout, "work")
    ours.mkdir(parents=True)
    assert look(ours) == machine, "an overlay is not a managed directory"


def test_managed_files_are_read(tmp_path: Path) -> None:
    assert managed_files(None) == managed_files(tmp_path) == (None, None)
    (tmp_path / ".env").write_bytes(MANAGED)
    assert managed_files(tmp_path) == (MANAGED, None)
    assert managed_values(tmp_path, CATALOG).environment["TELEGRAM_BOT_TOKEN"] == "7:CANARY"
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(Refused, match="its policy would be lost"):
        managed_files(tmp_path)


def test_masks_are_read_back_and_other_content_is_ignored(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path)
    assert masks_of(layout, "work") == ()
    folder = overlay_folder(layout, "work")
    folder.mkdir(parents=True)
    (folder / "masks.json").write_bytes(masks_json([mask("weixin")], 5.0))
    assert masks_of(layout, "work") == (mask("weixin"),)
    for broken in (b"", b"[]", b'{"masks": [{}]}', b'{"masks": 1}'):
        (folder / "masks.json").write_bytes(broken)
        assert masks_of(layout, "work") == ()
