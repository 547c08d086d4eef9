"""What a clone says of documents nobody can read, and what it does not trouble anybody with."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_world import clone, make_layout

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import FileRules, Scope, is_silent
from hermes_profiles.model.errors import DocumentError

UNCLOSED = 'TELEGRAM_BOT_TOKEN="7000000001:CANARY-token\nA=1\n'
DISAGREE = 'PROMPT="hello\nTELEGRAM_BOT_TOKEN=7000000001:CANARY-token\nbye"\n'


@pytest.mark.parametrize("content", [UNCLOSED, DISAGREE])
def test_every_document_that_stops_a_clone_names_both_ways_out(tmp_path: Path, content: str) -> None:
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
def test_the_agent_alone_leaves_the_installation_without_a_word(path: str) -> None:
    rules = FileRules(load_catalog(), ClonePolicy(), Scope.AGENT, is_default=True)
    assert is_silent(rules.judge(path, folder=True).reason)
