"""The recorded blocks and the picture: up to date with tour/record.py, without secrets and paths of this machine."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command_runner import CANARY, REPOSITORY
from pages import NAMES, commands_of, text_of

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
PICTURE = RECORD.PICTURE.read_text(encoding="utf-8")
PARTS = [part for scene in RECORD.TOUR for part in scene.parts]
BLOCKS = {part.name: list(part.lines) for part in PARTS if isinstance(part, RECORD.Block)}
FILMED = [line for part in PARTS if isinstance(part, RECORD.Film) for line, _ in part.lines]
RECORDED = [(name, *block) for name in NAMES for block in RECORD.blocks_of(text_of(name))]


# --- recorded blocks ---


@pytest.mark.parametrize(("page", "name", "content"), RECORDED, ids=[f"{page}:{name}" for page, name, _ in RECORDED])
def test_block_has_the_commands_of_the_recorder_and_output_of_each(page: str, name: str, content: str) -> None:
    assert commands_of(content) == BLOCKS[name], "run python tour/record.py"
    for output in re.split(r"^\$ .*\n", content, flags=re.MULTILINE)[1:]:
        assert output.strip()


def test_every_block_of_the_recorder_is_in_a_page() -> None:
    assert {name for _, name, _ in RECORDED} == set(BLOCKS)
    tour = [name for page, name, _ in RECORDED if page == "docs/tutorial/tour.md"]
    assert len(tour) > 5 and tour == [name for name in BLOCKS if name in tour], "in the order in which they ran"


@pytest.mark.parametrize("page", NAMES)
def test_console_blocks_of_pages_are_all_recorded(page: str) -> None:
    assert text_of(page).count("```console\n") == len(list(RECORD.blocks_of(text_of(page))))


@pytest.mark.parametrize("text", [*map(text_of, NAMES), PICTURE], ids=[*NAMES, "terminal.svg"])
def test_recorded_text_has_no_secret_and_no_path_of_the_recording_machine(text: str) -> None:
    recorded = text if text is PICTURE else "".join(content for _, content in RECORD.blocks_of(text))
    assert CANARY not in recorded
    assert MACHINE.findall(recorded) == []


def test_sandbox_refuses_text_with_a_secret_or_a_path_of_this_machine(tmp_path: Path) -> None:
    world = RECORD.Sandbox(tmp_path)
    assert world.shown(f"at {tmp_path}/.hermes") == "at /home/ada/.hermes"
    assert world.shown(f"runs {sys.prefix}/bin/hermes") == "runs /home/ada/venv/bin/hermes"
    for text in (f"token {CANARY}-1", f"{REPOSITORY}/tour"):
        with pytest.raises(SystemExit):
            world.shown(text)


def test_recorder_writes_each_block_into_its_place_and_names_one_without_a_place() -> None:
    text = "<!-- tour: one -->\n```console\nold\n```\n<!-- tour: two -->\n```console\nkept\n```\n"
    assert RECORD.with_blocks(text, {"one": "new \\1\n"}) == text.replace("old", "new \\1")
    assert RECORD.without_place([text], {"one": "", "elsewhere": ""}) == ["elsewhere"]


def test_recorder_runs_only_the_scenes_of_the_named_blocks() -> None:
    assert RECORD.scenes_with(["diff"]) == tuple(
        scene for scene in RECORD.TOUR if any(getattr(part, "name", "") == "diff" for part in scene.parts)
    )
    assert RECORD.scenes_with([]) == RECORD.TOUR
    with pytest.raises(SystemExit, match="elsewhere"):
        RECORD.scenes_with(["elsewhere"])


def test_recorder_stops_at_a_command_with_an_unexpected_exit_code(tmp_path: Path) -> None:
    world = RECORD.Sandbox(tmp_path)
    assert RECORD._output(world, "echo fine; exit 3", (0, 3)) == "$ echo fine; exit 3\nfine\n"
    with pytest.raises(SystemExit, match="exited with 3"):
        RECORD._output(world, "echo fine; exit 3", (0,))


def test_differences_ignore_numbers_and_report_words() -> None:
    text = "<!-- tour: one -->\n```console\n$ x\nwork  started  71   `undo 20261121T092554Z-67bf`\n```\n"
    same = "$ x\nwork   started  12345   `undo 20270101T000000Z-aaaa`\n"
    assert RECORD.differences("page", text, {"one": same}) == []
    assert RECORD.differences("page", text, {"one": same.replace("started", "failed")})


def test_blocks_that_need_no_gateway_are_up_to_date() -> None:
    """`python tour/record.py --check` records all of them; these take a few seconds."""
    slow = (RECORD.write_accounts, RECORD.write_fleet)
    blocks, _ = RECORD.record([scene for scene in RECORD.TOUR if scene.prepare not in slow])
    found = [line for page in NAMES for line in RECORD.differences(page, text_of(page), blocks)]
    assert found == [], "run python tour/record.py"


# --- the picture ---


def test_picture_shows_its_commands_and_is_described_by_its_text() -> None:
    tree = ElementTree.fromstring(PICTURE)
    described = (tree.findtext(f"{_SVG}desc") or "").strip("\n")
    drawn = sys.modules["picture"].text_of(PICTURE)
    assert described == drawn
    assert commands_of(drawn) == FILMED, "run python tour/record.py"


def test_picture_loads_nothing_and_is_small() -> None:
    assert not FETCHES.search(PICTURE)
    assert len(PICTURE.encode()) < 60_000


def test_draw_same_terminal_output_gives_the_same_picture(tmp_path: Path) -> None:
    world, pictures = RECORD.Sandbox(tmp_path), sys.modules["picture"]
    line = r"stty size; printf '\033[31mred & <b>\033[0m  %s\n' $HOME"
    shots = [(line, pictures.film(world, line))]
    assert "\x1b[31mred" in shots[0][1], "there is a terminal"
    svg = pictures.draw("A title", shots, world.shown)
    assert svg == pictures.draw("A title", shots, world.shown)
    assert f"40 {pictures.WIDTH}\nred & <b>  /home/ada" in pictures.text_of(svg)
    assert not FETCHES.search(svg) and ElementTree.fromstring(svg).findtext(f"{_SVG}title") == "A title"


def test_film_redrawing_program_returns_its_last_complete_screen(tmp_path: Path) -> None:
    frames = "for n in 1 2 3; do printf '\\033[Hframe %s\\nend' $n; done; printf '\\033[Hhalf'; head -c 1 >/dev/null"
    line = f"stty -icanon; {frames}"
    assert sys.modules["picture"].film(RECORD.Sandbox(tmp_path), line, seconds=1) == "frame 3\nend"
