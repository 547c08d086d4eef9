"""Enabled units of any name that run the gateway of a home."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.services.enabled_units import units_of_home


@pytest.mark.parametrize(
    ("command", "profile"),
    [
        ("/usr/bin/hermes gateway run", "default"),
        ("/usr/bin/hermes -p work gateway run", "work"),
        ("/bin/bash -lc 'hermes -p work gateway run'", "work"),
        ("/bin/sh -c 'cd / && exec hermes --profile=work gateway run'", "work"),
        ("/bin/sh -c 'HERMES_HOME=$HOME/.hermes/profiles/work exec hermes gateway run'", "work"),
        ("/usr/bin/env HERMES_HOME=%h/.hermes/profiles/work hermes gateway run", "work"),
    ],
)
def test_home_is_that_of_the_command(tmp_path: Path, command: str, profile: str) -> None:
    units = tmp_path / "units"
    (units / "default.target.wants").mkdir(parents=True)
    (units / "bot.service").write_text(f"[Service]\nExecStart={command}\n")
    (units / "default.target.wants/bot.service").symlink_to("../bot.service")
    root = tmp_path / ".hermes"
    homes = {"default": root, "work": root / "profiles/work"}
    found = {name for name, home in homes.items() if units_of_home(home, tmp_path, (units,))}
    assert found == {profile}
