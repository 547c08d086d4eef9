"""The doctor's findings on files and access, compared with real Hermes 0.19.0."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY, Runner
from doctor_root import DoctorRoot
from file_cases import FILE_CASES
from hermes_judge import environment, hermes, judge
from real_hermes import hermes_python
from security_cases import TOKEN

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.documents.dotenv.normalize import differences, joined, settle, split_joined
from hermes_profiles.model.errors import DocumentError

pytestmark = pytest.mark.judge

KNOWN = load_catalog().known_names
READERS = REPOSITORY / "tests" / "support" / "hermes_readers.py"
ENVS = (
    b"A_B=x # c\n", b"export\tTELEGRAM_BOT_TOKEN=v\n", b"'TELEGRAM_BOT_TOKEN'=v\n", b"A=1\nB=${A}x\n",
    b"A='${B}'\nB=1\n",
    b"\xef\xbb\xbfTELEGRAM_BOT_TOKEN=v\nB=2\n", b"\xef\xbb\xbf# c\nB=2\n", b"\xef\xbb\xbf\nTELEGRAM_BOT_TOKEN=v\n",
    "A=x\u2028y\n".encode(), b"A=x\x0by\n", b"A=x\x0cy\n", "A=caf\xe9\nTELEGRAM_BOT_TOKEN=x\n".encode("latin-1"),
    b'A="one\nB=two"\n', b'A="x\\"y"\n', b"A='x' # c\n", b"A = v\n", b"A=x # OLD_TOKEN=abc\n", b"A=x # c\r\nB=y\r\n",
    b"A=\n", b"A\n", b"A= # note\n", b"A=x\t# c\nA=y # d\n", "A=x\ny=1".encode("utf-16"), b"A=a b c\n", b'A="a # b"\n',
    b"A=x#y\n", b"A=$HOME/x\n", b"TELEGRAM_BOT_TOKEN='7:a' \n", b"A=it's\n", b"A=\\n\n", b'A="x\\ny"\n', b"A=x\\ y\n",
    b"export A=x\n", b"  A=x\n", b"A=x ; B=y\n", b"A=${B:-z}\n", b"A=$B\n", b'A=""\n', b"A=' x '\n", b"A=1\0\nB=2\n",
    "A=\xfc # c\n".encode(), b"A=#x\n", b"A='#x'\n", b"A =x\n", b"A=x=y\n", b"OPENAI_API_KEY=sk-a#b\n",
)  # fmt: skip
JOINED = (
    b"TELEGRAM_BOT_TOKEN=xSLACK_BOT_TOKEN=y\n", b"A=1\r\nOPENAI_API_KEY=xTELEGRAM_BOT_TOKEN=y\r\nB=2",
    b"TELEGRAM_BOT_TOKEN=xSLACK_BOT_TOKEN=ySLACK_APP_TOKEN=z\n",
)  # fmt: skip


def ask(script: str, home: Path, *arguments: str) -> Any:
    """Return the output of a script run with real Hermes for one home."""
    done = subprocess.run(
        [hermes_python(), "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=120,
        env=environment(home.parent, HERMES_HOME=str(home)), cwd=home, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def read(contents: Sequence[bytes], court: Path) -> list[list[dict[str, str]]]:
    """Return [start, menus, scope] of each environment file, as Hermes' three readers see it."""
    task = {"env": [base64.b64encode(one).decode() for one in contents], "yaml": []}
    done = subprocess.run(
        [hermes_python(), str(READERS)], input=json.dumps(task), capture_output=True, text=True, check=False,
        timeout=300, env=environment(court), cwd=court,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[list[dict[str, str]]] = json.loads(done.stdout)["env"]
    return answers


def differing(views: list[dict[str, str]]) -> set[str]:
    names = {name for view in views for name in view if name.isidentifier() and name.isascii()}
    return {name for name in names if len({view.get(name) for view in views}) > 1}


def test_reader_differences_match_hermes(tmp_path: Path) -> None:
    for content, views in zip(ENVS, read(ENVS, tmp_path), strict=True):
        assert {each.name for each in differences(content, KNOWN)} == differing(views), (content, views)


def test_normalized_file_is_read_equally(tmp_path: Path) -> None:
    before, after = [], []
    for content in ENVS:
        if differences(content, KNOWN):
            try:
                after.append(settle(content, ".env", known=KNOWN))
            except DocumentError:
                continue
            before.append(content)
    assert len(after) >= 10
    for content, old, new in zip(before, read(before, tmp_path), read(after, tmp_path), strict=True):
        assert not differing(new), (content, new)
        if not content.startswith(b"\xef\xbb\xbf"):  # there the gateway reads variables it ignored before
            assert {name: value for name, value in old[0].items() if name != "HERMES_HOME"} == new[1], content


def test_joined_keys_match_the_scope_reader(tmp_path: Path) -> None:
    repaired = [split_joined(content, ".env", known=KNOWN) for content in JOINED]
    for content, old, new in zip(JOINED, read(JOINED, tmp_path), read(repaired, tmp_path), strict=True):
        ((_, names),) = joined(content, KNOWN)
        assert {name for name in names if old[2].get(name) != old[0][name]} == set(names), content
        assert not differing(new) and {name: new[2][name] for name in names} == {name: old[0][name] for name in names}


CHANNELS = {
    "telegram": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "discord": "DISCORD_BOT_TOKEN=CANARY.discord.token\n",
    "api_server": "API_SERVER_KEY=CANARY-api-key-0123456789\n",
    "weixin": "WEIXIN_TOKEN=CANARY-wx\nWEIXIN_ACCOUNT_ID=w1\n",
    "signal": "SIGNAL_HTTP_URL=http://127.0.0.1:9\nSIGNAL_ACCOUNT=+4915100000001\n",
    "homeassistant": "HASS_TOKEN=CANARY-hass-token\nHASS_URL=http://127.0.0.1:9\n",
    "qqbot": "QQ_APP_ID=1000001\nQQ_CLIENT_SECRET=CANARY-qq-secret\n",
}  # fmt: skip


@pytest.mark.parametrize("place", ["platforms:\n  {}:\n    enabled: false\n", "{}:\n  enabled: false\n"])
def test_contradiction_winner_matches_hermes(runner: Runner, tmp_path: Path, place: str) -> None:
    world = DoctorRoot(runner)
    for channel, env in CHANNELS.items():
        world.profile(channel.replace("_", "-"), env, place.format(channel))
    rows = world.findings("--only", "files.contradiction")
    verdicts = judge([world.home(channel.replace("_", "-")) for channel in CHANNELS], tmp_path / "court")
    reported = {row["channel"]: " is enabled although " in row["message"] for row in rows}
    assert reported == {name: name in found.enabled for name, found in zip(CHANNELS, verdicts, strict=True)}
    assert set(reported.values()) == {True, False}


def test_gateway_json_flag_disables_no_channel(runner: Runner, tmp_path: Path) -> None:
    world = DoctorRoot(runner)
    for name in ("work", "family"):
        world.add(name, ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
        world.write(name, "gateway.json", '{"platforms": {"telegram": {"enabled": false}}}', mode=0o600)
    (world.home("family") / "config.yaml").unlink()
    verdicts = judge([world.home("work"), world.home("family")], tmp_path / "court")
    assert all("telegram" in each.enabled for each in verdicts)
    listed = runner.call("list", "--json", env=world.environment).data["profiles"]
    assert [row["channels"] for row in listed if row["name"] in ("work", "family")] == [["telegram"], ["telegram"]]


def test_moved_port_is_read_by_hermes(runner: Runner, tmp_path: Path) -> None:
    world = DoctorRoot(runner)
    next(case for case in FILE_CASES if case.plant.__name__ == "port_nobody_reads").plant(world)
    (before,) = judge([world.home("work")], tmp_path / "before")
    assert before.api is not None and before.api["port"] is None
    assert world.doctor("--fix", "--yes", "--only", "files.ignored-port", "--json").code == 0
    (after,) = judge([world.home("work")], tmp_path / "after")
    assert after.api is not None and after.api["port"] == 9123


BACKFILL = (
    "import json; from hermes_cli.profiles import backfill_profile_envs; print(json.dumps(backfill_profile_envs()))"
)


@pytest.mark.parametrize("repaired", [False, True])
def test_update_copies_default_env(runner: Runner, *, repaired: bool) -> None:
    world = DoctorRoot(runner)
    world.add("default", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    (world.home("work") / ".env").unlink()
    if repaired:
        assert world.doctor("--fix", "--yes", "--only", "files.no-env", "--json").code == 0
    assert ask(BACKFILL, world.root) == ([] if repaired else ["work"])
    assert (TOKEN in (world.home("work") / ".env").read_text()) is not repaired


GUARD = """
import json, sys
from gateway.config import PlatformConfig
from gateway.platforms.api_server import APIServerAdapter
print(json.dumps([APIServerAdapter(PlatformConfig(enabled=True, extra={"key": key, "host": "0.0.0.0"}))
                  ._api_key_passes_startup_guard() for key in json.loads(sys.argv[1])]))
"""


def test_weak_key_stops_the_api_server(runner: Runner) -> None:
    world = DoctorRoot(runner)
    keys = ["", "CANARY-short", "your_api_key_here", "CANARY-15-chars", "CANARY-16-chars!", "x" * 16]
    reported = []
    for number, key in enumerate(keys):
        world.profile(f"p{number}", f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={key}\nAPI_SERVER_PORT={9200 + number}\n")
    rows = world.findings("--only", "security.weak-key")
    reported = [any(row["profiles"] == [f"p{number}"] for row in rows) for number in range(len(keys))]
    assert ask(GUARD, world.root, json.dumps(keys)) == [not one for one in reported]


AUTHORISED = """
import json, os, sys, types
from gateway.authz_mixin import GatewayAuthorizationMixin
from gateway.config import Platform
from gateway.session import SessionSource
class Judge(GatewayAuthorizationMixin):
    pairing_store = None
    pairing_stores = {}
    config = types.SimpleNamespace(platforms={}, multiplex_profiles=False)
    adapters = {}
    def __getattr__(self, name):
        return None
    def _adapter_enforces_own_access_policy(self, *args, **more):
        return False
answers = []
for variables in json.loads(sys.argv[1]):
    os.environ.update({name: value.strip("'") for name, value in variables.items()})
    kinds = ("dm", "group")
    sources = [SessionSource(platform=Platform.TELEGRAM, chat_id="1", user_id="999", chat_type=kind) for kind in kinds]
    answers.append(any(Judge()._is_user_authorized(source) for source in sources))
    for name in variables:
        del os.environ[name]
print(json.dumps(answers))
"""


def test_open_access_matches_hermes(runner: Runner) -> None:
    world = DoctorRoot(runner)
    rows = [
        {"GATEWAY_ALLOW_ALL_USERS": "true"}, {"TELEGRAM_ALLOW_ALL_USERS": "YES"}, {"TELEGRAM_ALLOWED_USERS": "42,*"},
        {"GATEWAY_ALLOWED_USERS": "*"}, {"GATEWAY_ALLOW_ALL_USERS": "on"}, {"TELEGRAM_ALLOWED_USERS": "42"},
        {"GATEWAY_ALLOW_ALL_USERS": "true", "TELEGRAM_ALLOWED_USERS": "42"}, {"SLACK_ALLOW_ALL_USERS": "true"},
        {"GATEWAY_ALLOW_ALL_USERS": "true", "GATEWAY_ALLOWED_USERS": "42"}, {}, {"TELEGRAM_ALLOW_ALL_USERS": "'true '"},
        {"TELEGRAM_GROUP_ALLOWED_CHATS": "*"}, {"TELEGRAM_GROUP_ALLOWED_USERS": "1,*"},
    ]  # fmt: skip
    for number, variables in enumerate(rows):
        lines = "".join(f"{name}={value}\n" for name, value in variables.items())
        world.profile(f"p{number}", f"TELEGRAM_BOT_TOKEN=700000000{number}:CANARY-telegram\n{lines}")
    found = world.findings("--only", "security.allow-all")
    reported = [any(row["profiles"] == [f"p{number}"] for row in found) for number in range(len(rows))]
    assert ask(AUTHORISED, world.root, json.dumps(rows)) == reported


def test_hermes_ignores_invalid_folders_and_missing_sticky_profile(runner: Runner) -> None:
    world = DoctorRoot(runner)
    (world.root / "profiles" / "Hobby").mkdir()
    (world.root / "profiles" / "default").mkdir()
    listed = hermes(world.user, "profile", "list").stdout
    assert "work" in listed and "Hobby" not in listed and listed.count("default") == 1
    (world.root / "active_profile").write_text("ghost\n")
    failed = hermes(world.user, "profile", "list")
    assert failed.returncode == 1 and "ghost" in failed.stdout + failed.stderr
    assert world.doctor("--fix", "--yes", "--only", "files.sticky-gone", "--json").code == 0
    assert hermes(world.user, "profile", "list").returncode == 0


def test_homes_created_by_hermes_are_healthy(runner: Runner) -> None:
    """Profiles of `hermes profile create`, with and without `--clone`, have no findings."""
    user = runner.user_home
    (user / ".hermes").mkdir(mode=0o700)
    assert hermes(user, "profile", "create", "plain").returncode == 0
    (user / ".hermes" / ".env").write_text("# mine\nOPENAI_API_KEY=sk-CANARY-0123456789abcdef\n")
    (user / ".hermes" / ".env").chmod(0o600)
    assert hermes(user, "config", "set", "model.default", "gpt-5").returncode == 0
    assert hermes(user, "profile", "create", "copy", "--clone").returncode == 0
    assert hermes(user, "profile", "create", "all", "--clone-all").returncode == 0
    assert hermes(user, "-p", "copy", "config", "set", "TELEGRAM_BOT_TOKEN", TOKEN).returncode == 0
    path = f"{Path(hermes_python()).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = runner.call("doctor", "--json", env={"PATH": path})
    families = ("files", "security")
    assert [row for row in done.data["findings"] if row["check"].partition(".")[0] in families] == []
    assert done.data["summary"]["profiles"] == 4


DUPLICATE = "model:\n  default: a\nmodel:\n  default: b\n"


def test_broken_files_are_broken_for_hermes(runner: Runner) -> None:
    world = DoctorRoot(runner)
    texts = [
        "a: [\n", "a: b: c\n", "\ta: 1\n", DUPLICATE, "a: !env X\n", "a: *nobody\n", "%YAML 1.1\n---\na: 1\n",
        "a: 1\n...\n",
        "a: 1\n---\nb: 2\n", "- a\n- b\n", "just text\n", "", "# only\n", "a: 'x\n", "a: >\n  text\n", "a: {b: 1, c}\n",
        "? a\n: b\n", "a: &x 1\nb: *x\n", "<<: {a: 1}\nb: 2\n", "a: 2026-01-01\n", "a: @x\n", "a: `x`\n", "a: \xe9\n",
        "a:\n - b\n  - c\n", "a: 0o17\nb: 1_000\n", "a: \"\\x\"\n",
    ]  # fmt: skip
    names = [f"p{number}" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        world.profile(name)
        world.write(name, "config.yaml", text, mode=0o600)
    world.write("p0", "config.yaml", b"a: \xe9\n", mode=0o600)
    rows = world.findings("--only", "files.broken")
    reported = {row["profiles"][0] for row in rows}
    script = (
        "import json, sys, yaml\nbad = []\nfor path in sys.argv[1:]:\n    try:\n"
        "        assert isinstance(yaml.safe_load(open(path, encoding='utf-8')) or {}, dict)\n"
        "    except Exception:\n        bad.append(path)\n"
        "print(json.dumps(bad))"
    )
    bad = ask(script, world.root, *[str(world.home(name) / "config.yaml") for name in names])
    assert reported == {Path(path).parent.name for path in bad}
