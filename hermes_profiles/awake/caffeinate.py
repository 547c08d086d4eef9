"""Holds caffeinate(8) of macOS while a gateway runs; it waits for one process (`-w`), then for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import DEADLINE, Runner, listed_environment, plain_message, run

if TYPE_CHECKING:
    from subprocess import Popen

# A restarting gateway is down for up to ThrottleInterval (30 s) of its agent; an idle Mac sleeps sooner.
GRACE = 60
POLL = 2.0
# A caffeinate that ends sooner, while its process lives, does not work.
_TOO_SOON = 0.5
_ASSERTION = lazy_pattern(r"\bpid (\d+)\(caffeinate\)")


class Caffeinate:
    """The caffeinate processes of one run; all end with it."""

    def __init__(self, flags: Sequence[str], environment: Mapping[str, str]) -> None:
        self._flags = tuple(flags)
        self._environment = listed_environment(environment)
        self._processes: list[Popen[bytes]] = []

    def __enter__(self) -> Caffeinate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            self.end(process)

    def while_alive(self, pid: int) -> Popen[bytes]:
        """Start a caffeinate that ends with a process. Raises ManagerError when the program is missing."""
        return self._start("-w", str(pid))

    def for_seconds(self, seconds: int) -> Popen[bytes]:
        """Start a caffeinate that ends after some seconds. Raises ManagerError when the program is missing."""
        return self._start("-t", str(seconds))

    def _start(self, *words: str) -> Popen[bytes]:
        from subprocess import DEVNULL, Popen

        try:
            process = Popen(["caffeinate", *self._flags, *words], env=self._environment, stdin=DEVNULL, stdout=DEVNULL)
        except OSError as error:
            raise ManagerError(
                f"cannot run caffeinate: {plain_message(error.strerror or '')}",
                target="caffeinate",
                code="no-program",
                hint="run `ls -l /usr/bin/caffeinate`: it is part of macOS",
            ) from error
        self._processes = [process for process in self._processes if process.poll() is None] + [process]
        return process

    @staticmethod
    def end(process: Popen[bytes]) -> None:
        """End one of these processes and wait for it."""
        if process.poll() is None:
            process.terminate()
            process.wait()


def hold_caffeinate(
    live: Callable[[], Sequence[int]],
    flags: Sequence[str],
    environment: Mapping[str, str],
    *,
    grace: int = GRACE,
    poll: float = POLL,
) -> None:
    """Hold caffeinate while `live` returns a process, and `grace` seconds longer for a restart.

    Polls the process table only during the grace time. Returns at once when no gateway runs. Raises ManagerError when
    caffeinate does not work.
    """
    bridge: Popen[bytes] | None = None
    with Caffeinate(flags, environment) as caffeinate:
        while True:
            pids = live()
            if pids:
                started, held = time.monotonic(), caffeinate.while_alive(pids[0])
                if bridge is not None:
                    caffeinate.end(bridge)
                code = held.wait()
                if time.monotonic() - started < _TOO_SOON and pids[0] in live():
                    raise ManagerError(f"caffeinate ends at once (exit code {code})", target="caffeinate")
                bridge = caffeinate.for_seconds(grace)
            elif bridge is None or bridge.poll() is not None:
                return
            else:
                time.sleep(poll)


def asserting(environment: Mapping[str, str], runner: Runner = run) -> frozenset[int] | None:
    """Return the pids of the caffeinates with an active assertion, None when `pmset` fails."""
    try:
        done = runner(("pmset", "-g", "assertions"), listed_environment(environment), DEADLINE)
    except ManagerError:
        return None
    return frozenset(map(int, _ASSERTION.findall(done.out))) if done.code == 0 else None
