"""What stands in two places is shown once, and what has no time of its own gets that of its twin.

A copy on standard error has no time. What it is a copy of has one: of the gateway's own parts in gateway.log, of all
others, from WARNING up, in errors.log (hermes_logging.py of Hermes 0.19.0).
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

# So far is looked for a twin.
_AHEAD = 1_000
# The time within which a gateway writes the record after its copy, and how long an answer is believed.
_LATE = 1.0
_BELIEVED = 0.5


class StderrDeduplicator:
    """Tells whether the gateway's log of a profile has what a copy was made of."""

    def __init__(self, logs: Path) -> None:
        self._log = logs / GATEWAY_LOG
        self._asked = 0.0
        self._written: float | None = None

    def have(self, record: LogRecord) -> bool:
        """Return whether a record is a copy whose original is shown: its log was written since."""
        if not record.is_copy:
            return False
        now = time.monotonic()
        if now - self._asked > _BELIEVED:
            self._asked = now
            self._written = _written(self._log)
        return self._written is not None and (record.time is None or self._written >= record.time - _LATE)


def _written(path: Path) -> float | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime if status.st_size or os.path.exists(f"{path}.1") else None


class TimestampLookup:
    """Gives the records of a log without times, asked for from its end, the times of their twins in errors.log."""

    def __init__(self, logs: Path) -> None:
        self._records = _all_backward(logs / ERRORS_LOG)
        self._ahead: deque[LogRecord] = deque()

    def time_of(self, record: LogRecord) -> float | None:
        """Return the time of a record's twin, None when it has none near."""
        wanted = (record.level, record.logger, record.text.partition("\n")[0])
        for place, each in enumerate(self._ahead):
            if (each.level, each.logger, each.text.partition("\n")[0]) == wanted:
                for _ in range(place + 1):
                    self._ahead.popleft()
                return each.time
        while len(self._ahead) < _AHEAD and (found := next(self._records, None)) is not None:
            if (found.level, found.logger, found.text.partition("\n")[0]) == wanted:
                self._ahead.clear()
                return found.time
            self._ahead.append(found)
        return None


def _all_backward(path: Path) -> Iterator[LogRecord]:
    """Yield the records of a log and its rotated siblings, the last first; what cannot be read is passed over."""
    for name in (str(path), *(each.path for each in reversed(siblings(path)))):
        try:
            file, status = open_log(name)
        except OSError:
            continue
        try:
            yield from records_backward(file, status.st_size)
        finally:
            os.close(file)
