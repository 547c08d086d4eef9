"""Kills in the middle of the fold: our switch, then the migration of Hermes itself; both are ended by one command.

Run like `update_day_story`, with a fourth argument: `finish` or `back`, the way out of the killed migration. The last
printed line is JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from process_polls import ProcessPolls
from switch_killer import KILLER
from update_day_story import (
    ENVIRONMENT,
    HOME,
    NAMES,
    NEWEST,
    OLD,
    ROOT,
    VENV,
    Judge,
    Steps,
    command,
    doctor,
    eventually,
    run_mode,
    switch_to,
    units,
    write_profiles,
)

WAY = sys.argv[4]
BACK = ("processes", "--standalone", "--yes")
# Past the files of the removed services, before the manager forgets them.
STEP = 12


def kill_ours() -> int:
    """Kill our switch in the middle; returns its exit code."""
    script = HOME / "killer.py"
    script.write_text(KILLER)
    words = [sys.executable, str(script), str(STEP), "team", "run-mode", "multiplex", "--yes"]
    return subprocess.run(words, env=ENVIRONMENT, capture_output=True, timeout=300, check=False).returncode


def kill_migration() -> int:
    """Kill Hermes once it has removed the first service; returns its exit code."""
    words = [str(VENV / "bin/hermes"), "gateway", "migrate", "--multiplex", "-y"]
    log = (HOME / "migrate.log").open("wb")
    process = subprocess.Popen(words, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True)

    def is_half_done() -> bool:
        there = [each for each in units() if each.endswith(".service")]
        return process.poll() is not None or ((ROOT / "gateway_migration.json").exists() and len(there) < len(NAMES))

    eventually(is_half_done, "Hermes removed the first service")
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def main() -> dict[str, Any]:
    """Run the story."""
    seen: dict[str, Any] = {}
    switch_to(OLD)
    with ProcessPolls() as bots:
        judge, step = Judge(bots), Steps(bots)
        write_profiles(bots.url)
        step("0.19.0, then newest")
        command("install", "--start", "--python", str(VENV / "bin/python"))
        switch_to(NEWEST)
        command("restart", "--rolling")
        judge.separate()
        seen["before"] = units()
        step("our switch is killed")
        seen["ours"] = kill_ours()
        seen["unfinished"] = run_mode(code=3)["errors"][0]["hint"]
        seen["named"] = doctor("services.half-migrated", code=3)
        if WAY == "finish":
            run_mode("multiplex", "--yes")
            judge.one()
        command("undo", program="profiles")
        judge.separate()
        seen["undone"] = units()
        step("Hermes is killed")
        seen["hermes"] = kill_migration()
        seen["left"] = units()
        seen["manifest"] = (ROOT / "gateway_migration.json").exists()
        seen["found"] = doctor("services.half-migrated", code=3)
        command("upgrade-check", code=3)
        if WAY == "finish":
            run_mode("multiplex", "--yes")
            judge.one()
        else:
            run_mode(*BACK)
            judge.separate()
        seen["ended"], seen["manifest_after"] = units(), (ROOT / "gateway_migration.json").exists()
        step("")
        seen["doubles"], seen["steps"] = bots.doubles, step.done
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
