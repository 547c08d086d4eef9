"""Newest Hermes on clones of awkward homes: no channel of the source starts twice, no value of it is in the clone.

Newest reads more places than 0.19.0: `${NAME}` in config.yaml, `gateway.<name>`, root blocks, names of plugins, programs
that print secrets. What its own `profile create --clone` leaves shared is found, repaired and explained.
"""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from clone_source import Cloned, Files, assert_lines_kept, canary, clone, leaks, make_layout
from command_runner import REPOSITORY, Done, assert_no_canary
from hermes_judge import Verdict, judge
from newest_gateway import NewestGateways, token
from nightly import NIGHTLY
from once import once
from real_hermes import newest_python

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.profiles.profile import read_profile

pytestmark = pytest.mark.newest

CATALOG = load_catalog()
SCOPES = list(Scope) if NIGHTLY else [Scope.AGENT]
MODEL = "# the model\nmodel:\n  default: anthropic/claude  # the usual one\n  provider: openrouter\n"
KEY = "OPENROUTER_API_KEY=sk-or-keep-0001\n"
TG = "8812345678:AAF-CANARY-TelegramTokenAbCdEf123"
TG_ID, TG_HALF = TG.split(":")
OLD = "7712345678:AAFoldCANARYTelegramTokenAbCd123"
DC, SL, SLA = canary("discord"), canary("slack-bot"), canary("slack-app")
FS, MM, NT = canary("feishu"), canary("mattermost"), canary("ntfy")


@dataclass(frozen=True)
class AwkwardHome:
    """`on`: channels that newest starts in the source; `gone`: values in no file of the clone; `marks`: parts of lines
    that may change; `kept`: (file, text) in the clone."""

    files: Files
    on: frozenset[str] = frozenset({"telegram"})
    gone: tuple[str, ...] = (TG,)
    marks: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ((".env", KEY),)
    listed: bool = True  # `list` shows the same channels
    environment: dict[str, str] = field(default_factory=dict)


def home(env: str, config: str = "", **more: object) -> AwkwardHome:
    """Return a home with these additions to `.env` and config.yaml."""
    given = dict(more)
    files = {".env": KEY + env, "config.yaml": MODEL + config, **given.pop("files", {})}  # type: ignore[dict-item]
    return AwkwardHome(files, **given)  # type: ignore[arg-type]


TELEGRAM = f"TELEGRAM_BOT_TOKEN={TG}\n"
HOMES: dict[str, AwkwardHome] = {
    "other key": home(f"{TELEGRAM}NOTIFY={TG}\n", marks=("NOTIFY",)),
    "url": home(f"{TELEGRAM}HOOK=https://api.telegram.org/bot{TG}/sendMessage\n", marks=("HOOK",)),
    "joined keys": home(f"ALPHA=1\nTELEGRAM_BOT_TOKEN={TG}DISCORD_BOT_TOKEN={DC}\n", gone=(TG, DC), on=frozenset()),
    "tab after export": home(f"export\tTELEGRAM_BOT_TOKEN={TG}\n"),
    "quoted name": home(f"'TELEGRAM_BOT_TOKEN'={TG}\n"),
    "parts": home(f"ID={TG_ID}\nHALF={TG_HALF}\nTELEGRAM_BOT_TOKEN=${{ID}}:${{HALF}}\n", gone=(TG, TG_HALF), marks=("ID=", "HALF=")),
    "several lines": home(f'NOTE="first line\nthe bot is {TG} here\nlast line"\n{TELEGRAM}', marks=("NOTE", "line")),
    "byte order mark": AwkwardHome({".env": f"\ufeff{TELEGRAM}{KEY}", "config.yaml": MODEL}),
    "comments": home(f"{TELEGRAM}# old: TELEGRAM_BOT_TOKEN={OLD}\n#  was DISCORD_BOT_TOKEN = {DC}\nX=1 # TELEGRAM_BOT_TOKEN='{OLD}'\n", gone=(TG, OLD, DC)),
    "comment of yaml": home(TELEGRAM, f"# the bot is {TG}\n# was TELEGRAM_BOT_TOKEN={OLD}\n", gone=(TG, OLD)),
    "skill": home(TELEGRAM, files={"skills/notify/SKILL.md": f"# Notify\ncurl https://api.telegram.org/bot{TG}/getMe\n"}, kept=(("skills/notify/SKILL.md", "# Notify\n"),)),
    "script": home(TELEGRAM, files={"scripts/send.sh": f"#!/bin/sh\nexport TELEGRAM_BOT_TOKEN={OLD}\nsend\n"}, gone=(TG, OLD), kept=(("scripts/send.sh", "\nsend\n"),)),
    "reference": home(f"MY_TG={TG}\n", "platforms:\n  telegram:\n    enabled: true\n    token: ${MY_TG}\n"),
    "reference with source": home(f"MY_TG={TG}\n", "platforms:\n  telegram:\n    enabled: true\n    token: ${env:MY_TG}\n"),
    "reference in extra": home(f"FS_SECRET={FS}\nFS_ID=cli_{FS}\n", "gateway:\n  platforms:\n    feishu:\n      enabled: true\n      extra: {app_id: '${FS_ID}', app_secret: '${env:FS_SECRET}'}\n", on=frozenset({"feishu"}), gone=(FS,)),
    "reference of the gateway": home(f"MY_TG={TG}\n", "gateway:\n  telegram:\n    enabled: true\n    token: ${MY_TG}\n", listed=False),
    "reference of a tool too": home(f"MY_TG={TG}\n", "platforms:\n  telegram: {enabled: true, token: '${MY_TG}'}\nmcp_servers:\n  chat:\n    env: {T: '${MY_TG}'}\n", kept=(("config.yaml", "env: {T: '${MY_TG}'}\n"),)),
    "reference of parts": home(f"ID={TG_ID}\nHALF={TG_HALF}\n", "platforms:\n  telegram:\n    enabled: true\n    token: ${ID}:${HALF}\n", gone=(TG, TG_HALF)),
    "plugin's name": home(f"MY_TG={TG}\n", "platforms:\n  telegram-platform:\n    enabled: true\n    token: ${MY_TG}\n"),
    "root block": home("", f"mattermost:\n  enabled: true\n  token: {MM}\n  url: https://mm.canary.example\n", on=frozenset(), gone=(MM,)),
    "anchor and merge": home("", f"x: &bot\n  enabled: true\n  token: {TG}\nplatforms:\n  telegram:\n    <<: *bot\n", marks=("x:", "enabled", "<<")),
    "top-level scalars": home("", f"TELEGRAM_BOT_TOKEN: {TG}\nNTFY_TOPIC: {NT}\n", on=frozenset({"telegram", "ntfy"}), gone=(TG, NT)),
    "top-level reference": home(f"MY_TG={TG}\n", "TELEGRAM_BOT_TOKEN: ${MY_TG}\n", on=frozenset(), listed=False),
    "relay": home("", f"gateway:\n  relay_url: wss://relay.canary.example\n  relay_id: {canary('relay-id')}\n  relay_secret: {canary('relay-secret')}\n", on=frozenset(), marks=("gateway:",), gone=(canary("relay-id"), canary("relay-secret")), listed=False),
    "onepassword": home("", "secrets:\n  onepassword:\n    enabled: true\n    env:\n      TELEGRAM_BOT_TOKEN: op://CANARY-vault/bot/token\n      OPENAI_API_KEY: op://vault/openai/key\n", on=frozenset(), gone=("CANARY-vault",), kept=(("config.yaml", "OPENAI_API_KEY: op://vault/openai/key\n"),), listed=False),
    "command": home("", f"secrets:\n  command:\n    enabled: true\n    command: \"echo TELEGRAM_BOT_TOKEN={TG}\"\n", marks=("secrets", "command", "enabled")),
    "command with a shell": home("", f"secrets:\n  command:\n    enabled: true\n    command: \"T={TG}; printf 'TELEGRAM_BOT_TOKEN=%s' $T\"\n", marks=("secrets", "command", "enabled"), listed=False),
    "op.env": home("", files={".op.env": f"MATTERMOST_TOKEN={MM}\nMATTERMOST_URL=https://mm.canary.example\n"}, on=frozenset({"mattermost"}), gone=(MM,)),
    "gateway.json": home("", files={"gateway.json": json.dumps({"platforms": {"telegram": {"enabled": True, "token": TG}}})}),
    "copies": home(TELEGRAM, files={".env.bak": TELEGRAM, "config.yaml.bak-20261001T000000Z": f"t: {TG}\n", ".env~": TELEGRAM}),
    "weixin": home("WEIXIN_ACCOUNT_ID=wx-canary-1\n", "platforms:\n  weixin: {enabled: true}\n", files={"weixin/accounts/wx-canary-1.json": json.dumps({"token": canary("weixin")})}, on=frozenset(), gone=(canary("weixin"), "wx-canary-1"), listed=False),
    "matrix": home(f"MATRIX_HOMESERVER=https://m.canary.example\nMATRIX_ACCESS_TOKEN={canary('matrix')}\n", files={"matrix/store/crypto.db": "CANARY-store", "platforms/matrix/store/crypto.db": "CANARY-store"}, on=frozenset({"matrix"}), gone=(canary("matrix"), "CANARY-store")),
    "photon's pool": home("", files={"auth.json": json.dumps({"credential_pool": {"photon_project": [{"project_id": canary("pid"), "project_secret": canary("psecret")}]}})}, on=frozenset(), gone=(canary("pid"), canary("psecret")), listed=False),
    "caches": home(TELEGRAM, files={"cache/op_cache.json": json.dumps({"v": TG}), "cache/bws_cache.enc.json": json.dumps({"v": TG})}),
    "slack": home(f"SLACK_BOT_TOKEN={SL}\nSLACK_APP_TOKEN={SLA}\nSLACK_REACTION_TRIGGERS=eyes\nSLACK_API_HUMAN_USERS=U0CANARY01\n", on=frozenset({"slack"}), gone=(SL, SLA, "U0CANARY01"), kept=((".env", "SLACK_REACTION_TRIGGERS=eyes\n"),)),
    "a2a": home(f"A2A_BEARER_TOKEN={canary('a2a')}\n", "platforms:\n  a2a-platform:\n    enabled: true\n", on=frozenset(), gone=(canary("a2a"),)),
    "buzz": home(f"BUZZ_RELAY_URL=https://b.canary.example\nBUZZ_PRIVATE_KEY={canary('buzz')}\n", on=frozenset(), gone=(canary("buzz"),)),
    "standalone": home(TELEGRAM, "gateway:\n  standalone: true\n", marks=("gateway:", "standalone")),
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    case: AwkwardHome
    cloned: Cloned
    before: Verdict
    after: Verdict


def _answers(folder: Path) -> dict[tuple[str, Scope], Answer]:
    """Clone every home in both scopes; return newest's reading of all sources and clones."""
    clones: dict[tuple[str, Scope], Cloned] = {}
    for number, (name, case) in enumerate(HOMES.items()):
        for scope in SCOPES:
            layout = make_layout(folder / f"{number}-{scope}", case.files)
            clones[name, scope] = clone(layout, scope=scope, environment=case.environment)
    sources = {name: clones[name, Scope.AGENT].source for name in HOMES}  # the same files in both scopes
    courts = (folder / "sources", folder / "clones")
    for court in courts:
        court.mkdir()
    python, variables = newest_python(), ("OPENROUTER_API_KEY",)
    before = dict(zip(sources, judge([*sources.values()], courts[0], variables=variables, python=python), strict=True))
    after = judge([one.home for one in clones.values()], courts[1], variables=variables, python=python)
    return {
        key: Answer(HOMES[key[0]], one, before[key[0]], verdict)
        for (key, one), verdict in zip(clones.items(), after, strict=True)
    }


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, Scope], Answer]:
    newest_python()
    return once(tmp_path_factory, "newest-clones", _answers)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", HOMES)
def test_newest_starts_no_channel_of_the_source_in_the_clone(
    answers: dict[tuple[str, Scope], Answer], name: str, scope: Scope
):
    answer = answers[name, scope]
    assert answer.before.connected >= answer.case.on, "newest does not start the channel in the source"
    assert answer.after.connected == frozenset() and answer.after.enabled == frozenset()
    assert answer.after.model == answer.before.model
    assert answer.after.environment == answer.before.environment


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", HOMES)
def test_clone_of_an_awkward_home_has_no_value_and_all_other_lines(
    answers: dict[tuple[str, Scope], Answer], name: str, scope: Scope
):
    case, cloned = answers[name, scope].case, answers[name, scope].cloned
    assert leaks(cloned.home, case.gone) == []
    for path, text in case.kept:
        assert text in cloned.text(path)
    names = {row["name"] for row in cloned.data["env"]["removed"]}
    paths = {row["path"].rpartition(".")[2] for row in cloned.data["config"]["removed"]}
    blocks = ("platforms", "enabled", "extra", "TELEGRAM", "DISCORD", "\ufeff")
    for path in (".env", "config.yaml"):
        source = cloned.source / path
        assert_lines_kept(source.read_bytes(), cloned.bytes(path), (*case.gone, *case.marks, *names, *paths, *blocks))


@pytest.mark.parametrize("name", [name for name, case in HOMES.items() if case.listed])
def test_list_shows_the_channels_that_newest_starts(answers: dict[tuple[str, Scope], Answer], name: str):
    answer = answers[name, Scope.AGENT]
    seen = read_profile(answer.cloned.layout, "default", catalog=CATALOG, active="default", alias=None)
    assert set(seen.channels) >= answer.case.on


def test_program_that_prints_tokens_starts_nothing_in_the_clone(tmp_path: Path):
    variables = {name for channel in CATALOG.channels.values() for names in channel.enable_sets for name in names}
    variables |= {"MATRIX_HOMESERVER", "MATTERMOST_URL", "TWILIO_AUTH_TOKEN"}
    printed = tmp_path / "secrets.env"
    lines = (
        f"{name}={'true' if name.endswith('_ENABLED') else 'https://c.example' if name.endswith('URL') else canary(name)}\n"
        for name in sorted(variables)
        if "RELAY" not in name  # a relay takes the place of all other channels
    )
    printed.write_text("".join(lines))
    config = f"{MODEL}secrets:\n  command:\n    enabled: true\n    command: cat {printed}\n"
    cloned = clone(make_layout(tmp_path / "user", {".env": KEY, "config.yaml": config}))
    courts = [tmp_path / "court1", tmp_path / "court2"]
    for court in courts:
        court.mkdir()
    before, after = (
        judge([home], court, python=newest_python())[0]
        for home, court in zip((cloned.source, cloned.home), courts, strict=True)
    )
    assert len(before.connected) > 15 and {"telegram", "discord", "weixin", "webhook"} <= before.connected
    assert after.connected == frozenset() and after.enabled == frozenset()
    assert cloned.text("config.yaml").startswith(config)


# --- what newest's own commands make


@pytest.fixture
def newest(tmp_path: Path) -> Path:
    newest_python()
    user = Path("/tmp") / f"nc-{abs(hash(str(tmp_path))) % 10**8}"
    user.mkdir()
    yield user  # type: ignore[misc]
    shutil.rmtree(user)


def profiles(gateways: NewestGateways, *words: str) -> Done:
    """Run `hermes-profiles` in the namespace and return what it printed."""
    script = "from hermes_profiles.cli.profiles import main; main()"
    done = gateways.run(sys.executable, "-c", script, *words, env={"PYTHONPATH": str(REPOSITORY)})
    assert_no_canary(done.stdout + done.stderr, " ".join(words))
    return done


def test_clone_of_newest_itself_is_listed_repaired_and_explained(newest: Path):
    bot = token(1)
    with NewestGateways(newest) as gateways:
        source = gateways.profile("default", env=f"MY_TG={bot}\nNOTIFY={bot}\nOPENROUTER_API_KEY=sk-or-1\n")
        (source / "config.yaml").write_text(
            f"{MODEL}platforms:\n  telegram:\n    enabled: true\n    token: ${{MY_TG}}\n"
        )
        made = gateways.hermes("profile", "create", "theirs", "--clone", "--clone-channels", "--no-alias")
        assert made.code == 0, made.stdout + made.stderr
        assert bot in (gateways.home("theirs") / ".env").read_text(), (
            "newest clones the variable of a channel's setting"
        )
        listed = profiles(gateways, "list", "--json")
        assert listed.code == 0, listed.stderr
        assert {row["name"]: row["channels"] for row in listed.data["profiles"]} == {
            "default": ["telegram"],
            "theirs": ["telegram"],
        }
        told = profiles(gateways, "explain", "MY_TG", "--profile", "theirs")
        assert "telegram reads it" in told.stdout
        done = profiles(gateways, "repair", "--yes", "--owner", "telegram=default")
        assert done.code == 0, done.stdout + done.stderr
        assert leaks(gateways.home("theirs"), [bot]) == []
        assert bot in (source / ".env").read_text()
        assert "OPENROUTER_API_KEY=sk-or-1\n" in (gateways.home("theirs") / ".env").read_text()
