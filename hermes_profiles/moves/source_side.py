"""The source of a move: it stops the profile, sends its files, gives it away, or takes it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import IO, Any

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.journal import iso
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.default_files import Goes, goes_with
from hermes_profiles.profiles.placement import (
    Placement,
    PlaceState,
    Record,
    bots_of,
    elsewhere,
    new_id,
    read_placement,
    read_records,
    record_of,
    with_placement,
    write_record,
)
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import read_document

from .model import Frozen, MoveEngine, parsed
from .refusals import NO_OWN_NAME
from .tree import digest_of, manifest_of, send_tree

_UNDER_WAY = (PlaceState.LEAVING, PlaceState.HANDED_OVER)
_LARGEST = 1024 * 1024
# A step that came out of turn: the same command looks at both sides first, and goes on from there.
AGAIN = "run the command again"


def moves_folder(layout: Layout) -> Path:
    """Return the folder of moves that are under way."""
    return layout.state / "moves"


def kept_of(layout: Layout, name: str) -> Frozen | None:
    """Return what was kept of a profile that moves, None without a move."""
    try:
        return parsed(Frozen, json.loads(read_regular(_kept_file(layout, name), _LARGEST)))
    except (OSError, ValueError, TypeError):
        return None


def _kept_file(layout: Layout, name: str) -> Path:
    return moves_folder(layout) / f"{name}.json"


def known_of(layout: Layout, name: str, as_name: str, catalog: Callable[[], Catalog]) -> Record | None:
    """Return what the root knows about a profile that shall move; None where it never moved.

    The root stays when default leaves it, and its files go with their id. So default is also known by what was kept of
    its move, and then by the name that it got: it has moved already where it has no bot again. A profile
    that was made under the name of one that moved is another one.
    """
    record = record_of(layout, name)
    if record is not None and record.state is PlaceState.MOVED and _is_another(layout, name, catalog):
        return None
    if name != DEFAULT or record is not None:
        return record
    records, kept = read_records(layout), kept_of(layout, name)
    if kept is not None and kept.id in records:
        return records[kept.id]
    home = layout.home(name)
    left = next((each for each in records.values() if each.was == name and each.name == as_name), None)
    is_gone = left is not None and left.state is PlaceState.MOVED and not bots_of(layout, home, catalog())
    return left if is_gone else None


def _is_another(layout: Layout, name: str, catalog: Callable[[], Catalog]) -> bool:
    """Return whether the home of this name is no copy of a profile that moved."""
    home = layout.home(name)
    return home.is_dir() and not read_placement(home).id and elsewhere(layout, name, catalog=catalog) is None


class SourceSide:
    """The verbs of the source. Every one may be repeated after it was cut short."""

    def __init__(self, layout: Layout, engine: MoveEngine, catalog: Callable[[], Catalog], zone: str) -> None:
        self._layout, self._engine, self._catalog, self._zone = layout, engine, catalog, zone

    def state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known here about a profile: its record, and what was kept when it was stopped."""
        name = str(request["name"])
        record, frozen = self._known(request), self._frozen(name)
        return {
            "state": str(record.state) if record is not None else "",
            "move": record.move if record is not None else "",
            "place": record.place if record is not None else "",
            "id": record.id if record is not None else "",
            "epoch": record.epoch if record is not None else 0,
            "exists": self._layout.home(name).is_dir(),
            "as": record.name if record is not None and record.was == name else "",
            "frozen": frozen._asdict() if frozen is not None else None,
        }

    def freeze(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Stop a profile so that nothing starts it, and note how it ran; an unfinished move is taken over."""
        name, place = str(request["name"]), str(request["place"])
        record, frozen = self._known(request), self._frozen(name)
        if record is not None and record.state in _UNDER_WAY and frozen is not None:
            if record.place != place:
                raise Refused(
                    f"{name} is being moved to {record.place}",
                    target=name,
                    code="move-unfinished",
                    hint=f"finish that with `hermes-gateways move {quote(name)} --to {quote(record.place)}`",
                )
            frozen = frozen._replace(carrier=str(request["carrier"]))
        else:
            frozen = self._as_before(self._new(name, request), frozen)
            record = None
        self._keep(frozen)
        if record is None:
            self._mark(frozen)
        self._place(name, frozen.id, None)
        if record is None or record.state is PlaceState.LEAVING:
            self._engine.stop(name)
            if frozen.has_service:
                self._engine.remove_service(name)
        found = record_of(self._layout, name)
        return {"frozen": frozen._asdict(), "state": str(found.state) if found is not None else ""}

    def _as_before(self, new: Frozen, left: Frozen | None) -> Frozen:
        """Return what to keep, where a command was ended while it took the profile back: it ran before that."""
        if left is None:
            return new
        enabled = left.enabled if left.has_service else new.enabled
        return new._replace(
            running=new.running or left.running,
            has_service=new.has_service or left.has_service,
            enabled=enabled,
            channels=new.channels or left.channels,
            parked=left.parked,
        )

    def _new(self, name: str, request: Mapping[str, Any]) -> Frozen:
        if not self._layout.home(name).is_dir():
            raise NotFound(f"no profile {name!r} in {self._layout.root}", target=name)
        as_name = str(request.get("as", ""))
        if name == DEFAULT and not as_name:
            raise Refused(NO_OWN_NAME, target=name, code="default-profile", hint=AGAIN)
        look = self._engine.look(name)
        own = read_placement(self._layout.home(name), certain=True)
        return Frozen(
            name,
            str(request["move"]),
            str(request["carrier"]),
            str(request["place"]),
            own.id or new_id(),
            int(request["epoch"]),
            look.running,
            look.has_service,
            look.enabled,
            look.channels,
            self._zone,
            look.parked,
            as_name,
        )

    def _mark(self, frozen: Frozen) -> None:
        home = self._layout.home(frozen.name)
        bots = bots_of(self._layout, home, self._catalog(), make=True)
        write_record(
            self._layout,
            Record(frozen.id, frozen.name, frozen.epoch, PlaceState.LEAVING, frozen.place, _now(), frozen.move, bots),
        )

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Write the files of a stopped profile to a stream."""
        frozen = self._owned(request)
        send_tree(self._layout.home(frozen.name), out, self._goes(frozen.name))

    def verify(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make sure that the files are still those that were sent. Raises Failed."""
        frozen = self._owned(request)
        home = self._layout.home(frozen.name)
        if self._engine.look(frozen.name).running or self._digest(frozen.name) != request["digest"]:
            raise Failed(
                f"the files of {frozen.name} changed while they were copied",
                target=str(home),
                code="changed-meanwhile",
                hint="end what works in that profile, and run the command again",
            )
        return {}

    def hand_over(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give the profile away: from now on it starts here only after the target gave it back."""
        frozen = self._owned(request)
        record = self._record(frozen)
        if record.state is PlaceState.LEAVING:
            write_record(self._layout, record._replace(state=PlaceState.HANDED_OVER, at=_now()))
        return {}

    def take_back(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have the profile live here again, as it ran before.

        Where it was handed over, the caller says with `given_back` that the target has no copy that may start.
        """
        name = str(request["name"])
        frozen = self._frozen(name)
        record = self._known(request)
        if frozen is None or record is None:
            return {"running": False}
        if record.state is PlaceState.HANDED_OVER and not request.get("given_back"):
            raise Refused(f"{name} was handed over to {frozen.place}", target=name, code="handed-over", hint=AGAIN)
        if record.state is PlaceState.HANDED_OVER:
            record = record._replace(epoch=record.epoch + 1)
        elif record.state is PlaceState.LEAVING:
            record = record._replace(epoch=read_placement(self._layout.home(name)).epoch)
        elif record.state is not PlaceState.HERE:
            raise Refused(f"{name} lives in {record.place}", target=name, code="moved")
        back = record._replace(state=PlaceState.HERE, place="", move="", at=_now())
        write_record(self._layout, back)
        self._place(name, back.id, back.epoch)
        if not frozen.parked:
            self._engine.release(name)
        if frozen.has_service:
            self._engine.install(name, enabled=frozen.enabled)
        if frozen.running:
            self._engine.start(name, (), 90.0)
        self._forget(name)
        return {"running": frozen.running}

    def commit(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Note where the profile lives now, and move the copy here to the trash."""
        name = str(request["name"])
        record = self._known(request)
        if record is None or record.state not in (PlaceState.HANDED_OVER, PlaceState.MOVED):
            raise Refused(f"{name} was not handed over", target=name, code="not-handed-over", hint=AGAIN)
        if record.state is PlaceState.HANDED_OVER:
            there = self._owned(request).name_there
            was = name if there != name else ""
            write_record(self._layout, record._replace(state=PlaceState.MOVED, at=_now(), name=there, was=was))
        if self._layout.home(name).is_dir() and read_placement(self._layout.home(name)).id == record.id:
            self._engine.delete(name)
        self._forget(name)
        return {}

    def _place(self, name: str, placement_id: str, epoch: int | None) -> None:
        """Write the id, and the epoch where one is given, to profile.yaml."""
        path = self._layout.home(name) / PROFILE_FILE
        own = read_placement(path.parent, certain=True)
        placement = Placement(placement_id, own.epoch if epoch is None else epoch)
        if placement == own:
            return
        content = with_placement(read_document(path) or b"", placement, path=str(path))
        step = ReplaceFile(path, Secret(content), 0o600, signature(path))
        summary = f"{name}: epoch {placement.epoch}"
        apply(ChangePlan(("move", name), summary, (step,), profiles=(name,)), layout=self._layout)

    def _owned(self, request: Mapping[str, Any]) -> Frozen:
        """Return what was kept of a profile, where this command still carries out its move. Raises Refused."""
        name = str(request["name"])
        frozen = self._frozen(name)
        if frozen is None or frozen.carrier != request["carrier"]:
            raise Refused(
                f"another command took over the move of {name}",
                target=name,
                code="move-taken-over",
                hint=f"see `hermes-gateways status {quote(name)}`",
            )
        return frozen

    def _record(self, frozen: Frozen) -> Record:
        record = read_records(self._layout).get(frozen.id)
        if record is None or record.state not in _UNDER_WAY:
            raise Refused(f"{frozen.name} is not being moved", target=frozen.name, code="not-moving", hint=AGAIN)
        return record

    def _known(self, request: Mapping[str, Any]) -> Record | None:
        return known_of(self._layout, str(request["name"]), str(request.get("as", "")), self._catalog)

    def _goes(self, name: str) -> Goes:
        return goes_with(name, self._catalog())

    def _digest(self, name: str) -> str:
        return digest_of(manifest_of(self._layout.home(name), self._goes(name)))

    def _frozen(self, name: str) -> Frozen | None:
        return kept_of(self._layout, name)

    def _keep(self, frozen: Frozen) -> None:
        write_state_file(_kept_file(self._layout, frozen.name), json.dumps(frozen._asdict()).encode())

    def _forget(self, name: str) -> None:
        remove_state_file(_kept_file(self._layout, name))


def _now() -> str:
    return iso(utc_now())
