"""Real Hermes 0.19.0 behind the shim: its commands are unchanged, and added commands work."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_root import picture
from free_ports import free_port
from hermes_judge import far_folder, judge
from nightly import sample
from real_hermes import hermes_python
from shim_stage import TOKEN, Output, Stage
from test_conflict_gateways import answers, eventually

from hermes_profiles.cli.command_table import HERMES_PROFILES
from hermes_profiles.cli.hermes_args import dispatch, parsed
from hermes_profiles.hermes.cli import PROFILE_COMMANDS

pytestmark = pytest.mark.judge

# Arguments and standard input.
MATRIX: list[tuple[list[str], str]] = [
    (["--version"], ""), (["-h"], ""), (["chat", "--help"], ""), (["profile"], ""), (["profile", "--help"], ""),
    (["-p", "work", "profile"], ""), (["profile", "describe", "work", "--text", "two words *  x"], ""),
    (["profile", "describe", "work"], ""), (["profile", "info", "nosuch"], ""), (["profile", "export", "--help"], ""),
    (["profile", "export", "work", "-o", "a b.tar.gz"], ""), (["profile", "import", "a b.tar.gz", "--name", "c"], ""),
    (["profile", "install", "/nowhere"], "n\n"), (["profile", "list", "--frob"], ""), (["profile", "-x", "list"], ""),
    (["-p", "no:xdist", "profile", "list"], ""), (["-p"], ""), (["--yolo", "profile", "list"], ""),
    (["-p", "work", "config", "path"], ""), (["--profile=work", "config", "path"], ""),
    (["config", "path", "-p", "work"], ""), (["-p", "nosuch", "config"], ""), (["gateway", "frob"], ""),
    (["config", "set", "agent.nickname", "two words  'and' \"more\""], ""), (["config", "show"], ""),
    (["config", "set", "agent.nickname", "a\nline; $HOME * `x`"], ""), (["config", "set", "", ""], ""),
    (["sessions", "list"], ""), (["sessions", "rename", "a b", "c*"], ""), (["memory", "reset"], "no\n"),
    (["memory", "reset"], "yes\n"), (["frob"], ""), (["--frob"], ""), ([""], ""), (["completion", "bash"], ""),
    (["completion", "x"], ""), (["cron", "list"], ""), (["auth", "list"], ""), (["doctor", "--help"], ""),
    (["plugins", "list", "--plain", "--no-bundled"], ""), (["logs", "-n", "0"], ""), (["tools"], ""),
    (["doctor", "--ack", "NO-SUCH"], ""), (["doctor", "--frob"], ""), (["insights", "--days", "x"], ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    hermes_python()
    with far_folder("shim") as folder:
        yield Stage(folder)


@pytest.fixture
def fresh(stage: Stage) -> Stage:
    stage.reset()
    return stage


def test_other_commands_are_the_same_with_shim(stage: Stage) -> None:
    outputs: dict[bool, list[Output]] = {}
    left: dict[bool, dict[str, Any]] = {}
    matrix = sample(MATRIX, 6)
    for shimmed in (False, True):
        stage.reset()
        outputs[shimmed] = [stage.run(*words, shimmed=shimmed, typed=typed) for words, typed in matrix]
        left[shimmed] = picture(stage.home, without=("logs", "cache", "profile-import"))
    for (words, _), without, within in zip(matrix, outputs[False], outputs[True], strict=True):
        assert within == without, words
    codes = {one.code for one in outputs[False]}
    assert {0, 1, 2} <= codes, "the matrix has failures of each kind"
    assert set(left[True]) == set(left[False]), "the same files were made"
    assert sum(len(one.out) for one in outputs[True]) > 100 * len(matrix)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["gateway", "status"], marks=pytest.mark.nightly),
        pytest.param(["gateway", "list"], marks=pytest.mark.nightly),
        ["-p", "work", "gateway", "status"],
    ],
    ids=str,
)
def test_gateway_lists_are_the_same_with_shim(fresh: Stage, words: list[str]) -> None:
    """These commands list every gateway of the machine, so the lists can change between two runs."""
    for _ in range(6):
        without, within = (fresh.run(*words, shimmed=shimmed) for shimmed in (False, True))
        if within == without:
            return
    raise AssertionError((without, within))


def test_shim_keeps_terminal(fresh: Stage) -> None:
    without, within = (fresh.show("config", "show", shimmed=shimmed) for shimmed in (False, True))
    assert within == without and "\x1b[" in within.out, "colours only on terminals"
    ours = fresh.show("profile", "list", shimmed=True)
    assert ours.code == 0 and "default" in ours.out


def test_aliases_work_through_shim(fresh: Stage) -> None:
    made = fresh.run("profile", "alias", "work", "--name", "desk")
    assert made.code == 0, made
    alias = fresh.home / ".local" / "bin" / "desk"
    assert str(fresh.shim) in alias.read_text()
    for words in (["config", "path"], ["profile"], ["sessions", "list"]):
        assert fresh.run(*words, command=[str(alias)]) == fresh.run("-p", "work", *words, shimmed=False)
    assert "work" in fresh.run("gateways", "status", command=[str(alias)]).out
    assert "default" not in fresh.run("gateways", "status", command=[str(alias)]).out


@pytest.mark.parametrize("shimmed", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_alias_written_by_hermes_works_after_shim_removal(fresh: Stage, shimmed: bool) -> None:
    """0.19.0 writes the path of the first `hermes` on PATH into the alias."""
    made = fresh.run("--yolo", "profile", "alias", "work", "--name", "desk", shimmed=shimmed)
    assert made.code == 0, made
    alias = fresh.home / ".local" / "bin" / "desk"
    try:
        for words in (["shim", "install"], ["shim", "remove"]):
            done = fresh.ours(*words)
            assert done.returncode == 0, done.stderr
            assert (str(fresh.shim) in alias.read_text()) == (words[1] == "install")
            assert fresh.run("config", "path", command=[str(alias)]).out.strip().endswith("work/config.yaml")
    finally:
        assert fresh.ours("shim", "install").returncode == 0


# --- added commands -------------------------------------------------------------------------------------------------


def test_clone_through_shim_has_no_channel_for_hermes(fresh: Stage, tmp_path: Path) -> None:
    done = fresh.run("profile", "create", "b", "--clone", "--no-alias")
    assert done.code == 0 and TOKEN not in done.out + done.err
    done = fresh.run("-p", "work", "profile", "create", "c", "--clone-a", "--no-alias")
    assert done.code == 0, done
    root = fresh.home / ".hermes"
    homes = [root, *(root / "profiles" / name for name in "bc")]
    source, *clones = judge(homes, tmp_path, variables=["TELEGRAM_BOT_TOKEN"])
    assert "telegram" in source.connected
    for home, clone in zip(homes[1:], clones, strict=True):
        assert not clone.connected and clone.model == source.model
        assert not any(TOKEN.encode() in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert (homes[2] / "SOUL.md").read_text() == "You are work.\n", "the named profile is the source"


def test_doctor_through_shim_prints_both_reports(fresh: Stage) -> None:
    real = fresh.run("doctor", shimmed=False)
    fresh.reset()  # the doctor creates files
    both = fresh.run("doctor")
    assert real.code == 0 and both.code == 3, "two profiles with one bot"
    assert both.out.startswith(real.out) and "conflicts.shared-identity" in both.out
    one = fresh.run("-p", "work", "doctor")
    assert one.code == 3 and "conflicts.shared-identity" in one.out


def _profile_parser() -> dict[str, Any]:
    """Return subcommand → positional arguments and options of Hermes' parser."""
    script = """
import argparse, json
from hermes_cli.subcommands.profile import build_profile_parser
top = argparse.ArgumentParser(); sub = top.add_subparsers()
build_profile_parser(sub, cmd_profile=lambda args: None)
profile = sub.choices["profile"]
(actions,) = [each for each in profile._actions if isinstance(each, argparse._SubParsersAction)]
found = {name: {"words": [(a.dest, a.nargs) for a in parser._actions if not a.option_strings],
                "options": [(a.option_strings, a.nargs) for a in parser._actions if a.option_strings]}
         for name, parser in actions.choices.items()}
found[""] = {"words": [], "options": [(a.option_strings, a.nargs) for a in profile._actions if a.option_strings]}
print(json.dumps(found))
"""
    done = subprocess.run([hermes_python(), "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_arguments_of_hermes_profile_are_handled_or_passed_on() -> None:
    """Every option of every subcommand of 0.19.0 is accepted here, or passed to Hermes unchanged."""
    found = _profile_parser()
    assert {"list", "create", "export", "describe", "install"} <= set(found)
    shared = {name for name in found if name in PROFILE_COMMANDS}
    assert shared == set(PROFILE_COMMANDS), "each of these exists"
    for name, parser in found.items():
        positional = [f"x{number}" for number, _ in enumerate(parser["words"])]
        base = [name, *positional] if name else []
        assert dispatch(["profile", *base]).program == ("profiles" if name in shared else "hermes"), name
        for spellings, nargs in parser["options"]:
            for spelling in spellings:
                given = ["value"] if nargs is None else []
                for words in ([*base, spelling, *given], [*base[:1], spelling, *given, *base[1:]]):
                    choice = dispatch(["profile", *words])
                    if name not in shared:
                        assert choice.program == "hermes" and choice.words == ("profile", *words), words
                        continue
                    assert choice.program == "profiles" and choice.words == tuple(words), words
                    taken = parsed(HERMES_PROFILES.place(name), name, words[1:])
                    assert taken is not None
                    assert not given or "value" in taken.values(), f"{words}: the value belongs to the option"
                    assert given or spelling in ("-h", "--help") or True in taken.values(), f"{words}: it is a switch"
        if name in shared:
            long = {each for spellings, _ in parser["options"] for each in spellings if each[:2] == "--"}
            assert long - {"--help"} == set(PROFILE_COMMANDS[name]), "argparse defines the accepted abbreviations"
            assert dispatch(["profile", name, *positional, "--not-an-option"]).program == "hermes"


def test_added_commands_do_not_exist_in_hermes() -> None:
    script = "import hermes_cli.main as m; print(*sorted(m._BUILTIN_SUBCOMMANDS))"
    done = subprocess.run([hermes_python(), "-c", script], capture_output=True, text=True, check=True, timeout=60)
    theirs = set(done.stdout.split())
    assert {"profile", "doctor", "gateway"} <= theirs and not theirs & {"profiles", "gateways"}


# --- gateways -------------------------------------------------------------------------------------------------------


def _with_port(stage: Stage, profile: str) -> int:
    port = free_port()
    home = stage.home / ".hermes" / "profiles" / profile
    (home / ".env").write_text(
        "API_SERVER_ENABLED=true\nAPI_SERVER_HOST=127.0.0.1\nHERMES_DISABLE_LAZY_INSTALLS=1\n"
        f"API_SERVER_KEY=CANARY-{profile}-0123456789abcdef\nAPI_SERVER_PORT={port}\n"
    )
    return port


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.nightly), signal.SIGTERM])
def test_signals_end_gateway_the_same_with_shim(fresh: Stage, number: signal.Signals) -> None:
    port = _with_port(fresh, "work")
    codes = {}
    for shimmed, program in ((False, fresh.hermes), (True, fresh.shim)):
        log = fresh.home / f"{shimmed}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [program, "-p", "work", "gateway", "run"], env=fresh.environment(shimmed=shimmed), cwd=fresh.home,
                stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            eventually(lambda: answers(port), lambda log=log: log.read_text(errors="replace")[-3000:])
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
            assert b"gateway" in words and str(fresh.shim).encode() not in words, "the process is Hermes"
            process.send_signal(number)
            codes[shimmed] = process.wait(40)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
    assert codes[True] == codes[False]


def test_gateways_command_through_shim_is_hermes_gateways(fresh: Stage) -> None:
    port = _with_port(fresh, "work")

    def outcomes(*words: str) -> dict[str, str]:
        done = fresh.run(*words, "--json")
        rows = json.loads(done.out)["data"]["outcomes"]
        return {row["profile"]: row["outcome"] for row in rows}

    try:
        assert outcomes("-p", "work", "gateways", "install", "--start") == {"work": "started"}
        assert answers(port)
        assert outcomes("gateways", "restart") == {"default": "skipped", "work": "restarted"}
        assert answers(port)
        assert outcomes("-p", "work", "gateways", "stop") == {"work": "stopped"}
    finally:
        done = fresh.run("gateways", "uninstall", "--yes")
    assert done.code == 0, done
