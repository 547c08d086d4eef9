"""`restart --stale`: restarts only gateways that run code older than the last update."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from gateway_root import GATEWAY, GatewayRoot

RELEASE = "hermes_agent-0.19.1.dist-info"


@pytest.fixture
def site(fleet: GatewayRoot) -> Path:
    """A fake Hermes in a virtual environment; returns its packages folder.

    A gateway then has real arguments: an interpreter path and a module.
    """
    fleet.python.unlink()
    fleet.python.symlink_to(Path(sys.executable).resolve())
    venv = fleet.python.parent.parent
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    packages = venv / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (packages / "hermes_cli").mkdir(parents=True)
    (packages / "hermes_cli" / "__init__.py").write_text("")
    script = GATEWAY.format(python=fleet.python)
    (packages / "hermes_cli" / "main.py").write_text(
        "import sys\nsys.argv[1:1] = ['-m', 'hermes_cli.main']\n" + script.replace("#!", "# ", 1)
    )
    (packages / RELEASE).mkdir()
    os.utime(packages / RELEASE, (time.time() - 3600,) * 2)
    fleet.gok("install")
    return packages


def update(site: Path) -> None:
    """Install a release later than all running processes: start times have a resolution of two seconds."""
    time.sleep(3)
    (site / RELEASE).rename(site / "hermes_agent-0.20.0.dist-info")
    os.utime(site / "hermes_agent-0.20.0.dist-info", (time.time() - 0.2,) * 2)


def test_restart_stale_restarts_only_gateways_older_than_update(fleet: GatewayRoot, site: Path) -> None:
    fleet.gok("start", "work", "night")
    assert fleet.outcomes(fleet.gok("restart", "--stale", "--json")) == dict.fromkeys(
        ("default", "night", "work"), "skipped"
    )
    update(site)
    time.sleep(3)
    fleet.gok("restart", "night")
    work, night = fleet.pid("work"), fleet.pid("night")

    planned = fleet.untouched_by("restart", "--stale", "--dry-run", "--json")
    assert fleet.outcomes(planned) == {"default": "skipped", "night": "skipped", "work": "would-restart"}
    why = {row["profile"]: row["detail"] for row in planned.data["outcomes"]}
    assert why["work"] == "it was started before Hermes 0.20.0 was installed"
    assert why["night"] == "it runs the installed code" and why["default"] == "not running"

    done = fleet.gok("restart", "--stale", "--json")
    assert fleet.outcomes(done) == {"default": "skipped", "night": "skipped", "work": "restarted"}
    assert fleet.pid("night") == night and fleet.pid("work") != work
    assert fleet.outcomes(fleet.gok("restart", "--stale", "--json"))["work"] == "skipped", (
        "a second run restarts nothing"
    )
    assert fleet.starts("default") == []


def test_restart_stale_keeps_and_reports_unknown_gateways(fleet: GatewayRoot, site: Path) -> None:
    fleet.gok("start", "work")
    (site / RELEASE).rmdir()
    before = fleet.pid("work")
    done = fleet.gok("restart", "--stale", "work", "--json")
    (row,) = done.data["outcomes"]
    assert row["outcome"] == "skipped" and row["detail"] == "the age of its code is unknown"
    assert fleet.pid("work") == before


def test_restart_stale_starts_no_stopped_gateway(fleet: GatewayRoot, site: Path) -> None:
    done = fleet.gateways("restart", "--stale", "--start-stopped", "--json")
    assert done.code == 2 and "--stale" in done.problem["message"]
    assert fleet.starts("work") == []
