"""Reads service definitions with the code of the managers themselves: supervisord's, `systemd-analyze`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions, UnhosedConfigParser


def supervisor_program(content: bytes, here: str = "/here") -> Any:
    """Return the program as supervisord's own code reads it."""
    options = ServerOptions()
    options.here = here
    parser = UnhosedConfigParser()
    parser.expansions = options.environ_expansions
    parser.read_string(content.decode())
    parser.expand_here(here)
    (group,) = options.process_groups_from_parser(parser)
    (program,) = group.process_configs
    return program


def verify_units(units: Sequence[Path], runtime: Path) -> str:
    """Return what `systemd-analyze verify` has to say about units, "" for good ones."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NO SYSTEMD: systemd-analyze is not installed; no unit was checked")
    done = subprocess.run(
        [program, "verify", "--user", "--man=no", "--recursive-errors=one", *map(str, units)],
        env={"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr
