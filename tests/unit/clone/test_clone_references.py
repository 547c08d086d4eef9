"""Identities behind references, in the text of a command, beside a name in a comment, and state of newer releases."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from clone_source import Cloned, Files, canary, clone, leaks, make_layout

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.mentions.variable_mentions import mentions_in_code, mentions_in_comment
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.profiles.channels import claimed_resources

TOKEN = "8812345678:AAF-CANARY-TelegramTokenAbCdEf123"
OLD = "7712345678:AAFoldCANARYTelegramTokenAbCd123"
KEPT = "OPENAI_API_KEY=sk-keepkeepkeepkeep\n"
MODEL = "model:\n  default: x\n"
CATALOG = load_catalog()


def cloned(folder: Path, files: Files, policy: ClonePolicy | None = None, **more: object) -> Cloned:
    return clone(make_layout(folder, files), policy=policy, **more)  # type: ignore[arg-type]


REFERENCES = {
    "platforms": "platforms:\n  telegram:\n    enabled: true\n    token: ${MY_TG_TOKEN}\n",
    "env:": "platforms:\n  telegram:\n    enabled: true\n    token: ${env:MY_TG_TOKEN}\n",
    "blanks": "platforms:\n  telegram:\n    token: '${ env: MY_TG_TOKEN }'\n",
    "manifest name": "platforms:\n  telegram-platform:\n    enabled: true\n    token: ${MY_TG_TOKEN}\n",
    "nested": "gateway:\n  platforms:\n    feishu:\n      extra: {app_id: cli_canary, app_secret: '${MY_TG_TOKEN}'}\n",
    "gateway.<name>": "gateway:\n  telegram:\n    enabled: true\n    token: ${MY_TG_TOKEN}\n",
    "root block": "telegram:\n  enabled: true\n  token: ${MY_TG_TOKEN}\n",
    "top-level scalar": "TELEGRAM_BOT_TOKEN: ${MY_TG_TOKEN}\n",
    "unknown setting": "platforms:\n  slack:\n    extra: {second_token: '${MY_TG_TOKEN}'}\n",
    "unknown channel": "platforms:\n  pager:\n    extra: {anything: '${MY_TG_TOKEN}'}\n",
}


@pytest.mark.parametrize("config", REFERENCES.values(), ids=REFERENCES)
def test_variable_of_a_channels_setting_stays_behind(tmp_path: Path, config: str):
    done = cloned(tmp_path, {".env": f"{KEPT}MY_TG_TOKEN={TOKEN}\n", "config.yaml": MODEL + config})
    assert done.text(".env") == KEPT and done.names_removed() == {"MY_TG_TOKEN"}
    assert leaks(done.home, [TOKEN]) == [] and "MY_TG_TOKEN" not in done.text("config.yaml")
    row = done.data["env"]["removed"][0]
    assert row["channel"] and "refers to ${MY_TG_TOKEN}" in row["reason"]


def test_parts_of_a_token_behind_references_stay_behind(tmp_path: Path):
    number, half = TOKEN.split(":")
    env = f"{KEPT}TGID={number}\nTGHALF={half}\nWHOLE=${{TGID}}:${{TGHALF}}\n"
    done = cloned(tmp_path, {".env": env, "config.yaml": MODEL + "TELEGRAM_BOT_TOKEN: ${WHOLE}\n"})
    assert leaks(done.home, [TOKEN, half]) == []
    done = cloned(tmp_path / "op", {".env": env, ".op.env": "TELEGRAM_BOT_TOKEN=${TGID}:${TGHALF}\n"})
    assert leaks(done.home, [TOKEN, half]) == []


def test_inherited_variable_of_a_channels_setting_is_masked(tmp_path: Path):
    files = {".env": KEPT, "config.yaml": MODEL + REFERENCES["platforms"]}
    done = cloned(tmp_path, files, environment={"MY_TG_TOKEN": TOKEN, "OTHER": "x"})
    assert done.data["env"]["masked"] == ["MY_TG_TOKEN"] and done.text(".env").endswith("MY_TG_TOKEN=\n")


TOOL = "mcp_servers:\n  chat:\n    env: {T: '${MY_TG_TOKEN}'}\n"


def test_secret_that_a_tool_uses_as_well_stays_behind_with_a_warning(tmp_path: Path):
    files = {".env": f"{KEPT}MY_TG_TOKEN={TOKEN}\n", "config.yaml": MODEL + REFERENCES["platforms"] + TOOL}
    done = cloned(tmp_path, files)
    assert done.text(".env") == KEPT and TOOL in done.text("config.yaml")
    assert [problem.code for problem in done.warnings] == ["dangling-reference"]
    kept = cloned(tmp_path / "kept", files, ClonePolicy(keep=frozenset({"MY_TG_TOKEN"})))
    assert kept.text(".env") == files[".env"]


def test_setting_that_a_tool_uses_as_well_stays(tmp_path: Path):
    config = "platforms:\n  slack:\n    extra: {workspace: '${TEAM}'}\nmcp_servers: {s: {env: {T: '${TEAM}'}}}\n"
    done = cloned(tmp_path, {".env": f"{KEPT}TEAM=T0SYNTHETIC\n", "config.yaml": MODEL + config})
    assert "TEAM=T0SYNTHETIC\n" in done.text(".env")


def test_provider_key_in_a_harmless_setting_of_a_channel_stays(tmp_path: Path):
    config = "platforms:\n  telegram:\n    extra: {home_channel: '${OPENAI_API_KEY}'}\n"
    assert cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL + config}).text(".env") == KEPT


def test_cloned_channels_keep_their_variables(tmp_path: Path):
    files = {".env": f"{KEPT}MY_TG_TOKEN={TOKEN}\n", "config.yaml": MODEL + REFERENCES["platforms"]}
    done = cloned(tmp_path, files, ClonePolicy(channels=Channels.CLONE))
    assert done.text(".env") == files[".env"] and done.text("config.yaml") == files["config.yaml"]


# --- sources of secrets


def test_command_that_passes_an_identity_stays_behind(tmp_path: Path):
    config = f'secrets:\n  command:\n    enabled: true\n    command: "echo TELEGRAM_BOT_TOKEN={TOKEN}; cat /x"\n'
    layout = make_layout(tmp_path, {".env": KEPT, "config.yaml": MODEL + config})
    assert claimed_resources(layout.home("default"), catalog=CATALOG).channels == ("telegram",)
    done = clone(layout)
    assert leaks(done.home, [TOKEN]) == [] and done.paths_removed() == {"secrets.command"}
    assert "command:" not in done.text("config.yaml")
    assert [problem.code for problem in done.warnings] == ["secret-source-dropped"]
    assert claimed_resources(done.home, catalog=CATALOG).channels == ()


def test_command_that_names_an_identity_without_its_value_stays_behind(tmp_path: Path):
    config = "secrets:\n  command:\n    enabled: true\n    command: T=$(pass bot); echo DISCORD_BOT_TOKEN=$T\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL + config})
    assert done.paths_removed() == {"secrets.command"}


@pytest.mark.parametrize("source", ["command", "myvault"])
def test_source_of_unknown_secrets_stays_and_its_channels_are_off(tmp_path: Path, source: str):
    config = f"secrets:\n  {source}:\n    enabled: true\n    command: cat /run/secrets.env\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL + config})
    text = done.text("config.yaml")
    assert text.startswith(MODEL + config)
    for name in ("telegram", "discord", "weixin", "webhook", "api_server"):
        assert f"  {name}:\n    enabled: false\n" in text
    assert [problem.code for problem in done.warnings] == ["secret-source"]
    assert done.data["config"]["disabled"] == [] and not any("of its own" in step for step in done.data["next_steps"])


@pytest.mark.parametrize(
    "secrets",
    ["{command: {enabled: false, command: cat /x}}", "{onepassword: {enabled: true}}", "{sources: [command]}"],
)
def test_other_settings_of_secrets_change_nothing(tmp_path: Path, secrets: str):
    config = f"{MODEL}secrets: {secrets}\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": config})
    assert done.text("config.yaml") == config and done.warnings == []


# --- values beside a name


COMMENTS = {
    "words before": "# old: TELEGRAM_BOT_TOKEN={}\n",
    "blanks": "#   was TELEGRAM_BOT_TOKEN = {}\n",
    "export": "# formerly: export TELEGRAM_BOT_TOKEN='{}'\n",
    "colon": '# moved, "TELEGRAM_BOT_TOKEN": "{}"\n',
    "arrow": "# TELEGRAM_BOT_TOKEN -> {}\n",
    "no sign": "# the TELEGRAM_BOT_TOKEN of last year was {} (do not use)\n",
    "behind a value": "X=1 # see TELEGRAM_BOT_TOKEN={}\n",
    "two names": "# OPENAI_API_KEY and TELEGRAM_BOT_TOKEN={} are old\n",
    "in a value": 'NOTE="TELEGRAM_BOT_TOKEN={}"\n',
}


@pytest.mark.parametrize("line", COMMENTS.values(), ids=COMMENTS)
def test_token_in_a_comment_is_redacted(tmp_path: Path, line: str):
    files = {".env": KEPT + line.format(OLD), "config.yaml": MODEL, "skills/a/SKILL.md": f"use {OLD}\n"}
    done = cloned(tmp_path, files)
    assert leaks(done.home, [OLD]) == []
    assert (".env", 2, "TELEGRAM_BOT_TOKEN") in done.redacted() or done.names_removed() == {"NOTE"}


def test_token_in_a_comment_of_yaml_and_in_its_texts_is_redacted(tmp_path: Path):
    config = f"{MODEL}# was TELEGRAM_BOT_TOKEN={OLD}\nnotes: 'DISCORD_BOT_TOKEN={canary('discord-1')}'\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": config})
    assert leaks(done.home, [OLD, canary("discord-1")]) == []


def test_token_in_a_script_is_redacted(tmp_path: Path):
    script = f'#!/bin/sh\nexport TELEGRAM_BOT_TOKEN={OLD}\n# "SLACK_BOT_TOKEN": "{canary("slack-1")}"\nrun\n'
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL, "scripts/s.sh": script})
    assert leaks(done.home, [OLD, canary("slack-1")]) == [] and done.text("scripts/s.sh").endswith("\nrun\n")
    assert ("scripts/s.sh", 2, "TELEGRAM_BOT_TOKEN") in done.redacted()
    policy = ClonePolicy(keep=frozenset({"TELEGRAM_BOT_TOKEN"}))
    kept = cloned(tmp_path / "kept", {".env": KEPT, "scripts/s.sh": f"TELEGRAM_BOT_TOKEN={OLD}\n"}, policy)
    assert kept.text("scripts/s.sh") == f"TELEGRAM_BOT_TOKEN={OLD}\n"


HARMLESS = (
    "# TELEGRAM_BOT_TOKEN: the token from @BotFather",
    "# DISCORD_BOT_TOKEN=your_discord_token_here",
    "# TELEGRAM_BOT_TOKEN=123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
    "# SLACK_BOT_TOKEN=${SLACK_BOT_TOKEN}",
    "# SLACK_BOT_TOKEN: required-for-the-bot, see https://api.slack.com/apps/A012345678901234",
    "# OPENAI_API_KEY=sk-1234567890abcdef1234 belongs to TELEGRAM_BOT_TOKEN",
    "# TELEGRAM_BOT_TOKEN is in /run/secrets/telegram-token-2026-01-01",
    'token = os.environ["TELEGRAM_BOT_TOKEN"]',
    "TELEGRAM_BOT_TOKEN=$(pass show bot/telegram-2026)",
)


@pytest.mark.parametrize("line", HARMLESS)
def test_text_about_a_variable_is_no_value_of_it(tmp_path: Path, line: str):
    assert [mention.value for mention in mentions_in_code(line, CATALOG)] == []
    if line.startswith("#"):
        assert [mention.value for mention in mentions_in_comment(line, CATALOG)] == []
        done = cloned(tmp_path, {".env": KEPT, "config.yaml": f"{MODEL}{line}\n"})
        assert done.text("config.yaml") == f"{MODEL}{line}\n"


def test_tokens_of_tools_stay_in_the_settings_of_tools(tmp_path: Path):
    config = f"{MODEL}mcp_servers:\n  slack:\n    args: [-e, 'SLACK_BOT_TOKEN={canary('outbound-1')}']\n"
    assert cloned(tmp_path, {".env": KEPT, "config.yaml": config}).text("config.yaml") == config


# --- files and settings of newer releases


STATE = (
    "gateway.parked", "gateway.sock.path", "gateway_migration.json", ".multiplex_opt_out_rewritten",
    "pending_messages/1.json", "runs_idempotency.db", "runs_idempotency.db-wal", "bot-desktop/launcher.pid",
    "browser-profile/Cookies", "browser-profiles/a/Cookies", "browser_profiles/a/Cookies", "browser_auth/camofox/a",
    "runtime/photon-sidecar.json", "proxy/ca.key", "vault/vault.key", ".copilot_jwt.json", "cache/bws_cache.json",
    "cache/bws_cache.enc.json", "cache/op_cache.json", "cache/connectors/a/b.json", "import-sync.json",
    "plugin-update-checks/last-run", "workspace/meetings/node_token.json", "a2a_audit.jsonl",
    "a2a_conversations/x.jsonl", "serve_restart_pending/1", "terminal-sessions/1", "shared-state.db",
)  # fmt: skip


def test_state_of_one_process_login_or_machine_stays_behind(tmp_path: Path):
    files = {".env": KEPT, "config.yaml": MODEL, "cache/model_catalog.json": "{}", "workspace/notes.md": "x\n"}
    files |= dict.fromkeys(STATE, "CANARY-state-of-one-process\n")
    done = cloned(tmp_path, files, scope=Scope.ALL)
    assert leaks(done.home, ["CANARY-state-of-one-process"]) == []
    assert [path for path in STATE if (done.home / path).exists()] == []
    assert done.text("workspace/notes.md") == "x\n" and done.text("cache/model_catalog.json") == "{}"
    reasons = done.left_behind()
    assert all(any(path == left or path.startswith(f"{left}/") for left in reasons) for path in STATE)
    assert all(reasons.values())


@pytest.mark.parametrize("policy", [ClonePolicy(), ClonePolicy(channels=Channels.CLONE)])
def test_gateway_of_its_own_is_not_cloned(tmp_path: Path, policy: ClonePolicy):
    config = f"{MODEL}gateway:\n  standalone: true\n  streaming: {{enabled: true}}\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": config}, policy)
    assert done.text("config.yaml") == config.replace("  standalone: true\n", "")
    assert done.paths_removed() == {"gateway.standalone"}
    asked = policy._replace(keep=frozenset({"gateway.standalone"}))
    assert cloned(tmp_path / "kept", {".env": KEPT, "config.yaml": config}, asked).text("config.yaml") == config


@pytest.mark.parametrize(
    "name",
    ["TELEGRAM_BOTS_REQUIRE_MENTION", "SLACK_REACTION_TRIGGERS", "EMAIL_IMAP_SECURITY", "WHATSAPP_CHUNK_DELAY_MS"],
)
def test_options_of_newer_releases_stay(tmp_path: Path, name: str):
    done = cloned(tmp_path, {".env": f"{KEPT}{name}=value\n", "config.yaml": MODEL})
    assert done.text(".env") == f"{KEPT}{name}=value\n"


@pytest.mark.parametrize("name", ["WHATSAPP_ALLOW_FROM", "SLACK_API_HUMAN_USERS", "A2A_ALLOWED_USERS", "TEAMS_HOST"])
def test_settings_of_an_identity_of_newer_releases_stay_behind(tmp_path: Path, name: str):
    done = cloned(tmp_path, {".env": f"{KEPT}{name}=value\n", "config.yaml": MODEL})
    assert done.text(".env") == KEPT


ENCODED = "CANARYa1b2C3d4e5F6g7"
ENCODED_PLACES = {
    "percent signs": f"https://x.example/?env=MATTERMOST_TOKEN%3D{ENCODED}%0A\n",
    "JSON in a URL": f"https://x.example/?env=%7B%22MATTERMOST_TOKEN%22%3A%20%22{ENCODED}%22%7D\n",
    "escapes": f'{{"MATTERMOST_TOKEN\\u003d{ENCODED}": 1}}\n',
    "quoted-printable": f"MATTERMOST_TOKEN={ENCODED[:9]}=\n{ENCODED[9:]}\n",
    "name over two lines": f"MATTERM=\nOST_TOKEN=3D{ENCODED}\n",
    "base64": base64.encodebytes(f"{'hello ' * 20}\nMATTERMOST_TOKEN={ENCODED}\n".encode()).decode(),
    "calendar": f"BEGIN:VCALENDAR\r\nDESCRIPTION:MATTERMOST_TOKEN={ENCODED[:9]}\r\n {ENCODED[9:]}\r\n",
    "cells": f"<tr>\n<td>MATTERMOST_TOKEN</td>\n<td><code>{ENCODED}</code></td></tr>\n",
    "request": f"curl -H 'Authorization: Bearer {ENCODED}' https://slack.com/api/auth.test\n",
    "statement": f"UPDATE settings SET value = '{ENCODED}' WHERE name = 'MATTERMOST_TOKEN';\n",
    "environment of a process": f"A=1\0MATTERMOST_TOKEN={ENCODED}\0B=2\0\xff\xff",
}


@pytest.mark.parametrize("place", ENCODED_PLACES)
def test_earlier_credential_beside_a_name_in_an_encoded_text_is_removed(tmp_path: Path, place: str) -> None:
    text = ENCODED_PLACES[place].encode("latin-1")
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL, "skills/a/x.txt": text})
    assert done.text(".env") == KEPT and "skills/a/x.txt" in done.mentioned()
    assert leaks(done.home, [ENCODED, ENCODED[:9] + "=\n" + ENCODED[9:], ENCODED[9:]]) == []


def test_encoded_text_without_a_credential_stays(tmp_path: Path) -> None:
    text = "https://x.example/?q=MATTERMOST_TOKEN%3D%24OTHER&sha=8e5e7e5ab8b370d6c329ec4\nMATTERMOST_TOKEN=3D\n"
    done = cloned(tmp_path, {".env": KEPT, "config.yaml": MODEL, "skills/a/x.txt": text})
    assert done.text("skills/a/x.txt") == text
