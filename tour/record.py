"""Record the console blocks of the README and the docs: `python tour/record.py [--check] [NAME ...]`.

Run it with a Python that has hermes-profiles and hermes-agent (`pip install '.[agent]'`). It runs the commands of TOUR
in a temporary home, with real Hermes and real gateways. It writes their output into every console block below a
`<!-- tour: NAME -->` line, and the picture docs/tutorial/terminal.svg. With names, only the scenes with these blocks
run. `--check` writes nothing, prints the differences other than numbers, and exits 1 when there are any.

To add a block, add a Block to TOUR and its marker to a page.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
sys.path[:0] = [str(FOLDER), str(REPOSITORY)]

from picture import draw, film  # noqa: E402
from sandbox import (  # noqa: E402
    Sandbox,
    has_hermes,
    sandbox,
    write_accounts,
    write_fleet,
    write_openclaw,
    write_settings,
    write_source,
    write_team,
)

PICTURE = REPOSITORY / "docs/tutorial/terminal.svg"
TITLE = "Three gateways, one bot: the live table and the logs of all"
_BLOCK = re.compile(r"(<!-- tour: ([\w-]+) -->\n```console\n)(.*?)(```\n)", re.DOTALL)
_SHOWN_OF_STDERR = ("warning: ", "error: ", "hint: ")  # the rest is progress


class Block(NamedTuple):
    """A console block: its name in the pages, its commands, and the exit codes that they may end with."""

    name: str
    lines: tuple[str, ...]
    exits: tuple[int, ...] = (0,)


class Film(NamedTuple):
    """The picture: its commands, each with the seconds to watch it (0: until it ends)."""

    lines: tuple[tuple[str, float], ...]


class Hidden(NamedTuple):
    """Commands between two blocks that no page shows."""

    lines: tuple[str, ...]


class Scene(NamedTuple):
    """A prepared home, and the parts that are recorded in it, in order. `prepare` gets the URL of the bot stand-in."""

    prepare: Callable[[Sandbox, str], None]
    parts: tuple[Block | Film | Hidden, ...]


TOUR = (
    Scene(
        write_source,
        (
            Block("clone", ("hermes-profiles clone default work",)),
            Block(
                "look",
                (
                    "diff .hermes/config.yaml .hermes/profiles/work/config.yaml",
                    "hermes-profiles list",
                    "hermes-profiles explain SLACK_APP_TOKEN",
                    "hermes-profiles delete work --yes",
                    "hermes-profiles undo",
                ),
                exits=(0, 1),  # diff exits 1
            ),
        ),
    ),
    Scene(
        write_settings,
        (
            Block("diff", ("hermes-profiles diff default work",)),
            Block(
                "sync",
                ("hermes-profiles sync --from default --to all --keys model,toolsets --env OPENAI_API_KEY --dry-run",),
            ),
            Block(
                "settings",
                (
                    "hermes-profiles config set work agent.max_turns 40",
                    "hermes-profiles env set work TELEGRAM_BOT_TOKEN < token.txt",
                ),
            ),
        ),
    ),
    Scene(
        write_team,
        (
            Block(
                "team",
                (
                    "hermes-profiles team create family --lead default --channel weixin --members mum,dad",
                    "hermes-profiles team add mum --account-id b0f5860fdecb@im.bot --allow wxid_dad < token.txt",
                    "hermes-profiles team add dad --account-id b0f5860fdecb@im.bot < token.txt",
                ),
                exits=(0, 6),  # the account is taken
            ),
            Hidden(
                (
                    "hermes-profiles config set default model.default gpt-6",
                    "rm .hermes/profiles/dad/skills && mkdir .hermes/profiles/dad/skills",
                )
            ),
            Block("drift", ("hermes-profiles team check", "hermes-profiles team sync"), exits=(0, 3)),
        ),
    ),
    Scene(
        write_openclaw,
        (Block("import", ("hermes-profiles team import openclaw ~/.openclaw --skip-bad",)),),
    ),
    Scene(
        write_accounts,
        (
            Hidden(("hermes-gateways install --start",)),
            Block(
                "run-mode",
                (
                    "hermes-profiles team run-mode",
                    "hermes-profiles team run-mode multiplex",
                    "hermes-gateways status",
                    "hermes-profiles team run-mode processes",
                ),
            ),
        ),
    ),
    Scene(
        write_fleet,
        (
            Block("fight", ("hermes-profiles repair --dry-run",)),
            Block(
                "fleet",
                (
                    "hermes-gateways install --start",
                    "hermes-gateways status",
                ),
            ),
            Block("logs", ("hermes-gateways logs --since 5m --grep 'enabled|onnected'",)),
            Film(
                (
                    ("hermes-gateways status --watch", 4),
                    ("hermes-gateways logs --grep 'Starting|enabled|connected|continue'", 0),
                )
            ),
            Block(
                "doctor",
                (
                    "hermes-profiles doctor",
                    "hermes-profiles doctor --fix --yes --only security",
                    "hermes-profiles repair --yes",
                ),
                exits=(0, 3),  # doctor found errors
            ),
            Block(
                "after",
                (
                    "hermes-gateways restart --rolling",
                    "hermes-gateways status",
                    "hermes-gateways restart --stale",
                    "hermes-gateways stop --except default",
                ),
            ),
            Block(
                "shim",
                (
                    "hermes-profiles shim install --shell bash",
                    "hermes profile create kid --clone",
                ),
            ),
        ),
    ),
)


def pages() -> list[Path]:
    """Return every page that can have recorded blocks: both READMEs and the docs."""
    return [*sorted(REPOSITORY.glob("README*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]


def record(scenes: Sequence[Scene] = TOUR) -> tuple[dict[str, str], str]:
    """Return the content of each block by name, and the picture (empty when these scenes have none)."""
    from hermes_profiles.cli.commands.demo.fake_bot_api import Bot

    blocks: dict[str, str] = {}
    picture = ""
    with sandbox() as world, Bot() as bot:
        for scene in scenes:
            world.clear()
            scene.prepare(world, bot.url)
            for part in scene.parts:
                if isinstance(part, Film):
                    shots = [(line, film(world, line, seconds=seconds)) for line, seconds in part.lines]
                    picture = draw(TITLE, shots, world.shown)
                elif isinstance(part, Hidden):
                    for line in part.lines:
                        world.prepare(line)
                else:
                    blocks[part.name] = "\n".join(_output(world, line, part.exits) for line in part.lines)
    return blocks, picture


def _output(world: Sandbox, line: str, exits: Sequence[int]) -> str:
    done = world.run(line)
    if done.returncode not in exits:
        raise SystemExit(f"{line} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    notes = [note for note in done.stderr.splitlines(keepends=True) if note.startswith(_SHOWN_OF_STDERR)]
    return world.shown(f"$ {line}\n{done.stdout}{''.join(notes)}")


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return a page with its blocks replaced by these."""
    return _BLOCK.sub(lambda match: match[1] + blocks.get(match[2], match[3]) + match[4], text)


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, content) of the recorded blocks of a page."""
    for match in _BLOCK.finditer(text):
        yield match[2], match[3]


def without_place(texts: Sequence[str], blocks: Mapping[str, str]) -> list[str]:
    """Return the names of blocks that no page has a marker for."""
    placed = {name for text in texts for name, _ in blocks_of(text)}
    return sorted(set(blocks) - placed)


def comparable(text: str) -> list[str]:
    """Return the lines without what differs from run to run: numbers, fingerprints, change ids, column widths."""
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}|\b(?=[a-f]*\d)[0-9a-f]{8}\b", "ID", text)
    return [re.sub(r"\d+", "0", " ".join(line.split())) for line in text.splitlines()]


def differences(page: str, text: str, blocks: Mapping[str, str]) -> list[str]:
    """Return a diff of a page's blocks against a fresh recording, numbers ignored."""
    lines: list[str] = []
    for name, content in blocks_of(text):
        if name in blocks:
            old, new = comparable(content), comparable(blocks[name])
            lines += difflib.unified_diff(old, new, f"{page} {name}", "recorded now", lineterm="")
    return lines


def scenes_with(names: Sequence[str]) -> tuple[Scene, ...]:
    """Return the scenes that contain blocks of these names, all without names; raises SystemExit for an unknown one."""
    known = {part.name for scene in TOUR for part in scene.parts if isinstance(part, Block)}
    if unknown := sorted(set(names) - known):
        raise SystemExit(f"no block is called {unknown[0]!r}; blocks: {', '.join(sorted(known))}")
    return tuple(
        scene
        for scene in TOUR
        if not names or any(isinstance(part, Block) and part.name in names for part in scene.parts)
    )


def main() -> None:
    """Record and write; with `--check`, record and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="blocks to record (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a block is out of date")
    options = parser.parse_args()
    if not has_hermes():
        raise SystemExit("real Hermes is missing beside this Python: pip install '.[agent]'")
    blocks, picture = record(scenes_with(options.names))
    texts = {path: path.read_text(encoding="utf-8") for path in pages()}
    if missing := without_place(list(texts.values()), blocks):
        raise SystemExit(f"no page has the line `<!-- tour: {missing[0]} -->` above a console block")
    if options.check:
        found = [
            line
            for path, text in texts.items()
            for line in differences(str(path.relative_to(REPOSITORY)), text, blocks)
        ]
        sys.stdout.write("\n".join([*found, ""]))
        raise SystemExit(1 if found else 0)
    for path, text in texts.items():
        if (new := with_blocks(text, blocks)) != text:
            path.write_text(new, encoding="utf-8")
    if picture:
        PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
