"""The command contract: help, runnable examples, the envelope, exit codes."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
from command_root import CommandRoot
from openclaw_install import files_of_examples

from hermes_profiles.cli.command_table import HERMES_PROFILES
from hermes_profiles.cli.framework.app import load_command

ENVELOPE = {"schema", "command", "status", "exit_code", "data", "warnings", "errors"}
PROBLEM = {"code", "message", "target", "hint"}
CLONE = {"profile", "source", "path", "dry_run", "env", "config", "files", "login_again", "next_steps"}
ADDED_TO_CLONE = {"alias", "change"}
LIST_ROW = {
    "name", "path", "is_default", "is_active", "model", "provider", "alias", "description", "disabled", "gateway",
    "channels", "team", "lead", "leads", "remarks",
}  # fmt: skip


COMMANDS = HERMES_PROFILES.commands


def _commands() -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name in COMMANDS:
        target = load_command(HERMES_PROFILES, name)
        if isinstance(target, typer.Typer):
            for command in target.registered_commands:
                found[name, str(command.name)] = command.callback
        else:
            found[name,] = target
    return found


ALL = _commands()
EXAMPLES = [(words, line) for words, function in ALL.items() for line in function.examples]


def test_all_documented_commands_exist() -> None:
    wanted = (
        "alias catalog clone config create delete demo diff env explain list rename restore show sync trash undo use"
    )
    assert set(COMMANDS) >= set(wanted.split())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_has_summary_and_examples(bare: CommandRoot, words: tuple[str, ...]) -> None:
    done = bare.call(*words, "--help")
    assert done.code == 0 and done.stderr == ""
    assert ALL[words].__doc__.split("\n")[0].split(".")[0].split(":")[0][:60] in " ".join(done.stdout.split())
    for line in ALL[words].examples:
        assert line in done.stdout, "an example was wrapped or is missing"
    assert bare.call(*words, "-h").stdout == done.stdout


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_answers_in_json_and_every_change_has_a_dry_run(
    bare: CommandRoot, words: tuple[str, ...]
) -> None:
    text = bare.call(*words, "--help").stdout
    assert "--json" in text
    looking = {("list",), ("show",), ("explain",), ("catalog",), ("demo",), ("trash", "list"), ("config", "get"),
        ("env", "list"), ("diff",), ("completion",), ("shim", "status"),
        ("team", "list"), ("team", "show"), ("team", "check"), ("backup", "list"), ("backup", "verify")}  # fmt: skip
    assert ("--dry-run" in text) == (words not in looking)


def test_help_of_the_program_lists_commands_and_exit_codes(bare: CommandRoot) -> None:
    text = bare.ok("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert all(f"{code} " in text for code in (0, 1, 2, 5, 6, 130))
    assert re.fullmatch(r"hermes-profiles \d+\.\d+.*\n", bare.ok("--version").stdout)


@pytest.fixture
def prepared(world: CommandRoot) -> CommandRoot:
    """A root in which every example of the help can run."""
    world.ok("clone", "default", "work", "--no-alias")
    return world


@pytest.mark.parametrize(("words", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_every_example_runs(
    prepared: CommandRoot, words: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, given = prepared, shlex.split(line)[1:]
    if words[0] in ("export", "import", "backup"):
        return  # they write and read files: test_archive_commands.py and test_backup_commands.py run them
    if words == ("team", "run-mode") and given[-1] in ("multiplex", "processes"):
        return  # starts gateways: test_team_mode.py runs it with stand-ins
    if words == ("create",) or "clone default work" in line:
        world.ok("delete", "work", "--yes")
    if words == ("restore",):
        world.ok("delete", "work", "--yes")
    if words[0] == "team" and words[1] != "create":
        world.ok("team", "create", "weixin", "--members", "anna,bob")
        world.ok("team", "create", "family", "--members", "ann")
    if words == ("team", "import"):
        files_of_examples(world.user)
    if words == ("demo",):  # its gateways have a separate test
        given.append("--no-gateways")
        if "--keep" in given:  # the other example asks Hermes about each profile
            monkeypatch.setattr("hermes_profiles.cli.commands.demo.demo._ask_hermes", lambda *_: None)
    if "--remove" in given:
        world.ok("alias", "work")
    if words == ("delete",) and len(given) == 2:
        done = world.call(*given)
        assert done.code == 6 and "--yes" in done.stderr, "needs --yes without a terminal"
        return
    typed = "CANARY-typed\n" if words == ("env", "set") or "--account-id" in given else ""
    if words == ("connect",) or "--connect" in given:  # no call to the platform, no gateway
        given = [
            *(word for word in given[: given.index("<") if "<" in given else None] if word != "--start"),
            "--offline",
        ]
        typed = "7100000009:CANARYtelegramCANARYtelegramCANARY9"
        if "slack" in given:
            typed = "SLACK_BOT_TOKEN=xoxb-CANARY-slack-000000000009\nSLACK_APP_TOKEN=xapp-1-CANARY-slack-app-9\n"
    env = {"SHELL": "/bin/bash"} if words[0] == "shim" else {}
    done = world.call(*given[: given.index("<") if "<" in given else None], typed=typed, env=env)
    # The database of this root is invalid, and the doctor reports it.
    assert done.code in ((0, 3) if words == ("doctor",) else (0,)), done


@pytest.mark.parametrize("given", [("list", "--home", ""), (), ("frob",), ("clone",), ("clone", "default"),
    ("list", "--bogus"),
    ("--bogus",), ("trash",), ("trash", "frob"), ("trash", "empty", "--older-than", "x"), ("show",),
    ("trash", "empty", "--older-than", "-1"), ("list", "extra"), ("clone", "default", "work", "third"),
    ("create", "work", "--keep"), ("create", "work", "--clone", "--clone-channels", "--strict-prefix"),
    ("create", "work", "--keep", "A", "--drop", "A", "--clone")], ids=" ".join)  # fmt: skip
def test_usage_error_with_json_is_json_and_exits_2(world: CommandRoot, given: tuple[str, ...]) -> None:
    done = world.call(*given, "--json") if len(given) < 3 else world.call(*given[:1], "--json", *given[1:])
    envelope = done.json
    assert done.code == 2 and envelope["exit_code"] == 2 and envelope["status"] == "error"
    assert set(envelope) == ENVELOPE and envelope["data"] == {} and done.stderr == ""
    assert set(done.problem) == PROBLEM and "usage:" not in done.problem["message"].lower()
    if not given:  # without any argument it shows what there is
        return
    plain = world.call(*given)
    assert plain.code == 2 and plain.stdout == "" and plain.stderr


@pytest.mark.parametrize("given", [("frob",), ("--home", "x", "list"), ("trash", "frob"), ("trash", "list", "--bogus"),
    ("clone",), ("--bogus",)], ids=" ".join)  # fmt: skip
def test_hint_of_a_usage_error_works(world: CommandRoot, given: tuple[str, ...]) -> None:
    (command,) = re.findall(r"`(.*)`", world.call(*given, "--json").problem["hint"])
    assert world.ok(*shlex.split(command)[1:]).stdout.startswith("Usage:")


def test_clone_json_matches_contract(world: CommandRoot) -> None:
    dry = world.ok("clone", "default", "work", "--dry-run", "--json", env={"WEIXIN_TOKEN": "CANARY-inherited"})
    wet = world.ok("clone", "default", "work", "--json", env={"WEIXIN_TOKEN": "CANARY-inherited"})
    for done, more in ((dry, {"plan"}), (wet, set())):
        envelope, data = done.json, done.data
        assert set(envelope) == ENVELOPE and envelope["schema"] == "hermes-profiles/1"
        assert envelope["command"] == ["clone"] and envelope["status"] == "success"
        assert CLONE <= set(data) <= CLONE | ADDED_TO_CLONE | more
        assert set(data["env"]) == {"kept", "removed", "assigned", "masked"}
        assert all(set(r) == {"name", "file", "line", "channel", "class", "reason"} for r in data["env"]["removed"])
        assert set(data["config"]) == {"removed", "disabled"} and set(data["files"]) == {
            "copied",
            "left_behind",
            "redacted",
            "named",
        }
        assert all(set(r) == {"file", "path", "line", "channel", "reason"} for r in data["config"]["removed"])
        assert all(set(row) == {"path", "reason"} for row in data["files"]["left_behind"])
        assert all(set(row) == {"path", "line", "name"} for row in data["files"]["redacted"])
        assert data["env"]["removed"] and data["config"]["removed"] and data["files"]["redacted"]
        assert data["env"]["masked"] == ["WEIXIN_TOKEN"] and "OPENAI_API_KEY" in data["env"]["kept"]
    assert {k: v for k, v in dry.data.items() if k not in ("dry_run", "plan")} == {
        k: v for k, v in wet.data.items() if k not in ("dry_run", "change")
    }


def test_create_answers_with_the_keys_of_clone(world: CommandRoot) -> None:
    for more in ([], ["--clone"]):
        envelope = world.ok("create", f"work{len(more)}", "--json", *more).json
        assert envelope["command"] == ["create"] and CLONE <= set(envelope["data"]) <= CLONE | ADDED_TO_CLONE
        assert set(envelope["data"]["env"]) == {"kept", "removed", "assigned", "masked"}


def test_assigned_secret_is_null_and_a_port_is_not(world: CommandRoot) -> None:
    with (world.root / ".env").open("a") as file:
        file.write("API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-api-server-key-0123456789\n")
    data = world.ok("clone", "default", "work", "--json").data
    assigned = {row["name"]: row["value"] for row in data["env"]["assigned"]}
    assert assigned["API_SERVER_KEY"] is None and int(assigned["API_SERVER_PORT"]) > 1024
    fresh = re.search(r"^API_SERVER_KEY=(.*)$", (world.home("work") / ".env").read_text(), re.M)
    assert fresh is not None and fresh[1] not in str(data) and len(fresh[1]) >= 16


def test_list_json_matches_contract(world: CommandRoot) -> None:
    world.ok("create", "work", "--description", "for the team")
    envelope = world.ok("list", "--json").json
    assert set(envelope) == ENVELOPE and set(envelope["data"]) == {"profiles"}
    assert all(set(row) == LIST_ROW for row in envelope["data"]["profiles"])
    assert all(set(row["gateway"]) == {"state", "pid"} for row in envelope["data"]["profiles"])
    assert world.listed("default") == {
        "name": "default", "path": str(world.root), "is_default": True, "is_active": True, "model": "gpt-5",
        "provider": "openai", "alias": None, "description": "", "disabled": False,
        "gateway": {"state": "stopped", "pid": None}, "channels": ["slack", "telegram"],
        "team": None, "lead": None, "leads": [], "remarks": [],
    }  # fmt: skip
    assert world.listed("work")["description"] == "for the team" and world.listed("work")["alias"] == "work"


def test_show_agrees_with_list(world: CommandRoot) -> None:
    shown = world.ok("show", "default", "--json").data
    listed = world.listed("default")
    assert {name: shown[name] for name in listed} == listed
    assert {"name", "file", "line", "set", "channel", "class"} == set(shown["keys"][0])


@pytest.mark.parametrize(("given", "code", "error"), [
    (("list",), 0, None),
    (("show", "nobody"), 5, "not-found"),
    (("clone", "nobody", "work"), 5, "not-found"),
    (("use", "nobody"), 5, "not-found"),
    (("rename", "nobody", "other"), 5, "not-found"),
    (("delete", "nobody", "--yes"), 5, "not-found"),
    (("restore", "nobody"), 5, "not-found"),
    (("alias", "nobody"), 5, "not-found"),
    (("alias", "default", "--remove"), 5, "not-found"),
    (("explain", "NOT_KNOWN_AT_ALL"), 5, "not-found"),
    (("catalog", "nothing"), 5, "not-found"),
    (("trash", "empty", "nothing", "--yes"), 5, "not-found"),
    (("undo",), 5, "no-such-change"),
    (("undo", "20200101T000000Z-0000"), 5, "no-such-change"),
    (("delete", "default", "--yes"), 6, "default-profile"),
    (("rename", "default", "other"), 6, "default-profile"),
    (("create", "default"), 2, "reserved-name"),
    (("alias", "default", "--name", "chat"), 2, "reserved-name"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)  # fmt: skip
def test_exit_codes(world: CommandRoot, given: tuple[str, ...], code: int, error: str | None) -> None:
    before = world.picture(world.root)
    done = world.call(*given, "--json")
    assert done.code == code == done.json["exit_code"]
    if error is not None:
        assert done.problem["code"] == error and done.problem["hint"]
        message = done.problem["message"]
        assert not message.endswith(".") and message[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        assert world.picture(world.root) == before


def test_existing_target_is_refused(world: CommandRoot) -> None:
    world.ok("create", "work")
    for given in (("create", "work"), ("clone", "default", "work"), ("rename", "work", "work")):
        done = world.unchanged_by(*given, "--json")
        assert done.code == 6 and done.problem["code"] == "exists"


def test_unreadable_document_stops_clone(world: CommandRoot) -> None:
    (world.root / "config.yaml").write_text("model: gpt\nplatforms: [unclosed\n")
    done = world.unchanged_by("clone", "default", "work", "--json", "--dry-run")
    assert done.code == 1 and f"{world.root}/config.yaml:" in done.problem["message"]
    assert world.call("clone", "default", "work").code == 1 and not world.home("work").exists()
    done = world.call("clone", "default", "work", "--skip-unreadable", "--json")
    assert done.code == 0 and "config.yaml" in [row["path"] for row in done.data["files"]["left_behind"]]
