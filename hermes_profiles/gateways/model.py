"""Value types of a gateway: what was observed (`observe`), and the state that follows from it (`resolve`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION, RESTART_ME
from hermes_profiles.hermes.gateway_states import LOST
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT

from .processes import Process, Usage

if TYPE_CHECKING:
    from hermes_profiles.services.manager import ManagerKind, ServiceStatus

    from .hermes_files import Heartbeat, PidRecord, StateRecord
    from .masks import Mask


class GatewayState(StrEnum):
    """The state of a gateway, as every command reports it."""

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
    """A running gateway (`pid`) or a starting one (`starting`: queued, activating, or between two tries)."""

    pid: int | None
    starting: bool


class Link(NamedTuple):
    """An established connection that a process opened.

    `port`: of the other side; `silent_for`: seconds since the other side sent data last, None where it never did;
    `is_waiting`: this side sent data last, such as a request without an answer so far.
    """

    port: int
    silent_for: float | None
    is_waiting: bool = True


class ProcessSockets(NamedTuple):
    """The TCP sockets of one process: the ports it listens on, and the connections it opened."""

    listens: frozenset[int]
    links: tuple[Link, ...]

    @property
    def silent_for(self) -> float | None:
        """Return the seconds since any link received data last, None where none did."""
        return min((each.silent_for for each in self.links if each.silent_for is not None), default=None)


class LiveLock(NamedTuple):
    """A lock file of Hermes with a live process; `digest`: the 16 hex digits in its name."""

    channel: str
    digest: str
    pid: int


MASKED = "masked"  # the reason of a masked unit
# The state of a channel that its gateway calls connected and that receives nothing.
DEAF = "deaf"


# States of a channel that a running gateway does not serve.
NOT_SERVED = LOST | {DEAF}


class LostLink(NamedTuple):
    """The lost link of a channel that its gateway calls connected.

    `since`: epoch seconds, None where it is not known; `reason`: what the log says, redacted; `ended`: the gateway has
    stopped trying, so only a restart brings the channel back; `is_shared`: the log is that of several profiles, and
    does not show whose channel it is; `doubt`: why the link may be back, "" where it is lost.
    """

    since: float | None
    reason: str
    ended: bool = False
    is_shared: bool = False
    doubt: str = ""

    @property
    def may_be_back(self) -> bool:
        """Return whether nothing shows that the link is still lost."""
        return bool(self.doubt)


class GatewayChannel(NamedTuple):
    """One channel of a gateway: its state, the reason, and since when (ISO time)."""

    name: str
    state: str
    detail: str = ""
    since: str | None = None


class Api(NamedTuple):
    """Address of the API server, and whether it answered (None: not queried).

    `pid`: the process that answered `/health/detailed`; None where it was not queried. `path`: below which it serves
    the profile (`/p/work`), "" for a server of its own.
    """

    host: str
    port: int
    healthy: bool | None = None
    detail: str = ""
    pid: int | None = None
    path: str = ""


class OtherRoot(NamedTuple):
    """The live gateway of another root in the host record of this account."""

    pid: int
    home: str


class Supervisor(NamedTuple):
    """What started a gateway that its own service does not run.

    `title`: as text, after "by" or "in"; `revives`: it starts the gateway again after its end, None where only a look
    afterwards shows that; `unit`: its systemd unit, or its label with `domain` under launchd; `is_user_unit`: one of
    the user, not of the system; `stop`: a hint that stops the gateway through it, "" where ending the process is right;
    `pid`: its process; `program`: the program of the bundled supervisord of this root that runs it, such as that of a
    profile with another name; `also_runs`: the profiles, or else `PID n`, of the other gateways in its unit.
    """

    title: str
    revives: bool | None
    unit: str = ""
    is_user_unit: bool = False
    stop: str = ""
    pid: int | None = None
    program: str = ""
    also_runs: tuple[str, ...] = ()
    domain: str = ""

    @property
    def restart_command(self) -> str:
        """Return the command that restarts its unit or job."""
        sudo, scope = ("", "--user ") if self.is_user_unit else ("sudo ", "")
        if self.domain:
            return f"{sudo}launchctl kickstart -k {self.domain}/{self.unit}"
        return f"{sudo}systemctl {scope}restart {self.unit}"

    @property
    def disable_command(self) -> str:
        """Return the command that stops its unit or job, and does not start it at boot or login either."""
        sudo, scope = ("", "--user ") if self.is_user_unit else ("sudo ", "")
        if self.domain:
            target = f"{self.domain}/{self.unit}"
            return f"{sudo}launchctl bootout {target}; {sudo}launchctl disable {target}"
        return f"{sudo}systemctl {scope}disable --now {self.unit}"

    @property
    def sentence(self) -> str:
        """Return the detail of a status."""
        if self.revives is False:
            return f"started in {self.title}: no manager restarts it"
        may = "" if self.revives else ", which may start it again"
        return f"supervised by {self.title}{may}"


class GatewayFacts(NamedTuple):
    """Everything that was observed of one profile's gateway.

    `record`: the process in gateway.pid; `process`: a live process proven to be this profile's gateway;
    `other_program`: the live process of `record` where it is proven to be another program; `unverified`: the live
    process of `record` where neither is proven; `others`: pids of further gateways of this home; `started_for`: the
    profile that `process` was started for, where it is another one; `moved`: pid → profile in whose home a process
    works that was started for this one; `sent_by`: the profile whose files made it so, "" where the homes were swapped;
    `left_home`: the folder in which `process` works, where another one is in its place (`displaced.py`); `main`: the
    live process of the service manager; `above`: pids of the ancestors of `process`, where its service runs a process
    that is neither it nor its parent; `served_by`: pid of the multiplexer that serves this profile; `server`: the
    profile that this multiplexer was started for; `parked`, `standalone`: what the profile says about the one gateway
    for all (profiles/host_options.py); `served_record`: what the multiplexer wrote, with the channels of this profile
    alone; `server_started_at`: epoch seconds; `unserved`: why the live multiplexer does not serve this profile;
    `is_expected`: it will within seconds; `other_root`: the gateway of another root that has the host lock; `hermes`:
    the installed one; `supervisor`: what started a gateway that its own service does not run; `enabled_channels`:
    channels that the profile's files enable; `sockets`: those of `process`, None where they cannot be read;
    `lost_links`: channel → its lost link; `now`, `started_at`: epoch seconds.
    """

    profile: str
    record: PidRecord | None = None
    process: Process | None = None
    other_program: Process | None = None
    unverified: Process | None = None
    others: tuple[int, ...] = ()
    started_for: str = ""
    moved: Mapping[int, str] = {}
    left_home: str = ""
    sent_by: str = ""
    main: Process | None = None
    above: tuple[int, ...] = ()
    usage: Usage = Usage()
    runtime: StateRecord | None = None
    heartbeat: Heartbeat | None = None
    service: ServiceStatus | None = None
    manager: ManagerKind | None = None
    served_by: int | None = None
    server: str = DEFAULT
    parked: bool = False
    standalone: bool = False
    served_record: StateRecord | None = None
    server_started_at: float | None = None
    unserved: str = ""
    is_expected: bool = False
    other_root: OtherRoot | None = None
    hermes: HermesFacts = BASE
    supervisor: Supervisor | None = None
    enabled_channels: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    api: Api | None = None
    sockets: ProcessSockets | None = None
    lost_links: Mapping[str, LostLink] = {}
    now: float = 0.0
    started_at: float | None = None

    @property
    def swapped_with(self) -> tuple[str, ...]:
        """Return the profiles whose homes changed places with this one while their gateways ran."""
        return tuple(sorted({self.started_for, *self.moved.values()} - {""}))


class Gateway(NamedTuple):
    """The resolved gateway of one profile, as every command reports it.

    `unserved`: no gateway serves the profile though one of this root runs, and it is not switched off;
    `observation`: the facts behind it.
    """

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
    unserved: bool = False
    observation: GatewayFacts | None = None

    @property
    def foreign_supervisor(self) -> Supervisor | None:
        """Return what runs this gateway and starts it again, other than its own service; None without one."""
        found = self.observation.supervisor if self.observation is not None else None
        return found if self.process is not None and found is not None and found.revives is not False else None

    @property
    def is_under_service(self) -> bool:
        """Return whether the service of this profile runs the process of this gateway."""
        return self.process is not None and is_run_by(self.service, self.process, self.observation)

    @property
    def is_alive(self) -> bool:
        """Return whether a gateway serves this profile now."""
        return self.state in ALIVE


def is_run_by(service: ServiceStatus | None, process: Process, facts: GatewayFacts | None) -> bool:
    """Return whether a service runs a process: as its own, or below wrappers.

    The wrapper of a LaunchAgent is the parent of the gateway; Hermes has two programs in front of it.
    """
    if service is None or service.pid is None:
        return False
    return service.pid in (process.pid, process.parent, *(facts.above if facts is not None else ()))


def unusable_definition(reason: str) -> str:
    """Return what it means for a running service that its manager cannot load its definition."""
    why = "is empty, which masks it" if reason == MASKED else f"cannot be loaded ({reason})"
    return f"the file of its service {why}: nothing starts it again"


def servers_in(gateways: Mapping[str, Gateway]) -> tuple[str, ...]:
    """Return the profiles whose gateways serve others of these."""
    served = (each for each in gateways.values() if each.state is GatewayState.SERVED)
    return tuple(dict.fromkeys(each.observation.server if each.observation else DEFAULT for each in served))


def exit_meaning(code: int | None) -> str:
    """Return the meaning of an exit code of `hermes gateway run` or of the manager, "" for None."""
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
    """Return the epoch seconds of an ISO time (UTC without a zone), None for other text."""
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def iso_of(seconds: float | None) -> str | None:
    """Return the ISO time of epoch seconds, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds is not None else None


def span(seconds: float) -> str:
    """Return a length of time in words, such as "90 s", "4 min", "3 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
