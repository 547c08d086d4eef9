"""Strip in place: nothing of these channels is left, the rest stays byte for byte, undo restores everything.

The search for what is left is clone_source's own, not the package's.
"""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from clone_source import Files, Link, canary, dotenv_view, leaks, line_view, make_layout, picture, write_files
from clone_strategies import Home, homes
from hypothesis import HealthCheck, given, settings

from hermes_profiles.changes.apply import apply, undo, utc_now
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.signature import ChangedMeanwhile
from hermes_profiles.clone.strip.plan import StripPlan, StripRequest, plan_strip
from hermes_profiles.credentials.catalog.catalog import KeyClass, load_catalog
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError, HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import claimed_resources

CATALOG = load_catalog()
TELEGRAM, SLACK, APP = canary("telegram-bot"), canary("slack-bot"), canary("slack-app")
PORT, KEY = 18701, "e" * 64


def make(tmp_path: Path, files: Files, name: str = "work") -> Layout:
    return make_layout(tmp_path, files, profile=name)


def plan(
    layout: Layout, *channels: str, profile: str = "work", environment: Mapping[str, str] | None = None, **more: Any
) -> StripPlan:
    wish = StripRequest(
        frozenset(channels), **{name: frozenset(v) if not isinstance(v, bool) else v for name, v in more.items()}
    )
    return plan_strip(
        layout, profile, wish, catalog=CATALOG, environment=environment or {}, assigned_port=lambda: PORT,
        fresh_key=lambda: KEY, trash_id=Journal(layout.state).fresh_id(utc_now()), deleted_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


class Removed:
    """An applied strip. It is undone once to check that everything is restored, then applied again."""

    def __init__(self, layout: Layout, *channels: str, profile: str = "work", **more: Any) -> None:
        self.home = layout.home(profile)
        before = picture(self.home)
        self.before = {path: (self.home / path).read_bytes() for path in before if (self.home / path).is_file()}
        for _ in range(2):
            removal = plan(layout, *channels, profile=profile, **more)
            assert removal.steps
            targets = [str(step.path) for step in removal.steps if isinstance(step, ReplaceFile)]
            assert len(targets) == len(set(targets)), "one file, two replacements"
            if _ == 0:
                apply(ChangePlan(("repair",), "repair", removal.steps), layout=layout)
                undo(layout)
                assert picture(self.home) == before, "undo does not bring everything back"
        apply(ChangePlan(("repair",), "repair", removal.steps), layout=layout)
        self.layout, self.report, self.data = layout, removal.report, removal.report.as_data()
        again = plan(
            layout, *channels, profile=profile, **{k: v for k, v in more.items() if k not in ("reassign", "new_key")}
        )
        assert not again.steps, "a second run has nothing to do"

    def bytes(self, path: str) -> bytes:
        return (self.home / path).read_bytes()

    def text(self, path: str) -> str:
        return self.bytes(path).decode()

    def names(self) -> set[str]:
        return {row["name"] for row in self.data["removed"]}

    def left(self) -> set[str]:
        return {row["path"] for row in self.data["left"]}

    def changed(self) -> set[str]:
        """Return the files that are not what they were."""
        now = {path: (self.home / path).read_bytes() for path in picture(self.home) if (self.home / path).is_file()}
        return {path for path in self.before | now if self.before.get(path) != now.get(path)}


BASE = {
    ".env": f"# keys\r\nOPENAI_API_KEY=sk-1\r\nTELEGRAM_BOT_TOKEN={TELEGRAM}\r\nTELEGRAM_ALLOWED_USERS=123456789\r\nTELEGRAM_REACTIONS=true\r\nSLACK_BOT_TOKEN={SLACK}\r\nSLACK_APP_TOKEN={APP}\r\nexport MY_TOKEN='x' # mine\r\n",
    "config.yaml": f"# persona\nmodel: {{default: gpt-5}}   # keep\nplatforms:\n  telegram:\n    enabled: true # on\n    extra: {{reply_to_mode: first}}\n  slack:\n    enabled: true\n    token: {SLACK}\nmcp: &a [1, 2]\nother: *a\n",
    "SOUL.md": "You are helpful.\n",
    "memories/MEMORY.md": "alice is 123456789\n",
    "skills/a/SKILL.md": "text\n",
}  # fmt: skip


def test_strip_removes_one_channel_and_keeps_the_other_byte_for_byte(tmp_path: Path):
    done = Removed(make(tmp_path, BASE), "telegram")
    assert done.text(".env") == BASE[".env"].replace(
        f"TELEGRAM_BOT_TOKEN={TELEGRAM}\r\nTELEGRAM_ALLOWED_USERS=123456789\r\n", ""
    )
    assert done.text("config.yaml") == BASE["config.yaml"].replace("enabled: true # on", "enabled: false # on")
    assert done.changed() == {".env", "config.yaml"} and done.names() == {
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_ALLOWED_USERS",
    }
    assert claimed_resources(done.home, catalog=CATALOG).channels == ("slack",)


def test_strip_removes_a_channel_from_every_place(tmp_path: Path):
    files = {
        **BASE,
        ".op.env": f"TELEGRAM_BOT_TOKEN={TELEGRAM}\nSLACK_APP_TOKEN={APP}\n",
        ".env.bak": f"A=1\nTELEGRAM_BOT_TOKEN={TELEGRAM}\nSLACK_BOT_TOKEN={SLACK}\n",
        "config.yaml": (
            f"TELEGRAM_BOT_TOKEN: {TELEGRAM}\nSLACK_APP_TOKEN: {APP}\n# note {TELEGRAM}\n"
            f"platforms:\n  Telegram: {{enabled: true, token: '{TELEGRAM}', extra: {{}}}}\n  slack: {{token: {SLACK}}}\n"
            f"gateway:\n  platforms:\n    telegram: {{enabled: yes, token: {TELEGRAM}}}\n    slack: {{enabled: yes}}\n"
            "secrets:\n  onepassword:\n    enabled: true\n    env:\n      TELEGRAM_BOT_TOKEN: op://v/i/f\n      SLACK_BOT_TOKEN: op://v/i/g\n"
            f"hooks: ['curl https://api.telegram.org/bot{TELEGRAM}/x']\n"
        ),
        "gateway.json": json.dumps({"platforms": {"telegram": {"enabled": True, "token": TELEGRAM}, "slack": {"token": SLACK}}}, indent=2),
        "honcho.json": json.dumps({"note": TELEGRAM, "apiKey": "kept-static-key-1"}),
        "SOUL.md": f"call {TELEGRAM}\n",
        "memories/MEMORY.md": f"b64 {base64.b64encode(TELEGRAM.encode()).decode()} and {SLACK}\n",
        "skills/a/run.sh": f"#!/bin/sh\nsend {TELEGRAM}\n",
        "skills/a/conf.yaml": f"token: {TELEGRAM}\nslack: {SLACK}\nurl: https://x/{TELEGRAM}/y\n",
        "pairing/telegram-approved.json": "{}", "pairing/slack-approved.json": "{}", "pairing/_rate_limits.json": "{}",
        "platforms/pairing/telegram-pending.json": "{}",
        "sticker_cache.json": "{}", "slack_tokens.json": json.dumps({"T1": {"token": APP}}),
    }  # fmt: skip
    layout = make(tmp_path, files)
    os.chmod(layout.home("work") / "skills/a/run.sh", 0o755)
    os.chmod(layout.home("work") / ".env.bak", 0o644)
    os.chmod(layout.home("work") / ".env", 0o644)
    done = Removed(layout, "telegram")
    assert leaks(done.home, [TELEGRAM]) == []
    assert os.stat(done.home / "skills/a/run.sh").st_mode & 0o777 == 0o755
    assert os.stat(done.home / ".env").st_mode & 0o777 == 0o600
    assert os.stat(done.home / ".env.bak").st_mode & 0o777 == 0o600, "a copy that held secrets is rewritten"
    for path in (".op.env", ".env.bak", "config.yaml", "gateway.json", "memories/MEMORY.md", "skills/a/conf.yaml"):
        assert SLACK in done.text(path) or APP in done.text(path), path
    assert (
        not (done.home / "pairing/telegram-approved.json").exists() and not (done.home / "sticker_cache.json").exists()
    )
    assert {row["path"] for row in done.data["trashed"]} == {
        "pairing/telegram-approved.json",
        "platforms/pairing/telegram-pending.json",
        "sticker_cache.json",
    }
    for path in ("pairing/slack-approved.json", "pairing/_rate_limits.json", "slack_tokens.json"):
        assert done.bytes(path) == files[path].encode()
    config = done.text("config.yaml")
    assert "op://v/i/g" in config and "op://v/i/f" not in config and "Telegram: {enabled: false, extra: {}}" in config
    assert json.loads(done.text("gateway.json")) == {
        "platforms": {"telegram": {"enabled": False}, "slack": {"token": SLACK}}
    }
    assert json.loads(done.text("honcho.json"))["apiKey"] == "kept-static-key-1"
    assert {row["path"] for row in done.data["redacted"]} >= {
        ".env.bak",
        "SOUL.md",
        "memories/MEMORY.md",
        "skills/a/run.sh",
        "config.yaml",
    }
    assert claimed_resources(done.home, catalog=CATALOG).channels == ("slack",)
    assert not any("CANARY" in json.dumps(row) for row in done.data.values())


def test_strip_keeps_settings_of_the_gateway(tmp_path: Path):
    kept = (
        "gateway:\n  multiplex_profiles: true\n  proxy_url: http://x\n  relay_url: http://r\nprofile_routes: {a: b}\n"
    )
    files = {".env": f"TELEGRAM_BOT_TOKEN={TELEGRAM}\nGATEWAY_ALLOWED_USERS=1,2\n", "config.yaml": kept}
    done = Removed(make(tmp_path, files), "telegram")
    assert done.text("config.yaml") == kept and done.text(".env") == "GATEWAY_ALLOWED_USERS=1,2\n"


def test_an_empty_folder_of_a_channel_is_no_state(tmp_path: Path):
    layout = make(tmp_path, BASE)
    for name in ("weixin", "whatsapp"):
        (layout.home("work") / name).mkdir()
    assert plan(layout, "weixin", "whatsapp").steps == ()


def test_strip_removes_only_one_file_of_a_folder_of_logins(tmp_path: Path):
    files = {".env": "", "mcp-tokens/linear.json": "{}", "mcp-tokens/notion.json": "{}"}
    done = Removed(make(tmp_path, files), logins=["mcp-tokens/linear.json"])
    assert done.changed() == {"mcp-tokens/linear.json"} and (done.home / "mcp-tokens/notion.json").exists()


def test_port_that_refers_to_a_variable_keeps_the_reference(tmp_path: Path):
    config = "platforms:\n  webhook: {enabled: true, extra: {port: '${WEBHOOK_PORT}'}}\n"
    done = Removed(make(tmp_path, {".env": "WEBHOOK_PORT=8700\n", "config.yaml": config}), reassign=["webhook"])
    assert done.text(".env") == "WEBHOOK_PORT=18701\n" and done.text("config.yaml") == config


def test_strip_removes_state_folders_and_their_secrets(tmp_path: Path):
    secret = canary("weixin-file")
    files = {
        ".env": "WEIXIN_ACCOUNT_ID=wx-account-1\n", "weixin/accounts/wx-account-1.json": json.dumps({"token": secret}),
        "whatsapp/session/creds.json": json.dumps({"me": {"id": "49"}}), "matrix/store/x": "e2ee",
        "skills/a/SKILL.md": f"the token {secret}\n", "weixin/notes.txt": "x",
    }  # fmt: skip
    done = Removed(make(tmp_path, files), "weixin", "whatsapp")
    assert leaks(done.home, [secret, "wx-account-1"]) == []
    assert {row["path"] for row in done.data["trashed"]} == {"weixin", "whatsapp"} and (
        done.home / "matrix/store/x"
    ).exists()
    trash = next((done.layout.trash).iterdir())
    assert (trash / "files/weixin/notes.txt").read_text() == "x"


def test_files_that_are_never_rewritten_are_reported(tmp_path: Path):
    files = {
        **BASE, "sessions/1.jsonl": f"user: {TELEGRAM}\n", "logs/gateway.log": TELEGRAM, "backups/a/.env": TELEGRAM,
        "workspace/blob.bin": b"\x00\x01" + TELEGRAM.encode(), "cache/bws_cache.json": json.dumps([TELEGRAM]),
        "skills/old.gz": gzip.compress(TELEGRAM.encode()), "skills/old.7z": b"7z\xbc\xaf\x27\x1c\x00\xff",
        f"workspace/{TELEGRAM}.txt": "x", "skills/link": Link(f"../{TELEGRAM}"),
    }  # fmt: skip
    layout = make(tmp_path, files)
    with sqlite3.connect(layout.home("work") / "state.db") as db:
        db.execute("create table t (x)")
        db.execute("insert into t values (?)", (TELEGRAM,))
    db.close()
    with open(layout.home("work") / "workspace/large.txt", "wb") as file:
        file.truncate(17 * 2**20)
        file.write(TELEGRAM.encode())
    os.symlink(tmp_path / "shared.md", layout.home("work") / "memories/USER.md")
    (tmp_path / "shared.md").write_text(TELEGRAM)
    done = Removed(layout, "telegram")
    told = {path.replace("<removed: TELEGRAM_BOT_TOKEN>", "T") for path in done.left()}
    assert told >= {
        "sessions/1.jsonl", "logs/gateway.log", "backups/a/.env", "workspace/blob.bin", "cache/bws_cache.json",
        "state.db", "skills/old.gz", "skills/old.7z", "workspace/large.txt", "memories/USER.md", "workspace/T.txt",
    }  # fmt: skip
    assert done.changed() == {".env", "config.yaml"} and (tmp_path / "shared.md").read_text() == TELEGRAM
    assert all(str(done.home) in row["command"] for row in done.data["left"]) and "CANARY" not in json.dumps(done.data)


@pytest.mark.parametrize(
    ("on", "stays"),
    [("WHATSAPP_CLOUD_ACCESS_TOKEN=CANARY-wa\nWHATSAPP_CLOUD_PHONE_NUMBER_ID=1234567890\n", True), ("", False)],
)
def test_a_shared_variable_stays_only_for_a_channel_that_stays(tmp_path: Path, on: str, stays: bool):
    env = f"WHATSAPP_ENABLED=true\nWHATSAPP_DM_POLICY=open\n{on}"
    layout = make(tmp_path, {".env": env, "whatsapp/session/creds.json": '{"me": {"id": "49123"}}'})
    done = Removed(layout, "whatsapp")
    assert ("WHATSAPP_DM_POLICY" in done.text(".env")) is stays
    assert done.data["kept"] == ([{"name": "WHATSAPP_DM_POLICY", "channels": ["whatsapp_cloud"]}] if stays else [])
    assert claimed_resources(done.home, catalog=CATALOG).channels == (("whatsapp_cloud",) if stays else ())


def test_a_value_that_a_kept_key_needs_stays_everywhere(tmp_path: Path):
    word = canary("one-password")
    env = f"MATRIX_HOMESERVER=https://m.x\nMATRIX_USER_ID=@a:m.x\nMATRIX_PASSWORD={word}\nIRC_SERVER=irc.x\nIRC_CHANNEL=#a\nIRC_NICKNAME=hermes-nick\nIRC_NICKSERV_PASSWORD={word}\n"
    done = Removed(make(tmp_path, {".env": env, "SOUL.md": f"say {word}\n"}), "matrix")
    assert (
        done.text(".env")
        == f"IRC_SERVER=irc.x\nIRC_CHANNEL=#a\nIRC_NICKNAME=hermes-nick\nIRC_NICKSERV_PASSWORD={word}\n"
    )
    assert done.changed() == {".env"}


def test_unknown_key_with_the_same_value_is_removed(tmp_path: Path):
    done = Removed(
        make(tmp_path, {".env": f"TELEGRAM_BOT_TOKEN={TELEGRAM}\nNOTIFY={TELEGRAM}\nURL=https://x/{TELEGRAM}\n"}),
        "telegram",
    )
    assert (
        dotenv_view(done.bytes(".env")) == {"URL": "https://x/<removed: TELEGRAM_BOT_TOKEN>"}
        and "NOTIFY" in done.names()
    )


def test_names_of_the_environment_are_masked(tmp_path: Path):
    given = {"TELEGRAM_BOT_TOKEN": TELEGRAM, "SLACK_BOT_TOKEN": SLACK, "PATH": "/bin", "TELEGRAM_WEBHOOK_URL": ""}
    done = Removed(make(tmp_path, BASE), "telegram", environment=given)
    assert dotenv_view(done.bytes(".env"))["TELEGRAM_BOT_TOKEN"] == "" and done.text(".env").endswith(
        "TELEGRAM_BOT_TOKEN=\r\n"
    )
    assert done.data["masked"] == ["TELEGRAM_BOT_TOKEN"] and dotenv_view(done.bytes(".env"))["SLACK_BOT_TOKEN"] == SLACK


def test_a_home_without_env_gets_one_for_its_masks(tmp_path: Path):
    done = Removed(
        make(tmp_path, {"config.yaml": BASE["config.yaml"]}), "telegram", environment={"TELEGRAM_BOT_TOKEN": TELEGRAM}
    )
    assert (
        dotenv_view(done.bytes(".env")) == {"TELEGRAM_BOT_TOKEN": ""}
        and os.stat(done.home / ".env").st_mode & 0o777 == 0o600
    )


LOGINS = {
    "providers": {"nous": {"refresh_token": canary("nous-refresh")}, "openai-codex": {"tokens": {"refresh_token": canary("codex-refresh")}}},
    "credential_pool": {"openrouter": [{"api_key": "CANARY-static"}], "photon_project": [{"project_id": "pid-canary-123", "project_secret": canary("photon")}]},
}  # fmt: skip


def test_strip_removes_single_logins(tmp_path: Path):
    layout = make(tmp_path, {"auth.json": json.dumps(LOGINS, indent=1), ".anthropic_oauth.json": "{}", "honcho.json": json.dumps({"hosts": {"h": {"oauth": {"refreshToken": "CANARY-h-refresh"}, "apiKey": "CANARY-access-1", "aiPeer": "me"}}})})  # fmt: skip
    done = Removed(layout, logins=["nous", "anthropic"])
    rest = json.loads(done.text("auth.json"))
    assert rest == {**LOGINS, "providers": {"openai-codex": LOGINS["providers"]["openai-codex"]}}
    assert done.changed() == {"auth.json", ".anthropic_oauth.json"}
    done = Removed(layout, logins=["honcho"])
    assert json.loads(done.text("honcho.json")) == {"hosts": {"h": {"aiPeer": "me"}}}
    done = Removed(layout, "photon")
    assert json.loads(done.text("auth.json"))["credential_pool"] == {
        "openrouter": LOGINS["credential_pool"]["openrouter"]
    }


@pytest.mark.parametrize(("files", "env", "config"), [
    ({".env": "API_SERVER_KEY=CANARY-key-0123456789\n"}, {"API_SERVER_PORT": "18701"}, None),
    ({".env": "API_SERVER_ENABLED=true\nAPI_SERVER_PORT='8700'\nA=1\n"}, {"API_SERVER_ENABLED": "true", "API_SERVER_PORT": "18701", "A": "1"}, None),
    ({".env": "A=1\n", "config.yaml": "platforms:\n  api_server:\n    enabled: true\n    extra: {port: 8700, key: CANARY-key-0123456789} # here\n"}, {"A": "1"}, "platforms:\n  api_server:\n    enabled: true\n    extra: {port: 18701, key: CANARY-key-0123456789} # here\n"),
    ({"config.yaml": "platforms:\n  api_server:\n    enabled: true\n    port: 8700\n"}, {"API_SERVER_PORT": "18701"}, "platforms:\n  api_server:\n    enabled: true\n    port: 18701\n"),
    ({".env": "A=1\n", "config.yaml": "API_SERVER_PORT: 8700\nplatforms: {api_server: {enabled: true}}\n"}, {"A": "1", "API_SERVER_PORT": "18701"}, "platforms: {api_server: {enabled: true}}\n"),
])  # fmt: skip
def test_an_api_server_gets_a_port_of_its_own(
    tmp_path: Path, files: dict[str, str], env: dict[str, str], config: str | None
):
    done = Removed(make(tmp_path, files), reassign=["api_server"])
    read = dotenv_view(done.bytes(".env")) if (done.home / ".env").exists() else {}
    assert {name: value for name, value in read.items() if name != "API_SERVER_KEY"} == env
    if config is not None:
        assert done.text("config.yaml") == config
    assert [claim.port for claim in claimed_resources(done.home, catalog=CATALOG).ports] == [18701]


def test_new_api_key_replaces_the_old_one_in_place(tmp_path: Path):
    old = canary("api-key-0123456789")
    files = {
        ".env": f"API_SERVER_KEY={old}\nAPI_SERVER_HOST=127.0.0.1\n",
        "config.yaml": f"platforms:\n  api_server:\n    extra:\n      key: {old}\n",
        "skills/a.sh": f"curl -H {old}\n",
    }
    done = Removed(make(tmp_path, files), reassign=["api_server"], new_key=True)
    assert leaks(done.home, [old]) == [] and f"key: {KEY}" in done.text("config.yaml")
    assert dotenv_view(done.bytes(".env")) == {
        "API_SERVER_KEY": KEY,
        "API_SERVER_HOST": "127.0.0.1",
        "API_SERVER_PORT": "18701",
    }
    assert {row["name"]: row["value"] for row in done.data["assigned"]}[
        "API_SERVER_KEY"
    ] is None and KEY not in json.dumps(done.data)


@pytest.mark.parametrize(("files", "place"), [
    ({".env": "WEBHOOK_ENABLED=true\n"}, ".env"),
    ({".env": "", "config.yaml": "platforms:\n  webhook: {enabled: true, extra: {port: 8644}}\n"}, "config.yaml"),
    ({"gateway.json": '{"platforms": {"webhook": {"enabled": true, "extra": {"port": 8644}}}}'}, "gateway.json"),
])  # fmt: skip
def test_other_listeners_get_a_port_too(tmp_path: Path, files: dict[str, str], place: str):
    done = Removed(make(tmp_path, files), reassign=["webhook"])
    assert [claim.port for claim in claimed_resources(done.home, catalog=CATALOG).ports] == [
        18701
    ] and done.changed() == {place}


@pytest.mark.parametrize("config", [
    "x: &d\n  enabled: true\n  token: {t}\nplatforms:\n  telegram:\n    <<: *d\n  discord:\n    <<: *d\n",
    "platforms:\n  discord: &d {{enabled: true, token: {t}}}\n  telegram: *d\n",
    "x: &d {{enabled: true, token: {t}}}\nplatforms:\n  telegram:\n    <<: *d\n    token: CANARY-own-over-it\n  discord: *d\n",
    "platforms:\n  telegram: {{enabled: &on true, token: CANARY-own-token}}\n  discord: {{enabled: *on, token: {t}}}\n",
    "platforms:\n  telegram: {{enabled: true, token: &t {t}}}\n  discord: {{enabled: true, token: *t}}\n",
])  # fmt: skip
def test_an_anchor_that_another_channel_needs_stays(tmp_path: Path, config: str):
    text = config.format(t=TELEGRAM)
    done = Removed(make(tmp_path, {".env": "", "config.yaml": text}), "telegram")
    held = claimed_resources(done.home, catalog=CATALOG)
    assert held.channels == ("discord",) and {one.channel for one in held.identities} == {"discord"}


@pytest.mark.parametrize("config", [
    "platforms:\n  telegram: &d {{enabled: true, token: {t}}}\n  discord: *d\n",
    "platforms:\n  telegram:\n    enabled: true\n   token: {t}\n",
    "platforms: {{telegram: [\n",
])  # fmt: skip
def test_uncertain_edit_is_refused_with_its_place(tmp_path: Path, config: str):
    layout = make(tmp_path, {".env": f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n", "config.yaml": config.format(t=TELEGRAM)})
    with pytest.raises(DocumentError, match=r"config\.yaml:\d") as error:
        plan(layout, "telegram")
    assert "CANARY" not in str(error.value) + str(error.value.problem)


def test_a_link_for_a_document_becomes_the_profiles_own_file(tmp_path: Path):
    layout = make(tmp_path, {})
    write_files(layout.root, {".env": BASE[".env"]})
    (layout.home("work") / ".env").symlink_to(layout.root / ".env")
    done = Removed(layout, "telegram")
    assert not (done.home / ".env").is_symlink() and TELEGRAM in (layout.root / ".env").read_text()
    assert TELEGRAM not in done.text(".env") and SLACK in done.text(".env")
    assert [one.code for one in done.report.warnings] == ["link-replaced"]


def test_strip_of_default_does_not_read_other_profiles(tmp_path: Path):
    layout = make(tmp_path, BASE, "default")
    write_files(layout.home("other"), {**BASE, "weixin/accounts/a.json": "{}"})
    write_files(layout.root, {"hermes-agent/notes.txt": TELEGRAM, "SOUL.md": TELEGRAM})
    before = picture(layout.home("other"))
    done = Removed(layout, "telegram", profile="default")
    assert picture(layout.home("other")) == before and (layout.root / "hermes-agent/notes.txt").read_text() == TELEGRAM
    assert "TELEGRAM" in done.text("SOUL.md") and leaks(done.home / "memories", [TELEGRAM]) == []


def test_concurrent_change_stops_the_strip(tmp_path: Path):
    layout = make(tmp_path, {**BASE, "SOUL.md": f"x {TELEGRAM}"})
    for path in (".env", "config.yaml", "SOUL.md"):
        removal = plan(layout, "telegram")
        target = layout.home("work") / path
        target.write_text(target.read_text() + "\n# more")
        before = picture(layout.home("work"))
        with pytest.raises(ChangedMeanwhile):
            apply(ChangePlan(("repair",), "repair", removal.steps), layout=layout)
        assert picture(layout.home("work")) == before


def test_an_unreadable_file_and_a_fifo_do_not_stop_it(tmp_path: Path):
    layout = make(tmp_path, BASE)
    os.mkfifo(layout.home("work") / "pipe")
    done = Removed(layout, "telegram")
    assert leaks(done.home, [TELEGRAM]) == []


@pytest.mark.parametrize("env", [
    f"\ufeffTELEGRAM_BOT_TOKEN='{TELEGRAM}' # mine\nA=1\nSLACK_BOT_TOKEN={SLACK}\n",
    f"A=1\nexport\tTELEGRAM_BOT_TOKEN={TELEGRAM}\nSLACK_BOT_TOKEN={SLACK}",
    f"A=1\nSLACK_BOT_TOKEN={SLACK}TELEGRAM_BOT_TOKEN={TELEGRAM}\nB='2'\n",
    f"A=1\nTELEGRAM_BOT_TOKEN={TELEGRAM}SLACK_BOT_TOKEN={SLACK}\n",
    f"A=1\n#TELEGRAM_BOT_TOKEN={TELEGRAM}\nTELEGRAM_BOT_TOKEN={TELEGRAM}\nTELEGRAM_BOT_TOKEN={TELEGRAM}\nSLACK_BOT_TOKEN={SLACK}\n",
    f"PART={canary('part')}\nTELEGRAM_BOT_TOKEN=1:${{PART}}\nA=1\nSLACK_BOT_TOKEN={SLACK}\n",
])  # fmt: skip
def test_awkward_environment_files(tmp_path: Path, env: str):
    done = Removed(make(tmp_path, {".env": env}), "telegram")
    assert leaks(done.home, [TELEGRAM, canary("part")]) == []
    for view in (dotenv_view, line_view):
        before, after = view(env.encode()), view(done.bytes(".env"))
        assert after.get("A") == before.get("A") and after.get("SLACK_BOT_TOKEN") == (SLACK if SLACK in env else None)


SETTINGS = (KeyClass.IDENTITY_SETTING, KeyClass.PORT_BIND, KeyClass.OPTION)


def settings_of(home: Home) -> list[str]:
    """Return the values of settings: they are removed in place, but stay in the agent's memory."""
    found: list[str] = []
    for name in (".env", ".op.env"):
        for entry in EnvDocument.parse(raw_of(home, name), known_keys=CATALOG.known_names).entries:
            fact = CATALOG.lookup(entry.name)
            found += entry.values if fact is not None and fact.key_class in SETTINGS else ()
    documents = (
        [YamlDocument.parse(raw_of(home, "config.yaml"), path="config.yaml")] if "config.yaml" in home.files else []
    )
    legacy = (
        [JsonDocument.parse(raw_of(home, "gateway.json"), path="gateway.json")] if "gateway.json" in home.files else []
    )
    for one in (entry for document in (*documents, *legacy) for entry in document.entries):
        place, fact = channel_place(one.path, CATALOG), CATALOG.lookup(one.path[-1])
        inner = one.path[len(place.block) :] if place is not None else ()
        key_class = CATALOG.config_class(place.channel, inner) if place and inner else fact and fact.key_class
        found += [one.value] if one.value and key_class in SETTINGS else []
    return found


def raw_of(home: Home, name: str) -> bytes:
    content = home.files.get(name, b"")
    assert isinstance(content, bytes)
    return content


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(home=homes())
def test_any_home(tmp_path_factory: pytest.TempPathFactory, home: Home):
    """Every identity of the home is removed; shared values read as before; a second run finds nothing; undo is exact."""
    layout = make(tmp_path_factory.mktemp("home"), home.files)
    held = claimed_resources(layout.home("work"), catalog=CATALOG)
    before = picture(layout.home("work"))
    try:
        removal = plan(layout, *CATALOG.channels)
    except HermesProfilesError:
        return
    if removal.steps:
        apply(ChangePlan(("repair",), "repair", removal.steps), layout=layout)
    assert not claimed_resources(layout.home("work"), catalog=CATALOG).identities, held
    left = {row.path for row in removal.report.left}
    gone = [value for value in home.gone if not any(value in text for text in settings_of(home))]
    assert [row for row in leaks(layout.home("work"), gone) if row[1] not in left] == []
    assert not plan(layout, *CATALOG.channels).steps
    if removal.steps:
        undo(layout)
        assert picture(layout.home("work")) == before


def test_variable_of_a_setting_goes_with_its_channel(tmp_path: Path):
    config = "platforms:\n  telegram:\n    enabled: true\n    token: ${MY_TG_TOKEN}\n"
    done = Removed(make(tmp_path, {".env": f"A=1\nMY_TG_TOKEN={TELEGRAM}\n", "config.yaml": config}), "telegram")
    assert done.text(".env") == "A=1\n" and done.names() == {"MY_TG_TOKEN", "platforms.telegram.token"}
    assert claimed_resources(done.home, catalog=CATALOG).channels == ()


def test_variable_of_a_setting_stays_for_a_channel_that_stays(tmp_path: Path):
    config = "platforms:\n" + "".join(
        f"  {name}:\n    enabled: true\n    token: ${{MINE}}\n" for name in ("telegram", "slack")
    )
    done = Removed(make(tmp_path, {".env": f"MINE={TELEGRAM}\n", "config.yaml": config}), "telegram")
    assert done.text(".env") == f"MINE={TELEGRAM}\n" and "token: ${MINE}" in done.text("config.yaml")
    assert done.data["kept"] == [{"name": "MINE", "channels": ["slack"]}]
