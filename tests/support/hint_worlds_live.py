"""Faults of running gateways, watchers and servers that the cases of error_hints begin with."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doctor_root import DoctorRoot
from fake_hermes import FakeHermes
from finding_hints import TELEGRAM
from gateway_facts import facts, process, service
from hint_worlds_machine import problem_of_call
from service_fakes import Systemd

from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.trash import empty
from hermes_profiles.cli.commands.gateway import metrics
from hermes_profiles.cli.framework.run import internal_fault
from hermes_profiles.conflicts import overlay
from hermes_profiles.conflicts.ledger import _ignored
from hermes_profiles.conflicts.multiplex_masks import without_shared_masks
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.attached_services import check_may_go
from hermes_profiles.fleet.memory_check import memory_warning
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.failures import raise_failed, raise_refused, raise_restored
from hermes_profiles.multiplex.model import Issue
from hermes_profiles.multiplex.services import gateway_issues
from hermes_profiles.operations.accounts.connect import StartResult, missing_step
from hermes_profiles.operations.gateways import adopting_host, prestart
from hermes_profiles.operations.gateways.profile_services import Multiplexer
from hermes_profiles.operations.metrics.server import serve_metrics
from hermes_profiles.operations.monitoring.http_server import Address
from hermes_profiles.operations.repairs.repair import _left_problem
from hermes_profiles.operations.run_mode import undo_run_mode
from hermes_profiles.profiles.managed_folder import managed_files

CATALOG = load_catalog()
TELEGRAM_MASK = Mask("telegram", MaskCause.TOKEN, ChannelOwner("family", 7))


# --- gateways ---


def _fake(**fields: object) -> Any:
    return SimpleNamespace(**fields)


def _issues(state: GatewayState, *, scope: str = "user", inside: bool = False) -> Iterator[Issue]:
    seen = resolve(facts(process=process(), service=service(pid=42)))._replace(state=state)
    seen = seen._replace(service=service(pid=42, scope=scope))
    return gateway_issues({"work": seen}, disabled=(), ancestors=[42] if inside else ())


def this_gateway(_: DoctorRoot) -> Iterator[Issue]:
    return _issues(GatewayState.RUNNING, inside=True)


def an_unknown_process(_: DoctorRoot) -> Iterator[Issue]:
    return _issues(GatewayState.UNKNOWN)


def a_gateway_without_a_service(_: DoctorRoot) -> Iterator[Issue]:
    return _issues(GatewayState.UNSUPERVISED)


def a_gateway_of_the_system(_: DoctorRoot) -> Iterator[Issue]:
    return _issues(GatewayState.RUNNING, scope="system")


def a_process_that_may_be_the_gateway(_: DoctorRoot) -> Iterator[Problem]:
    found = _fake(profile="work", gateway=_fake(state=GatewayState.UNKNOWN, detail="?", pid=42))
    return problem_of_call(lambda: check_may_go(found, "delete"))


def a_gateway_that_fails(_: DoctorRoot) -> Iterator[Problem]:
    bad = Outcome("work", OutcomeKind.FAILED, "exit 1", None)
    return problem_of_call(lambda: raise_failed((bad,), "did not start"))


def a_service_that_is_refused(_: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: raise_refused({"work": "access denied"}, "cannot be disabled"))


def a_switch_that_stays_half_way(_: DoctorRoot) -> Iterator[Problem]:
    def restore() -> Any:
        raise Failed("no disk")

    again = "hermes-profiles team run-mode multiplex"
    return problem_of_call(lambda: raise_restored(Failed("x"), restore, target=None, again=again))


def rows_that_stay(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest", code=1).environment)
    (world.root / "state.db").touch()


def little_memory(_: DoctorRoot) -> Iterator[Problem | None]:
    yield memory_warning(3, (), available=1)


def a_channel_that_stays_off(_: DoctorRoot) -> Iterator[Problem]:
    place = _fake(profile="work", channel=CATALOG.channels["telegram"])
    yield missing_step(place, StartResult(None, GatewayState.RUNNING, None)).problem


def a_mask_that_is_ignored(_: DoctorRoot) -> Iterator[Problem]:
    yield _ignored("work", TELEGRAM_MASK)


def a_mask_for_all_profiles(world: DoctorRoot) -> Iterator[Problem]:
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    layout = Layout(world.root, world.user)
    return iter(without_shared_masks(layout, {"default": (TELEGRAM_MASK,)}, CATALOG, {})[1])


def a_mask_of_a_tool(_: DoctorRoot) -> Iterator[Problem]:
    mask = TELEGRAM_MASK._replace(channel="homeassistant")
    return iter(overlay.compose([mask], catalog=CATALOG).problems)


def a_repair_that_did_not_help(_: DoctorRoot) -> Iterator[Problem]:
    yield _left_problem(_fake(channel="telegram", losers=("work",), what="bot", owner="default"))


def a_multiplexer_without_a_service(_: DoctorRoot) -> Iterator[Problem]:
    found = _fake(
        gateway=_fake(state=GatewayState.RUNNING, pid=42, service=None, foreign_supervisor=None),
        world=_fake(manager=None),
    )
    return problem_of_call(lambda: Multiplexer(_fake(), "work", found))


def a_service_beside_a_multiplexer(world: DoctorRoot) -> Iterator[Problem | None]:
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(prestart, "servers_of", lambda *_: {"work": "default"})
        machine.setattr(prestart, "_SERVED_WAIT", 0.0)
        yield prestart._wait_while_served(_fake(world=_fake(hermes=_fake(has=lambda _: True))), "work")


def a_multiplexer_that_holds_on(world: DoctorRoot) -> Iterator[Problem]:
    host = adopting_host.AdoptingHost(_fake(layout=Layout(world.root, world.user)), "default", 42, ("work",))
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(adopting_host, "ask", lambda *_, **__: {})
        machine.setattr(adopting_host.AdoptingHost, "_wait_for", lambda *_: False)
        yield from problem_of_call(lambda: host._let_go("work"))


def a_switch_of_new_members(_: DoctorRoot) -> Iterator[Problem]:
    """Undo a switch that only added profiles."""
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(undo_run_mode, "resulting_mode", lambda *_: "multiplex")
        machine.setattr(undo_run_mode, "RunMode", lambda *_, **__: _fake(is_one_gateway=False))
        machine.setattr(undo_run_mode, "plan_undo", lambda *_: _fake(steps=()))
        session = _fake(layout=_fake(state=Path(), home=Path))
        yield from problem_of_call(lambda: undo_run_mode.undo_switch(session, _fake(id="x"), dry_run=False))


# --- the managed folder ---


def a_broken_managed_config(_: DoctorRoot) -> Iterator[Problem]:
    return iter(overlay.compose([TELEGRAM_MASK], catalog=CATALOG, managed_config=b"a: [\n").problems)


def a_managed_folder_for_a_file(world: DoctorRoot) -> Iterator[Problem]:
    (world.user / "managed/.env").mkdir(parents=True)
    return problem_of_call(lambda: managed_files(world.user / "managed"))


# --- watchers, alerts, servers ---


def no_waiting(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.operations.own_services.watch_service._UP_SECONDS", 0.0)


def an_edited_watcher(world: DoctorRoot) -> None:
    systemd = Systemd(world)
    with pytest.MonkeyPatch.context() as machine:
        no_waiting(machine)
        systemd.gateways("watch", "on")
    (unit,) = systemd.units.glob("*watch*.service")
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nNice=5"))


def _alerts(*options: str) -> Callable[[DoctorRoot], None]:
    """Return a plant that adds a destination of alerts."""

    def plant(world: DoctorRoot) -> None:
        done = world.runner.gateways("alert", "add", *options, env=world.environment)
        assert done.code == 0, done

    return plant


alerts = _alerts("phone", "--exec", "false")
alerts_in_clear = _alerts("phone", "--webhook", "http://alerts.example.org/x")


def run_in_the_foreground(world: DoctorRoot) -> None:
    _hold(world.state / "supervisor/run.lock")


_HELD: list[object] = []


def _hold(path: Path) -> None:
    """Hold a lock as another process does, until this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = acquire_lock(path, wait=0.0)
    assert held is not None
    os.write(held, b"1\n")
    _HELD.append(held)


def port_in_use(_: DoctorRoot) -> Iterator[Problem]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", int(server.getsockname()[1]))
        yield from problem_of_call(lambda: serve_metrics(_fake(), address, str))


def a_server_for_all(world: DoctorRoot) -> Iterator[Problem]:
    """Serve nothing, and end at once."""
    server = _fake(address=_fake(url="http://0.0.0.0:9188"), close=lambda: None)
    found: list[Problem] = []
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(metrics, "serve_metrics", lambda *_: server)
        machine.setattr(metrics.signal, "signal", lambda *_: None)
        ended = _fake(set=lambda: None, wait=lambda: True)  # other threads wait for real events meanwhile
        machine.setattr(metrics, "threading", _fake(Event=lambda: ended))
        machine.setattr(metrics.output, "report_problem", lambda _, problem: found.append(problem))
        world.runner.gateways("metrics", "--listen", "0.0.0.0:9188")
    return iter(found)


def no_apprise(machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "apprise", None)


def no_such_entry(world: DoctorRoot) -> Iterator[Problem]:
    return problem_of_call(lambda: empty(Layout(world.root, world.user), ids=["nope"]))


def a_defect(_: DoctorRoot) -> Iterator[Problem]:
    yield internal_fault(ValueError())
