"""Which profiles a start has to observe: processes and names of definitions decide, no file of a profile is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from observed_root import RUN, Root
from work_count import work_of

from hermes_profiles.gateways.candidates import may_run

ALL = ("default", "ops", "work")


@pytest.fixture
def root(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    found = Root(isolated, *ALL)
    monkeypatch.setattr(found.manager, "folders", lambda: (isolated / "units",))
    return found


def _define(root: Root, *names: str) -> None:
    folder = root.manager.folders()[0]
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("[Service]\n")


def test_profile_without_process_and_definition_does_not_run(root: Root) -> None:
    assert set(may_run(root.world, ALL)) == set()


def test_profile_with_a_process_may_run(root: Root) -> None:
    root.table.add(50, "hermes", "-p", "work", "gateway", "run", HERMES_HOME=str(root.layout.root))
    assert set(may_run(root.world, ALL)) == {"work"}


def test_profile_with_a_definition_may_run(root: Root) -> None:
    _define(root, "hermes-gateway-ops.service", "hermes-gateway.service")
    assert set(may_run(root.world, ALL)) == {"default", "ops"}
    assert set(may_run(root.world, ("work",))) == set()


def test_definition_of_an_unknown_home_may_belong_to_any_profile(root: Root) -> None:
    _define(root, "hermes-gateway-0123abcd.service")
    assert set(may_run(root.world, ALL)) == set(ALL)


def test_process_of_an_unknown_home_is_known_by_its_record_alone(root: Root) -> None:
    """Started without `-p`: the sticky profile of that moment decided, and only its pid file tells."""
    root.table.add(50, *RUN, HERMES_HOME=str(root.layout.root))
    assert set(may_run(root.world, ALL)) == set()
    (Path(root.home("work")) / "gateway.lock").write_text("{}")
    assert set(may_run(root.world, ALL)) == {"work"}


def test_no_file_of_a_profile_is_opened(root: Root) -> None:
    root.table.add(50, "hermes", "-p", "work", "gateway", "run", HERMES_HOME=str(root.layout.root))
    assert work_of(lambda: may_run(root.world, ALL)).reads["open"] == 0
