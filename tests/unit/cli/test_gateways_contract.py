"""The command contract of `hermes-gateways`: help, runnable examples, the envelope, exit codes.

Read commands and dry runs change nothing.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
from gateway_root import TOKEN, GatewayRoot

from hermes_profiles.cli.command_table import HERMES_GATEWAYS
from hermes_profiles.cli.framework.app import load_command

ENVELOPE = {"schema", "command", "status", "exit_code", "data", "warnings", "errors"}
PROBLEM = {"code", "message", "target", "hint"}
OUTCOME = {"profile", "outcome", "detail", "pid", "masked_channels", "log", "remarks"}
STATUS = {"topology", "server", "alone", "standalone_reason", "manager", "gateways", "conflicts", "unfinished_switch"}
ROW = {
    "profile", "state", "detail", "pid", "uptime_s", "rss_bytes", "open_files", "open_files_limit", "restarts",
    "last_exit", "disabled", "groups", "service", "channels", "masked_channels", "api", "disagreement",
    "served_by", "parked", "standalone", "unserved", "remarks", "last_change",
}  # fmt: skip
SERVICE = {"manager", "name", "path", "scope", "installed", "enabled", "active"}


COMMANDS = HERMES_GATEWAYS.commands


def _functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in COMMANDS:
        target = load_command(HERMES_GATEWAYS, name)
        if isinstance(target, typer.Typer):
            found |= {f"{name} {each.name}": each.callback for each in target.registered_commands}
        else:
            found[name] = target
    return found


ALL = _functions()
# `awake on` needs a systemd of the user, `watch on` starts a process, `--watch` needs a terminal, `logs -f`,
# `events -f`, `--listen` and `run` do not end, `<` needs a file: test_awake_live.py, test_events_command.py,
# test_status_watch.py, test_logs_command.py, test_metrics.py, test_foreground_fleet.py and test_alert_command.py run
# them. Places and moves need another root, `status --check` a running supervisord: test_place_command.py,
# test_in_places.py, test_move_command.py and test_render_command.py run them.
EXAMPLES = [
    (name, line) for name, function in ALL.items() for line in function.examples
    if not line.startswith(("hermes-gateways awake on", "hermes-gateways watch on", "hermes-gateways run"))
    and "--watch" not in line and " -f" not in line and " < " not in line
    and "--listen" not in line and not name.startswith(("move", "place "))
    and "--place" not in line and "--check" not in line
]  # fmt: skip


def test_all_documented_gateway_commands_exist() -> None:
    wanted = "alert awake disable enable events group history install list logs metrics move place print render reset"
    assert " ".join(sorted(COMMANDS)) == f"{wanted} restart run stage start status stop uninstall upgrade-check watch"


@pytest.mark.parametrize("name", ALL)
def test_help_has_summary_and_examples(fleet: GatewayRoot, name: str) -> None:
    done = fleet.gok(*name.split(), "--help")
    assert done.stderr == "" and "--json" in done.stdout and "--home" in done.stdout
    assert " ".join(ALL[name].__doc__.split())[:50] in " ".join(done.stdout.split())
    assert ALL[name].examples and all(line in done.stdout for line in ALL[name].examples), "an example was wrapped"
    reading = (
        "status", "list", "logs", "print", "upgrade-check", "events", "history", "metrics", "alert list", "run",
        "place list", "place show",
    )  # fmt: skip
    assert ("--dry-run" in done.stdout) == (name not in reading)


def test_help_of_the_program_lists_commands_and_exit_codes(fleet: GatewayRoot) -> None:
    text = fleet.gok("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS) and "prestart" not in text and "awake-hold" not in text
    assert all(f"{code} " in text for code in (0, 1, 2, 3, 4, 5, 6, 130))
    for line in re.findall(r"^  (hermes-gateways .*?)(?:  .*)?$", text, re.M):
        assert shlex.split(line)[1] in COMMANDS
    assert re.fullmatch(r"hermes-gateways \d+\.\d+.*\n", fleet.gok("--version").stdout)


def _prepare(fleet: GatewayRoot, name: str) -> None:
    """Prepare a root in which the examples of a command can run."""
    fleet.profile("dad", "family", "kid", "mum")
    if name in ("start", "stop", "restart", "reset", "uninstall"):
        fleet.gok("install", "work", "family")
    if name in ("restart", "stop", "reset"):
        fleet.gok("start", "work")
    if name == "alert":
        fleet.gok("alert", "add", "phone", "--exec", "true")
    fleet.gok("group", "family", "work")


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_every_example_runs(fleet: GatewayRoot, name: str, line: str) -> None:
    words = shlex.split(line)[1:]
    _prepare(fleet, words[0])
    done = fleet.gateways(*words, "--json")
    if name in ("logs", "events"):  # an object per line; none exists yet
        assert (done.code, done.stdout) == (0, "")
        return
    assert done.code == 0 and done.json["status"] == "success", done


@pytest.mark.parametrize("given", [
    (), ("frob",), ("--bogus",), ("status", "--bogus"), ("enable",), ("group", "--remove", "x"), ("print",), ("reset",),
    ("print", "work", "night"), ("start", "--jobs", "0"), ("start", "--jobs", "x"), ("stop", "--timeout", "0"),
    ("start", "--on-conflict", "frob"), ("status", "--manager", "frob"), ("status", "Not A Name"),
    ("install", "--memory", "1M"), ("install", "--cpu", "much"), ("install", "work", "--env", "not-a-name=1"),
    ("install", "--boot-stagger", "-1"), ("install", "--system", "--start"), ("group", " ", "work"),
    ("status", "--home", ""), ("awake", "frob"), ("awake", "off", "--lid"), ("awake", "on", "--display"),
], ids=" ".join)  # fmt: skip
def test_usage_error_with_json_is_json_and_exits_2(fleet: GatewayRoot, given: tuple[str, ...]) -> None:
    done = fleet.untouched_by(*given[:1], "--json", *given[1:])
    assert done.code == 2 and done.json["exit_code"] == 2 and done.json["status"] == "error"
    assert set(done.json) == ENVELOPE and done.json["data"] == {} and done.stderr == ""
    assert set(done.problem) == PROBLEM and done.problem["hint"] and "usage:" not in done.problem["message"].lower()
    if not given:  # without any argument it shows what there is
        return
    plain = fleet.gateways(*given)
    assert plain.code == 2 and plain.stdout == "" and plain.stderr


@pytest.mark.parametrize(("given", "code", "error"), [
    (("status",), 0, None),
    (("list",), 0, None),
    (("stop",), 0, None),
    (("uninstall",), 0, None),
    (("restart",), 0, None),
    (("status", "nobody"), 5, "not-found"),
    (("list", "--except", "nobody"), 5, "not-found"),
    (("status", "--group", "nobody"), 5, "no-group"),
    (("start",), 5, "no-service"),
    (("start", "work"), 5, "no-service"),
    (("reset", "work"), 5, "no-service"),
    (("start", "--owner", "nobody"), 5, "not-found"),
    (("install", "nobody"), 5, "not-found"),
    (("print", "nobody"), 5, "not-found"),
    (("enable", "nobody"), 5, "not-found"),
    (("disable", "nobody"), 5, "not-found"),
    (("group", "family", "nobody"), 5, "not-found"),
    (("uninstall", "nobody"), 5, "not-found"),
    (("watch",), 0, None),
    (("watch", "off"), 0, None),
    (("history", "nobody"), 5, "not-found"),
    (("awake",), 0, None),
    (("awake", "off"), 0, None),
    (("awake", "on"), 6, "supervisor"),
    (("awake", "on", "--dry-run"), 6, "supervisor"),
    (("install", "--python", "/nowhere/python"), 5, "no-hermes"),
    (("install", "work", "--env", "TELEGRAM_BOT_TOKEN=x"), 6, "secret-in-service"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)  # fmt: skip
def test_exit_codes_of_read_commands(fleet: GatewayRoot, given: tuple[str, ...], code: int, error: str | None) -> None:
    done = fleet.untouched_by(*given, "--json")
    assert done.code == code == done.json["exit_code"], done
    assert done.json["command"] == [given[0]] and set(done.json) == ENVELOPE
    if error is not None:
        assert done.problem["code"] == error and done.problem["hint"]
        message = done.problem["message"]
        assert not message.endswith(".") and message[0] not in "ABCDEFGHIJKLMNOPQRSVWXYZ"


def test_root_without_profiles_is_not_found(fleet: GatewayRoot) -> None:
    for command in ("status", "list", "start", "stop", "restart", "install", "uninstall"):
        done = fleet.untouched_by(command, "--home", str(fleet.user / "nowhere"), "--json")
        assert done.code == 5 and done.problem["code"] == "no-root"


def test_every_row_of_status_and_list_has_all_keys(fleet: GatewayRoot) -> None:
    fleet.profile("work", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\nAPI_SERVER_ENABLED=true\nAPI_SERVER_PORT=18642\n")
    fleet.gok("install", "work", "--start")
    for command in ("status", "list"):
        done = fleet.untouched_by(command, "--json")
        more = {"accounts"} if command == "status" else set()
        assert set(done.data) == STATUS | more
        assert done.data["topology"] == "per-profile" and done.data["manager"] == "supervisor"
        assert [row["profile"] for row in done.data["gateways"]] == ["default", "night", "work"]
        for row in done.data["gateways"]:
            assert set(row) == ROW and set(row["service"]) == SERVICE
            assert all(set(channel) == {"name", "state", "detail", "since"} for channel in row["channels"])
        work = done.data["gateways"][2]
        assert {"host", "port", "healthy"} <= set(work["api"]) and work["api"]["port"] == 18642
        assert [channel["name"] for channel in work["channels"]] == ["api_server", "telegram"]
        assert work["pid"] == fleet.pid("work") and work["rss_bytes"] > 0 and work["open_files"] > 0
        assert work["service"]["installed"] and work["service"]["enabled"] and work["service"]["active"] == "active"


def test_every_outcome_has_all_keys_and_every_change_its_id(fleet: GatewayRoot) -> None:
    fleet.profile("work", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    changing = ("install", "uninstall", "enable", "disable")
    for words in (
        ("install", "work"), ("start",), ("restart",), ("reset", "work"), ("stop",), ("disable", "work"),
        ("enable", "work"), ("uninstall", "--yes"),
    ):  # fmt: skip
        done = fleet.gok(*words, "--json")
        assert done.json["command"] == [words[0]] and done.data["dry_run"] is False and done.stderr == ""
        assert all(set(row) == OUTCOME for row in done.data["outcomes"])
        assert ("change" in done.data) == (words[0] in changing)
        assert done.data.get("change", "x") in [*(entry["id"] for entry in fleet.journal()), "x"]


def test_dry_runs_change_nothing_and_print_plan(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    would = {
        ("start",): {"work": "already-running"},
        ("stop",): {"work": "would-stop", "night": "already-stopped", "default": "already-stopped"},
        ("restart", "work"): {"work": "would-restart"},
        ("install",): {"work": "already-installed", "night": "would-install", "default": "would-install"},
        ("install", "work", "--no-enable"): {"work": "would-install"},
        ("stage", "night"): {"night": "would-stage"},
        ("uninstall", "work"): {"work": "skipped"},
        ("disable", "work", "--now"): {"work": "disabled"},
        ("enable", "work"): {"work": "enabled"},
        ("reset", "work"): {"work": "skipped"},
    }
    pid = fleet.pid("work")
    for words, expected in would.items():
        done = fleet.untouched_by(*words, "--dry-run", "--json")
        assert done.code == 0 and done.data["dry_run"] is True
        assert fleet.outcomes(done).items() >= expected.items(), words
        assert "dry run: nothing was changed" in fleet.untouched_by(*words, "--dry-run").stdout
    plan = fleet.gok("uninstall", "work", "--dry-run", "--json").data["plan"]
    assert [step["target"] for step in plan] == [str(fleet.program("work"))]
    assert "plan" in fleet.untouched_by("group", "family", "work", "--dry-run", "--json").data
    assert fleet.pid("work") == pid


def test_hints_keep_home_option(fleet: GatewayRoot) -> None:
    home = str(fleet.root)
    hint = fleet.gateways("start", "work", "--home", home, "--json").problem["hint"]
    (command,) = re.findall(r"`hermes-gateways (.*?)`", hint)
    assert shlex.split(command) == ["install", "work", "--start", "--home", home]
    assert fleet.gok(*shlex.split(command)).code == 0
    lines = fleet.gateways("status", "nobody", "--home", home).stderr
    assert f"`hermes-profiles list --home {home}`" in lines


def test_answers_have_no_secret_and_no_traceback(fleet: GatewayRoot) -> None:
    # The runner checks every answer and the journal.
    fleet.profile("night", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    fleet.profile("work", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    (fleet.home("work") / "exits").write_text("1\n" * 20)
    (fleet.home("work") / "logs").mkdir()
    (fleet.home("work") / "logs" / "errors.log").write_text(f"polling with {TOKEN} failed\n")
    fleet.gok("install")
    for words in (("start",), ("status",), ("list", "--json"), ("restart",), ("print", "work"), ("stop",)):
        assert fleet.gateways(*words).code in (0, 1, 3)
    for path in (fleet.state / "supervisor").rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
