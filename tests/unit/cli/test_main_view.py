"""The main view: golden screens at several widths, columns by importance, whole words, colours, verdicts."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest
from command_root import CommandRoot
from command_runner import COMMAND
from hypothesis import given, settings
from hypothesis import strategies as st
from main_view import FOLDER, VIEWS, WIDTHS, golden, screen_text
from pty_terminal import read_to_end

from hermes_profiles.cli.framework.prose import Prose
from hermes_profiles.cli.framework.screen import Screen
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.cli.framework.text_width import cells, shortened, wrapped
from hermes_profiles.cli.render.verdict import fleet_verdict, list_verdict, trouble_first

ESCAPE = re.compile(r"\x1b\[[\d;]*m")
STATUS: dict[str, Any] = json.loads((FOLDER / "data/status.json").read_text("utf-8"))
RECORD = "differs: look at it, then run `python tests/unit/cli/screens/record.py`"


@pytest.mark.parametrize("width", WIDTHS, ids=lambda width: str(width or "piped"))
@pytest.mark.parametrize("name", VIEWS)
def test_screen_is_as_recorded(name: str, width: int | None) -> None:
    found = screen_text(name, width)
    assert found == golden(name, width).read_text("utf-8"), RECORD
    assert "\x1b" not in found


@pytest.mark.parametrize("width", [width for width in WIDTHS if width], ids=str)
@pytest.mark.parametrize("name", VIEWS)
def test_no_line_is_wider_and_no_word_is_cut(name: str, width: int) -> None:
    whole = re.split(r"\s+", screen_text(name, None))
    for line in screen_text(name, width).replace("\u200e", "").splitlines():
        assert cells(line) <= width or not re.search(r"\S\s+\S", re.sub("`[^`]*`", "`", line)), line
        assert set(line.split()) <= {*whole}, line


@pytest.mark.parametrize("name", VIEWS)
def test_colours_change_no_letter(name: str) -> None:
    coloured = screen_text(name, 80, has_colours=True)
    assert "\x1b[" in coloured or name in ("clone", "repair")
    assert ESCAPE.sub("", coloured) == screen_text(name, 80)


def test_doctor_report_of_twelve_profiles_is_short() -> None:
    assert len(screen_text("doctor", None).splitlines()) <= 30


# -- the table

COLUMNS = (Column("name"), Column("state"), Column("text", rank=1, fewest=8), Column("least", rank=2))
ROWS = [("work", "running", "one two three", "12345"), ("a-long-name-that-is-rare", "failed", "-", "1")]


def _lines(width: int | None, *, wide: bool = False) -> list[str]:
    return Table(COLUMNS, ROWS).lines(Screen(width, shows_all_columns=wide))


def test_columns_are_dropped_by_rank_and_long_name_gets_its_own_line() -> None:
    assert _lines(None) == [
        "name                      state    text           least",
        "work                      running  one two three  12345",
        "a-long-name-that-is-rare  failed   -              1",
    ]
    assert _lines(36) == [
        "name  state    text           least",
        "work  running  one two three  12345",
        "a-long-name-that-is-rare",
        "      failed   -              1",
    ]
    assert _lines(26)[:3] == ["name  state    text", "work  running  one two", "               three"]
    assert _lines(18)[:2] == ["name  state", "work  running"]
    assert _lines(18, wide=True) == _lines(None)


def test_terminal_too_narrow_for_the_columns_gets_records() -> None:
    assert Table(COLUMNS[:2], [row[:2] for row in ROWS]).lines(Screen(10)) == [
        "work", "  state  running", "a-long-name-that-is-rare", "  state  failed",
    ]  # fmt: skip


def test_column_without_content_is_dropped_on_a_terminal_alone() -> None:
    rows = [("work", "running", "-", "1")]
    assert Table(COLUMNS, rows).lines(Screen(80))[0] == "name  state    least"
    assert Table(COLUMNS, rows).lines(Screen())[0] == "name  state    text  least"


def test_wide_character_takes_two_cells_and_right_to_left_name_ends_with_a_mark() -> None:
    rows = [("梅のボット", "running"), ("נועה", "failed")]
    wide, other = Table(COLUMNS[:2], rows).lines(Screen(80))[1:]
    assert wide == "梅のボット  running" and other == "נועה\u200e        failed"
    assert "\u200e" not in "".join(Table(COLUMNS[:2], rows).lines(Screen()))


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab 漢`é-"), max_size=80), width=st.integers(1, 40))
def test_wrapped_text_has_every_letter_and_fits(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert cells(shortened(text, width)) <= width
    for line in lines:
        assert cells(line) <= width or cells(line.strip()) > width // 3


def test_prose_hangs_and_keeps_commands_whole() -> None:
    prose = Prose("run `hermes-gateways restart work` to take the change over", head="hint: ", head_style="cyan")
    assert prose.lines(Screen(36)) == ["hint: run", "  `hermes-gateways restart work` to", "  take the change over"]
    assert prose.lines(Screen(36, has_colours=True))[0] == "\x1b[36mhint: \x1b[0mrun"
    assert wrapped("  key:  one two three four", 18) == ["  key:  one two", "        three four"]
    step = "run it: hermes-gateways install work --start"
    assert wrapped(step, 38) == ["run it:", "  hermes-gateways install work --start"]


# -- the verdict


MUTE = [{"code": "no-channel"}]


def _row(profile: str, state: str, **more: Any) -> dict[str, Any]:
    channels = [{"name": "telegram", "state": "connected"}]
    given = {"disabled": False, "service": {"installed": True}, "channels": channels, "remarks": []}
    return {"profile": profile, "state": state, **given, **more}


@pytest.mark.parametrize(("rows", "words"), [
    ([_row("a", "running")], "running"),
    ([_row("a", "running"), _row("b", "served")], "all 2 running"),
    ([_row("a", "running"), _row("echo", "degraded", channels=[{"name": "x", "state": "deaf"}])],
     "1 of 2 running; echo is deaf"),
    ([_row("a", "running"), _row("b", "degraded"), _row("c", "failed"), _row("d", "failed")],
     "1 of 4 running; c and d failed; b is degraded"),
    ([_row(name, "stopped") for name in "abcdef"], "0 of 6 running; a, b, c and 3 more are stopped"),
    ([_row("a", "running", remarks=MUTE)], "running; a listens on no channel"),
    ([_row("a", "stopped", remarks=MUTE)], "0 of 1 running; a is stopped"),
    ([_row("a", "served", remarks=[{"code": "channel-off"}])], "running"),
    ([_row("a", "stopped", service={"installed": False})], "no gateway is running; 1 without a service"),
    ([_row("a", "running"), _row("b", "stopped", disabled=True)], "running; 1 disabled"),
    ([_row("a", "served", unserved=True)], "0 of 1 running; a is not served"),
    ([], "no profiles"),
])  # fmt: skip
def test_verdict_names_what_is_wrong(rows: list[dict[str, Any]], words: str) -> None:
    assert fleet_verdict(rows).text == words


def test_rows_are_in_order_of_trouble() -> None:
    assert [row["profile"] for row in trouble_first(STATUS["gateways"])][:4] == ["foxtrot", "golf", "echo", "ben"]
    rows = [_row(name, "running") for name in "bca"]
    assert trouble_first(rows) == rows


def test_list_verdict_counts_and_names() -> None:
    profiles = (("a", "running", MUTE), ("b", "stopped", MUTE), ("c", "failed", []))
    rows = [{"name": name, "gateway": {"state": state}, "disabled": False, "remarks": remarks}
            for name, state, remarks in profiles]  # fmt: skip
    assert list_verdict(rows).text == "3 profiles, 1 running; c failed; a listens on no channel"


# -- the programs


def _on_terminal(world: CommandRoot, *words: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    given = {**world.runner.environment, "TERM": "xterm", **environment}
    if "NO_COLOR" not in environment:
        given.pop("NO_COLOR", None)
    process = subprocess.Popen((*COMMAND, *words), env=given, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = read_to_end(ours)
    process.wait(30)
    return output.decode().replace("\r\n", "\n")


def test_list_on_narrow_terminal_has_colours_and_fits(world: CommandRoot) -> None:
    world.make("a-profile-with-a-long-name-of-a-whole-department", {"config.yaml": "model: a-model-with-a-long-name\n"})
    found = _on_terminal(world, "list", COLUMNS="60")
    assert "\x1b[2mstopped\x1b[0m" in found and "a-model-with-a-long-name" not in found
    assert all(cells(ESCAPE.sub("", line)) <= 60 for line in found.splitlines())
    assert "a-model-with-a-long-name" in _on_terminal(world, "list", "--wide", COLUMNS="60")


@pytest.mark.parametrize(("words", "environment", "coloured"), [
    ((), {}, False), ((), {"CLICOLOR_FORCE": "1"}, True), ((), {"CLICOLOR_FORCE": "0"}, False),
    ((), {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False), (("--color", "always"), {"NO_COLOR": "1"}, True),
    (("--color", "never"), {"CLICOLOR_FORCE": "1"}, False), ((), {"FORCE_COLOR": "1"}, True),
], ids=str)  # fmt: skip
def test_colours_of_a_pipe(
    world: CommandRoot, words: tuple[str, ...], environment: dict[str, str], coloured: bool
) -> None:
    given = {"NO_COLOR": "", "CLICOLOR_FORCE": "", "FORCE_COLOR": "", **environment}
    assert ("\x1b[" in world.run("list", *words, env=given).stdout) == coloured


@pytest.mark.parametrize(("environment", "coloured"), [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CLICOLOR": "0"}, False),
], ids=str)  # fmt: skip
def test_colours_of_a_terminal(world: CommandRoot, environment: dict[str, str], coloured: bool) -> None:
    assert ("\x1b[" in _on_terminal(world, "list", **environment)) == coloured


def test_unknown_color_is_usage_error(world: CommandRoot) -> None:
    done = world.run("list", "--color", "pink")
    assert done.code == 2 and "--color" in done.stderr


def test_script_is_not_wrapped_on_a_terminal(world: CommandRoot) -> None:
    script = world.ok("completion", "bash").stdout
    assert _on_terminal(world, "completion", "bash", COLUMNS="20").splitlines() == script.splitlines()


def test_tables_are_printed_without_rich(world: CommandRoot) -> None:
    script = (
        "import sys; from hermes_profiles.cli.profiles import run\n"
        "try: run(['list'])\n"
        "finally: print([name for name in sys.modules if name.startswith('rich')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=world.runner.environment, cwd=world.user, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.endswith("[]\n") and "1 profile, " in done.stdout, done
