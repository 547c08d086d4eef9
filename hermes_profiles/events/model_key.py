"""Finds in the log of a gateway that its model provider refuses the key: the channels work, and nothing is answered."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from hermes_profiles.hermes.files import ERRORS_LOG, LOGS_FOLDER
from hermes_profiles.hermes.model_log import REFUSED_KEY, REFUSED_KEY_WORDS
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import open_regular

_PARSED = 64 * 1024
# Seconds after the last refusal in which the key counts as refused: no answer of the model is logged.
_LASTS = 3600.0
_RECORD = lazy_pattern(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} [^\n]*?" + REFUSED_KEY, re.MULTILINE)


def refused_model_key(home: Path, started: float, now: float) -> str:
    """Return why no message is answered, "" where the key works or was not refused since the start of the process.

    `started`, `now`: epoch seconds. A log without a record since the start is not read. The text has no words of the
    provider: they can quote the key.
    """
    try:
        descriptor, status = open_regular(home / LOGS_FOLDER / ERRORS_LOG)
    except OSError:
        return ""
    try:
        if status.st_mtime < max(started, now - _LASTS):
            return ""
        raw = os.pread(descriptor, _PARSED, max(0, status.st_size - _PARSED))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    found = list(_RECORD.finditer(raw)) if REFUSED_KEY_WORDS.encode() in raw else []
    if not found or _time(found[-1][1]) < max(started, now - _LASTS):
        return ""
    return f"the model provider refuses the key ({found[-1][2].decode()}): no message is answered"


def _time(stamp: bytes) -> float:
    try:
        return time.mktime(time.strptime(stamp.decode("ascii"), "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return 0.0
