"""Cases of access by other users of the machine, the network, or everyone."""

from __future__ import annotations

import os

from doctor_root import Case, DoctorRoot

KEY = "CANARY-api-key-0123456789abcdef"
TOKEN = "7000000001:CANARY-telegram-token"


def opened(world: DoctorRoot) -> None:
    """Open the folders to other users, as the default umask does."""
    for folder in (world.user, world.root, world.root / "profiles", world.home("work"), world.home("family")):
        folder.chmod(0o755)


def env_for_all(world: DoctorRoot) -> None:
    opened(world)
    (world.home("work") / ".env").chmod(0o644)


def three_files_for_all(world: DoctorRoot) -> None:
    env_for_all(world)
    world.write("work", "auth.json", '{"providers": {}}')
    world.write("work", "response_store.db-wal", b"x", mode=0o664)


def token_in_open_config(world: DoctorRoot) -> None:
    opened(world)
    world.write("work", "config.yaml", f"platforms:\n  telegram:\n    enabled: false\n    token: {TOKEN}\n", mode=0o644)


def session_for_all(world: DoctorRoot) -> None:
    opened(world)
    world.write("work", "weixin/accounts/bot.json", '{"token": "CANARY-weixin-token-0123"}')


def env_below_a_closed_folder(world: DoctorRoot) -> None:
    world.root.chmod(0o700)
    (world.home("work") / ".env").chmod(0o644)


def link_to_an_open_env(world: DoctorRoot) -> None:
    opened(world)
    target = world.user / "shared.env"
    (world.home("work") / ".env").rename(target)
    target.chmod(0o644)
    (world.home("work") / ".env").symlink_to(target)


def backup_of_env(world: DoctorRoot) -> None:
    world.write("work", ".env.bak.20260101", (world.home("work") / ".env").read_bytes(), mode=0o600)
    world.write(
        "work", "config.yaml.save", f"platforms:\n  x:\n    token: {TOKEN}\nTELEGRAM_BOT_TOKEN: {TOKEN}\n", mode=0o600
    )


def api_server_for_the_network(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_ENABLED=true\nAPI_SERVER_HOST=0.0.0.0\n")


def api_server_by_config(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    enabled: true\n    extra:\n      host: '::'\n")


def webhook_without_secret(world: DoctorRoot) -> None:
    routes = (
        "      routes:\n        deploy:\n          prompt: hi\n        signed:\n          secret: CANARY-hmac-secret\n"
    )
    world.add("work", "config.yaml", f"platforms:\n  webhook:\n    enabled: true\n    extra:\n{routes}")


def webhook_without_authentication(world: DoctorRoot) -> None:
    extra = "      host: 192.168.1.5\n      secret: INSECURE_NO_AUTH\n      routes:\n        deploy: {prompt: hi}\n"
    world.add("work", "config.yaml", f"platforms:\n  webhook:\n    enabled: true\n    extra:\n{extra}")


def telegram_webhook_without_secret(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_WEBHOOK_URL=https://bot.example.org/t\n")


def unsigned_sms(world: DoctorRoot) -> None:
    lines = "TWILIO_ACCOUNT_SID=ACCANARY0123456789\nTWILIO_AUTH_TOKEN=CANARY-twilio-token\n"
    world.add(
        "work",
        ".env",
        f"{lines}TWILIO_PHONE_NUMBER=+4900000001\nSMS_INSECURE_NO_SIGNATURE=true\nSMS_WEBHOOK_HOST=0.0.0.0\n",
    )


def short_key(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-short\n")


def no_key_on_loopback(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_ENABLED=true\n")


def placeholder_key_for_the_network(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=your_api_key_here\nAPI_SERVER_HOST=0.0.0.0\n")


def telegram_for_everybody(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nGATEWAY_ALLOW_ALL_USERS=true\n")


def star_in_config(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    world.add("work", "config.yaml", "telegram:\n  allow_from: '*'\n")


def star_in_a_list_of_extra(world: DoctorRoot) -> None:
    world.add("work", ".env", "DISCORD_BOT_TOKEN=SYN.CANARY.discord0000000000000000000000000000000000000000\n")
    world.add("work", "config.yaml", "platforms:\n  discord:\n    extra:\n      allow_from: ['7', '*']\n")


def yaml_true_at_the_top(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    world.add("work", "config.yaml", "TELEGRAM_ALLOW_ALL_USERS: true\n")


def flag_with_blanks(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOW_ALL_USERS=' true'\n")


def star_for_groups(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_GROUP_ALLOWED_CHATS=-100, *\n")


def star_for_senders_in_groups(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOWED_USERS=42\n")
    world.add("work", "config.yaml", "telegram:\n  group_allow_from: ['*']\n")


def star_in_a_list(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOWED_USERS=42, *\n")


def slack_for_its_workspace(world: DoctorRoot) -> None:
    tokens = "SLACK_BOT_TOKEN=xoxb-CANARY-slack-bot\nSLACK_APP_TOKEN=xapp-CANARY-slack-app\n"
    world.add("work", ".env", f"{tokens}SLACK_ALLOW_ALL_USERS=1\n")


def token_in_a_unit(world: DoctorRoot) -> None:
    unit = world.user / ".config/systemd/user/my-bot.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(
        "[Service]\nExecStart=/opt/hermes/bin/python -m hermes_cli.main gateway run\n"
        f'Environment=HERMES_HOME={world.home("work")}\nEnvironment="TELEGRAM_BOT_TOKEN={TOKEN}"\n'
    )


def token_in_our_unit(world: DoctorRoot) -> None:
    unit = world.user / ".config/systemd/user/hermes-gateway-work.service.d/override.conf"
    unit.parent.mkdir(parents=True)
    unit.write_text(
        "[Service]\n# TELEGRAM_BOT_TOKEN=CANARY-old-token-in-a-comment\n"
        'Environment="A=1" "SLACK_BOT_TOKEN=xoxb-CANARY-1"\n'
    )
    (unit.parent.parent / "hermes-gateway-work.service").write_text(
        f"[Service]\nExecStart=/usr/bin/python3 -m hermes_cli.main --profile work gateway run\n"
        f'WorkingDirectory={world.home("work")}\nEnvironment="HERMES_HOME={world.home("work")}"\n'
    )


def own_secret_in_an_alias(world: DoctorRoot) -> None:
    key = (world.home("work") / ".env").read_text().split("=", 1)[1].strip()
    alias = world.user / ".local/bin/work"
    alias.parent.mkdir(parents=True, exist_ok=True)
    alias.write_text(f'#!/bin/sh\nexport MY_KEY={key}\nexec hermes -p work "$@"\n')
    alias.chmod(0o755)


def log_of_another_user(world: DoctorRoot) -> None:
    path = world.write("work", "logs/gateway.log", "x\n")
    os.chown(path, 65534, 65534)
    os.chown(world.write("work", "state.db", b""), 65534, 65534)


SECURITY_CASES: tuple[Case, ...] = (
    Case("security.readable-secret", env_for_all, ("work",), fixed=True, severity="error"),
    Case("security.readable-secret", three_files_for_all, ("work",), fixed=True, severity="error"),
    Case("security.readable-secret", token_in_open_config, ("work",), fixed=True, severity="error"),
    Case("security.readable-secret", session_for_all, ("work",), fixed=True, severity="error"),
    Case("security.readable-secret", env_below_a_closed_folder, ("work",), fixed=True, severity="warning"),
    Case("security.readable-secret", link_to_an_open_env, ("work",), severity="error"),
    Case("security.stray-copy", backup_of_env, ("work",), severity="warning"),
    Case("security.open-api", api_server_for_the_network, ("work",), severity="error"),
    Case("security.open-api", api_server_by_config, ("work",), severity="error"),
    Case("security.open-api", webhook_without_secret, ("work",), severity="error"),
    Case("security.open-api", webhook_without_authentication, ("work",), severity="error"),
    Case("security.open-api", telegram_webhook_without_secret, ("work",), severity="error"),
    Case("security.open-api", unsigned_sms, ("work",), severity="error"),
    Case("security.weak-key", short_key, ("work",), severity="error"),
    Case("security.weak-key", no_key_on_loopback, ("work",), severity="error"),
    Case("security.weak-key", placeholder_key_for_the_network, ("work",), severity="error"),
    Case("security.allow-all", telegram_for_everybody, ("work",), severity="error"),
    Case("security.allow-all", star_in_a_list, ("work",), severity="error"),
    Case("security.allow-all", star_in_config, ("work",), severity="error"),
    Case("security.allow-all", flag_with_blanks, ("work",), severity="error"),
    Case("security.allow-all", star_for_groups, ("work",), severity="error"),
    Case("security.allow-all", star_for_senders_in_groups, ("work",), severity="error"),
    Case("security.allow-all", star_in_a_list_of_extra, ("work",), severity="error"),
    Case("security.allow-all", yaml_true_at_the_top, ("work",), severity="error"),
    Case("security.allow-all", slack_for_its_workspace, ("work",), severity="warning"),
    Case("security.secret-in-unit", token_in_a_unit, ("work",), severity="error"),
    Case(
        "security.secret-in-unit", token_in_our_unit, ("work",), severity="error",
        also=frozenset({"services.hand-edited", "services.drifted", "services.not-adopted", "services.no-systemd",
                        "services.not-running"}),
    ),
    Case("security.secret-in-unit", own_secret_in_an_alias, ("work",), severity="error"),
    *([Case("security.foreign-owner", log_of_another_user, ("work",), severity="error")] if os.getuid() == 0 else ()),
)  # fmt: skip
