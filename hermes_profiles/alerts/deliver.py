"""The part of the watcher that delivers alerts: counts events, plans messages, starts a process for each try.

It never waits: a destination that hangs holds its own process. The state is on the disk before a try starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hermes_profiles.events.log import event_log, read_events
from hermes_profiles.events.model import FleetEvent
from hermes_profiles.events.snapshot import FleetSnapshot
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.layout import Layout

from . import rules
from .files import (
    FAILED,
    SENT,
    destinations_file,
    is_sending,
    read_destinations,
    read_record,
    read_state,
    remove_tries,
    write_state,
)  # fmt: skip
from .model import AlertMessage, AlertState, Destination, DestinationKind, order_line
from .send_once import BUSY, DELIVERED
from .senders import LIMITS

if TYPE_CHECKING:
    import subprocess

SEND = "alert-send"
_HEARTBEAT = "heartbeat-"
_MOST_PROCESSES = 4
# Seconds after the time limit of a try in which its process must end by itself.
_PATIENCE = 30.0
# Seconds after which a heartbeat that failed is called again.
_RETRY = 60.0


def send_command(root: str) -> tuple[str, ...]:
    """Return the command that makes one try; the message is its standard input."""
    isolated = ("-I",) if sys.flags.isolated else ()
    return (sys.executable, *isolated, "-m", "hermes_profiles.cli.gateways", SEND, "--home", root)


class _Try:
    """A process of ours that makes a try."""

    def __init__(self, process: subprocess.Popen[bytes], message: AlertMessage, limit: float) -> None:
        self.process = process
        self.message = message
        self.deadline = time.monotonic() + limit


class AlertDelivery:
    """Delivers the alerts of a root. `report`: is called with a text for the log of the watcher."""

    def __init__(
        self, layout: Layout, report: Callable[[str], None] = lambda _: None, command: Sequence[str] | None = None
    ) -> None:
        self._layout = layout
        self._report = report
        self._command = tuple(command or send_command(str(layout.root)))
        self._state: AlertState | None = None
        self._is_saved = self._has_leftovers = True
        self._tries: dict[str, _Try] = {}
        self._beats: dict[str, float] = {}
        self._destinations: dict[str, Destination] = {}
        self._seen: dict[str, tuple[int, int, int] | None] = {}
        self._complaint = ""

    def after(self, snapshot: FleetSnapshot, _status: object, _events: Sequence[FleetEvent]) -> None:
        """Take in what the watcher wrote to the log; called after each of its waits."""
        self.step(time.time(), frozenset(snapshot.gateways) or None)

    def close(self) -> None:
        """Leave the tries alone: they end, and record it, by themselves."""

    def step(self, now: float, profiles: frozenset[str] | None = None) -> None:
        """Do what is due, and return at once. `profiles`: those that exist. A failure is reported, not raised."""
        try:
            self._step(now, profiles)
        except (HermesProfilesError, OSError) as error:
            self._complain(f"cannot deliver alerts: {error}")

    def _step(self, now: float, profiles: frozenset[str] | None) -> None:
        before = self._state if self._state is not None else self._first()
        state = before
        self._read_destinations()
        if self._has_changed(str(event_log(self._layout).path)):
            state = self._with_new_events(state, now)
        if profiles is not None:
            state = rules.without_profiles_gone(state, profiles, now)
        state = self._with_results(state, now)
        clock = time.localtime(now)
        minute = clock.tm_hour * 60 + clock.tm_min
        state = rules.planned(state, self._destinations, now, minute, lambda: os.urandom(8).hex())
        due = rules.due_messages(state, self._destinations, now, minute)
        for message in due:
            if not message.is_started:
                state = rules.with_start(state, message)
        self._keep(before, state)
        self._clean(state)
        for message in due:
            self._start(message._replace(is_started=True))
        self._beat(now)

    def _with_new_events(self, state: AlertState, now: float) -> AlertState:
        """Return a state that counts the events since its position, or all of a log that was begun again."""
        events = list(read_events(self._layout, after=state.position))
        if not events and state.position:
            events = list(read_events(self._layout))
            if events and max(event.number for event in events) >= state.position:
                return state
            state = state._replace(position=0)
        return rules.with_events(state, events, now)

    def _first(self) -> AlertState:
        """Return the state that an earlier watcher kept."""
        self._state = read_state(self._layout) or AlertState()
        return self._state

    def _read_destinations(self) -> None:
        if self._has_changed(str(destinations_file(self._layout))):
            try:
                self._destinations = read_destinations(self._layout)
            except HermesProfilesError as error:  # the last ones that were good stay in force
                self._complain(f"cannot read the destinations of alerts: {error}")

    def _has_changed(self, path: str) -> bool:
        try:
            status = os.stat(path)
            state = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            state = None
        if path in self._seen and self._seen[path] == state:
            return False
        self._seen[path] = state
        return True

    def _keep(self, before: AlertState, state: AlertState) -> None:
        """Write the state where it has changed. On a full disk delivery goes on, and the next step writes it."""
        self._state = state
        if state == before and self._is_saved:
            return
        try:
            write_state(self._layout, state)
            self._is_saved, self._complaint = True, ""
        except (HermesProfilesError, OSError) as error:
            self._is_saved = False
            self._complain(f"cannot keep the state of alerts: {error}")

    def _with_results(self, state: AlertState, now: float) -> AlertState:
        """Return the state with what tries have recorded, those of an earlier watcher included."""
        ended, waiting = self._ended(), len(state.messages)
        for message in state.messages:
            if not message.is_started or message.id in self._tries:
                continue
            record = read_record(self._layout, message.id)
            code = ended.get(message.id)
            if record is not None and record.state == SENT:
                state = rules.with_success(state, message, now)
            elif record is not None and record.state == FAILED and record.number > message.tries:
                state = rules.with_failure(state, message, record.error, now)
            elif code is not None and code != BUSY:  # without a record: on a full disk, or killed
                why = f"{message.destination}: the process that sends it ended with {code}"
                state = (
                    rules.with_success(state, message, now)
                    if code == DELIVERED
                    else rules.with_failure(state, message, why, now)
                )
        for identity, code in ended.items():
            if identity.startswith(_HEARTBEAT):
                state = self._with_beat(state, identity, code, now)
        self._has_leftovers |= bool(ended) or len(state.messages) < waiting
        return state

    def _clean(self, state: AlertState) -> None:
        """Remove the records of messages that are done: not before the state on the disk is without these messages."""
        if self._has_leftovers and self._is_saved and not self._tries:
            remove_tries(self._layout, kept=[each.id for each in state.messages])
            self._has_leftovers = False

    def _with_beat(self, state: AlertState, identity: str, code: int, now: float) -> AlertState:
        name = identity.removeprefix(_HEARTBEAT)
        if code == DELIVERED:
            return rules.with_success(state, AlertMessage(identity, name, (), now), now)
        self._beats[name] = now - self._every(name) + _RETRY
        record = read_record(self._layout, identity)
        return rules.with_trouble(state, name, record.error if record is not None else f"{name}: no answer", now)

    def _every(self, name: str) -> float:
        return self._destinations[name].every if name in self._destinations else 0.0

    def _ended(self) -> dict[str, int]:
        """Return id → exit code of the processes that have ended; one that outlives its time is killed."""
        codes: dict[str, int] = {}
        for identity, each in list(self._tries.items()):
            if each.process.poll() is None and time.monotonic() > each.deadline:
                each.process.kill()
                each.process.wait()
            code = each.process.poll()
            if code is not None:
                codes[identity] = code
                del self._tries[identity]
        return codes

    def _start(self, message: AlertMessage) -> None:
        """Start the process that makes a try, unless one makes it already."""
        destination = self._destinations.get(message.destination)
        is_full = len(self._tries) >= _MOST_PROCESSES
        if destination is None or is_full or message.id in self._tries or is_sending(self._layout, message.id):
            return
        try:
            process = self._popen(message, destination)
        except OSError as error:
            self._complain(f"cannot start the process that sends alerts: {error.strerror}")
            return
        self._tries[message.id] = _Try(process, message, LIMITS[destination.kind] + _PATIENCE)

    def _popen(self, message: AlertMessage, destination: Destination) -> subprocess.Popen[bytes]:
        """Start the process of a try and write the order to it. A pipe takes 64 KiB, so this never waits."""
        import subprocess

        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if process.stdin is not None:
                process.stdin.write(order_line(message, destination))
                process.stdin.close()
        except OSError:  # it has ended; its exit code says how
            pass
        return process

    def _beat(self, now: float) -> None:
        """Call the heartbeats that are due."""
        for name, destination in self._destinations.items():
            if destination.kind is not DestinationKind.HEARTBEAT or now < destination.muted_until:
                continue
            last = self._beats.get(name)
            if last is None or now - last >= destination.every or now < last:
                self._beats[name] = now
                self._start(AlertMessage(f"{_HEARTBEAT}{name}", name, (), now))

    def _complain(self, text: str) -> None:
        """Report a trouble once, not at every step."""
        if text != self._complaint:
            self._report(text)
        self._complaint = text
