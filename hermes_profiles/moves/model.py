"""The data of a move: what each side says about itself, what is kept at the source, and the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from hermes_profiles.model.named_tuple import NamedTuple

T = TypeVar("T", bound=tuple[Any, ...])

# The steps of a move, in their order. After `hand-over` only the target may start the profile.
STEPS = ("freeze", "copy", "verify", "adopt", "hand-over", "arm", "start", "commit")


class GatewayLook(NamedTuple):
    """A gateway as an engine sees it.

    `problem`: why it cannot move, "" where nothing is in the way; `parked`: the one gateway of the root must not serve
    the profile.
    """

    running: bool = False
    has_service: bool = False
    enabled: bool | None = None
    channels: tuple[str, ...] = ()
    manager: str = ""
    problem: str = ""
    hint: str = ""
    parked: bool = False


class MoveEngine(Protocol):
    """What runs the gateways of a root. Each method may be called again after it was cut short."""

    def look(self, name: str) -> GatewayLook:
        """Return the gateway as it is now."""
        ...

    def stop(self, name: str) -> None:
        """Stop the gateway on purpose and see that none serves the profile any more. Raises HermesProfilesError."""
        ...

    def hold(self, home: Path) -> None:
        """Keep the one gateway of the root from serving a home, also before it is published, until `start`.

        A root whose profiles have gateways of their own needs nothing.
        """
        ...

    def release(self, name: str) -> None:
        """Let the one gateway of the root serve the profile again."""
        ...

    def remove_service(self, name: str) -> None:
        """Remove the service, so that nothing starts the gateway. Raises HermesProfilesError."""
        ...

    def install(self, name: str, *, enabled: bool | None) -> None:
        """Write the service of the profile. Raises HermesProfilesError."""
        ...

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        """Start the gateway and return when these channels are connected. Raises HermesProfilesError."""
        ...

    def delete(self, name: str) -> None:
        """Move the profile to the trash. Raises HermesProfilesError."""
        ...


class SourceLook(NamedTuple):
    """A profile at the source. `bots`: fingerprints by the key of the request; `ports`: those that it names.

    `as_name`: the name that an unfinished move gives it at the target, "" for its own. Of default alone:
    `sends_default`: that side can send default without the rest of the root; `links_in`: links of other profiles that
    lead to its files; `boards`: of tasks, which all profiles of the root share; `borrowers`: profiles that can use its
    logins; `old_paths`: settings that lead to its files; `names`: the other profiles; `tied`: why its files cannot
    leave the root, "" where they can.
    """

    name: str
    exists: bool = False
    state: str = ""
    move: str = ""
    place: str = ""
    id: str = ""
    epoch: int = 0
    size: int = 0
    links_out: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    schema: int = 0
    hermes: str = ""
    bots: tuple[str, ...] = ()
    zone: str = ""
    root: str = ""
    running: bool = False
    has_service: bool = False
    channels: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    as_name: str = ""
    sends_default: bool = False
    links_in: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    borrowers: tuple[str, ...] = ()
    old_paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tied: str = ""
    tied_hint: str = ""


class TargetLook(NamedTuple):
    """The target. `taken`: names that exist; `bots`: fingerprint and profile, joined by a blank.

    `epochs`: id and epoch of known profiles, joined by a blank; `schema`: the newest that its Hermes reads, 0 unknown;
    `root`: of the target, as it calls it; `running`: profiles whose gateways run, where the request asks for them;
    `idle_server`: the profile whose gateway would serve what arrives, and that does not run, "" where nothing is in
    the way; `takes_default`: it can take a default profile under another name.
    """

    taken: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    epochs: tuple[str, ...] = ()
    hermes: str = ""
    schema: int = 0
    file_system: str = ""
    is_fit: bool = True
    free: int = 0
    zone: str = ""
    root: str = ""
    problem: str = ""
    hint: str = ""
    running: tuple[str, ...] = ()
    idle_server: str = ""
    takes_default: bool = False


class Frozen(NamedTuple):
    """What the source keeps about a profile that moves, so that it can come back as it was.

    `carrier`: of the command that carries the move out; another one that takes over writes its own; `parked`: the one
    gateway of the root did not serve it, on purpose; `as_name`: its name at the target, "" for the same.
    """

    name: str
    move: str
    carrier: str
    place: str
    id: str
    epoch: int
    running: bool
    has_service: bool
    enabled: bool | None
    channels: tuple[str, ...]
    zone: str
    parked: bool = False
    as_name: str = ""

    @property
    def name_there(self) -> str:
        """Return the name of the profile at the target."""
        return self.as_name or self.name


class MoveSide(Protocol):
    """One side of a move: this root, or the same program in a place."""

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a verb and return its answer. Raises HermesProfilesError; PlaceSilent where none came."""
        ...

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Write a home to a stream. Raises HermesProfilesError."""
        ...

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Take a home from a stream. Raises HermesProfilesError."""
        ...


Lock = Callable[[], AbstractContextManager[object]]


def parsed(kind: type[T], data: Mapping[str, Any]) -> T:
    """Return a NamedTuple from JSON; keys that this version does not know are left out."""
    fields = getattr(kind, "_fields", ())
    return kind(**{key: tuple(text) if isinstance(text, list) else text for key, text in data.items() if key in fields})
