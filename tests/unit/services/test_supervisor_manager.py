"""The supervisor manager where no daemon runs, and the rule for the next try with a clock of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from supervisor.states import ProcessStates
from supervisor_root import daemon_pid

from hermes_profiles.changes.append_log import append_fault
from hermes_profiles.changes.lock import acquire_lock, lock_holder, write_pid
from hermes_profiles.changes.state_files import own_folder, remove_state_file, write_state_file
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.services.manager import Activity, ManagerError, ManagerKind, ServiceStatus
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.supervisor import client, process
from hermes_profiles.services.supervisor import manager as manager_module
from hermes_profiles.services.supervisor.client import choose_socket, daemon_id, names_in
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.supervisor.process import SupervisedGateway
from hermes_profiles.services.supervisor.render import Delays
from hermes_profiles.services.supervisor.rpc import FleetInterface


def _manager(folder: Path, **environment: str) -> SupervisorManager:
    return SupervisorManager(folder / "state", environment, os.getuid())


# -- no daemon


def test_query_without_daemon_creates_nothing(tmp_path: Path) -> None:
    manager = _manager(tmp_path)
    service = manager.service(ServiceName("work", "work"), "work")
    assert manager.kind is ManagerKind.SUPERVISOR
    assert manager.query([service]) == {"work": ServiceStatus(False, False, Activity.INACTIVE)}
    assert daemon_pid(manager) is None and manager.journal_tail(service) == []
    assert manager.stop([service]) == {} and manager.unload([service]) == {}
    assert manager.load([], enable=True) == manager.start([]) == manager.enable([], enabled=True) == {}
    assert list(tmp_path.iterdir()) == []


def test_start_without_socket_folder_hints_at_runtime_folder(short_folder: Path) -> None:
    (short_folder / "run").touch()  # as little a folder as a /tmp that may not be written to
    manager = _manager(short_folder, XDG_RUNTIME_DIR=str(short_folder / "run"))
    with pytest.raises(ManagerError) as caught:
        manager.start([manager.service(ServiceName("work", "work"), "work")])
    assert "cannot create the socket" in str(caught.value) and "XDG_RUNTIME_DIR=" in (caught.value.problem.hint or "")


def test_enabling_and_disabling_needs_no_daemon(tmp_path: Path) -> None:
    manager = _manager(tmp_path)
    one, two = (manager.service(ServiceName(name, name), name) for name in ("one", "two"))
    for each in (one, two):
        each.path.parent.mkdir(parents=True, exist_ok=True)
        each.path.touch()
    assert manager.enable([one, two], enabled=False) == {}
    assert manager.enable([one], enabled=True) == {}
    assert [manager.query([each])[each.profile].enabled for each in (one, two)] == [True, False]
    assert manager.enable([two], enabled=True) == {}
    assert manager.query([two])["two"] == ServiceStatus(True, True, Activity.INACTIVE)
    assert not (tmp_path / "state" / "supervisor" / "disabled.json").exists()


def test_the_default_profile_and_others_have_hermes_names(tmp_path: Path) -> None:
    manager = _manager(tmp_path)
    folder = tmp_path / "state" / "supervisor" / "programs"
    assert manager.service(ServiceName("", ""), "default").path == folder / "hermes-gateway.conf"
    assert manager.service(ServiceName("work", "work"), "work").path == folder / "hermes-gateway-work.conf"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": 1}', b"[1, null]", b'"text"'])
def test_a_damaged_record_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    assert names_in(tmp_path / "record") == set()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.0 500 Internal Server Error\r\n\r\nno", "supervisord failed: HTTP/1.0 500"),
        (b"HTTP/1.0 200 OK\r\n\r\n<fault><int>30</int><string>FAILED: a &lt; b</string></fault>", "FAILED: a < b"),
    ],
)
def test_failed_daemon_error_names_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, message: str
) -> None:
    folder = tmp_path / "state" / "supervisor"
    folder.mkdir(parents=True)
    (folder / "socket").write_text("/nowhere")
    monkeypatch.setattr(client, "_exchange", lambda *_: answer)
    with pytest.raises(ManagerError, match=message) as caught:
        daemon_pid(_manager(tmp_path))
    assert caught.value.problem.hint == f"read its log with `tail -n 50 {folder / 'supervisord.log'}`"


def test_a_daemon_that_lives_but_cannot_be_reached_is_not_called_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state" / "supervisor"
    folder.mkdir(parents=True)
    held = acquire_lock(folder / "daemon.lock", wait=0)
    assert held is not None
    write_pid(held, folder / "daemon.lock")
    monkeypatch.setattr("hermes_profiles.services.supervisor.manager._ANSWER_SECONDS", 0.1)
    with pytest.raises(ManagerError, match=f"process {os.getpid()}.*cannot be reached"):
        daemon_pid(_manager(tmp_path))
    os.close(held)
    assert daemon_pid(_manager(tmp_path)) is None


# -- where it listens


def test_choose_socket_prefers_short_runtime_folder_of_user(tmp_path: Path, isolated: Path, short_folder: Path) -> None:
    uid, folder = os.getuid(), tmp_path / "supervisor"
    name = f"{daemon_id(folder)}.sock"
    own = short_folder
    assert choose_socket(folder, {"XDG_RUNTIME_DIR": str(own)}, uid) == own / "hermes-profiles" / name
    otherwise = Path(f"/tmp/hermes-profiles-{uid}") / name
    long = isolated / ("x" * 60)
    long.mkdir()
    for given in ("", "relative", str(own / "missing"), str(long), f"{own}\n"):
        assert choose_socket(folder, {"XDG_RUNTIME_DIR": given}, uid) == otherwise
    foreign = choose_socket(folder, {"XDG_RUNTIME_DIR": str(own)}, uid + 1)
    assert foreign == Path(f"/tmp/hermes-profiles-{uid + 1}") / name
    assert len(os.fsencode(foreign)) + len(".4194304") <= 103
    assert choose_socket(tmp_path / "other", {}, uid) != otherwise


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    own_folder(folder, os.getuid())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    own_folder(folder, os.getuid())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(Refused, match="not a folder of user"):
        own_folder(folder, os.getuid() + 1)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(Refused, match="not a folder of user"):
        own_folder(tmp_path / "link", os.getuid())
    with pytest.raises(Failed):
        own_folder(tmp_path / "missing" / "run", os.getuid())


# -- runtime files


def test_a_runtime_file_is_put_in_place_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_state_file(path, b"one")
    assert path.read_bytes() == b"one" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    inode = path.stat().st_ino
    write_state_file(path, b"two", 0o644)
    assert path.read_bytes() == b"two" and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.stat().st_ino != inode and stat.S_IMODE(path.parent.stat().st_mode) == 0o755  # not ours to change
    assert list(path.parent.iterdir()) == [path]
    remove_state_file(path)
    remove_state_file(path)
    assert list(path.parent.iterdir()) == []


def test_a_runtime_file_that_cannot_be_placed_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(Failed):
        write_state_file(tmp_path / "file", b"content")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_lock_has_one_holder_and_looking_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert lock_holder(path) is None
    held = acquire_lock(path, wait=0)
    assert held is not None
    write_pid(held, path)
    assert lock_holder(path) == str(os.getpid()) and acquire_lock(path, wait=0.1) is None
    os.close(held)
    assert lock_holder(path) is None
    again = acquire_lock(path, wait=0)
    assert again is not None
    os.close(again)


# -- when it is tried again


class Options:
    """As much of the daemon's options as a process touches."""

    def __init__(self, delays: Delays) -> None:
        quiet = lambda *_: None  # noqa: E731
        self.delays, self.mood, self.desired = delays, 1, {}  # type: ignore[var-annotated]
        self.logger = SimpleNamespace(info=quiet, warn=quiet, debug=quiet, critical=quiet)
        self.close_parent_pipes = quiet

    def set_desired(self, name: str, *, runs: bool) -> None:
        self.desired[name] = runs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A fixed clock; `now` sets it."""
    found = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(process.time, "monotonic", lambda: found.now)
    return found


def _gateway(delays: Delays) -> Any:
    config = SimpleNamespace(name="work", exitcodes=[0, 78], startsecs=0, options=Options(delays))
    return SupervisedGateway(config)  # type: ignore[arg-type]


def _run(gateway: Any, clock: SimpleNamespace, seconds: float, status: int) -> float:
    """Let the gateway run and end; returns how long it is then left down."""
    gateway.state, gateway.began = ProcessStates.RUNNING, clock.now
    clock.now += seconds
    gateway.finish(1, status)
    return float(gateway.due - clock.now)


def test_the_pause_doubles_up_to_the_longest_and_begins_again_after_a_long_run(clock: SimpleNamespace) -> None:
    gateway = _gateway(Delays())
    pauses = [_run(gateway, clock, 59.0, 1 << 8) for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [_run(gateway, clock, seconds, 1 << 8) for seconds in (60.0, 0.0)] == [1, 2]
    for _ in range(2000):  # never an overflow, never given up
        assert _run(gateway, clock, 0, 9) <= 60 and gateway.waits_for_retry
    assert gateway.last_exit == -9


def test_restarts_on_demand_do_not_count_as_failures(clock: SimpleNamespace) -> None:
    gateway = _gateway(Delays())
    assert _run(gateway, clock, 1, 1 << 8) == 1
    assert [_run(gateway, clock, 1, 75 << 8) <= 0 for _ in range(6)] == [True] * 5 + [False]
    assert _run(gateway, clock, 1, 1 << 8) == 4
    assert _run(gateway, clock, 61, 75 << 8) <= 0  # a long run is forgiven here too


def test_start_of_a_gateway_that_came_up_again_forgets_its_crashes(clock: SimpleNamespace) -> None:
    gateway = _gateway(Delays())
    for _ in range(4):
        _run(gateway, clock, 0, 1 << 8)
    gateway.state, gateway.restarts = ProcessStates.RUNNING, 4
    fleet = FleetInterface(SimpleNamespace(gateway=lambda _: gateway, options=None))  # type: ignore[arg-type]
    assert fleet._start("work") is None
    assert (gateway.restarts, gateway.failures, gateway.state) == (0, 0, ProcessStates.RUNNING)


@pytest.mark.parametrize("code", [0, 78])
def test_final_exit_ends_tries_and_desired_state(clock: SimpleNamespace, code: int) -> None:
    gateway = _gateway(Delays())
    _run(gateway, clock, 0, code << 8)
    assert gateway.state == ProcessStates.EXITED and not gateway.waits_for_retry and gateway.last_exit == code
    assert gateway.config.options.desired == {"work": False}


def test_ending_daemon_starts_nothing_and_keeps_desired_state(clock: SimpleNamespace) -> None:
    gateway = _gateway(Delays())
    _run(gateway, clock, 0, 1 << 8)
    gateway.config.options.mood = -1
    clock.now += 100
    gateway.transition()
    assert gateway.waits_for_retry
    gateway.forget()
    assert gateway.config.options.desired == {}


def test_the_records_are_lists_of_names(tmp_path: Path) -> None:
    (tmp_path / "record").write_text(json.dumps(["hermes-gateway", "hermes-gateway-work"]))
    assert names_in(tmp_path / "record") == {"hermes-gateway", "hermes-gateway-work"}


# -- a daemon that cannot answer, a program that cannot start


def test_suspended_daemon_is_named_at_once(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LOOK", 0.02)
    folder = short_folder / "state" / "supervisor"
    folder.mkdir(parents=True)
    held = acquire_lock(folder / "daemon.lock", wait=0)
    assert held is not None
    with socket.socket(socket.AF_UNIX) as listener, subprocess.Popen(["sleep", "60"]) as asleep:
        try:
            listener.bind(str(short_folder / "sock"))
            listener.listen()
            (folder / "socket").write_bytes(os.fsencode(short_folder / "sock"))
            os.write(held, str(asleep.pid).encode())
            asleep.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, asleep.pid, os.WSTOPPED | os.WNOWAIT)
            with pytest.raises(ManagerError) as caught:
                _manager(short_folder).query([])
        finally:
            asleep.kill()
            os.close(held)
    assert f"process {asleep.pid}) is suspended" in str(caught.value)
    assert f"`kill -CONT {asleep.pid}`" in (caught.value.problem.hint or "")


def test_supervisord_of_a_removed_root_is_named_where_another_cannot_start(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock went with the folder, and its socket is at the path of the new one."""
    (short_folder / "run").mkdir(mode=0o700)
    manager = _manager(short_folder, XDG_RUNTIME_DIR=str(short_folder / "run"))
    place = choose_socket(manager._folder, {"XDG_RUNTIME_DIR": str(short_folder / "run")}, os.getuid())
    place.parent.mkdir(mode=0o700)
    service = manager.service(ServiceName("work", "work"), "work")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=2, stderr=b"in use"))
        with pytest.raises(ManagerError, match=f"process {os.getpid()} listens on .* removed from this path") as caught:
            manager.start([service])
    assert f"`kill {os.getpid()}`" in (caught.value.problem.hint or "")
    place.unlink()
    with pytest.raises(ManagerError, match="does not start: in use"):
        manager.start([service])


def test_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    log = logs / "gateway.log"
    assert append_fault(str(log)) == "" and logs.is_dir()  # a missing folder is created
    os.mkfifo(log)
    assert append_fault(str(log)).startswith(f"its log {log} cannot be written: ")
    log.unlink()
    log.mkdir()
    assert append_fault(str(log)) == f"its log {log} cannot be written: is a directory"
    log.rmdir()
    log.touch()
    assert append_fault(str(log)) == ""
    log.unlink()
    logs.rmdir()
    logs.symlink_to(tmp_path / "gone")
    assert append_fault(str(log)) == f"its log folder {logs} is not a folder"


def test_program_that_waits_after_a_failed_exec_is_unusable(tmp_path: Path) -> None:
    program = {
        "state": "BACKOFF", "pid": 0, "spawnerr": "its log is a directory", "waiting": True, "queued": False,
        "restarts": 1, "last_exit": 0, "changed": 1.0, "stale": False, "home": "/h", "lost": False,
    }  # fmt: skip
    found = manager_module._status_of(program, "", installed=True, enabled=True, lost="")
    assert found.unusable == "its log is a directory"
    assert (
        manager_module._status_of(program | {"spawnerr": None}, "", installed=True, enabled=True, lost="").unusable
        == ""
    )
