"""The command contract as it was recorded: answers, exit codes and files written, on awkward roots."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from recorder import compare, play, store
from scenarios import ROOTS

_RECORDED = Path(__file__).parent / "recorded"
_REPOSITORY = Path(__file__).resolve().parents[2]
_SHOWN = 12

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recorded on Linux")


@pytest.mark.parametrize("root", [pytest.param(root, id=root.name, marks=root.marks) for root in ROOTS])
def test_commands_answer_as_recorded(root, short_folder: Path) -> None:
    recorded = (_RECORDED / f"{root.name}.json").read_text()
    now = store(play(root, short_folder, code=str(_REPOSITORY)))
    differences = compare(recorded, now)
    shown = "\n".join(differences[:_SHOWN])
    assert not differences, f"{len(differences)} differences on the root {root.name!r}, the first ones:\n{shown}"


def test_enough_is_recorded() -> None:
    assert {path.stem for path in _RECORDED.glob("*.json")} == {root.name for root in ROOTS}
    commands = sum(path.read_text().count('"exit": ') for path in _RECORDED.glob("*.json"))
    assert commands >= 180


def test_new_keys_are_no_difference_and_lost_or_changed_ones_are() -> None:
    was = {"commands": [{"run": "p list", "exit": 0, "answer": {"a": [{"b": 1}]}}], "contents": {}}
    line = '{"commands": [{"run": "p list", "exit": %s, "answer": {%s}}], "contents": {}}'
    import json

    recorded = json.dumps(was)
    assert compare(recorded, line % (0, '"a": [{"b": 1, "c": 2}], "d": 3')) == []
    assert compare(recorded, line % (1, '"a": [{"b": 1}]')) == ["$ p list\n    exit: was 0\n      is now 1"]
    assert "missing" in compare(recorded, line % (0, '"d": 3'))[0]
    assert compare(recorded, line % (0, '"a": []'))
    assert compare(recorded, line % (0, '"a": [{"b": true}]'))
