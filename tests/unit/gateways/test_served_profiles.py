"""Profiles that the gateway of another profile serves: the host record, and what a profile says about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from observed_root import Root, status

from hermes_profiles.gateways.model import GatewayFacts, GatewayState
from hermes_profiles.gateways.observe import observe_one, servers_of, survey
from hermes_profiles.hermes.version import BASE, facts_of

S = GatewayState
NEWEST = facts_of((0, 22, 2))


@pytest.fixture
def root(isolated: Path) -> Root:
    made = Root(isolated, "default", "ops", "work")
    made.uses(NEWEST)
    return made


def observed(root: Root, profile: str) -> GatewayFacts:
    found = observe_one(root.world, profile).observation
    assert found is not None
    return found


def test_named_owner_of_the_host_record_serves_the_others(root: Root) -> None:
    root.runs("work", 42, served_profiles=["default", "ops", "work"])
    root.publishes(42, root.home("work"), "default", "ops", "work")
    root.manager.statuses = {"work": status(pid=42)}
    found = survey(root.world, root.profiles)
    assert {name: (each.state, each.pid) for name, each in found.items()} == {
        "default": (S.SERVED, 42),
        "ops": (S.SERVED, 42),
        "work": (S.RUNNING, 42),
    }
    assert found["default"].detail == "served by work (PID 42)"
    assert [observed(root, name).server for name in root.profiles] == ["work", "work", "default"]
    assert servers_of(root.world, root.profiles) == {"default": "work", "ops": "work"}


def test_named_gateway_without_the_host_record_serves_what_it_wrote(root: Root) -> None:
    """Hermes 0.22.2 starts beside the gateway of another root, which keeps the host record."""
    root.runs("work", 42, served_profiles=["default", "ops", "work"])
    root.table.add(77, HERMES_HOME="/srv/other")
    root.publishes(77, "/srv/other", "default", "ops")
    assert root.states() == {"default": "served", "ops": "served", "work": "unsupervised"}


def test_gateway_of_another_root_serves_no_profile_here(root: Root) -> None:
    root.table.add(77, HERMES_HOME="/srv/other")
    root.publishes(77, "/srv/other", "default", "ops", "work")
    assert set(root.states().values()) == {"stopped"}


@pytest.mark.parametrize("why", ["gone", "reused", "other program"])
def test_dead_host_record_serves_nothing(root: Root, why: str) -> None:
    root.publishes(42, root.home("work"), "default", "ops", "work")
    if why == "reused":
        root.table.add(42, started=2000.0)
    elif why == "other program":
        root.table.add(42, "vim", "gateway")
    assert set(root.states().values()) == {"stopped"}


def test_list_of_the_host_record_outranks_an_older_list(root: Root) -> None:
    root.runs("default", 9, served_profiles=["default", "ops", "work"])
    root.publishes(9, root.home("default"), "default", "ops")
    assert root.states() == {"default": "unsupervised", "ops": "served", "work": "stopped"}


def test_switched_off_variable_counts_for_old_releases_only(root: Root) -> None:
    root.runs("default", 9, served_profiles=["default", "work"])
    root.write("default", ".env", "GATEWAY_MULTIPLEX_PROFILES=false\n")
    root.write("default", "config.yaml", "{}\n")
    assert root.states()["work"] == "served"
    root.uses(BASE)
    assert root.states()["work"] == "stopped"


def test_parked_and_standalone_are_read_where_hermes_knows_them(root: Root) -> None:
    root.write("work", "gateway.parked", "")
    root.write("ops", "config.yaml", "gateway:\n  standalone: true\n")
    root.write("default", "gateway.parked", "")
    root.write("default", "config.yaml", "gateway:\n  standalone: true\n")
    seen = {name: (observed(root, name).parked, observed(root, name).standalone) for name in root.profiles}
    assert seen == {"default": (False, False), "ops": (False, True), "work": (True, False)}
    root.uses(BASE)
    assert not observed(root, "work").parked and not observed(root, "ops").standalone
