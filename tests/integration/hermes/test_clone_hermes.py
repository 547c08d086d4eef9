"""Real Hermes on clones: it finds no channel of the source, and the same model settings.

Each case first checks that Hermes finds the channel in the source.
"""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from clone_source import Cloned, Files, canary, clone, leaks, make_layout
from clone_strategies import SHARED, Home, homes
from config_paths import identity_paths
from free_ports import free_port
from hermes_judge import Verdict, environment, far_folder, hermes, judge
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY
from once import once
from real_hermes import hermes_python

from hermes_profiles.cli.commands.demo.source import SECRETS, write_demo_source
from hermes_profiles.credentials.catalog.catalog import Channel, KeyClass, load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_profile

pytestmark = pytest.mark.judge

CATALOG = load_catalog()
# Known to newer Hermes only; 0.19.0 ignores them.
NOT_IN_0_19 = {"buzz", "a2a", "onebot"}
MODEL = "model:\n  default: anthropic/claude\n  provider: openrouter\nterminal:\n  timeout: 60\n"
WAYS = ("env", "config", "gateway.json")
_OURS = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.TOOL_OR_PROVIDER_KEY)


def variables(channel: Channel) -> dict[str, str]:
    """Return every variable of a channel's identity with a synthetic value that Hermes accepts."""
    names = {fact.name for fact in channel.keys if fact.key_class in _OURS}
    names |= {name for names in channel.enable_sets for name in names}
    return {name: value_for(name) for name in sorted(names)}


def value_for(name: str) -> str:
    if name.endswith("_ENABLED"):
        return "true"
    if name.endswith("_PORT"):
        return "18999"
    return f"https://{canary(name)}.example/" if name.endswith("URL") else canary(name)


def block(channel: Channel) -> dict[str, object]:
    """Return a block with every path of a channel's identity."""
    extra = {
        path.removeprefix("extra."): canary(f"{channel.name}-{path}")
        for path in identity_paths(channel)
        if path.startswith("extra.") and "." not in path.removeprefix("extra.")
    }
    return {"enabled": True, "token": canary(f"{channel.name}-token"), "extra": extra}


def files(channel: Channel, way: str) -> Files:
    if way == "env":
        lines = "".join(f"{name}={value}\n" for name, value in variables(channel).items())
        return {".env": f"OPENROUTER_API_KEY=sk-or-1\n{lines}", "config.yaml": MODEL}
    settings = {"platforms": {channel.name: block(channel)}}
    if way == "config":
        return {
            ".env": "OPENROUTER_API_KEY=sk-or-1\n",
            "config.yaml": MODEL + json.dumps(settings)[1:-1].join(("", "\n")),
        }
    return {".env": "", "config.yaml": MODEL, "gateway.json": json.dumps(settings, indent=2)}


AWKWARD = {
    ".env": (
        "\ufeffTELEGRAM_BOT_TOKEN='" + canary("tg") + "' # mine\n"
        f"export\tDISCORD_BOT_TOKEN={canary('dc')}\n"
        f"'SLACK_BOT_TOKEN'={canary('sl')}SLACK_APP_TOKEN={canary('sla')}\n"
        f"PART={canary('part')}\nMATRIX_ACCESS_TOKEN=${{PART}}\nMATRIX_HOMESERVER=https://m.example\n"
        f"HASS_TOKEN={canary('hass')}\nTWILIO_ACCOUNT_SID={canary('sid')}\nTWILIO_AUTH_TOKEN={canary('auth')}\n"
        "EMAIL_ADDRESS=me@canary.example\nEMAIL_PASSWORD=CANARY-pass-1\nEMAIL_IMAP_HOST=imap.canary.example\n"
        "EMAIL_SMTP_HOST=smtp.canary.example\nOPENROUTER_API_KEY=sk-or-1\nGOOGLE_CLOUD_PROJECT=shared-project\n"
    ),
    ".op.env": f"MATTERMOST_TOKEN={canary('mm')}\nMATTERMOST_URL=https://mm.canary.example\n",
    "config.yaml": (
        "# settings\n" + MODEL + f"FEISHU_APP_ID: {canary('fs')}\nFEISHU_APP_SECRET: {canary('fs2')}\n"
        f"NTFY_TOPIC: {canary('ntfy')}\n"
        f"x: &w\n  enabled: true\n  extra: {{account_id: {canary('wx')}, token: {canary('wxt')}}}\n"
        "platforms:\n  Weixin:\n    <<: *w\n"
        f"  signal: {{extra: {{http_url: 'http://s.canary.example', account: '+4912345678901'}}, enabled: yes}}\n"
        f"  whatsapp:\n    extra: {{session_path: /srv/{canary('wa')}}}\n"
        f"gateway:\n  platforms:\n    qqbot:\n      enabled: true\n"
        f"      extra: {{app_id: {canary('qq')}, client_secret: {canary('qqs')}}}\n"
    ),
    "gateway.json": json.dumps({"platforms": {"wecom": {"enabled": True, "extra": {"bot_id": canary("wc"), "secret": canary("wcs")}}}}),
    "auth.json": json.dumps({"credential_pool": {"photon_project": [{"project_id": canary("pid"), "project_secret": canary("psec")}]}}),
}  # fmt: skip
AWKWARD_CHANNELS = {
    "telegram", "discord", "slack", "matrix", "homeassistant", "sms", "email", "mattermost", "feishu", "ntfy",
    "weixin", "signal", "whatsapp", "qqbot", "wecom", "photon",
}  # fmt: skip

Answers = dict[str, tuple[Cloned, Verdict, Verdict]]


def sources() -> Iterator[tuple[str, Files, str, ClonePolicy, Scope]]:
    usual = ClonePolicy()
    for name, channel in CATALOG.channels.items():
        if name not in NOT_IN_0_19:
            for way in WAYS:
                yield f"{name}/{way}", files(channel, way), "default", usual, Scope.AGENT
    for profile in ("default", "work"):
        for scope in Scope:
            yield f"awkward/{profile}/{scope}", AWKWARD, profile, usual, scope
    yield "no-api", files(CATALOG.channels["api_server"], "env"), "default", ClonePolicy(api_server=False), Scope.AGENT


def _answers(folder: Path) -> Answers:
    """Clone every source; return Hermes' reading of all sources and clones."""
    clones: dict[str, Cloned] = {}
    for number, (name, content, profile, policy, scope) in enumerate(sources()):
        clones[name] = clone(
            make_layout(folder / str(number), content, profile=profile), profile, policy=policy, scope=scope
        )
    courts = (folder / "sources", folder / "clones")
    for court in courts:
        court.mkdir()
    before = judge([one.source for one in clones.values()], courts[0], variables=("OPENROUTER_API_KEY",))
    after = judge([one.home for one in clones.values()], courts[1], variables=("OPENROUTER_API_KEY",))
    return {
        name: (one, *pair) for (name, one), pair in zip(clones.items(), zip(before, after, strict=True), strict=True)
    }


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    hermes_python()
    return once(tmp_path_factory, "clones", _answers)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name in CATALOG.channels if name not in NOT_IN_0_19])
def test_hermes_finds_channel_in_source_and_not_in_clone(answers: Answers, name: str, way: str):
    cloned, before, after = answers[f"{name}/{way}"]
    assert name in before.connected, "Hermes does not find the channel in the source: the case is void"
    if name == "api_server":
        assert after.connected == {"api_server"}
        assert after.api and (after.api["port"], after.api["key"]) == (18700, "f" * 64)
    else:
        assert after.connected == frozenset() and after.enabled == frozenset()
    assert after.model == before.model
    assert after.environment == before.environment
    left = set(cloned.data["env"]["kept"])
    classes = {fact.key_class for key in left if (fact := CATALOG.lookup(key)) and fact.channel != "api_server"}
    assert classes <= {KeyClass.TOOL_OR_PROVIDER_KEY}
    values = [value for key, value in variables(CATALOG.channels[name]).items() if key not in left]
    values += block(CATALOG.channels[name])["extra"].values()  # type: ignore[attr-defined]
    assert leaks(cloned.home, (value for value in values if "CANARY" in value)) == []


@pytest.mark.parametrize("name", [name for name in CATALOG.channels if name not in NOT_IN_0_19])
def test_list_shows_channels_hermes_finds(answers: Answers, name: str):
    for way in ("env", "config"):
        cloned, before, after = answers[f"{name}/{way}"]
        for home, verdict in ((cloned.source, before), (cloned.home, after)):
            profile = "default" if home == cloned.source else "copy"
            seen = read_profile(cloned.layout, profile, catalog=CATALOG, active="default", alias=None)
            assert set(seen.channels) == verdict.connected, way


@pytest.mark.parametrize("profile", ["default", "work"])
@pytest.mark.parametrize("scope", list(Scope))
def test_clone_of_awkward_home_connects_no_channel(answers: Answers, profile: str, scope: Scope):
    cloned, before, after = answers[f"awkward/{profile}/{scope}"]
    assert before.connected >= AWKWARD_CHANNELS
    assert after.connected == frozenset() and after.enabled == frozenset()
    assert after.model == before.model and after.environment == before.environment
    assert b"GOOGLE_CLOUD_PROJECT=shared-project" in cloned.bytes(".env")


def test_clone_without_api_server_has_it_off(answers: Answers):
    _, before, after = answers["no-api"]
    assert "api_server" in before.connected and after.connected == frozenset()


def test_demo_source_connects_and_its_clone_does_not(tmp_path: Path):
    layout = Layout(tmp_path / ".hermes", tmp_path)
    layout.root.mkdir()
    write_demo_source(layout.root)
    cloned = clone(layout)
    court = tmp_path / "court"
    court.mkdir()
    before, after = judge([cloned.source, cloned.home], court)
    assert {"telegram", "discord", "slack", "matrix", "homeassistant", "api_server"} <= before.connected
    assert after.connected == {"api_server"} and after.model == before.model
    assert leaks(cloned.home, SECRETS.values()) == []


def test_clones_of_generated_homes_connect_no_channel(tmp_path: Path):
    hermes_python()
    pairs: list[Cloned] = []

    @settings(
        max_examples=600 if NIGHTLY else 60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(homes(), st.sampled_from(list(Scope)))
    def collect(home: Home, scope: Scope) -> None:
        try:
            pairs.append(clone(make_layout(tmp_path / f"home{len(pairs)}", home.files), scope=scope))
        except DocumentError:
            shutil.rmtree(tmp_path / f"home{len(pairs)}")

    collect()
    courts = [tmp_path / "court1", tmp_path / "court2"]
    for court in courts:
        court.mkdir()
    before = judge([one.source for one in pairs], courts[0], variables=SHARED)
    after = judge([one.home for one in pairs], courts[1], variables=SHARED)
    assert sum(bool(verdict.connected) for verdict in before) > len(pairs) / 4, "too few sources connect anything"
    for cloned, source, copy in zip(pairs, before, after, strict=True):
        assert copy.connected == frozenset(), (cloned.home, copy)
        assert (copy.model, copy.environment) == (source.model, source.environment), cloned.home


def test_inherited_variables_are_ignored(tmp_path: Path):
    inherited = {"TELEGRAM_BOT_TOKEN": "1:inherited-token", "HASS_TOKEN": "inherited-hass"}
    layout = make_layout(tmp_path, {".env": "EXA_API_KEY=e\n", "config.yaml": MODEL})
    cloned = clone(layout, environment=inherited)
    court = tmp_path / "court"
    court.mkdir()
    before, after = judge([cloned.source, cloned.home], court, **inherited)
    assert before.connected == {"telegram", "homeassistant"} and after.connected == frozenset()


# --- commands of Hermes on created homes, and commands of this package on homes of Hermes


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    hermes_python()
    make_layout(
        tmp_path, {".env": f"TELEGRAM_BOT_TOKEN={canary('tg')}\nOPENROUTER_API_KEY=sk-or-1\n", "config.yaml": MODEL}
    )
    return tmp_path


def test_profile_created_by_hermes_is_listed(user_home: Path):
    for words in (("theirs",), ("copied", "--clone")):
        made = hermes(user_home, "profile", "create", *words, "--no-alias")
        assert made.returncode == 0, made.stdout + made.stderr
    layout = Layout(user_home / ".hermes", user_home)
    assert profile_names(layout) == ("default", "copied", "theirs")
    seen = {
        name: read_profile(layout, name, catalog=CATALOG, active="default", alias=None) for name in ("copied", "theirs")
    }
    assert seen["copied"].channels == ("telegram",), "0.19.0 strips nothing"
    assert (seen["copied"].model, seen["copied"].provider) == ("anthropic/claude", "openrouter")
    assert seen["theirs"].channels == () and not seen["theirs"].problems


def test_created_profile_is_accepted_by_hermes(user_home: Path):
    layout = Layout(user_home / ".hermes", user_home)
    cloned = clone(layout, name="ours")
    listed = hermes(user_home, "profile", "list")
    assert listed.returncode == 0 and re.search(r"\bours\b", listed.stdout)
    shown = hermes(user_home, "profile", "show", "ours")
    assert shown.returncode == 0 and str(cloned.home) in shown.stdout.replace("\n", "")
    config = hermes(user_home, "-p", "ours", "config")
    assert config.returncode == 0 and str(cloned.home / "config.yaml") in config.stdout.replace("\n", "")


@pytest.fixture
def far_home() -> Iterator[Path]:
    """Yield a user's home outside /tmp: for a home below /tmp Hermes starts no gateway."""
    with far_folder("clone") as folder:
        yield folder


def test_gateway_of_a_clone_answers_on_its_own_port(far_home: Path):
    hermes_python()
    env = "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef\nAPI_SERVER_PORT=18642\n"
    layout = make_layout(far_home, {".env": env, "config.yaml": MODEL})
    port = free_port()
    cloned = clone(layout, port=port)
    assert f"API_SERVER_PORT={port}\n" in cloned.text(".env") and "CANARY" not in cloned.text(".env")
    log = (far_home / "gateway.log").open("wb")
    process = subprocess.Popen(
        [hermes_python(), "-m", "hermes_cli.main", "-p", "copy", "gateway", "run"],
        stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=far_home,
        env=environment(far_home, HERMES_HOME=str(layout.root), HERMES_ALLOW_ROOT_GATEWAY="1"),
    )  # fmt: skip
    try:
        assert answers_health(port, process), (far_home / "gateway.log").read_text(errors="replace")[-3000:]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", 18642)) != 0, "it listens on the source's port"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        log.close()


def answers_health(port: int, process: subprocess.Popen[bytes], *, patience: float = 45) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    return False


def test_channel_with_explicit_false_stays_off_until_enabled(tmp_path: Path) -> None:
    """In Hermes an explicit `enabled: false` overrides a new token; the report names the command that writes `true`."""
    layout = make_layout(
        tmp_path / "homes",
        {
            ".env": "TELEGRAM_BOT_TOKEN=7000000001:CANARY-source-token\n",
            "config.yaml": "platforms:\n  telegram:\n    enabled: true\n",
        },
    )
    made = clone(layout)
    with (made.home / ".env").open("a", encoding="utf-8") as file:
        file.write("TELEGRAM_BOT_TOKEN=7000000002:CANARY-new-token\n")
    (tmp_path / "before").mkdir()
    before = judge([made.home], tmp_path / "before")[0]
    assert any("hermes-profiles connect" in line and "telegram" in line for line in made.data["next_steps"])
    config = made.home / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("enabled: false", "enabled: true"), encoding="utf-8")
    (tmp_path / "after").mkdir()
    after = judge([made.home], tmp_path / "after")[0]
    assert ("telegram" in before.connected, "telegram" in after.connected) == (False, True)
