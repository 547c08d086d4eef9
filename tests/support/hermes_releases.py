"""The releases of Hermes between 0.19.0 and the newest: their code is downloaded, never installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from real_hermes import NEWEST_PACKAGE, NEWEST_VERSION, VERSION, hermes_python, newest_python

BETWEEN = (
    "0.20.0.post2", "0.20.4.post1", "0.20.5.post2", "0.20.6.post1", "0.21.0.post1", "0.21.3.post1", "0.21.4.post1",
    "0.21.5.post2",
)  # fmt: skip
# By day the two that are installed.
RELEASES = (VERSION, *(pytest.param(each, marks=pytest.mark.nightly) for each in BETWEEN), NEWEST_VERSION)


def code_of(release: str, folder: Path) -> Path:
    """Return the folder with the code of a release; one that is not installed is downloaded into `folder`."""
    if release in (VERSION, NEWEST_VERSION):
        python = hermes_python() if release == VERSION else newest_python()
        return _installed(python)
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([*command, f"{NEWEST_PACKAGE}=={release}"], check=True, timeout=300)
    (wheel,) = wheels.glob("*.whl")
    code = folder / "code"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(code)
    return code


def python_for(release: str) -> str:
    """Return the Python that imports the code of a release: 0.19.0's dependencies serve all but the newest."""
    return newest_python() if release == NEWEST_VERSION else hermes_python()


def _installed(python: str) -> Path:
    script = "import hermes_cli, os; print(os.path.dirname(os.path.dirname(hermes_cli.__file__)))"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return Path(done.stdout.strip())
