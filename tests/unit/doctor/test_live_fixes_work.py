"""The fix command of each fault of a running gateway, run as it is printed, removes the finding."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from gateway_root import TOKEN, GatewayRoot, until
from hints import run, without_questions

from hermes_profiles.doctor.checks import gateway_health
from hermes_profiles.fleet import foreign, outdated

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")


def findings(fleet: GatewayRoot, check: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = fleet.call("doctor", "--json", "--only", check).data["findings"]
    return found


def fix(fleet: GatewayRoot, check: str) -> None:
    """Run the fix of the only finding of a check; it must be gone then, and the gateway up."""
    found = findings(fleet, check)
    assert len(found) == 1, (check, found, fleet.rows()["work"])
    command = str(found[0]["fix"]["command"])
    if command.startswith("kill "):
        subprocess.run(["/bin/sh", "-c", command], check=True)
    else:
        answers = list(run(fleet.runner, without_questions(command), {}))
        assert answers and all(done.code == 0 for done in answers), (check, command, answers)
    assert until(lambda: findings(fleet, check) == []), (check, command)


def state_of(fleet: GatewayRoot, **more: Any) -> None:
    path = fleet.home("work") / "gateway_state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def channel_that_failed(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    state_of(fleet, platforms={"telegram": {"state": "fatal", "updated_at": datetime.now(UTC).isoformat()}})


def process_that_is_stopped(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    os.kill(pid_of(fleet), signal.SIGSTOP)


def heart_that_does_not_beat(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    beat = datetime.fromtimestamp(time.time() - 900, UTC).isoformat()
    (fleet.home("work") / "state").mkdir()
    (fleet.home("work") / "state/gateway.heartbeat").write_text(json.dumps({"pid": pid_of(fleet), "updated_at": beat}))


def release_that_is_newer(fleet: GatewayRoot, machine: pytest.MonkeyPatch) -> None:
    """Install a release while a gateway runs; how old its code is has tests of its own."""
    old, newer = pid_of(fleet), outdated.CodeAge(outdated.InstalledCode(0.0, "0.19.1"))
    machine.setattr(outdated, "_by_its_record", lambda now, *_: newer if now.pid == old else outdated.CodeAge())


def files_and_memory_that_leak(fleet: GatewayRoot, machine: pytest.MonkeyPatch) -> None:
    machine.setattr(gateway_health, "_MUCH", 50 << 20)
    (fleet.home("work") / "leak").touch()
    fleet.gok("restart", "work")
    (fleet.home("work") / "leak").unlink()


def gateway_outside_its_service(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    fleet.gok("stop", "work")
    by_hand(fleet, {})


def variables_of_the_shell(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    fleet.gok("stop", "work")
    by_hand(fleet, {"TELEGRAM_BOT_TOKEN": TOKEN})


def restart_that_was_cut_short(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    fleet.gok("stop", "work")
    data = {"profiles": ["work"], "pid": 2**22 - 3, "begun_at": 1.0, "owners": [], "on_conflict": "mask"}
    (fleet.state / "restart.json").write_text(json.dumps(data))


def second_gateway_of_one_home(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    program = fleet.user / "tmp/bin/hermes"
    program.parent.mkdir()
    program.write_text("import time\ntime.sleep(60)\n")
    environment = {"HERMES_HOME": str(fleet.home("work")), "HOME": str(fleet.user)}
    started = subprocess.Popen([sys.executable, "-IS", str(program), "gateway", "run"], env=environment)
    threading.Thread(target=started.wait).start()


def bot_that_its_owner_gave_up(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    for name in ("night", "work"):
        (fleet.home(name) / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    rows = fleet.gok("restart", "night", "work", "--json").data["outcomes"]
    (owner,) = [row["profile"] for row in rows if not row["masked_channels"]]
    fleet.ok("env", "unset", owner, "TELEGRAM_BOT_TOKEN")
    fleet.gok("restart", owner)


def alert_without_a_watcher(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    fleet.gok("alert", "add", "page", "--exec", "true")


def daily_backup_without_a_watcher(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    fleet.gok("watch", "off")
    fleet.ok("backup", "timer", "on")


def pid_of(fleet: GatewayRoot) -> int:
    pid = fleet.pid("work")
    assert pid is not None
    return pid


def home_of_a_backup(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    home = fleet.home("work")
    spare = home.with_name("spare")
    shutil.copytree(home, spare)
    shutil.rmtree(home)
    spare.rename(home)
    assert fleet.rows()["work"]["state"] == "degraded"


def homes_that_changed_places(fleet: GatewayRoot, _: pytest.MonkeyPatch) -> None:
    work, night = fleet.home("work"), fleet.home("night")
    spare = work.with_name("spare")
    for before, after in ((work, spare), (night, work), (spare, night)):
        before.rename(after)
    rows = fleet.rows()
    assert {name: rows[name]["state"] for name in ("work", "night")} == {"work": "degraded", "night": "degraded"}
    for verb in ("stop", "restart"):
        done = fleet.gateways(verb, "work", "--json")
        assert (done.code, done.data["outcomes"][0]["outcome"]) == (6, "refused"), "it would also stop night"
    assert all(fleet.pid(name) == rows[name]["pid"] for name in ("work", "night")), "nothing was stopped"


def by_hand(fleet: GatewayRoot, variables: dict[str, str]) -> None:
    before = dict(fleet.runner.environment)
    fleet.runner.environment.update(variables)
    threading.Thread(target=fleet.by_hand("work").wait).start()  # as its shell would
    fleet.runner.environment.clear()
    fleet.runner.environment.update(before)


Plant = Callable[[GatewayRoot, pytest.MonkeyPatch], None]
FAULTS: tuple[tuple[Plant, tuple[str, ...]], ...] = (
    (channel_that_failed, ("runtime.deaf",)),
    (process_that_is_stopped, ("runtime.silent",)),
    (heart_that_does_not_beat, ("runtime.silent",)),
    (release_that_is_newer, ("runtime.old-code",)),
    (files_and_memory_that_leak, ("runtime.open-files",)),
    (files_and_memory_that_leak, ("runtime.memory",)),
    (gateway_outside_its_service, ("runtime.unsupervised",)),
    (variables_of_the_shell, ("conflicts.inherited-identity",)),
    (restart_that_was_cut_short, ("runtime.restart-interrupted",)),
    (second_gateway_of_one_home, ("runtime.two-gateways",)),
    (bot_that_its_owner_gave_up, ("conflicts.free-mask",)),
    (alert_without_a_watcher, ("runtime.alert-unwatched",)),
    (daily_backup_without_a_watcher, ("runtime.backup-unwatched",)),
    (home_of_a_backup, ("runtime.swapped-homes",)),
    (homes_that_changed_places, ("runtime.swapped-homes",)),
)  # fmt: skip


def test_fix_of_a_running_gateway_removes_the_finding(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_LOOK_UNKNOWN", 0.3)  # nothing else revives these gateways
    fleet.gok("install", "--start")
    for plant, checks in FAULTS:
        with monkeypatch.context() as machine:
            plant(fleet, machine)
            for check in checks:
                fix(fleet, check)
        fleet.gok("start", "work")
        assert fleet.rows()["work"]["state"] == "running", plant
