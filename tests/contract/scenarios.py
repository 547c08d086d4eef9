"""Awkward roots and the commands that run on each of them, in order. Every secret is synthetic."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes import install_hermes, install_systemctl


class Root(NamedTuple):
    """A root and its commands; `recorder.parse_step` documents the form of a line."""

    name: str
    build: Callable[[Path], None]
    steps: str
    marks: tuple[Any, ...] = ()


# Every root has the same key, so fingerprints are equal in every run.
_KEY = b"contract-fingerprint-key-32bytes"
# These checks depend on the machine, not on the root.
_MACHINE = (
    "--skip runtime.disk --skip runtime.inodes --skip runtime.wal-filesystem --skip services.linger-off "
    "--skip services.no-systemd --skip conflicts.port-taken --skip security.foreign-owner"
)
CONFIG = "model:\n  default: gpt-5\n  provider: openai\n"


def token(number: int) -> str:
    """Return a Telegram token of the right shape."""
    return f"71000000{number:02}:CANARYtelegram{number:02}CANARYtelegramCAN"


def put(home: Path, files: Mapping[str, str | bytes], mode: int = 0o600) -> None:
    """Write files below a home; new folders are private."""
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)


def root_in(home: Path, profiles: Mapping[str, Mapping[str, str | bytes]], *, at: str = ".hermes") -> Path:
    """Create a root with these profiles; `default` is the root itself."""
    root = home / at
    put(root, {"profiles/.hermes-profiles/fingerprint.key": _KEY})
    for folder in (root, root / "profiles", root / "profiles/.hermes-profiles"):
        folder.chmod(0o700)
    for name, files in profiles.items():
        place = root if name == "default" else root / "profiles" / name
        place.mkdir(mode=0o700, exist_ok=True)
        put(place, {"config.yaml": CONFIG, ".env": "", **files})
    return root


# -- healthy: three profiles, no conflict


def _healthy(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {
                ".env": f"# keys\nOPENAI_API_KEY=sk-CANARY-shared-0123456789\n\nTELEGRAM_BOT_TOKEN={token(1)}\n"
                "TELEGRAM_ALLOWED_USERS=4711\n",
                "config.yaml": "# the persona\n" + CONFIG + "platforms:\n  telegram:\n    enabled: true\n",
                "SOUL.md": "You are helpful.\n",
                "skills/notify/SKILL.md": "send a note\n",
                "memories/MEMORY.md": f"remember {token(1)} please\n",
            },
            "work": {
                ".env": f"OPENAI_API_KEY=sk-CANARY-shared-0123456789\nTELEGRAM_BOT_TOKEN={token(2)}\n",
                "profile.yaml": "description: answers the team\n",
                "SOUL.md": "You are busy.\n",
            },
            "family": {".env": "OPENAI_API_KEY=sk-CANARY-own-0123456789\n", "SOUL.md": "You are kind.\n"},
        },
    )


_HEALTHY = f"""
p list
p- list --names
p show default
p show work
p use work --dry-run
p use work
p use work
p list
p show nobody
p create empty --dry-run
p create empty --description "made for a test"
p create empty
p create lone --no-alias --no-skills
p create copy --clone --dry-run
p create copy --clone-from default
p clone default twin --clone-all
p clone default twin
p rename twin sister --dry-run
p rename twin sister
p rename sister work
p rename default other
p alias family
p alias family --name fam
p alias family --name fam --remove
p alias work --remove
p alias nobody
p diff default work
p diff default work --check
p diff default default --check
p sync --from default --to family --keys model.default --dry-run
p sync --from default --to family,work --env OPENAI_API_KEY
p sync --from default --to family --env TELEGRAM_BOT_TOKEN
p sync --from work --to all --keys model --exact
p config get work
p config get work model.default
p config get work model.nothing
p config set work model.default gpt-6 --dry-run
p config set work model.default gpt-6
p config set work toolsets '[web, terminal]'
p config set work agent.nickname --string 42
p config set work model.api_key sk-CANARY-on-the-line
p config set work 'toolsets[0]' search
p config unset work 'toolsets[0]'
p config unset work nothing.at.all
p env list default
p env set family EXA_API_KEY << CANARY-exa-0123456789\\n
p env set family EXA_API_KEY --dry-run << CANARY-exa-other-0123\\n
p env set family TAVILY_API_KEY=CANARY
p env set family HASS_TOKEN --empty
p env unset family EXA_API_KEY NOT_THERE
p env unset family EXA_API_KEY
p undo --list
p undo --dry-run
p undo
p undo
p undo nothing
p undo <id1>
p delete copy
p delete copy --dry-run
p delete copy --yes
p delete default --yes
p delete nobody --yes
p restore copy --dry-run
p restore copy --as again
p restore copy
p trash list
p trash empty --dry-run
p doctor {_MACHINE}
p doctor work --only conflicts --only files
p explain TELEGRAM_BOT_TOKEN
p explain model.default --profile work
p explain skills/notify/SKILL.md
p explain weixin
p explain NOTHING_AT_ALL
"""


# -- channels: one profile with many channels, and every option of clone


def _channels(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {
                ".env": "# models\nOPENAI_API_KEY=sk-CANARY-model-0123456789\n"
                "ANTHROPIC_API_KEY=sk-ant-CANARY-0123456789\n"
                f"# chat\nTELEGRAM_BOT_TOKEN={token(11)}\nTELEGRAM_ALLOWED_USERS=1,2\n"
                "DISCORD_BOT_TOKEN=CANARYdiscord.CANARY.0123456789012345\nDISCORD_HOME_CHANNEL=99\n"
                "SLACK_BOT_TOKEN=xoxb-CANARY-slack-0123\nSLACK_APP_TOKEN=xapp-CANARY-slack-0123\nSLACK_TEAM_ID=T0TEAM\n"
                "SIGNAL_HTTP_URL=http://127.0.0.1:28080\nSIGNAL_ACCOUNT=+4915550000\n"
                "EMAIL_ADDRESS=bot@canary.test\nEMAIL_PASSWORD=CANARYmail0123\nEMAIL_IMAP_HOST=imap.canary.test\n"
                "EMAIL_SMTP_HOST=smtp.canary.test\n"
                "MATRIX_ACCESS_TOKEN=syt_CANARYmatrix0123\nMATRIX_HOMESERVER=https://matrix.canary.test\n"
                "HASS_TOKEN=CANARYhass0123456789\nHASS_URL=http://hass.canary.test:8123\n"
                "WEIXIN_TOKEN=CANARYweixin0123456789\nWEIXIN_ACCOUNT_ID=acc-one@im.bot\n"
                "API_SERVER_ENABLED=true\nAPI_SERVER_PORT=23842\nAPI_SERVER_KEY=CANARYapi0123456789abcdef0123456789\n"
                "WEBHOOK_ENABLED=true\nWEBHOOK_PORT=23844\nWEBHOOK_SECRET=CANARYhook0123456789abcdef\n"
                "MY_OLD_TOKEN=CANARYold0123456789\nGATEWAY_ALLOW_ALL_USERS=false\n"
                f"COPY_OF_TOKEN={token(11)}\nTELEGRAM_URL=https://api.telegram.org/bot{token(11)}/getMe\n",
                "config.yaml": CONFIG
                + "# channels\nplatforms:\n  telegram:\n    enabled: true\n    extra: {reply_to: first}\n"
                "  slack:\n    enabled: true\n    extra:\n      allow_from: [U1, U2]\n  discord:\n    enabled: true\n"
                "  matrix: {enabled: true, token: syt_CANARYmatrix0123}\n"
                "mcp_servers:\n  chat:\n    env:\n      TEAM: ${SLACK_TEAM_ID}\n      BOT: ${SLACK_BOT_TOKEN}\n"
                "toolsets: [web, terminal]\n",
                ".op.env": "OP_SERVICE_ACCOUNT_TOKEN=ops_CANARY0123456789\n",
                "auth.json": json.dumps(
                    {"providers": {"openai-codex": {"tokens": {"refresh_token": "CANARYrefresh-0123456789"}}}}
                ),
                "SOUL.md": "You are helpful.\n",
                "skills/notify/SKILL.md": f"curl https://api.telegram.org/bot{token(11)}/sendMessage\n",
                "skills/blob/data.bin": b"\x00\x01" + token(11).encode() + b"\xff",
                "weixin/accounts/acc-one@im.bot.json": '{"token": "CANARYweixin0123456789"}\n',
                "whatsapp/session/creds.json": '{"noiseKey": "CANARYwhatsapp"}\n',
                "memories/MEMORY.md": "remember\n",
                "cron/jobs.json": json.dumps({"jobs": [{"id": "a1b2c3d4e5f6", "name": "news", "enabled": True}]}),
                "sessions/one.json": "{}",
                "state.db": b"CANARY-state",
            },
        },
    )


_CHANNELS = f"""
p list
p show default
p clone default plain --dry-run
p clone default plain
p clone default strict --strict-prefix
p clone default full --clone-all --no-alias
p clone default noapi --no-api-server --dry-run
p clone default keeps --keep SLACK_TEAM_ID --keep DISCORD_HOME_CHANNEL --drop MY_OLD_TOKEN --drop toolsets --dry-run
p clone default keep2 --keep platforms.slack.extra.allow_from --no-skills --description "ünï" --dry-run
p clone default twin --clone-channels
p clone default excl --exclude-platform-credentials --dry-run
p clone default both --exclude-platform-credentials --clone-channels
p clone plain second --dry-run
p clone default Bad
p clone nobody other
p env list default
p env list plain
p diff default plain
p diff default twin --check
p doctor {_MACHINE}
p doctor twin --only conflicts
p explain SLACK_TEAM_ID
p explain MY_OLD_TOKEN
p explain telegram
p explain weixin/accounts
p explain platforms.slack.extra.allow_from
p explain skills/notify/SKILL.md
p explain skills/blob/data.bin
g start --dry-run
g status --quick
p undo
p config get default platforms
p config get default platforms.matrix.token
p config get default platforms.matrix.token --reveal
"""


# -- dotenv: every awkward spelling of a .env


def _dotenv(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {
                ".env": b"\xef\xbb\xbf# with a BOM and CRLF\r\nOPENAI_API_KEY='sk-CANARY-quoted-0123'\r\n"
                b'export TELEGRAM_BOT_TOKEN="' + token(21).encode() + b'" # mine\r\n'
                b"BOT_ID=7100000021\r\nINTERPOLATED=${TELEGRAM_BOT_TOKEN}\r\n"
                b"SLACK_BOT_TOKEN=xoxb-CANARY-first\r\nSLACK_BOT_TOKEN=xoxb-CANARY-second\r\n"
                b"EMPTY=\r\nNOVALUE\r\n  SPACED = CANARY spaced value \r\n"
                b'MULTI="CANARY line one\r\nCANARY line two"\r\nPLAIN=value # comment\r\n',
            },
            "joined": {".env": "TAVILY_API_KEY=CANARYtavily1EXA_API_KEY=CANARYexa\nA=b"},
            "tab": {".env": "export\tMATTERMOST_TOKEN=CANARYmattermost\nexport  DISCORD_BOT_TOKEN=CANARYdisc.x.y\n"},
            "latin": {".env": b"NAME=M\xfcller\nOPENAI_API_KEY=sk-CANARY-latin-0123\n"},
            "loose": {
                ".env": "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\nMY_PAGER_BOT_TOKEN=CANARYpager-0123456789\n"
            },
        },
    )
    (home / ".hermes/profiles/loose/.env").chmod(0o644)


_DOTENV = f"""
p env list default
p env list joined
p env list tab
p env list latin
p env list loose
p clone default copy
p clone joined copy2 --dry-run
p clone tab copy3 --dry-run
p clone latin copy4
p env set default SLACK_BOT_TOKEN << xoxb-CANARY-third\\n
p env set default NEW_ONE << CANARY 'with "quotes' and $dollar\\n
p env set default TELEGRAM_BOT_TOKEN --dry-run << {token(22)}\\n
p env set joined EXA_API_KEY << CANARYexa2\\n
p env set default BAD-NAME << x\\n
p env set default NOTHING
p env unset default SPACED MULTI
p env unset default NOVALUE
p undo
p doctor {_MACHINE}
p doctor --only files --strict
p doctor --fix --dry-run --yes {_MACHINE}
p doctor --fix --yes {_MACHINE}
p doctor {_MACHINE}
p undo
p diff default copy
p sync --from default --to joined --env OPENAI_API_KEY,PLAIN
p explain INTERPOLATED
p explain MULTI
"""


# -- broken: files that cannot be read with certainty


def _broken(home: Path) -> None:
    install_hermes(home)
    root = root_in(
        home,
        {
            "default": {".env": "OPENAI_API_KEY=sk-CANARY-0123456789\n"},
            "yaml": {"config.yaml": "model: gpt-5\ntoolsets: [web\nplatforms:\n  telegram: {enabled: true}\n"},
            "quote": {".env": 'OPENAI_API_KEY="sk-CANARY-unterminated\nTELEGRAM_BOT_TOKEN=' + token(31) + "\n"},
            "tabs": {"config.yaml": "model:\n\tdefault: gpt-5\n"},
            "twice": {"config.yaml": "model: a\nmodel: b\nplatforms:\n  slack:\n    enabled: true\n"},
            "alias": {"config.yaml": "base: &b {default: gpt-5}\nmodel: *b\nother:\n  <<: *b\n"},
            "wide": {".env": "OPENAI_API_KEY=sk-CANARY-wide\n".encode("utf-16"), "config.yaml": "- a\n- list\n"},
            "json": {"gateway.json": "{half", "auth.json": "[1, 2", "profile.yaml": "description: [open\n"},
            "gone": {},
            "pipe": {},
            "loop": {},
        },
    )
    (root / "profiles/gone/.env").unlink()
    (root / "profiles/gone/.env").mkdir()
    (root / "profiles/gone/config.yaml").unlink()
    (root / "profiles/gone/config.yaml").mkdir()
    (root / "profiles/pipe/profile.yaml").unlink(missing_ok=True)
    os.mkfifo(root / "profiles/pipe/profile.yaml")
    (root / "profiles/loop/.env").unlink()
    (root / "profiles/loop/.env").symlink_to(".env")
    (root / "profiles/loop/SOUL.md").symlink_to("nowhere")


_BROKEN = f"""
p list
p show yaml
p show quote
p show gone
p show pipe
p show loop
p clone yaml a1
p clone yaml a2 --skip-unreadable
p clone quote a3
p clone quote a4 --skip-unreadable --dry-run
p clone tabs a5
p clone wide a6
p clone wide a7 --skip-unreadable
p clone json a8
p clone gone a9
p clone loop a10
p config get yaml model
p config set yaml model gpt-6
p config set twice model gpt-6
p config set alias model.default gpt-6
p config set alias other.default gpt-6
p config unset alias base
p config get wide
p env list quote
p env set quote EXA_API_KEY << CANARY\\n
p env list loop
p env unset gone X
p diff default yaml
p diff default json
p sync --from default --to yaml --keys model
p doctor {_MACHINE}
p repair --dry-run
g status --quick
g install yaml --dry-run
p delete gone --yes
p undo
"""


# -- legacy: gateway.json beside config.yaml, old and new schemas, a root without profiles/


def _legacy(home: Path) -> None:
    install_hermes(home)
    legacy = {
        "platforms": {
            "telegram": {"enabled": True, "token": token(41), "home_channel": {"chat_id": "5"}},
            "discord": {"enabled": False, "token": "CANARYdiscord.a.b"},
        }
    }
    root_in(
        home,
        {
            "default": {
                "gateway.json": json.dumps(legacy, indent=2),
                "config.yaml": "config_version: 1\n"
                + CONFIG
                + "platforms:\n  telegram:\n    enabled: false\n  api_server:\n    enabled: true\n    port: 9999\n",
                ".env": "DISCORD_BOT_TOKEN=CANARYdiscord.a.b\nSESSION_SECRET=x\n",
            },
            "new": {"config.yaml": "config_version: 9999\nTELEGRAM_BOT_TOKEN: '" + token(41) + "'\n" + CONFIG},
        },
    )


_LEGACY = f"""
p show default
p list
p clone default copy --dry-run
p clone default copy
p diff default copy
p doctor {_MACHINE}
p repair --dry-run
p repair --owner telegram=new --yes
p undo
g status
"""


# -- shared: profiles that hold each other's bots and ports


def _shared(home: Path) -> None:
    install_hermes(home)
    api = "API_SERVER_ENABLED=true\nAPI_SERVER_PORT=23900\nAPI_SERVER_KEY=CANARYapi-{}-0123456789abcdef0123\n"
    login = json.dumps({"providers": {"openai-codex": {"tokens": {"refresh_token": "CANARYrefresh-one"}}}})
    telegram = f"TELEGRAM_BOT_TOKEN={token(51)}\n"
    root_in(
        home,
        {
            "default": {".env": telegram + api.format("d"), "auth.json": login},
            "copy": {
                ".env": telegram + api.format("c") + "SLACK_BOT_TOKEN=xoxb-CANARY-s\nSLACK_APP_TOKEN=xapp-CANARY-s\n",
                "auth.json": login,
            },
            "night": {
                ".env": "SLACK_BOT_TOKEN=xoxb-CANARY-t\nSLACK_APP_TOKEN=xapp-CANARY-s\n",
                "config.yaml": CONFIG + f"platforms:\n  telegram:\n    enabled: true\n    token: '{token(51)}'\n",
            },
            "own": {".env": f"TELEGRAM_BOT_TOKEN={token(52)}\n"},
        },
    )


_SHARED = f"""
p list
p show copy
g status
g start --dry-run
g stage
g status
g start --dry-run
g start --dry-run --owner copy
g start --dry-run --on-conflict refuse
g start --dry-run --on-conflict ignore
g start --dry-run --owner nobody
p doctor {_MACHINE}
p doctor --only conflicts.shared-identity
p doctor --skip conflicts --strict {_MACHINE}
p doctor --only no-such-check
p doctor nobody
p repair --dry-run
p repair --dry-run --owner telegram=night
p repair --dry-run --channel slack
p repair --owner telegram=nobody --dry-run
p repair --channel nothing --dry-run
p repair --owner telegram
p repair own --dry-run
p repair --yes --owner slack=night
p repair --dry-run
p doctor --only conflicts
p undo
p doctor --only services
g uninstall --yes
p env set own TELEGRAM_BOT_TOKEN << {token(51)}\\n
p diff default copy
"""


# -- places: linked homes, folders that Hermes ignores, a root with blanks and non-ASCII letters


def _places(home: Path) -> None:
    install_hermes(home)
    root = root_in(home, {"default": {}, "plain": {}}, at="Ünï root")
    elsewhere = home / "else where"
    put(elsewhere, {"config.yaml": CONFIG, ".env": f"TELEGRAM_BOT_TOKEN={token(61)}\n"})
    elsewhere.chmod(0o700)
    (root / "profiles/linked").symlink_to(elsewhere)
    (root / "profiles/dangling").symlink_to(home / "nowhere")
    for name in ("Shop", "empty", "with blank", "ünï", ".hidden", "default"):
        (root / "profiles" / name).mkdir(mode=0o700)
    put(root / "profiles/Shop", {"SOUL.md": "x\n", ".env": ""})
    put(root / "profiles/default", {"SOUL.md": "x\n", ".env": ""})
    (root / "profiles/file").write_text("no folder\n")
    (root / "active_profile").write_text("gone\n")
    put(home / ".local/bin", {"oldone": '#!/bin/sh\nexec hermes -p oldone "$@"\n'}, mode=0o755)
    (home / "way").symlink_to("Ünï root")


_PLACES = f"""
p list --home "<home>/Ünï root"
p- list --names --home "<home>/Ünï root"
@HERMES_HOME=<home>/way p list
@HERMES_HOME=<home>/way/profiles/plain p list
p show linked --home "<home>/Ünï root"
p show empty --home "<home>/Ünï root"
p show Shop --home "<home>/Ünï root"
p show "with blank" --home "<home>/Ünï root"
p show dangling --home "<home>/Ünï root"
p clone linked copy --home "<home>/Ünï root"
p clone empty copy2 --home "<home>/Ünï root"
p create "ünï" --home "<home>/Ünï root"
p create ".." --home "<home>/Ünï root"
p create file --home "<home>/Ünï root"
p create hermes --home "<home>/Ünï root"
p create shop --home "<home>/Ünï root"
p use linked --home "<home>/Ünï root"
p rename linked other --home "<home>/Ünï root"
p delete linked --yes --home "<home>/Ünï root"
p delete empty --yes --home "<home>/Ünï root"
p doctor --home "<home>/Ünï root" {_MACHINE}
p doctor --fix --yes --home "<home>/Ünï root" {_MACHINE}
p undo --list --home "<home>/Ünï root"
g print copy --manager systemd --home "<home>/Ünï root"
g print copy --manager supervisor --home "<home>/Ünï root"
g print copy --manager launchd --home "<home>/Ünï root"
g- print plain --home "<home>/Ünï root"
p list --home "<home>/missing"
p create first --home "<home>/missing"
p list --home "<home>/fake/hermes"
"""


# -- history: trash and journal


def _history(home: Path) -> None:
    install_hermes(home)
    root_in(home, {"default": {}, "one": {"SOUL.md": "one\n"}, "two": {"SOUL.md": "two\n"}})


_HISTORY = """
p delete one --yes
! wait -
p delete two --yes
p create one
p restore one
p restore one --as uno
p trash list
p trash empty --older-than 1 --yes
p trash empty nothing --yes
p trash empty
p restore nothing
p undo <id1> --dry-run
p undo <id1>
p undo --list
p config set default model.default a1
p config set default model.default a2
! write .hermes/config.yaml "model: by-hand\\n"
p undo
p undo <id4> --dry-run
p undo <id4>
p env set default A_KEY << CANARY-a\\n
! append .hermes/.env "B=c\\n"
p undo --dry-run
p undo
p undo --list
p trash empty --yes
p trash list
! write .hermes/profiles/.hermes-profiles/journal/20190101T000000Z-0bad.json "{half"
p undo --list
p create after
p doctor --only runtime.journal-interrupted
! remove .hermes/profiles/.hermes-profiles/journal/20190101T000000Z-0bad.json
p create after
p delete after --yes
p undo
p undo
"""


# -- teams


def _teams(home: Path) -> None:
    install_hermes(home)
    root = root_in(
        home,
        {
            "default": {
                ".env": f"OPENAI_API_KEY=sk-CANARY-pool-0123456789\nTELEGRAM_BOT_TOKEN={token(71)}\n",
                "SOUL.md": "You are the lead.\n",
                "skills/greet/SKILL.md": "say hello\n",
                "plugins/wave/plugin.yaml": "name: wave\n",
                "profile.yaml": "teams:\n  family:\n    channel: weixin\n    share: skills, persona, config, keys\n",
                "config.yaml": CONFIG + "toolsets: [web]\n",
            },
            "solo": {".env": "EXA_API_KEY=CANARY-solo-exa\n", "SOUL.md": "alone\n", "skills/own/SKILL.md": "mine\n"},
        },
    )
    for name in ("anna", "bert"):
        place = root / "profiles" / name
        put(
            place,
            {
                "config.yaml": CONFIG + "platforms:\n  weixin:\n    enabled: true\n    extra:\n"
                f"      dm_policy: allowlist\n      allow_from: [friend-of-{name}]\n",
                ".env": "OPENAI_API_KEY=sk-CANARY-pool-0123456789\n"
                f"WEIXIN_TOKEN=CANARYweixin{name}0123456789\nWEIXIN_ACCOUNT_ID={name}@im.bot\n",
                "profile.yaml": f"description: {name}'s own\nteam:\n  name: family\n  env: OPENAI_API_KEY\n",
                f"weixin/accounts/{name}@im.bot.json": f'{{"token": "CANARYweixin{name}0123456789"}}\n',
            },
        )
        place.chmod(0o700)
        for link in ("skills", "SOUL.md"):
            (place / link).symlink_to(f"../../{link}")


_TEAMS = f"""
p team list
p team show family
p team show nothing
p list
p team check
p team check family
p team sync --dry-run
p team sync
p team check family
p config set default model.default gpt-7
p team check
p team sync family --own anna:model.default --dry-run
p team sync family --own anna:model.default
p team sync family --not-own anna:model.default
p team sync nothing
p team add carl --team family --no-account --dry-run
p team add carl --team family --no-account
p team add carl --team family --account-id carl@im.bot --user u1 --allow w1,w2 << CANARYweixincarl0123456789\\n
p team add dora --account-id anna@im.bot << CANARYweixinanna0123456789\\n
p team add solo --team family --no-account --dry-run
p team add solo --team family --no-account
p team add carl --team nothing
p team create sales --lead solo --channel telegram --members eva,finn --dry-run
p team create sales --lead bert --channel telegram --members eva --share skills,keys
p team create ops --lead default --channel telegram --members eva,finn --share skills,persona,knowledge
p team create family
p team create other --channel nothing
p team add eva --team ops --offline << TELEGRAM_BOT_TOKEN={token(72)}\\n
p team list
p team show ops
p team remove carl --dry-run
p team remove carl --yes
p team remove bert --keep-profile
p team remove nobody --yes
p team remove --team ops --all --yes
p team run-mode
p team run-mode multiplex --dry-run
p team run-mode processes --dry-run
p doctor {_MACHINE}
p doctor --only teams
p undo
p undo --list
p delete default --yes
p rename anna annika
g status --quick
"""


# -- imports: accounts of OpenClaw, of tables, of a Hermes profile


def _imports(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {
                "SOUL.md": "lead\n",
                "skills/a/SKILL.md": "a\n",
                ".env": "OPENAI_API_KEY=sk-CANARY-pool-0123456789\nWEIXIN_TOKEN=CANARYweixinmain0123\n"
                "WEIXIN_ACCOUNT_ID=main@im.bot\n",
                "weixin/accounts/main@im.bot.json": '{"token": "CANARYweixinmain0123"}\n',
                "weixin/accounts/side@im.bot.json": '{"token": "CANARYweixinside0123"}\n',
                "weixin/accounts/side@im.bot.sync.json": '{"get_updates_buf": "b"}\n',
            }
        },
    )
    claw = home / ".openclaw"
    accounts = claw / "openclaw-weixin/accounts"
    base = "https://ilinkai.weixin.qq.com"
    put(claw, {"openclaw-weixin/accounts.json": json.dumps(["aaa111-im-bot", "bbb222-im-bot", "bad-im-bot"])})
    for word in ("aaa111", "bbb222"):
        about = {"token": f"CANARY-{word}-0123456789", "savedAt": "2019-03-01T10:00:00.000Z", "baseUrl": base,
                 "userId": f"o9{word}@im.wechat"}  # fmt: skip
        put(accounts, {f"{word}-im-bot.json": json.dumps(about)})
        put(claw, {f"credentials/openclaw-weixin-{word}-im-bot-allowFrom.json": '{"version": 1, "allowFrom": ["w1"]}'})
    put(accounts, {"bad-im-bot.json": "{half", "aaa111-im-bot.sync.json": '{"get_updates_buf": "x"}'})
    put(claw, {"openclaw.json": "// by hand\n{channels: {'openclaw-weixin': {accounts: {}}},}\n"})
    put(home, {
        "names.csv": "id,name\naaa111@im.bot,mum\nbbb222@im.bot,dad\n",
        "other.csv": "id,name\naaa111@im.bot,Ünï Mum\n",
        "accounts.csv": "account_id;token;member;allow\nccc333@im.bot;CANARY-ccc333-0123456789;cora;w3\n"
        "ddd444@im.bot;;;\naaa111@im.bot;CANARY-aaa111-0123456789;again;\n",
        "bots.json": json.dumps({"accounts": [{"member": "eva", "token": token(81)}, {"member": "fay", "token": "x"}]}),
        "broken.csv": "who,what\n1,2\n",
    })  # fmt: skip


_IMPORTS = """
p team import openclaw <home>/.openclaw --dry-run
p team import openclaw <home>/.openclaw
p team import openclaw <home>/.openclaw --skip-bad --names other.csv --dry-run
p team import openclaw <home>/.openclaw --skip-bad --names names.csv --only aaa111@im.bot --dry-run
p team import openclaw <home>/.openclaw --skip-bad --names names.csv --only aaa111@im.bot
p undo
p team import openclaw <home>/.openclaw --skip-bad
p team import openclaw <home>/nowhere
p team import csv accounts.csv --dry-run
p team import csv accounts.csv --skip-bad
p team import csv broken.csv
p team import json bots.json --team sales --channel telegram --skip-bad --dry-run
p team import json bots.json --team sales --channel telegram --skip-bad --skip eva
p team import hermes default --team weixin --dry-run
p team import hermes default --team weixin
p team import hermes nobody
p team import excel accounts.csv
p team list
p undo
p undo --list
p list
"""


# -- systemd: units under a user's systemd


def _systemd(home: Path) -> None:
    install_hermes(home)
    install_systemctl(home)
    gone = home / ".hermes/profiles/ghost"
    root_in(
        home,
        {
            "default": {".env": f"TELEGRAM_BOT_TOKEN={token(91)}\n"},
            "work": {
                "profile.yaml": "description: w\nservice:\n  memory: 512M\n  cpu: 50%\n  boot_delay: 3\n"
                "  env:\n    TZ: =UTC\n    MY_PROXY: (inherited)\ngroups: [day, office]\n",
            },
            "night": {"profile.yaml": "disabled: true\ngroups: day\n"},
            "busy": {"config.yaml": CONFIG + "gateway:\n  systemd_watchdog_seconds: 30\nagent:\n  x: 1\n"},
        },
    )
    put(home / ".config/systemd/user", {
        "hermes-gateway-ghost.service": "[Service]\nExecStart=/usr/bin/python3 -m hermes_cli.main --profile ghost "
        f'gateway run\nWorkingDirectory={gone}\nEnvironment="HERMES_HOME={gone}"\n',
    }, mode=0o644)  # fmt: skip


_SYSTEMD = f"""
@HERMES_PROFILES_MANAGER= g status
g install --dry-run --manager systemd
g stage work --manager systemd
g status --manager systemd
g install --manager systemd
g install --manager systemd
g status --manager systemd
g list --manager systemd
g print work --manager systemd
g print night --manager systemd --memory 1G --cpu 150% --env LANG=C --log-dir /var/log/x
g install work --manager systemd --memory none --boot-stagger 2
g install work --manager systemd --env OPENAI_API_KEY=sk-CANARY-0123
g install work --manager systemd --cpu lots
p doctor --manager systemd {_MACHINE}
g disable busy --manager systemd
g enable night busy --manager systemd
g install busy --no-enable --manager systemd
g awake status --manager systemd
g awake on --manager systemd --dry-run
g awake on --manager systemd
g awake status --manager systemd
g awake off --manager systemd
! append .config/systemd/user/hermes-gateway-work.service.d/50-hermes-profiles.conf "[Service]\\nNice=5\\n"
g status work --manager systemd
g install work --manager systemd
g install work --manager systemd --force
g stop --manager systemd
g restart --manager systemd --dry-run
g reset work --manager systemd --dry-run
@HERMES_PROFILES_MANAGER=systemd p rename work office
@HERMES_PROFILES_MANAGER=systemd p delete busy --yes
@HERMES_PROFILES_MANAGER=systemd p undo
p doctor --fix --yes --manager systemd {_MACHINE}
g uninstall ghost --manager systemd
g uninstall --manager systemd --dry-run
g uninstall --manager systemd --yes
g uninstall --manager systemd --yes
! write fake/no-bus ""
g status --manager systemd
g start --manager systemd
g install --manager systemd
p doctor --manager systemd {_MACHINE}
@PATH=<home> g status --manager systemd
@PATH=<home> g start --manager launchd
g install --system --manager systemd
"""


# -- options: service options in profile.yaml, under the bundled manager, without a start


def _options(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {},
            "a": {"profile.yaml": "service:\n  log_folder: /tmp/logs here\n  env: {A: '=1'}\n  enable: false\n"},
            "b": {"profile.yaml": "disabled: yes\ngroups: [x, 'y z', 7]\n"},
            "c": {"profile.yaml": "service: nonsense\ngroups: {a: 1}\ndisabled: maybe\n"},
            "d": {"profile.yaml": "service:\n  memory: a lot\n"},
        },
    )


_OPTIONS = f"""
g status
g list --group x
g list --except a --except b
g list nobody
g group x
g group x c
g group x --remove b
g group "y z"
g group new a c --dry-run
g group "bad/name" a
g disable a --dry-run
g disable a b
g enable b
g enable nobody
g stage --dry-run
g stage a b c
g stage d
g status
g print a
g print d
g stage a --log-dir none --env A=none --env B=2
g stage b --memory 1G --python /nowhere/python
g uninstall a
g uninstall --yes
g awake status
g awake on --dry-run
g* logs -n 5
p doctor --manager supervisor {_MACHINE}
p list
p undo
p undo --list
"""


# -- live: gateways of a fake Hermes under the bundled manager


def _live(home: Path) -> None:
    install_hermes(home)
    root_in(
        home,
        {
            "default": {".env": f"TELEGRAM_BOT_TOKEN={token(95)}\n"},
            "work": {".env": f"TELEGRAM_BOT_TOKEN={token(95)}\n"},
            "sick": {"exits": "78"},
        },
    )


_LIVE = """
g install work default --start
g status work default
g start work default
g restart work
g start sick
g install sick
g start sick --timeout 5
g list
p doctor --only services --only runtime.unsupervised
p rename work office
p delete office
p delete office --yes
p undo
g start office
g disable office --now
g stop default
g status
g uninstall --yes
g stop
"""


# -- shim


def _shim(home: Path) -> None:
    install_hermes(home)
    root_in(home, {"default": {}, "work": {}})
    put(home, {".bashrc": "# mine\nalias ll='ls -l'"}, mode=0o640)
    put(home / ".local/bin", {"work": f'#!/bin/sh\nexec {home}/fake/hermes -p work "$@"\n'}, mode=0o755)


_SHIM = """
p shim status
p shim install --dry-run
p shim install
p shim status
p shim install --shell-setup
p shim install --shell zsh
p shim install --shell tcsh
p undo
p shim remove --dry-run
p shim remove
p shim remove
p from-hermes "" profile list
p from-hermes "" profile show work
p from-hermes "" -p work profile show
p from-hermes "" -p work gateways status
p? from-hermes "" profile nothing
p from-hermes "" gateways list --group x -p work
p? from-hermes "" chat
p? from-hermes "" -p nobody doctor
"""


# -- nothing: no root, and arguments that no command accepts


def _nothing(home: Path) -> None:
    del home


_NOTHING = f"""
p list
p- list --names
p show default
p doctor {_MACHINE}
p repair --dry-run
p undo
p undo --list
p trash list
p team list
p catalog
p catalog weixin
p catalog nothing
p completion bash
p completion tcsh
p doctor --list
p clone default work
p delete work
p nothing
p clone default
p list extra
p list --nothing
p create a --clone --clone-from b
p config nothing
p env set default A=b
p undo --list extra
g status
g install
g start --jobs 0
g start --on-conflict nothing
g logs --since yesterdayish
g logs --level loud
g install --manager nothing
g awake sideways
@HERMES_PROFILES_MANAGER=nothing g status
@HERMES_HOME= p list
@HERMES_HOME=relative p list
p? --version
g? --version
p? --help
p? clone --help
p? bogus
g? start --bogus
"""


# -- words: completion and logs


def _words(home: Path) -> None:
    install_hermes(home)
    line = "2019-01-02 03:04:{:02},000 {} gateway.run: {}\n"
    root_in(
        home,
        {
            "default": {
                "logs/gateway.log": line.format(1, "INFO", "one")
                + line.format(3, "ERROR", "two\n  more of two")
                + line.format(5, "WARNING", f"the token {token(99)} is bad"),
                ".env": f"TELEGRAM_BOT_TOKEN={token(99)}\n",
            },
            "work": {
                "logs/gateway.log": line.format(2, "INFO", "work one") + line.format(4, "DEBUG", "work two"),
                "logs/gateway.error.log": line.format(6, "ERROR", "work three"),
                "profile.yaml": "groups: [day]\n",
            },
            "night": {"profile.yaml": "disabled: true\n"},
        },
    )


_WORDS = """
g* logs
g* logs work -n 1
g* logs --level warning
g* logs --grep one -n 3
g* logs --error
g* logs --since 2019-01-02T03:04:03 --until 2019-01-02T03:04:05
g? logs nobody
g? logs
p- __complete bash profile ""
p- __complete bash profile "w"
p- __complete bash group ""
p- __complete bash nothing ""
g- __complete bash profile "" "n"
p completion zsh
p completion fish
p? list
p? show work
g? list
"""


# -- multiplex: the default gateway serves every profile


def _multiplex(home: Path) -> None:
    install_hermes(home)
    root = root_in(
        home,
        {
            "default": {
                "config.yaml": CONFIG + "gateway:\n  multiplex_profiles: true\n",
                ".env": "WEIXIN_TOKEN=CANARYmux0123456789\nWEIXIN_ACCOUNT_ID=mux@im.bot\n",
            },
            "anna": {
                "config.yaml": CONFIG + "platforms:\n  weixin:\n    enabled: true\n    extra:\n"
                "      dm_policy: allowlist\n      allow_from: [w1]\n",
                ".env": "WEIXIN_TOKEN=CANARYanna0123456789\nWEIXIN_ACCOUNT_ID=anna@im.bot\n",
            },
            "bert": {".env": f"TELEGRAM_BOT_TOKEN={token(97)}\nAPI_SERVER_ENABLED=true\nAPI_SERVER_PORT=23950\n"},
        },
    )
    put(root / "profiles/anna", {"platforms/pairing/weixin-approved.json": '{"w9": {"user_name": "w9"}}'})


_MULTIPLEX = f"""
g status
g list
g install --dry-run
g install anna
g start --dry-run
g stage default
g start --dry-run
g print default --manager systemd
p list
p team run-mode
p team run-mode processes --dry-run
p team run-mode multiplex --dry-run
p doctor {_MACHINE}
p clone anna carl
p delete bert --yes
p team run-mode sideways
"""


_NIGHTLY = (pytest.mark.nightly,)
ROOTS = (
    Root("healthy", _healthy, _HEALTHY),
    Root("channels", _channels, _CHANNELS),
    Root("dotenv", _dotenv, _DOTENV),
    Root("broken", _broken, _BROKEN),
    Root("legacy", _legacy, _LEGACY, _NIGHTLY),
    Root("shared", _shared, _SHARED),
    Root("places", _places, _PLACES, _NIGHTLY),
    Root("history", _history, _HISTORY),
    Root("teams", _teams, _TEAMS),
    Root("imports", _imports, _IMPORTS, _NIGHTLY),
    Root("systemd", _systemd, _SYSTEMD),
    Root("options", _options, _OPTIONS, _NIGHTLY),
    Root("live", _live, _LIVE),
    Root("shim", _shim, _SHIM),
    Root("nothing", _nothing, _NOTHING),
    Root("words", _words, _WORDS, _NIGHTLY),
    Root("multiplex", _multiplex, _MULTIPLEX, _NIGHTLY),
)
