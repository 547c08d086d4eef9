"""The tour and the commands of README.md: recorded by the script beside it, and all of them really there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from command_runner import CANARY, REPOSITORY

from hermes_profiles.cli import gateways, profiles
from hermes_profiles.cli.framework import app

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PROGRAMS = {"hermes-profiles": profiles.COMMANDS, "hermes-gateways": gateways.COMMANDS}
MACHINE = re.compile(
    rf"(?<![\w./])/(?:tmp|root|opt|var|usr|work)/|\.pyenv|{re.escape(str(REPOSITORY))}|{re.escape(sys.prefix)}"
)
FETCHES = re.compile(r"url\((?!#)|@import|@font-face|href|<script|<image|foreignObject")
_SVG = "{http://www.w3.org/2000/svg}"


def _loaded(name: str) -> Any:
    path = REPOSITORY / "tour" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tour_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


RECORD = _loaded("record")
PICTURE = (REPOSITORY / "tour/terminal.svg").read_text(encoding="utf-8")
PARTS = [part for scene in RECORD.TOUR for part in scene.parts]
BLOCKS = [part for part in PARTS if isinstance(part, RECORD.Block)]
FILMED = [line for part in PARTS if isinstance(part, RECORD.Film) for line, _ in part.lines]


def _commands(console: str) -> list[str]:
    return [line[2:] for line in console.splitlines() if line.startswith("$ ")]


# --- the tour ---


def test_the_tour_shows_what_the_recorder_runs_in_its_order() -> None:
    told = [(name, _commands(content)) for name, content in RECORD.blocks_of(README)]
    assert told == [(block.name, list(block.lines)) for block in BLOCKS], "run python tour/record.py"


def test_no_console_block_of_the_tour_is_written_by_hand() -> None:
    tour = README.partition("\n## Tour\n")[2].partition("\n## ")[0]
    assert tour.count("```console\n") == len(BLOCKS) == len(list(RECORD.blocks_of(tour)))


def test_every_command_of_the_tour_says_something_of_its_own() -> None:
    for name, content in RECORD.blocks_of(README):
        for answer in re.split(r"^\$ .*\n", content, flags=re.MULTILINE)[1:]:
            assert answer.strip(), name


@pytest.mark.parametrize("text", [README, PICTURE], ids=["README.md", "terminal.svg"])
def test_neither_a_secret_nor_a_place_of_the_machine_it_was_recorded_on_is_told(text: str) -> None:
    assert CANARY not in text
    recorded = "".join(content for _, content in RECORD.blocks_of(text)) or text
    assert MACHINE.findall(recorded) == []


def test_the_recorder_refuses_a_text_with_a_secret_or_a_place_of_this_machine(tmp_path: Path) -> None:
    world = RECORD.Sandbox(tmp_path)
    assert world.shown(f"at {tmp_path}/.hermes") == "at /home/ada/.hermes"
    assert world.shown(f"hands to {sys.prefix}/bin/hermes") == "hands to /home/ada/venv/bin/hermes"
    for text in (f"token {CANARY}-1", f"{REPOSITORY}/tour"):
        with pytest.raises(SystemExit):
            world.shown(text)


def test_a_block_that_the_readme_has_no_place_for_is_named() -> None:
    with pytest.raises(SystemExit, match="tour: elsewhere"):
        RECORD.with_blocks(README, {"elsewhere": "$ true\n"})
    text = "<!-- tour: one -->\n```console\nold\n```\n<!-- tour: two -->\n```console\nkept\n```\n"
    assert RECORD.with_blocks(text, {"one": "new \\1\n"}) == text.replace("old", "new \\1")


def test_a_tour_is_out_of_date_when_its_words_are_not_when_its_numbers_are() -> None:
    text = "<!-- tour: one -->\n```console\n$ x\nwork  started  71   `undo 20261121T092554Z-67bf`\n```\n"
    same = "$ x\nwork   started  12345   `undo 20270101T000000Z-aaaa`\n"
    assert RECORD.differences(text, {"one": same}) == []
    assert RECORD.differences(text, {"one": same.replace("started", "failed")})


def test_the_clone_of_the_tour_says_today_what_the_readme_says() -> None:
    """The part that needs no gateway is recorded afresh; `python tour/record.py --check` does so with all of it."""
    said, _ = RECORD.record(RECORD.TOUR[:1])
    assert RECORD.differences(README, said) == [], "run python tour/record.py"


# --- the picture ---


def test_the_picture_shows_its_commands_and_is_described_by_its_text() -> None:
    tree = ElementTree.fromstring(PICTURE)
    described = (tree.findtext(f"{_SVG}desc") or "").strip("\n")
    drawn = sys.modules["picture"].text_of(PICTURE)
    assert described == drawn
    assert _commands(drawn) == FILMED, "run python tour/record.py"


def test_the_picture_fetches_nothing_and_is_small() -> None:
    assert not FETCHES.search(PICTURE)
    assert len(PICTURE.encode()) < 60_000


def test_a_picture_is_drawn_from_the_bytes_of_a_terminal_the_same_each_time(tmp_path: Path) -> None:
    world, pictures = RECORD.Sandbox(tmp_path), sys.modules["picture"]
    line = r"stty size; printf '\033[31mred & <b>\033[0m  %s\n' $HOME"
    shots = [(line, pictures.filmed(world, line))]
    assert "\x1b[31mred" in shots[0][1], "there is a terminal"
    svg = pictures.draw("A title", shots, world.shown)
    assert svg == pictures.draw("A title", shots, world.shown)
    assert f"40 {pictures.WIDTH}\nred & <b>  /home/ada" in pictures.text_of(svg)
    assert not FETCHES.search(svg) and ElementTree.fromstring(svg).findtext(f"{_SVG}title") == "A title"


def test_of_a_program_that_redraws_the_last_whole_screen_is_filmed(tmp_path: Path) -> None:
    frames = "for n in 1 2 3; do printf '\\033[Hframe %s\\nend' $n; done; printf '\\033[Hhalf'; head -c 1 >/dev/null"
    line = f"stty -icanon; {frames}"
    assert sys.modules["picture"].filmed(RECORD.Sandbox(tmp_path), line, seconds=1) == "frame 3\nend"


def test_the_readme_embeds_the_picture_and_says_in_words_what_is_on_it() -> None:
    (embedded,) = re.findall(r"!\[([^\]]{40,})\]\((?!http)([^)]+\.svg)\)", README)
    assert (REPOSITORY / embedded[1]).read_text(encoding="utf-8") == PICTURE


# --- every command that the README names ---

_PROGRAM = "|".join(PROGRAMS)


def _lines_of(cell: str) -> Iterator[str]:
    """Yield the whole command lines of a piece of text; a short span goes with the program of the span before it, and
    `hermes gateways …` of the shim and the plugin is `hermes-gateways …`."""
    program = ""
    for span in re.findall(r"`([^`]+)`", cell):
        span = re.sub(r"\bhermes (gateways|profiles)\b", r"hermes-\1", span)
        found = re.search(rf"(?:^|[\s(])(?:\S+/)?({_PROGRAM})(?=\s|$)(.*)", span)
        if found:
            program = found[1]
            yield f"{program}{found[2]}"
        elif program and (span.split()[0] in PROGRAMS[program]):
            yield f"{program} {span}"


def _every_line() -> dict[str, str]:
    """Return command line → where it stands, of console blocks, code blocks, tables and sentences."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    found = {line: "text" for part in re.split(r"\n\n|\|", prose) for line in _lines_of(" ".join(part.split()))}
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        lines = _commands(block) or block.splitlines()
        found |= {line: "block" for part in lines for line in _lines_of(f"`{part}`")}
    return found


LINES = _every_line()


@cache
def _tree(program: str) -> Any:
    return typer.main.get_command(app.typer_app(program, "", PROGRAMS[program], ""))


def parse(line: str) -> None:
    """Parse a command line as the program would, without running it; raises what the program would say."""
    given = re.split(r"\s+(?:[<>|#;]|&&|\d?>)", re.sub(r"(?:[…;)]+|\)\")$", "", line.partition(");")[0].rstrip()))[0]
    program, *words = shlex.split(given)
    if not words:
        return
    command = _tree(program)
    context = None
    while True:
        context = command.make_context(command.name, words, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        words = [*context._protected_args, *context.args]
        _, command, words = command.resolve_command(context, words)


def test_the_readme_names_the_commands_in_many_ways() -> None:
    assert len(LINES) > 60
    assert {"hermes-profiles list --names); do …; done", "hermes-profiles demo"} <= set(LINES)
    assert "hermes-profiles config set work model.default gpt-5" in LINES, "a short span of a table"
    assert "hermes-gateways stop" in LINES and "hermes-profiles doctor --list" in LINES
    assert any(where == "block" for where in LINES.values())


@pytest.mark.parametrize("line", sorted(LINES))
def test_a_command_that_the_readme_names_is_there_with_its_options(line: str) -> None:
    try:
        parse(line)
    except typer.Exit:  # --help, --version
        pass
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("line", [
    "hermes-profiles frob", "hermes-profiles list --frob", "hermes-profiles trash frob",
    "hermes-profiles clone default", "hermes-profiles trash empty --older-than soon", "hermes-gateways install --cpu",
])  # fmt: skip
def test_a_command_that_is_not_there_would_be_noticed(line: str) -> None:
    with pytest.raises(Exception) as raised:
        parse(line)
    assert hasattr(raised.value, "format_message")
