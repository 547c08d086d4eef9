"""Roots on one machine between which profiles move, and moves that something is in the way of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot
from finding_hints import TELEGRAM
from gateway_facts import facts, process, service
from hint_worlds_machine import problem_of_call
from hint_worlds_profiles import TELEGRAM_LINE
from service_fakes import Systemd
from team_cases import healthy

from hermes_profiles.changes.signature import Signature
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.moves.model import Frozen, GatewayLook, SourceLook, TargetLook
from hermes_profiles.moves.refusals import Words, refusals
from hermes_profiles.moves.source_side import moves_folder
from hermes_profiles.moves.tree import manifest_of
from hermes_profiles.operations.gateways import install_services
from hermes_profiles.operations.moves.move_engine import _problem
from hermes_profiles.profiles.placement import (
    Placement,
    PlaceState,
    Record,
    placements_file,
    with_placement,
    write_record,
)
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem

ID = "p-00112233aabbccdd"
LOOK = SourceLook("work", exists=True, size=1000, schema=22, hermes="0.19.0", root="/h/.hermes")
VPS = TargetLook(("default",), (), (), "0.19.0", 22, "ext4", True, 10_000, "UTC", "/v/my root")


def _root(world: DoctorRoot, name: str) -> Path:
    """Add a second root as the place of this name."""
    root = world.user / name / ".hermes"
    root.mkdir(parents=True)
    (root / "config.yaml").write_text("model: x\n")
    (root / ".env").write_text("")
    done = world.runner.gateways("place", "add", name, "--local", str(root), env=world.environment)
    assert done.code == 0, done
    return root


def two_roots(world: DoctorRoot) -> Path:
    Systemd(world)
    return _root(world, "vps")


def one_bot_in_two_places(world: DoctorRoot) -> None:
    other = two_roots(world) / "profiles/copy"
    other.mkdir(parents=True)
    world.add("work", ".env", TELEGRAM_LINE)
    (other / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    (other / "config.yaml").write_text("model: x\n")


def link_out_of_the_home(world: DoctorRoot) -> None:
    two_roots(world)
    (world.home("work") / "skills").symlink_to(world.user)


def member_of_a_team_of_default(world: DoctorRoot) -> None:
    healthy(world)
    two_roots(world)


def damaged_placements(world: DoctorRoot) -> None:
    two_roots(world)
    path = placements_file(Layout(world.root, world.user))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")


def _under_way(world: DoctorRoot, place: str, state: PlaceState) -> None:
    """Leave `work` as a move to a place left it that was cut off."""
    layout, move = Layout(world.root, world.user), "a1b2c3"
    path = world.home("work") / "profile.yaml"
    path.write_bytes(with_placement(b"", Placement(ID, 0), path=str(path)))
    write_record(layout, Record(ID, "work", 1, state, place, "2026-11-29T10:00:00Z", move))
    frozen = Frozen(
        "work", move, "c", place, ID, 1, running=False, has_service=False, enabled=None, channels=(), zone=""
    )
    moves_folder(layout).mkdir(parents=True, exist_ok=True)
    (moves_folder(layout) / "work.json").write_text(json.dumps(frozen._asdict()))


def copy_of_a_profile_that_moved(world: DoctorRoot) -> None:
    _under_way(world, "vps", PlaceState.MOVED)
    (moves_folder(Layout(world.root, world.user)) / "work.json").unlink()


def profile_that_is_leaving(world: DoctorRoot) -> None:
    Systemd(world)
    _under_way(world, "vps", PlaceState.LEAVING)


def profile_that_is_arriving(world: DoctorRoot) -> None:
    _under_way(world, "vps", PlaceState.ARRIVING)


def old_copy_of_a_profile(world: DoctorRoot) -> None:
    _under_way(world, "vps", PlaceState.HERE)


def handed_over_to_a_lost_place(world: DoctorRoot) -> None:
    Systemd(world)
    _under_way(world, "vps", PlaceState.HANDED_OVER)


def default_and_a_place(world: DoctorRoot) -> None:
    two_roots(world)


def default_that_others_need(world: DoctorRoot) -> None:
    """Default has a login that others can use, a board with tasks, and a setting that leads to its own files."""
    two_roots(world)
    (world.root / "auth.json").write_text("{}")
    (world.root / "kanban.db").write_text("no database")
    (world.root / "config.yaml").write_text(f"model: x\nterminal:\n  cwd: {world.root}/workspace\n")


def link_into_default(world: DoctorRoot) -> None:
    two_roots(world)
    (world.root / "skills").mkdir(exist_ok=True)
    (world.home("work") / "skills").symlink_to(world.root / "skills")


# --- what both sides say ---


def _refused(look: SourceLook = LOOK, target: TargetLook = VPS) -> Iterator[Problem]:
    return refusals([look], target, "vps", {})


def a_team_that_would_part(_: DoctorRoot) -> Iterator[Problem]:
    return _refused(LOOK._replace(team=("family", "work")))


def default_and_a_cluster(_: DoctorRoot) -> Iterator[Problem]:
    return refusals([LOOK._replace(name="default")], VPS, "prod", {}, Words("--to prod", "ada", in_cluster=True))


def a_move_to_another_place(world: DoctorRoot) -> Iterator[Problem]:
    """The hint of the command that it names is the next one: this root does not know that place."""
    _under_way(world, "other", PlaceState.LEAVING)
    return _refused(LOOK._replace(state="leaving", place="other"))


def a_hermes_that_is_too_old(_: DoctorRoot) -> Iterator[Problem]:
    return _refused(target=VPS._replace(schema=21, hermes="0.18.0"))


def a_target_on_a_share(_: DoctorRoot) -> Iterator[Problem]:
    return _refused(target=VPS._replace(is_fit=False, file_system="nfs4"))


def a_target_without_hermes(_: DoctorRoot) -> Iterator[Problem]:
    return _refused(target=VPS._replace(problem="Hermes is not installed", hint="install Hermes there first"))


def a_file_that_cannot_be_read(world: DoctorRoot) -> Iterator[Problem]:
    home = world.home("work")
    with pytest.MonkeyPatch.context() as machine:
        unread = TreeItem("SOUL.md", EntryKind.UNREADABLE, Signature.of((home / "SOUL.md").lstat()), 0)
        machine.setattr("hermes_profiles.moves.tree.walk", lambda *_: iter((unread,)))
        yield from problem_of_call(lambda: manifest_of(home))


# --- gateways that a move cannot stop and start ---


def _engine_problem(state: GatewayState, one: OneGateway | None = None, **look: Any) -> Iterator[Problem | None]:
    seen = resolve(facts(process=process(), service=service(pid=42)))._replace(state=state, detail="?")
    seen = seen._replace(service=service(pid=42, scope=look.pop("scope", "user")))
    yield _problem(seen, GatewayLook(**look), one)


def a_service_of_the_system(_: DoctorRoot) -> Iterator[Problem | None]:
    return _engine_problem(GatewayState.RUNNING, scope="system")


def a_gateway_that_is_unclear(_: DoctorRoot) -> Iterator[Problem | None]:
    return _engine_problem(GatewayState.UNKNOWN)


def a_gateway_that_serves_others(_: DoctorRoot) -> Iterator[Problem | None]:
    return _engine_problem(GatewayState.RUNNING, OneGateway(facts().profile, 42, served=frozenset({"mum"})))


def a_gateway_of_the_place_that_is_down(_: DoctorRoot) -> Iterator[Problem]:
    return _refused(LOOK._replace(running=True), VPS._replace(idle_server="default"))


# --- services ---


def two_homes_that_are_one(world: DoctorRoot) -> Iterator[Problem]:
    """Install the services of two profiles whose homes are links to one folder."""
    Systemd(world)
    (world.user / "disk").mkdir()
    for name in ("ann", "bob"):
        world.home(name).symlink_to(world.user / "disk")
    for file in (".env", "config.yaml"):
        (world.user / "disk" / file).write_text("")
    found: list[Problem] = []
    plan = install_services.ServiceInstaller._plan_one

    def kept(installer: install_services.ServiceInstaller, *given: Any) -> None:
        found.extend(problem_of_call(lambda: plan(installer, *given)))

    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(install_services.ServiceInstaller, "_plan_one", kept)
        world.runner.gateways("install", "ann", "bob", env=world.environment)
    return iter(found)
