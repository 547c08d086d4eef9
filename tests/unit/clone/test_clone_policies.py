"""Options of a clone: keys that stay or are removed, assigned ports, and warnings."""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from clone_source import FRESH_KEY, PORT, Cloned, Files, canary, clone, leaks, make_layout, write_files
from command_runner import REPOSITORY

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import DocumentError, Failed
from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port, is_free

TG, WX = canary("tg"), canary("wx")
ENV = (
    f"TELEGRAM_BOT_TOKEN={TG}\nTELEGRAM_REQUIRE_MENTION=true\nSLACK_TEAM_ID=T0SHARED99\nWEIXIN_TOKEN={WX}\n"
    "OPENROUTER_API_KEY=sk-or-1\nHASS_URL=http://ha.example:8123\n"
)
CONFIG = (
    f"platforms:\n  telegram:\n    enabled: true\n    token: {TG}\n    reply_to_mode: first\n"
    "mcp_servers:\n  slack:\n    env: {T: '${SLACK_TEAM_ID}'}\n"
)


def made(tmp_path: Path, files: Files, policy: ClonePolicy | None = None, **more: object) -> Cloned:
    return clone(make_layout(tmp_path, files), policy=policy, **more)  # type: ignore[arg-type]


def test_the_default_keeps_options_and_what_the_config_refers_to(tmp_path: Path):
    cloned = made(tmp_path, {".env": ENV, "config.yaml": CONFIG})
    assert cloned.data["env"]["kept"] == [
        "TELEGRAM_REQUIRE_MENTION", "SLACK_TEAM_ID", "OPENROUTER_API_KEY", "HASS_URL",
    ]  # fmt: skip
    assert "reply_to_mode: first" in cloned.text("config.yaml")


def test_strict_prefix_takes_options_too(tmp_path: Path):
    cloned = made(tmp_path, {".env": ENV, "config.yaml": CONFIG}, ClonePolicy(Channels.STRICT_PREFIX))
    assert cloned.data["env"]["kept"] == ["OPENROUTER_API_KEY"]
    assert "reply_to_mode" not in cloned.text("config.yaml")
    (dangling,) = [one for one in cloned.warnings if one.code == "dangling-reference"]
    assert "SLACK_TEAM_ID" in dangling.message and "--keep SLACK_TEAM_ID" in (dangling.hint or "")


def test_clone_channels_copies_all_and_names_each_conflict(tmp_path: Path):
    files = {
        ".env": ENV + "WEBHOOK_ENABLED=true\nWEBHOOK_PORT=18644\nAPI_SERVER_KEY=CANARY-0123456789abcd\nEMPTY=\n",
        "config.yaml": CONFIG,
        "gateway.json": json.dumps({"platforms": {"discord": {"token": canary("dc")}}}),
        "weixin/accounts/a.json": "{}",
    }
    cloned = made(tmp_path, files, ClonePolicy(Channels.CLONE), scope=Scope.ALL)
    for name, content in files.items():
        assert cloned.text(name) == content
    conflicts = [one.message for one in cloned.warnings if one.code == "conflict"]
    for name in (
        "telegram: TELEGRAM_BOT_TOKEN", "weixin: WEIXIN_TOKEN", "webhook: WEBHOOK_PORT", "api_server: API_SERVER_KEY",
        "telegram: platforms.telegram.token", "discord: platforms.discord.token",
    ):  # fmt: skip
        assert any(message.startswith(name) for message in conflicts), (name, conflicts)
    assert not any("OPENROUTER" in message or "REQUIRE_MENTION" in message for message in conflicts)
    assert cloned.data["env"]["removed"] == [] and cloned.data["config"]["removed"] == []


def test_single_use_logins_stay_behind_even_with_the_channels(tmp_path: Path):
    auth = {"providers": {"nous": {"refresh_token": canary("nous")}, "openrouter": {"api_key": "sk"}}}
    cloned = made(tmp_path, {"auth.json": json.dumps(auth)}, ClonePolicy(Channels.CLONE))
    assert json.loads(cloned.text("auth.json")) == {"providers": {"openrouter": {"api_key": "sk"}}}
    assert cloned.data["login_again"] == ["nous"]


def test_keep_and_drop_overrule_one_key(tmp_path: Path):
    policy = ClonePolicy(keep=frozenset({"WEIXIN_TOKEN"}), drop=frozenset({"OPENROUTER_API_KEY"}))
    files = {".env": ENV, "config.yaml": CONFIG, "skills/a/SKILL.md": f"{WX} and sk-or-1 and {TG}\n"}
    cloned = made(tmp_path, files, policy)
    assert f"WEIXIN_TOKEN={WX}\n" in cloned.text(".env") and "sk-or-1" not in cloned.text(".env")
    assert cloned.text("skills/a/SKILL.md") == f"{WX} and sk-or-1 and <removed: TELEGRAM_BOT_TOKEN>\n", "7 characters"
    assert [one.message.split(" is held")[0] for one in cloned.warnings if one.code == "conflict"] == [
        "weixin: WEIXIN_TOKEN"
    ]
    assert {row["name"]: row["reason"] for row in cloned.data["env"]["removed"]}[
        "OPENROUTER_API_KEY"
    ] == "you asked to drop it"


def test_keep_names_a_path_of_the_config(tmp_path: Path):
    cloned = made(tmp_path, {"config.yaml": CONFIG}, ClonePolicy(keep=frozenset({"platforms.telegram.token"})))
    assert f"token: {TG}" in cloned.text("config.yaml") and "enabled: false" in cloned.text("config.yaml")
    whole = clone(cloned.layout, name="whole", policy=ClonePolicy(keep=frozenset({"platforms.telegram"})))
    assert whole.text("config.yaml") == CONFIG


def test_single_word_is_not_a_path(tmp_path: Path):
    cloned = made(tmp_path, {"config.yaml": CONFIG}, ClonePolicy(keep=frozenset({"token"})))
    assert leaks(cloned.home, [TG]) == []


def test_drop_names_a_path_of_the_config(tmp_path: Path):
    files = {"config.yaml": "a:\n  b: secret-value-1\n  c: 1\n", "SOUL.md": "secret-value-1\n"}
    cloned = made(tmp_path, files, ClonePolicy(drop=frozenset({"a.b"})))
    assert cloned.text("config.yaml") == "a:\n  c: 1\n" and "<removed: a.b>" in cloned.text("SOUL.md")


@pytest.mark.parametrize(
    ("env", "config", "gone", "stays"),
    [
        ("HASS_TOKEN=CANARY-hass-1\nHASS_URL=http://h.example:8123\n", "", {"HASS_TOKEN", "HASS_URL"}, set()),
        ("HASS_URL=http://h.example:8123\n", "", set(), {"HASS_URL"}),
        ("HASS_URL=http://h.example:8123\n", "platforms: {homeassistant: {enabled: true}}\n", {"HASS_URL"}, set()),
        ("TWILIO_ACCOUNT_SID=AC-CANARY-1\nTWILIO_AUTH_TOKEN=CANARY-tw-1\n", "", {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"}, set()),
        ("TWILIO_AUTH_TOKEN=CANARY-tw-1\nTWILIO_PHONE_NUMBER=+15550001111\n", "", set(), {"TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"}),
        ("EMAIL_ADDRESS=a@canary.example\nEMAIL_PASSWORD=CANARY-pw-1\n", "", set(), {"EMAIL_ADDRESS", "EMAIL_PASSWORD"}),
        (
            "EMAIL_ADDRESS=a@canary.example\nEMAIL_PASSWORD=CANARY-pw-1\nEMAIL_IMAP_HOST=imap.x.example\nEMAIL_SMTP_HOST=smtp.x.example\n",
            "", {"EMAIL_ADDRESS", "EMAIL_PASSWORD", "EMAIL_IMAP_HOST", "EMAIL_SMTP_HOST"}, set(),
        ),
        ("EMAIL_PASSWORD=CANARY-pw-1\n", "platforms:\n  email: {enabled: true, extra: {address: a@canary.example}}\n", {"EMAIL_PASSWORD"}, set()),
        ("GOOGLE_CLOUD_PROJECT=shared-project\nGOOGLE_APPLICATION_CREDENTIALS=/srv/gcp.json\n", "", set(), {"GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"}),
        (
            "GOOGLE_CLOUD_PROJECT=shared-project\nGOOGLE_CHAT_SUBSCRIPTION_NAME=CANARY-sub-1\n", "",
            {"GOOGLE_CHAT_SUBSCRIPTION_NAME"}, {"GOOGLE_CLOUD_PROJECT"},
        ),
    ],
)  # fmt: skip
def test_a_tool_key_goes_when_a_channel_runs_on_it(
    tmp_path: Path, env: str, config: str, gone: set[str], stays: set[str]
):
    cloned = made(tmp_path, {".env": env, "config.yaml": config})
    assert (cloned.names_removed(), set(cloned.data["env"]["kept"])) == (gone, stays)


API = "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef # mine\nAPI_SERVER_PORT=18642\nAPI_SERVER_HOST=127.0.0.1\n"


def test_the_api_server_gets_a_port_and_a_key_of_its_own(tmp_path: Path):
    cloned = made(tmp_path, {".env": API, "skills/a/x": "CANARY-0123456789abcdef"})
    assert cloned.text(".env") == (
        f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={FRESH_KEY}\nAPI_SERVER_PORT={PORT}\nAPI_SERVER_HOST=127.0.0.1\n"
    )
    assert cloned.data["env"]["assigned"] == [
        {"name": "API_SERVER_PORT", "value": str(PORT)}, {"name": "API_SERVER_KEY", "value": None},
    ]  # fmt: skip
    assert leaks(cloned.home, ["CANARY-0123456789abcdef"]) == []


def test_an_api_server_of_the_config_gets_its_own_in_env(tmp_path: Path):
    config = "platforms:\n  api_server:\n    enabled: true\n    extra:\n      port: 18642\n      key: CANARY-0123456789abcdef\n      host: 0.0.0.0\n"
    cloned = made(tmp_path, {"config.yaml": config})
    assert "host: 0.0.0.0" in cloned.text("config.yaml") and "enabled: true" in cloned.text("config.yaml")
    assert "18642" not in cloned.text("config.yaml")
    assert f"API_SERVER_PORT={PORT}\nAPI_SERVER_KEY={FRESH_KEY}\n" in cloned.text(".env")


def test_no_api_server_leaves_it_off(tmp_path: Path):
    cloned = made(
        tmp_path,
        {".env": API, "config.yaml": "platforms: {api_server: {enabled: true}}\n"},
        ClonePolicy(api_server=False),
    )
    assert cloned.text(".env") == "" and "enabled: false" in cloned.text("config.yaml")
    assert cloned.data["env"]["assigned"] == []


def test_without_an_api_server_none_appears(tmp_path: Path):
    assert "API_SERVER" not in made(tmp_path, {".env": "API_SERVER_PORT=18642\n"}).text(".env")


def test_two_clones_in_a_row_get_different_ports(tmp_path: Path):
    layout = make_layout(tmp_path, {".env": API})
    catalog = load_catalog()
    ports = []
    for name in ("one", "two"):
        homes = [layout.root, *(layout.profiles.glob("[a-z]*"))]
        port = free_port(declared_ports(homes) | default_ports(catalog))
        clone(layout, name=name, port=port)
        ports.append(port)
    assert len({*ports, 18642, 8642}) == 4


def test_a_port_is_avoided_that_is_declared_or_listens(tmp_path: Path):
    write_files(
        tmp_path,
        {
            "a/.env": "API_SERVER_PORT=8643\nexport WEBHOOK_PORT = '8644'\n",
            "b/config.yaml": "platforms:\n  api_server:\n    extra: {port: 8645}\n  x: {webhook_port: '8646'}\n",
            "c/.env": b"\xff\xfe" + "LINE_PORT=8647\n".encode("utf-16-le"),
            "d/gateway.json": '{"extra": {"port": 8648}}',
        },
    )
    declared = declared_ports(tmp_path / name for name in "abcde")
    assert declared >= {8643, 8644, 8645, 8646, 8647, 8648}
    assert free_port(declared, is_free=lambda port: port != 8649) == 8650
    with pytest.raises(Failed, match="no free port"):
        free_port(frozenset(), is_free=lambda port: False)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_skip_unreadable_leaves_the_file_behind(tmp_path: Path):
    files = {".env": ENV, "config.yaml": "a: [1\n", "gateway.json": "{", "SOUL.md": "calm\n"}
    layout = make_layout(tmp_path, files)
    with pytest.raises(DocumentError):
        clone(layout)
    cloned = clone(layout, policy=ClonePolicy(skip_unreadable=True))
    assert sorted(path.name for path in cloned.home.iterdir() if path.is_file()) == [".env", "SOUL.md"]
    left = cloned.left_behind()
    assert set(left) == {"config.yaml", "gateway.json"} and "config.yaml:" in left["config.yaml"]


def test_scopes(tmp_path: Path):
    files = {
        ".env": ENV, "SOUL.md": "calm\n", "memories/MEMORY.md": "m\n", "memories/other.md": "o\n", "notes.txt": "n\n",
        "workspace/w.txt": "w\n", "logs/gateway.log": "l\n", "hooks/h.py": "h\n", "desktop.json": "{}", "profile.yaml": "description: x\n",
        "profiles/other/.env": "A=b\n", "skills/s/__pycache__/x.pyc": "x", "home/.gitconfig": "g\n",
    }  # fmt: skip
    layout = make_layout(tmp_path, files)
    agent = clone(layout, name="agent")
    found = {str(path.relative_to(agent.home)) for path in agent.home.rglob("*") if path.is_file()}
    assert found == {".env", "SOUL.md", "memories/MEMORY.md", "hooks/h.py"}
    everything = clone(layout, name="everything", scope=Scope.ALL)
    found = {str(path.relative_to(everything.home)) for path in everything.home.rglob("*") if path.is_file()}
    assert found >= {
        "memories/other.md",
        "notes.txt",
        "workspace/w.txt",
        "desktop.json",
        "profile.yaml",
        "home/.gitconfig",
    }
    assert not any(path.startswith(("profiles", "skills/s/__pycache__")) for path in found)


def test_no_skills_and_a_description(tmp_path: Path):
    cloned = made(tmp_path, {"skills/a/SKILL.md": "a"}, skills=False, description="answers: the team")
    assert not (cloned.home / "skills/a").exists() and (cloned.home / ".no-bundled-skills").exists()
    assert cloned.text("profile.yaml").startswith('description: "answers: the team"')


def test_bitwarden_and_paths_into_the_source_are_warnings(tmp_path: Path):
    layout = make_layout(tmp_path, {})
    (layout.root / "config.yaml").write_text(
        f"secrets:\n  bitwarden: {{enabled: true, project: p}}\nterminal:\n  cwd: {layout.root}/workspace\n"
    )
    warnings = {one.code: one for one in clone(layout).warnings}
    assert set(warnings) == {"bitwarden", "source-path"}
    assert "config.yaml:4: terminal.cwd" in warnings["source-path"].message


def test_next_steps_name_what_stayed_behind(tmp_path: Path):
    steps = made(tmp_path, {".env": ENV, "config.yaml": CONFIG}).data["next_steps"]
    assert any("hermes-profiles connect copy telegram" in step for step in steps) and any(
        "weixin" in step for step in steps
    )


def test_dry_run_reports_what_the_command_does(tmp_path: Path):
    layout = make_layout(tmp_path, {".env": ENV, "config.yaml": CONFIG, "SOUL.md": TG})
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TELEGRAM_BOT_TOKEN": "inherited-token", "TZ": "UTC"}

    def run(*words: str) -> dict[str, object]:
        command = [
            sys.executable,
            "-c",
            "from hermes_profiles.cli.profiles import main; main()",
            "clone",
            "default",
            "work",
            "--json",
            *words,
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env=env, cwd=REPOSITORY)
        return json.loads(answer.stdout)["data"]  # type: ignore[no-any-return]

    dry = run("--dry-run")
    assert dry["dry_run"] is True and not layout.home("work").exists()
    real = run()
    assert real["dry_run"] is False and layout.home("work").is_dir()
    for key in {*dry, *real} - {"dry_run", "plan", "change"}:
        assert dry[key] == real[key], key
    assert leaks(layout.home("work"), [TG, WX, "inherited-token"]) == []
