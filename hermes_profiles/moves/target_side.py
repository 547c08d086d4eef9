"""The target of a move: it takes the files, makes them a profile that may not start yet, and starts it when it may."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import IO, Any

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import iso
from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile, Step
from hermes_profiles.changes.receive_tree import TREE, receive_tree, replace_link
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.environment import API_SERVER_PORT, HERMES_TIMEZONE
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE, PROFILES_FOLDER
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, check_new_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.alias import ALIAS_MODE, alias_obstacle, alias_script
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import (
    Placement,
    PlaceState,
    Record,
    bots_of,
    read_placement,
    read_records,
    with_placement,
    write_record,
)
from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port, is_free
from hermes_profiles.profiles.profile import environment_of, read_sections
from hermes_profiles.profiles.tree_walk import EntryKind, read_document
from hermes_profiles.settings.files import SettingsFile, with_variable

from .model import MoveEngine
from .source_side import AGAIN, moves_folder
from .tree import ManifestRow, digest_of, entries_of, manifest_of

_API_SERVER = "api_server"
_TIMEZONE = "timezone"


def is_leftover(home: Path, known: Record | None) -> bool:
    """Return whether a home arrived with a move and was never allowed to start."""
    return known is not None and known.state is PlaceState.ARRIVING and read_placement(home).id == known.id


class TargetSide:
    """The verbs of the target. Every one may be repeated after it was cut short."""

    def __init__(
        self,
        layout: Layout,
        engine: MoveEngine,
        catalog: Callable[[], Catalog],
        zone: str,
        *,
        environment: Mapping[str, str],
        hermes: str | None,
    ) -> None:
        self._layout, self._engine, self._catalog, self._zone = layout, engine, catalog, zone
        self._environment, self._hermes = environment, hermes

    def state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known here about a move: the record of the id, and whether its files are here."""
        record = read_records(self._layout).get(str(request["id"]))
        home = self._layout.home(str(request["name"]))
        return {
            "state": str(record.state) if record is not None else "",
            "move": record.move if record is not None else "",
            "epoch": record.epoch if record is not None else 0,
            "exists": home.is_dir() and read_placement(home).id == request["id"],
        }

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Take the files of a profile into a private folder and read them again. Raises Failed."""
        name = check_new_name(str(request["name"]))
        folder = self._staging(request)
        Files().remove_tree(str(folder))
        self._remove_leftover(name, str(request["id"]), str(request["move"]))
        rows = [ManifestRow(*row) for row in receive_tree(stream, folder)]
        wanted, found = digest_of(rows), digest_of(manifest_of(folder / TREE))
        if wanted != found:
            Files().remove_tree(str(folder))
            raise Failed(
                f"the files of {name} did not arrive as they were sent",
                target=name,
                code="broken-stream",
                hint=AGAIN,
            )
        return {"digest": found, "entries": len(rows), "bytes": sum(row.size for row in rows)}

    def _remove_leftover(self, name: str, placement_id: str, move: str) -> None:
        """Move the copy of an earlier move to the trash, which the source took back: it was never started here."""
        home, known = self._layout.home(name), read_records(self._layout).get(placement_id)
        if is_leftover(home, known) and known is not None and known.move != move:
            self._engine.delete(name)

    def adopt(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make the received files a profile that does not start before `arm`. Raises Refused for a taken name."""
        name, placement_id = check_new_name(str(request["name"])), str(request["id"])
        epoch, move = int(request["epoch"]), str(request["move"])
        home, known = self._layout.home(name), read_records(self._layout).get(placement_id)
        if known is not None and known.epoch > epoch:
            raise Refused(f"{name} was given back since", target=name, code="given-back", hint=AGAIN)
        if home.is_dir() and known is not None and known.move == move and read_placement(home).epoch == epoch:
            return {"assigned": {}}
        if os.path.lexists(home):
            raise Refused(
                f"{home} exists",
                target=name,
                code="exists",
                hint=f"rename it there: `hermes-profiles rename {quote(name)} NEW`",
            )
        staged = self._staging(request) / TREE
        arriving = Record(
            placement_id,
            name,
            epoch,
            PlaceState.ARRIVING,
            str(request["place"]),
            iso(utc_now()),
            move,
            bots_of(self._layout, staged, self._catalog(), make=True),
        )
        write_record(self._layout, arriving)
        assigned = self._fit(staged, name, request)
        steps: list[Step] = [MoveTree(staged, home), *clear_marker(self._layout, name)]
        if alias_obstacle(self._layout, name, name, self._environment) is None:
            alias = self._layout.alias_folder / name
            steps.append(ReplaceFile(alias, Secret(alias_script(name, self._hermes)), ALIAS_MODE, signature(alias)))
        summary = f"{name} moved here from {request['place']}"
        apply(ChangePlan(("move", name), summary, tuple(steps), profiles=(name,)), layout=self._layout)
        Files().remove_tree(str(staged.parent))
        return {"assigned": assigned}

    def arm(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let the profile start here. The source has given it away before."""
        record = read_records(self._layout).get(str(request["id"]))
        name = str(request["name"])
        states = (PlaceState.ARRIVING, PlaceState.HERE)
        if record is None or record.move != request["move"] or record.state not in states:
            raise Refused(f"{name} did not arrive with this move", target=name, code="not-arriving", hint=AGAIN)
        if not self._layout.home(name).is_dir():
            raise Refused(f"the files of {name} are not here", target=name, code="not-arriving", hint=AGAIN)
        if record.state is PlaceState.ARRIVING:
            write_record(self._layout, record._replace(state=PlaceState.HERE, at=iso(utc_now())))
        return {}

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Write the service and start the gateway, as it was at the source, until its channels are connected.

        A profile that another gateway served there has no service; here it needs one to run, unless one serves it here.
        """
        name = str(request["name"])
        if request["has_service"] or request["running"]:
            self._engine.install(name, enabled=request["enabled"])
        if request["running"]:
            self._engine.start(name, tuple(request["channels"]), float(request["timeout"]))
        return {}

    def retire(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give the profile back: nothing of it starts here afterwards, and its files are in the trash."""
        name, placement_id = str(request["name"]), str(request["id"])
        epoch, home = int(request["epoch"]) + 1, self._layout.home(name)
        known = read_records(self._layout).get(placement_id)
        if known is not None and known.epoch > epoch:
            raise Refused(f"{name} has moved again since", target=name, code="moved")
        back = Record(
            placement_id,
            name,
            epoch,
            PlaceState.MOVED,
            str(request["place"]),
            iso(utc_now()),
            str(request["move"]),
            known.identities if known is not None else (),
        )
        write_record(self._layout, back)
        if home.is_dir() and read_placement(home).id == placement_id:
            self._engine.stop(name)
            self._engine.remove_service(name)
            self._engine.delete(name)
        Files().remove_tree(str(self._staging(request)))
        return {}

    def _staging(self, request: Mapping[str, Any]) -> Path:
        return moves_folder(self._layout) / f"{request['move']}-{request['name']}"

    def _fit(self, staged: Path, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Edit what this machine needs otherwise: the epoch, a taken port, the time zone, absolute links.

        A live gateway for all profiles would serve the home as soon as it is published, so it is held first.
        """
        profile = staged / PROFILE_FILE
        placement = Placement(str(request["id"]), int(request["epoch"]))
        content = with_placement(read_document(profile) or b"", placement, path=str(profile))
        write_state_file(profile, content)
        variables: dict[str, str] = {}
        if (port := self._other_port(staged)) is not None:
            variables[API_SERVER_PORT] = str(port)
        if zone := self._zone_to_pin(staged, str(request["zone"])):
            variables[HERMES_TIMEZONE] = zone
        env = staged / ENV_FILE
        raw = read_document(env) or b""
        for variable, value in variables.items():
            raw = with_variable(SettingsFile("", ENV_FILE, env, raw, None, 0o600), variable, value, self._catalog())
        if variables:
            write_state_file(env, raw)
        self._lead_links_here(staged, name, request)
        self._engine.hold(staged)
        return dict(variables)

    def _other_port(self, staged: Path) -> int | None:
        """Return a free port for the API server where another profile or program here has its port, else None."""
        held = claimed_resources(staged, catalog=self._catalog())
        ports = [claim.port for claim in held.ports if claim.channel == _API_SERVER]
        claimed = declared_ports(self._layout.home(name) for name in profile_names(self._layout))
        if not ports or all(port not in claimed and is_free(port) for port in ports):
            return None
        own = declared_ports((staged,)) | frozenset(ports)
        return free_port(claimed | own | default_ports(self._catalog()))

    def _zone_to_pin(self, staged: Path, zone: str) -> str:
        """Return the zone of the source where the profile names none and this machine has another, else ""."""
        named = environment_of(staged).get(HERMES_TIMEZONE) or read_sections(staged / CONFIG_FILE, (_TIMEZONE,)).get(
            _TIMEZONE
        )
        return zone if zone and not named and zone != self._zone else ""

    def _lead_links_here(self, staged: Path, name: str, request: Mapping[str, Any]) -> None:
        """Have absolute links into the old root lead to the same place in this one.

        Those of a default profile lead to its own files alone, which are in a home here.
        """
        old, new = f"{request['root']}/{PROFILES_FOLDER}/", f"{self._layout.profiles}/"
        if request.get("former") == DEFAULT:
            old, new = f"{request['root']}/", f"{self._layout.home(name)}/"
        for item in list(entries_of(staged)):
            if item.kind is EntryKind.LINK and f"{item.target}/".startswith(old):
                replace_link(staged / item.path, new + (item.target or "")[len(old) :])
