"""A new user's first hour, from installation to complete removal, under the present manager.

Run as a program with the arguments: the Python of real Hermes, the wheel. HOME belongs to the user and is empty. The
last printed line is `told`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from bot_api import BotApi
from first_hour import SHELL_FILES, TOKEN, User, install_hermes, quoted, write_home
from free_ports import free_port
from live_awake_script import INHIBIT, LOCKS, held

JUDGE, WHEEL = sys.argv[1], Path(sys.argv[2])
PASSED_ON = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HERMES_PROFILES_MANAGER")
IS_SYSTEMD = "DBUS_SESSION_BUS_ADDRESS" in os.environ
MADE = ("twin", "work", "night")


def move_port(user: User, profile: str) -> None:
    """Set a random free port: parallel tests would choose the same next free port."""
    line = f"echo {free_port()} | hermes-profiles env set {profile} API_SERVER_PORT"
    user.run(line, prints=f"API_SERVER_PORT of {profile}")


def install(user: User) -> None:
    user.run(f"pip install --no-index --no-deps --disable-pip-version-check {quoted(WHEEL)}", prints="Successfully")
    user.run("hermes-profiles --version", prints="hermes-profiles 0.")
    user.run("hermes-gateways --version", prints="hermes-gateways 0.")
    user.run("hermes-profiles", prints="hermes-gateways install --start|hermes-profiles clone default work|--help")
    for program in ("hermes-profiles", "hermes-gateways"):
        user.run(f"source <(hermes-profiles completion bash) && complete -p {program}", prints=program)
        assert (user.venv / f"share/man/man1/{program}.1").is_file()
    user.run("hermes-gateways status", prints="default|stopped|none|`hermes-gateways install --start`")


def make_profiles(user: User) -> None:
    """Create one profile with Hermes and two with hermes-profiles."""
    user.run("hermes profile create twin --clone", prints="created")
    assert TOKEN in (user.root / "profiles/twin/.env").read_text(), "Hermes 0.19.0 copies the token"
    user.run("hermes-profiles clone default work", prints="TELEGRAM_BOT_TOKEN|left behind|its own: API_SERVER_PORT")
    assert TOKEN not in (user.root / "profiles/work/.env").read_text()
    move_port(user, "work")
    user.run(
        'hermes-profiles create night --description "watches the servers"',
        prints="hermes-gateways install night --start",
    )
    listed = user.run("hermes-profiles list", prints="default|twin|work|night").stdout
    assert "telegram" in next(line for line in listed.splitlines() if " twin " in line)


def start_all(user: User, api: BotApi) -> None:
    """Start all gateways: one of two gets the shared bot, and status shows which one."""
    user.run("hermes-gateways install --start", prints="started|token already in use by profile 'default'")
    rows = user.gateways()
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(("default", *MADE), "running")
    assert "telegram" in rows["twin"]["masked_channels"] and not rows["default"]["masked_channels"]
    before = api.polls.copy()
    user.eventually("polls of the bot", lambda: sum(api.since(before).values()) >= 2)
    user.run("hermes-gateways status", prints="telegram (masked)|token already in use by profile 'default'")


def fix_findings(user: User, api: BotApi) -> None:
    """Check that the doctor's hints fix its findings."""
    found = user.run("hermes-profiles doctor", code=3, prints="error|telegram token|default and twin|fix:")
    tried = user.run_hint(found, "hermes-profiles repair")
    assert "would lose telegram" in tried.stdout and "without `--dry-run`" in tried.stdout
    before = (user.root / "profiles/twin/.env").read_bytes()
    repaired = user.run("hermes-profiles repair --yes", prints="twin loses telegram|default keeps it|undo")
    assert TOKEN not in (user.root / "profiles/twin/.env").read_text()
    assert TOKEN in (user.root / ".env").read_text()
    move_port(user, "twin")
    user.run_hint(repaired, "hermes-gateways restart")
    user.run("hermes-profiles doctor")
    assert user.gateways()["twin"]["masked_channels"] == []
    assert (api.conflicts, api.most_at_once) == (0, 1), "the bot never had two pollers"
    assert before != (user.root / "profiles/twin/.env").read_bytes()


def check_logs(user: User) -> None:
    """Check the combined logs of all gateways."""
    lines = user.run("hermes-gateways logs -n 500").stdout.splitlines()
    assert {line.split("|")[0].strip() for line in lines} == {"default", *MADE}, "a profile has no log lines"
    stamps = [line.split("|")[1].split()[:2] for line in lines if line.split("|")[1].startswith(" 20")]
    assert len(stamps) > 20 and stamps == sorted(stamps), "not ordered by time"
    user.run("hermes-gateways logs default --grep 'telegram connected'", prints="default")
    user.run("hermes-gateways logs twin --since 1h --error")


def restart_and_disable(user: User) -> None:
    """Restart all gateways, stop one, and disable one."""
    before = {name: row["pid"] for name, row in user.gateways().items()}
    user.run("hermes-gateways restart", prints="restarted", omits="failed")
    after = {name: row["pid"] for name, row in user.gateways().items()}
    assert all(after[name] and after[name] != before[name] for name in before), (before, after)
    assert all(Path(f"/proc/{pid}").exists() for pid in after.values())
    assert not [pid for pid in before.values() if Path(f"/proc/{pid}").exists()]
    user.run("hermes-gateways restart --stale", prints="it runs the installed code")
    user.run("hermes-gateways stop night", prints="stopped")
    user.run("hermes-gateways status", code=3)
    user.run("hermes-gateways status default work")
    user.run("hermes-gateways disable night")
    user.run("hermes-gateways status", prints="night (disabled)")
    user.run("hermes-gateways enable night")
    user.run("hermes-gateways start", prints="already-running|started")
    user.run("hermes-gateways status")


def check_awake(user: User) -> None:
    """Check that awake holds a lock under systemd, and reports its reason elsewhere."""
    if not IS_SYSTEMD:
        user.run("hermes-gateways awake on", code=6)
        return
    user.run("hermes-gateways awake on", prints="on")
    user.eventually("a lock while gateways run", held)
    user.run("hermes-gateways awake status", prints="default")
    user.run("hermes-gateways awake off", prints="off")
    user.eventually("no lock after `off`", lambda: not held())


def use_shim(user: User) -> None:
    """Run `hermes` through the shim, in a shell with its start file."""
    user.run("hermes-profiles shim install --shell bash", prints="hermes")
    user.run("bash -ic 'hermes-profiles shim status'")
    user.run("bash -ic 'hermes profile list'", prints="channels|twin|work|night")
    user.run("bash -ic 'hermes profile create kid --clone'", prints="left behind|TELEGRAM_BOT_TOKEN")
    assert TOKEN not in (user.root / "profiles/kid/.env").read_text()
    user.run("bash -ic 'hermes -p twin config path'", prints="profiles/twin/config.yaml")
    user.run("bash -ic 'hermes gateways status'", prints="kid|none")
    user.run("hermes-profiles shim remove")
    for name, content in SHELL_FILES.items():
        assert (user.home / name).read_text() == content, name
    user.run("bash -ic 'hermes profile list'", prints="Distribution")
    user.run("hermes -p night plugins enable hermes-profiles")
    user.run("hermes -p night gateways list", prints="night|hermes-gateway-night", omits="twin")


def uninstall(user: User) -> None:
    """Remove everything hermes-profiles has installed."""
    user.run("hermes-gateways uninstall --yes", prints="uninstalled")
    for name in (*MADE, "kid"):
        user.run(f"hermes-profiles delete {name} --yes", prints="trash")
    user.run("hermes-profiles trash empty --yes", prints="deleted")
    user.run("hermes-profiles trash list", prints="empty")
    user.run("pip uninstall --yes hermes-profiles", prints="Successfully uninstalled")
    user.run("rm -r .hermes/profiles/.hermes-profiles")
    user.run("hermes-profiles", code=127)


def check_leftovers(user: User, before: Before) -> None:
    """Check that every remaining file existed before or belongs to Hermes."""
    user.eventually("the end of every process of ours", lambda: not user.processes().keys() - before.processes.keys())
    assert user.installed() == before.installed, user.installed() ^ before.installed
    now = user.files()
    changed = [path for path, found in before.files.items() if now.get(path) != found and not is_log(path)]
    assert changed == [], f"files of the user were changed: {changed}"
    added = [path for path in now.keys() - before.files.keys() if not is_legitimate(path, now[path])]
    assert added == [], f"files of ours were left: {sorted(added)}"
    user.run("hermes profile list", prints="default", omits="twin|work|night")
    if IS_SYSTEMD:
        user.run("systemctl --user list-units --all --no-legend 'hermes*'", omits="hermes")
        user.run("systemctl --user list-unit-files --no-legend 'hermes*' || true", omits="hermes")


class Before(NamedTuple):
    """The state before the installation."""

    files: dict[str, str]
    installed: set[str]
    processes: dict[int, str]


# Files that the default profile's gateway writes (Hermes 0.19.0).
OF_HERMES = {
    ".clean_shutdown", ".tirith-install-failed", "audio_cache", "bin", "channel_directory.json", "cron",
    "gateway-starts.log", "gateway.lock", "gateway_state.json", "hooks", "image_cache", "kanban", "kanban.db",
    "kanban.db.dispatch.lock", "kanban.db.init.lock", "logs", "memories", "pairing", "platforms", "response_store.db",
    "sandboxes", "sessions", "skills", "state", "state.db",
}  # fmt: skip
# Folders of `hermes profile create` for profiles and wrappers, of Hermes' locks, and of user units.
FOLDERS = {
    ".hermes/profiles", ".local", ".local/bin", ".local/state", ".local/state/hermes",
    ".local/state/hermes/gateway-locks", ".config", ".config/systemd", ".config/systemd/user",
}  # fmt: skip


def is_legitimate(path: str, found: str) -> bool:
    first, _, rest = path.partition("/")
    return (first == ".hermes" and rest.split("/")[0] in OF_HERMES) or (path in FOLDERS and found == "folder")


def is_log(path: str) -> bool:
    return path.startswith(".hermes/logs/")


def main() -> None:
    home = Path(os.environ["HOME"])
    user = User(home, {name: os.environ[name] for name in PASSED_ON if name in os.environ})
    install_hermes(home, JUDGE)
    if IS_SYSTEMD:  # only logind is a stand-in
        LOCKS.mkdir()
        (home / "venv/bin/systemd-inhibit").write_text(INHIBIT)
        (home / "venv/bin/systemd-inhibit").chmod(0o755)
    with BotApi() as api:
        write_home(home, api.url, free_port())
        try:
            user.run("hermes profile list", prints="default")
            before = Before(user.files(), user.installed(), user.processes())
            install(user)
            make_profiles(user)
            start_all(user, api)
            fix_findings(user, api)
            check_logs(user)
            restart_and_disable(user)
            check_awake(user)
            use_shim(user)
            uninstall(user)
            check_leftovers(user, before)
        except BaseException:
            user.end()
            raise
        finally:
            print(user.report())
    print("told")


if __name__ == "__main__":
    main()
