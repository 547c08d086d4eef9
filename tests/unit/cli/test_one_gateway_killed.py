"""Both switches on a Hermes with one gateway, killed at any step: each way on ends in one of the two whole states."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot, updated_team
from nightly import sample
from switch_killer import run_killed

NAMES = ("default", "anna", "bob")
APART = dict.fromkeys(NAMES, "running")
ONE = {"default": "running", "anna": "served", "bob": "served"}
FOLD, SEPARATE = ("multiplex",), ("processes", "--standalone")
POINTS = (0, 1, 2, 3, 5, 7, 9, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 27, 30, 34)


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    with updated_team(runner) as world:
        yield world


def settled(team: MultiplexRoot, wanted: dict[str, str]) -> None:
    deadline = time.monotonic() + 15
    while team.states() != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert team.states() == wanted
    assert team.moded()["unfinished"] is False


def named_everywhere(team: MultiplexRoot, words: tuple[str, ...]) -> None:
    """Check that run-mode, status and doctor name an unfinished switch, with a command for each direction."""
    shown = team.mode("--json")
    if not shown.data["unfinished"]:
        return
    assert shown.code == 3 and "`hermes-profiles team run-mode " + " ".join(words) + "`" in shown.problem["hint"]
    assert "interrupted" in team.gateways("status").stdout
    done = team.call("doctor", "--json", "--only", "services.half-migrated")
    assert [row["message"] for row in done.data["findings"]] == ["a switch of the run mode was interrupted"], done


@pytest.mark.parametrize("at", sample(POINTS, 13))
@pytest.mark.parametrize("way", ["again", "back", "undo"])
def test_killed_fold_is_finished_or_taken_back(team: MultiplexRoot, at: int, way: str, tmp_path: Path) -> None:
    files, services = team.kept(), team.services()
    was_killed = run_killed(team.runner, ("team", "run-mode", *FOLD, "--yes"), at, tmp_path)
    named_everywhere(team, FOLD)
    if way == "again":
        team.moded(*FOLD, "--yes")
        settled(team, ONE)
        assert not team.program("anna").exists()
    elif team.moded_or_unfinished()["unfinished"]:
        done = team.call("undo", "--json") if way == "undo" else team.mode("processes", "--json")
        assert done.code == 0, done
        settled(team, APART)
        assert (team.kept(), team.services()) == (files, services)
    else:
        settled(team, ONE if not was_killed or not team.program("anna").exists() else APART)


@pytest.mark.parametrize("at", sample(POINTS, 13))
@pytest.mark.parametrize("way", ["again", "back", "undo"])
def test_killed_separation_is_finished_or_taken_back(team: MultiplexRoot, at: int, way: str, tmp_path: Path) -> None:
    team.moded(*FOLD)
    files, services = team.kept(), team.services()
    run_killed(team.runner, ("team", "run-mode", *SEPARATE, "--yes"), at, tmp_path)
    named_everywhere(team, SEPARATE)
    unfinished = team.moded_or_unfinished()["unfinished"]
    if way == "again":
        team.moded(*SEPARATE, "--yes")
        settled(team, APART)
        return
    if unfinished:
        done = team.call("undo", "--json") if way == "undo" else team.mode(*FOLD, "--json")
        assert done.code == 0, done
        settled(team, ONE)
        assert (team.kept(), team.services()) == (files, services)


@pytest.mark.parametrize("at", sample(POINTS, 13))
@pytest.mark.parametrize("first", [FOLD, SEPARATE])
def test_killed_undo_is_finished_by_another_undo(
    team: MultiplexRoot, at: int, first: tuple[str, ...], tmp_path: Path
) -> None:
    if first is SEPARATE:
        team.moded(*FOLD)
    files, services = team.kept(), team.services()
    team.moded(*first, "--yes")
    run_killed(team.runner, ("undo",), at, tmp_path)
    if not team.moded_or_unfinished()["unfinished"]:
        return
    done = team.call("undo", "--json")
    assert done.code == 0, done
    if first is FOLD:
        settled(team, APART)
        assert (team.kept(), team.services()) == (files, services)
    else:  # an undo of the interrupted undo has the gateways of their own again, one of its rest has the one gateway
        settled(team, ONE if team.kept() == files else APART)


def test_separation_is_refused_during_an_unfinished_fold(team: MultiplexRoot, tmp_path: Path) -> None:
    assert run_killed(team.runner, ("team", "run-mode", *FOLD, "--yes"), 5, tmp_path)
    done = team.mode(*SEPARATE, "--json")
    assert (done.code, done.problem["code"]) == (6, "unfinished"), done
    assert team.moded("processes")["changed"]
    settled(team, APART)
