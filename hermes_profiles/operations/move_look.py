"""What the two sides of a move say about themselves before anything is touched."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hermes_profiles.doctor.checks.machine import is_unfit
from hermes_profiles.doctor.probes.machine import mount_of, mount_table
from hermes_profiles.gateways.hermes_install import installed_code
from hermes_profiles.gateways.time_zone import local_time_zone
from hermes_profiles.hermes.files import STATE_MODULES
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.moves.model import SourceLook, TargetLook
from hermes_profiles.moves.target_side import is_leftover
from hermes_profiles.moves.tree import entries_of, links_that_lead_out
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import bots_in, read_placement, read_records, record_of
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind
from hermes_profiles.teams.model import read_teams

from .fleet_context import FleetSession
from .move_engine import FleetEngine

_SCHEMA = lazy_pattern(rb"^SCHEMA_VERSION\s*(?::\s*int\s*)?=\s*(\d+)", re.MULTILINE)
_LARGEST = 8 * 1024 * 1024
_OVERLAY = "overlay"


def zone_of(session: FleetSession) -> str:
    """Return the time zone in which this machine runs jobs, "" where its name is not known."""
    return local_time_zone(session.environment) or ""


def look_at_source(session: FleetSession, names: Sequence[str], key: bytes) -> list[SourceLook]:
    """Return the profiles that shall move. `key`: of the fingerprints of their bots, the same for both sides."""
    layout = session.layout
    hermes, schema = _hermes(session)
    engine, teams = FleetEngine(session), read_teams(layout)
    homes = {name: layout.home(name) for name in names}
    looks = []
    for name, home in homes.items():
        record = record_of(layout, name)
        look = SourceLook(name, root=str(layout.root), zone=zone_of(session), hermes=hermes, schema=schema)
        if record is not None:
            look = look._replace(
                state=str(record.state), move=record.move, place=record.place, id=record.id, epoch=record.epoch
            )
        if not home.is_dir():
            looks.append(look)
            continue
        gateway = engine.look(name)
        own = read_placement(home)
        team = teams.of(name)
        with_it = (team.lead, *team.members) if team is not None else ()
        with_it += tuple(each for led in teams.led_by(name) for each in (led.lead, *led.members))
        others = tuple(other for other in homes.values() if other != home)
        looks.append(
            look._replace(
                exists=True,
                id=own.id or look.id,
                epoch=max(own.epoch, look.epoch),
                size=sum(item.signature.size for item in entries_of(home) if item.kind is EntryKind.FILE),
                links_out=tuple(links_that_lead_out(home, others)) if name != DEFAULT else (),
                team=tuple(dict.fromkeys(each for each in with_it if each)),
                bots=bots_in(home, session.catalog, key),
                running=gateway.running,
                has_service=gateway.has_service,
                channels=gateway.channels,
                problem=gateway.problem,
                hint=gateway.hint,
            )
        )
    return looks


def look_at_target(session: FleetSession, key: bytes, *, with_running: bool = False) -> TargetLook:
    """Return what a target has: names, bots, Hermes, its file system and free space."""
    layout = session.layout
    hermes, schema = _hermes(session)
    names, records = profile_names(layout), read_records(layout)
    leftovers = {name for name in names if is_leftover(home := layout.home(name), records.get(read_placement(home).id))}
    folder = _existing(layout.profiles)
    mount = mount_of(folder, mount_table()) if sys.platform == "linux" else None
    space = os.statvfs(folder)
    problem, hint = _manager_problem(session)
    if not hermes:
        problem, hint = "Hermes is not installed", "install Hermes there first"
    one = session.one_gateway()
    if one is not None and not one.can_park:
        problem = f"its Hermes {hermes} serves each profile at once, before its move is complete"
        hint = "update Hermes there with `hermes update`"
    return TargetLook(
        tuple(name for name in names if name not in leftovers),
        tuple(_bots(session, [name for name in names if name not in leftovers], key)),
        tuple(f"{record.id} {record.epoch}" for record in records.values()),
        hermes,
        schema,
        mount.kind if mount is not None else "",
        mount is None or not (is_unfit(mount) or mount.kind == "virtiofs"),
        space.f_bavail * space.f_frsize,
        zone_of(session),
        str(layout.root),
        problem,
        hint,
        tuple(name for name, each in session.observe(names).items() if each.is_alive) if with_running else (),
        one.server if one is not None and one.pid is None else "",
    )


def _bots(session: FleetSession, names: Sequence[str], key: bytes) -> Iterator[str]:
    for name in names:
        for print_ in bots_in(session.layout.home(name), session.catalog, key):
            yield f"{print_} {name}"


def _manager_problem(session: FleetSession) -> tuple[str, str]:
    try:
        session.require_manager()
    except HermesProfilesError as error:
        return error.problem.message, error.problem.hint or ""
    return "", ""


def _hermes(session: FleetSession) -> tuple[str, int]:
    """Return the version of the installed Hermes, and the newest schema of state.db that it reads; "" and 0 without."""
    code = installed_code(session.layout, session.environment)
    if code is None:
        return "", 0
    for module in STATE_MODULES:
        try:
            found = _SCHEMA.search(read_regular(code.folder / module, _LARGEST))
        except OSError:
            continue
        if found is not None:
            return code.version or "unknown", int(found[1])
    return code.version or "unknown", 0


def _existing(folder: Path) -> Path:
    while not folder.is_dir():
        folder = folder.parent
    return folder
