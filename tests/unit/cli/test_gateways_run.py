"""start, stop and restart, and the arguments of the former script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from gateway_root import TOKEN, GatewayRoot, is_gone, until

NAMES = ("default", "night", "work")


def _all(word: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, word)


def test_commands_of_old_script_keep_working(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    for command, code, word in (
        ("status", 3, "stopped"), ("start", 0, "started"), ("start", 0, "already-running"), ("status", 0, "running"),
        ("list", 0, "running"), ("restart", 0, "restarted"), ("stop", 0, "stopped"), ("stop", 0, "already-stopped"),
        ("restart", 0, "skipped"), ("list", 0, "stopped"),
    ):  # fmt: skip
        done = fleet.gateways(command)
        assert done.code == code, done
        table = [line.split() for line in done.stdout.split("\n\n")[1].splitlines()]
        assert [row[:2] for row in table[1:]] == [[name, word] for name in NAMES], (command, done.stdout)
    assert all(len(fleet.starts(name)) == 2 for name in NAMES)


def test_start_succeeds_only_for_observed_gateways(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    done = fleet.gok("start", "--json")
    assert fleet.outcomes(done) == _all("started")
    assert {row["profile"]: row["pid"] for row in done.data["outcomes"]} == {name: fleet.pid(name) for name in NAMES}
    pids = [fleet.pid(name) for name in NAMES]
    again = fleet.gok("start", "--json")
    assert fleet.outcomes(again) == _all("already-running") and [fleet.pid(name) for name in NAMES] == pids
    assert fleet.outcomes(fleet.gok("stop", "--json")) == _all("stopped")
    assert all(pid is not None and is_gone(pid) for pid in pids)
    for name in NAMES:  # they ended like an intended stop
        assert json.loads((fleet.home(name) / "gateway_state.json").read_text())["gateway_state"] == "stopped"
        assert not (fleet.home(name) / "gateway.pid").exists()
    assert fleet.outcomes(fleet.gok("stop", "--json")) == _all("already-stopped")


def test_failed_start_is_reported_with_reason_and_log(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    (fleet.home("night") / "exits").write_text("78\n")
    done = fleet.gateways("start", "--json")
    assert done.code == 1 and done.json["status"] == "partial"
    assert fleet.outcomes(done) == {"default": "started", "night": "failed", "work": "started"}
    row = done.data["outcomes"][1]
    assert "exit 78" in row["detail"] and row["log"][-1] == "giving up with 78"
    (error,) = done.json["errors"]
    assert error["target"] == "night" and error["code"] == "failed"
    assert "`hermes-gateways logs night`" in error["hint"]
    (fleet.home("night") / "exits").write_text("78\n")
    text = fleet.gateways("start", "night")
    assert text.code == 1 and "night, last lines of its log:\n  " in text.stdout and "giving up with 78" in text.stdout
    assert text.stderr.startswith("night: failed (")


def test_progress_goes_to_stderr_and_the_table_to_stdout(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    done = fleet.gok("start")
    assert sorted(done.stderr.splitlines()) == [f"{name}: started" for name in NAMES]
    lines = done.stdout.splitlines()
    assert lines[0] == "3 started" and lines[2].split() == ["profile", "outcome", "pid", "masked", "detail"]
    assert fleet.gok("stop", "--json").stderr == ""


def test_restart_restarts_only_running_gateways_by_default(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    fleet.gok("start", "work")
    before = fleet.pid("work")
    done = fleet.gok("restart", "--json")
    assert fleet.outcomes(done) == {"default": "skipped", "night": "skipped", "work": "restarted"}
    assert fleet.pid("work") != before and fleet.starts("night") == []
    text = fleet.gok("restart").stdout.splitlines()
    assert text[-1] == "default, night were stopped and are not started: `hermes-gateways start default night`"
    done = fleet.gok("restart", "--start-stopped", "--except", "default", "--rolling", "--json")
    assert fleet.outcomes(done) == {"night": "started", "work": "restarted"}


def test_restart_starts_a_stopped_gateway_that_is_named(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    fleet.gok("disable", "night")
    assert fleet.outcomes(fleet.gok("restart", "work", "--dry-run", "--json")) == {"work": "would-restart"}
    done = fleet.gok("restart", "work", "--json")
    assert fleet.outcomes(done) == {"work": "started"} and fleet.pid("work")
    assert fleet.gateways("restart", "night").code == 6
    assert "were stopped" not in fleet.gok("restart", "work").stdout


def test_disabled_profile_is_skipped_and_refused_by_name(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    fleet.gok("disable", "night")
    done = fleet.gok("start", "--json")
    assert fleet.outcomes(done) == {"default": "started", "night": "skipped", "work": "started"}
    done = fleet.gateways("start", "night", "--json")
    assert done.code == 6 and "`hermes-gateways enable night`" in done.problem["hint"]
    assert fleet.starts("night") == []


def test_profile_without_service_is_skipped_and_not_found_by_name(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    done = fleet.gok("start", "--json")
    assert fleet.outcomes(done) == {"default": "skipped", "night": "skipped", "work": "started"}
    done = fleet.gateways("start", "night", "--json")
    assert done.code == 5 and "`hermes-gateways install night --start`" in done.problem["hint"]


def test_shared_bot_is_masked_except_for_owner(fleet: GatewayRoot) -> None:
    for name in ("night", "work"):
        fleet.profile(name, env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    fleet.gok("install", "night", "work")
    done = fleet.gok("start", "--owner", "work", "--json")
    rows = {row["profile"]: row for row in done.data["outcomes"]}
    assert rows["work"]["masked_channels"] == [] and rows["night"]["masked_channels"] == ["telegram"]
    assert "token already in use by profile 'work'" in rows["night"]["detail"]
    assert fleet.rows()["night"]["masked_channels"] == ["telegram"]
    fleet.gok("stop")
    done = fleet.gateways("start", "--on-conflict", "refuse", "--json")
    assert done.code == 6 and fleet.outcomes(done)["night"] == "started" and fleet.outcomes(done)["work"] == "refused"
    done = fleet.gateways("start", "work", "--on-conflict", "refuse", "--dry-run", "--json")
    assert done.data["outcomes"][0]["masked_channels"] == ["telegram"]


def test_low_memory_is_reported_once(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.operations.gateways import run_fleet

    monkeypatch.setattr(run_fleet, "available_memory", lambda: 10**6)
    fleet.gok("install", "work")
    text = fleet.gok("start", "work").stderr
    assert text.count("warning: ") == 1 and text.count("hint: ") == 1 and text.index("warning") < text.index("started")
    fleet.gok("stop", "work")
    assert [each["code"] for each in fleet.gok("start", "work", "--json").json["warnings"]] == ["memory"]


def test_gateway_that_ignores_stop_is_killed(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work")
    (fleet.home("work") / "deaf").touch()
    fleet.gok("start", "work")
    pid = fleet.pid("work")
    assert pid is not None
    done = fleet.gateways("stop", "work", "--timeout", "1", "--json")
    assert is_gone(pid) and fleet.outcomes(done) == {"work": "stopped"} and done.code == 0
    assert "killed" in done.data["outcomes"][0]["detail"]
    time.sleep(0.2)
    assert fleet.pid("work") is None, "it is not restarted"


def test_ctrl_c_during_start_reports_every_profile(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    for name in ("night", "work"):
        (fleet.home(name) / "slow").write_text("60")
    with fleet.gateways_process("start") as process:
        assert process.stderr.readline() == b"default: started\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and b"Traceback" not in err
    verdict, _, _, *lines = out.decode().splitlines()
    assert verdict == "1 started; interrupted: night, work"
    rows = [line.split(maxsplit=4) for line in lines[: lines.index("")]]
    assert [(row[0], row[1]) for row in rows] == [
        ("night", "interrupted"), ("work", "interrupted"), ("default", "started")
    ]  # fmt: skip
    assert rows[0][4] == rows[1][4] == "was starting; it may still come to an end"
    assert fleet.daemon() is not None and fleet.pid("default"), "finished starts are kept"


def test_ctrl_c_in_a_terminal_ends_no_gateway(fleet: GatewayRoot) -> None:
    fleet.gok("stage")
    (fleet.home("night") / "slow").write_text("60")
    # The whole process group gets the signal, like from a terminal: this command started the daemon.
    words = ("install", "--start", "--json")
    # A signal between open and close of a file makes a ResourceWarning, which nobody sees outside of tests.
    quiet = {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}
    with fleet.gateways_process(*words, env=quiet, start_new_session=True) as process:
        until(lambda: fleet.starts("night") and fleet.rows()["default"]["state"] == "running")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and err == b"", (out, err)
    answer = json.loads(out)
    outcomes = {row["profile"]: row["outcome"] for row in answer["data"]["outcomes"]}
    assert answer["exit_code"] == 130 and set(outcomes) == set(NAMES) and outcomes["night"] == "interrupted"
    assert fleet.pid("default") and fleet.daemon()


def test_stop_inside_gateway_skips_that_gateway(fleet: GatewayRoot) -> None:
    home = fleet.home("work")
    script = (
        "import os,json,subprocess,sys\n"
        "me={'pid':os.getpid(),'kind':'hermes-gateway','argv':['hermes','gateway','run'],"
        "'start_time':int(open('/proc/self/stat','rb').read().rpartition(b')')[2].split()[19])}\n"
        f"open({str(home / 'gateway.pid')!r},'w').write(json.dumps(me))\n"
        f"sys.exit(subprocess.run([{sys.executable!r},'-m','hermes_profiles.cli.gateways','stop','work','--json']).returncode)\n"
    )
    environment = {**fleet.runner.environment, "HERMES_HOME": str(home)}
    words = [sys.executable, "-c", script, "hermes_cli.main", "gateway", "run"]
    done = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=30)
    answer = json.loads(done.stdout)
    assert done.returncode == 6 and "inside that gateway" in answer["errors"][0]["message"]
