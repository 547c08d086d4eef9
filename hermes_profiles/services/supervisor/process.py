"""One gateway under our supervisord: what happened to it, and when it is tried again.

supervisord alone either restarts at once for ever (startsecs=0) or takes a quick, final exit 78 for a start that failed
and tries again; it also gives up for good. An exception that leaves one of these methods ends the daemon, and every
gateway with it: none may.
"""

from __future__ import annotations

import os
import time
from typing import Any

from supervisor.options import ProcessConfig  # type: ignore[import-untyped]
from supervisor.process import Subprocess  # type: ignore[import-untyped]
from supervisor.states import ProcessStates, SupervisorStates  # type: ignore[import-untyped]

from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.hermes.service_names import UNIT

DOWN = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL)
# So often in a row is "restart me" obeyed at once; a gateway that says nothing else is in a loop.
_AT_ONCE = 5


class GatewayConfig(ProcessConfig):  # type: ignore[misc]
    """A program, with the seconds it waits when it comes back together with the daemon."""

    boot_delay = 0.0

    def make_process(self, group: Any = None) -> SupervisedGateway:
        """Return the process of this program."""
        process = SupervisedGateway(self)
        process.group = group
        return process


class SupervisedGateway(Subprocess):  # type: ignore[misc]
    """The process of a program.

    Whatever waits for its next try is in supervisord's state BACKOFF, where its own `stop` works. `spawn` by anybody
    but `transition` is an explicit start.
    """

    def __init__(self, config: GatewayConfig) -> None:
        super().__init__(config)
        self.queued = False  # to be started as soon as that is possible
        self.due = 0.0  # of the monotonic clock, as is `began`
        self.began = 0.0
        self.restarts = 0
        self.failures = 0  # in a row, as is `obeyed`: how often it was restarted at once
        self.obeyed = 0
        self.last_exit: int | None = None
        self.last_exit_at: float | None = None
        self.changed = time.time()
        self.pending: GatewayConfig | None = None
        self._on_its_own = False

    @property
    def is_welcome(self) -> bool:
        """Return whether the daemon starts anything: not while it ends."""
        return bool(self.config.options.mood == SupervisorStates.RUNNING)

    @property
    def waits(self) -> bool:
        """Return whether it failed and will be tried again."""
        return bool(self.state == ProcessStates.BACKOFF)

    def redefine(self, config: GatewayConfig) -> None:
        """Take a new definition: at once when it is down, at its next start when it runs."""
        if self.pid:
            self.pending = config
        else:
            self.config, self.pending = config, None

    def get_execv_args(self) -> tuple[str, list[str]]:
        """Return what is executed. Raises ProcessException also when the shell would not find the interpreter."""
        filename, words = super().get_execv_args()
        if words[3:4] == [UNIT] and len(words) > 4:
            options = self.config.options
            try:
                status = options.stat(words[4])
            except OSError:
                status = None
            options.check_execv_args(words[4], words[4:], status)
        return filename, words

    def spawn(self) -> int | None:
        """Start the gateway; returns its pid, None when that failed (it is then tried again)."""
        if self.pid:
            return None
        if self._on_its_own:
            self.restarts += 1
        else:
            self.restarts = self.failures = self.obeyed = 0
        if self.pending is not None:
            self.redefine(self.pending)
        self.queued = False
        self.began = time.monotonic()
        self.config.options.mean(self.config.name, runs=True)
        pid: int | None = super().spawn()
        return pid

    def stop(self) -> str | None:
        """Stop the gateway for good; returns a reason when that failed."""
        self.forget()
        reason: str | None = super().stop()
        return reason

    def forget(self) -> None:
        """Note that the gateway is not meant to run; a daemon that ends does not unlearn what was."""
        self.queued = False
        if self.is_welcome:
            self.config.options.mean(self.config.name, runs=False)

    def change_state(self, new_state: int, expected: bool = True) -> Any:
        """Remember when the state changed, and set the time of the next try."""
        before = self.state
        answer = super().change_state(new_state, expected)
        if self.state != before:
            self.changed = time.time()
        if new_state == ProcessStates.BACKOFF:
            delays = self.config.options.delays
            self.due = time.monotonic() + min(delays.first * 2 ** min(self.failures, 30), delays.longest)
            self.failures += 1
        return answer

    def finish(self, pid: int, sts: int) -> None:
        """Take note of an end, and decide whether and when the gateway is started again."""
        super().finish(pid, sts)
        self.last_exit, self.last_exit_at = os.waitstatus_to_exitcode(sts), time.time()
        if self.state != ProcessStates.EXITED:  # it was told to stop
            return
        self.spawnerr = None  # from here on it only says why nothing could be executed
        if self.last_exit in self.config.exitcodes:
            self.forget()
            return
        if time.monotonic() - self.began >= self.config.options.delays.settled:
            self.failures = self.obeyed = 0
        failures = self.failures
        self.change_state(ProcessStates.BACKOFF)
        if self.last_exit == RESTART_ME and self.obeyed < _AT_ONCE:
            self.obeyed += 1
            self.failures, self.due = failures, 0.0

    def transition(self) -> None:
        """Do what is due. `autostart` and `autorestart` of a program file have no say here."""
        if self.waits or (self.queued and self.state in DOWN):
            if self.is_welcome and time.monotonic() >= self.due:
                self._on_its_own = self.waits
                try:
                    self.spawn()
                finally:
                    self._on_its_own = False
        elif self.state in (ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING):
            super().transition()
