"""Cases of broken files of profiles and of entries beside profiles."""

from __future__ import annotations

import os
from pathlib import Path

from doctor_root import Case, DoctorRoot

TOKEN = "7000000001:CANARY-telegram-token"
SLACK = "SLACK_BOT_TOKEN=xoxb-CANARY-slack-bot\nSLACK_APP_TOKEN=xapp-CANARY-slack-app\n"


def comment_behind_a_token(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}   # from BotFather\n")


def comment_in_a_multiplexed_profile(world: DoctorRoot) -> None:
    comment_behind_a_token(world)
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")


def tab_behind_export(world: DoctorRoot) -> None:
    world.add("work", ".env", "export\tFAVOURITE_COLOUR=CANARY-blue\n'OTHER'=x # why\n")


def mark_before_the_first_key(world: DoctorRoot) -> None:
    world.write("work", ".env", b"\xef\xbb\xbf" + f"TELEGRAM_BOT_TOKEN={TOKEN}\n".encode(), mode=0o600)


def interpolated_token(world: DoctorRoot) -> None:
    world.add("work", ".env", f"BOT_ID=7000000001\nTELEGRAM_BOT_TOKEN=${{BOT_ID}}:{TOKEN.partition(':')[2]}\n")


def value_of_several_lines(world: DoctorRoot) -> None:
    world.add("work", ".env", 'GREETING="CANARY-hello\nSIGNED=world"\n')


def latin_1(world: DoctorRoot) -> None:
    world.write("work", ".env", "GREETING=gr\xfc\xdfe CANARY\n".encode("latin-1"), mode=0o600)


def two_keys_on_a_line(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}{SLACK}")


def credential_of_nobody_we_know(world: DoctorRoot) -> None:
    world.add("work", ".env", "ACMECHAT_BOT_TOKEN=CANARY-acme-0123456789\nNOTION_TOKEN=CANARY-notion-0123456789\n")


def broken_yaml(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram: [\n")


def broken_auth(world: DoctorRoot) -> None:
    world.write("work", "auth.json", '{"providers": {\n  "CANARY": \n', mode=0o600)


def open_quote(world: DoctorRoot) -> None:
    world.add("work", ".env", 'TELEGRAM_BOT_TOKEN="7000000001:CANARY\n')


def pipe_in_place_of_a_file(world: DoctorRoot) -> None:
    os.mkfifo(world.home("work") / "gateway.json", 0o600)


def pipe_in_place_of_the_persona(world: DoctorRoot) -> None:
    (world.home("work") / "SOUL.md").unlink(missing_ok=True)
    os.mkfifo(world.home("work") / "SOUL.md", 0o600)


def device_in_place_of_the_memory(world: DoctorRoot) -> None:
    (world.home("work") / "memories").mkdir(exist_ok=True)
    (world.home("work") / "memories" / "MEMORY.md").symlink_to("/dev/zero")


def folder_in_place_of_a_file(world: DoctorRoot) -> None:
    (world.home("work") / "auth.json").mkdir(0o700)


def link_to_nowhere(world: DoctorRoot) -> None:
    (world.home("work") / ".env").unlink()
    (world.home("work") / ".env").symlink_to(world.user / "gone.env")


def example_of_a_token(world: DoctorRoot) -> None:
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\n")


def word_that_hermes_refuses(world: DoctorRoot) -> None:
    world.add("work", ".env", "DISCORD_BOT_TOKEN=changeme\n")


def off_and_yet_on(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    enabled: false\n")


def off_with_a_token(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    world.add("work", "config.yaml", "telegram:\n  enabled: false\n")


def port_nobody_reads(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\n")
    world.add(
        "work", "config.yaml", "platforms:\n  api_server:\n    port: 9123  # mine\n    extra:\n      host: 127.0.0.1\n"
    )


def port_out_of_range(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\nAPI_SERVER_PORT=70000\n")


def port_that_is_a_word(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\nAPI_SERVER_PORT=abc\n")


def port_of_chance(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    extra:\n      port: 0\n")


def port_said_twice(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_KEY=CANARY-api-key-0123456789\nAPI_SERVER_PORT=9124\n")
    world.add("work", "config.yaml", "platforms:\n  api_server:\n    port: 9123\n")


def old_gateway_json(world: DoctorRoot) -> None:
    text = '{"platforms": {"telegram": {"enabled": true, "extra": {"mode": "webhook"}}}}'
    world.write("work", "gateway.json", text, mode=0o600)
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n    extra:\n      mode: polling\n")


def no_env(world: DoctorRoot) -> None:
    (world.home("work") / ".env").unlink()


def capitals(world: DoctorRoot) -> None:
    home = world.root / "profiles" / "Hobby"
    home.mkdir()
    (home / ".env").write_text("OPENAI_API_KEY=sk-CANARY\n")


def capitals_that_something_names(world: DoctorRoot) -> None:
    capitals(world)
    world.add("work", "config.yaml", f"session_path: {world.root}/profiles/Hobby/session\n")


def blank_in_a_name(world: DoctorRoot) -> None:
    (world.root / "profiles" / "my bot").mkdir()


def link_among_profiles(world: DoctorRoot) -> None:
    (world.root / "profiles" / "away").symlink_to(world.user / "disk")


def file_among_profiles(world: DoctorRoot) -> None:
    (world.root / "profiles" / "notes.txt").write_text("x\n")


def folder_called_default(world: DoctorRoot) -> None:
    (world.root / "profiles" / "default").mkdir()


def half_made(world: DoctorRoot) -> None:
    folder = world.root / "profiles" / ".bot.staging-4711"
    folder.mkdir()
    os.utime(folder, (1_700_000_000, 1_700_000_000))


def sticky_that_is_gone(world: DoctorRoot) -> None:
    (world.root / "active_profile").write_text("ghost\n")


def _put(world: DoctorRoot, path: str, text: str) -> None:
    target = world.root / "profiles/work" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o600)


def home_in_the_home_of_tools(world: DoctorRoot) -> None:
    _put(world, "home/.hermes/.env", "TELEGRAM_BOT_TOKEN=7000000009:CANARY-nested\n")


def copy_of_a_home(world: DoctorRoot) -> None:
    for file in (".env", "config.yaml", "SOUL.md", "skills/a/SKILL.md"):
        _put(world, f"before-update/{file}", "# a copy\n")


def ciphertext_for_env(world: DoctorRoot) -> None:
    _put(world, ".env", "$ANSIBLE_VAULT;1.1;AES256\n333634\n")


def values_of_sops(world: DoctorRoot) -> None:
    world.add("work", ".env", "MY_NOTE=ENC[AES256_GCM,data:abcdefgh==,iv:aaaa,tag:bbbb,type:str]\nsops_version=3.8.1\n")


def env_without_assignment(world: DoctorRoot) -> None:
    _put(world, ".env", "# keys\nsee the password manager\n")


def left_folder(world: DoctorRoot) -> None:
    (world.root / "profiles/empty").mkdir()


def _script(world: DoctorRoot, name: str, text: str) -> Path:
    path = world.user / ".local/bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def alias_of_a_ghost(world: DoctorRoot) -> None:
    _script(world, "ghost", '#!/bin/sh\nexec hermes -p ghost "$@"\n')


def script_of_a_ghost(world: DoctorRoot) -> None:
    _script(world, "nightly", "#!/bin/sh\ncd /tmp\nhermes -p ghost chat -q report\n")


def hermes_of_schema(world: DoctorRoot, version: int) -> None:
    """Create a Hermes installation in the root as its installer does: a checkout with a virtual environment."""
    python = world.root / "hermes-agent/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    source = world.root / "hermes-agent/hermes_cli/config.py"
    source.parent.mkdir()
    source.write_text(f'DEFAULT_CONFIG = {{\n    "_config_version": {version},\n}}\n')
    for name, own in (("default", version), ("work", version), ("family", version)):
        world.add(name, "config.yaml", f"_config_version: {own}\n")


def schema_of_last_year(world: DoctorRoot) -> None:
    hermes_of_schema(world, 33)
    for name, version in (("work", "_config_version: 12\n"), ("family", "_config_version: old\n")):
        path = world.home(name) / "config.yaml"
        path.write_text(path.read_text().replace("_config_version: 33\n", version))


def schema_of_tomorrow(world: DoctorRoot) -> None:
    hermes_of_schema(world, 33)
    path = world.home("work") / "config.yaml"
    path.write_text(path.read_text().replace("_config_version: 33", "_config_version: '34'"))


def home_of_another_profile(world: DoctorRoot) -> None:
    world.add("work", ".env", f"HERMES_HOME={world.home('family')}\n")


def home_of_no_profile(world: DoctorRoot) -> None:
    world.add("work", ".env", "HERMES_HOME=\n")


def home_in_config(world: DoctorRoot) -> None:
    world.add("default", "config.yaml", f"HERMES_HOME: {world.home('work')}\n")


def managed_folder_of_its_own(world: DoctorRoot) -> None:
    world.write("work", ".op.env", "HERMES_MANAGED_DIR=/srv/CANARY-policy\n", mode=0o600)


def section_twice(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "mcp_servers:\n  a:\n    command: npx\nmcp_servers:\n  b:\n    command: npx\n")


def nested_key_twice(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "agent: {max: 1}\ntts:\n  voice: 'a'\n  voice: \"b\"\nstt: [ {a: 1}, 2]\n")


def variable_twice(world: DoctorRoot) -> None:
    world.add("work", ".env", "OPENROUTER_REGION=eu\nOTHER=1\nOPENROUTER_REGION=us\n")


FILE_CASES: tuple[Case, ...] = (
    Case("files.redirected", home_of_another_profile, ("work",), severity="error"),
    Case("files.redirected", home_of_no_profile, ("work",), severity="error"),
    Case("files.redirected", home_in_config, ("default",), severity="warning"),
    Case("files.redirected", managed_folder_of_its_own, ("work",), severity="warning"),
    Case("files.repeated-key", section_twice, ("work",), severity="warning"),
    Case("files.repeated-key", nested_key_twice, ("work",), severity="warning"),
    Case("files.repeated-key", variable_twice, ("work",), severity="warning"),
    Case("files.readers-disagree", comment_behind_a_token, ("work",), fixed=True, severity="warning"),
    Case(
        "files.readers-disagree",
        comment_in_a_multiplexed_profile,
        ("work",),
        fixed=True,
        severity="error",
        also=frozenset({"services.topology", "services.not-running"}),
    ),
    Case("files.readers-disagree", tab_behind_export, ("work",), fixed=True, severity="warning"),
    Case("files.readers-disagree", mark_before_the_first_key, ("work",), fixed=True, severity="error"),
    Case("files.readers-disagree", interpolated_token, ("work",), severity="warning"),
    Case("files.readers-disagree", value_of_several_lines, ("work",), severity="warning"),
    Case("files.readers-disagree", latin_1, ("work",), severity="info"),
    Case("files.joined-keys", two_keys_on_a_line, ("work",), fixed=True, severity="error"),
    Case("files.unknown-secret", credential_of_nobody_we_know, ("work",), severity="info"),
    Case("files.broken", broken_yaml, ("work",), severity="error"),
    Case("files.broken", broken_auth, ("work",), severity="error"),
    Case("files.broken", open_quote, ("work",), severity="error"),
    Case("files.unreadable", pipe_in_place_of_a_file, ("work",), severity="error"),
    Case("files.unreadable", pipe_in_place_of_the_persona, ("work",), severity="error"),
    Case("files.unreadable", device_in_place_of_the_memory, ("work",), severity="error"),
    Case("files.unreadable", folder_in_place_of_a_file, ("work",), severity="error"),
    Case("files.unreadable", link_to_nowhere, ("work",), severity="error"),
    Case("files.placeholder", example_of_a_token, ("work",), severity="warning"),
    Case("files.placeholder", word_that_hermes_refuses, ("work",), severity="warning"),
    Case("files.contradiction", off_and_yet_on, ("work",), severity="warning"),
    Case("files.contradiction", off_with_a_token, ("work",), severity="info"),
    Case("files.invalid-port", port_out_of_range, ("work",), severity="error"),
    Case("files.invalid-port", port_that_is_a_word, ("work",), severity="warning"),
    Case("files.invalid-port", port_of_chance, ("work",), severity="warning"),
    Case("files.ignored-port", port_nobody_reads, ("work",), fixed=True, severity="warning"),
    Case("files.ignored-port", port_said_twice, ("work",), fixed=True, severity="warning"),
    Case("files.legacy-differs", old_gateway_json, ("work",), severity="warning"),
    Case("files.old-schema", schema_of_last_year, ("family", "work"), severity="info"),
    Case("files.newer-schema", schema_of_tomorrow, ("work",), severity="warning"),
    Case("files.no-env", no_env, ("work",), fixed=True, severity="warning"),
    Case("files.no-env", left_folder, ("empty",), fixed=True, severity="warning"),
    Case("files.nested-home", home_in_the_home_of_tools, ("work",), severity="warning"),
    Case("files.nested-home", copy_of_a_home, ("work",), severity="warning"),
    Case("files.broken", ciphertext_for_env, ("work",), severity="error"),
    Case("files.broken", values_of_sops, ("work",), severity="error"),
    Case("files.broken", env_without_assignment, ("work",), severity="error"),
    Case("files.bad-folder", capitals, (), fixed=True, severity="warning"),
    Case("files.bad-folder", capitals_that_something_names, (), severity="warning"),
    Case("files.bad-folder", blank_in_a_name, (), severity="warning"),
    Case("files.bad-folder", file_among_profiles, (), severity="info"),
    Case("files.bad-folder", link_among_profiles, (), severity="warning"),
    Case("files.real-default", folder_called_default, (), severity="error"),
    Case("files.leftover-staging", half_made, (), severity="info"),
    Case("files.sticky-gone", sticky_that_is_gone, (), fixed=True, severity="warning"),
    Case("files.orphan-alias", alias_of_a_ghost, (), fixed=True, severity="warning"),
    Case("files.orphan-alias", script_of_a_ghost, (), severity="warning"),
)
