"""The pages of the repository, and their command lines, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from command_runner import REPOSITORY

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES, CliProgram

DOCS = REPOSITORY / "docs"
COMMANDS: dict[str, CliProgram] = {each.name: each for each in (HERMES_PROFILES, HERMES_GATEWAYS)}
ALL = (
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
)
NAMES = [str(page.relative_to(REPOSITORY)) for page in ALL]
_PROGRAM = "|".join(COMMANDS)
_FENCE = re.compile(r"^(```+)(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def prose_of(text: str) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", text)


def blocks_of(text: str, *languages: str) -> list[str]:
    """Return the content of the code blocks in these languages."""
    return [content for _, language, content in _FENCE.findall(text) if language in languages]


def commands_of(console: str) -> list[str]:
    """Return the commands of a console block: the lines after `$ `."""
    return [line[2:] for line in console.splitlines() if line.startswith("$ ")]


def command_lines(text: str) -> dict[str, str]:
    """Return command line → `block` or `text` of all commands on a page."""
    parts = re.split(r"\n\n|(?<!\\)\|", prose_of(text))
    found = {line: "text" for part in parts for line in _spans(" ".join(part.split()).replace("\\|", "|"))}
    for block in blocks_of(text, "console", "sh"):
        for line in commands_of(block) or block.splitlines():
            found |= dict.fromkeys(_spans(f"`{line.partition('  #')[0].replace('`', '')}`"), "block")
    return found


def _spans(part: str) -> Iterator[str]:
    """Yield the whole command lines of a piece of text.

    A short span belongs to the program of the span before it. `hermes gateways …` of the shim and the plugin is
    `hermes-gateways …`.
    """
    program = ""
    for span in re.findall(r"`([^`]+)`", part):
        span = re.sub(r"\bhermes (gateways|profiles)\b", r"hermes-\1", span)
        found = re.search(rf"(?:^|[\s(])(?:\S+/)?({_PROGRAM})(?=\s|$)(.*)", span)
        if found:
            program = found[1]
            yield f"{program}{found[2]}"
        elif program and span.split()[0] in COMMANDS[program].commands:
            yield f"{program} {span}"


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as the site and GitHub both make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of all headings of a page."""
    return {anchor_of(line) for line in re.findall(r"^#{1,6} (.+)$", prose_of(page.read_text(encoding="utf-8")), re.M)}


def links_of(text: str) -> list[str]:
    """Return the targets of all links and pictures of a page."""
    prose = re.sub(r"`[^`\n]*`", "", prose_of(text))
    return re.findall(r"\]\(([^)\s]+)\)", prose)
