"""Update day: the fold ahead, a half-done migration, temporary settings; and the fix that goes over to one gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot

NAMES = ("default", "anna", "bob")
IDS = ("services.half-migrated", "services.fold-ahead", "services.standalone")


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """Three profiles with running services; Hermes is 0.19.0."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    world.member("anna")
    world.member("bob")
    world.gok("install", "--start")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def findings(team: MultiplexRoot) -> list[tuple[str, str, list[str], bool]]:
    """Return (check, severity, profiles, automatic) of the findings of these checks."""
    rows: list[dict[str, Any]] = team.call("doctor", "--json", *(f"--only={each}" for each in IDS)).data["findings"]
    return [(row["check"], row["severity"], row["profiles"], row["fix"]["automatic"]) for row in rows]


def fix(team: MultiplexRoot, check: str) -> Any:
    done = team.call("doctor", "--fix", "--yes", "--json", "--only", check)
    assert done.code == 0, done
    return done.data


def run_fix(team: MultiplexRoot, check: str) -> str:
    """Run the command of the first finding of a check, and return it; no finding of the check may be left."""
    ask = ("doctor", "--json", "--only", check)
    command = str(team.call(*ask).data["findings"][0]["fix"]["command"])
    program, *words = command.split()
    done = (team.call if program == "hermes-profiles" else team.gateways)(*words)
    assert done.code == 0, (command, done)
    assert team.call(*ask).data["findings"] == [], command
    return command


def test_nothing_is_reported_under_0_19_0(team: MultiplexRoot) -> None:
    assert findings(team) == []


def test_fold_ahead_is_led_over_by_the_fix_and_back_by_one_undo(team: MultiplexRoot) -> None:
    team.update_hermes()
    before = (team.kept(), team.services())
    assert findings(team) == [("services.fold-ahead", "warning", ["anna", "bob"], True)]
    preview = team.call("doctor", "--fix", "--dry-run", "--json", "--only", "services.fold-ahead")
    assert preview.data["plan"] == [{"kind": "run-mode", "target": "multiplex"}]
    assert (team.kept(), team.services()) == before
    done = fix(team, "services.fold-ahead")
    assert [row["check"] for row in done["fixed"]] == ["services.fold-ahead"] and len(done["changes"]) == 1
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"} and findings(team) == []
    undone = team.call("undo", "--json")
    assert undone.code == 0, undone
    assert (team.kept(), team.services()) == before


def test_fix_that_would_lose_something_is_left_to_the_user(team: MultiplexRoot) -> None:
    team.update_hermes()
    (team.home("bob") / ".env").write_text((team.home("anna") / ".env").read_text())
    before = (team.kept(), team.services())
    done = team.call("doctor", "--fix", "--yes", "--json", "--only", "services.fold-ahead")
    assert done.data["findings"] and "same-account" in [each["code"] for each in done.json["warnings"]]
    assert (team.kept(), team.services()) == before


def test_setting_of_default_silences_the_fold(team: MultiplexRoot) -> None:
    team.update_hermes()
    (team.root / "config.yaml").write_text("gateway: {auto_multiplex_migration: false}\n")
    assert findings(team) == []


def test_fold_ahead_on_0_21_3_is_not_fixed_by_itself(team: MultiplexRoot) -> None:
    team.update_hermes((0, 21, 3))
    assert findings(team) == [("services.fold-ahead", "warning", ["anna", "bob"], False)]


def test_unfinished_migration_is_finished_by_the_fix(team: MultiplexRoot) -> None:
    team.update_hermes()
    (team.root / "gateway_migration.json").write_text('{"secondaries": [{"profile": "anna", "home": "x"}]}')
    assert findings(team) == [("services.half-migrated", "error", ["anna"], True)]
    fix(team, "services.half-migrated")
    assert not (team.root / "gateway_migration.json").exists() and findings(team) == []
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}


def test_services_beside_the_one_gateway_are_removed_by_the_fix(team: MultiplexRoot) -> None:
    team.moded("multiplex")  # by 0.19.0: the services stay
    team.update_hermes()
    assert findings(team) == [("services.half-migrated", "error", ["anna", "bob"], True)]
    fix(team, "services.half-migrated")
    assert not team.program("anna").exists() and findings(team) == []


def test_standalone_profiles_are_named(team: MultiplexRoot) -> None:
    team.update_hermes()
    team.moded("multiplex")
    team.moded("processes", "--standalone")
    assert findings(team) == [(IDS[2], "info", ["anna"], False), (IDS[2], "info", ["bob"], False)]
    run_fix(team, IDS[2])
    assert findings(team) == []


def test_restart_of_default_applies_the_setting_and_serves_a_new_profile(team: MultiplexRoot) -> None:
    (team.root / "config.yaml").write_text("gateway:\n  multiplex_profiles: true\n")
    assert run_fix(team, "services.topology") == "hermes-gateways restart default"
    team.member("carl")
    assert run_fix(team, "services.skipped-by-multiplexer") == "hermes-gateways restart default"
