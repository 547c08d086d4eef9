"""A real systemd user manager for tests: a script runs under it and prints JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from nightly import SWITCH

_CANNOT_BE_SET_UP = 125
_LOOPBACK = """
import os, sys
from newest_gateway import bring_loopback_up
bring_loopback_up()
os.execv(sys.argv[1], sys.argv[1:])
"""
_OFFLINE = ("unshare", "--net", sys.executable, "-c", _LOOPBACK)


def launcher() -> Path:
    """Return the script that starts a user manager; skips where none can start."""
    given = os.environ.get("HERMES_PROFILES_SYSTEMD")
    path = Path(given) if given else REPOSITORY.parent / "shared/systemd/with-systemd-user"
    if not path.is_file():
        pytest.skip(f"NO SYSTEMD: {path} is missing; name the script with HERMES_PROFILES_SYSTEMD")
    return path


@contextmanager
def live_home() -> Iterator[Path]:
    """Yield a home outside /tmp: Hermes writes no service for a home below /tmp."""
    parent = next((each for each in ("/root", "/var/lib") if os.access(each, os.W_OK)), None)
    if parent is None:
        pytest.skip("NO SYSTEMD: no folder outside /tmp for a home")
    home = Path(tempfile.mkdtemp(prefix="hermes-profiles-live-", dir=parent))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run_under_systemd(
    script: Path | str,
    home: Path,
    *arguments: str,
    python: str = sys.executable,
    timeout: float = 120,
    offline: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a Python file or code with a separate live `systemd --user`; HOME is `home`.

    The checkout and `tests/support` can be imported. `offline`: in a network namespace with the loopback device alone.
    Skips when the manager cannot be set up on this machine.
    """
    if isinstance(script, str):
        path = home / "live_script.py"
        path.write_text(script)
    else:
        path = script
    paths = (REPOSITORY, REPOSITORY / "tests/support")
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
        SWITCH: os.environ.get(SWITCH, ""),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }  # fmt: skip
    command = [*(_OFFLINE if offline else ()), str(launcher()), "-H", str(home), "--", python, str(path), *arguments]
    done = subprocess.run(
        command, env=environment, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode == _CANNOT_BE_SET_UP:
        pytest.skip(f"NO SYSTEMD: {done.stderr.strip() or 'the manager cannot be set up here'}")
    return done


def answer_under_systemd(script: Path | str, home: Path, *arguments: str, **options: Any) -> Any:
    """Run a script that must succeed, and return the JSON in its last line."""
    done = run_under_systemd(script, home, *arguments, **options)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])
