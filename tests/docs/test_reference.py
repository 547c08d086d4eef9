"""The reference: generated pages are up to date, and every error code, check and command is described."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter

import pytest
from command_runner import REPOSITORY
from error_codes import collect
from error_hints import HINT_CASES
from hint_reasons import NO_COMMAND, NO_HINT, TRIED_ELSEWHERE
from named_tests import body_of
from pages import DOCS, text_of

from hermes_profiles.cli.completion import program_trees
from hermes_profiles.doctor.registry import CHECKS

SPEC = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
assert SPEC is not None and SPEC.loader is not None
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)
PAGES = GENERATE.pages()


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_up_to_date(name: str) -> None:
    assert text_of(f"docs/{name}") == PAGES[name], "run python docs/generate.py"


def test_error_codes_page_has_every_code_of_the_source_once() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+`) \|", text_of("docs/reference/error-codes.md"), re.MULTILINE)
    described = Counter(code for row in rows for code in re.findall(r"`([a-z-]+)`", row))
    described -= Counter(("code", "message", "target", "hint"))
    used = collect()
    assert sorted(set(used) - set(described)) == [], {code: used[code][:2] for code in set(used) - set(described)}
    assert sorted(set(described) - set(used)) == [], "no code of the source"
    assert max(described.values()) == 1


def test_collect_finds_codes_given_by_keyword_position_default_and_constant() -> None:
    used = collect()
    assert {"exists", "refused", "usage", "bad-fingerprint-key", "default-profile", "no-accounts"} <= set(used)


def test_every_code_has_a_case_of_its_hint_or_a_reason() -> None:
    """The cases are run by tests/unit/cli/test_hints_work.py."""
    tried = {case.code for case in HINT_CASES}
    without = [*TRIED_ELSEWHERE, *(code for codes in NO_HINT.values() for code in codes)]
    assert len({*tried, *without}) == len(tried) + len(without), "a code twice"
    assert sorted({*tried, *without}) == sorted(collect())
    assert {code for codes in NO_COMMAND.values() for code in codes} <= tried


@pytest.mark.parametrize("code", TRIED_ELSEWHERE)
def test_tried_elsewhere_names_a_test_that_has_the_code_and_a_hint(code: str) -> None:
    """Words of a command in backquotes, or of its hint, are what the test asserts beside the code."""
    body = body_of(TRIED_ELSEWHERE[code])
    assert code in re.findall(r"[a-z-]+", body)
    assert re.search(r"hint|AGAIN|`hermes|command", body), f"{TRIED_ELSEWHERE[code]} asserts no hint"


JSON = text_of("docs/reference/json.md")
TREES = {tree.program: tree for tree in program_trees.programs()}


def _sections(program: str) -> dict[str, str]:
    """Return command → section of the page."""
    part = JSON.partition(f"\n## {program}\n")[2].partition("\n## ")[0]
    sections = re.findall(r"^### (.+)\n((?:(?!^### ).*\n)*)", part, re.MULTILINE)
    return {name: text for heading, text in sections for name in heading.split(", ")}


@pytest.mark.parametrize("program", TREES)
def test_json_page_has_every_command_that_prints_json_and_no_other(program: str) -> None:
    leaves = [command for command in TREES[program].walk() if not command.commands]
    answering = {" ".join(leaf.path) for leaf in leaves if any("--json" in option.names for option in leaf.options)}
    assert set(_sections(program)) == answering


RECORDED = sorted((REPOSITORY / "tests").rglob("recorded/*.json"))


@pytest.mark.skipif(not RECORDED, reason="there are no recorded answers")
def test_json_page_has_every_top_level_key_of_recorded_answers() -> None:
    missing = set()
    for path in RECORDED:
        for step in json.loads(path.read_text(encoding="utf-8"))["commands"]:
            answer = step.get("answer")
            if isinstance(answer, dict) and "schema" in answer:
                missing |= {f"{' '.join(answer['command'])}: {key}" for key in answer["data"] if f"`{key}" not in JSON}
    assert missing == set()


def test_checks_page_has_every_check_in_the_order_of_the_registry() -> None:
    page = text_of("docs/reference/checks.md")
    assert re.findall(r"^### (\S+)$", page, re.MULTILINE) == [check.id for check in CHECKS]


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_check_is_described_with_reason_fix_and_silence(check: str) -> None:
    page = text_of("docs/reference/checks.md")
    paragraph = page.partition(f"\n### {check}\n")[2].partition("\n#")[0]
    assert re.search(r"^\*(?:error|warning|info)\*: ", paragraph, re.MULTILINE)
    assert len(paragraph) > 200 and "Fix: " in paragraph and "Silence: " in paragraph
