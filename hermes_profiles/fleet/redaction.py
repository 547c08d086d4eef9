"""Lines of a log without the profile's own secrets: what a gateway logs may hold its token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog import Catalog
from hermes_profiles.documents.envglance import glance_env
from hermes_profiles.profiles.roots import read_regular

_SHORTEST = 8
_LARGEST = 4 * 1024 * 1024
_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASS")
# Shapes that are secrets whatever file they came from: Telegram, Slack, OpenAI-like keys, bearer headers.
_SHAPES = re.compile(
    r"\b\d{6,}:[A-Za-z0-9_-]{20,}|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}|\bsk-[A-Za-z0-9_-]{8,}"
    r"|(?<=Bearer )\S{8,}"
)


def secrets_of(home: Path, catalog: Catalog) -> Mapping[str, str]:
    """Return value → name of the secrets in a profile's environment files, for hiding them; never to be shown."""
    found: dict[str, str] = {}
    for file in (".op.env", ".env"):
        try:
            values = glance_env(read_regular(home / file, _LARGEST))
        except OSError:
            continue
        for name, value in (values or {}).items():
            fact = catalog.lookup(name)
            if len(value) >= _SHORTEST and ((fact is not None and fact.secret) or name.endswith(_ENDINGS)):
                found[value] = name
    return found


def redacted(lines: Iterable[str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines with every secret replaced by `<its name>`."""
    return tuple(_redacted(line, secrets) for line in lines)


def _redacted(line: str, secrets: Mapping[str, str]) -> str:
    for value in sorted(secrets, key=len, reverse=True):
        line = line.replace(value, f"<{secrets[value]}>")
    return _SHAPES.sub("<secret>", line)
