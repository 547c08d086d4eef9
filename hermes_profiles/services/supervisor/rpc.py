"""The XML-RPC calls `fleet.*` of our supervisord: one for any number of programs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supervisor.states import (  # type: ignore[import-untyped]
    RUNNING_STATES,
    ProcessStates,
    SupervisorStates,
    getProcessStateDescription,
)
from supervisor.xmlrpc import Faults, RPCError  # type: ignore[import-untyped]

from hermes_profiles.hermes.environment import HERMES_HOME

from .client import PROGRAMS, daemon_id, file_state
from .process import DOWN, SupervisedGateway
from .render import Delays

if TYPE_CHECKING:
    from .daemon import GatewayDaemon, GatewayOptions


class FleetInterface:
    """The calls; each takes one JSON object and returns one.

    The object names its daemon: a copied root can contain the path of the original's socket.
    """

    def __init__(self, daemon: GatewayDaemon) -> None:
        self._daemon = daemon
        self._options: GatewayOptions = daemon.options

    def getStatus(self, request: str) -> str:
        """Return the daemon's pid, and the status of every program, by supervisord and by us."""
        self._names(request)
        programs = {gateway.config.name: self._status(gateway) for gateway in self._daemon.gateways()}
        return json.dumps({"pid": os.getpid(), "programs": programs, "broken": self._options.broken})

    def start(self, request: str) -> str:
        """Start programs that do not run, or wait for their next try; return reasons of failures.

        The failures before that are forgotten, also those of a program that runs again.
        """
        return self._each(request, self._start)

    def stop(self, request: str) -> str:
        """Stop programs, without waiting for their end; return reasons of failures."""
        return self._each(request, self._stop)

    def load(self, request: str) -> str:
        """Read the files of programs again; return reasons of failures.

        A new program is added and not started; a running one uses the changes from its next start on.
        """
        return self._each(request, self._load)

    def unload(self, request: str) -> str:
        """Remove stopped programs; return reasons of failures."""
        return self._each(request, self._unload)

    def endIfEmpty(self, request: str) -> str:
        """End the daemon if it has no programs; return whether it ends."""
        self._names(request, changes=True)
        ends = not self._daemon.process_groups
        if ends:
            self._options.mood = SupervisorStates.SHUTDOWN
        return json.dumps({"ends": ends})

    def endIfIdle(self, request: str) -> str:
        """End the daemon if no program runs or is to be started; return whether it ends."""
        self._names(request, changes=True)
        ends = not any(each.pid or each.queued or each.waits_for_retry for each in self._daemon.gateways())
        if ends:
            self._options.mood = SupervisorStates.SHUTDOWN
        return json.dumps({"ends": ends})

    def _names(self, request: str, *, changes: bool = False) -> Iterable[str]:
        call = json.loads(request)
        if call["daemon"] != daemon_id(Path(self._options.here)):
            raise RPCError(Faults.BAD_NAME, "the call is for another daemon")
        if changes and self._options.mood != SupervisorStates.RUNNING:
            raise RPCError(Faults.SHUTDOWN_STATE)
        return list(call["names"])

    def _each(self, request: str, action: Callable[[str], str | None]) -> str:
        names = self._names(request, changes=True)
        return json.dumps({name: reason for name in names if (reason := action(name)) is not None})

    def _status(self, gateway: SupervisedGateway) -> dict[str, Any]:
        name = gateway.config.name
        path = os.path.join(self._options.here, PROGRAMS, f"{name}.conf")
        return {
            "state": getProcessStateDescription(gateway.state),
            "pid": gateway.pid,
            "start": gateway.laststart,
            "stop": gateway.laststop,
            "spawnerr": gateway.spawnerr,
            "logfile": gateway.config.stdout_logfile,
            "changed": gateway.changed,
            "restarts": gateway.restarts,
            "last_exit": gateway.last_exit,
            "last_exit_at": gateway.last_exit_at,
            "waiting": gateway.waits_for_retry,
            "next_try_s": max(0.0, gateway.due - time.monotonic()) if gateway.waits_for_retry else None,
            "queued": gateway.queued,
            "lost": gateway.state in DOWN and not gateway.queued and name in self._options.desired,
            "stale": file_state(path) != self._options.read.get(name),
            "home": gateway.config.environment.get(HERMES_HOME, gateway.config.directory),
        }

    def _start(self, name: str) -> str | None:
        gateway = self._daemon.gateway(name)
        if gateway is None:
            return self._options.broken.get(name, "supervisord has no such program")
        if gateway.state == ProcessStates.STOPPING:
            gateway.queued, gateway.due = True, 0.0
        elif gateway.waits_for_retry or gateway.state in DOWN:
            gateway.spawn()
            return str(gateway.spawnerr) if gateway.spawnerr else None
        else:  # it came up again by itself: its state is no crash loop any more
            gateway.forget_failures()
        return None

    def _stop(self, name: str) -> str | None:
        gateway = self._daemon.gateway(name)
        if gateway is None:
            self._options.set_desired(name, runs=False)
        elif gateway.state in RUNNING_STATES:
            return gateway.stop()
        else:
            gateway.forget()
        return None

    def _load(self, name: str) -> str | None:
        group, reason = self._options.read_program(name)
        if group is None:
            return reason
        gateway = self._daemon.gateway(name)
        if gateway is None:
            self._daemon.add_process_group(group)
        else:
            gateway.redefine(group.process_configs[0])
        return None

    def _unload(self, name: str) -> str | None:
        if name in self._daemon.process_groups and not self._daemon.remove_process_group(name):
            return "it still runs"
        self._options.forget_program(name)
        return None


def make_fleet(supervisord: GatewayDaemon, **delays: str) -> FleetInterface:
    """Return the namespace `fleet`; called by supervisord with the options of its section."""
    first, longest, settled = (float(delays[name]) for name in ("first_delay", "longest_delay", "settled_after"))
    supervisord.options.delays = Delays(first, longest, settled)
    return FleetInterface(supervisord)
