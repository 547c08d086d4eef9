"""Record the tour of README.md: real commands, real Hermes, real gateways, in a sandbox that is gone afterwards.

    python tour/record.py [--check]

Run it with a Python that has hermes-profiles and hermes-agent (`pip install '.[agent]'`). It writes the console blocks
that stand below a `<!-- tour: NAME -->` in README.md, and the picture tour/terminal.svg. `--check` writes nothing, and
shows what would change in more than numbers. A new step is one more line in TOUR.
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
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

from picture import draw, filmed  # noqa: E402
from sandbox import Sandbox, sandbox, write_fleet, write_source  # noqa: E402

README = FOLDER.parent / "README.md"
PICTURE = FOLDER / "terminal.svg"
TITLE = "Three gateways, one bot: the live table and the logs of all"
_BLOCK = re.compile(r"(<!-- tour: (\w+) -->\n```console\n)(.*?)(```\n)", re.DOTALL)
_TOLD = ("warning: ", "error: ", "hint: ")  # of stderr; the rest is progress


class Block(NamedTuple):
    """One console block of README.md: its name there, and its commands."""

    name: str
    lines: tuple[str, ...]


class Film(NamedTuple):
    """The picture: its commands, and for how many seconds to watch one that does not end (0: until it ends)."""

    lines: tuple[tuple[str, float], ...]


class Scene(NamedTuple):
    """A world, and what is recorded in it, one after another."""

    prepare: Callable[[Sandbox, str], None]
    parts: tuple[Block | Film, ...]


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
            ),
        ),
    ),
    Scene(
        write_fleet,
        (
            Block(
                "fleet",
                (
                    "hermes-gateways install --start",
                    "hermes-gateways status",
                    "hermes-gateways logs --since 5m --grep 'enabled|onnected'",
                ),
            ),
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


def record(scenes: Sequence[Scene] = TOUR) -> tuple[dict[str, str], str]:
    """Return what each block says, by its name, and the picture (empty when these scenes have none)."""
    from hermes_profiles.cli.commands.demo.fake_bot_api import Bot

    said: dict[str, str] = {}
    picture = ""
    with sandbox() as world, Bot() as bot:
        for scene in scenes:
            world.clear()
            scene.prepare(world, bot.url)
            for part in scene.parts:
                if isinstance(part, Film):
                    shots = [(line, filmed(world, line, seconds=seconds)) for line, seconds in part.lines]
                    picture = draw(TITLE, shots, world.shown)
                else:
                    said[part.name] = "\n".join(_told(world, line) for line in part.lines)
    return said, picture


def _told(world: Sandbox, line: str) -> str:
    done = world.run(line)
    notes = [note for note in done.stderr.splitlines(keepends=True) if note.startswith(_TOLD)]
    return world.shown(f"$ {line}\n{done.stdout}{''.join(notes)}")


def with_blocks(text: str, said: Mapping[str, str]) -> str:
    """Return README's text with these blocks in it; raises SystemExit when it has no place for one of them."""
    missing = set(said) - {name for name, _ in blocks_of(text)}
    if missing:
        raise SystemExit(f"README.md has no `<!-- tour: {sorted(missing)[0]} -->` above a console block")
    return _BLOCK.sub(lambda found: found[1] + said.get(found[2], found[3]) + found[4], text)


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, content) of the recorded blocks of README's text."""
    for found in _BLOCK.finditer(text):
        yield found[2], found[3]


def likeness(text: str) -> list[str]:
    """Return text without what differs from run to run: numbers, fingerprints, names of changes, column widths."""
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}|\b(?=[a-f]*\d)[0-9a-f]{8}\b", "ID", text)
    return [re.sub(r"\d+", "0", " ".join(line.split())) for line in text.splitlines()]


def differences(text: str, said: Mapping[str, str]) -> list[str]:
    """Return in what README's blocks differ from a fresh recording, numbers aside."""
    found: list[str] = []
    for name, content in blocks_of(text):
        if name in said:
            found += difflib.unified_diff(likeness(content), likeness(said[name]), f"README {name}", "now", lineterm="")
    return found


def main() -> None:
    """Record, and write; with `--check`, only compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the tour is out of date")
    options = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    said, picture = record()
    if options.check:
        found = differences(text, said)
        sys.stdout.write("\n".join([*found, ""]))
        raise SystemExit(1 if found else 0)
    README.write_text(with_blocks(README.read_text(encoding="utf-8"), said), encoding="utf-8")
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
