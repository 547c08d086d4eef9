"""The commands config, env, diff and sync: streams, exit codes, and no printed secrets."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import time
from pathlib import Path

import pytest
from command_root import OPENAI, SOURCE, TOKEN, CommandRoot
from command_runner import COMMAND, assert_no_canary

CONFIG = SOURCE["config.yaml"]


@pytest.fixture
def pair(world: CommandRoot) -> CommandRoot:
    """A default profile with bots, and `work` with separate settings."""
    world.make("work", {"config.yaml": "model:\n  default: gpt-4  # cheap\n", ".env": "# mine\nA=CANARY-a\n"})
    return world


def config(world: CommandRoot, name: str = "work") -> str:
    return (world.home(name) / "config.yaml").read_text()


def env_text(world: CommandRoot, name: str = "work") -> str:
    return (world.home(name) / ".env").read_text()


def test_setting_is_shown_as_text_and_as_json(pair: CommandRoot) -> None:
    assert pair.ok("config", "get", "work", "model.default").stdout == "gpt-4\n"
    assert pair.ok("config", "get", "work", "model").stdout == "default: gpt-4\n"
    assert pair.ok("config", "get", "work").stdout == "model:\n  default: gpt-4\n"
    data = pair.ok("config", "get", "default", "platforms.slack.extra.allow_from", "--json").data
    assert data["value"] == ["U1"] and data["line"] == 11 and data["secret"] is False and data["fingerprint"] is None
    done = pair.call("config", "get", "work", "model.nope", "--json")
    assert done.code == 5 and "model holds: default" in done.problem["hint"]
    assert pair.call("config", "get", "nobody", "a").code == 5
    assert pair.call("config", "get", "work", "a..b").code == 2


def test_set_unset_and_undo(pair: CommandRoot) -> None:
    before = config(pair)
    dry = pair.unchanged_by("config", "set", "work", "model.default", "gpt-5", "--dry-run", "--json").data
    wet = pair.ok("config", "set", "work", "model.default", "gpt-5", "--json").data
    assert config(pair) == "model:\n  default: gpt-5  # cheap\n"
    for data in (dry, wet):
        assert (data["before"], data["after"], data["outcome"], data["line"]) == ("gpt-4", "gpt-5", "set", 2)
    assert dry["plan"] == [{"kind": "replace", "target": str(pair.home("work") / "config.yaml")}] and wet["change"]
    again = pair.unchanged_by("config", "set", "work", "model.default", "gpt-5", "--json").data
    assert again["outcome"] == "same" and again["changed"] is False
    assert "restart work" in pair.ok("config", "set", "work", "toolsets", "[web, terminal]").stdout
    assert pair.ok("config", "get", "work", "toolsets", "--json").data["value"] == ["web", "terminal"]
    pair.ok("config", "unset", "work", "toolsets[0]")
    assert pair.ok("config", "get", "work", "toolsets", "--json").data["value"] == ["terminal"]
    gone = pair.unchanged_by("config", "unset", "work", "nothing.here", "--json")
    assert gone.code == 0 and [each["code"] for each in gone.json["warnings"]] == ["not-set"]
    for _ in range(3):
        pair.ok("undo")
    assert config(pair) == before


@pytest.mark.parametrize(("given", "value"), [
    (("8",), 8), (("8", "--string"), "8"), (("true",), True), (("hello: world",), "hello: world"),
    (("{a: [1]}",), {"a": [1]}),
])  # fmt: skip
def test_set_parses_values_by_type(pair: CommandRoot, given: tuple[str, ...], value: object) -> None:
    pair.ok("config", "set", "work", "agent.thing", *given)
    assert pair.ok("config", "get", "work", "agent.thing", "--json").data["value"] == value


@pytest.mark.parametrize("given", [
    ("config", "set", "work", "providers.x.api_key", "hunter22"),
    ("config", "set", "work", "platforms.telegram.token", "123:abc"),
    ("config", "set", "work", "providers", "{x: {api_key: hunter22}}"),
    ("config", "set", "work", "any.thing", "sk-hunter22hunter22"),
    ("config", "set", "work", "TELEGRAM_BOT_TOKEN", "hunter22"),
    ("env", "set", "work", "OPENAI_API_KEY", "hunter22"),
    ("env", "set", "work", "OPENAI_API_KEY=hunter22"),
    ("env", "set", "work", "OPENAI_API_KEY", "hunter22", "hunter22"),
    ("env", "set", "work", "sk-hunter22"),
    ("env", "unset", "work", "A=hunter22"),
    ("config", "set", "work", "x", "hunter22", "hunter22"),
    ("config", "set", "work", "x", "[hunter22"),
    ("sync", "--from", "default", "--to", "work", "--env", "A=hunter22"),
])  # fmt: skip
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_secret_argument_is_refused_and_not_printed(
    pair: CommandRoot, given: tuple[str, ...], more: tuple[str, ...]
) -> None:
    done = pair.unchanged_by(*given, *more)
    assert done.code == 2 and "hunter22" not in done.stdout + done.stderr
    assert done.stderr if not more else done.problem["hint"]


@pytest.mark.parametrize("value", ["${OPENAI_API_KEY}", "op://vault/item/key", "null", ""])
def test_reference_argument_is_accepted(pair: CommandRoot, value: str) -> None:
    pair.ok("config", "set", "work", "providers.x.api_key", value)
    assert pair.ok("config", "get", "work", "providers.x.api_key").stdout == (f"{value}\n")


def test_secret_from_stdin_is_shown_as_fingerprint(pair: CommandRoot) -> None:
    path = pair.home("work") / "config.yaml"
    path.chmod(0o644)
    for dash in ((), ("-",)):
        done = pair.ok("config", "set", "work", "providers.x.api_key", *dash, "--json", typed=f"{OPENAI}\r\n")
        assert done.data["secret"] is True and done.data["before"] in (None, "***") and done.data["after"] == "***"
    assert f"api_key: {OPENAI}\n" in config(pair) and stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = pair.ok("config", "get", "work", "providers.x.api_key", "--json").data
    listed = pair.ok("env", "list", "default", "--json").data["variables"]
    (same,) = [row for row in listed if row["name"] == "OPENAI_API_KEY"]
    assert shown["value"] == "***" and shown["fingerprint"] == same["fingerprint"] and len(shown["fingerprint"]) == 8
    assert 'api_key: "***"' in pair.ok("config", "get", "work").stdout
    pair.ok("config", "set", "work", "providers.x.api_key", typed="12345678")
    assert pair.ok("config", "get", "work", "providers.x.api_key", "--reveal").stdout == "12345678\n"
    assert "12345678" not in pair.ok("config", "get", "work", "providers").stdout
    assert 'api_key: "12345678"' in config(pair), "a secret is text"


def test_empty_stdin_is_refused(pair: CommandRoot) -> None:
    for given in (("config", "set", "work", "x.token"), ("env", "set", "work", "A"), ("config", "set", "work", "x")):
        for typed in ("", "\n"):
            done = pair.call(*given, typed=typed)
            assert done.code == 2 and "no value came" in done.stderr
    assert pair.call("env", "set", "work", "A", typed="x" * 2**21).code == 2
    assert env_text(pair) == "# mine\nA=CANARY-a\n"


def test_typed_secret_is_not_echoed(pair: CommandRoot) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "env", "set", "work", "NEW_TOKEN"], stdin=follower, stdout=subprocess.PIPE, stderr=follower,
        env=pair.runner.environment, cwd=pair.user, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    output = b""
    deadline = time.monotonic() + 60
    while b": " not in output and time.monotonic() < deadline:
        output += os.read(leader, 1024)
    time.sleep(0.2)
    os.write(leader, b"CANARY-typed\n")
    assert process.communicate(timeout=60)[0].startswith(b"NEW_TOKEN of work: added")
    try:
        output += os.read(leader, 1024)
    except OSError:
        pass
    os.close(leader)
    assert_no_canary(output, "the terminal")
    assert b"value of NEW_TOKEN for work" in output and process.returncode == 0
    assert env_text(pair).endswith("A=CANARY-a\nNEW_TOKEN=CANARY-typed\n")


def test_env_variables_are_listed_set_and_unset(pair: CommandRoot) -> None:
    env = pair.home("work") / ".env"
    env.write_text("# mine\nA=CANARY-a\nexport EMPTY=\nTELEGRAM_BOT_TOKEN=CANARY-old\nA=CANARY-b\n")
    env.chmod(0o644)
    rows = pair.ok("env", "list", "work", "--json").data["variables"]
    assert [(row["line"], row["name"], row["set"], row["effective"]) for row in rows] == [
        (2, "A", True, False), (3, "EMPTY", False, True), (4, "TELEGRAM_BOT_TOKEN", True, True), (5, "A", True, True),
    ]  # fmt: skip
    assert rows[2]["class"] == "identity_credential" and rows[2]["channel"] == "telegram"
    assert rows[0]["fingerprint"] != rows[3]["fingerprint"] and rows[1]["fingerprint"] is None
    assert "overruled below" in pair.ok("env", "list", "work").stdout
    before = pair.picture()
    assert pair.ok("env", "set", "work", "A", "--dry-run", "--json", typed="CANARY-c").data["outcome"] == "set"
    assert pair.picture() == before
    done = pair.ok("env", "set", "work", "A", "--json", typed="CANARY-c\n")
    assert [each["code"] for each in done.json["warnings"]] == ["duplicate"] and done.data["line"] == 5
    assert env.read_text().endswith("A=CANARY-c\n") and stat.S_IMODE(env.stat().st_mode) == 0o600
    assert pair.ok("env", "set", "work", "A", "--json", typed="CANARY-c\n").data["outcome"] == "same"
    assert pair.ok("env", "set", "work", "HIDE", "--empty", "--json").data["fingerprint"] is None
    done = pair.ok("env", "unset", "work", "A", "NONE", "--json")
    assert done.data["removed"] == ["A"] and done.data["absent"] == ["NONE"]
    assert env.read_text() == "# mine\nexport EMPTY=\nTELEGRAM_BOT_TOKEN=CANARY-old\nHIDE=\n"
    for _ in range(3):
        pair.ok("undo")
    assert env.read_text().endswith("TELEGRAM_BOT_TOKEN=CANARY-old\nA=CANARY-b\n")
    assert stat.S_IMODE(env.stat().st_mode) == 0o644, "the mode is also restored"


@pytest.mark.parametrize("way", ["env", "config"])
def test_setting_shared_bot_is_reported(pair: CommandRoot, way: str) -> None:
    if way == "env":
        done = pair.ok("env", "set", "work", "TELEGRAM_BOT_TOKEN", "--json", typed=TOKEN)
    else:
        pair.ok("config", "set", "work", "platforms.telegram.enabled", "true")
        done = pair.ok("config", "set", "work", "platforms.telegram.token", "--json", typed=TOKEN)
    (warning,) = done.json["warnings"]
    assert warning["code"] == "shared-identity" and warning["target"] == "default"
    assert "default holds the same telegram token" in warning["message"]
    assert warning["hint"] == (
        "leave it to default: `hermes-profiles repair --channel telegram --owner telegram=default --dry-run`; "
        "or give work one of its own: `hermes-profiles connect work telegram`"
    )
    pair.ok("repair", "--channel", "telegram", "--owner", "telegram=default", "--yes")
    assert (
        TOKEN in (pair.home("default") / ".env").read_text() and TOKEN not in (pair.home("work") / ".env").read_text()
    )
    pair.ok("undo")
    other = pair.ok("env", "set", "work", "TELEGRAM_BOT_TOKEN", "--json", typed=TOKEN.replace("1", "2"))
    assert other.json["warnings"] == [] or way == "config"


def test_setting_shared_port_is_reported(pair: CommandRoot) -> None:
    pair.make("night", {".env": "API_SERVER_PORT=8650\n"})
    done = pair.ok("env", "set", "work", "API_SERVER_PORT", "--json", typed="8650")
    assert [(each["code"], each["target"]) for each in done.json["warnings"]] == [("shared-port", "night")]
    assert pair.ok("env", "set", "work", "API_SERVER_PORT", "--json", typed="8651").json["warnings"] == []


def test_link_to_file_of_another_profile_is_refused(pair: CommandRoot) -> None:
    home = pair.make("linked", {"SOUL.md": "x"})
    for name in ("config.yaml", ".env"):
        (home / name).symlink_to(pair.home("work") / name)
    for given in (("config", "set", "linked", "a", "1"), ("config", "unset", "linked", "model.default"),
                  ("env", "set", "linked", "A", "--empty"), ("env", "unset", "linked", "A")):  # fmt: skip
        done = pair.unchanged_by(*given, "--json")
        assert done.code == 6 and done.problem["code"] == "shared-file" and "work reads too" in done.problem["message"]
    warnings = pair.ok("config", "set", "work", "a", "1", "--json").json["warnings"]
    assert [(each["code"], each["target"]) for each in warnings] == [("shared-file", "linked")]


def test_value_after_equals_sign_is_named_in_error(pair: CommandRoot) -> None:
    done = pair.call("env", "set", "work", "A=hunter22", "--json")
    assert done.problem["code"] == "secret-in-arguments" and "history" in done.problem["message"]


def test_broken_file_is_named_and_kept(pair: CommandRoot) -> None:
    (pair.home("work") / "config.yaml").write_text("a: 1\nb: [1\n")
    (pair.home("work") / ".env").write_text('PEM="one\nA=CANARY-x\ntwo"\n')
    for given in (
        ("config", "set", "work", "a", "2"),
        ("config", "get", "work", "a"),
        ("env", "unset", "work", "A"),
        ("diff", "default", "work"),
        ("sync", "--from", "default", "--to", "work", "--keys", "model"),
    ):
        done = pair.unchanged_by(*given)
        assert done.code == 1 and ("config.yaml:" in done.stderr or ".env:" in done.stderr)


def test_diff_shows_both_sides_and_check_exits_by_result(pair: CommandRoot) -> None:
    done = pair.ok("diff", "default", "work")
    assert "model.default" in done.stdout and "identity of telegram" in done.stdout and "gpt-5" in done.stdout
    data = pair.ok("diff", "default", "work", "--json").data
    (model,) = [row for row in data["differ"] if row["key"] == "model.default"]
    assert (model["place"], model["a"], model["b"], model["secret"]) == ("config", "gpt-5", "gpt-4", False)
    assert {row["key"] for row in data["only_b"]} == {"A"}
    assert all(row["a"] is row["b"] is None for name in ("only_a", "differ") for row in data[name] if row["secret"])
    assert pair.call("diff", "default", "work", "--check").code == 3
    pair.make("twin", {"config.yaml": "model: {default: gpt-4}\n", ".env": "A=CANARY-a\nTELEGRAM_BOT_TOKEN=CANARY-x\n"})
    twins = pair.call("diff", "work", "twin", "--check", "--json")
    assert twins.code == 0 and [row["identity"] for row in twins.data["only_b"]] == [True]
    assert pair.call("diff", "work", "work").code == 2 and pair.call("diff", "work", "nobody").code == 5
    pair.make("twin", {".env": "A=CANARY-a\n"})
    assert pair.ok("diff", "work", "twin").stdout == "work and twin are alike\n"


def test_sync_updates_many_profiles_and_one_undo_restores_all(pair: CommandRoot) -> None:
    pair.make("night", {"config.yaml": "# night\nmodel: {default: x}\n"})
    before = pair.picture(pair.root / "profiles" / "night"), config(pair)
    words = (
        "sync",
        "--from",
        "default",
        "--to",
        "all",
        "--keys",
        "model.default,model.provider",
        "--env",
        "OPENAI_API_KEY",
    )
    dry = pair.unchanged_by(*words, "--dry-run", "--json").data
    assert [(row["profile"], row["outcome"]) for row in dry["targets"]] == [
        ("night", "would-change"),
        ("work", "would-change"),
    ]
    text = pair.ok(*words).stdout
    assert "model.default   x → gpt-5" in text and "a secret, added" in text and "restart night work" in text
    again = pair.ok(*words, "--json").data
    assert {row["outcome"] for row in again["targets"]} == {"same"} and again["changed"] is False
    assert config(pair, "night") == "# night\nmodel: {default: gpt-5, provider: openai}\n"
    assert len(pair.journal()) == 1
    pair.ok("undo")
    assert (pair.picture(pair.root / "profiles" / "night"), config(pair)) == before


@pytest.mark.parametrize(("given", "code"), [
    (("--to", "work", "--keys", "platforms.slack.extra.allow_from"), 6),
    (("--to", "work", "--env", "TELEGRAM_BOT_TOKEN"), 6),
    (("--to", "work", "--keys", "no.such"), 5),
    (("--to", "nobody", "--keys", "model"), 5),
    (("--to", "default", "--keys", "model"), 2),
    (("--to", "work,default", "--keys", "model"), 2),
    (("--to", "work"), 2),
    (("--to", ",", "--keys", "model"), 2),
    (("--to", "work", "--keys", "a..b"), 2),
])  # fmt: skip
def test_sync_refusals(pair: CommandRoot, given: tuple[str, ...], code: int) -> None:
    done = pair.unchanged_by("sync", "--from", "default", *given, "--json")
    assert done.code == code and done.problem["hint"]


def test_read_only_root_is_listed(pair: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(layout: object, files: object) -> None:
        raise PermissionError(13, "Permission denied", str(pair.state))

    monkeypatch.setattr("hermes_profiles.changes.fingerprint_key._make", refuse)
    rows = pair.ok("env", "list", "default", "--json").data["variables"]
    assert all(row["fingerprint"] for row in rows) and not (pair.state / "fingerprint.key").exists()


def test_profiles_of_another_home_are_kept(pair: CommandRoot, tmp_path: Path) -> None:
    (tmp_path / "other" / "profiles" / "work").mkdir(parents=True)
    before = config(pair)
    done = pair.ok("config", "set", "work", "a", "1", "--home", str(tmp_path / "other"))
    assert f"restart work --home {tmp_path / 'other'}`" in done.stdout and config(pair) == before
