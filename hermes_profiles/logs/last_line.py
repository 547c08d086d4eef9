"""The last line of a profile's log, for a table of all profiles."""

from __future__ import annotations

import os
import stat
from functools import lru_cache

from hermes_profiles.hermes.files import GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.model.layout import Layout

from .records import decode, records_in
from .secrets import SecretCache

_BYTES = 16 * 1024
_LONGEST = 400


def last_line(layout: Layout, profile: str) -> str:
    """Return the text of the last complete line in a profile's gateway.log, without its time, at most 400
    characters, without secrets; "" when there is none.

    Cheap enough to be asked once a second for every profile: 16 KiB are read.
    """
    raw = _tail(os.path.join(layout.home(profile), LOGS_FOLDER, GATEWAY_LOG))
    begin, end = raw.find(b"\n") if len(raw) > _BYTES else -1, raw.rfind(b"\n")
    # Half a line may be half a secret, which nobody would recognise.
    lines = [decode(line) for line in raw[begin + 1 : end].split(b"\n")] if begin < end else []
    last = next((line for line in reversed(lines) if line.strip()), "")
    record = next(iter(records_in([last])), None)
    if record is None:
        return ""
    text = record.text if record.level is None else f"{record.level.name} {record.text}"
    return _masks(layout).redactor.redact(text)[:_LONGEST].strip()


@lru_cache(maxsize=4)
def _masks(layout: Layout) -> SecretCache:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    return SecretCache(layout, load_catalog())


def _tail(path: str) -> bytes:
    """Return the last 16 KiB of a regular file, and one byte more where there is more; b"" when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        return os.pread(descriptor, _BYTES + 1, max(0, status.st_size - _BYTES - 1))
    except OSError:
        return b""
    finally:
        os.close(descriptor)
