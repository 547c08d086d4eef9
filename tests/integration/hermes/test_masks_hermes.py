"""Real Hermes with an overlay: the masked channel is off, other channels and the model stay.

Each case first checks that Hermes lists the channel without the overlay.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from config_paths import identity_paths
from judge_process import Reader, environment, read_homes
from real_hermes import hermes_python

from hermes_profiles.conflicts.overlay import Overlay, compose
from hermes_profiles.credentials.catalog.catalog import Channel, KeyClass, load_catalog
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.profiles.channels import claimed_resources

pytestmark = pytest.mark.judge

CATALOG = load_catalog()
NOT_IN_0_19 = {"buzz", "a2a", "onebot"}
CHANNELS = [channel for channel in CATALOG.channels.values() if channel.name not in NOT_IN_0_19]
MODEL = "model:\n  default: anthropic/claude\n  provider: openrouter\n"
_OURS = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.TOOL_OR_PROVIDER_KEY)
# Their requirement check, true in this judge, needs the variables: a block alone is not enough.
REQUIRE_VARIABLES = {"dingtalk", "email", "irc", "line", "ntfy", "simplex"}
# Two further channels, which must stay.
BESIDE = ("mattermost", "webhook")

# Read by the judge: [home, managed folder or ""] → the channels that the gateway would connect.
READER = Reader(
    r"""
import hermes_cli.env_loader, gateway.config, hermes_cli.plugins, hermes_cli.config, hermes_cli.managed_scope, yaml
hermes_cli.plugins.discover_plugins()
from gateway.platform_registry import platform_registry
for entry in platform_registry.plugin_entries():  # as on a machine that has the library of every channel
    object.__setattr__(entry, "check_fn", lambda *args, **more: True)
def read(row):
    home, managed = row
    os.environ["HERMES_HOME"] = home
    os.environ["HERMES_MANAGED_DIR"] = managed or home + "/nowhere"
    hermes_cli.env_loader.load_hermes_dotenv(hermes_home=home)
    config = {}
    if os.path.exists(os.path.join(home, "config.yaml")):
        with open(os.path.join(home, "config.yaml"), encoding="utf-8") as file, contextlib.suppress(yaml.YAMLError):
            config = yaml.safe_load(file) or {}
    config = hermes_cli.managed_scope.apply_managed_overlay(config)
    for key, value in config.items():  # gateway/run.py, "Top-level simple values"
        if isinstance(value, (str, int, float, bool)) and key not in os.environ:
            os.environ[key] = str(value)
    found = gateway.config.load_gateway_config()
    return {
        "connected": sorted(one.value for one in found.get_connected_platforms()),
        "enabled": sorted(one.value for one, settings in found.platforms.items() if settings.enabled),
        "model": hermes_cli.config.load_config().get("model"),
        "environment": {name: value for name, value in os.environ.items() if name.isupper()},
        "managed": hermes_cli.managed_scope.load_managed_config(),
    }
""",
    lambda home: [home, ""],
)


def ask(court: Path, rows: list[tuple[Path, Path | None]]) -> list[dict[str, Any]]:
    """Return Hermes' reading of each home under each managed folder."""
    asked = [(str(home), str(managed or "")) for home, managed in rows]
    return read_homes(READER, asked, court, python=hermes_python(), inherited={})


def value_for(name: str) -> str:
    if name.endswith("_ENABLED"):
        return "true"
    if name.endswith("_PORT"):
        return "18999"
    return f"https://{name.lower()}.hermes-test/" if name.endswith("URL") else f"CANARY-{name}-0123456789"


def variables(channel: Channel) -> dict[str, str]:
    names = {fact.name for fact in channel.keys if fact.key_class in _OURS}
    names |= {name for names in channel.enable_sets for name in names}
    return {name: value_for(name) for name in sorted(names)}


def block(channel: Channel) -> dict[str, Any]:
    extra = {
        path.removeprefix("extra."): f"CANARY-{channel.name}-{path}"
        for path in identity_paths(channel)
        if path.startswith("extra.") and "." not in path.removeprefix("extra.")
    }
    return {"enabled": True, "token": f"CANARY-{channel.name}-token", "extra": extra}


def files(channel: Channel, way: str) -> Mapping[str, str]:
    beside = {"mattermost": {"enabled": True, "token": "CANARY-mm", "extra": {"url": "https://mm.hermes-test"}}}
    env = "OPENROUTER_API_KEY=sk-or-1\nWEBHOOK_ENABLED=true\n"
    config: dict[str, Any] = {"platforms": {} if channel.name == "mattermost" else dict(beside)}
    made: dict[str, str] = {}
    if way == "env":
        env += "".join(f"{name}={value}\n" for name, value in variables(channel).items())
    elif way == "scalar":
        config |= variables(channel)
    elif way == "gateway.json":
        made["gateway.json"] = json.dumps({"platforms": {channel.name: block(channel)}})
    elif way == "own section":
        config["platforms"][channel.name] = {**block(channel), "enabled": False}
        config[channel.name] = {"enabled": True}
    else:
        place = config.setdefault("gateway", {}).setdefault("platforms", {}) if way == "nested" else config["platforms"]
        place[channel.name.capitalize() if way == "capitals" else channel.name] = block(channel)
    return {**made, ".env": env, "config.yaml": MODEL + json_yaml(config)}


def json_yaml(config: Mapping[str, Any]) -> str:
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in config.items())


def lay(folder: Path, made: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in made.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def laid(folder: Path, overlay: Overlay) -> Path:
    return lay(folder, {name: one for name, one in ((".env", overlay.env), ("config.yaml", overlay.config)) if one})


def mask(*channels: str) -> list[Mask]:
    return [Mask(channel) for channel in channels]


RARER = ("gateway.json", "scalar", "nested", "capitals", "own section")
WAYS = ("env", "config", *(pytest.param(way, marks=pytest.mark.nightly) for way in RARER))


@pytest.mark.parametrize("way", WAYS)
def test_masked_channel_is_off_and_others_stay_on(way: str, tmp_path: Path) -> None:
    hermes_python()
    rows: list[tuple[Path, Path | None]] = []
    for channel in CHANNELS:
        home = lay(tmp_path / channel.name / ".hermes", files(channel, way))
        seen = claimed_resources(home, catalog=CATALOG)
        assert not seen.problems
        made = compose(mask(channel.name), catalog=CATALOG, on=seen.channels, spellings=seen.spellings)
        rows += [(home, None), (home, laid(tmp_path / channel.name / "overlay", made))]
    answers = ask(tmp_path, rows)
    for channel, before, after in zip(CHANNELS, answers[::2], answers[1::2], strict=True):
        others = set(BESIDE) - {channel.name}
        assert others <= set(before["connected"]), (channel.name, before["connected"])
        assert channel.name not in after["connected"], (channel.name, way)
        assert channel.name not in after["enabled"], (channel.name, way)
        assert set(after["connected"]) == set(before["connected"]) - {channel.name}, (channel.name, way)
        assert after["model"] == before["model"]
        assert channel.name in before["connected"], f"Hermes does not start {channel.name} by {way}: nothing is proven"


@pytest.mark.parametrize("way", WAYS)
def test_active_channels_include_all_that_hermes_starts(way: str, tmp_path: Path) -> None:
    homes = [lay(tmp_path / channel.name / ".hermes", files(channel, way)) for channel in CHANNELS]
    for home, answer in zip(homes, ask(tmp_path, [(home, None) for home in homes]), strict=True):
        assert set(answer["connected"]) <= set(claimed_resources(home, catalog=CATALOG).channels), home


def test_blocks_that_start_a_channel_without_flag_match_hermes(tmp_path: Path) -> None:
    hermes_python()
    homes = []
    for channel in CHANNELS:
        config = {"platforms": {channel.name: {name: one for name, one in block(channel).items() if name != "enabled"}}}
        homes.append(lay(tmp_path / channel.name / ".hermes", {".env": "A=b\n", "config.yaml": json_yaml(config)}))
    answers = ask(tmp_path, [(home, None) for home in homes])
    seen = {home.parent.name: set(claimed_resources(home, catalog=CATALOG).channels) for home in homes}
    found = {home.parent.name: set(answer["connected"]) for home, answer in zip(homes, answers, strict=True)}
    differing = {name for name in seen if seen[name] != found[name]}
    assert differing == REQUIRE_VARIABLES and not any(seen[name] for name in differing)


def test_overlay_without_config_file_is_known_ineffective(tmp_path: Path) -> None:
    channel = CATALOG.channels["telegram"]
    made = {name: text for name, text in files(channel, "gateway.json").items() if name != "config.yaml"}
    bare = lay(tmp_path / "bare" / ".hermes", made)
    empty = lay(tmp_path / "empty" / ".hermes", {**made, "config.yaml": ""})
    broken = lay(tmp_path / "broken" / ".hermes", {**made, "config.yaml": "platforms: [\n"})
    over = laid(tmp_path / "overlay", compose(mask("telegram"), catalog=CATALOG))
    found = ask(tmp_path, [(home, over) for home in (bare, empty, broken)])
    assert ["telegram" in one["connected"] for one in found] == [True, False, True]
    unmaskable = [claimed_resources(home, catalog=CATALOG).unmaskable for home in (bare, empty, broken)]
    assert unmaskable == [{"telegram"}, set(), {"telegram"}]


def test_mask_removes_only_channel_from_tool(tmp_path: Path) -> None:
    made = files(CATALOG.channels["email"], "env")
    home = lay(tmp_path / "home" / ".hermes", made)
    overlay = compose(mask("email"), catalog=CATALOG, on=("email",))
    (answer,) = ask(tmp_path, [(home, laid(tmp_path / "overlay", overlay))])
    kept = {name: answer["environment"][name] for name in ("EMAIL_ADDRESS", "EMAIL_PASSWORD", "EMAIL_SMTP_HOST")}
    assert all(kept.values()) and answer["environment"]["EMAIL_IMAP_HOST"] == ""
    assert "email" not in answer["connected"]


MANAGED_ENV = """\
# policy
POLICY_URL='https://policy.hermes-test/#1'
export EXA_API_KEY=exa-1
TELEGRAM_BOT_TOKEN=7:CANARY-managed
"""
MANAGED_CONFIG = """\
# policy of the machine
model: {default: pinned/model}
terminal: &t
  timeout: 61
platforms:
  Telegram: {enabled: true, token: "7:CANARY-managed"}
  mattermost: {enabled: true, token: CANARY-mm, extra: {url: "https://mm.hermes-test"}}
since: 2024-05-01
copy: *t
"""


def test_managed_directory_keeps_its_settings_under_mask(tmp_path: Path) -> None:
    home = lay(tmp_path / "home" / ".hermes", {".env": "OPENROUTER_API_KEY=sk-or-1\n", "config.yaml": MODEL})
    policy = {".env": MANAGED_ENV.encode(), "config.yaml": MANAGED_CONFIG.encode()}
    folder = lay(tmp_path / "policy", policy)
    none = compose([], catalog=CATALOG, managed_env=policy[".env"], managed_config=policy["config.yaml"])
    assert (none.env, none.config) == (policy[".env"], policy["config.yaml"])
    some = compose(mask("telegram"), catalog=CATALOG, managed_env=policy[".env"], managed_config=policy["config.yaml"])
    before, after = ask(tmp_path, [(home, folder), (home, laid(tmp_path / "overlay", some))])
    assert before["connected"] == ["mattermost", "telegram"] and after["connected"] == ["mattermost"]
    for answer in (before, after):
        del answer["environment"]["HERMES_MANAGED_DIR"]
    assert {**before["environment"], "TELEGRAM_BOT_TOKEN": ""} == after["environment"]
    assert before["model"] == after["model"] and before["managed"]["since"] == "2024-05-01"
    platforms = after["managed"].pop("platforms")
    assert {"telegram": after["managed"].pop("telegram"), "Telegram": platforms["Telegram"]["enabled"]} == {
        "telegram": {"enabled": False},
        "Telegram": False,
    }
    del before["managed"]["platforms"]
    assert after["managed"] == before["managed"]


def test_broken_managed_configuration_is_reported_and_ignored_like_hermes(tmp_path: Path) -> None:
    home = lay(tmp_path / "home" / ".hermes", {".env": "TELEGRAM_BOT_TOKEN=7:CANARY-own-token\n", "config.yaml": MODEL})
    broken = b"model: [pinned\nterminal: {}\n"
    overlay = compose(mask("telegram"), catalog=CATALOG, managed_config=broken)
    folder = lay(tmp_path / "policy", {"config.yaml": broken})
    before, after = ask(tmp_path, [(home, folder), (home, laid(tmp_path / "overlay", overlay))])
    assert before["managed"] == {} and before["connected"] == ["telegram"]
    assert after["connected"] == [] and after["model"] == before["model"]
    assert [problem.code for problem in overlay.problems] == ["managed-ignored"]
    assert compose([], catalog=CATALOG, managed_config=broken).config == broken


_LOCKS = """
import json, os, sys
from gateway.status import _get_scope_lock_path
print(json.dumps([_get_scope_lock_path(scope, text).name for scope, text in json.load(sys.stdin)]))
"""


def test_identity_keys_match_hermes_lock_files(tmp_path: Path) -> None:
    held = {
        "TELEGRAM_BOT_TOKEN": ("telegram-bot-token", "7:CANARY-telegram"),
        "DISCORD_BOT_TOKEN": ("discord-bot-token", "CANARY-discord-token"),
        "WEIXIN_TOKEN": ("weixin-bot-token", "CANARY-weixin-token"),
        "YUANBAO_APP_ID": ("yuanbao-app-key", "CANARY-yuanbao"),
        "QQ_APP_ID": ("qqbot-appid", "CANARY-qq-app"),
        "FEISHU_APP_ID": ("feishu-app-id", "cli_CANARY"),
        "SIGNAL_ACCOUNT": ("signal-phone", "+4915112345678"),
        "SLACK_APP_TOKEN": ("slack-app-token", "xapp-CANARY"),
    }
    more = "YUANBAO_APP_SECRET=s1234\nFEISHU_APP_SECRET=s1234\nSIGNAL_HTTP_URL=http://127.0.0.1:9\nSLACK_BOT_TOKEN=xoxb-b\n"
    env = "".join(f"{name}={text}\n" for name, (_, text) in held.items()) + more
    home = lay(tmp_path / "home" / ".hermes", {".env": env})
    done = subprocess.run(
        [hermes_python(), "-c", _LOCKS], input=json.dumps(list(held.values())), capture_output=True, text=True,
        check=True, timeout=120, env=environment(tmp_path),
    )  # fmt: skip
    found = claimed_resources(home, catalog=CATALOG).identities
    ours = {f"{CATALOG.channels[one.channel].lock_scope}-{one.key[:16]}.lock" for one in found}
    assert set(json.loads(done.stdout)) <= ours and len(ours) == len(held)
