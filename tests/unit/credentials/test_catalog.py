"""Queries of the catalogue on variables, config paths and files, and the consistency of its data."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from config_paths import config_paths

from hermes_profiles.credentials.catalog.catalog import (
    GATEWAY,
    Channel,
    KeyClass,
    Sharing,
    channel_document,
    load_catalog,
)
from hermes_profiles.credentials.catalog.model import STRICTNESS

CATALOG = load_catalog()
CHANNELS = list(CATALOG.channels.values())
POSITIVE = [(c.name, example) for c in CHANNELS for example in c.examples_positive]
NEGATIVE = [(c.name, example) for c in CHANNELS for example in c.examples_negative]
SHAREABLE = [f.name for f in CATALOG.gateway_keys if f.key_class is KeyClass.TOOL_OR_PROVIDER_KEY]


def config_path(example: str) -> tuple[str, ...] | None:
    return tuple(example.split(".")[2:]) if example.startswith("platforms.") else None


@pytest.mark.parametrize(("channel", "example"), POSITIVE)
def test_positive_example_is_attributed_to_its_channel_and_removed(channel: str, example: str):
    path = config_path(example)
    if path is not None:
        assert CATALOG.config_class(channel, path) not in (KeyClass.OPTION, KeyClass.UNKNOWN)
        return
    fact = CATALOG.lookup(example)
    assert fact is not None
    assert channel in CATALOG.channels_of(example)
    assert fact.key_class is not KeyClass.OPTION


@pytest.mark.parametrize(("channel", "example"), NEGATIVE)
def test_a_look_alike_is_not_attributed_to_the_channel(channel: str, example: str):
    path = config_path(example)
    if path is not None:
        assert CATALOG.config_class(channel, path) is KeyClass.OPTION
        return
    assert channel not in CATALOG.channels_of(example)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_a_channel_ships_enough_examples(channel: Channel):
    assert sum(config_path(e) is None for e in channel.examples_positive) >= 2
    assert sum(config_path(e) is not None for e in channel.examples_positive) >= 1
    assert sum(config_path(e) is None for e in channel.examples_negative) >= 2
    unknown = [e for e in channel.examples_positive if (f := CATALOG.lookup(e)) is not None and not f.known]
    assert unknown, "one example must be a variable of tomorrow"


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_the_data_of_a_channel_is_consistent(channel: Channel):
    names = [fact.name for fact in channel.keys]
    assert len(names) == len(set(names))
    assert all(prefix.endswith("_") and prefix.isupper() for prefix in channel.prefixes)
    for combination in (*channel.enable_sets, *channel.lock_identity):
        assert combination and set(combination) <= set(names)
    enabling = frozenset[str]().union(*channel.enable_sets)
    assert {fact.name for fact in channel.keys if fact.auto_enables} == enabling
    for fact in channel.keys:
        assert fact.alias_of is None or fact.alias_of in CATALOG.known_names
        assert not (fact.secret and fact.key_class is KeyClass.OPTION)
    for port in channel.ports:
        assert set(port.env) <= set(names)
        assert port.env or port.config
        assert {CATALOG.config_class(channel.name, path) for path in port.config} <= {KeyClass.PORT_BIND}
        facts = [CATALOG.lookup(name) for name in port.env]
        assert {fact.key_class for fact in facts if fact is not None} <= {KeyClass.PORT_BIND}
    assert "{profile}" in channel.set_up


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_a_config_path_has_one_class_however_it_is_spelled(channel: Channel):
    spelled = {(path.removeprefix("extra.").lower(), key_class) for path, key_class in channel.config}
    assert len(spelled) == len({path for path, _ in spelled})
    assert len(channel.config) == len({path for path, _ in channel.config})


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_a_config_path_has_the_class_of_its_variable(channel: Channel):
    for fact in channel.keys:
        if fact.config is not None and fact.key_class is not KeyClass.TOOL_OR_PROVIDER_KEY:
            found = CATALOG.config_class(channel.name, tuple(fact.config.split(".")))
            assert STRICTNESS.index(found) <= STRICTNESS.index(fact.key_class), fact.name


def test_exclusive_channel_declares_its_identity():
    # whatsapp: the linked device is in a folder and in no variable; onebot: it is in the bridge.
    nameless = {c.name for c in CHANNELS if c.sharing is not Sharing.port_exclusive and not c.lock_identity}
    assert nameless == {"whatsapp", "onebot"}


@pytest.mark.parametrize("name", SHAREABLE)
def test_a_shareable_key_belongs_to_no_channel(name: str):
    fact = CATALOG.lookup(name)
    assert fact is not None
    assert fact.key_class is KeyClass.TOOL_OR_PROVIDER_KEY
    assert fact.channel is None and CATALOG.channels_of(name) == ()
    assert not any(name.startswith(prefix) for c in CHANNELS for prefix in c.prefixes)


@pytest.mark.parametrize(
    ("name", "channel", "enables"),
    [
        ("HASS_TOKEN", "homeassistant", True),
        ("HASS_URL", "homeassistant", False),
        ("EMAIL_PASSWORD", "email", True),
        ("TWILIO_ACCOUNT_SID", "sms", True),
        ("TWILIO_AUTH_TOKEN", "sms", False),
        ("MSGRAPH_CLIENT_SECRET", "msgraph_webhook", False),
        ("GOOGLE_CLOUD_PROJECT", "google_chat", True),
        ("QQ_STT_API_KEY", "qqbot", False),
    ],
)
def test_a_tool_key_that_can_switch_a_channel_on_names_the_channel(name: str, channel: str, enables: bool):
    fact = CATALOG.lookup(name)
    assert fact is not None
    assert (fact.key_class, fact.channel) == (KeyClass.TOOL_OR_PROVIDER_KEY, channel)
    assert fact.auto_enables is enables


def test_a_key_of_several_channels_keeps_the_strictest_class():
    fact = CATALOG.lookup("WHATSAPP_MODE")
    assert fact is not None
    assert fact.key_class is KeyClass.IDENTITY_SETTING
    assert CATALOG.channels_of("WHATSAPP_MODE") == ("whatsapp", "whatsapp_cloud")


def test_the_longest_prefix_wins():
    assert CATALOG.channels_of("WHATSAPP_CLOUD_TOMORROW") == ("whatsapp_cloud",)
    assert CATALOG.channels_of("WHATSAPP_TOMORROW") == ("whatsapp",)
    assert CATALOG.channels_of("WECOM_CALLBACK_TOMORROW") == ("wecom_callback",)
    assert CATALOG.channels_of("HERMES_MATRIX_TOMORROW") == ("matrix",)


@pytest.mark.parametrize("name", ["", "_", "SLACK", "SLACK_", "slack_bot_token", "telegram_x", "OPENROUTER_X"])
def test_unclaimed_name_belongs_to_no_channel(name: str):
    assert CATALOG.lookup(name) is None


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("HOMEASSISTANT_HOME_CHANNEL", "homeassistant"),
        ("HOMEASSISTANT_HOME_CHANNEL_THREAD_ID", "homeassistant"),
        ("IRC_ALLOW_BOTS", "irc"),
        ("WECOM_CALLBACK_HOME_CHANNEL_NAME", "wecom_callback"),
        ("RELAY_HOME_CHANNEL", "relay"),
    ],
)
def test_names_built_from_the_channel_are_settings_of_it(name: str, channel: str):
    fact = CATALOG.lookup(name)
    assert fact is not None and fact.known
    assert (fact.channel, fact.key_class) == (channel, KeyClass.IDENTITY_SETTING)


def test_hermes_home_never_follows_a_clone():
    fact = CATALOG.lookup("HERMES_HOME")
    assert fact is not None and fact.key_class is KeyClass.IDENTITY_SETTING


@pytest.mark.parametrize(
    ("channel", "path", "expected"),
    [
        ("telegram", ("token",), KeyClass.IDENTITY_CREDENTIAL),
        ("telegram", ("TOKEN",), KeyClass.IDENTITY_CREDENTIAL),
        ("telegram", ("extra", "token"), KeyClass.IDENTITY_CREDENTIAL),
        ("telegram", ("extra", "bot_token"), KeyClass.IDENTITY_CREDENTIAL),
        ("telegram", ("enabled",), KeyClass.IDENTITY_SETTING),
        ("telegram", ("home_channel", "chat_id"), KeyClass.IDENTITY_SETTING),
        ("telegram", ("extra", "allow_from", "[0]"), KeyClass.IDENTITY_SETTING),
        ("telegram", ("allow_from",), KeyClass.IDENTITY_SETTING),
        ("telegram", ("extra", "require_mention"), KeyClass.OPTION),
        ("telegram", ("extra", "webhook_port"), KeyClass.PORT_BIND),
        ("slack", ("extra", "app_token"), KeyClass.IDENTITY_CREDENTIAL),
        ("slack", ("extra", "team_id"), KeyClass.UNKNOWN),
        ("slack", ("extra",), KeyClass.UNKNOWN),
        ("slack", (), KeyClass.UNKNOWN),
        ("wecom_callback", ("extra", "apps", "[1]", "corp_secret"), KeyClass.IDENTITY_CREDENTIAL),
        ("whatsapp", ("extra", "ALLOWFROM"), KeyClass.IDENTITY_SETTING),
        ("irc", ("extra", "port"), KeyClass.OPTION),
        ("line", ("extra", "port"), KeyClass.PORT_BIND),
        ("qqbot", ("extra", "stt", "apiKey"), KeyClass.TOOL_OR_PROVIDER_KEY),
        ("qqbot", ("extra", "stt_api_key"), KeyClass.IDENTITY_CREDENTIAL),
        ("email", ("extra", "password"), KeyClass.IDENTITY_CREDENTIAL),
        ("sms", ("api_key",), KeyClass.IDENTITY_CREDENTIAL),
        ("nosuch", ("token",), KeyClass.UNKNOWN),
    ],
)
def test_class_of_a_config_path(channel: str, path: tuple[str, ...], expected: KeyClass):
    assert CATALOG.config_class(channel, path) is expected


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_access_settings_are_never_options(channel: Channel):
    # The words of the design: what authorises or addresses goes with the identity.
    authorising = re.compile(r"allowed_|allow_?from|admin|_policy$|free_response|home_channel|guest|ignored_", re.I)
    assert [path for path in config_paths(channel, KeyClass.OPTION) if authorising.search(path)] == []
    spoken = re.compile(r"ALLOWED|ALLOW_(ALL|FROM)|HOME_(CHANNEL|ROOM|ADDRESS)|_POLICY$|FREE_RESPONSE|ADMIN")
    loose = [f.name for f in channel.keys if f.key_class is KeyClass.OPTION and spoken.search(f.name)]
    assert set(loose) <= {"DISCORD_COMMAND_SYNC_POLICY", "DISCORD_FREE_RESPONSE_AUTO_THREAD"}


@pytest.mark.parametrize(
    ("key", "channel"),
    [
        ("telegram", "telegram"),
        ("Telegram", "telegram"),
        (" SLACK ", "slack"),
        ("whatsapp-cloud", "whatsapp_cloud"),
        ("model", None),
        ("local", None),
        ("", None),
        ("telegrams", None),
    ],
)
def test_config_key_names_a_channel_in_any_case(key: str, channel: str | None):
    assert CATALOG.channel_of_config_key(key) == channel


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("weixin/accounts/42.json", "weixin"),
        ("./weixin/accounts/42.sync.json", "weixin"),
        ("weixin", "weixin"),
        ("weixin/", "weixin"),
        ("whatsapp/session/creds.json", "whatsapp"),
        ("platforms/whatsapp/session/creds.json", "whatsapp"),
        ("platforms/whatsapp_cloud/media/1.ogg", "whatsapp_cloud"),
        ("matrix/store/crypto.db", "matrix"),
        ("platforms/matrix/store", "matrix"),
        ("platforms/tomorrow/session.json", "tomorrow"),
        ("platforms/pairing/telegram-approved.json", "telegram"),
        ("platforms/pairing/whatsapp_cloud-pending.json", "whatsapp_cloud"),
        ("platforms/pairing/my-chat-approved.json", "my-chat"),
        ("pairing/slack-anything.json", "slack"),
        ("pairing/_rate_limits.json", GATEWAY),
        ("pairing", GATEWAY),
        ("slack_tokens.json", "slack"),
        ("google_chat_user_tokens/a.json", "google_chat"),
        ("feishu_comment_rules.json", "feishu"),
        ("discord_threads.json", "discord"),
        ("webhook_subscriptions.json", "webhook"),
        ("response_store.db-wal", "api_server"),
        ("teams_pipeline_store.json", "msgraph_webhook"),
        ("auth.json#credential_pool.photon_project", "photon"),
        ("auth.json#credential_pool.openrouter", None),
        ("auth.json", None),
        ("platforms", None),
        ("skills/weixin/SKILL.md", None),
        ("weixinish/x", None),
        ("memories/MEMORY.md", None),
        ("slack_tokens.json.md", None),
    ],
)
def test_owner_of_a_file(path: str, owner: str | None):
    assert CATALOG.state_owner(path) == owner


NEVER = [
    "gateway.pid",
    "gateway.lock",
    "gateway_state.json",
    "processes.json",
    "gateway-starts.log",
    "auth.lock",
    ".gateway-takeover.json",
    ".gateway-planned-stop.json",
    ".drain_request.json",
    ".restart_x.json",
    ".update_check",
    ".clean_shutdown",
    "response_store.db",
    "response_store.db-wal",
    "state/x",
    "gateway/x",
    "channel_directory.json",
    "channel_aliases.json",
    "gateway_voice_mode.json",
    "sticker_cache.json",
    "sessions/s.json",
    "state.db",
    "state.db-shm",
    "checkpoints/x",
    "backups/x",
    "state-snapshots/x",
    "cron/jobs.json",
    "cache/bws_cache.json",
    "cache/op_cache.json",
    "chrome-debug/x",
    "workspace/meetings/auth.json",
    "mcp-tokens/x.json",
    ".anthropic_oauth.json",
    "auth/google_oauth.json",
    "shared/nous_auth.json",
    "active_profile",
    "profiles/x",
]  # FACTS, what a full copy must leave behind


@pytest.mark.parametrize("path", NEVER)
def test_files_that_no_copy_contains(path: str):
    assert CATALOG.left_behind_reason(path, is_default=False)
    assert CATALOG.left_behind_reason(path, is_default=True)


@pytest.mark.parametrize("path", ["hermes-agent/x", ".worktrees/x", "bin/hermes", "node/x", "node_modules/x"])
def test_the_installation_is_left_out_of_a_copy_of_the_default_profile_alone(path: str):
    assert CATALOG.left_behind_reason(path, is_default=True)
    assert CATALOG.left_behind_reason(path, is_default=False) is None


@pytest.mark.parametrize(
    "path",
    ["SOUL.md", "memories/MEMORY.md", "skills/a/state.db", "skills/cron/SKILL.md", "plugins/x/plugin.yaml",
     "profile.yaml", "desktop.json", "hooks/gateway.pid", "scripts/x.sh", ".env", "config.yaml", "auth.json",
     "workspace/notes.md", "cache/images/a.png", "statement.md", "sessions.md"],
)  # fmt: skip
def test_files_that_a_copy_contains(path: str):
    assert CATALOG.left_behind_reason(path, is_default=True) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, set()),
        ({"TELEGRAM_BOT_TOKEN": "123:canary"}, {"telegram"}),
        ({"TELEGRAM_BOT_TOKEN": ""}, set()),
        ({"TELEGRAM_BOT_TOKEN": "  "}, {"telegram"}),
        ({"TELEGRAM_BOT_TOKEN": "ChangeMe"}, set()),
        ({"TELEGRAM_BOT_TOKEN": "***"}, set()),
        ({"TELEGRAM_BOT_TOKEN": "your_telegram_bot_token"}, {"telegram"}),
        ({"WHATSAPP_ENABLED": "Yes"}, {"whatsapp"}),
        ({"WHATSAPP_ENABLED": "false"}, set()),
        ({"WHATSAPP_ENABLED": "2"}, set()),
        ({"API_SERVER_KEY": "0123456789abcdef"}, {"api_server"}),
        ({"API_SERVER_ENABLED": "0"}, set()),
        ({"SIGNAL_ACCOUNT": "+1"}, set()),
        ({"SIGNAL_ACCOUNT": "+1", "SIGNAL_HTTP_URL": "http://x"}, {"signal"}),
        ({"IRC_SERVER": "a", "IRC_CHANNEL": "#b"}, {"irc"}),
        ({"YUANBAO_APP_KEY": "abc", "YUANBAO_APP_SECRET": "secret"}, {"yuanbao"}),
        ({"HASS_TOKEN": "canary"}, {"homeassistant"}),
        ({"GOOGLE_CLOUD_PROJECT": "p"}, set()),
    ],
)
def test_which_channels_an_environment_switches_on(environment: dict[str, str], expected: set[str]):
    assert CATALOG.enabled_by(environment) == expected


@pytest.mark.parametrize("value", ["*", "**", "***", "changeme", "CHANGEME", " none ", "dummy", "abc", ""])
def test_placeholders_are_what_hermes_rejects(value: str):
    assert CATALOG.is_placeholder(value)


@pytest.mark.parametrize("value", ["abcd", "your_telegram_bot_token", "changeme1", "xoxb-1"])
def test_other_values_are_not_placeholders(value: str):
    assert not CATALOG.is_placeholder(value)


def test_public_constants_are_common():
    expected = {
        "imap.gmail.com", "smtp.gmail.com", "outlook.office365.com", "https://matrix.org", "irc.libera.chat",
        "https://ntfy.sh", "https://ilinkai.weixin.qq.com", "127.0.0.1", "true", "allowlist",
    }  # fmt: skip
    assert expected <= CATALOG.common_values


def test_single_use_logins_of_the_facts_are_rows():
    single = {row.path for row in CATALOG.oauth_rows if row.single_use}
    for provider in ("nous", "openai-codex", "xai-oauth", "minimax-oauth", "spotify"):
        assert ("auth.json", "providers", provider) in single
        assert ("auth.json", "credential_pool", provider) in single
    anthropic = next(r for r in CATALOG.oauth_rows if r.path == ("auth.json", "credential_pool", "anthropic"))
    assert anthropic.single_use and anthropic.only_oauth_entries
    assert {("mcp-tokens/",), (".anthropic_oauth.json",), ("honcho.json",)} <= single


def test_a_login_that_is_a_channel_s_is_also_its_state():
    for row in CATALOG.oauth_rows:
        if row.channel is not None:
            place = row.path[0] if len(row.path) == 1 else f"{row.path[0]}#{'.'.join(row.path[1:])}"
            assert CATALOG.state_owner(place) == row.channel


def test_gateway_wide_config_that_stays_behind():
    paths = set(CATALOG.gateway_config_identity)
    for key in ("url", "id", "secret", "endpoint", "route_keys", "instance_id", "wake_url"):
        assert ("gateway", f"relay_{key}") in paths
    assert {("gateway", "proxy_url"), ("multiplex_profiles",), ("gateway", "multiplex_profiles")} <= paths
    assert {("profile_routes",), ("gateway", "profile_routes")} <= paths


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_channel_document_is_json(channel: Channel):
    document = json.loads(json.dumps(channel_document(channel)))
    assert document["name"] == channel.name
    assert [row["name"] for row in document["keys"]] == [fact.name for fact in channel.keys]
    assert sum(len(paths) for paths in document["config"].values()) == len(channel.config)


def test_known_names_hold_channels_gateway_and_shareable_keys():
    assert {"TELEGRAM_BOT_TOKEN", "GATEWAY_PROXY_KEY", "OPENROUTER_API_KEY"} <= CATALOG.known_names


def test_loading_imports_nothing_heavy():
    heavy = ("ruamel", "tomllib", "yaml", "rich", "importlib.metadata", "importlib.resources")
    script = (
        "import sys; from hermes_profiles.credentials.catalog.catalog import load_catalog; load_catalog();"
        f"print(*sorted(m for m in {heavy} if m in sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
