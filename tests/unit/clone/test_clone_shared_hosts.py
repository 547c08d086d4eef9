"""Models, providers and tools on the host of a channel keep working in a clone: hosts are whole values, not pieces."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from clone_source import Cloned, Files, clone, leaks, make_layout
from hypothesis import given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from hermes_profiles.credentials.search.value_index import ValueIndex, is_address

MATRIX = """\
MATRIX_HOMESERVER=http://nas.local
MATRIX_ACCESS_TOKEN=syt_CANARY_matrix_0000000000
MATRIX_USER_ID=@ada:nas.local
"""
MATTERMOST = "MATTERMOST_URL=https://home.example.org\nMATTERMOST_TOKEN=CANARYmattermost0000000001\n"
MAIL = """\
EMAIL_ADDRESS=ada@example.org
EMAIL_PASSWORD=CANARY-app-password-1
EMAIL_IMAP_HOST=mail.example.org
EMAIL_SMTP_HOST=mail.example.org
"""
TEAMS = "TEAMS_CLIENT_ID=11111111-2222-3333-4444-555555555555\nTEAMS_CLIENT_SECRET=CANARY~teams.secret.0001\n"
TENANT = "0f0f0f0f-aaaa-bbbb-cccc-1234567890ab"
SECRETS = (
    "syt_CANARY_matrix_0000000000",
    "CANARYmattermost0000000001",
    "CANARY-app-password-1",
    "CANARY~teams.secret.0001",
)


def cloned(folder: Path, files: Files) -> Cloned:
    return clone(make_layout(folder, files))


def test_keys_on_the_host_of_a_channel_arrive_byte_for_byte(tmp_path: Path):
    kept = (
        "OPENAI_BASE_URL=http://nas.local:11434/v1\n"
        "SEARXNG_URL=https://home.example.org/searxng\n"
        "OLLAMA_HOST=http://nas.local\n"
        "FIRECRAWL_API_URL=https://home.example.org\n"
        "SMTP_RELAY_HOST=mail.example.org\n"
    )
    config = (
        "model:\n  default: qwen3\n  base_url: https://home.example.org\n"
        "custom_providers:\n- name: ollama\n  base_url: http://nas.local:11434/v1\n"
        "mcp_servers:\n  mail:\n    command: uvx\n    args: [mcp-email, --host, mail.example.org]\n"
    )
    files = {".env": MATRIX + MATTERMOST + MAIL + kept, "config.yaml": config}
    done = cloned(tmp_path, files)
    assert done.text(".env") == kept and done.text("config.yaml") == config
    assert leaks(done.home, SECRETS) == []


def test_tenant_of_a_channel_and_of_a_provider_stays_with_the_provider(tmp_path: Path):
    kept = f"AZURE_TENANT_ID={TENANT}\nAZURE_CLIENT_ID=11111111-2222-3333-4444-555555555555\n"
    done = cloned(tmp_path, {".env": f"{TEAMS}TEAMS_TENANT_ID={TENANT}\n{kept}"})
    assert done.text(".env") == kept and leaks(done.home, SECRETS) == []


def test_secret_inside_a_providers_key_is_removed_all_the_same(tmp_path: Path):
    url = "OPENAI_BASE_URL=http://bot:CANARYmattermost0000000001@nas.local/v1\n"
    done = cloned(tmp_path, {".env": MATTERMOST + url})
    assert leaks(done.home, SECRETS) == [] and "OPENAI_BASE_URL=http://bot:<removed: MATTERMOST_TOKEN>@" in done.text(
        ".env"
    )


def test_host_in_a_text_is_redacted_alone_but_not_inside_an_address(tmp_path: Path):
    text = "write to https://home.example.org. models: https://home.example.org/llm, https://home.example.org:8080\n"
    done = cloned(tmp_path, {".env": MATTERMOST, "SOUL.md": text})
    assert done.text("SOUL.md") == text.replace("https://home.example.org.", "<removed: MATTERMOST_URL>.")


def test_id_of_an_allow_list_is_redacted_alone_but_not_inside_a_number(tmp_path: Path):
    files = {
        ".env": "TELEGRAM_BOT_TOKEN=8812345678:AAF-CANARY-TelegramTokenAbCdEf123\n"
        "TELEGRAM_ALLOWED_USERS=123456789,987654321\n"
        "OPENAI_PROJECT=proj-123456789\nMY_ADMIN=123456789\n",
        "SOUL.md": "the owner is 123456789; the order is 91234567890\n",
    }
    done = cloned(tmp_path, files)
    assert done.text(".env") == "OPENAI_PROJECT=proj-123456789\n"
    assert done.text("SOUL.md") == "the owner is <removed: TELEGRAM_ALLOWED_USERS>; the order is 91234567890\n"


def test_pieces_of_encrypted_values_are_no_secrets(tmp_path: Path):
    env = (
        "MATTERMOST_TOKEN=ENC[AES256_GCM,data:CANARYaaaaaaaaaaaaaaaaaaaa==,iv:CANARYbbbbbbbbbbbbbbbbbbbbbbbb=,type:str]\n"
        "OPENAI_API_KEY=ENC[AES256_GCM,data:keepkeepkeepkeepkeepkeep==,iv:keptkeptkeptkeptkeptkept=,type:str]\n"
    )
    done = cloned(tmp_path, {".env": env, "SOUL.md": "we encrypt with ENC[AES256_GCM and type:str]\n"})
    assert done.text(".env") == env.splitlines(keepends=True)[1]
    assert done.text("SOUL.md") == "we encrypt with ENC[AES256_GCM and type:str]\n"
    assert leaks(done.home, ["CANARYaaaaaaaaaaaaaaaaaaaa=="]) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://nas.local", True),
        ("http://nas.local:8008/", True),
        ("https://[::1]:8008", True),
        ("wss://relay.example.org/v1/ws", True),
        ("mail.example.org", True),
        ("192.0.2.7:587", True),
        ("nas", False),
        ("https://user:pass@home.example.org", False),
        ("https://hooks.example.org/hooks/CANARY0123456789abcdef0123", False),
        ("https://home.example.org/?token=x", False),
        ("@ada:nas.local", False),
    ],
)
def test_is_address(value: str, expected: bool):
    assert is_address(value) is expected


def test_public_value_is_found_as_a_whole_value_only():
    index = ValueIndex({"T": ["CANARY-secret-1"]}, public={"U": ["https://home.example.org"], "P": ["123456789"]})
    assert index.names_in(b"x=https://home.example.org\n") == ("U",)
    assert index.names_in(b"https://home.example.org/v1 0123456789") == ()
    assert index.hits(b"aCANARY-secret-1b") and index.secrets.names_in(b"https://home.example.org") == ()
    assert index.redact("id 123456789, no 1234567890")[0] == "id <removed: P>, no 1234567890"


HOSTS = st.sampled_from(["nas.local", "192.0.2.10", "home.example.org", "mail.example.org", "[::1]", "server.lan"])
CHANNELS = {
    "matrix": "MATRIX_HOMESERVER={url}\nMATRIX_ACCESS_TOKEN=syt_CANARY_{n:010}\nMATRIX_USER_ID=@ada:{host}\n",
    "mattermost": "MATTERMOST_URL={url}\nMATTERMOST_TOKEN=CANARYmm{n:020}\n",
    "email": "EMAIL_ADDRESS=ada@{host}\nEMAIL_PASSWORD=CANARY-{n:09}\nEMAIL_IMAP_HOST={host}\nEMAIL_SMTP_HOST={host}\n",
    "signal": "SIGNAL_HTTP_URL={url}\nSIGNAL_ACCOUNT=+4915199{n:06}\n",
    "bluebubbles": "BLUEBUBBLES_SERVER_URL={url}\nBLUEBUBBLES_PASSWORD=CANARY-bb-{n:010}\n",
    "ntfy": "NTFY_SERVER_URL={url}\nNTFY_TOPIC=CANARY-topic-{n:010}\n",
    "irc": "IRC_SERVER={host}\nIRC_CHANNEL=#family-channel\nIRC_NICKNAME=ada-CANARY-{n:06}\n",
    "homeassistant": "HASS_URL={url}\nHASS_TOKEN=CANARY-hass-{n:010}\n",
    "simplex": "SIMPLEX_WS_URL=ws://{host}:5225\n",
}
SHARED = {
    "OPENAI_BASE_URL": "{url}/v1",
    "OLLAMA_BASE_URL": "{url}",
    "OLLAMA_HOST": "{host}",
    "CUSTOM_BASE_URL": "{url}:8080/v1",
    "SEARXNG_URL": "{url}/searxng",
    "FIRECRAWL_API_URL": "{url}",
    "LITELLM_API_BASE": "{url}",
    "HTTP_PROXY": "http://{host}:3128",
    "QDRANT_HOST": "{host}",
    "OPENAI_API_KEY": "sk-keep-keep-keep-keep",
    "OPENAI_MODEL": "qwen3-{host}",
}
CONFIG = """\
model:
  default: qwen3
  provider: custom
  base_url: {url}/v1
custom_providers:
- name: local
  base_url: {url}
auxiliary:
  vision: {{provider: custom, base_url: '{url}:1234'}}
mcp_servers:
  mail:
    command: uvx
    args: [mcp-mail, --host, '{host}', '{url}']
    env: {{SERVER: '{url}'}}
tts:
  openai: {{base_url: '{url}'}}
"""
SCHEMES = st.sampled_from(["http://", "https://"])
PORTS = st.sampled_from(["", ":8008", ":443"])


@settings(max_examples=600 if NIGHTLY else 25, deadline=None)
@given(
    host=HOSTS,
    scheme=SCHEMES,
    port=PORTS,
    channels=st.lists(st.sampled_from(sorted(CHANNELS)), min_size=1, max_size=4, unique=True),
    shared=st.lists(st.sampled_from(sorted(SHARED)), min_size=1, max_size=6, unique=True),
    first=st.booleans(),
)
def test_model_settings_of_a_homelab_arrive_byte_for_byte(
    host: str, scheme: str, port: str, channels: list[str], shared: list[str], first: bool
):
    names = {"host": host, "url": scheme + host + port}
    counter = itertools.count(1)
    identity = "".join(CHANNELS[name].format(**names, n=next(counter)) for name in channels)
    kept = "".join(f"{name}={SHARED[name].format(**names)}\n" for name in shared)
    config = CONFIG.format(**names)
    secrets = [word for word in identity.replace("=", "\n").split("\n") if "CANARY" in word]
    with tempfile.TemporaryDirectory() as folder:
        env = kept + identity if first else identity + kept
        done = cloned(Path(folder), {".env": env, "config.yaml": config})
        assert done.text(".env") == kept
        assert done.text("config.yaml") == config
        assert leaks(done.home, secrets) == []


@pytest.mark.parametrize("word", ["openrouter", "qwen3-coder", "meta/llama-3.1-70b"])
def test_password_that_is_the_name_of_the_model_leaves_the_model(tmp_path: Path, word: str) -> None:
    env = f"OPENAI_API_KEY=sk-CANARY\nMATTERMOST_URL=https://x.example\nMATTERMOST_TOKEN={word}\n"
    config = f"model:\n  default: {word}\n  provider: {word}\nnotes: x\n"
    cloned = clone(make_layout(tmp_path, {".env": env, "config.yaml": config}))
    assert cloned.text("config.yaml") == config and cloned.text(".env") == "OPENAI_API_KEY=sk-CANARY\n"


def test_token_in_the_place_of_a_model_is_removed(tmp_path: Path) -> None:
    token = "a1b2canary3d4e5f6g7h8i9j0k"
    env = f"MATTERMOST_URL=https://x.example\nMATTERMOST_TOKEN={token}\n"
    cloned = clone(make_layout(tmp_path, {".env": env, "config.yaml": f"model:\n  default: {token}\n"}))
    assert token not in cloned.text("config.yaml")
