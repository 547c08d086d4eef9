"""The command contract: answers, exit codes and written files are equal to the recorded ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from recorder import compare, play, store
from scenarios import ROOTS, Root

_RECORDED = Path(__file__).parent / "recorded"
_REPOSITORY = Path(__file__).resolve().parents[2]
_SHOWN = 12

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recorded on Linux")


@pytest.mark.parametrize("root", [pytest.param(root, id=root.name, marks=root.marks) for root in ROOTS])
def test_commands_on_a_root_answer_as_recorded(root: Root, short_folder: Path) -> None:
    recorded = (_RECORDED / f"{root.name}.json").read_text()
    now = store(play(root, short_folder, code=str(_REPOSITORY)))
    differences = compare(recorded, now)
    shown = "\n".join(differences[:_SHOWN])
    assert not differences, f"{len(differences)} differences on the root {root.name!r}, the first ones:\n{shown}"


def test_recorded_commands_are_at_least_180() -> None:
    assert {path.stem for path in _RECORDED.glob("*.json")} == {root.name for root in ROOTS}
    commands = sum(path.read_text().count('"exit": ') for path in _RECORDED.glob("*.json"))
    assert commands >= 180


def test_comparison_allows_new_keys_and_no_lost_or_changed_ones() -> None:
    was = {"commands": [{"run": "p list", "exit": 0, "answer": {"a": [{"b": 1}]}}], "contents": {}}
    line = '{"commands": [{"run": "p list", "exit": %s, "answer": {%s}}], "contents": {}}'
    recorded = json.dumps(was)
    assert compare(recorded, line % (0, '"a": [{"b": 1, "c": 2}], "d": 3')) == []
    assert compare(recorded, line % (1, '"a": [{"b": 1}]')) == ["$ p list\n    exit: was 0\n      is now 1"]
    assert "missing" in compare(recorded, line % (0, '"d": 3'))[0]
    assert compare(recorded, line % (0, '"a": []'))
    assert compare(recorded, line % (0, '"a": [{"b": true}]'))
    assert compare(line % (0, '"hint": null'), line % (0, '"hint": "<prose>"')) == []
    assert compare(line % (0, '"hint": "<prose>"'), line % (0, '"hint": null'))
