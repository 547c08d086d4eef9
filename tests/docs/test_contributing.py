"""CONTRIBUTING.md: every path in it exists."""

from __future__ import annotations

import re

from command_runner import REPOSITORY
from pages import text_of
from test_house import ROOMS

TEXT = text_of("CONTRIBUTING.md")
_TOP = "hermes_profiles|tests|man|completions|docs|tour|benchmarks|.ci"
PATHS = sorted(set(re.findall(rf"`(?:python )?((?:{_TOP})/[\w./-]*)`", TEXT)))
WALK = re.findall(r"^\| .* \| `([^`]+)` \|$", TEXT.partition("## A walk")[2].partition("\n## ")[0], re.MULTILINE)


def test_contributing_paths_exist() -> None:
    assert len(PATHS) > 40
    wanted = [path for path in PATHS if "NAME" not in path]
    assert [path for path in wanted if not (REPOSITORY / path).exists()] == []


def test_contributing_walk_answers_twenty_questions_with_a_path_each() -> None:
    assert len(WALK) >= 20 and len(set(WALK)) == len(WALK)
    assert set(WALK) <= set(PATHS)


def test_contributing_import_order_is_that_of_the_architecture_tests() -> None:
    listed = re.findall(r"`([a-z]+)`", TEXT.partition("in this order:")[2].partition("Two files")[0])
    assert tuple(reversed(listed)) == ROOMS
