"""A gateway that was started by hand and failed is a finding, without a service too."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime

import pytest
from doctor_root import DoctorRoot

CHECK = ("--only", "runtime.failed-start")
GONE = 2**22 - 3
SECRET = "sk-CANARY-work-0123456789abcdef"


def state(world: DoctorRoot, name: str, word: str, reason: str | None = None, *, ago: float = 60.0) -> None:
    updated = datetime.fromtimestamp(time.time() - ago, UTC).isoformat()
    record = {"pid": GONE, "gateway_state": word, "exit_reason": reason, "updated_at": updated, "platforms": {}}
    world.write(name, "gateway_state.json", json.dumps(record))


def log(world: DoctorRoot, name: str, *lines: str, ago: float = 60.0) -> None:
    text = "".join(f"2026-11-21 17:20:4{number},138 {line}\n" for number, line in enumerate(lines))
    path = world.write(name, "logs/gateway.log", text)
    os.utime(path, (time.time() - ago,) * 2)


def test_recorded_failure_is_an_error(world: DoctorRoot) -> None:
    state(world, "work", "startup_failed", "port 8642 is in use")
    log(world, "work", "ERROR gateway.run: cannot listen: port 8642 is in use")
    (found,) = world.findings(*CHECK)
    assert (found["severity"], found["profiles"]) == ("error", ["work"])
    assert "port 8642 is in use" in found["message"] and found["fix"]["command"] == "hermes-gateways logs work"
    assert found["evidence"][0]["file"].endswith("gateway_state.json") and world.doctor().code == 3
    shown = world.runner.gateways(*found["fix"]["command"].split()[1:], env=world.environment)
    assert shown.code == 0 and "cannot listen" in shown.stdout
    state(world, "work", "stopped")
    assert world.findings(*CHECK) == [], "a later start went well"


def test_old_failure_is_a_warning_and_a_disabled_profile_a_remark(world: DoctorRoot) -> None:
    state(world, "work", "startup_failed", "no token", ago=30 * 24 * 3600)
    state(world, "family", "startup_failed", "no token")
    world.write("family", "profile.yaml", "disabled: true\n")
    assert {each["profiles"][0]: each["severity"] for each in world.findings(*CHECK)} == {
        "work": "warning",
        "family": "info",
    }


@pytest.mark.parametrize("word", ["starting", "running", None])
def test_error_at_the_end_of_the_log_is_found(world: DoctorRoot, word: str | None) -> None:
    if word:
        state(world, "work", word)
    log(world, "work", "INFO gateway.run: starting", f"ERROR gateway.run: no model with {SECRET}", "INFO")
    text = (world.home("work") / "logs" / "gateway.log").read_text().rpartition("2026")[0]
    world.write("work", "logs/gateway.log", f"{text}Traceback (most recent call last):\n  File x\nValueError: y\n")
    (found,) = world.findings(*CHECK)
    assert "no model with" in found["message"] or "Traceback" in found["message"]
    assert SECRET not in str(found) and found["evidence"][0]["file"].endswith("gateway.log")


@pytest.mark.parametrize("last", ["INFO gateway.run: stopped", "WARNING gateway.run: slow"])
def test_log_without_an_error_at_its_end_is_no_finding(world: DoctorRoot, last: str) -> None:
    log(world, "work", "ERROR gateway.run: telegram timed out", last)
    assert world.findings(*CHECK) == []


def test_recorded_stop_after_the_error_is_no_failure(world: DoctorRoot) -> None:
    log(world, "work", "ERROR gateway.run: telegram did not disconnect", ago=60)
    state(world, "work", "stopped", ago=59)
    assert world.findings(*CHECK) == []


def test_profile_that_never_ran_has_no_finding(world: DoctorRoot) -> None:
    assert world.findings(*CHECK) == []
