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
    user.types(line, says=f"API_SERVER_PORT of {profile}")


def install(user: User) -> None:
    user.types(f"pip install --no-index --no-deps --disable-pip-version-check {quoted(WHEEL)}", says="Successfully")
    user.types("hermes-profiles --version", says="hermes-profiles 0.")
    user.types("hermes-gateways --version", says="hermes-gateways 0.")
    user.types("hermes-profiles", code=2, says="clone|doctor|undo|Examples:")
    for program in ("hermes-profiles", "hermes-gateways"):
        user.types(f"source <(hermes-profiles completion bash) && complete -p {program}", says=program)
        assert (user.venv / f"share/man/man1/{program}.1").is_file()
    user.types("hermes-gateways status", says="default|stopped|none|`hermes-gateways install --start`")


def make_profiles(user: User) -> None:
    """Create one profile with Hermes and two with hermes-profiles."""
    user.types("hermes profile create twin --clone", says="created")
    assert TOKEN in (user.root / "profiles/twin/.env").read_text(), "Hermes 0.19.0 copies the token"
    user.types("hermes-profiles clone default work", says="TELEGRAM_BOT_TOKEN|left behind|its own: API_SERVER_PORT")
    assert TOKEN not in (user.root / "profiles/work/.env").read_text()
    move_port(user, "work")
    user.types(
        'hermes-profiles create night --description "watches the servers"', says="hermes-gateways install night --start"
    )
    listed = user.types("hermes-profiles list", says="default|twin|work|night").stdout
    assert "telegram" in next(line for line in listed.splitlines() if " twin " in line)


def run_them(user: User, api: BotApi) -> None:
    """Start all gateways: one of two gets the shared bot, and status shows which one."""
    user.types("hermes-gateways install --start", says="started|token already in use by profile 'default'")
    rows = user.gateways()
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(("default", *MADE), "running")
    assert "telegram" in rows["twin"]["masked_channels"] and not rows["default"]["masked_channels"]
    before = api.polls.copy()
    user.eventually("polls of the bot", lambda: sum(api.since(before).values()) >= 2)
    user.types("hermes-gateways status", says="telegram (masked)|token already in use by profile 'default'")


def mend(user: User, api: BotApi) -> None:
    """Check that the doctor's hints fix its findings."""
    found = user.types("hermes-profiles doctor", code=3, says="error|telegram token|default and twin|fix:")
    tried = user.follows(found, "hermes-profiles repair")
    assert "would lose telegram" in tried.stdout and "without `--dry-run`" in tried.stdout
    before = (user.root / "profiles/twin/.env").read_bytes()
    repaired = user.types("hermes-profiles repair --yes", says="twin loses telegram|default keeps it|undo")
    assert TOKEN not in (user.root / "profiles/twin/.env").read_text()
    assert TOKEN in (user.root / ".env").read_text()
    move_port(user, "twin")
    user.follows(repaired, "hermes-gateways restart")
    user.types("hermes-profiles doctor")
    assert user.gateways()["twin"]["masked_channels"] == []
    assert (api.conflicts, api.most_at_once) == (0, 1), "the bot was never asked for by two"
    assert before != (user.root / "profiles/twin/.env").read_bytes()


def look_back(user: User) -> None:
    """Check the combined logs of all gateways."""
    lines = user.types("hermes-gateways logs -n 500").stdout.splitlines()
    assert {line.split("|")[0].strip() for line in lines} == {"default", *MADE}, "a profile says nothing"
    stamps = [line.split("|")[1].split()[:2] for line in lines if line.split("|")[1].startswith(" 20")]
    assert len(stamps) > 20 and stamps == sorted(stamps), "not in the order of time"
    user.types("hermes-gateways logs default --grep 'telegram connected'", says="default")
    user.types("hermes-gateways logs twin --since 1h --error")


def go_on(user: User) -> None:
    """Restart all gateways, stop one, and disable one."""
    before = {name: row["pid"] for name, row in user.gateways().items()}
    user.types("hermes-gateways restart", says="restarted", never="failed")
    after = {name: row["pid"] for name, row in user.gateways().items()}
    assert all(after[name] and after[name] != before[name] for name in before), (before, after)
    assert all(Path(f"/proc/{pid}").exists() for pid in after.values())
    assert not [pid for pid in before.values() if Path(f"/proc/{pid}").exists()]
    user.types("hermes-gateways restart --stale", says="it runs the installed code")
    user.types("hermes-gateways stop night", says="stopped")
    user.types("hermes-gateways status", code=3)
    user.types("hermes-gateways status default work")
    user.types("hermes-gateways disable night")
    user.types("hermes-gateways status", says="night (disabled)")
    user.types("hermes-gateways enable night")
    user.types("hermes-gateways start", says="already-running|started")
    user.types("hermes-gateways status")


def stay_awake(user: User) -> None:
    """Check that awake holds a lock under systemd, and reports its reason elsewhere."""
    if not IS_SYSTEMD:
        user.types("hermes-gateways awake on", code=6)
        return
    user.types("hermes-gateways awake on", says="on")
    user.eventually("a lock while gateways run", held)
    user.types("hermes-gateways awake status", says="default")
    user.types("hermes-gateways awake off", says="off")
    user.eventually("no lock after `off`", lambda: not held())


def speak_hermes(user: User) -> None:
    """Run `hermes` through the shim, in a shell with its start file."""
    user.types("hermes-profiles shim install --shell bash", says="hermes")
    user.types("bash -ic 'hermes-profiles shim status'")
    user.types("bash -ic 'hermes profile list'", says="channels|twin|work|night")
    user.types("bash -ic 'hermes profile create kid --clone'", says="left behind|TELEGRAM_BOT_TOKEN")
    assert TOKEN not in (user.root / "profiles/kid/.env").read_text()
    user.types("bash -ic 'hermes -p twin config path'", says="profiles/twin/config.yaml")
    user.types("bash -ic 'hermes gateways status'", says="kid|none")
    user.types("hermes-profiles shim remove")
    for name, content in SHELL_FILES.items():
        assert (user.home / name).read_text() == content, name
    user.types("bash -ic 'hermes profile list'", says="Distribution")
    user.types("hermes -p night plugins enable hermes-profiles")
    user.types("hermes -p night gateways list", says="night|hermes-gateway-night", never="twin")


def take_off(user: User) -> None:
    """Remove everything hermes-profiles has installed."""
    user.types("hermes-gateways uninstall", says="uninstalled")
    for name in (*MADE, "kid"):
        user.types(f"hermes-profiles delete {name} --yes", says="trash")
    user.types("hermes-profiles trash empty --yes", says="deleted")
    user.types("hermes-profiles trash list", says="empty")
    user.types("pip uninstall --yes hermes-profiles", says="Successfully uninstalled")
    user.types("rm -r .hermes/profiles/.hermes-profiles")
    user.types("hermes-profiles", code=127)


def leave_nothing(user: User, before: Before) -> None:
    """Check that every remaining file existed before or belongs to Hermes."""
    user.eventually("the end of every process of ours", lambda: not user.processes().keys() - before.processes.keys())
    assert user.installed() == before.installed, user.installed() ^ before.installed
    now = user.files()
    changed = [path for path, found in before.files.items() if now.get(path) != found and not is_log(path)]
    assert changed == [], f"files of the user were changed: {changed}"
    added = [path for path in now.keys() - before.files.keys() if not is_legitimate(path, now[path])]
    assert added == [], f"files of ours were left: {sorted(added)}"
    user.types("hermes profile list", says="default", never="twin|work|night")
    if IS_SYSTEMD:
        user.types("systemctl --user list-units --all --no-legend 'hermes*'", never="hermes")
        user.types("systemctl --user list-unit-files --no-legend 'hermes*' || true", never="hermes")


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
            user.types("hermes profile list", says="default")
            before = Before(user.files(), user.installed(), user.processes())
            install(user)
            make_profiles(user)
            run_them(user, api)
            mend(user, api)
            look_back(user)
            go_on(user)
            stay_awake(user)
            speak_hermes(user)
            take_off(user)
            leave_nothing(user, before)
        except BaseException:
            user.end()
            raise
        finally:
            print(user.report())
    print("told")


if __name__ == "__main__":
    main()
