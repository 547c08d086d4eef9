"""The last line of a profile's log, for the table of all profiles."""

from __future__ import annotations

from functools import lru_cache

from hermes_profiles.hermes.files import GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.last_lines import tail

from .records import decode, records_in
from .secrets import SecretCache

_LONGEST = 400


def last_line(layout: Layout, profile: str) -> str:
    """Return the last complete line of a profile's gateway.log, redacted, without its time; "" when it has none.

    At most 400 characters. Reads 16 KiB, so that a table can show it for each profile every second.
    """
    complete = tail(layout.home(profile) / LOGS_FOLDER / GATEWAY_LOG).rpartition(b"\n")[0]
    last = next((line for line in map(decode, reversed(complete.split(b"\n"))) if line.strip()), "")
    record = next(iter(records_in([last])), None)
    if record is None:
        return ""
    text = record.text if record.level is None else f"{record.level.name} {record.text}"
    return _secrets(layout).redactor.redact(text)[:_LONGEST].strip()


@lru_cache(maxsize=4)
def _secrets(layout: Layout) -> SecretCache:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    return SecretCache(layout, load_catalog())
