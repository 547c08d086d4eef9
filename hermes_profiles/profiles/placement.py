"""Where a profile lives: its epoch, which travels with it, and the root's own record of profiles that moved.

A move gives a profile an id and raises its epoch. Both are in `placement` of its profile.yaml, where Hermes keeps keys
that it does not know. So a copy and a backup carry them, a rename keeps them, and a clone leaves them out.

The root keeps the highest epoch of each id that it has seen, and the place where that profile lives now
(`placements.json` in our state folder). A home with a lower epoch, or of a profile that moved away, is an old copy. Its
gateway must not start: the same bot runs elsewhere. A copy from before the first move has no id. It is recognised by
the bots that moved, as keyed fingerprints.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Failed, Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import fingerprint

from .channels import claimed_resources
from .profile import read_sections
from .regular_file import read_regular

PLACEMENT = "placement"
SCHEMA = "hermes-profiles-placements/1"
_LARGEST = 4 * 1024 * 1024
_PREFIX = "p-"  # with digits alone, YAML would read an id as a number


class PlaceState(StrEnum):
    """What a root knows about where a profile lives.

    `here`: in this root. `leaving`: a move has stopped it, and it can be taken back here. `handed-over`: the other
    place may start it. `moved`: it lives in another place. `arriving`: its copy is here and may not start yet.
    `awaited`: the place where it lived is gone for good, and a copy from the trash or a backup becomes the profile.
    """

    HERE = "here"
    LEAVING = "leaving"
    HANDED_OVER = "handed-over"
    MOVED = "moved"
    ARRIVING = "arriving"
    AWAITED = "awaited"


class Placement(NamedTuple):
    """The id and the epoch of a profile; without an id it was never moved."""

    id: str = ""
    epoch: int = 0


class Record(NamedTuple):
    """What the root knows about one moved profile. `name`: in the place where it lives.

    `was`: the name that it had here, where that is another one: default moves under a name of its own.
    `epoch`: the highest that was seen; `place`: the place where it lives, or the other place of a move; `at`: when that
    was written; `move`: the id of the move; `identities`: fingerprints of its bots, by the key of this root.
    """

    id: str
    name: str
    epoch: int
    state: PlaceState
    place: str = ""
    at: str = ""
    move: str = ""
    identities: tuple[str, ...] = ()
    was: str = ""


class Elsewhere(NamedTuple):
    """A home whose gateway must not start. `record`: the reason; `epoch`: of the home."""

    profile: str
    record: Record
    epoch: int

    @property
    def is_under_way(self) -> bool:
        """Return whether a move is not finished, so that this may be the only copy."""
        return self.record.state in (PlaceState.LEAVING, PlaceState.HANDED_OVER, PlaceState.ARRIVING)

    @property
    def reason(self) -> str:
        """Return why it must not start, as a part of a sentence."""
        record = self.record
        match record.state:
            case PlaceState.MOVED:
                when = f" since {record.at[:10]}" if record.at else ""
                there = f"{record.place} as {record.name}" if record.was else record.place
                return f"{self.profile} lives in the place {there}{when}; this is a copy from before the move"
            case PlaceState.LEAVING | PlaceState.HANDED_OVER:
                return f"{self.profile} is being moved to the place {record.place}"
            case PlaceState.ARRIVING:
                return f"{self.profile} is being moved here from the place {record.place}"
            case _:
                return (
                    f"this is an old copy of {record.name} (epoch {self.epoch}, the profile has epoch {record.epoch})"
                )

    @property
    def hint(self) -> str:
        """Return the way on."""
        name, place = quote(self.profile), quote(self.record.place)
        dead = f"`hermes-gateways move {name} --source-is-dead {name}`"
        match self.record.state:
            case PlaceState.LEAVING | PlaceState.HANDED_OVER:
                finish = f"finish that with `hermes-gateways move {name} --to {place}`"
                return f"{finish}, or end it with `hermes-gateways move {name} --take-back`"
            case PlaceState.ARRIVING:
                return f"finish that with the command that began it; only if {place} is gone for good: {dead}"
            case PlaceState.HERE:
                return f"if this copy shall be the profile: {dead}"
            case _:
                back = f"bring it back with `hermes-gateways move {quote(self.record.name)} --to local`"
                return f"{back}; only if the place {place} is gone for good, take this copy with {dead}"

    @property
    def problem(self) -> Problem:
        """Return the refusal as an error."""
        return Problem("moved", self.reason, self.profile, self.hint)

    def refusal(self, verb: str) -> Refused:
        """Return the error that refuses an action on this home (exit 6)."""
        return Refused(f"cannot {verb}: {self.reason}", target=self.profile, code="moved", hint=self.hint)


Records = Mapping[str, Record]


def placements_file(layout: Layout) -> Path:
    """Return the file of the root's own record."""
    return layout.state / "placements.json"


def read_records(layout: Layout) -> Records:
    """Return id → record; {} in a root whose profiles never moved.

    Raises Failed when the file cannot be read with certainty: without it no one knows which copies may start.
    """
    path = placements_file(layout)
    try:
        data = json.loads(read_regular(path, _LARGEST))
        found = [_record(row) for row in data["profiles"]]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failed(
            f"{path} cannot be read: it names the profiles that moved to other places",
            target=str(path),
            code="bad-placements",
            hint=f"see it with `cat {quote(str(path))}`, and put a copy from a backup of this machine in its place; "
            "without one, see what runs in each other place with `hermes-gateways list --place PLACE`, "
            f"then remove it with `rm {quote(str(path))}`",
        ) from error
    return {record.id: record for record in found}


def _record(row: Mapping[str, Any]) -> Record:
    return Record(
        str(row["id"]),
        str(row["name"]),
        int(row["epoch"]),
        PlaceState(row["state"]),
        str(row.get("place", "")),
        str(row.get("at", "")),
        str(row.get("move", "")),
        tuple(str(each) for each in row.get("identities", ())),
        str(row.get("was", "")),
    )


def write_record(layout: Layout, record: Record) -> None:
    """Write what the root knows about a profile, on the disk before this returns. Raises Failed."""
    records = {**read_records(layout), record.id: record}
    _write(layout, records)


def forget_record(layout: Layout, placement_id: str) -> None:
    """Remove what the root knows about a profile. Raises Failed."""
    records = dict(read_records(layout))
    if records.pop(placement_id, None) is not None:
        _write(layout, records)


def _write(layout: Layout, records: Records) -> None:
    from hermes_profiles.changes.state_files import write_state_file

    rows = [{**record._asdict(), "state": str(record.state)} for record in records.values()]
    content = json.dumps({"schema": SCHEMA, "profiles": rows}, indent=1).encode() + b"\n"
    write_state_file(placements_file(layout), content)


def record_of(layout: Layout, name: str) -> Record | None:
    """Return what the root knows about the profile that has, or had, this name; None where it never moved.

    The id in its home decides; without a home, the newest record of the name.
    """
    records = read_records(layout)
    placement = read_placement(layout.home(name))
    if placement.id:
        return records.get(placement.id)
    return max((each for each in records.values() if each.name == name), key=lambda each: each.epoch, default=None)


def new_id() -> str:
    """Return the id of a profile that moves for the first time."""
    return _PREFIX + os.urandom(8).hex()


def read_placement(home: Path, *, certain: bool = False) -> Placement:
    """Return the placement in a profile.yaml. With `certain`, raises Failed for a file that cannot be read."""
    section = read_sections(home / PROFILE_FILE, (PLACEMENT,), certain=certain).get(PLACEMENT)
    if not isinstance(section, Mapping) or not section.get("id"):
        return Placement()
    try:
        return Placement(str(section["id"]), int(str(section.get("epoch", 0))))
    except ValueError:
        return Placement(str(section["id"]))


def with_placement(raw: bytes, placement: Placement | None, *, path: str) -> bytes:
    """Return a profile.yaml with this placement, None to remove it; the rest stays byte for byte.

    Raises DocumentError when it cannot be edited with certainty.
    """
    from .profile_yaml import edit_profile_yaml  # the editor loads ruamel.yaml

    if placement is None:
        return edit_profile_yaml(raw, {(PLACEMENT,): None}, path=path) if PLACEMENT.encode() in raw else raw
    values: dict[tuple[str, ...], str | None] = {
        (PLACEMENT, "id"): placement.id,
        (PLACEMENT, "epoch"): str(placement.epoch),
    }
    return edit_profile_yaml(raw, values, path=path)


def bots_of(layout: Layout, home: Path, catalog: Catalog, *, make: bool = False) -> tuple[str, ...]:
    """Return the fingerprints of the bots and accounts of a home, by the key of the root; () without a key."""
    from hermes_profiles.changes.fingerprint_key import fingerprint_key

    key = fingerprint_key(layout, make=make)
    return bots_in(home, catalog, key) if key is not None else ()


def bots_in(home: Path, catalog: Catalog, key: bytes) -> tuple[str, ...]:
    """Return the fingerprints of the bots and accounts of a home, by any key."""
    held = claimed_resources(home, catalog=catalog).identities
    return tuple(sorted({fingerprint(json.dumps(each.place), key) for each in held}))


def elsewhere(
    layout: Layout,
    name: str,
    *,
    catalog: Callable[[], Catalog],
    home: Path | None = None,
    records: Records | None = None,
) -> Elsewhere | None:
    """Return why the gateway of a profile must not start, None where nothing is known against it.

    `home`: of a copy that is about to become the profile (from the trash, an archive or a backup). `catalog` is called
    only for a home without an id, in a root from which profiles moved.
    """
    records = read_records(layout) if records is None else records
    if not records:
        return None
    home = home or layout.home(name)
    placement = read_placement(home)
    if placement.id:
        record = records.get(placement.id)
        if record is None or placement.epoch > record.epoch or record.state is PlaceState.AWAITED:
            return None
        if record.state is PlaceState.HERE and placement.epoch == record.epoch:
            return None
        return Elsewhere(name, record, placement.epoch)
    away = [record for record in records.values() if record.state not in (PlaceState.HERE, PlaceState.AWAITED)]
    bots = frozenset(bots_of(layout, home, catalog())) if any(record.identities for record in away) else frozenset()
    for record in away:
        if bots & {*record.identities} or (not record.identities and record.name == name):
            return Elsewhere(name, record, 0)
    return None


def require_name_here(layout: Layout, name: str) -> None:
    """Raise Refused (exit 6) for the name of a new profile that would be taken for an old copy of one that moved.

    A profile that moved with its bots is recognised by them, so its name is free; one without a bot has only its name.
    """
    for record in read_records(layout).values():
        if record.name == name and not record.identities and record.state not in (PlaceState.HERE, PlaceState.AWAITED):
            found = Elsewhere(name, record, 0)
            raise Refused(
                f"the name {name} is taken: a profile without a bot has moved to the place {record.place} with it",
                target=name,
                code="moved",
                hint=f"choose another name, or {found.hint}",
            )


def all_elsewhere(layout: Layout, names: Iterable[str], *, catalog: Callable[[], Catalog]) -> dict[str, Elsewhere]:
    """Return the profiles whose gateways must not start; {} in a root whose profiles never moved."""
    records = read_records(layout)
    if not records:
        return {}
    found = {name: elsewhere(layout, name, catalog=catalog, records=records) for name in names}
    return {name: why for name, why in found.items() if why is not None}


def require_here(
    layout: Layout, name: str, verb: str, *, catalog: Callable[[], Catalog], home: Path | None = None
) -> None:
    """Raise Refused (exit 6) where a profile, or the copy at `home` that would become it, lives in another place."""
    found = elsewhere(layout, name, catalog=catalog, home=home)
    if found is not None:
        raise found.refusal(verb)
