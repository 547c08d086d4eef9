"""Removes records that are in both log and standard error, and gives copies the time of their original.

A copy on standard error has no time. Its original has one: of the gateway's own loggers in gateway.log, of all others,
from WARNING up, in errors.log (hermes_logging.py of Hermes 0.19.0).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_LOG

from .reader import open_log, records_backward
from .records import LogRecord
from .tail import siblings

# So many records are searched for an original.
_AHEAD = 1_000
# Seconds within which a gateway writes the original after its copy, and for which the file time is cached.
_LATE = 1.0
_BELIEVED = 0.5


class StderrDeduplicator:
    """Finds out whether the gateway's log has the original of a copy."""

    def __init__(self, logs: Path) -> None:
        self._log = logs / GATEWAY_LOG
        self._checked = 0.0
        self._written: float | None = None

    def has_original(self, record: LogRecord) -> bool:
        """Return whether a record is a copy whose original is shown: the log was written since."""
        if not record.is_copy:
            return False
        now = time.monotonic()
        if now - self._checked > _BELIEVED:
            self._checked = now
            self._written = _written(self._log)
        return self._written is not None and (record.time is None or self._written >= record.time - _LATE)


def _written(path: Path) -> float | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime if status.st_size or os.path.exists(f"{path}.1") else None


class TimestampLookup:
    """Looks up the times of records in errors.log, for records from the end of a log without times."""

    def __init__(self, logs: Path) -> None:
        self._records = _all_backward(logs / ERRORS_LOG)
        self._ahead: deque[LogRecord] = deque()

    def time_of(self, record: LogRecord) -> float | None:
        """Return the time of a record's original, None without one nearby."""
        wanted = (record.level, record.logger, record.text.partition("\n")[0])
        for place, candidate in enumerate(self._ahead):
            if (candidate.level, candidate.logger, candidate.text.partition("\n")[0]) == wanted:
                for _ in range(place + 1):
                    self._ahead.popleft()
                return candidate.time
        while len(self._ahead) < _AHEAD and (found := next(self._records, None)) is not None:
            if (found.level, found.logger, found.text.partition("\n")[0]) == wanted:
                self._ahead.clear()
                return found.time
            self._ahead.append(found)
        return None


def _all_backward(path: Path) -> Iterator[LogRecord]:
    """Yield the records of a log and its rotated files, the last first; skips unreadable files."""
    for name in (str(path), *(sibling.path for sibling in reversed(siblings(path)))):
        try:
            file, status = open_log(name)
        except OSError:
            continue
        try:
            yield from records_backward(file, status.st_size)
        finally:
            os.close(file)
