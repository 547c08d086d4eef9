"""Channels, identities and ports of a profile, from values in any file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.profiles.channels import ClaimedResources, Managed, claimed_resources

CATALOG = load_catalog()
TOKEN = "7100:CANARY-telegram"


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def look(home: Path, files: dict[str, Any], **more: Any) -> ClaimedResources:
    home.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return claimed_resources(home, catalog=CATALOG, **more)


def keys(found: ClaimedResources) -> set[tuple[str, str]]:
    return {one.place for one in found.identities}


@pytest.mark.parametrize("files", [
    {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"},
    {".env": f'export TELEGRAM_BOT_TOKEN="{TOKEN}" # mine\n'},
    {".env": f"BOT={TOKEN}\nTELEGRAM_BOT_TOKEN=${{BOT}}\n"},
    {".env": f"TELEGRAM_BOT_TOKEN=${{BOT}}\nBOT={TOKEN}\n"},  # a start loads the file twice
    {".env": "TELEGRAM_BOT_TOKEN=${BOT:-none}\n", ".op.env": f"BOT={TOKEN}\n"},
    {".env": f"BOT={TOKEN}\n", ".op.env": "TELEGRAM_BOT_TOKEN=${BOT}\n"},
    {".env": f"BOT={TOKEN}\nBROKEN=\"\nTELEGRAM_BOT_TOKEN=${{BOT}}\n"},
    {".op.env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"},
    {"config.yaml": {"platforms": {"telegram": {"enabled": True, "token": TOKEN}}}},
    {"config.yaml": {"platforms": {" Telegram": {"enabled": "yes", "token": TOKEN}}}},
    {"config.yaml": {"gateway": {"platforms": {"telegram": {"enabled": True, "token": TOKEN}}}}},
    {"config.yaml": {"platforms": {"telegram": {"enabled": True, "extra": {"token": TOKEN}}}}},
    {"config.yaml": f"TELEGRAM_BOT_TOKEN: {TOKEN}\n"},
    {"config.yaml": f"a: &t {{enabled: true, token: '{TOKEN}'}}\nplatforms:\n  telegram: *t\n"},
    {".env": f"BOT={TOKEN}\n", "config.yaml": {"platforms": {"telegram": {"enabled": True, "token": "${BOT}"}}}},
    {"gateway.json": {"platforms": {"telegram": {"enabled": True, "token": TOKEN}}}, "config.yaml": ""},
    {"gateway.json": {"platforms": {"telegram": {"token": TOKEN}}}, "config.yaml": "telegram: {enabled: true}\n"},
    {"gateway.json": {"platforms": {"telegram": {"enabled": False}}}, ".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"},
])  # fmt: skip
def test_same_token_in_any_place_is_the_same_identity(tmp_path: Path, files: dict[str, Any]) -> None:
    found = look(tmp_path / "home", files)
    assert keys(found) == {("telegram", key(TOKEN))} and bool(found.problems) == ("BROKEN" in str(files))
    assert [one.noun for one in found.identities] == ["token"]
    assert TOKEN not in repr(found)


def test_a_reference_to_a_vault_is_an_identity_of_its_own(tmp_path: Path) -> None:
    vault = {"onepassword": {"enabled": True, "env": {"TELEGRAM_BOT_TOKEN": "op://bots/shared/token"}}}
    assert keys(look(tmp_path / "a", {"config.yaml": {"secrets": vault}})) == {
        ("telegram", key("op://bots/shared/token"))
    }
    vault["onepassword"]["enabled"] = False
    assert keys(look(tmp_path / "b", {"config.yaml": {"secrets": vault}})) == set()


@pytest.mark.parametrize("value", [
    "your_telegram_bot_token", "changeme", "<bot token>", "123456789:ABCdefGHI", "xxxx", "YOUR-BOT-TOKEN", "...",
    "paste-your-token", "replace_me", "${MISSING}",
])  # fmt: skip
def test_documentation_placeholder_is_not_an_identity(tmp_path: Path, value: str) -> None:
    block = {"platforms": {"telegram": {"enabled": True, "token": value}}}
    assert look(tmp_path / "home", {"config.yaml": block}).identities == ()


def test_channel_that_is_off_claims_nothing(tmp_path: Path) -> None:
    off = {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "config.yaml": "platforms:\n  telegram:\n    enabled: false\n"}
    assert look(tmp_path / "home", off)[:2] == ((), ())


@pytest.mark.parametrize(("first", "second", "same"), [
    ("EMAIL_ADDRESS=Me@Home.org\nEMAIL_IMAP_HOST=IMAP.home.org\n",
     "EMAIL_ADDRESS=me@home.org\nEMAIL_IMAP_HOST=imap.home.org\n", True),
    ("EMAIL_ADDRESS=me@home.org\nEMAIL_IMAP_HOST=a.org\n", "EMAIL_ADDRESS=me@home.org\nEMAIL_IMAP_HOST=b.org\n", False),
    ("SIGNAL_HTTP_URL=http://127.0.0.1:8080\nSIGNAL_ACCOUNT=+49151123456\n",
     "SIGNAL_HTTP_URL=http://127.0.0.1:8081\nSIGNAL_ACCOUNT='+49 (151) 123-456'\n", True),
    ("SIGNAL_HTTP_URL=http://127.0.0.1:8080\nSIGNAL_ACCOUNT=0049151123456\n",
     "SIGNAL_HTTP_URL=http://127.0.0.1:8080\nSIGNAL_ACCOUNT=+49151123457\n", False),
    ("TWILIO_ACCOUNT_SID=AC1234\nTWILIO_PHONE_NUMBER=+4915112345\n",
     "TWILIO_ACCOUNT_SID=AC1234\nTWILIO_PHONE_NUMBER=+49-151-12345\n", True),
    ("SLACK_BOT_TOKEN=xoxb-b\nSLACK_APP_TOKEN=xapp-q\n", "SLACK_BOT_TOKEN=xoxb-c\nSLACK_APP_TOKEN=xapp-q\n", True),
    ("SLACK_BOT_TOKEN=xoxb-b\nSLACK_APP_TOKEN=xapp-q\n", "SLACK_BOT_TOKEN=xoxb-b\nSLACK_APP_TOKEN=xapp-r\n", False),
    ("NTFY_TOPIC=t-1234\n", "NTFY_TOPIC=t-1234\nNTFY_SERVER_URL=https://ntfy.sh/\n", True),
    ("NTFY_TOPIC=t-1234\n", "NTFY_TOPIC=t-1234\nNTFY_SERVER_URL=https://own.org\n", False),
    ("TWILIO_ACCOUNT_SID=AC1234\nTWILIO_PHONE_NUMBER=+4911\n",
     "TWILIO_ACCOUNT_SID=AC1234\nTWILIO_PHONE_NUMBER=+4922\n", False),
    ("MATRIX_ACCESS_TOKEN=syt_1\nMATRIX_HOMESERVER=https://M.org/\nMATRIX_USER_ID=@a:m.org\n",
     "MATRIX_PASSWORD=pw12\nMATRIX_HOMESERVER=https://m.org\nMATRIX_USER_ID=@a:m.org\n", True),
    ("YUANBAO_APP_ID=app-1\nYUANBAO_APP_SECRET=s123\n", "YUANBAO_APP_KEY=app-1\nYUANBAO_APP_SECRET=s456\n", True),
    ("IRC_SERVER=irc.org\nIRC_CHANNEL=#a\n", "IRC_SERVER=irc.org\nIRC_CHANNEL=#b\nIRC_NICKNAME=hermes-bot\n", True),
    ("BLUEBUBBLES_SERVER_URL=http://127.0.0.1:1234\nBLUEBUBBLES_PASSWORD=p123\n",
     "BLUEBUBBLES_SERVER_URL=http://127.0.0.1:1234/\nBLUEBUBBLES_PASSWORD=p456\n", True),
])  # fmt: skip
def test_identities_are_compared_and_not_names_of_variables(
    tmp_path: Path,
    first: str,
    second: str,
    same: bool,
) -> None:
    more = "EMAIL_PASSWORD=CANARY\nEMAIL_SMTP_HOST=smtp.org\n"
    one, two = (look(tmp_path / name, {".env": env + more}) for name, env in (("a", first), ("b", second)))
    assert one.identities and two.identities
    assert bool(keys(one) & keys(two)) is same


def test_a_signal_number_keeps_the_spelling_that_hermes_locks(tmp_path: Path) -> None:
    env = "SIGNAL_HTTP_URL=http://127.0.0.1:8080\nSIGNAL_ACCOUNT=0049 151 123456\n"
    found = look(tmp_path / "a", {".env": env})
    assert [one.key for one in found.identities] == [key("0049 151 123456"), key("+49151123456")]
    plain = look(tmp_path / "b", {".env": env.replace("0049 151 ", "+49151")})
    assert [one.key for one in plain.identities] == [key("+49151123456")]


def test_a_copied_whatsapp_session_is_the_same_device_in_another_place(tmp_path: Path) -> None:
    creds = {"me": {"id": "49151:12@s.whatsapp.net"}, "noiseKey": {"public": "CANARY"}}
    env = "WHATSAPP_ENABLED=true\n"
    one = look(tmp_path / "a", {".env": env, "platforms/whatsapp/session/creds.json": creds})
    two = look(tmp_path / "b", {".env": env, "whatsapp/session/creds.json": creds})
    three = look(tmp_path / "c", {".env": env, "whatsapp/session/creds.json": {**creds, "me": {"id": "49151:13@x"}}})
    assert keys(one) & keys(two) == {("whatsapp", key("49151:12@s.whatsapp.net"))}
    assert not keys(one) & keys(three)
    # Hermes' own lock knows the path.
    assert ("whatsapp", key(str(tmp_path / "b/whatsapp/session"))) in keys(two)
    pointed = {
        "platforms": {"whatsapp": {"enabled": True, "extra": {"session_path": str(tmp_path / "b/whatsapp/session")}}}
    }
    assert keys(look(tmp_path / "d", {"config.yaml": pointed})) == keys(two)


def test_weixin_falls_back_on_the_stored_account(tmp_path: Path) -> None:
    stored = {"weixin/accounts/wx1.json": {"token": "CANARY-stored"}}
    found = look(tmp_path / "a", {".env": "WEIXIN_ACCOUNT_ID=wx1\n", **stored})
    assert keys(found) == {("weixin", key("wx1")), ("weixin", key("CANARY-stored"))}
    named = look(tmp_path / "b", {".env": "WEIXIN_ACCOUNT_ID=wx1\nWEIXIN_TOKEN=CANARY-own\n", **stored})
    assert keys(named) == {("weixin", key("wx1")), ("weixin", key("CANARY-own"))}


def test_photon_is_on_by_its_login_alone(tmp_path: Path) -> None:
    login = {"credential_pool": {"photon_project": [{"spectrum_project_id": "pr-1", "project_secret": "CANARY"}]}}
    assert keys(look(tmp_path / "a", {"auth.json": login})) == {("photon", key("pr-1"))}
    off = {"auth.json": login, "config.yaml": "platforms: {photon: {enabled: false}}\n"}
    assert look(tmp_path / "b", off).identities == ()


@pytest.mark.parametrize(("files", "claim"), [
    ({".env": "API_SERVER_KEY=CANARY\n"}, PortClaim("api_server", 8642, "127.0.0.1")),
    ({".env": "API_SERVER_ENABLED=1\nAPI_SERVER_PORT=9001\nAPI_SERVER_HOST=::\n"}, PortClaim("api_server", 9001, "::")),
    ({"config.yaml": "platforms: {api_server: {enabled: true, port: 7, extra: {port: 9002, host: localhost}}}\n"},
     PortClaim("api_server", 9002, "localhost")),
    ({".env": "API_SERVER_ENABLED=1\nAPI_SERVER_PORT=none\n"}, PortClaim("api_server", 8642, "127.0.0.1")),
    ({".env": "API_SERVER_ENABLED=1\n", "config.yaml": "API_SERVER_PORT: 9003\n"},
     PortClaim("api_server", 9003, "127.0.0.1")),
    ({".env": "WEBHOOK_ENABLED=true\n"}, PortClaim("webhook", 8644, "*")),
    ({".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_WEBHOOK_URL=https://t.org\n"},
     PortClaim("telegram", 8443, "0.0.0.0")),
    ({".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"}, None),
    ({".env": "FEISHU_APP_ID=cli_1\nFEISHU_APP_SECRET=CANARY\n"}, None),
    ({".env": "FEISHU_APP_ID=cli_1\nFEISHU_APP_SECRET=CANARY\nFEISHU_CONNECTION_MODE=webhook\n"},
     PortClaim("feishu", 8765, "127.0.0.1")),
    ({".env": "WHATSAPP_ENABLED=1\n"}, PortClaim("whatsapp", 3000, "127.0.0.1")),
])  # fmt: skip
def test_ports_with_their_defaults_where_the_channel_listens(
    tmp_path: Path, files: dict[str, Any], claim: PortClaim | None
) -> None:
    assert look(tmp_path / "home", files).ports == ((claim,) if claim else ())


@pytest.mark.parametrize("name", [".env", "config.yaml", "gateway.json"])
def test_unreadable_file_is_a_problem_not_an_exception(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    (home / name).mkdir(parents=True)
    found = look(home, {".op.env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"})
    assert keys(found) == {("telegram", key(TOKEN))}
    assert [(problem.code, problem.target) for problem in found.problems] == [("unreadable", str(home / name))]


def test_broken_documents_are_problems(tmp_path: Path) -> None:
    found = look(tmp_path / "home", {".env": 'A="open\n', "config.yaml": "platforms: [\n", "gateway.json": "{"})
    assert [problem.code for problem in found.problems] == ["unreadable-document"] * 2
    os.mkfifo(tmp_path / "home" / "auth.json")  # nothing waits for a writer
    assert claimed_resources(tmp_path / "home", catalog=CATALOG).identities == ()


@pytest.mark.parametrize("broken", [
    'B="open', "B='open", "no assignment", "= value", '"B=1', 'B="a" tail', "two words=1", "- list", "B='a\"", "\0",
])  # fmt: skip
@pytest.mark.parametrize("is_first", [True, False])
def test_sound_lines_of_a_broken_file_hold_their_identities(tmp_path: Path, broken: str, is_first: bool) -> None:
    """A gateway passes over a broken line and polls the bot: a second one must not get it."""
    sound = (
        f'TELEGRAM_BOT_TOKEN={TOKEN}\nMATRIX_ACCESS_TOKEN="CANARY\nof two lines"\nMATRIX_HOMESERVER=https://m.test\n'
    )
    found = look(tmp_path / "home", {".env": f"{broken}\n{sound}" if is_first else f"{sound}{broken}\n"})
    assert ("telegram", key(TOKEN)) in keys(found) and set(found.channels) == {"matrix", "telegram"}


def test_ciphertext_holds_no_identity(tmp_path: Path) -> None:
    found = look(tmp_path / "home", {".env": f"$ANSIBLE_VAULT;1.1;AES256\nTELEGRAM_BOT_TOKEN={TOKEN}\n"})
    assert found.identities == () and [problem.code for problem in found.problems] == ["unreadable-document"]


def test_managed_values_override_the_profile(tmp_path: Path) -> None:
    managed = Managed({"TELEGRAM_BOT_TOKEN": TOKEN}, {"platforms": {"discord": {"enabled": False}}})
    files = {".env": "TELEGRAM_BOT_TOKEN=1:CANARY-own\nDISCORD_BOT_TOKEN=CANARY-discord\n", "config.yaml": "model: m\n"}
    assert keys(look(tmp_path / "home", files, managed=managed)) == {("telegram", key(TOKEN))}
    assert TOKEN not in repr(managed)


def test_spellings_that_the_overlay_must_repeat_are_returned(tmp_path: Path) -> None:
    config = {"platforms": {"Telegram": {"enabled": True}, "slack": {}}, "gateway": {"platforms": {"DISCORD": {}}}}
    found = look(tmp_path / "home", {"config.yaml": config, "gateway.json": {"platforms": {"TELEGRAM": {}}}})
    assert found.spellings == ("DISCORD", "TELEGRAM", "Telegram")


@pytest.mark.parametrize("files", [
    {"gateway.json": '{"platforms": {"slack": {"enabled": true, "token": "xoxb-CANARY-1"}}}'},
    {"config.yaml": "platforms:\n  whatsapp:\n    extra:\n      session_path: /x\n"},
    {"config.yaml": "secrets:\n  onepassword:\n    enabled: true\n    env:\n      TELEGRAM_BOT_TOKEN: op://v/i/f\n"},
    {".env": "TELEGRAM_BOT_TOKEN=7:CANARY-token-of-a-bot\n", "config.yaml": "platforms: {Slack: {enabled: true}}\n"},
], ids=["legacy", "block", "vault", "plain"])  # fmt: skip
def test_list_and_status_name_the_same_channels(tmp_path: Path, files: dict[str, str]) -> None:
    from hermes_profiles.model.layout import Layout
    from hermes_profiles.profiles.profile import read_profile

    for name, content in files.items():
        (tmp_path / name).write_text(content)
    found = claimed_resources(tmp_path, catalog=load_catalog()).channels
    listed = read_profile(Layout(tmp_path, tmp_path), "default", catalog=load_catalog(), active="default", alias=None)
    assert listed.channels == found != ()


def test_joined_lines_are_split_in_env_alone(tmp_path: Path) -> None:
    """Hermes 0.19.0 repairs joined lines of `.env` only."""
    text = "OPENAI_API_KEY=CANARY1TELEGRAM_BOT_TOKEN=71:CANARYtelegram\n"
    (tmp_path / ".op.env").write_text(text)
    assert claimed_resources(tmp_path, catalog=CATALOG).channels == ()
    (tmp_path / ".env").write_text(text)
    assert claimed_resources(tmp_path, catalog=CATALOG).channels == ("telegram",)


API = "API_SERVER_KEY=CANARY-api-key-0123456789\n"


@pytest.mark.parametrize(("env", "port", "found"), [
    ("API_SERVER_PORT=+8650\n", "", [8650]),
    ("API_SERVER_PORT=8_650\n", "", [8650]),
    ("API_SERVER_PORT=' 8650 '\n", "", [8650]),
    ("API_SERVER_PORT=８６５０\n", "", [8650]),  # int() reads these digits, and so does Hermes
    ("API_SERVER_PORT=abc\n", "", [8642]),
    ("API_SERVER_PORT=abc\n", "8651", [8651]),
    ("API_SERVER_PORT=0\n", "8651", []),
    ("API_SERVER_PORT=70000\n", "", []),
    ("API_SERVER_PORT=-1\n", "", []),
    ("", "0", []),
    ("", "8650.0", [8650]),
    ("", "'8650'", [8650]),
    ("", "words", [8642]),
])  # fmt: skip
def test_a_port_is_the_number_that_hermes_reads(tmp_path: Path, env: str, port: str, found: list[int]) -> None:
    config = f"platforms:\n  api_server:\n    extra:\n      port: {port}\n" if port else ""
    held = look(tmp_path / "home", {".env": API + env, "config.yaml": config})
    assert [claim.port for claim in held.ports] == found


@pytest.mark.parametrize(("host", "addresses"), [
    ("192.0.2.7", {"192.0.2.7", "127.0.0.1"}), ("0.0.0.0", {"0.0.0.0"}), ("localhost", {"localhost"}),
    ("::1", {"::1", "127.0.0.1"}),
])  # fmt: skip
@pytest.mark.parametrize("channel", ["raft", "wecom_callback"])
def test_a_channel_that_asks_at_loopback_first_claims_it_as_well(
    tmp_path: Path, channel: str, host: str, addresses: set[str]
) -> None:
    config = f"platforms:\n  {channel}:\n    enabled: true\n    extra:\n      port: 9100\n      host: '{host}'\n"
    held = look(tmp_path / "home", {"config.yaml": config})
    assert {claim.bind for claim in held.ports if claim.port == 9100} == addresses
