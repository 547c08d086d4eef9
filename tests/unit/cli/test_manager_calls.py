"""The number of calls to the service manager: one for the whole fleet, not one per profile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_root import CommandRoot

COUNT = 20
# Reports every requested unit as idle.
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "${0%/*}/../calls"
for word; do case $word in hermes-gateway*.service)
    printf 'Id=%s\\nNames=%s\\nLoadState=loaded\\nActiveState=inactive\\n' "$word" "$word"
    printf 'SubState=dead\\nResult=success\\nMainPID=0\\nExecMainCode=0\\nExecMainStatus=0\\nNRestarts=0\\n'
    printf 'UnitFileState=enabled\\nNeedDaemonReload=no\\nEnvironment=\\nJob=\\nStateChangeTimestamp=\\n\\n';;
esac; done
"""


@pytest.fixture
def fleet(world: CommandRoot) -> Iterator[CommandRoot]:
    """Twenty profiles with a unit each, and a user bus used only by the systemctl stand-in."""
    units, programs = world.user / ".config/systemd/user", world.user / "programs"
    units.mkdir(parents=True)
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL)
    (programs / "systemctl").chmod(0o755)
    for number in range(COUNT):
        name = f"p{number:02d}" if number else "default"
        if number:
            world.make(name, {".env": ""})
        unit = units / f"hermes-gateway{f'-{name}' if number else ''}.service"
        unit.write_text(f'[Service]\nEnvironment="HERMES_HOME={world.home(name)}"\n')
    bus = Path(world.runner.environment["XDG_RUNTIME_DIR"]) / "systemd/private"
    bus.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bus))
        listener.listen()
        world.runner.environment |= {"PATH": f"{programs}:/usr/bin:/bin", "HERMES_PROFILES_MANAGER": "systemd"}
        yield world


@pytest.mark.parametrize(("program", "words"), [
    ("gateways", ("status",)), ("gateways", ("status", "--json")), ("gateways", ("list",)),
    ("gateways", ("start", "--dry-run")), ("gateways", ("stop", "--dry-run")), ("profiles", ("list",)),
    ("profiles", ("list", "--json")),
])  # fmt: skip
def test_status_of_twenty_profiles_queries_manager_once(
    fleet: CommandRoot, program: str, words: tuple[str, ...]
) -> None:
    call = fleet.runner.gateways if program == "gateways" else fleet.call
    done = call(*words)
    assert done.code in (0, 3), done
    calls = (fleet.user / "calls").read_text().splitlines()
    assert len(calls) == 1, calls
    assert calls[0].count("hermes-gateway") == COUNT
