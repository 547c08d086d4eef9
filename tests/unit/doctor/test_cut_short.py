"""An interrupted restart and a mask whose conflict is over are findings with the command that ends them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from doctor_root import DoctorRoot

from hermes_profiles.changes.lock import acquire_folder_lock
from hermes_profiles.doctor.checks.conflicts import free_mask
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.processes import Process
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import freed_masks

GONE = 2**22 - 3


def record(world: DoctorRoot, pid: int) -> None:
    data = {"profiles": ["work", "family"], "pid": pid, "begun_at": 1.0, "owners": [], "on_conflict": "mask"}
    world.state.mkdir(parents=True, exist_ok=True)
    (world.state / "restart.json").write_text(json.dumps(data))


def test_interrupted_restart_is_named_by_doctor_and_status(world: DoctorRoot) -> None:
    record(world, GONE)
    (found,) = world.findings("--only", "runtime.restart-interrupted")
    assert found["profiles"] == ["family", "work"] or found["profiles"] == ["work", "family"]
    assert found["fix"]["command"] == "hermes-gateways start work family"
    done = world.runner.gateways("status", "--json", env=world.environment)
    (problem,) = [row for row in done.json["warnings"] if row["code"] == "restart-interrupted"]
    assert "work, family" in problem["message"] and "hermes-gateways start work family" in problem["hint"]


def test_interrupted_restart_names_only_profiles_that_exist(world: DoctorRoot) -> None:
    record(world, GONE)
    shutil.rmtree(world.home("family"))
    (found,) = world.findings("--only", "runtime.restart-interrupted")
    assert found["fix"]["command"] == "hermes-gateways start work"
    shutil.rmtree(world.home("work"))
    assert world.findings("--only", "runtime.restart-interrupted") == []


def test_restart_that_is_being_done_is_not_named(world: DoctorRoot) -> None:
    record(world, os.getpid())
    assert world.findings("--only", "runtime.restart-interrupted") == []
    done = world.runner.gateways("status", "--json", env=world.environment)
    assert not [row for row in done.json["warnings"] if row["code"] == "restart-interrupted"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not report the holder of a lock")
def test_restart_that_another_command_completes_is_not_named(world: DoctorRoot) -> None:
    record(world, GONE)
    lock = acquire_folder_lock(world.state.parents[1], wait=0)
    assert lock is not None
    assert world.findings("--only", "runtime.restart-interrupted") == []
    done = world.runner.gateways("status", "--json", env=world.environment)
    assert not [row for row in done.json["warnings"] if row["code"] == "restart-interrupted"]
    os.close(lock)
    assert world.findings("--only", "runtime.restart-interrupted") != []


def test_free_mask_of_a_running_gateway_is_named_with_the_command(world: DoctorRoot) -> None:
    process = Process(os.getpid(), 1.0, "S", 1, (), {})
    owner = ChannelOwner("family")
    masks = (Mask("telegram", MaskCause.TOKEN, owner, is_free=True), Mask("slack", MaskCause.TOKEN, owner))
    gateway = Gateway("work", GatewayState.RUNNING, masks=masks, process=process)
    facts: Any = SimpleNamespace(profiles={"work": None}, inventory=SimpleNamespace(gateways={"work": gateway}))
    (found,) = free_mask(facts)
    assert "work runs without telegram" in found.message and "'family' had it" in found.message
    assert found.fix.command == "hermes-gateways restart work"
    facts.inventory.gateways["work"] = gateway._replace(process=None)
    assert list(free_mask(facts)) == []


def test_profile_that_can_take_over_is_named_when_the_owner_goes(
    world: DoctorRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(os.getpid(), 1.0, "S", 1, (), {})
    masks = {"work": (Mask("telegram", MaskCause.TOKEN, ChannelOwner("family")),)}
    monkeypatch.setattr(freed_masks, "masks_of", lambda _layout, name: masks.get(name, ()))
    monkeypatch.setattr(freed_masks, "has_overlay", lambda *_: True)
    running = {"work": Gateway("work", GatewayState.RUNNING, process=process)}
    monkeypatch.setattr(FleetSession, "observe_cheaply", lambda _self, names: {name: running[name] for name in names})
    session = FleetSession(str(world.root), environment=dict(world.runner.environment))
    (problem,) = freed_masks.freed_warnings(session, ("family",))
    assert problem.code == "mask-free" and "`hermes-gateways restart work`" in str(problem.hint)
    assert freed_masks.freed_warnings(session, ("other",)) == []
