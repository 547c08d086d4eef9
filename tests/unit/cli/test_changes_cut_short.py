"""A change that stops gateways and is killed leaves none down: the record of a restart covers it."""

from __future__ import annotations

import pytest
from gateway_root import GatewayRoot
from test_gateways_cut_short import NoSuccessor

from hermes_profiles.fleet.restart_record import unfinished_restart
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations import fleet_exclusive, undo
from hermes_profiles.operations.gateways.profile_services import ProfileRemoval, ProfileRename
from hermes_profiles.operations.profiles import change_profile

NEVER = 4194303  # greater than any pid of Linux


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the command runs after it."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def running(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> GatewayRoot:
    """A fleet whose successors are no processes, and whose records are of a process that is gone."""
    fleet.gok("install", "--start")
    fleet.gok("stop", "night")
    monkeypatch.setattr(fleet_exclusive, "Successor", NoSuccessor)
    monkeypatch.setattr("hermes_profiles.fleet.restart_record.os.getpid", lambda: NEVER)
    # A killed command puts nothing back.
    monkeypatch.setattr("hermes_profiles.operations.gateways.profile_services.put_back", lambda _: ())
    return fleet


def states(fleet: GatewayRoot) -> dict[str, str]:
    return {name: row["state"] for name, row in fleet.rows().items()}


def kill(fleet: GatewayRoot, *command: str) -> None:
    with pytest.raises(Killed):
        fleet.call(*command)


@pytest.mark.parametrize(
    ("cut", "name"), [((change_profile, "carry_out"), "work"), ((ProfileRename, "finish"), "shop")]
)
def test_killed_rename_is_completed(
    running: GatewayRoot, monkeypatch: pytest.MonkeyPatch, cut: tuple[object, str], name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*cut, killed)
        kill(running, "rename", "work", "shop")
    assert states(running)[name] == "stopped"
    assert f"`hermes-gateways start {name}`" in running.gateways("status").stderr
    running.gok("finish-restart")
    assert states(running) == {"default": "running", name: "running", "night": "stopped"}
    row = running.rows()[name]
    assert row["service"]["enabled"] and unfinished_restart(Layout(running.root, running.user)) is None


@pytest.mark.parametrize("next_command", [("undo", "--list"), ("delete", "night", "--yes")])
def test_killed_delete_before_its_change_is_taken_back(
    running: GatewayRoot, monkeypatch: pytest.MonkeyPatch, next_command: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(change_profile, "carry_out", killed)
        kill(running, "delete", "work", "--yes")
    row = running.rows()["work"]
    assert (row["state"], row["service"]["enabled"]) == ("stopped", False)
    assert running.call(*next_command).code == 0
    if next_command[0] == "undo":  # it only reads
        running.gok("start", "default")
    row = running.rows()["work"]
    assert (row["state"], row["service"]["enabled"]) == ("running", True)


def test_killed_delete_after_its_change_leaves_nothing(running: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ProfileRemoval, "finish", killed)
        kill(running, "delete", "work", "--yes")
    done = running.gateways("status")
    assert "restart was interrupted" not in done.stdout + done.stderr
    running.gok("start", "default")
    assert states(running) == {"default": "running", "night": "stopped"}
    assert unfinished_restart(Layout(running.root, running.user)) is None


def test_killed_uninstall_before_its_change_is_taken_back(
    running: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("hermes_profiles.fleet.uninstall.apply", killed)
        patch.setattr("hermes_profiles.fleet.uninstall._put_back", killed)
        with pytest.raises(Killed):
            running.gateways("uninstall", "work", "night")
    assert states(running) == {"default": "running", "work": "stopped", "night": "stopped"}
    running.gok("finish-restart")
    assert states(running) == {"default": "running", "work": "running", "night": "stopped"}
    assert running.rows()["work"]["service"]["enabled"]
    with monkeypatch.context() as patch:
        patch.setattr("hermes_profiles.fleet.uninstall.Uninstalled", killed)
        with pytest.raises(Killed):
            running.gateways("uninstall", "work", "night")
    assert running.gok("finish-restart").stderr == "", "it is done"
    assert unfinished_restart(Layout(running.root, running.user)) is None and states(running)["work"] == "stopped"


@pytest.mark.parametrize("command", [("delete", "work", "--yes"), ("rename", "work", "shop")])
def test_killed_undo_is_completed(
    running: GatewayRoot, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    assert running.call(*command).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(undo.ServiceUndo, "finish", killed)
        kill(running, "undo")
    assert states(running)["work"] == "stopped"
    running.gok("finish-restart")
    assert states(running) == {"default": "running", "work": "running", "night": "stopped"}
    assert running.rows()["work"]["service"]["enabled"]


def test_stop_and_uninstall_drop_what_was_left(running: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(change_profile, "carry_out", killed)
        kill(running, "delete", "work", "--yes")
    running.gok("uninstall", "work")
    assert states(running)["work"] == "stopped" and len(running.starts("work")) == 1
    assert unfinished_restart(Layout(running.root, running.user)) is None


def test_failed_change_leaves_no_record(running: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(change_profile, "carry_out", full)
    assert running.call("rename", "work", "shop").code == 1
    assert not Layout(running.root, running.user).restart_record.exists()
