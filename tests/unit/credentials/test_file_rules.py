"""Rulings on files and folders of a home."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import NESTED_HOME, FileRules, Scope, is_silent

CATALOG = load_catalog()


def rules(scope: Scope = Scope.ALL, *, default: bool = False, channels: Channels = Channels.EXCLUDE) -> FileRules:
    return FileRules(CATALOG, ClonePolicy(channels), scope, default)


@pytest.mark.parametrize("row", CATALOG.left_behind, ids=lambda row: row.glob)
def test_forbidden_files_stay_behind_under_every_policy(row):  # type: ignore[no-untyped-def]
    path = row.glob.replace("*", "x").rstrip("/")
    folder = row.glob.endswith("/")
    assert rules(default=True).judge(path, folder=folder).removes
    if CATALOG.state_owner(path) is None:
        assert rules(default=True, channels=Channels.CLONE).judge(path, folder=folder).removes
    if row.default_only:
        ruling = rules().judge(path, folder=folder)
        assert ruling.keeps or ruling.reason == NESTED_HOME


@pytest.mark.parametrize("name", sorted(CATALOG.channels))
def test_the_state_of_every_channel_stays_behind(name: str):
    for glob in CATALOG.channels[name].state:
        if "#" in glob:
            continue
        path, folder = glob.replace("*", "x").rstrip("/"), glob.endswith("/")
        for scope in Scope:
            ruling = rules(scope).judge(path, folder=folder)
            assert ruling.removes and not is_silent(ruling.reason), path


@pytest.mark.parametrize(
    "name",
    [
        "whatsapp.bak", "weixin-old", "whatsapp copy", "whatsapp (copy)", "whatsapp copy 2", "matrix_2026-05-01",
        "weixin~", "weixin.original", "slack_tokens.json.bak", "slack_tokens.json~", "pairing.old", "feishu_a.json.1",
    ],
)  # fmt: skip
def test_copies_of_state_stay_behind(name: str):
    assert rules().judge(name, folder="json" not in name).removes
    assert rules().judge(f"{name}/session/creds.json", folder=False).removes
    assert rules(channels=Channels.CLONE).judge(name, folder=True).keeps
    assert rules().judge(f"workspace/{name}", folder=True).keeps


@pytest.mark.parametrize("name", ["whatsapp-notes", "matrix-2-plan", "weixin.md", "old", "copy", "2026-05-01"])
def test_folders_that_only_begin_like_state_are_copied(name: str):
    assert rules().judge(name, folder=True).keeps


@pytest.mark.parametrize(
    "path", ["skills/a/SKILL.md", "plugins/p/x.py", "hooks/h", "scripts/s", "skins/k", "SOUL.md", "memories/USER.md"]
)
def test_agent_files_are_in_every_copy(path: str):
    for scope in Scope:
        assert rules(scope).judge(path, folder=False).keeps


@pytest.mark.parametrize(
    "path",
    [
        ".env.bak",
        ".env~",
        ".env-old",
        "config.yaml.1",
        ".config.yaml.swp",
        "#auth.json#",
        "honcho.json.bak",
        ".op.env.old",
    ],
)
def test_stray_copies_of_secrets_stay_behind(path: str):
    for scope in Scope:
        assert rules(scope).judge(path, folder=False).removes
    assert rules().judge("skills/a/" + path, folder=False).keeps


@pytest.mark.parametrize("path", ["skills/__pycache__", "x.pyc", "a.sock", "b.tmp"])
def test_recreated_files_are_not_reported(path: str):
    ruling = rules().judge(path, folder=path.endswith("__pycache__"))
    assert ruling.removes and is_silent(ruling.reason)


def test_scope_agent_takes_only_the_agent():
    assert is_silent(rules(Scope.AGENT).judge("workspace", folder=True).reason)
    assert rules(Scope.ALL).judge("workspace", folder=True).keeps
