"""Service definitions as releases of Hermes write them, for /home/ada, with the code in /opt/hermes.

`hermes_services/RELEASE/CASE.{service,plist}` is what `generate_systemd_unit` and `generate_launchd_plist` of that
release return; a release without a file writes the text of the one before. Cases: `default` and `named` (profile coder)
of ~/.hermes; `custom` (HERMES_HOME=~/data); `watchdog` (of default, with a watchdog of 90 s and a drain of 120 s);
`launcher` (coder, where the interpreter is one without packages).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).with_name("hermes_services")
_USER_HOME = Path("/home/ada")
HOMES = {
    "default": _USER_HOME / ".hermes",
    "watchdog": _USER_HOME / ".hermes",
    "named": _USER_HOME / ".hermes/profiles/coder",
    "launcher": _USER_HOME / ".hermes/profiles/coder",
    "custom": _USER_HOME / "data",
}


class HermesService(NamedTuple):
    """A definition that a release wrote."""

    release: str
    case: str
    text: str

    @property
    def home(self) -> Path:
        """Return the home of its gateway."""
        return HOMES[self.case]

    @property
    def version(self) -> tuple[int, ...]:
        """Return the first three numbers of the release."""
        return tuple(int(number) for number in self.release.split(".")[:3])

    def __repr__(self) -> str:
        return f"{self.release}-{self.case}"


def hermes_services(ending: str) -> tuple[HermesService, ...]:
    """Return all definitions with an ending, `service` or `plist`, the oldest release first."""
    found = [HermesService(path.parent.name, path.stem, path.read_text()) for path in _FOLDER.glob(f"*/*.{ending}")]
    return tuple(sorted(found, key=lambda each: (each.version, each.case)))
