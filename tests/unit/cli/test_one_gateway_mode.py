"""team run-mode and upgrade-check on a Hermes with one gateway: fold, the temporary exception, failures, undo."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot, updated_team

NAMES = ("default", "anna", "bob")


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    with updated_team(runner) as world:
        yield world


def test_services_of_their_own_are_shown_and_warned_about(team: MultiplexRoot) -> None:
    data = team.moded()
    assert (data["mode"], data["one_gateway"]) == ("processes", True)
    done = team.mode("processes", "--json")
    assert (done.code, done.data["changed"]) == (0, False)
    assert [each["code"] for each in done.json["warnings"]] == ["folded-on-update"]


def test_fold_removes_services_and_undo_restores_them(team: MultiplexRoot) -> None:
    files, services = team.kept(), team.services()
    texts = {name: team.program(name).read_bytes() for name in NAMES}
    team.moded("multiplex")
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    assert not team.program("anna").exists() and not team.program("bob").exists()
    assert [team.pid(name) for name in NAMES][1:] == [None, None]
    assert team.moded()["mode"] == "multiplex"
    assert team.moded("multiplex")["changed"] is False
    done = team.call("undo", "--json")
    assert done.code == 0, done
    assert (team.kept(), team.services()) == (files, services)
    assert {name: team.program(name).read_bytes() for name in NAMES} == texts
    assert team.states() == dict.fromkeys(NAMES, "running")


def test_failed_fold_goes_back_whole(team: MultiplexRoot) -> None:
    files, services = team.kept(), team.services()
    (team.root / "leaves-out").write_text("anna")
    done = team.mode("multiplex", "--json", "--timeout", "8")
    assert done.code == 1 and "the former state was restored" in done.problem["message"], done
    assert (team.kept(), team.services()) == (files, services)
    assert team.states() == dict.fromkeys(NAMES, "running")


def test_processes_is_refused_with_the_way_out(team: MultiplexRoot) -> None:
    team.moded("multiplex")
    before = team.picture()
    done = team.mode("processes", "--json")
    assert (done.code, done.problem["code"]) == (6, "no-such-mode")
    assert "--standalone" in done.problem["hint"] and team.picture() == before


def test_undo_of_an_older_switch_is_refused(team: MultiplexRoot) -> None:
    team.update_hermes((0, 19, 0))
    for fact in ("gateway", "agent"):
        __import__("shutil").rmtree(team.python.parent.parent.parent / fact, ignore_errors=True)
    (team.python.parent.parent.parent / "hermes_cli/gateway_migrate.py").unlink(missing_ok=True)
    team.moded("multiplex")
    team.update_hermes()
    services = team.services()
    done = team.call("undo", "--json")
    assert (done.code, done.problem["code"]) == (6, "no-such-mode"), done
    assert team.services() == services


def test_standalone_gives_gateways_of_their_own_and_undo_takes_them_back(team: MultiplexRoot) -> None:
    team.moded("multiplex")
    files = team.kept()
    preview = team.mode("processes", "--standalone", "--dry-run", "--json")
    assert preview.code == 0 and preview.data["installs"] == ["anna", "bob"] and team.kept() == files
    done = team.mode("processes", "--standalone", "--json")
    assert done.code == 0, done
    assert done.data["standalone"] == ["anna", "bob"]
    assert [each["code"] for each in done.json["warnings"]] == ["temporary"]
    assert team.states() == dict.fromkeys(NAMES, "running")
    assert "standalone: true" in (team.home("anna") / "config.yaml").read_text()
    assert "auto_multiplex_migration: false" in (team.root / "config.yaml").read_text()
    rows = {row["profile"]: row["why"] for row in team.moded()["profiles"]}
    assert rows == {"default": None, "anna": "standalone", "bob": "standalone"}
    assert team.mode("processes", "--standalone", "--json").data["changed"] is False
    undone = team.call("undo", "--json")
    assert undone.code == 0, undone
    assert team.kept() == files and not team.program("anna").exists()
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}


def test_standalone_that_fails_goes_back_whole(team: MultiplexRoot) -> None:
    team.moded("multiplex")
    files = team.kept()
    (team.home("bob") / "slow").write_text("60")
    done = team.mode("processes", "--standalone", "--json", "--timeout", "2")
    assert done.code == 1 and "the former state was restored" in done.problem["message"], done
    assert team.kept() == files and not team.program("anna").exists()
    (team.home("bob") / "slow").unlink()
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    assert team.moded()["unfinished"] is False


def test_unfinished_migration_is_finished_by_run_mode(team: MultiplexRoot) -> None:
    (team.root / "gateway_migration.json").write_text(json.dumps({"secondaries": [{"profile": "anna", "home": "x"}]}))
    assert [each["code"] for each in team.mode("--json").json["warnings"]] == ["half-migrated"]
    assert team.gateways("upgrade-check", "--json").code == 3
    team.moded("multiplex")
    assert not (team.root / "gateway_migration.json").exists()
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}


def test_upgrade_check_before_and_after(team: MultiplexRoot) -> None:
    done = team.untouched_by("upgrade-check", "--json")
    assert (done.code, done.data["ahead"]["outcome"], done.data["hermes"]["version"]) == (3, "folds", "0.22.2")
    assert [row["profile"] for row in done.data["ahead"]["services"]] == ["anna", "bob"]
    assert [row["code"] for row in done.data["ahead"]["consequences"]] == ["unknown-manager"]
    text = team.gateways("upgrade-check").stdout
    assert "removes their services" in text and "run-mode multiplex" in text
    team.moded("multiplex")
    done = team.untouched_by("upgrade-check", "--json")
    assert (done.code, done.data["needs_user"], done.data["ahead"]["outcome"]) == (0, False, "nothing")
    assert "nothing needs you" in team.gateways("upgrade-check").stdout


def test_upgrade_check_names_unserved_profiles(team: MultiplexRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_profiles.gateways.host.servers._ADOPTION", 0.0)
    team.moded("multiplex")
    (team.root / "leaves-out").write_text("bob")
    assert team.gateways("restart", "default", "--yes", "--timeout", "5").code == 1, "bob is not served again"
    done = team.gateways("upgrade-check", "--json")
    assert done.code == 3 and [row["profile"] for row in done.data["left"]["unserved"]] == ["bob"]


def test_upgrade_check_meets_a_newer_release_with_a_remark(team: MultiplexRoot) -> None:
    team.update_hermes((0, 31, 0))
    done = team.gateways("upgrade-check", "--json")
    assert done.data["hermes"]["newer_than_known"] is True
    assert "newer-hermes" in [each["code"] for each in done.json["warnings"]]


def test_run_mode_between_0_21_3_and_0_21_4_uses_the_new_limits_and_keeps_services(team: MultiplexRoot) -> None:
    for folder in ("gateway", "agent", "hermes_cli"):
        __import__("shutil").rmtree(team.python.parent.parent.parent / folder, ignore_errors=True)
    team.update_hermes((0, 21, 3))
    config = "platforms:\n  weixin: {enabled: true}\n  api_server: {enabled: true}\n"
    (team.home("anna") / "config.yaml").write_text(config)
    (team.root / "config.yaml").write_text("platforms: {api_server: {enabled: true}}\n")
    team.moded("multiplex")
    assert team.program("anna").exists() and team.states()["anna"] == "served"
    team.moded("processes")
    assert team.states() == dict.fromkeys(NAMES, "running")
