"""Two roots on one disk, and a move between them with gateways that are entries of a list.

`Killed` ends a command at its nth operation: a verb of a side, or a call that changes the file system.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Any

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.hermes.files import PARKED_MARKER
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.moves.model import GatewayLook
from hermes_profiles.moves.mover import MovedProfile, Mover
from hermes_profiles.moves.own_side import OwnSide
from hermes_profiles.moves.source_side import SourceSide
from hermes_profiles.moves.target_side import TargetSide
from hermes_profiles.moves.tree import LEFT_BEHIND
from hermes_profiles.profiles.default_files import leaving_entries
from hermes_profiles.profiles.host_options import is_parked
from hermes_profiles.profiles.lifecycle import plan_delete, plan_empty_default
from hermes_profiles.profiles.placement import elsewhere, read_records

TOKEN = "7100000077:CANARYmoveCANARYmoveCANARYmoveCANARY77"
HOME: Mapping[str, str] = {
    ".env": f"# mine\nTELEGRAM_BOT_TOKEN={TOKEN}\nAPI_SERVER_ENABLED=true\nAPI_SERVER_PORT=18647\n",
    "config.yaml": "model: gpt-5  # the best\nplatforms:\n  telegram:\n    enabled: true\n",
    "profile.yaml": "description: the family\n",
    "SOUL.md": "be kind\n",
    "memories/MEMORY.md": "the dog is called Rex\n",
    "skills/notes/SKILL.md": "take notes\n",
    "sessions/one.jsonl": '{"a": 1}\n',
    "state.db": "SQLite format 3\0 CANARY-state",
    "telegram/offset.json": '{"offset": 4711}\n',
    "gateway.pid": '{"pid": 1}',
}


class Killed(BaseException):
    """The process was ended at this point."""


class Gate:
    """Counts operations, and ends the process at the one that `at` names."""

    def __init__(self) -> None:
        self.count, self.at = 0, -1
        self.verbs: list[int] = []
        self.searches: list[Callable[[], None]] = []

    def __call__(self, *what: object) -> None:
        self.count += 1
        for search in self.searches:
            search()
        if len(what) == 1:  # a verb of a side or an engine, not a call on the file system
            self.verbs.append(self.count)
        if self.count == self.at:
            raise Killed(self.count)


class ListedEngine:
    """Gateways as entries: `running` names those that poll; both roots share `pollers`, which never has one twice."""

    def __init__(self, layout: Layout, pollers: list[str], gate: Gate) -> None:
        self.layout, self.pollers, self.gate = layout, pollers, gate
        self.running: set[str] = set()
        self.services: dict[str, bool | None] = {}
        self.connects = True
        self.bots: Mapping[str, str] = {}

    def polls_as(self, name: str) -> str:
        """Return the bot of a profile, by which it polls: its name, unless it moves under another one."""
        return self.bots.get(name, name)

    def look(self, name: str) -> GatewayLook:
        return GatewayLook(name in self.running, name in self.services, self.services.get(name), ("telegram",))

    def stop(self, name: str) -> None:
        self.gate("stop")
        if name in self.running:
            self.running.remove(name)
            self.pollers.remove(self.polls_as(name))

    def remove_service(self, name: str) -> None:
        self.gate("remove-service")
        self.services.pop(name, None)

    def install(self, name: str, *, enabled: bool | None) -> None:
        self.gate("install")
        self.services[name] = enabled

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        self.gate("start")
        assert elsewhere(self.layout, name, catalog=load_catalog) is None, "start would have refused it"
        if name not in self.running:
            assert self.polls_as(name) not in self.pollers, f"{name} polls twice"
            self.running.add(name)
            self.pollers.append(self.polls_as(name))
        self.gate("started")
        if not self.connects:
            raise Failed(f"{name} is not connected")

    def hold(self, home: Path) -> None:
        self.gate("hold")

    def release(self, name: str) -> None:
        self.gate("release")

    def delete(self, name: str) -> None:
        self.gate("delete")
        now = utc_now()
        trash_id = Journal(self.layout.state).fresh_id(now)
        if name == DEFAULT:
            paths = leaving_entries(self.layout, load_catalog())
            plan = plan_empty_default(self.layout, paths, trash_id=trash_id, deleted_at=iso(now), reason="moved")
        else:
            plan = plan_delete(self.layout, name, trash_id=trash_id, deleted_at=iso(now))
        apply(plan, layout=self.layout)


class AdoptingEngine(ListedEngine):
    """One gateway for all profiles of a root, which searches for homes all the time: each that is not parked polls."""

    def __init__(self, layout: Layout, pollers: list[str], gate: Gate) -> None:
        super().__init__(layout, pollers, gate)
        self.is_up = True
        gate.searches.append(self.search)

    def end(self) -> None:
        """End the gateway for all."""
        self.is_up = False
        self.search()

    def search(self) -> None:
        for name in self._found() - self.running:
            assert name not in self.pollers, f"{name} polls twice"
            assert elsewhere(self.layout, name, catalog=load_catalog) is None, f"{name} may not start here"
            self.running.add(name)
            self.pollers.append(name)
        for name in self.running - self._found():
            self.running.remove(name)
            self.pollers.remove(name)

    def _found(self) -> set[str]:
        homes = self.layout.profiles.iterdir() if self.is_up and self.layout.profiles.is_dir() else ()
        return {home.name for home in homes if home.is_dir() and home.name[0] != "." and not is_parked(home)}

    def look(self, name: str) -> GatewayLook:
        return GatewayLook(
            name in self.running, channels=("telegram",), parked=is_parked(self.layout.home(name))
        )  # fmt: skip

    def stop(self, name: str) -> None:
        self.gate("stop")
        self.hold(self.layout.home(name))
        self.search()

    def hold(self, home: Path) -> None:
        self.gate("hold")
        (home / PARKED_MARKER).write_bytes(b"")

    def release(self, name: str) -> None:
        self.gate("release")
        (self.layout.home(name) / PARKED_MARKER).unlink(missing_ok=True)

    def install(self, name: str, *, enabled: bool | None) -> None:
        self.gate("install")

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        self.gate("start")
        assert elsewhere(self.layout, name, catalog=load_catalog) is None, "start would have refused it"
        self.release(name)
        self.search()
        self.gate("started")
        if not self.connects:
            raise Failed(f"{name} is not connected")


class GatedSide:
    """A side in this process. `silent`: a verb, and whether it was done before the answer was lost."""

    def __init__(self, side: OwnSide, gate: Gate) -> None:
        self.side, self.gate = side, gate
        self.silent: dict[str, bool] = {}

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.gate(verb)
        request = json.loads(json.dumps(request))
        if self.silent.get(verb) is False:
            raise Failed("no answer", code="place-silent")
        answer = json.loads(json.dumps(self.side.ask(verb, request)))
        if verb in self.silent:
            raise Failed("no answer", code="place-silent")
        self.gate(verb)
        return dict(answer)

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        self.side.send(request, out)

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        self.gate("receive")
        if self.silent.get("receive") is False:
            raise Failed("no answer", code="place-silent")
        answer = self.side.receive(request, stream)
        self.gate("received")
        return answer


class PlaceInProcess:
    """A root with its engine, and its two roles in a move."""

    def __init__(
        self, name: str, user: Path, pollers: list[str], gate: Gate, zone: str = "UTC", *, adopts: bool = False
    ) -> None:
        self.name, self.user = name, user
        user.mkdir(parents=True, exist_ok=True)
        self.layout = Layout(user / ".hermes", user)
        self.engine = (AdoptingEngine if adopts else ListedEngine)(self.layout, pollers, gate)
        self.zone = zone
        source = SourceSide(self.layout, self.engine, load_catalog, zone)
        target = TargetSide(self.layout, self.engine, load_catalog, zone, environment={"PATH": ""}, hermes=None)
        self.source, self.target = GatedSide(OwnSide(source), gate), GatedSide(OwnSide(target), gate)

    def home(self, name: str) -> Path:
        return self.layout.home(name)

    def make(self, name: str, files: Mapping[str, str] = HOME) -> None:
        for path, text in files.items():
            target = self.home(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o600)

    def may_start(self, name: str) -> bool:
        has_bot = (self.home(name) / ".env").exists()  # a root stays when default has left it
        return has_bot and elsewhere(self.layout, name, catalog=load_catalog) is None

    def epoch(self, name: str) -> int:
        """Return the highest epoch that this root knows of a name."""
        return max((each.epoch for each in read_records(self.layout).values() if each.name == name), default=0)


class TwoPlaces:
    """`home` and `vps`, with the profile `family` that runs at home. `adopting`: those with one gateway for all."""

    def __init__(self, folder: Path, *names: str, adopting: Collection[str] = ()) -> None:
        self.gate, self.pollers = Gate(), []  # type: ignore[var-annotated]
        self.home = PlaceInProcess(
            "home", folder / "h", self.pollers, self.gate, "Europe/Berlin", adopts="home" in adopting
        )
        self.vps = PlaceInProcess("vps", folder / "v", self.pollers, self.gate, "UTC", adopts="vps" in adopting)
        for place in (self.home, self.vps):
            place.make("default", {"config.yaml": "model: x\n", ".env": "API_SERVER_PORT=18647\n"})
        self.names = names or ("family",)
        for name in self.names:
            self.home.make(name)
            if "home" not in adopting:
                self.home.engine.services[name] = True
            self.home.engine.running.add(name)
            self.pollers.append(name)

    def mover(self, source: PlaceInProcess, target: PlaceInProcess) -> Mover:
        epochs = {name: 1 + max(source.epoch(name), target.epoch(name)) for name in self.names}
        root = str(source.layout.root)
        return Mover(source.source, target.target, target.name, source.name, epochs, root, on_step=self.gate)

    def move(self, *, back: bool = False) -> list[MovedProfile]:
        source, target = (self.vps, self.home) if back else (self.home, self.vps)
        return self.mover(source, target).run(self.names)

    def take_back(self) -> list[str]:
        return self.mover(self.home, self.vps).take_back(self.names)

    def check_never_two(self) -> None:
        for name in self.names:
            able = [place.name for place in (self.home, self.vps) if place.may_start(name)]
            assert len(able) <= 1, f"{name} may start in {able}"
            assert self.pollers.count(name) <= 1

    def holder(self, name: str = "family") -> PlaceInProcess:
        """Return the only place where a profile may start, and where it runs."""
        self.check_never_two()
        (place,) = [place for place in (self.home, self.vps) if place.may_start(name)]
        assert name in place.engine.running and self.pollers.count(name) == 1
        return place


AWAY = "ada"
# What a root has beside default's own files; no byte of it may travel.
OF_THE_ROOT: Mapping[str, str] = {
    "profiles/kid/.env": "TELEGRAM_BOT_TOKEN=7100000099:CANARYkidCANARYkidCANARYkidCANARYki99\n",
    "profiles/kid/SOUL.md": "CANARY-root kid\n",
    "active_profile": "kid\n",
    "backups/pre-update.zip": "CANARY-root of all profiles\n",
    "bin/tirith": "CANARY-root program\n",
    "hermes-agent/run_agent.py": "CANARY-root code\n",
    "hermes-agent/venv/bin/python": "CANARY-root python\n",
    "kanban.db": "CANARY-root board\n",
    "kanban/boards/work/kanban.db": "CANARY-root second board\n",
    "node/bin/node": "CANARY-root node\n",
    "venv/bin/hermes": "CANARY-root environment\n",
    "shared/nous_auth.json": '{"refresh_token": "CANARY-root"}\n',
}


class DefaultMoves(TwoPlaces):
    """The same with the default profile of `home`, which arrives in `vps` as `ada` and comes back under that name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DEFAULT)
        self.home.make(DEFAULT, OF_THE_ROOT)
        self.home.engine.bots = {DEFAULT: AWAY}
        self.pollers[:] = [AWAY]

    def name_in(self, place: PlaceInProcess) -> str:
        """Return the name of the profile in a place: that of its home with the bot."""
        is_default = place is self.home and not self.home.home(AWAY).exists()
        return DEFAULT if is_default else AWAY

    def move(self, *, back: bool = False) -> list[MovedProfile]:
        """Move default there, or the named profile back."""
        if back:
            self.names = (AWAY,)
            return super().move(back=True)
        self.names = (DEFAULT,)
        mover = self.mover(self.home, self.vps)
        mover.as_name = AWAY
        return mover.run(self.names)

    def check_never_two(self) -> None:
        """Assert that one copy at most may start, wherever it is."""
        homes = [(place, name) for place in (self.home, self.vps) for name in (DEFAULT, AWAY)]
        able = [(place.name, name) for place, name in homes if place.may_start(name) and self._has_bot(place, name)]
        assert len(able) <= 1, f"it may start in {able}"
        assert self.pollers.count(AWAY) <= 1

    def _has_bot(self, place: PlaceInProcess, name: str) -> bool:
        return TOKEN in (place.home(name) / ".env").read_text()

    def holder(self, name: str = "") -> PlaceInProcess:
        """Return the only place where it may start, and where it runs."""
        self.check_never_two()
        homes = [(place, each) for place in (self.home, self.vps) for each in (DEFAULT, AWAY)]
        (found,) = [(place, each) for place, each in homes if place.may_start(each) and self._has_bot(place, each)]
        place, own = found
        assert own in place.engine.running and self.pollers == [AWAY]
        return place

    def of_the_root(self) -> dict[str, str]:
        """Return what the old root has beside default's own files."""
        paths = {path: self.home.layout.root / path for path in OF_THE_ROOT}
        return {path: file.read_text() for path, file in paths.items() if file.exists()}


def own_contents(root: Path) -> dict[str, str]:
    """Return the contents of a default profile: those of the root without what belongs to all profiles."""
    tops = {path.partition("/")[0] for path in OF_THE_ROOT}
    return {path: digest for path, digest in contents(root).items() if path.partition("/")[0] not in tops}


def contents(home: Path) -> dict[str, str]:
    """Return path → digest of the files of a home, without what a move edits and what a gateway writes."""
    found = {}
    for folder, _, files in os.walk(home):
        for name in files:
            path = Path(folder) / name
            inside = str(path.relative_to(home))
            if inside not in ("profile.yaml", ".env", *LEFT_BEHIND):
                found[inside] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
