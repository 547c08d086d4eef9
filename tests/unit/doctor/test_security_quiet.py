"""Security checks: unusual but safe configurations have no findings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from doctor_root import DoctorRoot
from security_cases import KEY, TOKEN, env_for_all, opened

Plant = Callable[[DoctorRoot], object]


def templates(world: DoctorRoot) -> None:
    world.write(
        "work",
        ".env.example",
        "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\nOPENAI_API_KEY=\n# SLACK_BOT_TOKEN=xoxb-1-abcdefgh\n",
    )
    world.write("work", ".env.template", "TELEGRAM_BOT_TOKEN=${BOT}\nAPI_SERVER_KEY=changeme\n")


def copy_without_secrets(world: DoctorRoot) -> None:
    world.write("work", "config.yaml.bak.20260101_120000", "model:\n  default: gpt-5\nmax_tokens: '123456789'\n")


def open_files_behind_a_closed_door(world: DoctorRoot) -> None:
    world.root.chmod(0o700)
    world.write("work", "weixin/accounts/bot.json", '{"token": "CANARY-weixin-token-0123"}')
    world.write("work", "backups/full.zip", b"PK")
    world.write("work", "config.yaml", f"platforms:\n  telegram:\n    enabled: false\n    token: {TOKEN}\n")


def open_files_without_secrets(world: DoctorRoot) -> None:
    opened(world)
    world.write(
        "work", "config.yaml", "model:\n  default: gpt-5\n  key_path: /etc/keys/one\n  max_tokens: 4096000000\n"
    )
    world.write("work", "honcho.json", '{"peerName": "somebody-with-a-long-name"}')
    world.write("work", "memories/MEMORY.md", "secrets? none\n")
    world.write("work", "weixin/accounts/bot.json", "{}")


def closed_folder_in_an_open_home(world: DoctorRoot) -> None:
    opened(world)
    world.write("work", "weixin/accounts/bot.json", '{"token": "CANARY-weixin-token-0123"}')
    (world.home("work") / "weixin").chmod(0o700)


def strong_key_for_the_network(world: DoctorRoot) -> None:
    world.add("work", ".env", f"API_SERVER_KEY={KEY}\nAPI_SERVER_HOST=0.0.0.0\n")


def key_in_config(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", f"platforms:\n  api_server:\n    enabled: true\n    extra:\n      key: {KEY}\n")


def webhook_as_documented(world: DoctorRoot) -> None:
    routes = "      routes:\n        deploy:\n          prompt: hi\n"
    extra = f"      secret: CANARY-hmac-secret\n{routes}"
    world.add("work", "config.yaml", f"platforms:\n  webhook:\n    enabled: true\n    extra:\n{extra}")


def webhook_tried_out_at_home(world: DoctorRoot) -> None:
    extra = (
        "      host: 127.0.0.1\n      secret: INSECURE_NO_AUTH\n      routes:\n        deploy:\n          prompt: hi\n"
    )
    world.add("work", "config.yaml", f"platforms:\n  webhook:\n    enabled: true\n    extra:\n{extra}")


def webhook_without_routes(world: DoctorRoot) -> None:
    world.add("work", ".env", "WEBHOOK_ENABLED=true\n")


def telegram_webhook_as_documented(world: DoctorRoot) -> None:
    hook = "TELEGRAM_WEBHOOK_URL=https://bot.example.org/t\nTELEGRAM_WEBHOOK_SECRET=CANARY-hook-secret\n"
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n{hook}")


def signed_sms(world: DoctorRoot) -> None:
    lines = "TWILIO_ACCOUNT_SID=ACCANARY0123456789\nTWILIO_AUTH_TOKEN=CANARY-twilio-token\nSMS_WEBHOOK_HOST=0.0.0.0\n"
    world.add("work", ".env", f"{lines}SMS_WEBHOOK_URL=https://sms.example.org\nSMS_INSECURE_NO_SIGNATURE=true\n")


def flag_that_a_list_overrules(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOWED_USERS=42\nGATEWAY_ALLOW_ALL_USERS=true\n")


def flag_without_a_channel(world: DoctorRoot) -> None:
    world.add("work", ".env", "GATEWAY_ALLOW_ALL_USERS=true\nTELEGRAM_ALLOW_ALL_USERS=true\n")


def flag_that_says_no(world: DoctorRoot) -> None:
    world.add(
        "work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOW_ALL_USERS=false\nGATEWAY_ALLOW_ALL_USERS=on\n"
    )


def channel_with_a_signature_of_its_own(world: DoctorRoot) -> None:
    world.add("work", ".env", f"GATEWAY_ALLOW_ALL_USERS=true\nAPI_SERVER_KEY={KEY}\n")


def unit_with_a_file(world: DoctorRoot) -> None:
    unit = world.user / ".config/systemd/user/my-hermes.service"
    unit.parent.mkdir(parents=True)
    home = world.home("work")
    unit.write_text(
        f"[Service]\nEnvironment=HERMES_HOME={home}\nEnvironmentFile={home}/.env\n# TELEGRAM_BOT_TOKEN={TOKEN}\n"
    )


def unit_of_another_root(world: DoctorRoot) -> None:
    unit = world.user / ".config/systemd/user/other.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(
        f"[Service]\nEnvironment=HERMES_HOME=/opt/data\nEnvironment=TELEGRAM_BOT_TOKEN={TOKEN}\nExecStart=hermes\n"
    )


def unit_of_something_else(world: DoctorRoot) -> None:
    unit = world.user / ".config/systemd/user/shop.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(f"[Service]\nEnvironment=TELEGRAM_BOT_TOKEN={TOKEN}\nExecStart=/usr/bin/shop\n")


def alias_as_hermes_writes_it(world: DoctorRoot) -> None:
    path = world.user / ".local/bin/work"
    path.parent.mkdir(parents=True)
    path.write_text('#!/bin/sh\nexec hermes -p work "$@"\n')


QUIET: tuple[Plant, ...] = (
    templates, copy_without_secrets, open_files_behind_a_closed_door, open_files_without_secrets,
    closed_folder_in_an_open_home, strong_key_for_the_network, key_in_config, webhook_as_documented,
    webhook_tried_out_at_home, webhook_without_routes, telegram_webhook_as_documented, signed_sms,
    flag_that_a_list_overrules, flag_without_a_channel,
    flag_that_says_no, channel_with_a_signature_of_its_own, unit_with_a_file, unit_of_another_root,
    unit_of_something_else, alias_as_hermes_writes_it,
)  # fmt: skip


@pytest.mark.parametrize("plant", QUIET, ids=lambda plant: plant.__name__)
def test_healthy_cases_have_no_findings(world: DoctorRoot, plant: Plant) -> None:
    plant(world)
    assert world.findings("--only", "security", "--only", "general") == []


@pytest.mark.parametrize(("key", "found"), [("CANARY-15-chars", 1), ("CANARY-16-chars!", 0)])
def test_weak_key_length_threshold(world: DoctorRoot, key: str, found: int) -> None:
    world.add("work", ".env", f"API_SERVER_KEY={key}\n")
    assert len(world.findings("--only", "security.weak-key")) == found


def test_readable_files_of_a_profile_are_one_finding(world: DoctorRoot) -> None:
    env_for_all(world)
    for name in ("response_store.db", "response_store.db-wal", "webhook_subscriptions.json", ".op.env"):
        world.write("work", name, "A=1\n")
    world.write("work", ".env.bak", (world.home("work") / ".env").read_bytes())
    (row,) = world.findings("--only", "security.readable-secret")
    assert len(row["evidence"]) == 6 and "and 3 more" in row["message"]
    assert world.doctor("--fix", "--yes", "--only", "security.readable-secret", "--json").code == 0
    assert {path.stat().st_mode & 0o777 for path in world.home("work").iterdir() if path.name.startswith(".env")} == {
        0o600
    }
    (left,) = world.findings("--only", "security")
    assert left["check"] == "security.stray-copy", "what to do with a copy is for its owner to say"


def test_fingerprint_survives_moved_lines(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOW_ALL_USERS=true\n")
    (before,) = world.findings("--only", "security.allow-all")
    path = world.home("work") / ".env"
    path.write_text("# a comment\n" + path.read_text())
    (after,) = world.findings("--only", "security.allow-all")
    assert after["fingerprint"] == before["fingerprint"] and after["evidence"] != before["evidence"]


def test_hostile_files_do_not_hang(world: DoctorRoot) -> None:
    """Pipes, link loops and huge files in place of scripts and copies do not hang the doctor or hide findings."""
    env_for_all(world)
    for folder in (world.user / ".local/bin", world.user / ".config/systemd/user"):
        folder.mkdir(parents=True)
        os.mkfifo(folder / "pipe.service")
        (folder / "loop.service").symlink_to(folder / "loop.service")
        (folder / "hermes").mkdir()
        with open(folder / "giant.service", "wb") as file:
            file.truncate(2**30)
    home = world.home("work")
    os.mkfifo(home / ".env.bak")
    (home / ".env.loop").symlink_to(home / ".env.loop")
    with open(home / ".env.giant", "wb") as file:
        file.truncate(2**30)
    (home / "weixin").symlink_to(home / "weixin")
    (home / "backups").write_text("no folder")
    found = world.findings("--only", "security")
    assert [row["check"] for row in found] == ["security.readable-secret"]


def test_secret_used_as_name_is_not_shown(world: DoctorRoot) -> None:
    world.write("work", ".env", "CANARY-secret-as-a-name=1\nexport\tCANARY-lower=x\n'CANARY weird'=2\n", mode=0o600)
    path = Path(world.user / ".local/bin/work")
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n# {TOKEN}\nexport TELEGRAM_BOT_TOKEN='{TOKEN}'\nhermes -p work\n")
    rows = world.findings("--only", "security", "--only", "files")
    assert "security.secret-in-unit" in {row["check"] for row in rows}
