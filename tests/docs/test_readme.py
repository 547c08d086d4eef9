"""The pages as files: short READMEs, two set-up commands, links, tables, and their place in the source package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from pages import ALL, NAMES, anchors_of, blocks_of, links_of, text_of

READMES = [name for name in NAMES if name.startswith("README")]
MOST_LINES = 150


@pytest.mark.parametrize("name", READMES)
def test_readme_is_short(name: str) -> None:
    assert len(text_of(name).splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", READMES)
def test_readme_has_exactly_two_set_up_commands(name: str) -> None:
    lines = [line for block in blocks_of(text_of(name), "sh") for line in block.splitlines() if "pip" in line]
    assert len(lines) == 2
    demo, tests = lines
    assert demo.endswith("hermes-profiles demo") and "[agent]" in demo
    assert "pytest" in tests and "[agent,test]" in tests
    assert all(line.startswith("python3 -m venv .venv && .venv/bin/pip install ") for line in lines)


def test_readme_begins_with_the_problem_and_the_picture() -> None:
    first_screen = text_of("README.md").split("## A second agent", maxsplit=1)[0]
    assert len(first_screen.splitlines()) <= 30
    assert re.search(r"!\[[^\]]{40,}\]\(docs/tutorial/terminal\.svg\)", first_screen)


@pytest.mark.parametrize("page", ALL, ids=NAMES)
def test_page_links_lead_to_files_and_anchors(page: Path) -> None:
    broken = []
    for link in links_of(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
        assert target.is_relative_to(REPOSITORY)
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_page_tables_have_no_escaped_pipe(name: str) -> None:
    """GitHub and the site disagree about `\\|` between backquotes."""
    assert [line for line in text_of(name).splitlines() if line.startswith("|") and "\\|" in line] == []


def test_source_package_includes_every_page() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in NAMES if name.split("/")[0] not in included] == []
    assert {"mkdocs.yml", "tour", "man", "completions", "tests"} <= set(included)
