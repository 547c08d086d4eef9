"""A real supervisord with shell scripts as gateways, which record their starts and stops."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from supervisor_root import SupervisorRoot, daemon_pid, is_gone, until, variables_of

from hermes_profiles.services.manager import Activity, ManagerError
from hermes_profiles.services.supervisor import client
from hermes_profiles.services.supervisor.client import daemon_id
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.supervisor.render import Delays, render_daemon

FAST = Delays(first=0.1, longest=60, settled=3600)
NEVER = Delays(first=3600, longest=3600, settled=3600)
AWKWARD = "a b;c ;d %(here)s 100% '\"\\ $HOME & <é>"
# A caller with the secrets of another gateway and the variables of another manager.
HOSTILE = {
    "TELEGRAM_BOT_TOKEN": "7100:foreign", "HERMES_HOME": "/foreign", "PORT": "8642", "API_SERVER_PORT": "8642",
    "INVOCATION_ID": "foreign", "NOTIFY_SOCKET": "/foreign", "JOURNAL_STREAM": "1:2", "XPC_SERVICE_NAME": "foreign",
    "PYTHONSTARTUP": "/foreign", "LANG": "C.UTF-8", "OPENAI_API_KEY": "foreign", "HOME": "/nonexistent",
}  # fmt: skip

Maker = Callable[..., SupervisorRoot]


@pytest.fixture
def make(tmp_path: Path, short_folder: Path) -> Iterator[Maker]:
    """Create SupervisorRoots; their processes are ended afterwards."""
    worlds: list[SupervisorRoot] = []
    runtime = short_folder

    def one(delays: Delays | None = FAST, *, folder: str = "world", **environment: str) -> SupervisorRoot:
        worlds.append(SupervisorRoot(tmp_path / folder, {"XDG_RUNTIME_DIR": str(runtime), **environment}, delays))
        return worlds[-1]

    yield one
    for world in worlds:
        world.end()


# -- start and stop


def test_started_gateway_is_active_with_its_own_pid_home_and_log(make: Maker) -> None:
    world = make()
    service = world.install("work", start=False)
    assert world.status(service).activity is Activity.INACTIVE  # loaded is not started
    assert world.starts(service) == []
    assert world.manager.start([service]) == {}
    pid = world.is_up(service)
    status = world.status(service)
    assert (status.installed, status.enabled, status.restarts, status.last_exit) == (True, True, 0, None)
    assert status.home == str(world.home("work")) and status.since is not None
    assert world.manager.journal_tail(service) == [f"hello from {pid}"]
    assert world.manager.start([service]) == {} and world.is_up(service) == pid  # unchanged


def test_stopped_gateway_stays_stopped_and_leaves_no_process(make: Maker) -> None:
    world = make()
    service = world.install("work")
    pid = world.is_up(service)
    helper = world.helper(service)
    assert world.manager.stop([service]) == {}
    status = world.reach(service, lambda each: each.activity is Activity.INACTIVE)
    assert (status.pid, status.last_exit, status.restarts) == (None, -signal.SIGTERM, 0)
    until(lambda: is_gone(pid) and is_gone(helper))
    for _ in range(30):
        assert world.status(service).activity is Activity.INACTIVE
    assert len(world.starts(service)) == 1
    assert world.manager.stop([service]) == {}  # a repeated stop is not a failure


def test_gateway_that_ignores_stop_is_killed_with_children(make: Maker) -> None:
    world = make()
    spec = world.spec("work")
    path, content, _ = world.manager.definitions(spec)[0]
    service = world.write(spec)
    path.write_bytes(content.replace(b"stopwaitsecs=60", b"stopwaitsecs=1"))
    (world.home("work") / "deaf").touch()
    assert world.manager.load([service], enable=None) == {} and world.manager.start([service]) == {}
    world.is_up(service)
    helper = world.helper(service)
    assert world.manager.stop([service]) == {}
    assert world.status(service).activity is Activity.DEACTIVATING
    status = world.reach(service, lambda each: each.activity is Activity.INACTIVE)
    assert status.last_exit == -signal.SIGKILL
    until(lambda: is_gone(helper))


def test_stop_right_after_start_stops_gateway(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*given: Any) -> bytes:
        """Delay the exec of children: they close thousands of descriptors first."""
        return render_daemon(*given).replace(b"minfds=16", b"minfds=4096")

    monkeypatch.setattr("hermes_profiles.services.supervisor.manager.render_daemon", slow)
    world = make()
    services = [world.write(world.spec(f"p{number}")) for number in range(10)]
    world.manager.load(services, enable=None)
    world.note()
    folder = world.state / "supervisor"
    asked = json.dumps({"daemon": daemon_id(folder), "names": [each.name.unit for each in services]})
    calls = [{"methodName": f"fleet.{method}", "params": [asked]} for method in ("start", "stop")]
    body = xmlrpc.client.dumps((calls,), "system.multicall").encode()
    head = b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = client._exchange((folder / "socket").read_text(), head + body, folder)
    assert answer.count(b"<string>{}</string>") == 2
    until(lambda: {each.activity for each in world.manager.query(services).values()} == {Activity.INACTIVE})


def test_start_during_stop_runs_after_it(make: Maker) -> None:
    world = make()
    service = world.install("work", start=False)
    (world.home("work") / "deaf").touch()
    world.manager.start([service])
    pid = world.is_up(service)
    world.manager.stop([service])
    assert world.manager.start([service]) == {}
    status = world.status(service)
    assert status.activity is Activity.DEACTIVATING and status.queued
    (world.home("work") / "deaf").unlink()
    os.kill(pid, signal.SIGKILL)
    assert world.is_up(service) != pid
    assert world.status(service).restarts == 0


# -- restarts


def test_killed_gateway_is_restarted_and_counted(make: Maker) -> None:
    world = make()
    service = world.install("work")
    first = world.is_up(service)
    helper = world.helper(service)
    os.kill(first, signal.SIGKILL)
    status = world.reach(service, lambda each: each.restarts == 1 and each.activity is Activity.ACTIVE)
    assert status.pid != first and status.last_exit == -signal.SIGKILL
    assert is_gone(helper)  # leftovers of the ended gateway do not block the next one
    os.kill(world.is_up(service), signal.SIGKILL)
    world.reach(service, lambda each: each.restarts == 2 and each.activity is Activity.ACTIVE)
    world.manager.stop([service])
    world.reach(service, lambda each: each.activity is Activity.INACTIVE)
    world.manager.start([service])
    assert world.status(service).restarts == 0  # counted since the last explicit start


@pytest.mark.parametrize(("code", "activity"), [(78, Activity.FAILED), (0, Activity.INACTIVE)])
def test_final_exit_code_is_not_restarted(make: Maker, code: int, activity: Activity) -> None:
    world = make(Delays(first=0, longest=0))
    service = world.install("work", exits=str(code))
    status = world.reach(service, lambda each: each.last_exit is not None)
    assert (status.activity, status.last_exit, status.waiting) == (activity, code, False)
    assert status.reason == ("exit-code" if code else "")
    for _ in range(50):
        assert world.status(service).activity is activity
    assert len(world.starts(service)) == 1
    world.manager.start([service])
    world.is_up(service)


def test_restart_exit_code_restarts_immediately_up_to_limit(make: Maker) -> None:
    world = make(NEVER)
    service = world.install("work", exits="75 75")
    world.is_up(service)
    assert (world.status(service).restarts, world.status(service).last_exit) == (2, 75)
    loop = world.install("loop", exits="75 " * 20)
    world.reach(loop, lambda each: each.waiting and each.restarts == 5)
    for _ in range(30):
        assert world.status(loop).restarts == 5


def test_failures_are_retried_with_growing_delay(make: Maker) -> None:
    world = make(Delays(first=0.1, longest=60, settled=3600))
    service = world.install("work", exits="1 1 1 1")
    waiting = world.reach(service, lambda each: each.waiting)
    assert (waiting.activity, waiting.last_exit, waiting.reason) == (Activity.ACTIVATING, 1, "exit-code")
    world.is_up(service)
    begun = world.starts(service)
    gaps = [after - before for before, after in pairwise(begun)]
    assert len(gaps) == 4 and all(gap >= 0.1 * 2**number for number, gap in enumerate(gaps)), gaps
    assert world.status(service).restarts == 4


def test_stop_during_retry_delay_ends_retries(make: Maker) -> None:
    world = make(NEVER)
    service = world.install("work", exits="1")
    world.reach(service, lambda each: each.waiting)
    assert world.manager.stop([service]) == {}
    status = world.status(service)
    assert (status.activity, status.waiting) == (Activity.INACTIVE, False)
    assert world.manager.unload([service]) == {}


def test_start_during_retry_delay_retries_immediately(make: Maker) -> None:
    world = make(NEVER)
    service = world.install("work", exits="1")
    world.reach(service, lambda each: each.waiting)
    assert world.manager.start([service]) == {}
    world.is_up(service)


def test_missing_interpreter_is_reported_and_retried(make: Maker) -> None:
    world = make(NEVER)
    world.python.rename(world.folder / "away")
    service = world.install("work", start=False)
    assert world.manager.start([service]) == {"work": f"can't find command '{world.python}'"}
    status = world.status(service)
    assert (status.activity, status.waiting) == (Activity.ACTIVATING, True)
    assert status.reason == f"can't find command '{world.python}'"
    (world.folder / "away").rename(world.python)
    other = make(Delays(first=0.1, longest=0.1), folder="other")
    other.python.rename(other.folder / "away")
    service = other.install("work", start=False)
    assert "work" in other.manager.start([service])
    other.reach(service, lambda each: (each.restarts or 0) >= 2)  # more than once
    (other.folder / "away").rename(other.python)
    other.is_up(service)


# -- the prestart


def test_prestart_runs_first_and_its_failure_does_not_stop_start(make: Maker) -> None:
    world = make()
    note = world.folder / "note"
    spec = world.spec("work")._replace(prestart=("/bin/sh", "-c", f"env > '{note}'; exit 3"))
    service = world.write(spec)
    world.manager.load([service], enable=None)
    world.manager.start([service])
    world.is_up(service)
    assert f"HERMES_HOME={spec.home}\n" in note.read_text()
    assert "SUPERVISOR_ENABLED" not in note.read_text()  # it runs in the gateway's environment


def test_stop_interrupts_prestart(make: Maker) -> None:
    world = make()
    note = world.folder / "note"
    spec = world.spec("work")._replace(prestart=("/bin/sh", "-c", f"echo $$ > '{note}'; sleep 1000; true"))
    service = world.write(spec)
    world.manager.load([service], enable=None)
    world.manager.start([service])
    prestart = int(until(lambda: note.exists() and note.read_text()))  # type: ignore[call-overload]
    world.manager.stop([service])
    world.reach(service, lambda each: each.activity is Activity.INACTIVE)
    until(lambda: is_gone(prestart))
    assert world.starts(service) == []


# -- paths and environments


def test_awkward_paths_are_passed_unchanged(make: Maker) -> None:
    world = make(folder=AWKWARD)
    service = world.install("work")
    pid = world.is_up(service)
    home = world.home("work")
    words = [os.fsdecode(word) for word in (home / "argv").read_bytes().split(b"\0")]
    assert words[:-1] == [str(world.python), "-m", "hermes_cli.main", "-p", "work", "gateway", "run"]
    assert (home / "folder").read_text() == f"{home}\n"
    assert variables_of(pid)["HERMES_HOME"] == str(home) == world.status(service).home
    assert world.manager.journal_tail(service) == [f"hello from {pid}"]
    assert (home / "logs" / "service.log").exists()


def test_daemon_and_gateways_inherit_nothing_of_caller(make: Maker) -> None:
    world = make(**HOSTILE)
    asks = world.spec("asks")._replace(inherited=("OPENAI_API_KEY",))
    service, plain = world.write(asks), world.write(world.spec("plain"))
    world.manager.load([service, plain], enable=None)
    world.manager.start([service, plain])
    pid, plain_pid, daemon = world.is_up(service), world.is_up(plain), world.note()
    assert daemon is not None
    assert variables_of(daemon).keys() - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "OPENAI_API_KEY"}
    for each in (pid, plain_pid):
        found = variables_of(each)
        assert not {name for name in HOSTILE.keys() - {"OPENAI_API_KEY"} if found.get(name) == "foreign"}
        assert not found.keys() & {"TELEGRAM_BOT_TOKEN", "PORT", "API_SERVER_PORT", "INVOCATION_ID", "NOTIFY_SOCKET"}
        environment = (world.home("plain") / "environment").read_text()
        assert "foreign" not in environment and "SUPERVISOR" not in environment.replace("EXTERNAL_SUPERVISOR", "")
        assert found["HERMES_GATEWAY_EXTERNAL_SUPERVISOR"] == "1"
    assert "OPENAI_API_KEY=foreign\0" in (world.home("asks") / "environment").read_text()


# -- the daemon


_TWO = """
import sys, os
from pathlib import Path
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.naming import ServiceName
manager = SupervisorManager(Path(sys.argv[1]), os.environ, os.getuid())
service = manager.service(ServiceName(sys.argv[2], sys.argv[2]), sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
print(manager.load([service], enable=None), manager.start([service]), manager._status()["pid"])
"""


def _command(world: SupervisorRoot, name: str, *, runtime: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _TWO, str(world.state), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": runtime}, start_new_session=True,
    )  # fmt: skip


def test_concurrent_commands_start_one_lasting_daemon(make: Maker) -> None:
    world = make()
    names = ["one", "two", "three"]
    services = [world.write(world.spec(name)) for name in names]
    # One command would choose another socket.
    runtime = world.environment["XDG_RUNTIME_DIR"]
    commands = [_command(world, name, runtime=runtime if name != "two" else "") for name in names]
    try:
        for command in commands:
            assert command.stdout is not None and command.stdout.readline() == "ready\n"
        for command in commands:  # now all in parallel
            assert command.stdin is not None
            command.stdin.close()
            command.stdin = None
        answers = {command.communicate(timeout=60)[0] for command in commands}
    finally:
        daemon = world.note()
    assert answers == {f"{{}} {{}} {daemon}\n"} and daemon is not None
    conf = os.fsencode(world.state / "supervisor" / "supervisord.conf")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        # A child has the arguments of the daemon until its exec.
        if conf in words and parent != daemon:
            found.append(int(process.name))
    assert found == [daemon]
    # The commands and their sessions have ended.
    assert os.getsid(daemon) == daemon and os.readlink(f"/proc/{daemon}/cwd") == "/"
    assert {os.readlink(f"/proc/{daemon}/fd/{number}") for number in range(3)} == {"/dev/null"}
    elsewhere = SupervisorManager(world.state, {}, os.getuid())
    assert daemon_pid(elsewhere) == daemon
    for service in services:
        world.is_up(service)


def test_second_daemon_of_root_is_refused(make: Maker) -> None:
    world = make()
    service = world.install("work")
    pid, daemon = world.is_up(service), world.note()
    conf = world.state / "supervisor" / "supervisord.conf"
    module = "hermes_profiles.services.supervisor.daemon"
    second = subprocess.run(
        [sys.executable, "-m", module, "-c", str(conf)], capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1 and "another daemon holds" in second.stderr
    assert daemon_pid(world.manager) == daemon and world.is_up(service) == pid


def test_socket_is_private_and_no_port_is_opened(make: Maker) -> None:
    world = make()
    world.install("work")
    socket = Path((world.state / "supervisor" / "socket").read_text())
    assert socket.parent.parent == Path(world.environment["XDG_RUNTIME_DIR"])
    assert stat.S_ISSOCK(socket.stat().st_mode) and stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    daemon = world.note()
    inodes = set()
    for link in Path(f"/proc/{daemon}/fd").iterdir():
        target = os.readlink(link)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    assert inodes
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{daemon}/net/{table}").read_text().splitlines()[1:]
        assert not inodes & {line.split()[9] for line in lines}
    for name in ("supervisord.log", "supervisord.conf", "socket", "meant.json"):
        until((world.state / "supervisor" / name).exists)
        assert stat.S_IMODE((world.state / "supervisor" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((world.home("work") / "logs" / "service.log").stat().st_mode) == 0o600


def test_deleted_socket_is_recreated(make: Maker) -> None:
    world = make()
    service = world.install("work")
    pid = world.is_up(service)
    socket = Path((world.state / "supervisor" / "socket").read_text())
    daemon = world.note()
    socket.unlink()
    socket.parent.rmdir()
    assert daemon_pid(world.manager) == daemon
    assert world.status(service).pid == pid


def test_unload_leaves_nothing(make: Maker) -> None:
    world = make()
    one, two = world.install("one"), world.install("two", enable=False)
    daemon = world.note()
    assert daemon is not None
    assert world.manager.unload([one]) == {"one": "it still runs"}
    world.manager.stop([one, two])
    world.reach(two, lambda each: each.activity is Activity.INACTIVE)
    world.reach(one, lambda each: each.activity is Activity.INACTIVE)
    socket = Path((world.state / "supervisor" / "socket").read_text())
    assert world.manager.unload([one]) == {}
    assert daemon_pid(world.manager) == daemon
    assert world.manager.unload([two]) == {}
    until(lambda: is_gone(daemon))
    assert daemon_pid(world.manager) is None and not socket.exists()
    left = {path.name for path in (world.state / "supervisor").iterdir()}
    assert left == {"programs", "lock", "daemon.lock", "supervisord.log"}
    assert world.manager.unload([one, two]) == {}


def test_each_action_on_ten_programs_is_one_call(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make()
    services = [world.write(world.spec(f"p{number}")) for number in range(10)]
    assert world.manager.load(services, enable=None) == {}
    world.note()
    calls: list[str] = []
    real = client._exchange

    def counted(path: str, request: bytes, folder: Path) -> bytes:
        calls.append(request.partition(b"<methodName>")[2].partition(b"<")[0].decode())
        return real(path, request, folder)

    monkeypatch.setattr(client, "_exchange", counted)
    assert world.manager.start(services) == {}
    found = world.manager.query(services)
    assert {each.activity for each in found.values()} == {Activity.ACTIVE} and len(found) == 10
    assert len({each.pid for each in found.values()}) == 10
    assert world.manager.stop(services) == {}
    assert calls == ["fleet.start", "fleet.getStatus", "fleet.stop"]


def test_daemon_after_a_killed_one_starts_the_named_program_alone(make: Maker) -> None:
    world = make()
    runs, stopped, disabled = world.install("runs"), world.install("stopped"), world.install("disabled", enable=False)
    done, ended = world.install("done", exits="0"), world.install("ended")
    later = world.install("later", start=False)
    world.reach(done, lambda each: each.last_exit == 0)
    world.manager.stop([ended])
    pids = [world.is_up(each) for each in (runs, stopped, disabled)]
    daemon = world.note()
    assert daemon is not None
    meant = world.state / "supervisor" / "meant.json"
    until(
        lambda: json.loads(meant.read_text()) == [f"hermes-gateway-{name}" for name in ("disabled", "runs", "stopped")]
    )
    os.kill(daemon, signal.SIGKILL)
    until(lambda: is_gone(daemon) and all(is_gone(pid) for pid in pids))  # gateways end with their daemon
    assert world.status(runs).activity is Activity.INACTIVE  # a query starts nothing
    assert daemon_pid(world.manager) is None
    assert world.manager.stop([stopped]) == {} and daemon_pid(world.manager) is None
    assert world.manager.start([later]) == {}
    world.note()
    assert world.is_up(later)
    for service in (runs, stopped, disabled, done, ended):
        assert world.status(service).activity is Activity.INACTIVE
    lost = {each for each in (runs, stopped, disabled, done, ended) if world.status(each).lost}
    assert lost == {runs, disabled}  # one of them was stopped while no daemon ran
    assert world.manager.start([runs]) == {} and world.is_up(runs) not in pids
    assert world.status(runs).restarts == 0 and not world.status(runs).lost
    for service in (stopped, disabled, done, ended):
        assert len(world.starts(service)) <= 1
    assert [world.status(each).enabled for each in (runs, disabled)] == [True, False]


def test_ending_daemon_stops_gateways_and_the_next_one_remembers_them(make: Maker) -> None:
    world = make()
    services = [world.install(name) for name in ("one", "two")]
    pids = [world.is_up(each) for each in services]
    daemon = world.note()
    assert daemon is not None
    os.kill(daemon, signal.SIGHUP)  # a hangup is ignored
    for _ in range(10):  # each query wakes the daemon, which would handle the signal
        assert [world.status(each).pid for each in services] == pids
    assert daemon_pid(world.manager) == daemon
    os.kill(daemon, signal.SIGTERM)
    until(lambda: is_gone(daemon))
    assert all(is_gone(pid) for pid in pids)
    assert all(world.status(each).lost for each in services)
    assert world.manager.load([services[0]], enable=None) == {}
    world.note()
    assert all(world.status(each).lost for each in services)
    assert world.manager.start(services) == {}
    for service in services:
        world.is_up(service)


def test_daemon_exit_stops_all_gateways_in_parallel(make: Maker) -> None:
    world = make()
    names = ("one", "two")
    services = [world.install(name, start=False) for name in names]
    for name in names:
        (world.home(name) / "deaf").touch()
    world.manager.start(services)
    pids = [world.is_up(each) for each in services]
    daemon = world.note()
    assert daemon is not None
    os.kill(daemon, signal.SIGTERM)
    try:
        # Both ignore TERM, and both get it: the second does not wait for the first.
        until(lambda: {each.activity for each in world.manager.query(services).values()} == {Activity.DEACTIVATING})
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(daemon))


def test_daemon_that_does_not_start_reports_reason(make: Maker) -> None:
    world = make()
    service = world.write(world.spec("work"))
    (world.state / "supervisor" / "supervisord.log").mkdir(parents=True)
    with pytest.raises(ManagerError, match=r"supervisord does not start: .*supervisord\.log"):
        world.manager.load([service], enable=None)
    assert daemon_pid(world.manager) is None


@pytest.mark.parametrize(("pid", "reason"), [("", "did not answer within"), ("its own", "is suspended")])
def test_hanging_daemon_is_error_after_time_limit(
    make: Maker, monkeypatch: pytest.MonkeyPatch, pid: str, reason: str
) -> None:
    world = make()
    service = world.install("work")
    daemon = world.note()
    assert daemon is not None
    monkeypatch.setattr(client, "_SECONDS", 0.2)
    monkeypatch.setattr(client, "_LOOK", 0.1)
    if not pid:  # a daemon that works on something for too long
        monkeypatch.setattr(client, "lock_holder", lambda _: None)
    os.kill(daemon, signal.SIGSTOP)
    try:
        with pytest.raises(ManagerError, match=reason):
            world.status(service)
    finally:
        os.kill(daemon, signal.SIGCONT)


def test_stale_socket_and_pid_file_are_not_a_daemon(make: Maker) -> None:
    world = make()
    service = world.install("work", start=False)
    daemon = world.note()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    until(lambda: is_gone(daemon))
    folder = world.state / "supervisor"
    assert Path((folder / "socket").read_text()).exists() and (folder / "supervisord.pid").exists()
    assert daemon_pid(world.manager) is None
    world.manager.start([service])
    assert world.note() not in (None, daemon)
    world.is_up(service)


def test_copied_root_has_its_own_daemon(make: Maker) -> None:
    world = make()
    service = world.install("work")
    pid = world.is_up(service)
    copy = make(folder="copy")
    copy.write(copy.spec("work"))
    (copy.state / "supervisor" / "socket").write_bytes((world.state / "supervisor" / "socket").read_bytes())
    assert daemon_pid(copy.manager) is None
    assert copy.manager.stop([copy.manager.service(service.name, "work")]) == {}
    assert world.is_up(service) == pid
    mine = copy.install("work")
    assert copy.is_up(mine) != pid and copy.note() != world.note()


# -- definitions


def test_changed_definition_is_used_at_next_start(make: Maker) -> None:
    world = make()
    service, other = world.install("work"), world.install("other")
    pid, other_pid = world.is_up(service), world.is_up(other)
    assert not world.status(service).stale_definition
    moved = world.home("moved")
    world.write(world.spec("work")._replace(variables=(("EXTRA", "new"),), home=moved))
    assert world.status(service).stale_definition and not world.status(other).stale_definition
    assert world.manager.load([service], enable=None) == {}
    assert not world.status(service).stale_definition
    assert world.is_up(service) == pid and world.status(service).home == str(world.home("work"))
    world.manager.stop([service])
    world.reach(service, lambda each: each.activity is Activity.INACTIVE)
    world.manager.start([service])
    status = world.status(service)
    assert status.pid is not None and status.home == str(moved)
    until((moved / "up").exists)
    assert variables_of(status.pid)["EXTRA"] == "new"
    assert world.is_up(other) == other_pid


def test_unreadable_definition_does_not_stop_other_gateways(make: Maker) -> None:
    world = make()
    broken = world.write(world.spec("broken"))
    broken.path.write_bytes(b"[program:hermes-gateway-broken\n\xff")
    foreign = world.write(world.spec("foreign"))
    foreign.path.write_text("[inet_http_server]\nport=127.0.0.1:9\n")
    gone = world.write(world.spec("gone"))
    gone.path.write_bytes(gone.path.read_bytes().replace(str(world.home("gone")).encode(), b"/nonexistent/x"))
    service = world.install("work")  # starts the daemon, which reads all definitions
    world.is_up(service)
    found = world.manager.query([broken, foreign, gone])
    assert {each.activity for each in found.values()} == {Activity.FAILED}
    assert all(each.reason.startswith("cannot read its definition: ") for each in found.values())
    assert world.manager.start([foreign])["foreign"] == found["foreign"].reason
    assert set(world.manager.load([broken, service], enable=None)) == {"broken"}
    world.write(world.spec("broken"))
    assert world.manager.load([broken], enable=None) == {}
    assert world.status(broken).activity is Activity.INACTIVE
