"""What the two sides of a move say about themselves before anything is touched."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.archives.contents import documents_of
from hermes_profiles.clone.source import paths_into
from hermes_profiles.credentials.rules.config import dotted
from hermes_profiles.doctor.checks.machine import is_unfit
from hermes_profiles.doctor.probes.machine import mount_of, mount_table
from hermes_profiles.gateways.installation.hermes_install import installed_code
from hermes_profiles.gateways.time_zone import local_time_zone
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, STATE_MODULES
from hermes_profiles.model.errors import DocumentError, Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.moves.model import Frozen, SourceLook, TargetLook
from hermes_profiles.moves.source_side import kept_of, known_of
from hermes_profiles.moves.target_side import is_leftover
from hermes_profiles.moves.tree import entries_of, leads_to, links_that_lead_out
from hermes_profiles.profiles.default_files import Goes, boards_in_use, goes_with, leaving_entries
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import Record, bots_in, read_placement, read_records
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind, walk
from hermes_profiles.teams.model import read_teams

from ..fleet_context import FleetSession
from .move_engine import FleetEngine

_SCHEMA = lazy_pattern(rb"^SCHEMA_VERSION\s*(?::\s*int\s*)?=\s*(\d+)", re.MULTILINE)
_LARGEST = 8 * 1024 * 1024
_OVERLAY = "overlay"


def zone_of(session: FleetSession) -> str:
    """Return the time zone in which this machine runs jobs, "" where its name is not known."""
    return local_time_zone(session.environment) or ""


def look_at_source(session: FleetSession, names: Sequence[str], key: bytes, *, as_name: str = "") -> list[SourceLook]:
    """Return the profiles that shall move. `key`: of the fingerprints of their bots, the same for both sides.

    `as_name`: the name that the target shall give the only one, "" for its own.
    """
    layout = session.layout
    hermes, schema = _hermes(session)
    engine, teams = FleetEngine(session), read_teams(layout)
    homes = {name: layout.home(name) for name in names}
    looks = []
    for name, home in homes.items():
        record = known_of(layout, name, as_name, lambda: session.catalog)
        look = SourceLook(name, root=str(layout.root), zone=zone_of(session), hermes=hermes, schema=schema)
        kept, goes = kept_of(layout, name), goes_with(name, session.catalog)
        look = look._replace(as_name=_name_there(record, kept), sends_default=True)
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
                size=sum(item.signature.size for item in entries_of(home, goes) if item.kind is EntryKind.FILE),
                links_out=tuple(links_that_lead_out(home, others, goes)),
                team=tuple(dict.fromkeys(each for each in with_it if each)),
                bots=bots_in(home, session.catalog, key),
                running=gateway.running,
                has_service=gateway.has_service,
                channels=gateway.channels,
                problem=gateway.problem,
                hint=gateway.hint,
            )
        )
        if name == DEFAULT:
            looks[-1] = _with_surroundings(session, looks[-1], goes)
    return looks


def _name_there(record: Record | None, kept: Frozen | None) -> str:
    """Return the name at the target of a profile whose move has begun, "" for its own."""
    if kept is not None and record is not None and kept.id == record.id:
        return kept.as_name
    return record.name if record is not None and record.was else ""


def _with_surroundings(session: FleetSession, look: SourceLook, goes: Goes) -> SourceLook:
    """Return a look at default with what ties it to the root and the other profiles."""
    layout = session.layout
    others = [name for name in profile_names(layout) if name != DEFAULT]
    has_logins = os.path.lexists(layout.root / AUTH_FILE)
    tied, hint = _tie(session, goes)
    return look._replace(
        links_in=tuple(path for name in others for path in _links_into(layout, name, goes)),
        boards=boards_in_use(layout),
        borrowers=tuple(each for each in others if has_logins and not os.path.lexists(layout.home(each) / AUTH_FILE)),
        old_paths=tuple(path for name in (DEFAULT, *others) for path in _paths_into(session, name, goes)),
        names=tuple(others),
        tied=tied,
        tied_hint=hint,
    )


def _tie(session: FleetSession, goes: Goes) -> tuple[str, str]:
    """Return why the files of default cannot leave the root, and a hint, "" where they can.

    At the end they are renamed into the trash; a program among them would not start any more.
    """
    layout = session.layout
    code = installed_code(layout, session.environment)
    programs = (*([code.folder] if code is not None else []), Path(__file__), Path(sys.prefix))
    for path in programs:
        if leads_to(os.path.realpath(path), layout.root, goes):
            hint = f"install it outside of the root; see it with `ls -ld {quote(str(path))}`"
            return f"a program that is in use is in {path}", hint
    trash = os.stat(_existing(layout.trash)).st_dev
    for path in leaving_entries(layout, session.catalog):
        if os.lstat(path).st_dev != trash:
            text = f"{path} is on another file system than the trash of the root"
            return text, f"put it into the root itself; see it with `df {quote(str(path))}`"
    return "", ""


def _links_into(layout: Layout, name: str, goes: Goes) -> Iterator[str]:
    """Yield the links of another profile that lead to files of default."""
    home = layout.home(name)
    for item in walk(home, lambda _: True):
        if item.kind is EntryKind.LINK and leads_to(os.path.realpath(home / item.path), layout.root, goes):
            yield f"{name}/{item.path}"


def _paths_into(session: FleetSession, name: str, goes: Goes) -> Iterator[str]:
    """Yield the settings of a profile that lead to default's own files: they keep leading to the old place."""
    layout = session.layout
    inside = re.compile(paths_into(layout.root, layout.user_home) + "/([^/\\s'\"]+)")
    try:
        documents = documents_of(layout.home(name), session.catalog)
    except (DocumentError, Failed):
        return
    for entry in documents.config.entries if documents.config is not None else ():
        if any(goes(found) for found in inside.findall(entry.value or "")):
            yield f"{name}/{CONFIG_FILE}:{entry.line}: {dotted(entry.path)}"
    for variable in documents.env.entries if documents.env is not None else ():
        if not variable.commented and any(goes(found) for each in variable.values for found in inside.findall(each)):
            yield f"{name}/{ENV_FILE}:{variable.line}: {variable.name}"


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
        takes_default=True,
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
