"""caffeinate(8) of macOS: held as long as a gateway lives. It takes one process to wait for (`-w`), so it moves on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import DEADLINE, Runner, listed_environment, plain_message, run

if TYPE_CHECKING:
    from subprocess import Popen

# A gateway that restarts is away for up to ThrottleInterval (30 s) of its agent; a Mac that is idle sleeps sooner.
GRACE = 60
LOOK = 2.0
# One that ends sooner than this, with its process alive, does not work.
_TOO_SOON = 0.5
_ASSERTION = re.compile(r"\bpid (\d+)\(caffeinate\)")


class Caffeinate:
    """The caffeinates of one run; all of them end with it."""

    def __init__(self, flags: Sequence[str], environment: Mapping[str, str]) -> None:
        self._flags = tuple(flags)
        self._environment = listed_environment(environment)
        self._begun: list[Popen[bytes]] = []

    def __enter__(self) -> Caffeinate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._begun:
            self.end(each)

    def while_alive(self, pid: int) -> Popen[bytes]:
        """Begin one that ends with a process. Raises ManagerError when there is none."""
        return self._begin("-w", str(pid))

    def for_seconds(self, seconds: int) -> Popen[bytes]:
        """Begin one that ends by itself. Raises ManagerError when there is none."""
        return self._begin("-t", str(seconds))

    def _begin(self, *words: str) -> Popen[bytes]:
        from subprocess import DEVNULL, Popen

        try:
            begun = Popen(["caffeinate", *self._flags, *words], env=self._environment, stdin=DEVNULL, stdout=DEVNULL)
        except OSError as error:
            raise ManagerError(
                f"cannot run caffeinate: {plain_message(error.strerror or '')}",
                target="caffeinate",
                code="no-program",
                hint="it is part of macOS: see `ls -l /usr/bin/caffeinate`",
            ) from error
        self._begun = [each for each in self._begun if each.poll() is None] + [begun]
        return begun

    @staticmethod
    def end(process: Popen[bytes]) -> None:
        """End one of ours and wait until it is gone."""
        if process.poll() is None:
            process.terminate()
            process.wait()


def hold_caffeinate(
    live: Callable[[], Sequence[int]],
    flags: Sequence[str],
    environment: Mapping[str, str],
    *,
    grace: int = GRACE,
    look: float = LOOK,
) -> None:
    """Hold caffeinate as long as `live` names a process, and `grace` seconds longer: the next one may be on its way.

    The table of processes is only looked at while one is at work. Returns at once when no gateway
    lives. Raises ManagerError when caffeinate does not work.
    """
    bridge: Popen[bytes] | None = None
    with Caffeinate(flags, environment) as caffeinate:
        while True:
            pids = live()
            if pids:
                begun, held = time.monotonic(), caffeinate.while_alive(pids[0])
                if bridge is not None:
                    caffeinate.end(bridge)
                code = held.wait()
                if time.monotonic() - begun < _TOO_SOON and pids[0] in live():
                    raise ManagerError(f"caffeinate ends at once (exit code {code})", target="caffeinate")
                bridge = caffeinate.for_seconds(grace)
            elif bridge is None or bridge.poll() is not None:
                return
            else:
                time.sleep(look)


def asserting(environment: Mapping[str, str], runner: Runner = run) -> frozenset[int] | None:
    """Return the pids of the caffeinates that macOS heeds now, None when it cannot be asked."""
    try:
        done = runner(("pmset", "-g", "assertions"), listed_environment(environment), DEADLINE)
    except ManagerError:
        return None
    return frozenset(map(int, _ASSERTION.findall(done.out))) if done.code == 0 else None
