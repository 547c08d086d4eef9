"""Make a copy the profile, where the place that it lives in is gone for good."""

from __future__ import annotations

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import iso
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import NotFound, Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.placement import (
    Placement,
    PlaceState,
    Record,
    elsewhere,
    read_placement,
    read_records,
    record_of,
    with_placement,
    write_record,
)
from hermes_profiles.profiles.tree_walk import read_document

from ..apply import ChangeResult, carry_out
from ..context import Session
from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively


class AdoptedCopy(NamedTuple):
    """A copy that became the profile. `place`: the place that is gone; `is_awaited`: no copy is here so far."""

    profile: str
    place: str
    epoch: int
    change: ChangeResult
    warnings: tuple[Problem, ...] = ()
    is_awaited: bool = False


@exclusively
def adopt_copy(session: FleetSession, profile: str, typed: str, *, dry_run: bool = False) -> AdoptedCopy:
    """Make the copy here the profile: its epoch rises above that of the lost place, so it starts again.

    `typed`: the name once more. Without a copy, one from the trash, a backup or an archive may be brought back
    afterwards. Raises Refused when the names differ, NotFound for a profile that did not move.
    """
    name, layout = check_existing_name(profile), session.layout
    if typed != name:
        raise Refused(
            f"the name after --source-is-dead is not {name}",
            target=name,
            code="not-confirmed",
            hint=f"two running copies of one bot lose messages; if you are sure: "
            f"`hermes-gateways move {name} --source-is-dead {name}`",
        )
    warnings = session.recover(dry_run=dry_run)
    has_home = layout.home(name).is_dir()
    away = elsewhere(layout, name, catalog=lambda: session.catalog) if has_home else None
    record = away.record if away is not None else record_of(layout, name)
    if name == DEFAULT and away is None:  # the root is there, but the files of default left it with their record
        record = record or next((each for each in read_records(layout).values() if each.was == name), None)
        has_home = False
    if record is None or (away is None and record.state in (PlaceState.HERE, PlaceState.AWAITED)):
        raise NotFound(
            f"{name} did not move to another place",
            target=name,
            code="not-moved",
            hint=f"start it with `hermes-gateways start {name}`" if has_home else "see `hermes-profiles list`",
        )
    if not has_home:
        if not dry_run:
            write_record(layout, record._replace(state=PlaceState.AWAITED, at=iso(utc_now()), move=""))
        return AdoptedCopy(
            name, record.place, record.epoch, ChangeResult(None, dry_run), tuple(warnings), is_awaited=True
        )
    risen = _risen(layout, name, record)
    if not dry_run:
        write_record(layout, risen)
    change = carry_out(session, placing(layout, name, risen), dry_run=dry_run)
    return AdoptedCopy(name, record.place, risen.epoch, change, tuple(warnings))


def settle_restored(session: Session, name: str) -> None:
    """Give a profile that was brought back the epoch of the one that it replaces, where the root awaits it.

    Restores and imports call it for each profile that they made. Raises Failed, DocumentError.
    """
    layout = session.layout
    records = read_records(layout)
    awaited = [each for each in records.values() if each.state is PlaceState.AWAITED]
    if not awaited:
        return
    placement = read_placement(layout.home(name))
    named = next((each for each in awaited if name in (each.name, each.was)), None)
    record = records.get(placement.id) if placement.id else named
    if record is None or record.state is not PlaceState.AWAITED:
        return
    risen = _risen(layout, name, record)
    write_record(layout, risen)
    carry_out(session, placing(layout, name, risen), dry_run=False)


def _risen(layout: Layout, name: str, record: Record) -> Record:
    epoch = max(record.epoch, read_placement(layout.home(name)).epoch) + 1
    return record._replace(name=name, epoch=epoch, state=PlaceState.HERE, place="", at=iso(utc_now()), move="", was="")


def placing(layout: Layout, name: str, record: Record) -> ChangePlan:
    """Return the change that writes the id and the epoch of a record to the profile. Raises DocumentError."""
    path = layout.home(name) / PROFILE_FILE
    content = with_placement(read_document(path) or b"", Placement(record.id, record.epoch), path=str(path))
    step = ReplaceFile(path, Secret(content), 0o600, signature(path))
    return ChangePlan(("move", name), f"{name} lives here from epoch {record.epoch} on", (step,), profiles=(name,))
