"""The daemon: supervisord's loop with our own processes, state file and calls.

`python -m hermes_profiles.services.supervisor.daemon -c CONF`; it opens no port, only a socket file. Programs that
were to run when the last daemon ended are remembered, and started by a command only.
"""

from __future__ import annotations

import configparser
import ctypes
import glob
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.medusa import asyncore_25 as asyncore  # type: ignore[import-untyped]
from supervisor.options import (  # type: ignore[import-untyped]
    ProcessGroupConfig,
    ServerOptions,
    UnhosedConfigParser,
    expand,
)
from supervisor.states import SupervisorStates  # type: ignore[import-untyped]
from supervisor.supervisord import Supervisor  # type: ignore[import-untyped]

from hermes_profiles.changes.lock import acquire_lock, write_pid
from hermes_profiles.changes.state_files import own_folder, write_state_file
from hermes_profiles.model.errors import HermesProfilesError

from .client import DESIRED, LOCK, PROGRAMS, SOCKET, file_state, names_in
from .process import GatewayConfig, SupervisedGateway
from .render import Delays

_LOCK_SECONDS = 1.0  # a check of the lock holds it for an instant
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
# Loaded before any fork: between fork and exec, loading a library in the child can hang.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
# The signals that supervisord handles.
_HANDLED = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2))


class GatewayOptions(ServerOptions):  # type: ignore[misc]
    """The daemon's configuration, its list of desired programs, and its system calls."""

    delays = Delays()
    held = -1  # the lock

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}
        self.read: dict[str, tuple[int, ...] | None] = {}
        self.desired: set[str] = set()
        self._saved: set[str] = set()
        self._parent = 0

    def process_groups_from_parser(self, parser: UnhosedConfigParser) -> list[ProcessGroupConfig]:
        """Return the programs whose files can be read; the reasons for the others are in `broken`."""
        found = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.here), PROGRAMS, "*.conf"))):
            group, reason = self.read_program(os.path.basename(path).removesuffix(".conf"))
            if group is not None:
                found.append(group)
            else:
                self.parse_criticals.append(f"{path}: {reason}")
        return found

    def read_program(self, name: str) -> tuple[ProcessGroupConfig | None, str]:
        """Return the program of a file, or None and a reason."""
        path = os.path.join(self.here, PROGRAMS, f"{name}.conf")
        self.read[name] = file_state(path)
        parser = UnhosedConfigParser()
        parser.expansions = self.environ_expansions
        try:
            with open(path, encoding="utf-8") as file:
                parser.read_file(file)
            if parser.sections() != [f"program:{name}"]:
                raise ValueError(f"it must have the section [program:{name}] and no other")  # noqa: TRY301
            (group,) = super().process_groups_from_parser(parser)
        except (OSError, ValueError, configparser.Error, HermesProfilesError) as error:
            self.broken[name] = f"cannot read its definition: {' '.join(str(error).split())}"
            return None, self.broken[name]
        self.broken.pop(name, None)
        return group, ""

    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:
        """Return the programs of a section as ours; creates the folder of the log if only that is missing."""
        known = {"program_name": group_name, "here": self.here}
        try:
            log = expand(parser.saneget(section, "stdout_logfile", "", expansions=known), known, "stdout_logfile")
        except ValueError:
            log = ""  # supervisord reports the fault below
        folder = os.path.dirname(log)
        if not os.path.isdir(folder) and os.path.isdir(os.path.dirname(folder)):
            own_folder(Path(folder), os.getuid())
        processes = super().processes_from_section(parser, section, group_name, GatewayConfig)
        for process in processes:
            process.boot_delay = float(parser.saneget(section, "boot_delay", "0"))
        return processes

    def set_desired(self, name: str, *, runs: bool) -> None:
        """Set whether a program is to run."""
        if (name in self.desired) != runs:
            self.desired ^= {name}

    def forget_program(self, name: str) -> None:
        """Remove all state of a program."""
        self.broken.pop(name, None)
        self.read.pop(name, None)
        self.set_desired(name, runs=False)

    def save_desired(self) -> None:
        """Save the desired programs for the next daemon, if they have changed."""
        if self.desired == self._saved:
            return
        self._saved = set(self.desired)
        try:
            write_state_file(Path(self.here) / DESIRED, json.dumps(sorted(self.desired)).encode())
        except HermesProfilesError as error:
            self.logger.critical(f"cannot save the desired programs: {error}")

    def load_desired(self) -> None:
        """Load the desired programs of the last daemon."""
        self.desired = names_in(Path(self.here) / DESIRED)
        self._saved = set(self.desired)

    def openhttpservers(self, supervisord: Any) -> None:
        """Open the socket, and write its path for clients."""
        super().openhttpservers(supervisord)
        write_state_file(Path(self.here) / SOCKET, os.fsencode(self.server_configs[0]["file"]))

    def setsignals(self) -> None:
        """Set the signal handlers; a lost terminal does not stop the gateways."""
        super().setsignals()
        signal.signal(signal.SIGHUP, lambda *_: None)  # not SIG_IGN, which gateways would inherit

    def fork(self) -> int:
        """Fork with signals blocked in the child, which has the daemon's handlers until it is the gateway.

        A stop right after a start would be lost in those handlers.
        """
        self._parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return pid

    def setpgrp(self) -> None:
        """Prepare the child. On Linux it ends together with a daemon that is killed.

        Otherwise it would run unsupervised, and conflict with the gateway that the next daemon starts.
        """
        super().setpgrp()
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        if _PRCTL is not None:
            _PRCTL(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != self._parent:
                os._exit(1)

    def waitpid(self) -> tuple[int | None, int | None]:
        """Reap a child, and kill the rest of its process group, which can keep the next gateway from starting."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            pid, status = super().waitpid()
            return pid, status
        try:
            # The child is not reaped yet and keeps its pid, so the group is still its own.
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None, None
        if ended is None:
            return None, None
        if ended.si_pid in self.pidhistory:
            try:
                os.killpg(ended.si_pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        return os.waitpid(ended.si_pid, 0)


class GatewayDaemon(Supervisor):  # type: ignore[misc]
    """supervisord that remembers the desired programs, and stops all gateways at once when it ends."""

    def gateways(self) -> Iterator[SupervisedGateway]:
        """Yield the processes; each is in a group of its own."""
        for group in list(self.process_groups.values()):
            yield from group.processes.values()

    def gateway(self, name: str) -> SupervisedGateway | None:
        """Return the process of a program."""
        group = self.process_groups.get(name)
        return None if group is None else group.processes.get(name)

    def runforever(self) -> None:
        """Load the desired programs of the last daemon, without starting one, then run supervisord's loop."""
        write_pid(self.options.held, Path(self.options.here) / LOCK)
        self.options.load_desired()
        super().runforever()

    def ordered_stop_groups_phase_1(self) -> None:
        """Stop all groups at once: one after the other, ten gateways would take ten times as long."""
        for group in self.stop_groups or ():
            group.stop_all()

    def tick(self, now: float | None = None) -> None:
        """Run the transitions that are due, and check that the socket still exists."""
        super().tick(now)
        for gateway in self.gateways():
            gateway.transition()
        self.options.save_desired()
        if self.options.mood == SupervisorStates.RUNNING:
            self._keep_socket()

    def _keep_socket(self) -> None:
        """Open the socket again when it was removed: /run/user/UID goes with the last login, /tmp is cleaned."""
        path = self.options.server_configs[0]["file"]
        if os.path.exists(path):
            return
        try:
            own_folder(Path(path).parent, os.getuid())
            self.options.close_httpservers()
            self.options.httpservers = self.options.make_http_servers(self)
        except (OSError, ValueError, HermesProfilesError) as error:
            self.options.logger.debug(f"cannot open {path} again: {error}")


def main() -> None:
    """Run the daemon; the first process ends when the socket is open, or the start has failed."""
    lock = Path(sys.argv[-1]).parent / LOCK
    held = acquire_lock(lock, wait=_LOCK_SECONDS)
    if held is None:
        sys.exit(f"another daemon holds {lock}")
    options = GatewayOptions()
    options.realize(doc=__doc__)
    options.first, options.test, options.held = True, False, held
    try:
        GatewayDaemon(options).main()
    except asyncore.ExitNow:
        options.close_httpservers()
        options.close_logger()


if __name__ == "__main__":
    main()
