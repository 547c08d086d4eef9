"""run: gateways in the foreground, for containers and terminals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import Jobs, OnConflict, Owner, Stagger, Targets, Timeout
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.logs import LogView
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.logs.filters import Filter
from hermes_profiles.logs.records import Level
from hermes_profiles.model.errors import ExitCode, HermesProfilesError
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.foreground_fleet import ForegroundFleet, ForegroundRequest
from hermes_profiles.operations.gateways.logs import LogLine, LogReader, LogRequest
from hermes_profiles.operations.metrics.server import MetricsRequest, MetricsSource, serve_metrics
from hermes_profiles.operations.monitoring.http_server import HttpServer, address_of
from hermes_profiles.services.init_process import become_init

_LOOK = 3.0  # seconds between two looks
_LAST_LINES = 1.0  # seconds for what gateways wrote while they ended
_SOURCE, _LOGGER = "run", "hermes-gateways"


Inherit = Annotated[
    list[str] | None,
    typer.Option(
        "--inherit", metavar="VARIABLE", help="Pass this variable on to the gateways; `PREFIX*` and `*` for many."
    ),
]


@command(
    "run",
    examples=(
        "hermes-gateways run",
        "hermes-gateways run work family --health 127.0.0.1:9188",
        "hermes-gateways run --json --grace 8",
        "hermes-gateways run --inherit '*'",
    ),
    view=("color",),
)
def run(
    session: FleetSession,
    targets: Targets,
    health: Annotated[
        str | None,
        typer.Option("--health", metavar="[HOST:]PORT", help="Serve /healthz and /metrics; 127.0.0.1 without a host."),
    ] = None,
    grace: Annotated[
        float | None,
        typer.Option("--grace", min=1, metavar="SECONDS", help="How long a stop may take before gateways are killed."),
    ] = None,
    inherit: Inherit = None,
    owner: Owner = None,
    on_conflict: OnConflict = "mask",
    jobs: Jobs = None,
    stagger: Stagger = None,
    timeout: Timeout = SETTLE,
) -> Answer:
    """Run gateways in the foreground under the bundled supervisord, with all their logs on stdout.

    SIGTERM and Ctrl-C stop all and end it; SIGHUP reads the profiles again. A profile without a service gets one for
    this run only. As process 1 of a container it reaps orphans. With --json each line is an object, as in `logs`.

    Exit 0 after a stop, 1 when a gateway could not be started or gave up.
    """
    address = address_of(health, "--health") if health is not None else None
    if os.getpid() == 1:
        become_init()
    names, excluded = tuple(targets.profiles or ()), tuple(targets.excluded or ())
    session.selection(names, excluded, targets.group)
    starting = (tuple(owner or ()), on_conflict, jobs, stagger, timeout)
    request = ForegroundRequest(names, excluded, targets.group, *starting, grace, tuple(inherit or ()))
    stream = _FleetStream(session)
    fleet = ForegroundFleet(session, request, stream.report)
    fleet.acquire()
    server: HttpServer | None = None
    if address is not None:
        source = MetricsSource(session.fresh("supervisor"), MetricsRequest(names, excluded, targets.group))
        server = serve_metrics(source, address, output.without_secrets)
        stream.report("", Level.INFO, f"serving {server.address.url}/healthz and {server.address.url}/metrics")
    stream.follow(names, excluded, targets.group)
    code = _Loop(fleet, stream).run()
    if server is not None:
        server.close()
    stream.close()
    raise SystemExit(int(code))


class _Loop:
    """Starts the gateways, looks after them and stops them; signals end it."""

    def __init__(self, fleet: ForegroundFleet, stream: _FleetStream) -> None:
        self._fleet, self._stream = fleet, stream
        self._wake = threading.Event()
        self._ended = self._reload = self._may_interrupt = False
        fleet.interruptible = self._interruptible
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._hang_up)

    def run(self) -> ExitCode:
        """Run until a signal arrives or nothing is left to run; return the exit code."""
        failed: HermesProfilesError | None = None
        try:
            self._start()
            while not self._ended and not self._stream.is_broken and self._goes_on():
                self._wake.wait(_LOOK)
                self._wake.clear()
                if self._reload and not self._ended:
                    self._reload = False
                    self._stream.report("", Level.INFO, "reading the profiles again")
                    self._start()
        except HermesProfilesError as error:
            failed = error
            self._stream.report("", Level.ERROR, error.problem.message)
        self._stream.report("", Level.INFO, "stopping")
        code = self._fleet.stop()
        if failed is not None and code is ExitCode.OK:
            code = failed.exit_code
        self._stream.report("", Level.INFO, f"stopped, exit code {int(code)}")
        return code

    def _goes_on(self) -> bool:
        try:
            if self._fleet.look():
                return True
        except HermesProfilesError as error:  # supervisord hangs, another command works: the next look shows more
            self._stream.report("", Level.WARNING, error.problem.message)
            return True
        self._stream.report("", Level.WARNING, "no gateway is left to run")
        return False

    def _start(self) -> None:
        """Start gateways; a signal interrupts it."""
        with suppress(KeyboardInterrupt):
            if not self._ended:
                self._fleet.start()

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a signal that ends this command interrupt the block."""
        try:
            self._may_interrupt = True
            if self._ended:
                raise KeyboardInterrupt
            yield
        finally:
            self._may_interrupt = False

    def _end(self, *_: object) -> None:
        self._ended = True
        self._wake.set()
        if self._may_interrupt:
            self._may_interrupt = False
            raise KeyboardInterrupt

    def _hang_up(self, *_: object) -> None:
        """Read the profiles again, unless the terminal is gone."""
        if _has_lost_terminal():
            self._end()
            return
        self._reload = True
        self._wake.set()


def _has_lost_terminal() -> bool:
    """Return whether stdin is a terminal that hung up: its foreground process group cannot be asked for any more."""
    import errno

    try:
        os.tcgetpgrp(0)
    except OSError as error:
        return error.errno == errno.EIO
    return False


class _FleetStream:
    """What is printed: the logs of the gateways, in a thread of their own, and what this command does itself."""

    def __init__(self, session: FleetSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._view = LogView(session.existing, as_json=session.as_json)
        self._view.profiles(session.existing)
        self.is_broken = False

    def report(self, profile: str, level: Level, text: str) -> None:
        """Print a line of this command."""
        (shown,) = output.without_secrets([text])
        self.show([LogLine(profile, _SOURCE, time.time(), level, _LOGGER, None, shown)])

    def follow(self, names: Sequence[str], excluded: Sequence[str], group: str | None) -> None:
        """Begin to follow the logs."""
        reader = LogReader(self._session.fresh(), LogRequest(names, excluded, group, Filter()), self)
        self._thread = threading.Thread(target=self._read, args=(reader,), name="logs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Print what is left, and end the thread."""
        time.sleep(_LAST_LINES)
        self._is_closed.set()
        if self._thread is not None:
            self._thread.join(_LOOK)

    def _read(self, reader: LogReader) -> None:
        try:
            reader.run(0, follow=True)
        except (OSError, HermesProfilesError) as error:
            self.report("", Level.ERROR, f"the logs can no longer be followed: {error}")

    # -- the sink of the reader

    def profiles(self, names: Iterable[str]) -> None:
        """Make room for the names of profiles."""
        self._view.profiles(names)

    def show(self, lines: Sequence[LogLine]) -> None:
        """Print records; when they cannot be written any more, the command is to end."""
        with self._lock:
            if self.is_broken:
                return
            try:
                self._view.show(lines)
            except OSError:
                self.is_broken = True
                output.silence()

    def note(self, text: str) -> None:
        """Print a remark."""
        self.report("", Level.INFO, text)

    def warn(self, message: str, hint: str | None) -> None:
        """Print a warning."""
        self.report("", Level.WARNING, f"{message}; {hint}" if hint else message)

    def is_closed(self) -> bool:
        """Return whether no more records are wanted."""
        if self._view.is_closed():
            self.is_broken = True
        return self._is_closed.is_set() or self.is_broken
