"""One case for every place of an identity (files, spellings, encodings); each case makes a clone.

A case names the values that must be gone and the rows the report must have; what holds for every clone is in
`clone_source.clone` and `check`.
"""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from clone_source import (
    Cloned,
    Files,
    Link,
    assert_lines_kept,
    assert_shared_alike,
    canary,
    clone,
    leaks,
    leaks_in,
    make_layout,
)

from hermes_profiles.credentials.rules.files import Scope

TOKEN = canary("telegram-token")
SECRET = canary("second-secret")
SHARED = "sk-or-shared-0001"
MODEL = "# the model\nmodel:\n  default: anthropic/claude  # the usual one\n  provider: openrouter\n"


@dataclass(frozen=True)
class Case:
    """`gone`: values that must be in no file; `rows`: (file, name) pairs of the report; `marks`: parts of lines that
    may change besides those with a value; `shared`: variables that must read alike; `look`: further assertions."""

    id: str
    files: Files
    gone: tuple[str, ...] = (TOKEN,)
    rows: tuple[tuple[str, str], ...] = ()
    marks: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    scope: Scope = Scope.AGENT
    profile: str = "default"
    environment: dict[str, str] = field(default_factory=dict)
    look: Callable[[Cloned], None] | None = None
    whole: bool = True  # the documents can be compared line by line


def env(line: str, *, around: bool = True) -> dict[str, bytes | str]:
    if not around:
        return {".env": line}
    return {".env": f"# keys\nOPENROUTER_API_KEY={SHARED}\n{line}\nTAVILY_API_KEY='{SHARED}2'  \n\n# end\n"}


def env_case(name: str, line: str, **more: object) -> Case:
    given = {"rows": ((".env", "TELEGRAM_BOT_TOKEN"),), "shared": ("OPENROUTER_API_KEY", "TAVILY_API_KEY"), **more}
    return Case(f"env: {name}", env(line), **given)  # type: ignore[arg-type]


def config_case(name: str, text: str, *paths: str, **more: object) -> Case:
    given = {"rows": tuple(("config.yaml", path) for path in paths), **more}
    return Case(f"config: {name}", {"config.yaml": MODEL + text}, **given)  # type: ignore[arg-type]


def state_case(path: str, *, left: str | None = None, content: bytes | str = TOKEN, **more: object) -> Case:
    given = {"rows": ((left or path, ""),), "scope": Scope.ALL, **more}
    return Case(f"state: {path}", {path: content, "keep/me.txt": "mine"}, **given)  # type: ignore[arg-type]


def text_has(path: str, *parts: str) -> Callable[[Cloned], None]:
    def look(cloned: Cloned) -> None:
        for part in parts:
            assert part in cloned.text(path), part

    return look


def has_not(path: str) -> Callable[[Cloned], None]:
    return lambda cloned: pytest.fail(f"{path} is there") if (cloned.home / path).is_symlink() else None


T = "TELEGRAM_BOT_TOKEN"
BOTH = (f"{T}={TOKEN}", f"WEIXIN_TOKEN={SECRET}")
B64 = base64.b64encode(TOKEN.encode()).decode()

ENV = [
    env_case("plain", f"{T}={TOKEN}"),
    env_case("export", f"export {T}={TOKEN}"),
    env_case("export and tab", f"export\t{T}={TOKEN}"),
    env_case("quoted name", f"'{T}'={TOKEN}"),
    env_case("spaces around =", f"{T} = {TOKEN}"),
    env_case("tabs around =", f"\t{T}\t=\t{TOKEN}\t"),
    env_case("comment behind", f"{T}={TOKEN} # since 2024-05-06, personal account"),
    env_case("single quotes", f"{T}='{TOKEN}'"),
    env_case("double quotes", f'{T}="{TOKEN}"'),
    env_case("double quotes and comment", f'{T}="{TOKEN}" # old'),
    env_case("open text after quote", f"{T}={TOKEN}'s"),
    env_case("duplicate key", f"{T}={SECRET}\n{T}={TOKEN}", gone=(TOKEN, SECRET)),
    env_case(
        "joined known keys", BOTH[0] + BOTH[1], gone=(TOKEN, SECRET), rows=((".env", T), (".env", "WEIXIN_TOKEN"))
    ),
    env_case("joined with a shared key", f"{T}={TOKEN}EXA_API_KEY={SHARED}3", marks=("EXA",)),
    env_case("interpolated name", f"{T}={TOKEN}\nBOT=${{{T}}}", look=text_has(".env", "BOT=${TELEGRAM_BOT_TOKEN}")),
    env_case(
        "interpolation sources",
        f"PART_ONE={TOKEN}\n{T}=${{PART_ONE}}:rest",
        rows=((".env", T), (".env", "PART_ONE")),
        marks=(T,),
    ),
    env_case("default of an interpolation", f"{T}=${{X:-{TOKEN}}}"),
    env_case(
        "another name has the value",
        f"{T}={TOKEN}\nBACKUP_OF_BOT={TOKEN}",
        rows=((".env", T), (".env", "BACKUP_OF_BOT")),
    ),
    env_case("part of another value", f"{T}={TOKEN}\nHOOK=https://x.example/bot{TOKEN}/send?a=1"),
    env_case("multi-line value", f'{T}="first\n{TOKEN}\nlast line"', marks=("first", "last line")),
    env_case("escaped line break", f'{T}="{TOKEN}\\n{SECRET}"', gone=(TOKEN, SECRET)),
    env_case("commented out", f"# {T}={TOKEN}", rows=()),
    env_case("commented out with export", f"  ## export {T}='{TOKEN}'", rows=()),
    env_case("value in a comment", f"{T}={TOKEN}\n# was {TOKEN} until May"),
    env_case(
        "empty", f"{T}=\nWEIXIN_TOKEN={TOKEN}", rows=((".env", "WEIXIN_TOKEN"),), look=text_has(".env", f"{T}=\n")
    ),
    env_case("name without =", f"{T}\nWEIXIN_TOKEN={TOKEN}", rows=((".env", "WEIXIN_TOKEN"),)),
    env_case(
        "list of ids",
        "TELEGRAM_ALLOWED_USERS=4200000042, 4200000043\n# ask 4200000043",
        gone=("4200000042", "4200000043"),
        rows=((".env", "TELEGRAM_ALLOWED_USERS"),),
    ),
    env_case("percent-encoded", f"{T}={TOKEN}:a/b\nHOOK=https://x.example/?t={quote(TOKEN + ':a/b', safe='')}"),
    env_case("base64 elsewhere", f"{T}={TOKEN}\nBASIC={B64}", marks=("BASIC",)),
    env_case("unknown name with a prefix", f"TELEGRAM_NEW_THING={TOKEN}", rows=((".env", "TELEGRAM_NEW_THING"),)),
    env_case("pattern of a name", f"SIGNAL_HOME_CHANNEL={TOKEN}", rows=((".env", "SIGNAL_HOME_CHANNEL"),)),
    env_case("gateway-wide", f"GATEWAY_PROXY_KEY={TOKEN}", rows=((".env", "GATEWAY_PROXY_KEY"),)),
    env_case(
        "password of a proxy",
        f"GATEWAY_PROXY_URL=https://me:{TOKEN}@h.example/\nX={TOKEN}",
        rows=((".env", "GATEWAY_PROXY_URL"), (".env", "X")),
    ),
    env_case(
        "JSON value",
        'GOOGLE_CHAT_SERVICE_ACCOUNT_JSON=\'{"private_key": "'
        + TOKEN
        + '", "token_uri": "https://oauth2.googleapis.com/token"}\'\nSEEN=https://oauth2.googleapis.com/token',
        rows=((".env", "GOOGLE_CHAT_SERVICE_ACCOUNT_JSON"),),
        look=text_has(".env", "SEEN=https://oauth2.googleapis.com/token"),
    ),
    Case(
        "env: CRLF",
        {".env": f"OPENROUTER_API_KEY={SHARED}\r\n{T}={TOKEN}\r\n# x\r\n"},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
    ),
    Case(
        "env: no line end",
        {".env": f"OPENROUTER_API_KEY={SHARED}\n{T}={TOKEN}"},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
    ),
    Case(
        "env: old Mac line ends",
        {".env": f"OPENROUTER_API_KEY={SHARED}\r{T}={TOKEN}\r"},
        rows=((".env", T),),
        whole=False,
    ),
    Case(
        "env: BOM",
        {".env": b"\xef\xbb\xbf" + f"{T}={TOKEN}\nOPENROUTER_API_KEY={SHARED}\n".encode()},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
        whole=False,
    ),
    Case(
        "env: BOM before what goes",
        {".env": b"\xef\xbb\xbf" + f"{T}={TOKEN}\nOPENROUTER_API_KEY={SHARED}\n".encode()},
        look=lambda c: c.bytes(".env") == f"OPENROUTER_API_KEY={SHARED}\n".encode() or pytest.fail("glued to the key"),
        whole=False,
    ),
    Case(
        "env: UTF-16 LE",
        {".env": b"\xff\xfe" + f"OPENROUTER_API_KEY={SHARED}\n{T}={TOKEN}\n".encode("utf-16-le")},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
        whole=False,
    ),
    Case(
        "env: UTF-16 BE",
        {".env": b"\xfe\xff" + f"OPENROUTER_API_KEY={SHARED}\n{T}={TOKEN}\n".encode("utf-16-be")},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
        whole=False,
    ),
    Case(
        "env: NUL padding",
        {".env": f"OPENROUTER_API_KEY={SHARED}\n{T}={TOKEN}\n".encode() + b"\x00" * 40},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
        whole=False,
    ),
    Case(
        "env: latin-1",
        {".env": f"OPENROUTER_API_KEY={SHARED}\n# gr\xfc\xdfe\n{T}={TOKEN}\n".encode("latin-1")},
        rows=((".env", T),),
        shared=("OPENROUTER_API_KEY",),
    ),
    Case(
        "op.env",
        {".op.env": f"OP_SERVICE_ACCOUNT_TOKEN=ops_x\n{T}={TOKEN}\nEXA_API_KEY=e\n"},
        rows=((".op.env", T),),
        look=text_has(".op.env", "OP_SERVICE_ACCOUNT_TOKEN=ops_x\n", "EXA_API_KEY=e\n"),
    ),
    Case(
        "op.env and .env",
        {".op.env": f"BOT_COPY={TOKEN}\n", ".env": f"{T}={TOKEN}\n"},
        rows=((".op.env", "BOT_COPY"), (".env", T)),
    ),
]

BLOCK = f"    enabled: true  # on\n    token: {TOKEN}\n    reply_to_mode: first\n"
CONFIG = [
    config_case(
        "platforms",
        f"platforms:\n  telegram:\n{BLOCK}",
        "platforms.telegram.token",
        marks=("enabled",),
        look=text_has("config.yaml", "enabled: false  # on", "reply_to_mode: first"),
    ),
    config_case("capitals", f"platforms:\n  Telegram:\n{BLOCK}", "platforms.Telegram.token", marks=("enabled",)),
    config_case(
        "dash for underscore",
        f"platforms:\n  whatsapp-cloud:\n    extra: {{access_token: {TOKEN}}}\n",
        "platforms.whatsapp-cloud.extra.access_token",
        marks=("whatsapp",),
    ),
    config_case("quoted name", f'"platforms":\n  "telegram":\n{BLOCK}', "platforms.telegram.token", marks=("enabled",)),
    config_case(
        "no enabled key",
        f"platforms:\n  telegram:\n    token: {TOKEN}\n",
        "platforms.telegram.token",
        marks=("telegram:",),
        look=text_has("config.yaml", "enabled: false"),
    ),
    config_case(
        "flow style",
        f"platforms: {{telegram: {{enabled: true, token: '{TOKEN}', reply_to_mode: first}}}}\n",
        "platforms.telegram.token",
        look=text_has("config.yaml", "reply_to_mode: first"),
    ),
    config_case(
        "anchor and merge",
        f"x-bot: &bot\n  enabled: true\n  token: {TOKEN}\n  reply_prefix: hi\nplatforms:\n  Discord:\n    <<: *bot\n",
        marks=("enabled", "token", "Discord", "<<"),
        rows=(("config.yaml", "platforms.Discord.token"),),
    ),
    config_case(
        "own flag before a merged one",
        f"x: &tg\n  enabled: true\n  token: {TOKEN}\nplatforms:\n  telegram:\n    enabled: true\n    <<: *tg\n",
        "platforms.telegram.token",
        marks=("enabled",),
        look=lambda cloned: "enabled: true" not in cloned.text("config.yaml") or pytest.fail("still on"),
    ),
    config_case(
        "flag twice",
        f"platforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}\n    enabled: false\n",
        "platforms.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "alias of a block",
        f"x: &tg\n  enabled: true\n  token: {TOKEN}\nplatforms:\n  telegram: *tg\n",
        "platforms.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "one alias, two channels",
        f"x: &tg\n  token: {TOKEN}\nplatforms:\n  telegram: *tg\n  discord: *tg\n",
        "platforms.telegram.token",
        marks=("x:", "*tg"),
    ),
    config_case(
        "alias of a value",
        f"x: &t {TOKEN}\nplatforms:\n  telegram:\n    token: *t\n",
        "x",
        marks=("telegram:", "token: *t"),
    ),
    config_case(
        "anchor on the value",
        f"platforms:\n  telegram:\n    enabled: true\n    token: &t {TOKEN}\nmcp_servers:\n  a:\n    env: {{TOK: *t, LEVEL: 3}}\n",
        "platforms.telegram.token",
        "mcp_servers.a.env.TOK",
        marks=("enabled", "TOK"),
    ),
    config_case(
        "anchor on a short value others use",
        f"platforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}\n    home_channel: &h Engineering\nnote: *h\n",
        "platforms.telegram.token",
        marks=("enabled", "home_channel", "note"),
    ),
    config_case(
        "list of merges",
        f"a: &a {{token: {TOKEN}}}\nb: &b\n  reply_to_mode: first\nplatforms:\n  telegram:\n    <<: [*a, *b]\n    enabled: true\n",
        marks=("enabled", "a: &a"),
        rows=(("config.yaml", "platforms.telegram.token"),),
    ),
    config_case(
        "duplicate key",
        f"platforms:\n  telegram:\n    token: {SECRET}\n    token: {TOKEN}\n    enabled: true\n",
        "platforms.telegram.token",
        gone=(TOKEN, SECRET),
        marks=("enabled",),
    ),
    config_case(
        "block twice",
        f"platforms:\n  telegram:\n    token: {SECRET}\n  telegram:\n    token: {TOKEN}\n",
        "platforms.telegram.token",
        gone=(TOKEN, SECRET),
        marks=("telegram",),
    ),
    config_case(
        "gateway.platforms",
        f"gateway:\n  strict: false\n  platforms:\n    telegram:\n      enabled: true\n      token: {TOKEN}\n",
        "gateway.platforms.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "gateway.<name>",
        f"gateway:\n  telegram:\n    token: {TOKEN}\n    enabled: yes\n",
        "gateway.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "top-level section",
        f"telegram:\n  enabled: true\n  bot_token: {TOKEN}\n  reactions: false\n",
        "telegram.bot_token",
        marks=("enabled",),
        look=text_has("config.yaml", "reactions: false"),
    ),
    config_case(
        "top-level scalar",
        f"FEISHU_APP_SECRET: {TOKEN}\nTAVILY_API_KEY: tvly-1\n",
        "FEISHU_APP_SECRET",
        look=text_has("config.yaml", "TAVILY_API_KEY: tvly-1"),
    ),
    config_case(
        "top-level scalar, block text",
        f"FEISHU_APP_SECRET: |\n  {TOKEN}\nb: 1\n",
        "FEISHU_APP_SECRET",
        marks=("FEISHU",),
    ),
    config_case(
        "relay keys",
        f"gateway:\n  relay_url: wss://r.example/{TOKEN}\n  relay_id: {SECRET}\n  relay_secret: {SECRET}2\n  relay_route_keys: [{SECRET}3]\n  strict: true\n",
        "gateway.relay_url",
        "gateway.relay_id",
        "gateway.relay_secret",
        "gateway.relay_route_keys",
        gone=(TOKEN, SECRET),
    ),
    config_case(
        "relay endpoint, instance, wake",
        f"gateway:\n  relay_endpoint: https://{TOKEN}.example\n  relay_instance_id: {SECRET}\n  relay_wake_url: https://w.example/{SECRET}\n",
        "gateway.relay_endpoint",
        "gateway.relay_instance_id",
        "gateway.relay_wake_url",
        gone=(TOKEN, SECRET),
        marks=("gateway:",),
    ),
    config_case(
        "proxy_url", f"gateway:\n  proxy_url: https://u:{TOKEN}@h.example\n  strict: true\n", "gateway.proxy_url"
    ),
    config_case(
        "list-shaped secrets",
        f"platforms:\n  wecom_callback:\n    enabled: true\n    extra:\n      apps:\n        - {{corp_id: ww1, secret: {TOKEN}}}\n        - corp_id: ww2\n          secret: {SECRET}\n",
        "platforms.wecom_callback.extra.apps",
        gone=(TOKEN, SECRET),
        marks=("enabled", "corp_id", "apps", "extra"),
    ),
    config_case(
        "1Password map",
        f"secrets:\n  onepassword:\n    env:\n      TELEGRAM_BOT_TOKEN: op://{TOKEN}/bot/token\n      OPENAI_API_KEY: op://vault/openai/key\n",
        "secrets.onepassword.env.TELEGRAM_BOT_TOKEN",
        look=text_has("config.yaml", "OPENAI_API_KEY: op://vault/openai/key"),
    ),
    config_case(
        "session path",
        f"platforms:\n  whatsapp:\n    enabled: true\n    extra:\n      session_path: /srv/{TOKEN}/session\n",
        "platforms.whatsapp.extra.session_path",
        marks=("enabled", "extra"),
    ),
    config_case(
        "multiplex and routes",
        f"multiplex_profiles: true\nprofile_routes:\n  - profile: work\n    chat_id: {TOKEN}\n",
        "multiplex_profiles",
        "profile_routes",
        marks=("multiplex", "profile"),
    ),
    config_case(
        "multiplex and routes below gateway",
        f"gateway:\n  multiplex_profiles: true\n  strict: true\n  profile_routes: [{{profile: work, chat_id: {TOKEN}}}]\n",
        "gateway.multiplex_profiles",
        "gateway.profile_routes",
        marks=("multiplex",),
    ),
    config_case(
        "unknown channel",
        f"platforms:\n  newthing:\n    enabled: true\n    api: {TOKEN}\n",
        "platforms.newthing",
        marks=("newthing", "enabled", "platforms"),
    ),
    config_case(
        "a scalar for a channel",
        f"platforms:\n  telegram: {TOKEN}\n  newthing: {SECRET}\n",
        "platforms.telegram",
        "platforms.newthing",
        gone=(TOKEN, SECRET),
        marks=("platforms",),
    ),
    config_case(
        "value in a comment",
        f"# old: {TOKEN}\nplatforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}  # {TOKEN}\n",
        "platforms.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "value in another value",
        f"platforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}\nquick_commands:\n  ping: curl https://x.example/bot{TOKEN}/getMe\n",
        "platforms.telegram.token",
        marks=("enabled",),
        look=text_has("config.yaml", "<removed: platforms.telegram.token>/getMe"),
    ),
    config_case(
        "value as a key",
        f"platforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}\nmap:\n  {TOKEN}: x\n  other: y\n",
        "platforms.telegram.token",
        marks=("enabled",),
        look=lambda cloned: None,
    ),
    config_case(
        "escapes in double quotes",
        f'platforms:\n  telegram:\n    enabled: true\n    token: {TOKEN}\nnote: "\\x43{TOKEN[1:]}"\n',
        "platforms.telegram.token",
        "note",
        marks=("enabled", "note"),
    ),
    config_case(
        "folded text",
        f"platforms:\n  telegram:\n    enabled: true\n    token: >-\n      {TOKEN}\n",
        "platforms.telegram.token",
        marks=("enabled", "token"),
    ),
    config_case(
        "null and empty blocks",
        f"platforms:\n  telegram:\n  discord: {{}}\n  slack: {{token: {TOKEN}}}\n",
        "platforms.slack.token",
        marks=("discord", "slack"),
    ),
    config_case(
        "CRLF",
        f"platforms:\r\n  telegram:\r\n    enabled: true\r\n    token: {TOKEN}\r\n    reply_to_mode: first\r\n",
        "platforms.telegram.token",
        marks=("enabled",),
    ),
    config_case(
        "sequence of channels",
        f"platforms:\n  - telegram: {{token: {TOKEN}}}\n",
        marks=("platforms", "telegram"),
        rows=(("config.yaml", "platforms[0]"),),
    ),
    Case(
        "config: variable of an MCP server is kept",
        {
            ".env": f"SLACK_TEAM_ID=T0SHARED99\nSLACK_BOT_TOKEN={TOKEN}\n",
            "config.yaml": MODEL + "mcp_servers:\n  slack:\n    env:\n      SLACK_TEAM_ID: ${SLACK_TEAM_ID}\n",
        },
        rows=((".env", "SLACK_BOT_TOKEN"),),
        shared=("SLACK_TEAM_ID",),
    ),
    Case(
        "config: literal token of an MCP server",
        {
            ".env": f"SLACK_BOT_TOKEN={TOKEN}\n",
            "config.yaml": f"mcp_servers:\n  slack:\n    command: npx\n    env: {{SLACK_BOT_TOKEN: {TOKEN}, A: b}}\n",
        },
        rows=((".env", "SLACK_BOT_TOKEN"), ("config.yaml", "mcp_servers.slack.env.SLACK_BOT_TOKEN")),
    ),
    Case(
        "gateway.json",
        {
            "gateway.json": json.dumps(
                {"platforms": {"telegram": {"enabled": True, "token": TOKEN}}, "always_log_local": True}, indent=2
            )
        },
        rows=(("gateway.json", "platforms.telegram.token"),),
        marks=("enabled",),
        look=lambda cloned: (
            json.loads(cloned.text("gateway.json"))
            == {"platforms": {"telegram": {"enabled": False}}, "always_log_local": True}
            or pytest.fail(cloned.text("gateway.json"))
        ),
    ),
    Case(
        "gateway.json on one line",
        {"gateway.json": json.dumps({"platforms": {"Telegram": {"token": TOKEN}}, "x": [TOKEN, 1]})},
        rows=(("gateway.json", "platforms.Telegram.token"),),
    ),
]

AUTH = {
    "version": 1,
    "active_provider": "openrouter",
    "providers": {
        "nous": {"refresh_token": canary("nous")},
        "openai-codex": {"tokens": {"refresh_token": canary("codex")}},
        "anthropic": {"access_token": canary("claude-a"), "refresh_token": canary("claude-r")},
        "openrouter": {"api_key": SHARED},
        "weird-new-oauth": {"refresh_token": canary("weird"), "label": "x"},
    },
    "credential_pool": {
        "photon_project": [{"project_id": canary("photon-id"), "project_secret": canary("photon-secret")}],
        "anthropic": [
            {"auth_type": "oauth", "refresh_token": canary("pool-r"), "access_token": canary("pool-a")},
            {"auth_type": "api_key", "access_token": "sk-ant-shared-7"},
        ],
        "xai-oauth": [{"refresh_token": canary("xai")}],
        "openrouter": [{"auth_type": "api_key", "access_token": SHARED}],
    },
}
AUTH_GONE = tuple(
    canary(name)
    for name in (
        "nous",
        "codex",
        "claude-a",
        "claude-r",
        "photon-id",
        "photon-secret",
        "pool-r",
        "pool-a",
        "xai",
        "weird",
    )
)


def look_auth(cloned: Cloned) -> None:
    left = json.loads(cloned.text("auth.json"))
    assert left["providers"]["openrouter"] == {"api_key": SHARED}
    assert left["credential_pool"]["openrouter"] == AUTH["credential_pool"]["openrouter"]  # type: ignore[index]
    assert left["credential_pool"]["anthropic"] == [{"auth_type": "api_key", "access_token": "sk-ant-shared-7"}]
    again = set(cloned.data["login_again"])
    assert {"nous", "openai-codex", "anthropic", "xai-oauth", "weird-new-oauth"} <= again and "photon" not in again


HONCHO = {
    "apiKey": "hk-shared",
    "hosts": {
        "hermes": {
            "apiKey": canary("hch-at"),
            "oauth": {"refreshToken": canary("hch-rt")},
            "aiPeer": "work",
            "recallMode": "hybrid",
        },
        "static": {"apiKey": "hk-static", "peerName": "ada"},
    },
}


def look_honcho(cloned: Cloned) -> None:
    left = json.loads(cloned.text("honcho.json"))
    assert left["apiKey"] == "hk-shared" and left["hosts"]["static"] == {"apiKey": "hk-static", "peerName": "ada"}
    assert left["hosts"]["hermes"] == {"recallMode": "hybrid"}
    assert "honcho" in cloned.data["login_again"]


STATE = [
    *(
        state_case(path, left=left)
        for path, left in [
            ("weixin/accounts/bot.json", "weixin"),
            ("platforms/weixin/accounts/x.json", "platforms/weixin"),
            ("whatsapp/session/creds.json", "whatsapp"),
            ("platforms/whatsapp/session/creds.json", "platforms/whatsapp"),
            ("platforms/whatsapp_cloud/a.json", "platforms/whatsapp_cloud"),
            ("matrix/store/keys.db", "matrix"),
            ("platforms/matrix/store/keys.db", "platforms/matrix"),
            ("platforms/newthing/x", "platforms/newthing"),
            ("platforms/pairing/telegram-approved.json", "platforms/pairing"),
            ("pairing/telegram-approved.json", "pairing"),
            ("state/rich_sent_index.json", "state"),
            ("gateway/discord_command_sync_state.json", "gateway"),
            ("sessions/one.jsonl", "sessions"),
            ("checkpoints/a", "checkpoints"),
            ("backups/b.zip", "backups"),
            ("state-snapshots/s", "state-snapshots"),
            ("cron/jobs.json", "cron"),
            ("chrome-debug/Cookies", "chrome-debug"),
            ("mcp-tokens/a.json", "mcp-tokens"),
            ("shared/nous_auth.json", "shared"),
            ("hermes-agent/x.py", "hermes-agent"),
            (".worktrees/w/x", ".worktrees"),
            ("bin/hermes", "bin"),
            ("node/bin/node", "node"),
            ("node22/x", "node22"),
        ]
    ),
    *(
        state_case(path)
        for path in [
            "slack_tokens.json",
            "slack-manifest.json",
            "google_chat_user_token.json",
            "google_chat_bot_id.json",
            "webhook_subscriptions.json",
            "feishu_seen_message_ids.json",
            "feishu_comment_pairing.json",
            "feishu_new.json",
            "discord_threads.json",
            "matrix_threads.json",
            "teams_pipeline_store.json",
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
            "channel_directory.json",
            "channel_aliases.json",
            "gateway_voice_mode.json",
            "sticker_cache.json",
            "state.db",
            "state.db-wal",
            "cache/bws_cache.json",
            "cache/op_cache.json",
            "workspace/meetings/auth.json",
            ".anthropic_oauth.json",
            "auth/google_oauth.json",
            "google_oauth_pending.json",
            "active_profile",
            ".env.bak",
            ".env.bak.20260101",
            "config.yaml.bak",
            "auth.json.old",
        ]
    ),
    Case(
        "state: secret of a state file pasted elsewhere",
        {"weixin/accounts/bot.json": json.dumps({"token": TOKEN}), "skills/a/SKILL.md": f"use {TOKEN}\n"},
        look=lambda cloned: (
            "<removed: weixin/accounts/bot.json>" in cloned.text("skills/a/SKILL.md") or pytest.fail("not redacted")
        ),
        rows=(("skills/a/SKILL.md", ""),),
    ),
    Case(
        "state: the account is the name of the file",
        {
            ".env": f"WEIXIN_ACCOUNT_ID={SECRET}\n",
            f"weixin/accounts/{SECRET}.json": json.dumps({"token": TOKEN}),
            "skills/a/SKILL.md": f"use {TOKEN} of {SECRET}\n",
        },
        gone=(TOKEN, SECRET),
        rows=(("skills/a/SKILL.md", ""),),
        look=text_has("skills/a/SKILL.md", "use <removed: weixin/accounts/*.json> of <removed: WEIXIN_ACCOUNT_ID>"),
    ),
    Case(
        "auth.json of a named profile",
        {"auth.json": json.dumps(AUTH, indent=1)},
        gone=AUTH_GONE,
        profile="work",
        look=look_auth,
        whole=False,
        rows=(("auth.json", "providers.nous"), ("auth.json", "credential_pool.photon_project")),
    ),
    Case(
        "auth.json of the root is not copied",
        {"auth.json": json.dumps(AUTH)},
        gone=AUTH_GONE,
        look=lambda cloned: not (cloned.home / "auth.json").exists() or pytest.fail("copied"),
        whole=False,
        rows=(("auth.json", ""),),
    ),
    Case(
        "honcho.json",
        {"honcho.json": json.dumps(HONCHO, indent=2)},
        gone=(canary("hch-at"), canary("hch-rt")),
        scope=Scope.ALL,
        profile="work",
        look=look_honcho,
        rows=(("honcho.json", "hosts.hermes.oauth"), ("honcho.json", "hosts.hermes.apiKey")),
        whole=False,
    ),
]

ENVIRONMENT = {".env": f"{T}={TOKEN}:x/y+z\nOPENROUTER_API_KEY={SHARED}\n"}
FULL = f"{TOKEN}:x/y+z"
WRAPPED = base64.encodebytes(("user=" + "a" * 40 + FULL + "b" * 40).encode())
FILES = [
    Case(
        "file: skill",
        {**ENVIRONMENT, "skills/a/SKILL.md": f"a\ntoken {FULL}.\n"},
        rows=(("skills/a/SKILL.md", ""),),
        look=text_has("skills/a/SKILL.md", "a\ntoken <removed: TELEGRAM_BOT_TOKEN>.\n"),
    ),
    Case(
        "file: URL",
        {**ENVIRONMENT, "skills/a/x.sh": f"curl https://api.telegram.org/bot{quote(FULL, safe='')}/getMe"},
        rows=(("skills/a/x.sh", ""),),
    ),
    Case(
        "file: URL in small hex",
        {
            **ENVIRONMENT,
            "skills/a/x.sh": f"curl https://h/{quote(FULL, safe='').lower().replace(TOKEN.lower(), TOKEN)}",
        },
        rows=(("skills/a/x.sh", ""),),
    ),
    Case(
        "file: URL, oddly encoded",
        {**ENVIRONMENT, "skills/a/x.sh": "curl https://h/" + "".join(f"%{ord(c):02x}" for c in FULL)},
        rows=(("skills/a/x.sh", ""),),
    ),
    *(
        Case(
            f"file: base64 after {n} bytes",
            {**ENVIRONMENT, "skills/a/x": b"Basic " + base64.b64encode(b"x" * n + FULL.encode() + b"tail")},
            rows=(("skills/a/x", ""),),
        )
        for n in range(3)
    ),
    Case(
        "file: base64 in lines",
        {**ENVIRONMENT, "skills/a/x": b"begin\n" + WRAPPED + b"end\n"},
        rows=(("skills/a/x", ""),),
    ),
    Case(
        "file: urlsafe base64",
        {**ENVIRONMENT, "skills/a/x": base64.urlsafe_b64encode(FULL.encode() + b"\xff\xfe")},
        rows=(("skills/a/x", ""),),
    ),
    Case(
        "file: UTF-16 LE",
        {**ENVIRONMENT, "skills/a/x.txt": b"\xff\xfe" + f"t {FULL}\r\n".encode("utf-16-le")},
        rows=(("skills/a/x.txt", ""),),
        look=lambda c: (
            c.bytes("skills/a/x.txt") == b"\xff\xfe" + f"t <removed: {T}>\r\n".encode("utf-16-le")
            or pytest.fail("not redacted")
        ),
    ),
    Case(
        "file: UTF-16 BE",
        {**ENVIRONMENT, "skills/a/x.txt": b"\xfe\xff" + f"t {FULL}\n".encode("utf-16-be")},
        rows=(("skills/a/x.txt", ""),),
    ),
    Case(
        "file: UTF-16 without a mark",
        {**ENVIRONMENT, "skills/a/x.txt": f"t {FULL}\n".encode("utf-16-le")},
        rows=(("skills/a/x.txt", ""),),
    ),
    Case(
        "file: binary",
        {**ENVIRONMENT, "skills/a/x.bin": b"\x00\x01" + FULL.encode() + b"\xff\x00", "skills/a/y.bin": b"\x00\x01\x02"},
        rows=(("skills/a/x.bin", ""),),
        look=lambda c: (
            (not (c.home / "skills/a/x.bin").exists() and c.bytes("skills/a/y.bin") == b"\x00\x01\x02")
            or pytest.fail("wrong")
        ),
    ),
    Case(
        "file: latin-1 text",
        {**ENVIRONMENT, "skills/a/x.txt": "gr\xfc\xdfe ".encode("latin-1") + FULL.encode()},
        rows=(("skills/a/x.txt", ""),),
    ),
    Case(
        "file: JSON",
        {**ENVIRONMENT, "skills/a/x.json": json.dumps({"t": FULL}).replace("/", "\\/")},
        rows=(("skills/a/x.json", ""),),
        look=lambda c: json.loads(c.text("skills/a/x.json")) == {"t": f"<removed: {T}>"} or pytest.fail("no JSON"),
    ),
    Case("file: YAML", {**ENVIRONMENT, "skills/a/x.yaml": f"t: {FULL}\nu: 1 # c\n"}, rows=(("skills/a/x.yaml", ""),)),
    Case("file: name of a file", {**ENVIRONMENT, f"skills/a/{TOKEN}:x%2Fy+z.txt": "hello"}, rows=()),
    Case("file: name of a folder", {".env": f"{T}={TOKEN}\n", f"skills/{TOKEN}/SKILL.md": "hello"}, rows=()),
    Case(
        "file: target of a link",
        {".env": f"{T}={TOKEN}\n", "skills/a/link": Link(f"/srv/{TOKEN}/x"), "skills/a/ok": Link("/srv/other")},
        rows=(("skills/a/link", ""),),
        look=lambda c: (c.home / "skills/a/ok").is_symlink() or pytest.fail("ok is gone"),
    ),
    Case(
        "file: link to a document",
        {".env": f"{T}={TOKEN}\n", "skills/a/env": Link("../../.env"), "skills/b": Link("a")},
        look=lambda c: c.text("skills/a/env") == c.text(".env") or pytest.fail("not its own"),
    ),
    Case(
        "file: linked documents",
        {
            "real/env": f"{T}={TOKEN}\nEXA_API_KEY=e\n",
            ".env": Link("real/env"),
            "real/c.yaml": f"platforms: {{telegram: {{token: {TOKEN}}}}}\n",
            "config.yaml": Link("real/c.yaml"),
        },
        rows=((".env", T), ("config.yaml", "platforms.telegram.token")),
        look=lambda c: not (c.home / ".env").is_symlink() or pytest.fail("a link"),
    ),
    Case(
        "file: linked persona",
        {".env": f"{T}={TOKEN}\n", "real/soul": f"me {TOKEN}\n", "SOUL.md": Link("real/soul")},
        rows=(("SOUL.md", ""),),
        look=text_has("SOUL.md", "me <removed: TELEGRAM_BOT_TOKEN>\n"),
    ),
    Case(
        "file: memories",
        {".env": f"{T}={TOKEN}\n", "memories/MEMORY.md": f"# m\n{TOKEN}\n", "memories/USER.md": "ada\n"},
        rows=(("memories/MEMORY.md", ""),),
        look=text_has("memories/USER.md", "ada\n"),
    ),
    Case(
        "environment: inherited",
        {".env": "EXA_API_KEY=e\n"},
        gone=(),
        environment={T: "x:y", "PATH": "/bin", "HERMES_HOME": "/x", "OPENAI_API_KEY": "k", "SLACK_UNHEARD_OF": "x"},
        look=lambda c: (
            (c.data["env"]["masked"] == [T] and c.text(".env") == f"EXA_API_KEY=e\n{T}=\n")
            or pytest.fail(c.text(".env"))
        ),
    ),
    Case(
        "environment: source masks it already",
        {".env": f"{T}=\n"},
        gone=(),
        environment={T: "x:y"},
        look=lambda c: c.text(".env") == f"{T}=\n" or pytest.fail(c.text(".env")),
    ),
    Case(
        "environment: source has its own",
        {".env": f"{T}={TOKEN}\n"},
        environment={T: "x:y"},
        look=lambda c: c.text(".env") == f"{T}=\n" or pytest.fail(c.text(".env")),
    ),
    Case(
        "environment: no .env in the source",
        {"config.yaml": MODEL},
        gone=(),
        environment={"HASS_TOKEN": "long-enough", "TWILIO_AUTH_TOKEN": "long-enough"},
        look=lambda c: c.data["env"]["masked"] == ["HASS_TOKEN"] or pytest.fail(str(c.data["env"])),
    ),
]

CASES = [*ENV, *CONFIG, *STATE, *FILES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_identity_arrives_from(case: Case, tmp_path: Path):
    layout = make_layout(tmp_path, case.files, profile=case.profile)
    cloned = clone(layout, case.profile, scope=case.scope, environment=case.environment)
    check(case, cloned)


def check(case: Case, cloned: Cloned) -> None:
    assert leaks(cloned.home, case.gone) == []
    assert leaks_in(json.dumps(cloned.data).encode(), case.gone) == [], "the report shows a secret"
    assert leaks_in(" ".join(f"{one.message} {one.hint}" for one in cloned.warnings).encode(), case.gone) == []
    check_rows(case, cloned)
    for name in (".env", ".op.env", "config.yaml", "gateway.json"):
        if case.whole and name in case.files and (cloned.source / name).exists():
            assert_lines_kept((cloned.source / name).read_bytes(), cloned.bytes(name), (*case.gone, *case.marks))
    if case.shared:
        assert_shared_alike((cloned.source / ".env").read_bytes(), cloned.bytes(".env"), case.shared)
    if case.look is not None:
        case.look(cloned)


def check_rows(case: Case, cloned: Cloned) -> None:
    """Every removed item has a row, with the line of its name."""
    rows = [*cloned.data["env"]["removed"], *cloned.data["config"]["removed"]]
    named = {(row["file"], row.get("name") or row.get("path")) for row in rows}
    mentioned = cloned.mentioned()
    for file, name in case.rows:
        assert (file, name) in named if name else file in mentioned, (file, name, named, mentioned)
    for row in rows:
        text = (cloned.source / row["file"]).read_bytes().replace(b"\x00", b"")
        last = (row.get("name") or row["path"]).rpartition(".")[2].partition("[")[0]
        if case.whole and not any(value in last for value in case.gone):
            line = text.splitlines()[row["line"] - 1].decode("utf-8", "replace")
            before = text.splitlines()[row["line"] - 2].decode("utf-8", "replace")
            assert last in line + before or "*" in line or "removed:" in row.get("path", ""), (row, line)


def test_leak_search_finds_known_leaks():
    for data in (
        TOKEN.encode(),
        TOKEN.encode("utf-16-be"),
        quote(TOKEN).encode(),
        base64.b64encode(b"x" + TOKEN.encode()),
    ):
        assert leaks_in(b"ab " + data + b" cd", [TOKEN]) == [TOKEN]
    assert leaks_in(WRAPPED, [TOKEN]) == [TOKEN]
    assert leaks_in(b"CANARY but not the same", [TOKEN]) == []
