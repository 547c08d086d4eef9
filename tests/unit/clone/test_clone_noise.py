"""The report of a clone: empty defaults are no news, and paths into the source are."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_source import clone, make_layout

from hermes_profiles.credentials.policy import Channels, ClonePolicy

ENV = "OPENAI_API_KEY=sk-CANARY-of-a-model\nTELEGRAM_BOT_TOKEN=CANARY-telegram-0001\n"
DEFAULTS = """model:
  default: x
slack:
  require_mention: true
  free_response_channels: ''
  channel_prompts: {}
discord:
  allowed_channels: ""
  channel_skill_bindings: []
  dm_role_auth_guild: null
  ignored_channels:
telegram:
  allowed_chats: ''
platforms:
  matrix:
    extra:
      allowed_rooms: '  '
"""


def test_empty_defaults_of_channels_stay_and_are_not_reported(tmp_path: Path) -> None:
    text = DEFAULTS[: DEFAULTS.index("platforms:")]
    cloned = clone(make_layout(tmp_path, {".env": ENV, "config.yaml": text}))
    assert cloned.text("config.yaml") == text and cloned.data["config"] == {"removed": [], "disabled": []}
    steps = " ".join(cloned.data["next_steps"])
    assert "telegram" in steps and not any(name in steps for name in ("slack", "discord", "matrix"))


def test_block_of_a_channel_is_switched_off_with_its_empty_settings(tmp_path: Path) -> None:
    cloned = clone(make_layout(tmp_path, {".env": ENV, "config.yaml": DEFAULTS}))
    assert cloned.data["config"]["removed"] == [] and cloned.data["config"]["disabled"] == ["matrix"]
    assert "allowed_rooms: '  '" in cloned.text("config.yaml")


FLAGS_OFF = """WHATSAPP_ENABLED=false
API_SERVER_ENABLED="0" # nobody
"""


def test_flags_that_are_off_stay_and_are_not_reported(tmp_path: Path) -> None:
    text = "model:\n  default: x\ngateway:\n  relay_url: ''\n  proxy_url: null\nSLACK_BOT_TOKEN: ''\n"
    layout = make_layout(tmp_path, {".env": ENV + FLAGS_OFF, "config.yaml": text})
    cloned = clone(layout, environment={"WHATSAPP_ENABLED": "true"})
    assert cloned.names_removed() == {"TELEGRAM_BOT_TOKEN"} and cloned.data["config"]["removed"] == []
    assert cloned.text(".env").endswith(FLAGS_OFF) and cloned.text("config.yaml") == text
    assert not any(name in " ".join(cloned.data["next_steps"]) for name in ("whatsapp", "relay", "slack"))


@pytest.mark.parametrize(
    "line",
    ["WHATSAPP_ENABLED=true", "WHATSAPP_ENABLED=flase", "GATEWAY_ALLOW_ALL_USERS=1", "SLACK_ALLOW_ALL_USERS=no"],
)
def test_flags_that_are_on_and_rules_of_who_may_write_stay_behind(tmp_path: Path, line: str) -> None:
    cloned = clone(make_layout(tmp_path, {".env": f"{ENV}{line}\n", "config.yaml": "model:\n  default: x\n"}))
    assert line.partition("=")[0] in cloned.names_removed() and "the the" not in str(cloned.data)


@pytest.mark.parametrize(
    "line", ["  allowed_channels: C0CANARY01", "  channel_prompts: {C0CANARY01: x}", "  brand_new: CANARYvalue"]
)
def test_setting_with_a_value_is_reported(tmp_path: Path, line: str) -> None:
    text = DEFAULTS.replace("  require_mention: true", line)
    cloned = clone(make_layout(tmp_path, {".env": ENV, "config.yaml": text}))
    assert {row["path"].partition(".")[0] for row in cloned.data["config"]["removed"]} == {"slack"}
    assert "CANARY" not in cloned.text("config.yaml")


def test_strict_prefix_takes_empty_settings_too(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV, "config.yaml": DEFAULTS})
    cloned = clone(layout, policy=ClonePolicy(channels=Channels.STRICT_PREFIX))
    assert "free_response_channels" not in cloned.text("config.yaml")


def paths_named(folder: Path, home: str) -> set[str]:
    env = (
        f"{ENV}MESSAGING_CWD={home}/workspace\nVAULT=~/.hermes/profiles/coder/vault\nOTHER=~/.hermes/profiles/coder2\n"
    )
    config = "model:\n  default: x\nterminal:\n  cwd: $HOME/.hermes/profiles/coder\nskills:\n  external_dirs:\n"
    config += f"  - {home}/more\n"
    files = {
        ".env": env,
        "config.yaml": config,
        "scripts/s.sh": f"#!/bin/sh\ncd {home}/x\n",
        "hooks/h.sh": "cd ~/.hermes/profiles/coder/x\n",
        "skills/a/SKILL.md": "Files are in ~/.hermes/skills and ~/.hermes/profiles/coder-old/x.\n",
    }
    cloned = clone(make_layout(folder, files, profile="coder"), "coder")
    assert {warning.target for warning in cloned.warnings if warning.code == "source-path"} <= set(files)
    hints = {warning.hint for warning in cloned.warnings if warning.code == "source-path"}
    # `hermes config set` of 0.19.0 would make a new key `external_dirs[0]`.
    assert "to change it: `hermes-profiles config set copy 'skills.external_dirs[0]' PATH`" in hints
    return {warning.message for warning in cloned.warnings if warning.code == "source-path"}


def test_paths_into_the_source_are_named(tmp_path: Path) -> None:
    named = paths_named(tmp_path, str(tmp_path / ".hermes/profiles/coder"))
    assert named == {
        ".env:3: MESSAGING_CWD points into the home of coder",
        ".env:4: VAULT points into the home of coder",
        "config.yaml:4: terminal.cwd points into the home of coder",
        "config.yaml:7: skills.external_dirs[0] points into the home of coder",
        "scripts/s.sh:2: a path into the home of coder",
        "hooks/h.sh:1: a path into the home of coder",
    }


def test_skill_of_the_default_profile_can_speak_of_the_root(tmp_path: Path) -> None:
    files = {".env": ENV, "skills/a/SKILL.md": "Look at ~/.hermes/skills.\n", "config.yaml": "a: ~/.hermes/x\n"}
    cloned = clone(make_layout(tmp_path, files))
    named = [warning.message for warning in cloned.warnings if warning.code == "source-path"]
    assert named == ["config.yaml:1: a points into the home of default"]


def test_empty_block_of_a_channel_is_nobodys_work(tmp_path: Path) -> None:
    text = "model:\n  default: x\nplatforms:\n  slack: {}\n  whatsapp: {}\n  feishu: null\n"
    cloned = clone(make_layout(tmp_path, {".env": "OPENAI_API_KEY=sk-CANARY\n", "config.yaml": text}))
    assert cloned.text("config.yaml") == text and cloned.data["config"]["disabled"] == []
    assert not any("connect" in step for step in cloned.data["next_steps"])


@pytest.mark.parametrize("files", [{"logs/gateway.log": "x\n"}, {"cron/x": "x"}])
def test_folder_that_a_deleted_profile_left_is_named(tmp_path: Path, files: dict[str, str]) -> None:
    found = clone(make_layout(tmp_path, files, profile="left"), "left").warnings
    assert [problem.code for problem in found] == ["left-folder"] and "left has no file" in found[0].message
    whole = clone(make_layout(tmp_path / "whole", {**files, ".env": "A=1\n"}, profile="left"), "left").warnings
    assert "left-folder" not in {problem.code for problem in whole}
