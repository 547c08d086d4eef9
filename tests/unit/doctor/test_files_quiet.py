"""File checks: unusual but healthy homes, hostile files, and the results of repairs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from doctor_root import DoctorRoot
from file_cases import SLACK, TOKEN, hermes_of_schema

Plant = Callable[[DoctorRoot], object]


def env_of_a_careful_person(world: DoctorRoot) -> None:
    lines = f"# TELEGRAM_BOT_TOKEN=old\r\n\r\nexport TELEGRAM_BOT_TOKEN='{TOKEN}'\r\nNAME = \"two words\"\r\n"
    lines += "URL=http://x/?a=1&b=2\r\nEMPTY=\r\nHASH=a#b\r\nOPENAI_API_KEY=sk-CANARY-0123456789abcdef\r\n"
    world.write("work", ".env", lines.encode(), mode=0o600)


def second_environment_file(world: DoctorRoot) -> None:
    world.write("work", ".op.env", "OP_SERVICE_ACCOUNT_TOKEN=CANARY-op-token-0123 # of the family vault\n", mode=0o600)


def off_without_credentials(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n  api_server: {enabled: false}\n")


def on_with_credentials(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    world.add(
        "work", "config.yaml", "gateway:\n  platforms:\n    telegram: {enabled: false}\ntelegram: {enabled: true}\n"
    )


def one_port_in_three_places(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\nAPI_SERVER_PORT=9123\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    port: 9123\n    extra: {port: 9123}\n")


def port_of_a_server_that_is_off(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    port: 9123\n")


def gateway_json_that_agrees(world: DoctorRoot) -> None:
    block = {"enabled": "yes", "extra": {"mode": "polling", "old": 1}}
    world.write("work", "gateway.json", json.dumps({"platforms": {"telegram": block}, "x": 1}), mode=0o600)
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: true\n    extra: {mode: polling}\n")


def keys_of_tools(world: DoctorRoot) -> None:
    keys = ("NOTION_TOKEN", "LINEAR_API_KEY", "MY_DATABASE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "SENTRY_AUTH_TOKEN")
    world.add("work", ".env", "".join(f"{name}=CANARY-{name.lower()}-0123456789\n" for name in keys))
    world.add("work", ".env", "CRM_APP_SECRET=CANARY-crm-0123456789\nPAGER_BOT_TOKEN=changeme\n")
    server = "mcp_servers:\n  crm:\n    command: npx\n    env:\n      CRM_APP_SECRET: ${CRM_APP_SECRET}\n"
    world.add("work", "config.yaml", server)


def example_of_a_channel_that_is_off(world: DoctorRoot) -> None:
    world.add("work", ".env", "SLACK_APP_TOKEN=changeme\n")


def empty_documents(world: DoctorRoot) -> None:
    for name in (".op.env", "gateway.json", "auth.json", "profile.yaml", "cron/jobs.json"):
        world.write("work", name, "", mode=0o600)
    world.write("family", "config.yaml", "# nothing yet\n", mode=0o600)


def linked_files(world: DoctorRoot) -> None:
    shared = world.user / "shared"
    shared.mkdir()
    (world.home("work") / "config.yaml").rename(shared / "config.yaml")
    (world.home("work") / "config.yaml").symlink_to(shared / "config.yaml")
    (shared / "skills").mkdir()
    (world.home("work") / "skills").symlink_to(shared / "skills")


def linked_profile(world: DoctorRoot) -> None:
    elsewhere = world.user / "disk" / "bot"
    elsewhere.mkdir(parents=True)
    (elsewhere / ".env").write_text("OPENAI_API_KEY=sk-CANARY-bot-0123456789\n")
    (elsewhere / ".env").chmod(0o600)
    (world.root / "profiles" / "bot").symlink_to(elsewhere)


def hidden_things_beside_profiles(world: DoctorRoot) -> None:
    profiles = world.root / "profiles"
    (profiles / ".DS_Store").write_text("x")
    (profiles / ".git").mkdir()
    (profiles / ".bot.staging-4711").mkdir()  # just being made
    (profiles / ".trash").mkdir()


def config_begun_by_hermes(world: DoctorRoot) -> None:
    """`hermes config set` creates a file without a schema version."""
    hermes_of_schema(world, 33)
    (world.home("work") / "config.yaml").write_text("model:\n  default: gpt-5\n")


def default_without_env(world: DoctorRoot) -> None:
    (world.root / ".env").unlink()


def sticky_profile(world: DoctorRoot) -> None:
    (world.root / "active_profile").write_text("work\n")


def foreign_programs(world: DoctorRoot) -> None:
    folder = world.user / ".local/bin"
    folder.mkdir(parents=True)
    (folder / "big").write_bytes(b"hermes -p ghost" * 1000)
    (folder / "work").write_text('#!/bin/sh\nexec hermes -p work "$@"\n')
    (folder / "main").write_text('#!/bin/sh\nexec hermes -p default "$@"\n')


QUIET: tuple[Plant, ...] = (
    env_of_a_careful_person, second_environment_file, off_without_credentials, on_with_credentials,
    one_port_in_three_places,
    port_of_a_server_that_is_off, gateway_json_that_agrees, keys_of_tools, example_of_a_channel_that_is_off,
    empty_documents, linked_files, linked_profile, hidden_things_beside_profiles, sticky_profile, foreign_programs,
    config_begun_by_hermes, default_without_env,
)  # fmt: skip


@pytest.mark.parametrize("plant", QUIET, ids=lambda plant: plant.__name__)
def test_healthy_cases_have_no_findings(world: DoctorRoot, plant: Plant) -> None:
    plant(world)
    assert world.findings("--only", "files", "--only", "general") == []


def test_benchmark_homes_are_healthy(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    from homes import CONFIG, ENV  # type: ignore[import-not-found]

    for n in range(3):
        world.profile(f"bench{n}")
        world.write(f"bench{n}", ".env", ENV.format(n=n, port=9300 + n), mode=0o600)
        world.write(f"bench{n}", "config.yaml", CONFIG)
    assert world.findings("--only", "files", "--only", "security") == []


def test_aliases_of_another_root_are_ignored(world: DoctorRoot) -> None:
    other = world.user / "data"
    (other / "profiles" / "bot").mkdir(parents=True)
    (other / "profiles" / "bot" / ".env").write_text("# none\n")
    script = world.user / ".local/bin/work"
    script.parent.mkdir(parents=True)
    script.write_text('#!/bin/sh\nexec hermes -p work "$@"\n')
    world.environment["HERMES_HOME"] = str(other)
    assert world.findings("--only", "files.orphan-alias") == []


def test_hostile_documents_are_reported_without_hanging(world: DoctorRoot) -> None:
    """A pipe, a huge file, a link loop and a folder in place of documents are all reported."""
    for number in range(5):
        world.profile(f"p{number}")
    world.home("p0").joinpath("config.yaml").unlink()
    os.mkfifo(world.home("p0") / "config.yaml")
    for name, path in (("p1", ".env"), ("p2", "auth.json")):
        with open(world.home(name) / path, "wb") as file:
            file.truncate(2**30)
    (world.home("p1") / ".env").chmod(0o600)
    (world.home("p2") / "auth.json").chmod(0o600)
    (world.home("p3") / "gateway.json").symlink_to(world.home("p3") / "gateway.json")
    (world.home("p4") / ".env").unlink()
    (world.home("p4") / ".env").mkdir()
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}{SLACK}")
    rows = world.findings("--only", "files", "--only", "security")
    assert [(row["check"], row["profiles"]) for row in rows] == [
        ("files.unreadable", [f"p{number}"]) for number in range(5)
    ] + [("files.joined-keys", ["work"])]  # fmt: skip
    reasons = [": a pipe", ": too large", ": too large", "cannot be read", ": a folder"]
    assert all(reason in row["message"] for reason, row in zip(reasons, rows, strict=False))


TELEGRAM_BLOCK = json.dumps({"platforms": {"telegram": {"enabled": True, "token": TOKEN}}})


@pytest.mark.parametrize(
    ("file", "raw", "check", "severity", "reason"),
    [
        (".op.env", f"\ufeffTELEGRAM_BOT_TOKEN={TOKEN}\n".encode(), "readers-disagree", "error", "byte order mark"),
        (".op.env", f"X=1\nTELEGRAM_BOT_TOKEN={TOKEN}\0\n".encode(), "broken", "error", "line 2 of work: there is"),
        (".op.env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n".encode("utf-16"), "broken", "error", "line 1 of work: there is"),
        ("gateway.json", TELEGRAM_BLOCK.encode("utf-16"), "broken", "error", "it is not UTF-8"),
        ("gateway.json", TELEGRAM_BLOCK.encode("utf-32"), "broken", "error", "it is not UTF-8"),
        ("gateway.json", TELEGRAM_BLOCK.encode("utf-8-sig"), "broken", "warning", "byte order mark"),
        ("auth.json", '{"providers": {"x": "gr\u00fc\u00df"}}'.encode("latin-1"), "broken", "error", "it is not UTF-8"),
    ],
)  # fmt: skip
def test_encodings_that_hermes_does_not_read_are_found(
    world: DoctorRoot, file: str, raw: bytes, check: str, severity: str, reason: str
) -> None:
    world.write("work", file, raw, mode=0o600)
    (row,) = world.findings("--only", "files.broken", "--only", "files.readers-disagree")
    assert (row["check"], row["severity"]) == (f"files.{check}", severity) and reason in row["message"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_channel_of_a_gateway_json_that_hermes_ignores_is_not_listed(world: DoctorRoot, encoding: str) -> None:
    text = TELEGRAM_BLOCK[:-1] + ', "note": "gr\u00fc\u00df"}'
    world.write("work", "gateway.json", text.encode(encoding), mode=0o600)
    rows = {row["name"]: row for row in world.runner.call("list", "--json", env=world.environment).data["profiles"]}
    assert "telegram" not in rows["work"]["channels"]


def test_file_named_like_a_profile_is_not_a_profile(world: DoctorRoot) -> None:
    (world.root / "profiles" / "notes").write_text("x\n")
    (row,) = world.findings("--only", "files.bad-folder")
    assert row["severity"] == "info" and "'notes'" in row["message"]


def test_control_characters_in_names_are_escaped(world: DoctorRoot) -> None:
    (world.root / "profiles" / "Bad\x1b[2J\nname").mkdir()
    (row,) = world.findings("--only", "files.bad-folder")
    assert "\x1b" not in row["message"] and "\n" not in row["message"]


def test_disabled_profile_lowers_severity(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}{SLACK}")
    world.write("work", "profile.yaml", "disabled: true\n")
    (row,) = world.findings("--only", "files.joined-keys")
    assert row["severity"] == "warning" and "work (disabled)" in row["message"]


def test_fix_moves_comment_above_variable(world: DoctorRoot) -> None:
    path = world.write("work", ".env", f"# a\r\nA=1\r\nTELEGRAM_BOT_TOKEN={TOKEN} # why=x\r\n\r\n# z", mode=0o600)
    assert world.doctor("--fix", "--yes", "--only", "files.readers-disagree", "--json").code == 0
    assert path.read_bytes() == f"# a\r\nA=1\r\n# why=x\r\nTELEGRAM_BOT_TOKEN={TOKEN}\r\n\r\n# z".encode()


def test_fix_splits_joined_keys_and_moves_comment(world: DoctorRoot) -> None:
    path = world.write("work", ".env", f"A=1 # one\nTELEGRAM_BOT_TOKEN={TOKEN}{SLACK}", mode=0o600)
    assert world.doctor("--fix", "--yes", "--only", "files", "--json").data["findings"] == []
    assert path.read_text() == f"# one\nA=1\nTELEGRAM_BOT_TOKEN={TOKEN}\n{SLACK}"


def test_fix_moves_port_and_keeps_comments(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\n")
    path = world.add(
        "work", "config.yaml", "platforms:\n  # mine\n  api_server:\n    port: 9123\n    x: []\nlast: 1 # x\n"
    )
    assert world.doctor("--fix", "--yes", "--only", "files.ignored-port", "--json").code == 0
    text = path.read_text()
    assert "  # mine\n  api_server:\n" in text and "last: 1 # x\n" in text and "\n    port:" not in text
    assert (world.home("work") / ".env").read_text().endswith("0123456789\nAPI_SERVER_PORT=9123\n")


def test_fix_of_an_ignored_port_sets_the_variable_that_wins(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\nAPI_SERVER_PORT=8643 # mine\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    port: 9123\n    extra: {port: 8700}\n")
    assert world.doctor("--fix", "--yes", "--only", "files.ignored-port", "--json").code == 0
    assert "API_SERVER_PORT=9123" in (world.home("work") / ".env").read_text()
    text = (world.home("work") / "config.yaml").read_text()
    assert "port: 9123" not in text and "extra: {port: 8700}" in text


def test_used_port_is_not_moved(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    port: 9123\n")
    world.add("family", ".env", "API_SERVER_KEY=CANARY-other-key-0123456789\nAPI_SERVER_PORT=9123\n")
    (row,) = world.findings("--only", "files.ignored-port")
    assert row["fix"]["automatic"] is False
    assert row["fix"]["command"] == "hermes-profiles config unset work platforms.api_server.port"


@pytest.mark.parametrize("obstacle", ["profile", "sticky", "pid", "alias", "reserved"])
def test_referenced_folder_is_not_renamed(world: DoctorRoot, obstacle: str) -> None:
    folder = world.root / "profiles" / ("Test" if obstacle == "reserved" else "Hobby")
    folder.mkdir()
    if obstacle == "profile":
        world.profile("hobby")
    elif obstacle == "sticky":
        (world.root / "active_profile").write_text("Hobby")
    elif obstacle == "pid":
        (folder / "gateway.pid").write_text("{}")
    elif obstacle == "alias":
        script = world.user / ".local/bin/hobby"
        script.parent.mkdir(parents=True)
        script.write_text(f"#!/bin/sh\nHERMES_HOME={folder} hermes -p work\n")
    (row,) = world.findings("--only", "files.bad-folder")
    assert row["fix"]["automatic"] is False


def test_placeholder_in_disabled_channel_is_ignored(world: DoctorRoot) -> None:
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\n")
    assert [row["check"] for row in world.findings("--only", "files")] == ["files.placeholder"]
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n")
    assert world.findings("--only", "files.placeholder") == []


def test_unknown_credential_in_several_profiles_is_one_finding(world: DoctorRoot) -> None:
    for name in ("work", "family"):
        world.add(name, ".env", "ACMECHAT_BOT_TOKEN=CANARY-acme-0123456789\n")
    world.add("default", ".env", "SPARE=7000000001:CANARY0123456789012345678901234567\n")
    rows = world.findings("--only", "files.unknown-secret")
    assert [(row["profiles"], len(row["evidence"])) for row in rows] == [(["default"], 1), (["family", "work"], 2)]


@pytest.mark.parametrize("version", ["true", "[1]", "nonsense", "-3"])
def test_invalid_schema_version_is_zero(world: DoctorRoot, version: str) -> None:
    world.add("work", "config.yaml", f"_config_version: {version}\n")
    assert world.findings("--only", "general") == []


def test_link_in_place_of_sticky_file_is_not_removed(world: DoctorRoot, tmp_path: Path) -> None:
    (tmp_path / "sticky").write_text("ghost\n")
    (world.root / "active_profile").symlink_to(tmp_path / "sticky")
    (row,) = world.findings("--only", "files.sticky-gone")
    assert row["fix"]["automatic"] is False
