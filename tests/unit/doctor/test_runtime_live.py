"""Checks of running gateways, over stand-in processes with the arguments, environment and files of a gateway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot
from runtime_cases import NOBODY, aged, pid_record

from hermes_profiles.doctor.checks import gateway_health, runtime
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.facts.update_day import UpdateFacts
from hermes_profiles.doctor.probes.homes import list_home
from hermes_profiles.fleet.outdated import code_of
from hermes_profiles.gateways.hermes_files import PidRecord
from hermes_profiles.gateways.model import Gateway, GatewayState, Supervisor
from hermes_profiles.gateways.model import GatewayFacts as Seen
from hermes_profiles.gateways.processes import Process, Usage
from hermes_profiles.hermes.version import facts_of
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.update_settings import UpdateSettings
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.services.manager import Activity, ServiceStatus

TOKEN = "7000000001:CANARY-telegram-token"


class StandIns:
    """Starts processes that look like gateways and ends all of them with the test."""

    def __init__(self, world: DoctorRoot) -> None:
        self.world = world
        self.venv = world.user / "venv"
        (self.venv / "bin").mkdir(parents=True)
        (self.venv / "bin" / "hermes").write_text("import time\ntime.sleep(300)\n")
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, profile: str) -> int:
        """Start a process with the arguments of a gateway of a profile and return its pid."""
        words = [str(self.venv / "bin" / "python"), "-IS", str(self.venv / "bin" / "hermes"), "gateway", "run"]
        home = self.world.home(profile)
        if profile == "default":
            words[3:3] = ["-p", "default"]
        started = subprocess.Popen(
            words, executable=sys.executable, env={"HERMES_HOME": str(home), "HOME": str(self.world.user)}
        )
        self.running.append(started)
        return started.pid

    def up(self, profile: str, channels: Mapping[str, Any] | None = None, *, beat: float = 0.0) -> int:
        """Start a process that reported itself running; `beat`: age of its heartbeat in seconds."""
        pid = self.start(profile)
        started = start_time(pid)
        home = self.world.home(profile)
        self.world.write(profile, "gateway.pid", pid_record(pid, started))
        platforms = {
            name: {"updated_at": at(-1), **entry} if "updated_at" not in entry else entry
            for name, entry in (channels or {}).items()
        }
        state = {"pid": pid, "start_time": started, "gateway_state": "running", "platforms": platforms}
        self.world.write(profile, "gateway_state.json", json.dumps(state), mode=0o600)
        (home / "state").mkdir(exist_ok=True)
        self.world.write(profile, "state/gateway.heartbeat", json.dumps({"pid": pid, "updated_at": at(beat)}))
        return pid

    def end(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)


def at(ago: float) -> str:
    return datetime.fromtimestamp(time.time() - ago, UTC).isoformat()


def start_time(pid: int) -> float:
    return float(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


@pytest.fixture
def stand_ins(world: DoctorRoot) -> Iterator[StandIns]:
    made = StandIns(world)
    try:
        yield made
    finally:
        made.end()


def of(world: DoctorRoot, check: str) -> list[dict[str, Any]]:
    return [row for row in world.findings("--only", "runtime") if row["check"] == check]


def without_remarks(world: DoctorRoot) -> list[str]:
    return [row["check"] for row in world.findings("--only", "runtime") if row["check"] != "runtime.unsupervised"]


def test_healthy_gateways_have_no_findings(world: DoctorRoot, stand_ins: StandIns) -> None:
    connected = {"state": "connected"}
    for name in ("default", "work", "family"):
        stand_ins.up(name, {"telegram": connected, "webhook": connected})
    # The file keeps the record of an earlier process.
    aged(world.write("work", ".drain_request.json", '{"epoch": "another:1"}'), 9 * 86400)
    # A fresh drain request is in effect.
    aged(world.write("family", ".drain_request.json", "{}"), 1800)
    assert without_remarks(world) == []


def test_fatal_channel_is_reported_with_time(world: DoctorRoot, stand_ins: StandIns) -> None:
    fatal = {"state": "fatal", "error_code": "api_server_port_in_use", "error_message": f"says {TOKEN}"}
    stand_ins.up("work", {"api_server": fatal, "webhook": {"state": "connected"}})
    stand_ins.up("family", {"telegram": {"state": "fatal", "updated_at": at(86400)}})
    (row,) = of(world, "runtime.deaf")
    assert (row["profiles"], row["channel"], row["severity"]) == (["work"], "api_server", "error")
    assert "is fatal since 20" in row["message"] and "api_server_port_in_use" in row["message"]
    assert row["fix"]["automatic"] is False


def test_paused_channel_is_a_warning(world: DoctorRoot, stand_ins: StandIns) -> None:
    stand_ins.up("work", {"telegram": {"state": "paused"}})
    (row,) = of(world, "runtime.deaf")
    assert row["severity"] == "warning" and "/platform resume telegram" in row["fix"]["text"]


def test_locked_channel_names_the_holder(world: DoctorRoot, stand_ins: StandIns) -> None:
    owner = stand_ins.up("default", {"telegram": {"state": "connected"}})
    message = f"Telegram bot token already in use (PID {owner}). Stop the other gateway first."
    stand_ins.up("work", {"telegram": {"state": "retrying", "error_code": "telegram-bot-token_lock",
                                       "error_message": message}})  # fmt: skip
    stand_ins.up("family", {"telegram": {"state": "retrying", "error_code": "telegram-bot-token_lock",
                                         "error_message": f"in use (PID {NOBODY})"}})  # fmt: skip
    family, work = of(world, "runtime.deaf")
    assert f"the gateway of default (process {owner}) holds the lock of its bot" in work["message"]
    assert work["fix"]["command"] == "hermes-profiles connect work telegram"
    assert f"process {NOBODY} held the lock of its bot, which is free now" in family["message"]
    assert family["fix"]["command"] == "hermes-gateways restart family"


def test_lock_outside_root_names_the_process(world: DoctorRoot, stand_ins: StandIns) -> None:
    """The live lock file overrides the message of the waiting gateway, which can be old."""
    import hashlib

    world.profile("work", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    stand_ins.up("work", {"telegram": {"state": "retrying", "error_code": "telegram-bot-token_lock",
                                       "error_message": f"in use (PID {NOBODY})"}})  # fmt: skip
    home, other = world.home("work"), world.user / "elsewhere"
    other.mkdir()
    words = [str(stand_ins.venv / "bin" / "python"), "-IS", str(stand_ins.venv / "bin" / "hermes"), "gateway", "run"]
    stranger = subprocess.Popen(words, executable=sys.executable, env={"HERMES_HOME": str(other)})
    stand_ins.running.append(stranger)
    locks = world.user / ".local/state/hermes/gateway-locks"
    locks.mkdir(parents=True)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()[:16]
    (locks / f"telegram-bot-token-{digest}.lock").write_text(pid_record(stranger.pid, start_time(stranger.pid)))
    (locks / "telegram-bot-token-0000000000000000.lock").write_text((home / "gateway.pid").read_text())
    (row,) = of(world, "runtime.deaf")
    assert f"process {stranger.pid} (not a gateway of this root) holds the lock of its bot" in row["message"]


def test_suspended_gateway_is_reported(world: DoctorRoot, stand_ins: StandIns) -> None:
    pid = stand_ins.up("work", {"telegram": {"state": "fatal"}})
    os.kill(pid, signal.SIGSTOP)
    (row,) = of(world, "runtime.silent")
    assert row["profiles"] == ["work"] and row["fix"]["command"] == f"kill -CONT {pid}"
    assert of(world, "runtime.deaf") == [], "one fault, one finding"
    os.kill(pid, signal.SIGCONT)
    assert of(world, "runtime.silent") == []


def test_gateway_without_heartbeat_is_reported(world: DoctorRoot, stand_ins: StandIns) -> None:
    stand_ins.up("work", beat=600)
    stand_ins.up("family", beat=60)
    (row,) = of(world, "runtime.silent")
    assert row["profiles"] == ["work"] and "no heartbeat for 10 min" in row["message"]
    assert row["fix"]["command"] == "hermes-gateways restart work"


def test_heartbeat_of_earlier_process_is_ignored(world: DoctorRoot, stand_ins: StandIns) -> None:
    stand_ins.up("work")
    world.write("work", "state/gateway.heartbeat", json.dumps({"pid": NOBODY, "updated_at": at(9000)}))
    assert of(world, "runtime.silent") == []


def test_two_gateways_of_one_home_are_reported(world: DoctorRoot, stand_ins: StandIns) -> None:
    first, second = stand_ins.up("work"), stand_ins.start("work")
    (row,) = of(world, "runtime.two-gateways")
    assert row["profiles"] == ["work"] and f"{min(first, second)}, {max(first, second)}" in row["message"]


def test_files_of_running_gateway_are_not_removed(world: DoctorRoot, stand_ins: StandIns) -> None:
    """Pid files and old markers of a running gateway are reported and not removed."""
    stand_ins.up("default")
    stand_ins.up("work")
    world.write("work", "gateway.pid", pid_record(NOBODY))
    stand_ins.up("family")
    world.write("family", "gateway.pid", "garbage")
    lock = json.loads(pid_record(stand_ins.running[1].pid, start_time(stand_ins.running[1].pid)))
    world.write("work", "gateway.lock", json.dumps(lock))
    for name in ("default", "work", "family"):
        for marker in (".gateway-planned-stop.json", ".drain_request.json", ".restart_notify.json"):
            aged(world.write(name, marker, "{}"), 9 * 86400)
    before = world.picture()
    rows = world.findings("--only", "runtime")
    assert not any(row["fix"]["automatic"] for row in rows), rows
    assert {row["check"] for row in rows} - {"runtime.unsupervised"} == {"runtime.bad-pid-file", "runtime.stale-marker"}
    by_profile = {row["profiles"][0]: row for row in rows if row["check"] == "runtime.bad-pid-file"}
    assert "but its gateway is process" in by_profile["work"]["message"] and "parsed" in by_profile["family"]["message"]
    assert by_profile["work"]["fix"]["command"] == "hermes-gateways restart work"
    assert sum("refused all messages" in row["message"] for row in rows) == 3
    fixed = world.doctor("--fix", "--yes", "--only", "runtime", "--json")
    assert fixed.data["fixed"] == [] and world.picture() == before


def test_delayed_start_keeps_old_pid_file(world: DoctorRoot, stand_ins: StandIns) -> None:
    """Hermes delays a start after many starts, before it writes the pid file."""
    world.write("work", "gateway.pid", pid_record(NOBODY))
    stand_ins.start("work")
    assert without_remarks(world) == []


def test_unproven_process_keeps_pid_file(world: DoctorRoot, stand_ins: StandIns) -> None:
    """Old Hermes releases wrote only a pid: the live process can be a gateway of this home or of another."""
    pid = stand_ins.start("work")
    world.write("family", "gateway.pid", f"{pid}\n")
    aged(world.write("family", ".restart_notify.json", "{}"), 9 * 86400)
    assert without_remarks(world) == []


@pytest.mark.parametrize("state", [GatewayState.FAILED, GatewayState.SERVED, GatewayState.STALE])
def test_pid_file_check_ignores_manager_state(state: GatewayState, tmp_path: Path) -> None:
    (tmp_path / "gateway.pid").write_text(str(NOBODY))
    listing = {each.path.name: each for each in list_home(tmp_path)}
    files = HomeFiles(tmp_path, frozenset(), whole=True)
    process = Process(NOBODY, 1.0, "S", 1, ("hermes", "gateway", "run"), {})
    for doubtful, found in ((None, 1), (process, 0)):
        seen = Seen("a", record=PidRecord(NOBODY), unverified=doubtful)
        one = ProfileFacts(
            "a", tmp_path, files, ClaimedResources(), listing, gateway=Gateway("a", state, observation=seen)
        )
        assert len(list(runtime.stale_pid(_Facts(one)))) == found  # type: ignore[arg-type]


def test_copied_pid_file_names_original_gateway(world: DoctorRoot, stand_ins: StandIns) -> None:
    pid = stand_ins.up("work")
    world.write("family", "gateway.pid", (world.home("work") / "gateway.pid").read_bytes())
    (row,) = [row for row in world.findings("--only", "runtime") if row["profiles"] == ["family"]]
    assert row["check"] == "runtime.reused-pid" and f"process {pid}, which is the gateway of work" in row["message"]
    fixed = world.doctor("--fix", "--yes", "--only", "runtime", "--json")
    assert [each["profiles"] for each in fixed.data["fixed"]] == [["family"]]
    assert not (world.home("family") / "gateway.pid").exists() and (world.home("work") / "gateway.pid").exists()


def test_newer_code_is_reported(world: DoctorRoot, stand_ins: StandIns) -> None:
    installed = stand_ins.venv / "lib" / "python3.11" / "site-packages" / "hermes_agent-0.19.1.dist-info"
    installed.mkdir(parents=True)
    stand_ins.up("work")
    aged(installed, 3600)
    assert of(world, "runtime.old-code") == []
    aged(installed, -3600)
    assert of(world, "runtime.old-code") == [], "a clock that was wrong"
    time.sleep(4.1)
    aged(installed, 0.5)
    (row,) = of(world, "runtime.old-code")
    assert row["profiles"] == ["work"] and "before Hermes 0.19.1 was installed" in row["message"]
    assert row["fix"]["command"] == "hermes-gateways restart work"


def test_newer_checkout_is_reported(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    assert code_of(python) is None
    (tmp_path / "hermes_cli").mkdir()
    assert code_of(python) is None, "unknown build"
    log = tmp_path / ".git" / "logs" / "HEAD"
    log.parent.mkdir(parents=True)
    log.write_text("pulled\n")
    aged(log, 1000)
    found = code_of(python)
    assert found is not None and found.version == "" and abs(time.time() - 1000 - found.at) < 5


def profile(name: str, usage: Usage, *, installed: bool | None = None) -> ProfileFacts:
    """Return a profile with a gateway with this resource use."""
    process = Process(100 + len(name), 1.0, "S", 1, ("hermes", "gateway", "run"), {})
    service = None
    if installed is not None:
        service = ServiceStatus(installed=installed, enabled=installed, activity=Activity.INACTIVE)
    seen = Seen(name, process=process, usage=usage, now=1000.0)
    state = GatewayState.RUNNING if installed is None else GatewayState.UNSUPERVISED
    gateway = Gateway(
        name, state, process.pid, usage=usage, process=process, service=service, settled=True, observation=seen
    )
    home = Path("/nowhere") / name
    return ProfileFacts(name, home, HomeFiles(home, frozenset(), whole=True), ClaimedResources(), {}, gateway=gateway)


class _Facts:
    """The facts that the process checks read."""

    def __init__(self, *profiles: ProfileFacts) -> None:
        self.profiles = {each.name: each for each in profiles}
        self.runtime = RuntimeFacts()
        self.update = UpdateFacts()
        self.layout = Layout(Path("/nowhere"), Path("/nowhere"))


MB = 1024**2


@pytest.mark.parametrize(
    ("sizes", "large"),
    [
        ([100, 110, 120, 600], [3]),
        ([100, 110, 120, 490], []),
        ([250, 260, 270, 700], []),
        ([100, 600], []),
        ([2100], [0]),
        ([2000], []),
        ([100, None, 600], []),
    ],
)
def test_memory_is_compared_with_other_gateways(sizes: list[int | None], large: list[int]) -> None:
    profiles = [profile(f"p{n}", Usage(rss=size * MB if size else None)) for n, size in enumerate(sizes)]
    found = list(gateway_health.memory(_Facts(*profiles)))  # type: ignore[arg-type]
    assert [each.profiles for each in found] == [(f"p{n}",) for n in large]


@pytest.mark.parametrize(("count", "limit", "fires"), [(80, 100, True), (79, 100, False), (80, None, False)])
def test_open_files_near_limit_are_reported(count: int, limit: int | None, fires: bool) -> None:
    found = list(gateway_health.open_files(_Facts(profile("a", Usage(open_files=count, open_files_limit=limit)))))  # type: ignore[arg-type]
    assert bool(found) is fires


@pytest.mark.parametrize(("sent_by", "reported"), [("", True), ("b", False)])
def test_gateway_that_a_variable_sends_elsewhere_is_no_swap(sent_by: str, reported: bool) -> None:
    found = profile("a", Usage())
    assert found.gateway is not None and found.gateway.observation is not None
    observed = found.gateway.observation._replace(started_for="b", sent_by=sent_by)
    found.gateway = found.gateway._replace(observation=observed)
    facts = _Facts(found)
    assert bool(list(gateway_health.swapped_homes(facts))) is reported  # type: ignore[arg-type]


@pytest.mark.parametrize(("installed", "severity"), [(True, None), (False, "info")])
def test_unsupervised_gateway_is_reported(installed: bool, severity: str | None) -> None:
    facts = _Facts(profile("a", Usage(), installed=installed), profile("b", Usage()))
    (found,) = gateway_health.unsupervised(facts)  # type: ignore[arg-type]
    assert found.profiles == ("a",) and found.severity == severity
    assert found.fix.command == f"hermes-gateways {'restart' if installed else 'install'} a"


@pytest.mark.parametrize(("supervisor", "message", "text"), [
    (Supervisor("the program loop.sh (PID 7)", revives=None, stop="end that first with `kill 7`"),
     "has no service of its own: supervised by the program loop.sh (PID 7), which may start it again",
     "end that first with `kill 7`, then run `hermes-gateways install a`"),
    (Supervisor("tmux", revives=False), "has no service of its own: started in tmux: no manager restarts it",
     "install a service for the gateway"),
])  # fmt: skip
def test_unsupervised_gateway_under_another_program_names_it(supervisor: Supervisor, message: str, text: str) -> None:
    """Beside a program that starts it again, `install` alone is refused."""
    given = profile("a", Usage(), installed=False)
    assert given.gateway is not None and given.gateway.observation is not None
    seen = given.gateway.observation._replace(supervisor=supervisor)
    given.gateway = given.gateway._replace(observation=seen)
    facts = _Facts(given)
    (found,) = gateway_health.unsupervised(facts)  # type: ignore[arg-type]
    assert found.message == f"the gateway of a {message}" and found.fix.text == text


@pytest.mark.parametrize(("reason", "command"), [
    ("bad-setting", "hermes-gateways install a --force"), ("", "hermes-gateways install a")
])  # fmt: skip
def test_gateway_whose_unit_cannot_be_loaded_gets_a_new_one(reason: str, command: str) -> None:
    given = profile("a", Usage(), installed=not reason)
    assert given.gateway is not None and given.gateway.service is not None
    service = given.gateway.service._replace(installed=False, activity=Activity.ACTIVE, pid=101, unusable=reason)
    given.gateway = given.gateway._replace(service=service)
    facts = _Facts(given)
    (found,) = gateway_health.unsupervised(facts)  # type: ignore[arg-type]
    assert found.fix.command == command


@pytest.mark.parametrize(("version", "standalone", "command"), [
    ((0, 21, 3), (), "hermes-gateways install a"),
    ((0, 21, 4), (), "hermes-gateways stop a --yes && hermes-gateways install default --start"),
    ((0, 21, 4), ("a",), "hermes-gateways install a"),
])  # fmt: skip
def test_unsupervised_gateway_gets_a_service_where_hermes_has_one(
    version: tuple[int, int, int], standalone: tuple[str, ...], command: str
) -> None:
    facts = _Facts(profile("a", Usage(), installed=False))
    facts.update = UpdateFacts(facts_of(version), UpdateSettings(standalone=frozenset(standalone)))
    (found,) = gateway_health.unsupervised(facts)  # type: ignore[arg-type]
    assert found.fix.command == command
