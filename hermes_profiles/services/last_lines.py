"""The end of a log file, cut at whole lines: half a line can be half a secret, which no redaction finds."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_profiles.profiles.regular_file import open_regular

_BYTES = 16 * 1024


def tail(path: Path | str) -> bytes:
    """Return the last lines of a regular file, at most 16 KiB; b"" when it cannot be read. Never waits for a FIFO."""
    try:
        descriptor, status = open_regular(path)
    except OSError:
        return b""
    start = max(0, status.st_size - _BYTES - 1)
    try:
        raw = os.pread(descriptor, _BYTES + 1, start)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return raw.partition(b"\n")[2] if start else raw


def last_lines(path: Path | str, count: int) -> list[str]:
    """Return at most `count` last lines of a log, not redacted; [] when it cannot be read."""
    lines = tail(path).decode("utf-8", "replace").splitlines()
    return lines[-count:] if count > 0 else []
