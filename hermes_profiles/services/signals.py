"""Ends a proven process: never another one that has got its pid in between."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress


def end_process(pid: int, started: float, *, kill: bool) -> bool:
    """Send SIGTERM, or SIGKILL, to the process with this pid and start time; returns whether it was sent.

    SIGCONT follows SIGTERM: a suspended process would act on it only after that.

    `started`: field 22 of /proc/PID/stat on Linux, psutil's create_time × 100 elsewhere. On Linux a file descriptor
    (pidfd) is opened before the start time is checked, so that the pid cannot pass to another process in between.
    """
    number = signal.SIGKILL if kill else signal.SIGTERM
    if not hasattr(os, "pidfd_open"):
        return _end_elsewhere(pid, started, number)
    try:
        held = os.pidfd_open(pid)
    except OSError as error:
        # Kernels before 5.3, and some sandboxes, have no such descriptors.
        return error.errno in (errno.ENOSYS, errno.EPERM) and _end_unheld(pid, started, number)
    try:
        if _started(pid) != started:
            return False
        signal.pidfd_send_signal(held, number)
        if number == signal.SIGTERM:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(held, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):  # gone, or another user's
        return False
    finally:
        os.close(held)
    return True


def _end_unheld(pid: int, started: float, number: int) -> bool:
    if _started(pid) != started:
        return False
    try:
        os.kill(pid, number)
        if number == signal.SIGTERM:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _started(pid: int) -> float | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return float(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return None


def _end_elsewhere(pid: int, started: float, number: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        if abs(process.create_time() * 100 - started) > 100:
            return False
        process.send_signal(number)
        if number == signal.SIGTERM:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    except psutil.Error:
        return False
    return True
