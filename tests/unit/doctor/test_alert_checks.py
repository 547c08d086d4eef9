"""Alerts that do not arrive, alerts without a watcher, and a fleet without any."""

from __future__ import annotations

import os

import pytest
from doctor_root import DoctorRoot
from service_fakes import everybody

from hermes_profiles.alerts.files import DestinationsLock, destinations_file, write_state
from hermes_profiles.alerts.model import AlertMessage, AlertState, DeliveryTrouble, Destination, DestinationKind
from hermes_profiles.alerts.rules import with_success
from hermes_profiles.events.watch_state import take_watch_lock
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret


def _add(world: DoctorRoot, kind: DestinationKind = DestinationKind.EXEC) -> Layout:
    layout = Layout(world.root, world.user)
    with DestinationsLock(layout) as lock:
        lock.write({"page": Destination("page", kind, Secret("true"))})
    return layout


@pytest.mark.parametrize(("tries", "is_found"), [(2, False), (3, True)])
def test_destination_that_fails_again_and_again_is_a_warning(world: DoctorRoot, tries: int, is_found: bool) -> None:
    layout = _add(world)
    write_state(layout, AlertState(troubles={"page": DeliveryTrouble(1000.0, tries, "page: sh exited with 1")}))
    found = world.findings("--only", "runtime.alert-failing")
    assert bool(found) == is_found
    if found:
        (row,) = found
        assert row["severity"] == "warning" and "page: sh exited with 1" in row["message"]
        words = row["fix"]["command"].split()[1:]
        assert world.runner.gateways(*words, env=world.environment).stdout.startswith("page: delivered")
        write_state(layout, with_success(AlertState(), AlertMessage("a", "page", (), 1000.0), 2000.0))
        assert world.findings("--only", "runtime.alert-failing") == [], "the watcher delivered the next one"


def test_trouble_of_a_removed_destination_is_no_finding(world: DoctorRoot) -> None:
    layout = _add(world)
    write_state(layout, AlertState(troubles={"gone": DeliveryTrouble(1000.0, 9, "gone: refused")}))
    assert world.findings("--only", "runtime.alert-failing") == []


def test_alert_that_nothing_sends_is_a_warning(world: DoctorRoot) -> None:
    layout = _add(world)
    (row,) = world.findings("--only", "runtime.alert-unwatched")
    assert row["severity"] == "warning" and row["fix"]["command"] == "hermes-gateways watch on"
    lock = take_watch_lock(layout, wait=0)
    assert world.findings("--only", "runtime.alert-unwatched") == []
    os.close(lock)


def test_fleet_of_three_services_without_alerts_is_an_information(world: DoctorRoot) -> None:
    assert world.findings("--only", "runtime.no-alert") == []
    everybody(world)
    (row,) = world.findings("--only", "runtime.no-alert")
    assert row["severity"] == "info" and "3 services" in row["message"]
    _add(world, DestinationKind.HEARTBEAT)
    assert len(world.findings("--only", "runtime.no-alert")) == 1, "a heartbeat is no alert"
    _add(world)
    assert world.findings("--only", "runtime.no-alert") == []


def test_broken_file_of_destinations_is_named(world: DoctorRoot) -> None:
    destinations_file(_add(world)).write_text("[]")
    assert [row["check"] for row in world.findings("--only", "general.unseen")] == ["general.unseen"]
