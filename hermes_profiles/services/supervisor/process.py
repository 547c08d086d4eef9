"""One gateway under our supervisord: its history, and the time of its next try.

supervisord alone either restarts at once for ever (startsecs=0), or takes a quick, final exit 78 for a failed start and
tries again; it also gives up for good. No exception may leave these methods: it would end the daemon and all gateways.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from supervisor.options import ProcessConfig, ProcessException  # type: ignore[import-untyped]
from supervisor.process import Subprocess  # type: ignore[import-untyped]
from supervisor.states import ProcessStates, SupervisorStates  # type: ignore[import-untyped]

from hermes_profiles.changes.append_log import append_fault
from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.hermes.service_names import UNIT

DOWN = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL)
# So many requests for a restart in a row are served at once; a gateway with more of them is in a loop.
_AT_ONCE = 5


class GatewayConfig(ProcessConfig):  # type: ignore[misc]
    """A program, with the seconds it waits when it starts together with the daemon."""

    boot_delay = 0.0

    def make_process(self, group: Any = None) -> SupervisedGateway:
        """Return the process of this program."""
        process = SupervisedGateway(self)
        process.group = group
        return process


class SupervisedGateway(Subprocess):  # type: ignore[misc]
    """The process of a program.

    A process that waits for its next try is in supervisord's state BACKOFF, where its own `stop` works. A `spawn` that
    `transition` does not call is an explicit start.
    """

    def __init__(self, config: GatewayConfig) -> None:
        super().__init__(config)
        self.queued = False  # to be started as soon as possible
        self.due = 0.0  # of the monotonic clock, as is `began`
        self.began = 0.0
        self.restarts = 0
        self.failures = 0  # in a row, as is `obeyed`: how often it was restarted at once
        self.obeyed = 0
        self.last_exit: int | None = None
        self.last_exit_at: float | None = None
        self.changed = time.time()
        self.pending: GatewayConfig | None = None
        self._is_automatic = False

    @property
    def accepts_starts(self) -> bool:
        """Return whether the daemon starts programs: not while it ends."""
        return bool(self.config.options.mood == SupervisorStates.RUNNING)

    @property
    def waits_for_retry(self) -> bool:
        """Return whether it failed and waits for its next try."""
        return bool(self.state == ProcessStates.BACKOFF)

    def redefine(self, config: GatewayConfig) -> None:
        """Set a new definition: at once when it is down, at its next start when it runs."""
        if self.pid:
            self.pending = config
        else:
            self.config, self.pending = config, None

    def get_execv_args(self) -> tuple[str, list[str]]:
        """Return the command.

        Raises ProcessException also when the shell would not find the interpreter, or its log cannot be written.
        """
        fault = append_fault(self.config.stdout_logfile)
        if fault:
            raise ProcessException(fault)
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
        """Start the gateway; return its pid, None for a failure (it is then tried again)."""
        if self.pid:
            return None
        if self._is_automatic:
            self.restarts += 1
        else:
            self.forget_failures()
        if self.pending is not None:
            self.redefine(self.pending)
        self.queued = False
        self.began = time.monotonic()
        self.config.options.set_desired(self.config.name, runs=True)
        pid: int | None = super().spawn()
        return pid

    def stop(self) -> str | None:
        """Stop the gateway for good; return the reason of a failure."""
        self.forget()
        reason: str | None = super().stop()
        if self.pid:
            try:  # a suspended process acts on SIGTERM only after this
                os.kill(self.pid, signal.SIGCONT)
            except (ProcessLookupError, PermissionError):
                pass
        return reason

    def forget_failures(self) -> None:
        """Count failures and restarts from now on: the user asked for a start."""
        self.restarts = self.failures = self.obeyed = 0

    def forget(self) -> None:
        """Set that the gateway is not to run; a daemon that ends keeps its list."""
        self.queued = False
        if self.accepts_starts:
            self.config.options.set_desired(self.config.name, runs=False)

    def change_state(self, new_state: int, expected: bool = True) -> Any:
        """Record when the state changed, and set the time of the next try."""
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
        """Record the end, and decide whether and when the gateway is started again."""
        super().finish(pid, sts)
        self.last_exit, self.last_exit_at = os.waitstatus_to_exitcode(sts), time.time()
        if self.state != ProcessStates.EXITED:  # a requested stop
            return
        self.spawnerr = None  # from here on it only has the reason of a failed exec
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
        """Start the gateway if that is due; `autostart` and `autorestart` of a program file are ignored."""
        if self.waits_for_retry or (self.queued and self.state in DOWN):
            if self.accepts_starts and time.monotonic() >= self.due:
                self._is_automatic = self.waits_for_retry
                try:
                    self.spawn()
                finally:
                    self._is_automatic = False
        elif self.state in (ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING):
            super().transition()
