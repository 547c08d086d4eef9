"""`doctor NAME` reports what `doctor` reports about NAME, and reads little of the other profiles."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from command_runner import Runner
from conflict_cases import CONFLICT_CASES
from doctor_fleets import DoctorFleet, fleets
from doctor_root import Case, DoctorRoot
from file_cases import FILE_CASES
from general_cases import GENERAL_CASES
from hypothesis import HealthCheck, given, settings
from nightly import NIGHTLY, sample
from runtime_cases import RUNTIME_CASES
from security_cases import SECURITY_CASES
from seeded_root import SeededRoot
from service_cases import SERVICE_CASES
from team_cases import TEAM_CASES

from hermes_profiles.doctor import collect
from hermes_profiles.doctor.probes import related
from hermes_profiles.model.layout import Layout

CASES = (
    *GENERAL_CASES, *CONFLICT_CASES, *SECURITY_CASES, *FILE_CASES, *TEAM_CASES, *SERVICE_CASES, *RUNTIME_CASES,
)  # fmt: skip


def assert_same(world: DoctorRoot) -> list[dict[str, Any]]:
    """Compare the findings of `doctor NAME` with those of `doctor`, for each profile; return all."""
    every = world.findings()
    names = [row["name"] for row in world.runner.call("list", "--json").data["profiles"]]
    for name in names:
        expected = [row for row in every if not row["profiles"] or name in row["profiles"]]
        found = world.findings(name)
        assert found == expected, f"{name}\n{json.dumps(found, indent=1)}\n{json.dumps(expected, indent=1)}"
    return every


@pytest.mark.parametrize("case", sample(CASES, 3), ids=str)
def test_doctor_of_one_profile_reports_each_case_as_doctor_of_all(world: DoctorRoot, case: Case) -> None:
    world.environment.update(case.environment)
    case.plant(world)
    assert assert_same(world)


def test_doctor_of_one_profile_reports_the_seeded_faults_as_doctor_of_all(runner: Runner) -> None:
    seeded = SeededRoot(runner)
    seeded.faults()
    assert len(assert_same(seeded)) >= 40


@settings(max_examples=1000 if NIGHTLY else 10, deadline=None, suppress_health_check=list(HealthCheck))
@given(fleets())
def test_doctor_of_one_profile_reports_generated_fleets_as_doctor_of_all(
    fleet: list[tuple[str, dict[str, bytes], list[tuple[str, str]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = DoctorFleet(Path(folder), fleet)
        every = world.findings(None)
        for name in world.names:
            expected = [row for row in every if not row["profiles"] or name in row["profiles"]]
            assert world.findings((name,)) == expected, name


def test_doctor_of_one_profile_examines_only_those_that_it_shares_with(
    world: DoctorRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        world.profile(f"p{number}", f"TELEGRAM_BOT_TOKEN=710000{number}:CANARYabcdefghijklmnopqrstuvwxyz{number}\n")
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=7100003:CANARYabcdefghijklmnopqrstuvwxyz3\n")
    examined: list[str] = []
    read = collect.read_profile_facts

    def count(layout: Layout, name: str, *more: Any) -> Any:
        examined.append(name)
        return read(layout, name, *more)

    monkeypatch.setattr(collect, "read_profile_facts", count)
    claims: list[str] = []
    claimed = related.claimed_resources
    monkeypatch.setattr(
        related, "claimed_resources", lambda home, **more: claims.append(home.name) or claimed(home, **more)
    )
    (found,) = world.findings("work")
    assert found["profiles"] == ["p3", "work"]
    assert sorted(examined) == ["default", "p3", "work"]
    assert claims == ["p3"], "only a profile with the same text in its documents is parsed"


def test_doctor_of_one_profile_follows_shared_identities_over_several_profiles(world: DoctorRoot) -> None:
    apps = {"work": (1,), "family": (1, 2), "p1": (1, 2), "p2": (2,), "p3": (3,)}
    for number, (name, agents) in enumerate(apps.items()):
        rows = "".join(f"        - corp_id: CANARYcorp\n          agent_id: '100000{agent}'\n" for agent in agents)
        config = (
            f"platforms:\n  wecom_callback:\n    enabled: true\n    extra:\n      port: {9100 + number}\n      apps:\n"
        )
        world.profile(name, config=config + rows)
    groups = [row["profiles"] for row in assert_same(world) if row["check"] == "conflicts.shared-identity"]
    assert len(groups) == 2
