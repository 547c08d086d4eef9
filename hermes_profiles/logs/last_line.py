"""The last line of a profile's log, for the table of all profiles, and the error that a log ends with."""

from __future__ import annotations

from functools import lru_cache

from hermes_profiles.hermes.files import GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.last_lines import tail

from .records import Level, LogRecord, decode, records_in
from .secrets import SecretCache

_LONGEST = 400


def last_line(layout: Layout, profile: str) -> str:
    """Return the last complete line of a profile's gateway.log, redacted, without its time; "" when it has none.

    At most 400 characters. Reads 16 KiB, so that a table can show it for each profile every second.
    """
    last = next((line for line in reversed(_lines(layout, profile)) if line.strip()), "")
    record = next(iter(records_in([last])), None)
    if record is None:
        return ""
    text = record.text if record.level is None else f"{record.level.name} {record.text}"
    return _redacted(layout, text)


def last_error(layout: Layout, profile: str) -> str:
    """Return the first line of the last record of a profile's gateway.log, redacted, where it is an error; else ""."""
    last: LogRecord | None = None
    for record in records_in(_lines(layout, profile)):
        last = record if record.level is not None else last
    if last is None or last.level is None or last.level < Level.ERROR:
        return ""
    return _redacted(layout, last.text.split("\n", 1)[0])


def _lines(layout: Layout, profile: str) -> list[str]:
    complete = tail(layout.home(profile) / LOGS_FOLDER / GATEWAY_LOG).rpartition(b"\n")[0]
    return [decode(line) for line in complete.split(b"\n")]


def _redacted(layout: Layout, text: str) -> str:
    return _secrets(layout).redactor.redact(text)[:_LONGEST].strip()


@lru_cache(maxsize=4)
def _secrets(layout: Layout) -> SecretCache:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    return SecretCache(layout, load_catalog())
