"""A clone of large settings does work in proportion to their size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hermes_profiles.clone import warnings
from hermes_profiles.clone.report import CloneReport, NamedPlace
from hermes_profiles.credentials.edits import Kept
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.model.text import apart

COUNT = 400


class Name(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        """Count, then compare."""
        Name.compared += 1
        return str.__eq__(self, other)


def test_paths_into_the_source_compare_each_name_once(tmp_path: Path) -> None:
    names = [f"NAME_{number}" for number in range(COUNT)]
    entries = [SimpleNamespace(name=name, commented=False, values=(f"{tmp_path}/x",), line=1) for name in names]
    documents = SimpleNamespace(config=None, env=SimpleNamespace(entries=entries))
    source = SimpleNamespace(home=tmp_path, name="work", documents=documents)
    report = CloneReport("new", "work", tmp_path / "new", kept=[Kept(Name(name), ".env", 1, "") for name in names])
    Name.compared = 0
    found = [*warnings._source_paths(report, cast("Any", source), tmp_path.parent)]
    assert len(found) == COUNT
    assert Name.compared <= 2 * COUNT


def test_removed_block_is_left_out_of_the_paths_into_the_source(tmp_path: Path) -> None:
    paths = [("a", "b"), ("a", "[0]", "c"), ("ab",)]
    entries = [SimpleNamespace(path=path, value=f"{tmp_path}/x", line=1) for path in paths]
    source = SimpleNamespace(home=tmp_path, name="work")
    source.documents = SimpleNamespace(config=SimpleNamespace(entries=entries), env=None)
    removed = cast("Any", [SimpleNamespace(name="a")])
    report = CloneReport("new", "work", tmp_path / "new", config_removed=removed)
    found = [*warnings._source_paths(report, cast("Any", source), tmp_path.parent)]
    assert [one.message.split()[1] for one in found] == ["ab"]


def test_a_report_without_a_value_is_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = ValueIndex({"TELEGRAM_BOT_TOKEN": ["7100000001:CANARY-abcdefghijkl"]})
    searched: list[int] = []
    hits = ValueIndex.hits
    monkeypatch.setattr(ValueIndex, "hits", lambda self, data: searched.append(len(data)) or hits(self, data))
    clean = [NamedPlace(f"skills/{number}.md", 1, "a token") for number in range(COUNT)]
    report = CloneReport("new", "work", tmp_path, named=[*clean])
    report.hide(values)
    assert report.named == clean and len(searched) == 1

    searched.clear()
    report.named.append(NamedPlace("skills/7100000001:CANARY-abcdefghijkl.md", 1, "a token"))
    report.hide(values)
    assert report.named[:-1] == clean and report.named[-1].path == "skills/<removed: TELEGRAM_BOT_TOKEN>.md"
    assert len(searched) <= 2 * COUNT.bit_length() + 1


def test_spans_that_overlap_lose_to_earlier_ones() -> None:
    assert apart([(4, 9), (0, 4), (8, 12), (9, 10), (9, 10), (5, 5), (1, 20)]) == [1, 0, 3]
