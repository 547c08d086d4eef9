"""Detection of secrets in config.yaml, and of names that only resemble one."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import KeyClass, load_catalog
from hermes_profiles.credentials.detection.secret_detection import is_secret, is_secret_path, role_of_name, role_of_path
from hermes_profiles.credentials.detection.secret_shapes import looks_secret
from hermes_profiles.documents.yaml.paths import parsed_path

CATALOG = load_catalog()


@pytest.mark.parametrize("path", [
    "platforms.telegram.token", "gateway.platforms.slack.extra.bot_token", "platforms.Telegram.extra.token",
    "providers.openai.api_key", "providers.x.apiKey", "auxiliary.vision.api-key", "mcp_servers.git.env.GITHUB_TOKEN",
    "mcp_servers.x.headers.Authorization", "mcp_servers.x.headers.X-Auth-Token", "mcp_servers.x.env.SOME_KEY",
    "x.password", "x.client_secret", "webhooks.secret", "x.accessToken", "x.key", "api_keys[0]", "x.tokens.slack",
    "TELEGRAM_BOT_TOKEN", "secrets.onepassword.service_account_token", "x.bottoken", "x.smtp.pass", "x.token.value",
])  # fmt: skip
def test_secret_is_detected_by_its_path(path: str) -> None:
    assert is_secret_path(parsed_path(path), CATALOG)
    assert is_secret(parsed_path(path), "CANARY-value", "str", CATALOG)


@pytest.mark.parametrize("path", [
    "model.default", "agent.max_tokens", "compression.target_tokens", "voice.record_key", "toolsets[0]",
    "x.api_key_env",
    "security.redact_secrets", "secrets.onepassword.enabled", "platforms.telegram.enabled", "x.keyboard", "x.monkey",
    "platforms.telegram.extra.allow_from", "x.tokenizer", "x.passive", "secrets.onepassword.env.OPENAI_BASE_URL",
])  # fmt: skip
def test_names_that_only_resemble_a_secret_are_shown(path: str) -> None:
    assert not is_secret_path(parsed_path(path), CATALOG)
    assert not is_secret(parsed_path(path), "plain words", "str", CATALOG)


@pytest.mark.parametrize(("text", "tag"), [
    ("true", "bool"), ("null", "null"), ("", "str"), ("  ", "str"), ("${OPENAI_API_KEY}", "str"),
    ("op://vault/item/field", "str"),
])  # fmt: skip
def test_booleans_and_references_are_not_secrets_at_secret_paths(text: str, tag: str) -> None:
    assert not is_secret(("providers", "x", "api_key"), text, tag, CATALOG)


@pytest.mark.parametrize("text", [
    "7100000001:AAAAbbbbCCCCddddEEEEffff", "xoxb-123456789012", "sk-proj-abcdefgh", "ghp_" + "a" * 36,
    "https://user:hunter22@example.org/x", "Bearer abcdefgh12345", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx",
    "-----BEGIN RSA PRIVATE KEY-----", "AKIA" + "A" * 16,
])  # fmt: skip
def test_secret_is_detected_by_its_form(text: str) -> None:
    assert looks_secret(text) and is_secret(("notes",), text, "str", CATALOG)


@pytest.mark.parametrize("text", [
    "gpt-5", "https://example.org:8080/a@b", "*/5 * * * *", "Bearer ${TOKEN}", "https://u:${PASSWORD}@host/",
    "task-12345",     "C0123456789", "+4917012345678",
])  # fmt: skip
def test_ordinary_texts_do_not_look_like_secrets(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.parametrize(("path", "key_class", "channel"), [
    ("platforms.telegram.token", KeyClass.IDENTITY_CREDENTIAL, "telegram"),
    ("platforms.api_server.extra.port", KeyClass.PORT_BIND, "api_server"),
    ("platforms.telegram.enabled", None, "telegram"),
    ("platforms.brand_new.anything", KeyClass.UNKNOWN, "brand_new"),
    ("TELEGRAM_BOT_TOKEN", KeyClass.IDENTITY_CREDENTIAL, "telegram"),
    ("secrets.onepassword.env.TELEGRAM_BOT_TOKEN", KeyClass.IDENTITY_CREDENTIAL, "telegram"),
    ("model.default", None, None),
])  # fmt: skip
def test_the_role_of_a_path(path: str, key_class: KeyClass | None, channel: str | None) -> None:
    assert role_of_path(parsed_path(path), CATALOG) == (key_class, channel)


def test_the_role_of_a_variable() -> None:
    assert role_of_name("TELEGRAM_BOT_TOKEN", CATALOG).is_identity
    assert role_of_name("API_SERVER_PORT", CATALOG).is_identity
    assert not role_of_name("OPENAI_API_KEY", CATALOG).is_identity
    assert role_of_name("NOBODY_KNOWS", CATALOG) == (None, None)
