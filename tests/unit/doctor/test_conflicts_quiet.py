"""Conflict checks without live gateways: false positives, exact evidence, and damaged files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conflict_cases import (
    BOTH,
    DISCORD,
    TELEGRAM,
    copied_jobs,
    give,
    one_anthropic_login_in_a_file_and_a_pool,
    one_codex_login_in_two_stores,
    one_honcho_grant,
    one_login_at_a_tool_server,
    one_token_for_all_from_the_machine,
    one_weixin_account_in_three_profiles_and_its_token_in_two,
    tokens,
)
from doctor_root import DoctorRoot

REFRESH = "CANARY-refresh-0123456789"
CODEX = {"tokens": {"access_token": "CANARY-access", "refresh_token": REFRESH}}


def examples(world: DoctorRoot) -> None:
    for name in BOTH:
        world.add(name, ".env", (
            "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\nDISCORD_BOT_TOKEN=<your token>\nWECOM_BOT_ID=changeme\n"
            "WECOM_SECRET=changeme\nMATTERMOST_TOKEN=xxxxxxxxxxxx\nMATTERMOST_URL=https://chat.home.org\n"
        ))  # fmt: skip


def keys_of_models_and_tools(world: DoctorRoot) -> None:
    for name in BOTH:
        world.add(name, ".env", "OPENROUTER_API_KEY=CANARY-openrouter-key\nGITHUB_TOKEN=CANARY-github-token\n")
        world.add(name, ".env", "TAVILY_API_KEY=CANARY-tavily-key-01\n")


def two_numbers_of_one_account(world: DoctorRoot) -> None:
    for number, name in enumerate(BOTH):
        world.add(name, ".env", (
            f"TWILIO_ACCOUNT_SID=AC0123456789CANARY\nTWILIO_AUTH_TOKEN=CANARY-twilio-auth\nSMS_WEBHOOK_PORT=80{number}1\n"
            f"TWILIO_PHONE_NUMBER=+4915112345{number}\nSMS_ALLOWED_USERS=+49151\n"
            f"WHATSAPP_CLOUD_PHONE_NUMBER_ID=10000000{number}CANARY\nWHATSAPP_CLOUD_ACCESS_TOKEN=CANARY-cloud-token\n"
            f"WHATSAPP_CLOUD_WEBHOOK_PORT=90{number}1\n"
        ))  # fmt: skip


def one_password_for_two_servers(world: DoctorRoot) -> None:
    for number, name in enumerate(BOTH):
        server = f"IRC_SERVER=irc{number}.home.org\nIRC_NICKNAME=robot-{number}-at-home\n"
        world.add(name, ".env", server + "IRC_NICKSERV_PASSWORD=CANARY-nickserv\n")
    world.add("work", ".env", "IRC_CHANNEL=#home\n")


def settings_that_are_nobodys_bot(world: DoctorRoot) -> None:
    """A nick on two networks, the secret of a listener, and a value too short for a token, in disabled channels."""
    for name in BOTH:
        world.add(name, ".env", "IRC_NICKNAME=our-robot-42\nMATRIX_DEVICE_ID=ROBOT\nTEAMS_CLIENT_SECRET=abc1234\n")
        world.add(name, ".env", "A2A_BEARER_TOKEN=CANARY-bearer-0123456789\n")


def one_port_on_two_addresses(world: DoctorRoot) -> None:
    for number, name in enumerate(BOTH, 1):
        key = f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef"
        world.add(name, ".env", f"API_SERVER_ENABLED=true\n{key}\nAPI_SERVER_HOST=127.0.0.{number}\n")


def a_login_that_hermes_took_from_the_root(world: DoctorRoot) -> None:
    """`load_pool` copies the row of the root into the profile and updates it before each use."""
    row = {"id": "c1", "source": "device_code", "refresh_token": REFRESH}
    give(
        world,
        "default",
        "auth.json",
        {"providers": {"openai-codex": CODEX}, "credential_pool": {"openai-codex": [row]}},
    )
    give(world, "work", "auth.json", {"credential_pool": {"openai-codex": [row]}})


def a_login_of_claude_code(world: DoctorRoot) -> None:
    for name in BOTH:
        row = {"id": name, "source": "claude_code", "refresh_token": REFRESH}
        give(world, name, "auth.json", {"credential_pool": {"anthropic": [row]}})


def a_login_at_nous_through_the_shared_store(world: DoctorRoot) -> None:
    for name in BOTH:
        give(world, name, "auth.json", {"providers": {"nous": {"refresh_token": REFRESH}}})
    (world.root / "shared").mkdir(mode=0o700)
    give(world, "default", "shared/nous_auth.json", {"refresh_token": REFRESH})


def logins_that_may_be_shared(world: DoctorRoot) -> None:
    for name in BOTH:
        give(world, name, "auth.json", {"providers": {"qwen-oauth": {"refresh_token": REFRESH}}})
        give(world, name, "auth/google_oauth.json", {"refresh_token": REFRESH})
        (world.home(name) / "auth").chmod(0o700)
        give(world, name, "mcp-tokens/linear.client.json", {"client_id": "c", "refresh_token": REFRESH})
        (world.home(name) / "mcp-tokens").chmod(0o700)


def one_login_twice_in_one_profile(world: DoctorRoot) -> None:
    row = {"id": "c1", "source": "device_code", "refresh_token": REFRESH}
    give(world, "work", "auth.json", {"providers": {"openai-codex": CODEX}, "credential_pool": {"openai-codex": [row]}})


def a_job_that_is_off_in_one(world: DoctorRoot) -> None:
    job = {"id": "job1", "schedule": {"kind": "cron"}}
    give(world, "work", "cron/jobs.json", {"jobs": [{**job, "enabled": False, "state": "paused"}]})
    give(world, "family", "cron/jobs.json", {"jobs": [{**job, "enabled": True}]})


def jobs_that_are_off_in_one_way(world: DoctorRoot) -> None:
    give(world, "work", "cron/jobs.json", [{"id": "job1", "enabled": False}, {"id": "job2", "state": "paused"}])
    give(world, "family", "cron/jobs.json", {"jobs": [{"id": "job1"}, {"id": "job2"}]})


def links_and_paths_that_stay_at_home(world: DoctorRoot) -> None:
    home = world.home("work")
    (home / "data").mkdir()
    (home / "weixin").symlink_to("data")
    bridge = world.root / "hermes-agent" / "scripts" / "whatsapp-bridge" / "bridge.js"
    (world.home("work") / "skills").symlink_to(world.user / "skills")
    world.add("work", "config.yaml", (
        f"platforms:\n  whatsapp:\n    extra:\n      bridge_script: {bridge}\n      session_path: {home}/wa\n"
        f"  telegram:\n    extra:\n      media: {world.home('family')}/pictures\n"
    ))  # fmt: skip


@pytest.mark.parametrize("plant", [
    examples, keys_of_models_and_tools, two_numbers_of_one_account, one_port_on_two_addresses,
    one_password_for_two_servers, settings_that_are_nobodys_bot,
    a_login_that_hermes_took_from_the_root, a_login_of_claude_code, a_login_at_nous_through_the_shared_store,
    logins_that_may_be_shared, one_login_twice_in_one_profile, a_job_that_is_off_in_one, jobs_that_are_off_in_one_way,
    links_and_paths_that_stay_at_home,
])  # fmt: skip
def test_conflicts_healthy_cases_have_no_findings(world: DoctorRoot, plant: Callable[[DoctorRoot], None]) -> None:
    plant(world)
    assert world.findings("--only", "conflicts") == []


def test_foreign_session_by_configured_path(world: DoctorRoot) -> None:
    path = world.home("family") / "my phone"
    world.add("work", "config.yaml", f"platforms:\n  whatsapp:\n    extra:\n      session_path: {path}\n")
    (found,) = world.findings("--only", "conflicts")
    assert (found["check"], found["severity"], found["profiles"]) == (
        "conflicts.foreign-session", "error", ["work", "family"],
    )  # fmt: skip
    assert found["message"].startswith("platforms.whatsapp.extra.session_path of work is in the home of family")


def test_shared_login_ignores_links_to_one_file(world: DoctorRoot) -> None:
    give(world, "work", "auth.json", {"providers": {"openai-codex": CODEX}})
    (world.home("family") / "auth.json").symlink_to(world.home("work") / "auth.json")
    found = world.findings("--only", "conflicts")
    assert [(row["check"], row["severity"]) for row in found] == [("conflicts.foreign-session", "warning")]


def test_shared_login_of_a_copied_row(world: DoctorRoot) -> None:
    for name in ("default", "work"):
        give(world, name, "auth.json", {"providers": {"openai-codex": CODEX}})
    (found,) = world.findings("--only", "conflicts")
    assert found["profiles"] == ["default", "work"]
    assert found["fix"]["command"] == (
        "hermes -p work auth logout openai-codex && hermes -p work auth add openai-codex --type oauth"
    )
    assert found["evidence"][1]["key"] == "providers.openai-codex.tokens.refresh_token"


@pytest.mark.parametrize(("plant", "command"), [
    (one_anthropic_login_in_a_file_and_a_pool,
     "rm {home}/.anthropic_oauth.json && hermes -p work auth add anthropic --type oauth"),
    (one_honcho_grant, "hermes -p work memory setup"),
    (one_login_at_a_tool_server, "hermes -p work mcp reauth linear"),
])  # fmt: skip
def test_shared_login_fix_is_the_command_of_its_provider(
    world: DoctorRoot, plant: Callable[[DoctorRoot], None], command: str
) -> None:
    plant(world)
    (found,) = world.findings("--only", "conflicts.shared-login")
    assert found["fix"]["command"] == command.format(home=world.home("work"))


VAULT = "secrets:\n  onepassword:\n    enabled: true\n    env:\n      TELEGRAM_BOT_TOKEN: op://bots/CANARY/token\n"


@pytest.mark.parametrize(("file", "text", "line", "key"), [
    (".env", f"# mine\nexport TELEGRAM_BOT_TOKEN='{TELEGRAM}'\n", 3, "TELEGRAM_BOT_TOKEN"),
    (".op.env", f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n", 1, "TELEGRAM_BOT_TOKEN"),
    ("config.yaml", f"TELEGRAM_BOT_TOKEN: {TELEGRAM}\n", 5, "TELEGRAM_BOT_TOKEN"),
    ("config.yaml", f"platforms:\n  Telegram:\n    enabled: true\n    extra:\n      token: {TELEGRAM}\n", 9,
     "platforms.Telegram.extra.token"),
    ("config.yaml", f"gateway:\n  platforms:\n    telegram:\n      enabled: true\n      token: {TELEGRAM}\n", 9,
     "gateway.platforms.telegram.token"),
    ("gateway.json", json.dumps({"platforms": {"telegram": {"enabled": True, "token": TELEGRAM}}}, indent=1), 5,
     "platforms.telegram.token"),
])  # fmt: skip
def test_shared_identity_evidence_has_file_line_and_key(
    world: DoctorRoot, file: str, text: str, line: int, key: str
) -> None:
    tokens(world, "default")
    path = world.home("work") / file
    path.write_text((path.read_text() if path.exists() else "") + text)
    (found,) = world.findings("--only", "conflicts")
    assert found["evidence"][1] == {"profile": "work", "file": str(path), "line": line, "key": key}


def test_shared_identity_evidence_includes_vault_reference(world: DoctorRoot) -> None:
    for name in BOTH:
        world.add(name, "config.yaml", VAULT)
    (found,) = world.findings("--only", "conflicts")
    assert [each["key"] for each in found["evidence"]] == ["secrets.onepassword.env.TELEGRAM_BOT_TOKEN"] * 2
    assert found["evidence"][0]["line"] == 9


def test_shared_identity_of_managed_file_has_its_own_fix(world: DoctorRoot) -> None:
    folder = world.user / "managed"
    folder.mkdir()
    (folder / "config.yaml").write_text(f"platforms:\n  discord:\n    enabled: true\n    token: {DISCORD}\n")
    world.environment["HERMES_MANAGED_DIR"] = str(folder)
    (found,) = world.findings("--only", "conflicts")
    place = {"profile": None, "file": str(folder / "config.yaml"), "line": 4, "key": "platforms.discord.token"}
    assert found["evidence"] == [place]
    assert found["message"].startswith(
        f"the managed file {folder}/config.yaml sets the same discord token for 3 profiles"
    )
    assert str(folder / "config.yaml") in found["fix"]["command"] and "repair" not in found["fix"]["command"]


def test_shared_identity_evidence_of_managed_variable_has_line(world: DoctorRoot) -> None:
    one_token_for_all_from_the_machine(world)
    (found,) = world.findings("--only", "conflicts")
    file = str(world.user / "managed" / ".env")
    assert found["evidence"] == [{"profile": None, "file": file, "line": 2, "key": "TELEGRAM_BOT_TOKEN"}]


def test_fingerprint_depends_on_identity_only(world: DoctorRoot) -> None:
    tokens(world, *BOTH)
    (before,) = world.findings("--only", "conflicts")
    world.add("work", ".env", "# more\n")
    tokens(world, "default")
    (after,) = world.findings("--only", "conflicts")
    assert after["fingerprint"] == before["fingerprint"] and after["profiles"] == ["default", *BOTH]


def test_copied_credential_is_reported_beside_shared_identity(world: DoctorRoot) -> None:
    tokens(world, "default", *BOTH)
    world.add("family", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n")
    found = {row["check"]: row for row in world.findings("--only", "conflicts")}
    assert set(found) == {"conflicts.shared-identity", "conflicts.copied-credential"}
    assert found["conflicts.shared-identity"]["profiles"] == ["default", "work"]
    assert "telegram is disabled in family" in found["conflicts.copied-credential"]["message"]


def test_shared_identity_merges_into_larger_group(world: DoctorRoot) -> None:
    one_weixin_account_in_three_profiles_and_its_token_in_two(world)
    (found,) = world.findings("--only", "conflicts")
    assert [(each["profile"], each["key"]) for each in found["evidence"]] == [
        ("default", "WEIXIN_ACCOUNT_ID"), ("family", "WEIXIN_ACCOUNT_ID"), ("family", "token"),
        ("work", "WEIXIN_ACCOUNT_ID"), ("work", "token"),
    ]  # fmt: skip


def test_shared_port_evidence_of_default_port_is_enabling_variable(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-work-0123456789abcdef\n")
    world.add("family", "config.yaml", "platforms:\n  api_server:\n    enabled: true\n")
    (found,) = world.findings("--only", "conflicts")
    assert [(each["profile"], each["line"], each["key"]) for each in found["evidence"]] == [
        ("family", 7, "platforms.api_server.enabled"), ("work", 2, "API_SERVER_ENABLED"),
    ]  # fmt: skip


def test_shared_identity_one_finding_per_channel(world: DoctorRoot) -> None:
    for name in BOTH:
        world.add(name, ".env", "SLACK_BOT_TOKEN=xoxb-CANARY-9-abcdef\nSLACK_APP_TOKEN=xapp-CANARY-9-abcdef\n")
    (found,) = world.findings("--only", "conflicts")
    assert found["check"] == "conflicts.shared-identity" and len(found["evidence"]) == 2


BROKEN: tuple[tuple[str, bytes | None], ...] = (
    ("auth.json", b'{"providers": {"openai-codex": {"tokens": {"refresh_token": '), ("auth.json", b"[" * 100_000),
    ("auth.json", b'{"providers": ["refresh"], "credential_pool": {"openai-codex": "refresh"}}'), ("auth.json", None),
    ("cron/jobs.json", b'{"jobs": {"id": 1}}'), ("cron/jobs.json", b'{"jobs": [1, {"id": 7}, {"id": ""}]}'),
    ("cron/jobs.json", b"\xff\xfe"), ("honcho.json", b'{"refresh'), ("honcho.json", None),
    ("mcp-tokens/linear.json", None), ("gateway.json", b'{"platforms": [1]}'), ("gateway.json", None),
)  # fmt: skip


@pytest.mark.parametrize(("name", "content"), BROKEN, ids=[f"{name}-{at}" for at, (name, _) in enumerate(BROKEN)])
def test_damaged_file_does_not_hide_conflicts(world: DoctorRoot, name: str, content: bytes | None) -> None:
    tokens(world, "default", "work")
    path = world.home("family") / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    assert [row["check"] for row in world.findings("--only", "conflicts")] == ["conflicts.shared-identity"]


def test_huge_file_is_skipped(world: DoctorRoot) -> None:
    one_codex_login_in_two_stores(world)
    for name in ("honcho.json", "mcp-tokens/big.json", ".anthropic_oauth.json"):
        path = world.write("family", name, '{"refresh', mode=0o600)
        os.truncate(path, 2**30)
    assert [row["check"] for row in world.findings("--only", "conflicts")] == ["conflicts.shared-login"]


@pytest.mark.parametrize("damage", ["fifo", "loop", "folder", "broken", "file"])
def test_damaged_locks_have_no_holder(world: DoctorRoot, damage: str) -> None:
    tokens(world, *BOTH)
    folder = world.user / ".local" / "state" / "hermes" / "gateway-locks"
    folder.parent.mkdir(parents=True)
    lock = folder / "telegram-bot-token-0123456789abcdef.lock"
    if damage == "file":
        folder.write_text("x")
    else:
        folder.mkdir()
        makers: dict[str, Callable[[Path], Any]] = {
            "fifo": os.mkfifo, "loop": lambda path: path.symlink_to(path), "folder": Path.mkdir,
            "broken": lambda path: path.write_text('{"pid": '),
        }  # fmt: skip
        makers[damage](lock)
    (found,) = world.findings("--only", "conflicts")
    assert found["message"].endswith("family and work")


def test_link_to_itself_is_not_a_foreign_session(world: DoctorRoot) -> None:
    (world.home("work") / "weixin").symlink_to("weixin")
    (world.home("work") / "auth.json").symlink_to("/dev/zero")
    assert world.findings("--only", "conflicts") == []


def test_job_file_with_bom_and_control_characters_is_read(world: DoctorRoot) -> None:
    copied_jobs(world)
    for name in BOTH:
        raw = (world.home(name) / "cron" / "jobs.json").read_bytes().replace(b"CANARY", b"a\tb")
        world.write(name, "cron/jobs.json", b"\xef\xbb\xbf" + raw)
    (found,) = world.findings("--only", "conflicts")
    assert found["message"].startswith("3 scheduled jobs of family and work have the same ids")
    assert found["fix"]["command"].startswith("hermes -p work cron remove job0 && ")


def test_shared_identity_of_many_profiles_is_one_finding(world: DoctorRoot) -> None:
    many = [f"p{number:03}" for number in range(120)]
    for name in many:
        world.profile(name, f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    (found,) = world.findings("--only", "conflicts")
    assert found["profiles"] == many and len(found["evidence"]) == 120
    assert all(each["line"] == 2 for each in found["evidence"])
    assert found["message"] == "120 profiles have the same telegram token: p000, p001, p002 and 117 more"


def test_distinct_apps_with_one_secret_are_not_copies(world: DoctorRoot) -> None:
    """Two accounts for `repair` are two accounts for the doctor."""
    for name, client in (("work", "one"), ("family", "two")):
        app = f"TEAMS_CLIENT_ID=canary-client-{client}\nTEAMS_TENANT_ID=canary-tenant\n"
        world.add(name, ".env", f"{app}TEAMS_CLIENT_SECRET=CANARYsecret-1\n")
    world.add("family", "config.yaml", "platforms:\n  teams:\n    enabled: false\n")
    world.add("work", "config.yaml", "platforms:\n  teams:\n    enabled: false\n")
    assert world.findings("--only", "conflicts") == []
    (world.home("family") / ".env").write_text((world.home("work") / ".env").read_text())
    assert [row["check"] for row in world.findings("--only", "conflicts")] == ["conflicts.copied-credential"]
    done = world.runner.call("repair", "--dry-run", "--json", env=world.environment)
    assert [row["channel"] for row in done.data["shared"]] == ["teams"]
