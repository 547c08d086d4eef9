"""`team remove`: gateway and service of a member are removed, its home is trashed; undo restores all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from command_root import CommandRoot, picture
from command_runner import Runner
from gateway_root import GatewayRoot, is_gone, until
from multiplex_root import MultiplexRoot
from team_root import POOL, make_member, make_team


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    make_team(world)
    return world


@pytest.fixture
def team(fleet: GatewayRoot) -> GatewayRoot:
    """A fleet whose default leads anna and bert."""
    make_team(fleet)
    return fleet


@pytest.fixture
def multi(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """A multiplexer that serves the members anna and bert as a service."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    make_team(world)
    (world.root / "config.yaml").write_text("model: gpt-5\ngateway:\n  multiplex_profiles: true\n")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def serve(multi: MultiplexRoot) -> int:
    multi.gok("install", "default", "--start")
    until(lambda: multi.states().get("anna") == "served")
    pid = multi.pid("default")
    assert pid is not None
    return pid


def seen(world: CommandRoot) -> dict[str, tuple[object, ...]]:
    return picture(world.root, without=(".hermes-profiles",))


def test_team_remove_reports_each_member(world: CommandRoot) -> None:
    done = world.ok("team", "remove", "anna", "--yes", "--json")
    assert set(done.data) == {
        "team", "lead", "dissolved", "kept", "members", "gateway_stopped", "services_removed", "multiplexer", "changed",
        "dry_run", "change",
    }  # fmt: skip
    (row,) = done.data["members"]
    assert done.data["team"] == "weixin" and done.data["lead"] == "default" and row["profile"] == "anna"
    assert [entry["id"] for entry in world.ok("trash", "list", "--json").data["trash"]] == [row["trash_id"]]
    alone = world.ok("team", "remove", "bert", "--keep-profile", "--json").data["members"]
    assert alone == [{"profile": "bert", "trash_id": None, "copied": ["skills", "SOUL.md", "plugins"], "gone": []}]
    assert world.ok("team", "list", "--json").data["teams"][0]["members"] == []


@pytest.mark.parametrize("words", [("anna",), ("anna", "--keep-profile"), ("--team", "weixin", "--all"),
    ("--team", "weixin", "--all", "--keep-profile")], ids=" ".join)  # fmt: skip
def test_team_remove_dry_run_changes_nothing_and_undo_restores_all(world: CommandRoot, words: tuple[str, ...]) -> None:
    dry = world.unchanged_by("team", "remove", *words, "--dry-run", "--json")
    assert dry.code == 0 and dry.data["plan"] and dry.data["dry_run"] is True
    before, text = seen(world), world.ok("list").stdout
    done = world.ok("team", "remove", *words, "--yes")
    assert seen(world) != before and "weixin" in done.stdout
    world.ok("undo")
    after = seen(world)
    assert {path: what for path, what in after.items() if what[1] is not None} == {
        path: what for path, what in before.items() if what[1] is not None
    }
    assert world.ok("list").stdout == text
    assert os.readlink(world.home("anna") / "skills") == "../../skills"


def test_restore_of_member_rejoins_team(world: CommandRoot) -> None:
    before = seen(world)
    world.ok("team", "remove", "anna", "bert", "--yes")
    assert world.names() == ["default"]
    world.ok("restore", "anna")
    world.ok("restore", "bert")
    assert seen(world) == before
    assert world.listed("anna")["team"] == "weixin"


def test_team_remove_without_terminal_needs_yes(world: CommandRoot) -> None:
    done = world.unchanged_by("team", "remove", "anna", "--json")
    assert done.code == 6 and "team remove anna --yes" in done.problem["hint"]
    done = world.unchanged_by("team", "remove", "--team", "weixin", "--all")
    assert done.code == 6 and "team remove --team weixin --all --yes" in done.stderr


@pytest.mark.parametrize(("words", "code", "problem"), [
    (("default",), 6, "is-lead"), (("night",), 5, "no-member"), (("nobody",), 5, "no-such-profile"),
    (("anna", "--team", "sales"), 5, "no-member"), (("--team", "sales", "--all"), 5, "no-such-team"),
    ((), 2, "usage"), (("--all",), 2, "usage"), (("anna", "--all", "--team", "weixin"), 2, "usage"),
    (("anna/../bert",), 2, "bad-name"), (("anna", "--team", "We/x"), 2, "bad-name"),
], ids=lambda each: " ".join(each) if isinstance(each, tuple) else None)  # fmt: skip
def test_team_remove_refusal_has_hint(world: CommandRoot, words: tuple[str, ...], code: int, problem: str) -> None:
    world.make("night", {"config.yaml": "model: x\n"})
    done = world.unchanged_by("team", "remove", *words, "--json", "--yes")
    assert done.code == code and done.problem["hint"], done
    assert done.problem["code"] in (problem, "not-found"), done


def test_member_that_leads_a_team_is_not_trashed(world: CommandRoot) -> None:
    make_member(world, "carl", lead="anna", team="sales")
    with open(world.home("anna") / "profile.yaml", "a") as file:
        file.write("teams:\n  sales:\n    channel: weixin\n")
    done = world.unchanged_by("team", "remove", "anna", "--yes", "--json")
    assert done.code == 6 and done.problem["code"] == "leads-a-team" and "carl" in done.problem["message"]
    world.ok("team", "remove", "anna", "--keep-profile")  # the way a lead leaves a team


def test_removed_sticky_default_is_cleared(world: CommandRoot) -> None:
    world.ok("use", "anna")
    done = world.ok("team", "remove", "anna", "--yes", "--json")
    assert [each["code"] for each in done.json["warnings"]] == ["sticky-reset"]
    assert world.listed("default")["is_active"]
    world.ok("undo")
    assert world.listed("anna")["is_active"]


# Gateways and services


def test_team_remove_stops_gateway_and_removes_service(team: GatewayRoot) -> None:
    team.gok("install", "anna", "bert", "--start")
    pids = {name: team.pid(name) for name in ("anna", "bert")}
    before = picture(team.root, without=("profiles",))
    done = team.ok("team", "remove", "anna", "--yes", "--json")
    assert done.data["gateway_stopped"] is True and done.data["services_removed"] == [str(team.program("anna"))]
    assert pids["anna"] and is_gone(pids["anna"]) and team.pid("bert") == pids["bert"]
    assert not team.program("anna").exists() and "hermes-gateway-anna" not in team.known()
    assert picture(team.root, without=("profiles",)) == before, "the pool was changed"
    team.ok("undo")
    assert team.program("anna").exists() and team.rows()["anna"]["service"]["enabled"]


def test_member_kept_as_profile_keeps_running(team: GatewayRoot) -> None:
    team.gok("install", "anna", "--start")
    pid = team.pid("anna")
    done = team.ok("team", "remove", "anna", "--keep-profile", "--json")
    assert team.pid("anna") == pid and done.json["warnings"] == []
    assert (team.home("anna") / "skills/greet/SKILL.md").read_text() == POOL["skills/greet/SKILL.md"]


def test_team_remove_all_stops_and_removes_team(team: GatewayRoot) -> None:
    team.gok("install", "anna", "bert", "--start")
    pids = [team.pid(name) for name in ("anna", "bert")]
    done = team.ok("team", "remove", "--team", "weixin", "--all", "--yes", "--json")
    assert len(done.data["services_removed"]) == 2 and all(pid and is_gone(pid) for pid in pids)
    assert "anna" not in team.names() and done.data["dissolved"] is True


# Multiplexer


def test_multiplexer_stops_serving_removed_member_only(multi: MultiplexRoot) -> None:
    pid = serve(multi)
    dry = multi.ok("team", "remove", "anna", "--dry-run", "--json")
    assert dry.data["multiplexer"] == {"profile": "default", "pid": pid, "restarted": True}
    assert multi.pid("default") == pid
    done = multi.ok("team", "remove", "anna", "--yes", "--json")
    assert done.json["errors"] == [] and is_gone(pid) and multi.pid("default") not in (None, pid)
    assert not multi.home("anna").exists(), "the gateway created the folder again"
    assert multi.states()["bert"] == "served" and multi.states()["default"] == "running"
    multi.ok("undo")
    until(lambda: multi.states().get("anna") == "served")
    assert multi.states()["default"] == "running"


@pytest.mark.parametrize("words", [("delete", "anna", "--yes"), ("rename", "anna", "anne")], ids=" ".join)
def test_delete_and_rename_restart_multiplexer(multi: MultiplexRoot, words: tuple[str, ...]) -> None:
    pid = serve(multi)
    assert "is stopped and started again" in multi.ok(*words, "--dry-run").stdout
    assert "was restarted" in multi.ok(*words).stdout
    assert is_gone(pid) and not multi.home("anna").exists() and multi.states()["bert"] == "served"
    assert words[0] == "delete" or multi.states()["anne"] == "served"
    multi.ok("undo")
    until(lambda: multi.states().get("anna") == "served")
    assert not multi.home("anne").exists()


def test_restore_warns_that_multiplexer_needs_restart(multi: MultiplexRoot) -> None:
    serve(multi)
    multi.ok("team", "remove", "anna", "--yes")
    done = multi.ok("restore", "anna", "--json")
    assert [each["code"] for each in done.json["warnings"]] == ["not-served"]
    assert "hermes-gateways restart default" in done.json["warnings"][0]["hint"]


def test_multiplexer_without_service_is_not_stopped(multi: MultiplexRoot) -> None:
    process = multi.by_hand("default")
    try:
        until(lambda: multi.states().get("anna") == "served")
        for words in (("team", "remove", "anna", "--yes"), ("delete", "anna", "--yes"), ("rename", "anna", "anne")):
            done = multi.call(*words, "--json")
            assert done.code == 6 and done.problem["code"] == "served" and done.problem["hint"], done
            assert multi.home("anna").is_dir() and multi.pid("default") == process.pid
    finally:
        process.terminate()
        process.wait(20)


def test_failed_removal_keeps_multiplexer_running(multi: MultiplexRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.model.errors import Failed
    from hermes_profiles.operations.teams import remove_members

    pid = serve(multi)

    def fail(*_: object, **__: object) -> None:
        raise Failed("the disk is full", hint="make room")

    monkeypatch.setattr(remove_members, "carry_out", fail)
    done = multi.call("team", "remove", "anna", "--yes", "--json")
    assert done.code == 1 and done.problem["message"] == "the disk is full"
    until(lambda: multi.states().get("anna") == "served")
    assert multi.pid("default") != pid


def test_failed_multiplexer_restart_is_reported(multi: MultiplexRoot) -> None:
    serve(multi)
    (multi.root / "exits").write_text("78\n78\n78\n")
    assert "is stopped and started again" in multi.ok("team", "remove", "anna", "--dry-run").stdout
    done = multi.call("team", "remove", "anna", "--yes", "--json")
    assert done.code == 1 and done.json["status"] == "partial" and done.data["change"]
    assert done.problem["target"] == "default" and not multi.home("anna").exists()


def test_failed_restart_is_not_reported_as_restart(multi: MultiplexRoot) -> None:
    serve(multi)
    (multi.root / "exits").write_text("78\n78\n78\n")
    done = multi.call("team", "remove", "anna", "--yes")
    assert done.code == 1 and "restarted" not in done.stdout and "default" in done.stderr


def test_restored_service_under_multiplexer_stays_stopped(multi: MultiplexRoot) -> None:
    (multi.root / "config.yaml").write_text("model: gpt-5\n")
    (multi.root / ".env").write_text("OPENAI_API_KEY=sk-CANARYshared0123456789\n")
    multi.gok("install", "anna", "bert", "default", "--start")
    multi.moded("multiplex", "--yes")
    before = multi.services()
    multi.ok("team", "remove", "anna", "--yes")
    multi.ok("undo")
    assert multi.services() == before and before["anna"] == (True, False, False)
    multi.moded("processes", "--yes")
    assert multi.services()["anna"] == (True, True, True) and multi.states()["anna"] == "running"


def test_switch_back_ignores_removed_member(multi: MultiplexRoot) -> None:
    (multi.root / "config.yaml").write_text("model: gpt-5\n")
    (multi.root / ".env").write_text("OPENAI_API_KEY=sk-CANARYshared0123456789\n")
    multi.gok("install", "anna", "bert", "default", "--start")
    multi.moded("multiplex", "--yes")
    multi.ok("team", "remove", "anna", "--yes")
    multi.moded("processes", "--yes")
    assert multi.states() == {"default": "running", "bert": "running"} and not multi.home("anna").exists()
