"""Reports of unreadable documents, and rows that a report omits."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_source import clone, make_layout

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import FileRules, Scope, is_silent
from hermes_profiles.model.errors import DocumentError

UNCLOSED = 'TELEGRAM_BOT_TOKEN="7000000001:CANARY-token\nA=1\n'
DISAGREE = 'PROMPT="hello\nTELEGRAM_BOT_TOKEN=7000000001:CANARY-token\nbye"\n'


@pytest.mark.parametrize("content", [UNCLOSED, DISAGREE])
def test_document_error_offers_to_fix_or_to_skip(tmp_path: Path, content: str) -> None:
    layout = make_layout(tmp_path, {".env": content})
    with pytest.raises(DocumentError) as caught:
        clone(layout)
    assert (caught.value.problem.hint or "").count("--skip-unreadable") == 1


def test_skipping_an_unreadable_file_warns_that_its_values_were_not_searched_for(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": UNCLOSED, "config.yaml": "a: 1\n"})
    made = clone(layout, policy=ClonePolicy(skip_unreadable=True))
    assert [warning.target for warning in made.warnings if warning.code == "not-searched"] == [".env"]


def test_a_clone_of_the_root_does_not_report_the_other_profiles(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": "A=1\n"})
    (layout.profiles / "other").mkdir(parents=True)
    assert "profiles" not in clone(layout).left_behind()


@pytest.mark.parametrize("path", ["profiles", "active_profile", "hermes-agent"])
def test_scope_agent_does_not_report_the_installation(path: str) -> None:
    rules = FileRules(load_catalog(), ClonePolicy(), Scope.AGENT, is_default=True)
    assert is_silent(rules.judge(path, folder=True).reason)
