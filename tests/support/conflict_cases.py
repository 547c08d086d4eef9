"""Cases of conflicts between profiles."""

from __future__ import annotations

import json
from typing import Any

from doctor_root import Case, DoctorRoot

TELEGRAM = "7100000001:CANARYtelegramCANARYtelegramCANARY01"
DISCORD = "CANARY-discord-token-0123456789abcdef"
SHARED, COPIED = "conflicts.shared-identity", "conflicts.copied-credential"
BOTH = ("family", "work")
NO_CHANNEL = "platforms:\n  telegram:\n    enabled: false\n"


def tokens(world: DoctorRoot, *profiles: str, value: str = TELEGRAM) -> None:
    for name in profiles:
        world.add(name, ".env", f"TELEGRAM_BOT_TOKEN={value}\n")


def give(world: DoctorRoot, name: str, path: str, data: Any) -> None:
    world.write(name, path, json.dumps(data, indent=2), mode=0o600)


def one_token_in_two_env_files(world: DoctorRoot) -> None:
    tokens(world, *BOTH)


def one_token_in_an_env_file_and_a_config(world: DoctorRoot) -> None:
    tokens(world, "default")
    world.add("work", "config.yaml", f"platforms:\n  telegram:\n    enabled: true\n    token: '{TELEGRAM}'\n")


def one_slack_app_with_two_bot_tokens(world: DoctorRoot) -> None:
    for number, name in enumerate(BOTH):
        world.add(name, ".env", f"SLACK_BOT_TOKEN=xoxb-CANARY-{number}-abcdef\nSLACK_APP_TOKEN=xapp-CANARY-9-abcdef\n")


def one_inbox_spelled_twice(world: DoctorRoot) -> None:
    for name, address, host in (("work", "Me@Home.org", "IMAP.home.org"), ("family", "me@home.org", "imap.home.org")):
        world.add(name, ".env", (
            f"EMAIL_ADDRESS={address}\nEMAIL_IMAP_HOST={host}\nEMAIL_PASSWORD=CANARY-{name}-password\n"
            "EMAIL_SMTP_HOST=smtp.home.org\nEMAIL_ALLOWED_USERS=me@home.org\n"
        ))  # fmt: skip


def one_number_spelled_twice(world: DoctorRoot) -> None:
    for number, (name, account) in enumerate((("work", "+49151CANARY"), ("family", "'+49 151 CANARY'"))):
        account = account.replace("CANARY", "123456")
        world.add(name, ".env", f"SIGNAL_HTTP_URL=http://127.0.0.1:90{number}0\nSIGNAL_ACCOUNT={account}\n")


def one_token_in_a_disabled_profile_too(world: DoctorRoot) -> None:
    tokens(world, *BOTH)
    world.write("family", "profile.yaml", "disabled: true\n")


def one_weixin_account_in_three_profiles_and_its_token_in_two(world: DoctorRoot) -> None:
    for name in ("default", "work", "family"):
        world.add(name, ".env", "WEIXIN_ACCOUNT_ID=wx_CANARY_account\n")
        token = "CANARY-weixin-other-token" if name == "default" else "CANARY-weixin-token-01"
        give(world, name, "weixin/accounts/wx_CANARY_account.json", {"token": token})


def one_token_for_all_from_the_machine(world: DoctorRoot) -> None:
    folder = world.user / "managed"
    folder.mkdir(mode=0o700)
    (folder / ".env").write_text(f"# ours\nTELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    (folder / ".env").chmod(0o600)
    world.environment["HERMES_MANAGED_DIR"] = str(folder)


def a_token_where_the_channel_is_off(world: DoctorRoot) -> None:
    tokens(world, *BOTH)
    world.add("family", "config.yaml", NO_CHANNEL)


def one_slack_bot_token_beside_two_app_tokens(world: DoctorRoot) -> None:
    for number, name in enumerate(BOTH):
        world.add(name, ".env", f"SLACK_BOT_TOKEN=xoxb-CANARY-9-abcdef\nSLACK_APP_TOKEN=xapp-CANARY-{number}-abcdef\n")


def api_servers_on_the_port_nobody_names(world: DoctorRoot) -> None:
    for name in BOTH:
        world.add(name, ".env", f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-{name}-0123456789abcdef\n")


def one_port_for_two_channels_of_two_profiles(world: DoctorRoot) -> None:
    key = "API_SERVER_KEY=CANARY-work-0123456789abcdef"
    world.add("work", ".env", f"API_SERVER_ENABLED=true\n{key}\nAPI_SERVER_PORT=8644\n")
    world.add("family", ".env", "WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=CANARY-family-webhook-secret\n")


def one_port_for_two_channels_of_one_profile(world: DoctorRoot) -> None:
    world.add("work", ".env", (
        "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-work-0123456789abcdef\nAPI_SERVER_PORT=8644\n"
        "WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=CANARY-work-webhook-secret\n"
    ))  # fmt: skip


def one_codex_login_in_two_stores(world: DoctorRoot) -> None:
    tokens_of = {"tokens": {"access_token": "CANARY-access", "refresh_token": "CANARY-refresh-0123456789"}}
    for name in BOTH:
        give(world, name, "auth.json", {"version": 1, "providers": {"openai-codex": tokens_of}})


def one_anthropic_login_in_a_file_and_a_pool(world: DoctorRoot) -> None:
    give(world, "work", ".anthropic_oauth.json", {"accessToken": "CANARY", "refreshToken": "CANARY-refresh-anthropic"})
    entry = {"id": "a1", "source": "manual:hermes_pkce", "refresh_token": "CANARY-refresh-anthropic"}
    give(world, "default", "auth.json", {"credential_pool": {"anthropic": [{"source": "manual"}, entry]}})


def one_login_at_a_tool_server(world: DoctorRoot) -> None:
    for name in BOTH:
        give(world, name, "mcp-tokens/linear.json", {"access_token": "CANARY", "refresh_token": "CANARY-refresh-1"})


def one_honcho_grant(world: DoctorRoot) -> None:
    for name in BOTH:
        block = {"apiKey": "CANARY-key", "oauth": {"refreshToken": "CANARY-refresh-honcho"}}
        give(world, name, "honcho.json", {"hosts": {"hermes": block}})


def copied_jobs(world: DoctorRoot) -> None:
    jobs = [{"id": f"job{number}", "name": "CANARY", "enabled": True, "state": "scheduled"} for number in range(3)]
    for name in BOTH:
        give(world, name, "cron/jobs.json", {"jobs": jobs})


def a_whatsapp_session_of_another_profile(world: DoctorRoot) -> None:
    session = world.home("family") / "whatsapp" / "session"
    world.add("work", "config.yaml", f"platforms:\n  whatsapp:\n    extra:\n      session_path: {session}\n")


def a_linked_env_file(world: DoctorRoot) -> None:
    env = world.home("work") / ".env"
    env.unlink()
    env.symlink_to(world.home("default") / ".env")


def linked_accounts(world: DoctorRoot) -> None:
    (world.home("default") / "weixin").mkdir()
    (world.home("work") / "weixin").symlink_to("../../weixin")


CONFLICT_CASES: tuple[Case, ...] = (
    Case(SHARED, one_token_in_two_env_files, BOTH, severity="error"),
    Case(SHARED, one_token_in_an_env_file_and_a_config, ("default", "work")),
    Case(SHARED, one_slack_app_with_two_bot_tokens, BOTH),
    Case(SHARED, one_inbox_spelled_twice, BOTH),
    Case(SHARED, one_number_spelled_twice, BOTH),
    Case(SHARED, one_token_in_a_disabled_profile_too, BOTH, severity="warning"),
    Case(SHARED, one_weixin_account_in_three_profiles_and_its_token_in_two, ("default", *BOTH)),
    Case(SHARED, one_token_for_all_from_the_machine, ("default", *BOTH)),
    Case(COPIED, a_token_where_the_channel_is_off, BOTH, severity="warning"),
    Case(COPIED, one_slack_bot_token_beside_two_app_tokens, BOTH),
    Case("conflicts.shared-port", api_servers_on_the_port_nobody_names, BOTH, severity="error"),
    Case("conflicts.shared-port", one_port_for_two_channels_of_two_profiles, BOTH),
    Case("conflicts.port-twice", one_port_for_two_channels_of_one_profile, ("work",), severity="error"),
    Case("conflicts.shared-login", one_codex_login_in_two_stores, BOTH, severity="error"),
    Case("conflicts.shared-login", one_anthropic_login_in_a_file_and_a_pool, ("default", "work")),
    Case("conflicts.shared-login", one_login_at_a_tool_server, BOTH),
    Case("conflicts.shared-login", one_honcho_grant, BOTH),
    Case("conflicts.cron-twice", copied_jobs, BOTH, severity="warning"),
    Case("conflicts.foreign-session", a_whatsapp_session_of_another_profile, BOTH, severity="error"),
    Case("conflicts.foreign-session", a_linked_env_file, ("default", "work"), severity="error"),
    Case("conflicts.foreign-session", linked_accounts, ("default", "work")),
)
