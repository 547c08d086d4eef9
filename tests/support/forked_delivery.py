"""A delivery of alerts whose tries are forks of the test, and kills of either at a chosen operation or line."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from alert_receiver import AlertReceiver

from hermes_profiles.alerts import deliver
from hermes_profiles.alerts.deliver import AlertDelivery
from hermes_profiles.alerts.files import DestinationsLock, read_destinations, read_state
from hermes_profiles.alerts.model import AlertMessage, Destination, DestinationKind, order_line, order_of
from hermes_profiles.alerts.send_once import send_once
from hermes_profiles.alerts.text import AlertText
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret

FALL = FleetEvent(1000.0, EventKind.DOWN, "work", cause=EventCause.CRASH, reason="exit 1")
RISE = FleetEvent(2000.0, EventKind.UP, "work")
NO_OPERATION = Files.operation


def killing(at: int) -> Callable[[Files, str, str], None]:
    """Return a replacement of `Files.operation` that kills this process at its nth call, whatever object is used."""
    left = [at]

    def operation(_files: Files, _name: str, _path: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return operation


# Files of which each line can be the last one of a killed watcher.
_WATCHER = ("/alerts/", "/events/", "/changes/", "/operations/monitoring/watch_run.py")


def traced_lines(job: Callable[[], object], kill_at: int = 0) -> int:
    """Return how many lines of the watcher a job runs; `kill_at`: this process is killed before the nth of them."""
    count = 0

    def on_line(_frame: FrameType, what: str, _argument: object) -> Any:
        nonlocal count
        if what == "line":
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, _what: str, _argument: object) -> Any:
        return on_line if any(part in frame.f_code.co_filename for part in _WATCHER) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        job()
    finally:
        sys.settrace(before)
    return count


def hook(receiver: AlertReceiver, name: str = "hook") -> Destination:
    """Return a webhook of a receiver, whose path is a secret."""
    return Destination(name, DestinationKind.WEBHOOK, Secret(f"{receiver.url}/CANARY-{name}"))


def add_destinations(layout: Layout, *destinations: Destination) -> None:
    """Write the file of destinations."""
    with DestinationsLock(layout) as lock:
        lock.write({each.name: each for each in destinations})


def make_try(layout: Layout, message: AlertMessage, destination: Destination | None = None) -> int:
    """Make one try of a message in this process, and return its exit code."""
    destination = destination or read_destinations(layout)[message.destination]
    wording = AlertText("here", str(layout.root), needs_home=False, now=1060.0)
    return send_once(layout, destination, message, wording, str, {})


class Fork:
    """A forked process that makes a try, with the interface of Popen that the delivery uses."""

    stdin = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        while self.poll() is None:
            time.sleep(0.01)


class Forking(AlertDelivery):
    """A delivery whose tries are forks; `kill_try`: at which file operation the process of the first try is killed."""

    kill_try = 0

    def _popen(self, message: AlertMessage, destination: Destination) -> Fork:  # type: ignore[override]
        pid = os.fork()
        if pid == 0:
            sys.settrace(None)
            Files.operation = killing(self.kill_try) if self.kill_try else NO_OPERATION  # type: ignore[method-assign]
            try:
                os._exit(make_try(self._layout, *order_of(order_line(message, destination))))
            finally:
                os._exit(9)
        self.kill_try = 0
        return Fork(pid)

    def finish(self, now: float) -> None:
        """Do steps until no try is under way and nothing is due."""
        for _ in range(400):
            self.step(now)
            if not self._tries and not any(each.is_started for each in (read_state(self._layout) or NOTHING).messages):
                return
            time.sleep(0.01)
        raise AssertionError(read_state(self._layout))


NOTHING = deliver.AlertState()


def counted(job: Callable[[], None]) -> int:
    """Return how many file operations a job does in this process."""
    count = [0]

    def operation(self: Files, name: str, path: str) -> None:
        count[0] += 1

    Files.operation = operation  # type: ignore[method-assign]
    try:
        job()
    finally:
        Files.operation = NO_OPERATION  # type: ignore[method-assign]
    return count[0]
