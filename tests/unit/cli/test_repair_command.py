"""`hermes-profiles repair`: one profile keeps each bot, the others lose it, one undo restores all."""

# ruff: noqa: E501  (a file of a case is one string)

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command_root import OPENAI, SLACK, TOKEN, CommandRoot, picture
from command_runner import Done, assert_no_canary
from gateway_root import GatewayRoot

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.profiles.channels import claimed_resources

APP = "xapp-CANARY-slack-000000000000"
CLONED = {
    ".env": f"# keys\nOPENAI_API_KEY={OPENAI}\nTELEGRAM_BOT_TOKEN={TOKEN}\nSLACK_BOT_TOKEN={SLACK}\nSLACK_APP_TOKEN={APP}\n",
    "config.yaml": "# mine\nmodel: gpt-5\nplatforms:\n  telegram:\n    enabled: true\n  slack: {enabled: true}\n",
    "SOUL.md": f"You are {TOKEN}.\n",
    "pairing/telegram-approved.json": "{}",
}
ROW = {"kind", "channel", "what", "owner", "losers", "left_alone", "reason", "sureness", "doubts", "fingerprints"}
PROFILE = {
    "profile", "channels", "removed", "disabled", "assigned", "masked", "redacted", "trashed", "left", "kept", "logins",
}  # fmt: skip


@pytest.fixture
def root(bare: CommandRoot) -> CommandRoot:
    """A root whose two named profiles are complete copies of default."""
    for name in ("default", "work", "family"):
        bare.make(name, CLONED)
    return bare


def times(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return kinds, modes, bytes and mtimes of a root without the state folder."""
    found = {}
    for path, seen in picture(folder, without=(".hermes-profiles",)).items():
        status = os.lstat(folder / path)
        found[path] = (*seen, status.st_mtime_ns if not (folder / path).is_dir() else None)
    return found


def channels(world: CommandRoot, name: str) -> tuple[str, ...]:
    return claimed_resources(world.home(name), catalog=load_catalog()).channels


def holders(world: CommandRoot, *values: str) -> dict[str, list[str]]:
    """Return value → profiles whose files contain it."""
    names = ["default", "work", "family"]
    found: dict[str, list[str]] = {value: [] for value in values}
    for name in names:
        home = world.home(name)
        texts = [
            path.read_bytes()
            for path in home.rglob("*")
            if path.is_file() and not (name == "default" and "profiles" in path.parts)
        ]
        for value in values:
            if any(value.encode() in text for text in texts):
                found[value].append(name)
    return found


def shared(done: Done) -> dict[str, tuple[str, list[str]]]:
    return {row["channel"]: (row["owner"], row["losers"]) for row in done.data["shared"]}


def test_repair_keeps_one_owner_per_bot_and_undo_restores_all(root: CommandRoot) -> None:
    before = times(root.root)
    done = root.ok("repair", "--yes", "--json")
    assert {name: (owner, set(losers)) for name, (owner, losers) in shared(done).items()} == {
        "slack": ("default", {"work", "family"}), "telegram": ("default", {"work", "family"}),
    }  # fmt: skip
    assert holders(root, TOKEN, SLACK, APP, OPENAI) == {
        TOKEN: ["default"],
        SLACK: ["default"],
        APP: ["default"],
        OPENAI: ["default", "work", "family"],
    }
    assert [channels(root, name) for name in ("default", "work", "family")] == [("slack", "telegram"), (), ()]
    for name in ("work", "family"):
        home = root.home(name)
        assert (home / ".env").read_text() == f"# keys\nOPENAI_API_KEY={OPENAI}\n"
        assert (home / "config.yaml").read_text() == CLONED["config.yaml"].replace("true", "false")
        assert not (home / "pairing/telegram-approved.json").exists()
    after = times(root.root)
    assert {path: seen for path, seen in after.items() if not path.startswith("profiles")} == {
        path: seen for path, seen in before.items() if not path.startswith("profiles")
    }, "a file of the owner was changed"
    (entry,) = root.journal()
    assert entry["id"] == done.data["change"]
    root.ok("undo")
    assert times(root.root) == before


def test_dry_run_shows_each_step_and_changes_nothing(root: CommandRoot) -> None:
    done = root.unchanged_by("repair", "--dry-run", "--json")
    assert done.code == 0 and not root.state.exists() and "change" not in done.data
    steps = {(step["kind"], Path(step["target"]).name) for step in done.data["plan"]}
    assert steps >= {
        ("replace", ".env"),
        ("replace", "config.yaml"),
        ("replace", "SOUL.md"),
        ("move", "telegram-approved.json"),
    }
    wet = root.ok("repair", "--yes", "--json").data
    for key in ("profiles", "next_steps"):
        assert wet[key] == done.data[key], "the run differs from the dry run"
    plain = root.unchanged_by("repair", "--dry-run")
    assert plain.code == 0 and "nothing to do" in plain.stdout


def test_repair_text_names_identity_owner_reason_and_next_step(root: CommandRoot) -> None:
    text = root.ok("repair", "--dry-run").stdout
    for words in ("token of telegram is held by default, ", "default keeps it: it is the default profile", "(guess)",
        "but no evidence of use was found", "--owner telegram=PROFILE", "work would lose slack, telegram", ".env:3",
        "TELEGRAM_BOT_TOKEN", "SOUL.md:1", "to the trash", "switched off:",
        "hermes-profiles connect work telegram", "dry run: nothing was changed"):  # fmt: skip
        assert words in text, words
    done = root.ok("repair", "--yes")
    assert "work loses slack, telegram" in done.stdout and "nothing is shared any more" in done.stdout
    change = root.journal()[0]["id"]
    assert f"hermes-profiles undo {change}" in done.stdout


def test_repeated_repair_changes_nothing(root: CommandRoot) -> None:
    root.ok("repair", "--yes")
    done = root.unchanged_by("repair", "--yes", "--json")
    assert done.code == 0 and done.data["shared"] == done.data["profiles"] == done.data["next_steps"] == []
    assert len(root.journal()) == 1
    assert "nothing to do" in root.unchanged_by("repair").stdout, "no prompt without a change"


def test_repair_without_terminal_is_not_confirmed(root: CommandRoot) -> None:
    done = root.call("repair")
    assert done.code == 6 and "repair --yes" in done.stderr and root.journal() == []
    assert holders(root, TOKEN)[TOKEN] == ["default", "work", "family"]


def test_repair_with_profiles_changes_only_those(root: CommandRoot) -> None:
    before = times(root.home("family"))
    done = root.ok("repair", "work", "--yes", "--json")
    assert [row["profile"] for row in done.data["profiles"]] == ["work"] and done.data["remaining"] == []
    assert all(row["left_alone"] == ["family"] for row in done.data["shared"])
    assert times(root.home("family")) == before and channels(root, "work") == ()
    assert "left alone, for you did not name them: family" in root.ok("repair", "default", "--dry-run").stdout
    assert root.call("repair", "nobody").code == 5


def test_repair_with_owner_option_keeps_that_owner(root: CommandRoot) -> None:
    done = root.ok("repair", "--owner", "telegram=work", "--yes", "--json")
    assert shared(done)["telegram"][0] == "work" and shared(done)["slack"][0] == "default"
    assert [channels(root, name) for name in ("default", "work", "family")] == [("slack",), ("telegram",), ()]
    (row,) = [row for row in done.data["shared"] if row["channel"] == "telegram"]
    assert (row["reason"], row["sureness"]) == ("--owner names it", "certain")
    assert root.ok("repair", "--owner", "telegram=work", "--yes", "--json").data["shared"] == []


@pytest.mark.parametrize(("words", "code", "message"), [
    (("--owner", "telegram"), 2, "--owner telegram=work"), (("--owner", "=work"), 2, "--owner telegram=work"),
    (("--owner", "telegramm=work"), 2, "hermes-profiles catalog"), (("--owner", "telegram=nobody"), 5, "no profile"),
    (("--owner", "telegram=other"), 2, "default, "), (("--channel", "x"), 2, "hermes-profiles catalog"),
])  # fmt: skip
def test_repair_with_invalid_arguments_is_refused(
    root: CommandRoot, words: tuple[str, ...], code: int, message: str
) -> None:
    root.make("other", {".env": "A=1\n"})
    done = root.unchanged_by("repair", "--yes", *words)
    assert done.code == code and message in done.stderr, done


def test_repair_with_channel_changes_only_that_channel(root: CommandRoot) -> None:
    done = root.ok("repair", "--channel", "Telegram", "--yes", "--json")
    assert set(shared(done)) == {"telegram"} and channels(root, "work") == ("slack",)
    assert (
        root.home("work") / ".env"
    ).read_text() == f"# keys\nOPENAI_API_KEY={OPENAI}\nSLACK_BOT_TOKEN={SLACK}\nSLACK_APP_TOKEN={APP}\n"


def test_repair_removes_disabled_copy(bare: CommandRoot) -> None:
    bare.make(
        "default", {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "config.yaml": "platforms: {telegram: {enabled: false}}\n"}
    )
    bare.make(
        "work", {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "config.yaml": "platforms: {telegram: {enabled: true}}\n"}
    )
    done = bare.ok("repair", "--yes", "--json")
    assert shared(done) == {"telegram": ("work", ["default"])} and done.data["shared"][0]["kind"] == "copy"
    assert TOKEN not in (bare.root / ".env").read_text()


def test_removed_login_names_login_command(bare: CommandRoot) -> None:
    auth = json.dumps({"providers": {"nous": {"refresh_token": "CANARY-refresh-12345"}}})
    bare.make("default", {".env": ""})
    for name in ("family", "work"):
        bare.make(name, {".env": "", "auth.json": auth})
    os.utime(bare.home("work") / "auth.json", (2e9, 2e9))
    done = bare.ok("repair", "--yes", "--json")
    assert shared(done) == {"nous": ("work", ["family"])}
    assert json.loads((bare.home("family") / "auth.json").read_text()) == {"providers": {}}
    assert "log family in with nous again: hermes -p family auth add nous" in done.data["next_steps"]
    bare.ok("undo")
    bare.make("default", {"auth.json": auth})
    done = bare.ok("repair", "--owner", "nous=default", "--yes", "--json")
    assert done.data["next_steps"] == [], "a profile without a login uses the root's"


def test_repair_assigns_separate_ports_and_keys(bare: CommandRoot) -> None:
    for name in ("default", "work", "family"):
        bare.make(name, {".env": "API_SERVER_KEY=CANARY-0123456789abcdef\nWEBHOOK_ENABLED=true\n"})
    done = bare.ok("repair", "--yes", "--json")
    ports = [
        claim.port
        for name in ("default", "work", "family")
        for claim in claimed_resources(bare.home(name), catalog=load_catalog()).ports
    ]
    assert len(set(ports)) == 6 and {8642, 8644} <= set(ports)
    keys = {
        (bare.home(name) / ".env").read_text().split("API_SERVER_KEY=")[1].split("\n")[0]
        for name in ("default", "work", "family")
    }
    assert len(keys) == 3 and not any(key in json.dumps(done.json) for key in keys), "a fresh key is also a secret"
    assert any("new port" in step for step in done.data["next_steps"])


def test_repair_with_unreadable_profile_repairs_the_others(root: CommandRoot) -> None:
    (root.home("family") / "config.yaml").write_text(f"platforms:\n  telegram: [{TOKEN}\n")
    before = times(root.home("family"))
    done = root.call("repair", "--yes", "--json")
    assert done.code == 1 and done.json["status"] == "partial" and channels(root, "work") == ()
    assert done.problem["target"] == "family" and "config.yaml:" in done.problem["message"]
    assert times(root.home("family")) == before and {row["channel"] for row in done.data["remaining"]} == {
        "slack",
        "telegram",
    }


def test_repair_ignores_shell_variables(root: CommandRoot) -> None:
    done = root.call("repair", "work", "--yes", "--json", env={"TELEGRAM_BOT_TOKEN": TOKEN})
    assert done.code == 0 and done.data["profiles"][0]["masked"] == ["TELEGRAM_BOT_TOKEN"]
    assert (root.home("work") / ".env").read_text().endswith("TELEGRAM_BOT_TOKEN=\n")


def test_bot_that_a_profile_has_through_the_managed_folder_is_shared(bare: CommandRoot) -> None:
    folder = bare.user / "managed"
    folder.mkdir()
    (folder / ".env").write_text(f"FAMILY_BOT={TOKEN}\n")
    bare.make("work", {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"})
    bare.make("family", {".env": "TELEGRAM_BOT_TOKEN=${FAMILY_BOT}\nA=1\n"})
    words = ("repair", "--yes", "--json", "--owner", "telegram=work")
    done = bare.call(*words, env={"HERMES_MANAGED_DIR": str(folder)})
    assert done.code == 0 and [row["profile"] for row in done.data["profiles"]] == ["family"]
    assert (bare.home("family") / ".env").read_text() == "A=1\n"


def test_managed_folder_is_reported(root: CommandRoot) -> None:
    folder = root.user / "managed"
    folder.mkdir()
    (folder / ".env").write_text(f"DISCORD_BOT_TOKEN={TOKEN}\n")
    done = root.call("repair", "--dry-run", "--json", env={"HERMES_MANAGED_DIR": str(folder)})
    assert done.code == 0 and "managed-identity" in {one["code"] for one in done.json["warnings"]}


def test_skipped_places_are_reported(root: CommandRoot) -> None:
    with sqlite3.connect(root.home("work") / "state.db") as db:
        db.execute("create table t (x)")
        db.execute("insert into t values (?)", (TOKEN,))
    db.close()
    done = root.ok("repair", "--yes")
    assert "state.db" in done.stdout and "a database, not rewritten" in done.stdout


def test_nothing_shared_message_is_limited_to_readable_profiles(root: CommandRoot) -> None:
    root.ok("repair", "--yes")
    assert "what another one has\n" in root.ok("repair").stdout
    (root.home("work") / "config.yaml").write_text("model: [unclosed\n")
    done = root.ok("repair")
    assert "what another one has in what could be read\n" in done.stdout and "config.yaml" in done.stderr
    assert root.ok("repair", "--json").data["unread"]


def test_repair_json_matches_contract(root: CommandRoot) -> None:
    done = root.ok("repair", "--yes", "--json")
    assert set(done.data) == {"dry_run", "shared", "profiles", "remaining", "unread", "next_steps", "change"}
    assert all(set(row) == ROW for row in done.data["shared"]) and all(
        set(row) == PROFILE for row in done.data["profiles"]
    )
    plain = {hashlib.sha256(value.encode()).hexdigest()[:n] for value in (TOKEN, APP, SLACK) for n in (8, 16)}
    assert all(len(each) == 8 and each not in plain for row in done.data["shared"] for each in row["fingerprints"])
    assert not any(each in json.dumps(done.json) for each in plain), "a hash of a value was printed"
    assert_no_canary(b"".join(path.read_bytes() for path in (root.state / "journal").glob("*.json")), "the journal")


def test_running_gateway_keeps_its_bot_and_others_need_restart(fleet: GatewayRoot) -> None:
    for name in ("default", "work", "night"):
        fleet.make(name, CLONED)
    processes = [fleet.by_hand("work"), fleet.by_hand("night")]
    try:
        lock = (
            fleet.user
            / ".local/state/hermes/gateway-locks"
            / f"telegram-bot-token-{hashlib.sha256(TOKEN.encode()).hexdigest()[:16]}.lock"
        )
        lock.parent.mkdir(parents=True)
        lock.write_text((fleet.home("night") / "gateway.pid").read_text())
        done = fleet.call("repair", "--yes", "--json")
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)
    assert done.code == 0, done
    rows = {row["channel"]: row for row in done.data["shared"]}
    assert rows["telegram"]["owner"] == "night" and rows["telegram"]["sureness"] == "certain"
    assert "the gateway of work also runs with it" in rows["telegram"]["doubts"]
    # That other gateways run is no certain evidence: default keeps its bot.
    assert rows["slack"]["owner"] == "default" and set(rows["slack"]["losers"]) == {"work", "night"}
    assert "the gateway of work runs with it" in rows["slack"]["doubts"]
    assert done.data["next_steps"][0].startswith("restart the gateways that lost a channel: hermes-gateways restart ")
    assert "work" in done.data["next_steps"][0] and "default" not in done.data["next_steps"][0]


def test_repair_on_terminal_prompts(root: CommandRoot) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    process = root.process("repair", stdin=slave, stderr=slave)
    os.close(slave)
    os.write(master, b"yes\n")
    out = process.communicate(timeout=60)[0].decode()
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        seen += part
        if not part:
            break
    os.close(master)
    assert (
        process.returncode == 0
        and b"token of telegram [" in seen
        and b"work would lose" in seen
        and b"type 'yes' to go on" in seen
    )
    assert "nothing is shared any more" in out and channels(root, "work") == ()
    assert_no_canary(seen + out.encode(), "the question")


def test_json_of_an_empty_root(bare: CommandRoot) -> None:
    assert bare.call("repair", "--json").code == 5
    bare.make("default", {".env": ""})
    done: Any = bare.ok("repair", "--json")
    assert done.data["shared"] == []
