"""Rulings on paths of config.yaml."""

# ruff: noqa: E501  (a row of a table is one line)

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from config_paths import identity_paths
from real_hermes import hermes_python

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.config import TreeJudgement, dotted, judge_config
from hermes_profiles.credentials.rules.environment import SourceFacts
from hermes_profiles.documents.yaml.document import YamlDocument

CATALOG = load_catalog()


def judged(text: str, policy: ClonePolicy | None = None) -> TreeJudgement:
    entries = YamlDocument.parse(text.encode()).entries
    return judge_config(entries, catalog=CATALOG, policy=policy or ClonePolicy(), facts=SourceFacts())


def removed(text: str, policy: ClonePolicy | None = None) -> set[str]:
    return {dotted(removal.entry.path) for removal in judged(text, policy).removals}


@pytest.mark.parametrize(
    ("path", "channel", "block"),
    [
        (("platforms", "telegram", "token"), "telegram", 2),
        (("platforms", "Telegram"), "telegram", 2),
        (("platforms", "whatsapp-cloud", "extra"), "whatsapp_cloud", 2),
        (("platforms", "newthing", "x"), "newthing", 2),
        (("gateway", "platforms", "slack", "token"), "slack", 3),
        (("gateway", "discord", "token"), "discord", 2),
        (("signal", "account"), "signal", 1),
        (("platforms", "local", "x"), None, 0),
        (("gateway", "strict"), None, 0),
        (("mcp_servers", "slack", "env"), None, 0),
        (("platforms",), None, 0),
    ],
)
def test_channel_place_returns_the_block_of_a_path(path: tuple[str, ...], channel: str | None, block: int):
    place = channel_place(path, CATALOG)
    assert (place.channel, len(place.block)) == (channel, block) if place else channel is None


@pytest.mark.parametrize("name", sorted(CATALOG.channels))
def test_every_channel_loses_its_identity_and_is_switched_off(name: str):
    channel = CATALOG.channels[name]
    paths = [path.removeprefix("extra.") for path in identity_paths(channel) if "." not in path.removeprefix("extra.")]
    block = {"enabled": True, "extra": dict.fromkeys(paths, "x")}
    for root in (("platforms",), ("gateway", "platforms"), ("gateway",)):
        tree: dict[str, object] = {name: block}
        for part in reversed(root):
            tree = {part: tree}
        judgement = judged(json.dumps(tree))
        gone = {removal.entry.path[-1] for removal in judgement.removals}
        assert gone >= set(paths) and [place.channel for place in judgement.switch_off] == [name]
        assert judged(json.dumps(tree), ClonePolicy(Channels.CLONE)).removals == ()


def test_options_stay_unless_the_user_is_strict():
    text = "platforms:\n  telegram: {token: x, reply_to_mode: first, extra: {reactions: true}}\n"
    assert removed(text) == {"platforms.telegram.token"}
    assert removed(text, ClonePolicy(Channels.STRICT_PREFIX)) == {
        "platforms.telegram.token", "platforms.telegram.reply_to_mode", "platforms.telegram.extra.reactions",
    }  # fmt: skip


def test_references_of_kept_settings_are_known():
    text = "a: ${ONE} ${TWO:-x}\nplatforms: {telegram: {token: '${THREE}'}}\n"
    assert judged(text).references == {"ONE", "TWO"}


def test_top_level_scalars_count_as_variables_and_others_do_not():
    assert removed("FEISHU_APP_SECRET: x\nfeishu_app_secret: x\nTAVILY_API_KEY: y\nmodel: z\n") == {"FEISHU_APP_SECRET"}


def test_a_real_default_configuration_loses_only_what_names_chats():
    """Hermes writes these sections into every home; a clone keeps their behaviour."""
    python = hermes_python()
    script = "import json; from hermes_cli.config import DEFAULT_CONFIG; print(json.dumps(DEFAULT_CONFIG))"
    env = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "HERMES_HOME": "/nonexistent/.hermes"}
    answer = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, check=True, env=env, cwd=Path.home()
    )
    names = {path.rpartition(".")[2] for path in removed(answer.stdout.splitlines()[-1])}
    assert names <= CHATS, sorted(names - CHATS)


# Empty by default; filled in, they name chats, people and guilds of the source.
CHATS = {
    "free_response_channels", "allowed_channels", "channel_prompts", "allowed_chats", "free_response_rooms", "allowed_rooms",
    "dm_role_auth_guild", "server_actions", "channels",
}  # fmt: skip
