"""Team checks: a healthy team has no findings, and fix commands remove the findings of others."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from doctor_root import Case, DoctorRoot
from team_cases import TEAM_CASES, edit, healthy, token

from hermes_profiles.changes.apply import apply
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.enable import plan_enable
from hermes_profiles.multiplex.facts import read_facts
from hermes_profiles.profiles.listing import profile_names


def test_healthy_team_has_no_findings(world: DoctorRoot) -> None:
    healthy(world)
    assert world.findings() == []


def test_own_settings_of_member_have_no_findings(world: DoctorRoot) -> None:
    healthy(world)
    world.add("ann", "config.yaml", "onboarding: {seen: {busy: true}}\n")
    edit(world, "bob", "config.yaml", "gpt-5", "gpt-4")
    assert world.runner.call("team", "sync", "--own", "bob:model.default").code == 0
    world.write("ann", "memories/MEMORY.md", "I am ann\n")
    assert world.findings() == []


def test_token_in_two_profiles_is_one_finding(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "bob", ".env", token("bob"), token("ann"))
    checks = {row["check"] for row in world.findings()}
    assert "conflicts.shared-identity" in checks and not any(each.startswith("teams.") for each in checks)


def test_drift_evidence_names_the_line(world: DoctorRoot) -> None:
    healthy(world)
    edit(world, "ann", "config.yaml", "gpt-5", "gpt-4")
    edit(world, "ann", ".env", "OPENAI_API_KEY", "OTHER_API_KEY")
    (row,) = world.findings("--only", "teams")
    assert row["evidence"] == [
        {"profile": "default", "file": str(world.root / ".env"), "line": 1, "key": "OPENAI_API_KEY"},
        {"profile": "ann", "file": str(world.home("ann") / "config.yaml"), "line": 3, "key": "model.default"},
    ]
    assert "OPENAI_API_KEY is missing and model.default differs" in row["message"]


@pytest.mark.parametrize("case", TEAM_CASES, ids=str)
def test_fix_command_removes_team_finding(world: DoctorRoot, case: Case) -> None:
    case.plant(world)
    (row,) = [row for row in world.findings() if row["check"] == case.check]
    before = world.picture()
    _carry_out(world, row["fix"]["command"])
    assert [each for each in world.findings() if each["check"] == case.check] == []
    if row["fix"]["command"].startswith(("hermes-profiles team sync", "hermes-profiles doctor", "hermes-profiles env")):
        assert world.runner.call("undo", env=world.environment).code == 0
        assert world.picture() == before


def _carry_out(world: DoctorRoot, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "${EDITOR:-vi}":
        subprocess.run(["sed", "-i", "s/CANARY[^ ]*/$TOKEN/", words[1]], check=True)
    elif words[0] == "cp":
        subprocess.run(words, check=True)
    elif words[1:3] == ["team", "run-mode"]:  # its files; starting the one gateway takes Hermes
        layout, catalog = Layout(world.root, world.user), load_catalog()
        there = plan_enable(layout, read_facts(layout, profile_names(layout), catalog, {}), catalog)
        plan = there.plan()
        assert plan is not None
        apply(plan, layout=layout)
    else:
        assert words[0] == "hermes-profiles", command
        done = world.runner.call(*words[1:], *(["--yes"] if "--fix" in words else []), env=world.environment)
        assert done.code == 0, done
