"""The words for the one truth about a gateway: what was seen of it, and the answer. Pure.

`survey` sees, `resolve` answers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION, RESTART_ME
from hermes_profiles.services.manager import ManagerKind, ServiceStatus

from .hermes_files import Heartbeat, PidRecord, StateRecord
from .masks import Mask
from .processes import Process, Usage


class GatewayState(StrEnum):
    """What a gateway is; DESIGN.md's vocabulary."""

    RUNNING = "running"
    STARTING = "starting"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASH_LOOPING = "crash-looping"
    STALE = "stale"
    SERVED = "served"
    UNSUPERVISED = "unsupervised"
    UNKNOWN = "unknown"


ALIVE = frozenset(
    {
        GatewayState.RUNNING,
        GatewayState.STARTING,
        GatewayState.DEGRADED,
        GatewayState.SERVED,
        GatewayState.UNSUPERVISED,
    }
)


class LiveGateway(NamedTuple):
    """A gateway that is up (`pid`), or on its way (`coming`: queued in its manager, activating, between two tries)."""

    pid: int | None
    coming: bool


class LiveLock(NamedTuple):
    """One of Hermes' own lock files whose process is alive; `digest`: the 16 digits of its name."""

    channel: str
    digest: str
    pid: int


class GatewayChannel(NamedTuple):
    """One channel of a gateway: what it is doing, why, and since when (text of the time)."""

    name: str
    state: str
    detail: str = ""
    since: str | None = None


class Api(NamedTuple):
    """Where the API server listens, and whether it answered; None when it was not asked.

    `pid`: the gateway that says it answers there; None when it was not asked who it is.
    """

    host: str
    port: int
    healthy: bool | None = None
    detail: str = ""
    pid: int | None = None


class GatewayFacts(NamedTuple):
    """All that was seen of one profile's gateway.

    `record`: whom gateway.pid names; `process`: a live process proven to be this profile's gateway; `named`: the live
    process that `record` names but that is somebody else's; `doubtful`: a live process that `record` names and nothing
    proves or disproves; `others`: pids of further gateways of this home; `main`: the live process the manager names;
    `served_by`: pid of the multiplexer that serves this profile; `enabled_channels`: what the profile's files switch
    on; `now`, `started_at`: epoch seconds.
    """

    profile: str
    record: PidRecord | None = None
    process: Process | None = None
    named: Process | None = None
    doubtful: Process | None = None
    others: tuple[int, ...] = ()
    main: Process | None = None
    usage: Usage = Usage()
    runtime: StateRecord | None = None
    heartbeat: Heartbeat | None = None
    service: ServiceStatus | None = None
    manager: ManagerKind | None = None
    served_by: int | None = None
    enabled_channels: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    api: Api | None = None
    now: float = 0.0
    started_at: float | None = None


class Gateway(NamedTuple):
    """The answer for one profile; every command tells this and nothing else. `seen`: what it was drawn from, for those
    who look for faults."""

    profile: str
    state: GatewayState
    pid: int | None = None
    detail: str = ""
    usage: Usage = Usage()
    restarts: int | None = None
    last_exit: int | None = None
    channels: tuple[GatewayChannel, ...] = ()
    masks: tuple[Mask, ...] = ()
    api: Api | None = None
    disagreement: tuple[str, ...] = ()
    process: Process | None = None
    service: ServiceStatus | None = None
    settled: bool = False
    seen: GatewayFacts | None = None

    @property
    def is_alive(self) -> bool:
        """Return whether a gateway serves this profile now."""
        return self.state in ALIVE


def exit_meaning(code: int | None) -> str:
    """Return what an exit code of `hermes gateway run`, or of the manager in its place, means; "" for none."""
    if code is None:
        return ""
    if code < 0:
        return f"killed by signal {-code}"
    meanings = {
        0: "exit 0: stopped as planned",
        1: "exit 1: failed, or stopped without notice",
        RESTART_ME: "exit 75: asked to be restarted",
        FATAL_CONFIGURATION: "exit 78: its configuration cannot work",
        # Of the shell that becomes the gateway.
        126: "exit 126: its Python cannot be run",
        127: "exit 127: its Python is gone",
        200: "exit 200: its folder is gone",
        203: "exit 203: its Python is gone",
        209: "exit 209: its log cannot be opened",
    }
    return meanings.get(code, f"exit {code}")


def epoch_of(text: str) -> float | None:
    """Return the epoch seconds of an ISO time, None when the text is none; without a zone it is taken for UTC."""
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
