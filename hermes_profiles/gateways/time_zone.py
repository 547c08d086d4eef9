"""The time zone of this machine by name: Hermes runs jobs at the wall time of the machine where nothing else is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.hermes.environment import HERMES_TIMEZONE

_ZONES = "/zoneinfo/"
_LINK, _NAME = Path("/etc/localtime"), Path("/etc/timezone")
_UTC = {"Etc/UTC", "Etc/UCT", "Universal", "Zulu", "UCT", "Etc/Zulu", "Etc/Universal"}


def local_time_zone(environment: Mapping[str, str], *, link: Path = _LINK, name: Path = _NAME) -> str | None:
    """Return the IANA name of the zone, None where only its offset is known."""
    for given in (environment.get(HERMES_TIMEZONE, ""), environment.get("TZ", "").removeprefix(":")):
        zone = given.strip().rpartition(_ZONES)[2]
        if zone and (("/" in zone and not zone.startswith("/")) or zone == "UTC"):
            return _plain(zone)
    target = os.path.realpath(link)
    if _ZONES in target:
        return _plain(target.rpartition(_ZONES)[2])
    try:
        text = name.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        text = ""
    return _plain(text) if text else None


def _plain(zone: str) -> str:
    zone = zone.removeprefix("posix/").removeprefix("right/")
    return "UTC" if zone in _UTC else zone
