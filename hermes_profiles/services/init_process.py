"""The first process of a container: it passes signals on to one child, and reaps every orphan."""

from __future__ import annotations

import os
import signal

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_WAITED_FOR = frozenset((*_PASSED_ON, signal.SIGCHLD))


def become_init() -> None:
    """Return in a child of this process; this process reaps orphans, and ends with the exit code of that child.

    Python's own children must not be reaped by a loop over all processes: `subprocess` would lose their exit codes.
    To be called before there are threads, and only where this process is number 1.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)
        return
    os._exit(_exit_code_of(child))


def _exit_code_of(child: int) -> int:
    """Pass signals on and reap processes until the child has ended; return its exit code, 128 + N for signal N."""
    while True:
        number = signal.sigwait(_WAITED_FOR)
        if number != signal.SIGCHLD:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                pass
        while (ended := _ended_child()) is not None:
            pid, status = ended
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def _ended_child() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None
