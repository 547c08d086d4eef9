"""The LaunchAgent, and its wrapper run for real by /bin/sh against gateways that are not."""

from __future__ import annotations

import json
import os
import plistlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_hermes import hermes_python
from sample_specs import AWKWARD, awkward_spec, folder_names, spec_of

from hermes_profiles.model.errors import Failed, UsageProblem
from hermes_profiles.services.launchd.render import (
    MARK,
    error_log,
    folders,
    parse_plist,
    plist_mark,
    render_plist,
    unsupported_options,
    wrapper,
)
from hermes_profiles.services.spec import Limits, Program, ServiceSpec

JOB = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>ai.hermes.gateway-coder</string>
	<key>ProgramArguments</key>
	<array>
		<string>/bin/sh</string>
		<string>-c</string>
		<string>WRAPPER</string>
		<string>hermes-gateway</string>
		<string>/opt/hermes/venv/bin/python</string>
		<string>-m</string>
		<string>hermes_cli.main</string>
		<string>-p</string>
		<string>coder</string>
		<string>gateway</string>
		<string>run</string>
	</array>
	<key>WorkingDirectory</key>
	<string>/home/ada/.hermes/profiles/coder</string>
	<key>EnvironmentVariables</key>
	<dict>
		<key>HOME</key>
		<string>/home/ada</string>
		<key>USER</key>
		<string>ada</string>
		<key>LOGNAME</key>
		<string>ada</string>
		<key>PATH</key>
		<string>/opt/hermes/venv/bin:/usr/local/bin:/usr/bin:/bin</string>
		<key>VIRTUAL_ENV</key>
		<string>/opt/hermes/venv</string>
		<key>HERMES_HOME</key>
		<string>/home/ada/.hermes/profiles/coder</string>
		<key>HERMES_MANAGED_DIR</key>
		<string>/home/ada/.hermes/profiles/.hermes-profiles/overlay/coder</string>
	</dict>
	<key>LimitLoadToSessionType</key>
	<array>
		<string>Aqua</string>
		<string>Background</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>30</integer>
	<key>ExitTimeOut</key>
	<integer>60</integer>
	<key>StandardOutPath</key>
	<string>/home/ada/.hermes/profiles/coder/logs/gateway.log</string>
	<key>StandardErrorPath</key>
	<string>/home/ada/.hermes/profiles/coder/logs/gateway.error.log</string>
	<key>HermesProfilesMark</key>
	<string>MARKED</string>
</dict>
</plist>
"""


def test_the_agent_of_a_profile() -> None:
    content = render_plist(spec_of())
    job = plistlib.loads(content)
    script = job["ProgramArguments"][2]
    assert script == wrapper(spec_of())
    escaped = script.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert content.decode().replace(escaped, "WRAPPER").replace(job[MARK], "MARKED") == JOB


@given(folder_names | st.sampled_from(AWKWARD))
def test_every_path_comes_back_from_the_agent(name: str) -> None:
    spec = awkward_spec(name)
    job = parse_plist(render_plist(spec))
    assert job["EnvironmentVariables"] == dict(spec.environment)
    assert tuple(job["ProgramArguments"][4:]) == spec.pinned_command
    assert job["WorkingDirectory"] == str(spec.home)
    assert (job["StandardOutPath"], job["StandardErrorPath"]) == (str(spec.log), str(error_log(spec)))
    assert job[MARK] == plist_mark(job)
    for kind in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        rewritten = parse_plist(plistlib.dumps(job, fmt=kind, sort_keys=True))
        assert rewritten == job and rewritten[MARK] == plist_mark(rewritten)


def test_the_mark_sees_a_changed_word() -> None:
    job = parse_plist(render_plist(spec_of()))
    job["EnvironmentVariables"]["X"] = "1"
    assert job[MARK] != plist_mark(job)


@pytest.mark.judge
def test_the_agent_means_what_hermes_means_but_for_what_does_harm(tmp_path: Path) -> None:
    home = (tmp_path / ".hermes/profiles/coder").resolve()
    home.mkdir(parents=True)
    script = (
        "import json\nfrom hermes_cli.gateway import *\n"
        "print(json.dumps([generate_launchd_plist(), get_python_path()]))"
    )
    done = subprocess.run(
        [hermes_python(), "-c", script], capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HERMES_HOME": str(home)},
    )  # fmt: skip
    text, python = json.loads(done.stdout.splitlines()[-1])
    hermes = plistlib.loads(text.encode())
    variables = hermes["EnvironmentVariables"]
    program = Program(python, variables["VIRTUAL_ENV"], tuple(variables["PATH"].split(":")))
    ours = parse_plist(render_plist(spec_of(home, account_home=tmp_path.resolve(), program=program)))
    assert ours.keys() - hermes.keys() == {MARK} and hermes.keys() <= ours.keys()
    differing = {key for key in hermes if hermes[key] != ours[key]}
    assert differing == {"ProgramArguments", "EnvironmentVariables", "KeepAlive", "ExitTimeOut"}
    assert variables.items() <= ours["EnvironmentVariables"].items()
    assert hermes["ProgramArguments"] == [
        python,
        "-m",
        "hermes_cli.main",
        "--profile",
        "coder",
        "gateway",
        "run",
        "--replace",
    ]
    assert ours["ProgramArguments"][4:] == [python, "-m", "hermes_cli.main", "-p", "coder", "gateway", "run"]


def test_a_stop_has_the_time_hermes_takes_for_it() -> None:
    assert parse_plist(render_plist(spec_of(drain=180)))["ExitTimeOut"] == 210


def test_unsupported_options_of_launchd_are_listed() -> None:
    assert unsupported_options(spec_of()) == ()
    memory, cpu, stop = unsupported_options(spec_of(limits=Limits(2**29, 50), drain=45))
    assert "memory" in memory and "CPU" in cpu and "60 s" in stop and "(45 s)" in stop


def test_folders_include_folder_of_the_log() -> None:
    spec = spec_of(log=Path("/Volumes/Disk 2/logs/gateway.log"))
    assert folders(spec) == (spec.home, Path("/Volumes/Disk 2/logs"))
    assert error_log(spec) == Path("/Volumes/Disk 2/logs/gateway.error.log")
    assert folders(spec_of(log=spec_of().home / "gateway.log")) == (spec_of().home,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"<plist><dict><key>a</key></plist>",
        b"bplist00\0",
        b"<plist><array/></plist>",
        b"\xff\xfe<",
        b"<plist><dict><key>a</key><date>tomorrow</date></dict></plist>",
        plistlib.dumps({"Label": plistlib.UID(4)}, fmt=plistlib.FMT_BINARY),
        plistlib.dumps({"Label": "a\0b"}, fmt=plistlib.FMT_BINARY),
    ],
)
def test_what_is_no_property_list_is_a_problem_and_no_crash(content: bytes) -> None:
    with pytest.raises(Failed, match="property list"):
        parse_plist(content)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"bplist00" + rest))
def test_any_bytes_are_a_property_list_or_a_problem(content: bytes) -> None:
    try:
        assert isinstance(parse_plist(content), dict)
    except Failed as failed:
        assert "property list" in failed.problem.message


def test_a_path_with_a_control_character_is_refused() -> None:
    with pytest.raises(UsageProblem, match="the path of the log"):
        render_plist(spec_of(log=Path("/srv/a\nb/gateway.log")))


# -- the wrapper

_GATEWAY = """\
#!{python} -S
import json, os, signal, sys, time
home = os.environ["HERMES_HOME"]
def note(text):
    with open(os.path.join(home, "notes"), "a") as file:
        file.write(text + "\\n")
def end(number, frame):
    note(signal.Signals(number).name)
    if number != signal.SIGUSR1:
        time.sleep(0.3)
        note("ended")
    sys.exit(75 if number == signal.SIGUSR1 else 3)
for name in ("TERM", "INT", "HUP", "USR1"):
    signal.signal(getattr(signal, "SIG" + name), end)
with open(os.path.join(home, "told.new"), "w") as file:
    json.dump({{"words": sys.argv, "environment": dict(os.environ), "pid": os.getpid()}}, file)
os.rename(os.path.join(home, "told.new"), os.path.join(home, "told"))
code = open(os.path.join(home, "code")).read()
if code:
    os.kill(os.getpid(), -int(code)) if int(code) < 0 else sys.exit(int(code))
while True:
    time.sleep(0.02)
"""

SHELLS = [shell for shell in ("/bin/sh", "/bin/bash") if os.path.exists(shell)]


class Job:
    """A job as launchd would run it: its words and its variables from the plist, `more` from the session."""

    def __init__(self, folder: Path, prestart: tuple[str, ...], code: str = "", shell: str = "/bin/sh") -> None:
        self.home = folder / "it's a home"
        self.home.mkdir()
        (self.home / "code").write_text(code)
        python = folder / "python"
        python.write_text(_GATEWAY.format(python=sys.executable))
        python.chmod(0o755)
        self.spec: ServiceSpec = spec_of(
            self.home, program=Program(str(python), None, ("/usr/bin", "/bin")), prestart=prestart
        )
        self.words = parse_plist(render_plist(self.spec))["ProgramArguments"]
        self.words[0] = shell
        if shell.endswith("bash"):
            self.words.insert(1, "--posix")  # as /bin/sh of macOS

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        """Start it in a process group of its own, as launchd does."""
        return subprocess.Popen(
            self.words, env={**more, **dict(self.spec.environment)}, cwd=self.home, start_new_session=True
        )

    def told(self) -> dict[str, Any]:
        """Return what the gateway was given, once it runs."""
        until((self.home / "told").exists)
        found: dict[str, Any] = json.loads((self.home / "told").read_text())
        return found

    def notes(self) -> list[str]:
        """Return what was noted by the gateway."""
        path = self.home / "notes"
        return path.read_text().splitlines() if path.exists() else []


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, "waited for 20 s"
        time.sleep(0.01)


def _group(group: int) -> list[int]:
    """Return the processes of a group, zombies too."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                found.append(int(entry.name))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="NO /proc: orphans cannot be counted")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("code", "answer"), [("0", 0), ("1", 1), ("75", 75), ("78", 0), ("127", 127), ("-9", 137)])
def test_exit_codes_are_passed_on_and_a_broken_configuration_is_parked(
    tmp_path: Path, shell: str, code: str, answer: int
) -> None:
    job = Job(tmp_path, ("/bin/true",), code, shell)
    assert job.start().wait(20) == answer


@needs_proc
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("name", "answer"), [("TERM", 3), ("INT", 3), ("HUP", 3), ("USR1", 75)])
def test_signals_reach_the_gateway_and_its_end_is_waited_for(
    tmp_path: Path, shell: str, name: str, answer: int
) -> None:
    job = Job(tmp_path, ("/bin/true",), shell=shell)
    process = job.start()
    gateway = job.told()["pid"]
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.wait(20) == answer
    assert job.notes()[0] == f"SIG{name}" and (name == "USR1" or job.notes()[-1] == "ended")
    assert gateway != process.pid and _group(process.pid) == []


@needs_proc
@pytest.mark.parametrize("shell", SHELLS)
def test_many_signals_while_it_ends_do_not_cut_the_wait_short(tmp_path: Path, shell: str) -> None:
    job = Job(tmp_path, (), shell=shell)
    process = job.start()
    job.told()
    process.send_signal(signal.SIGTERM)
    until(lambda: job.notes() != [])
    for _ in range(5):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    assert process.wait(20) == 3
    assert job.notes()[-1] == "ended" and _group(process.pid) == []


def _traps(pid: int) -> bool:
    """Return whether a wrapper has set the last of its traps: a moment before it dies of a signal, and its job with
    it."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (signal.SIGUSR1 - 1) & 1)


@needs_proc
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_stop_during_the_refresh_starts_no_gateway(tmp_path: Path, shell: str, name: str) -> None:
    began = tmp_path / "began"
    job = Job(tmp_path, ("/bin/sh", "-c", 'echo >"$1"; exec sleep 60', "wait", str(began)), shell=shell)
    process = job.start()
    until(began.exists)
    until(lambda: _traps(process.pid))
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.wait(20) == 128 + signal.Signals[f"SIG{name}"]
    assert not (job.home / "told").exists() and _group(process.pid) == []


@needs_proc
def test_wrapper_restart_signal_during_refresh_is_ignored(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    script = 'echo >"$1"; while [ ! -e "$2" ]; do sleep 0.02; done'
    job = Job(tmp_path, ("/bin/sh", "-c", script, "wait", str(began), str(go)), "7")
    process = job.start()
    until(began.exists)
    until(lambda: _traps(process.pid))
    process.send_signal(signal.SIGUSR1)
    go.touch()
    assert process.wait(20) == 7
    assert _group(process.pid) == []


@pytest.mark.parametrize("prestart", [(), ("/bin/false",), ("/nowhere/hermes-gateways", "overlay"), ("/etc/passwd",)])
def test_wrapper_starts_gateway_after_failed_refresh(tmp_path: Path, prestart: tuple[str, ...]) -> None:
    assert Job(tmp_path, prestart, "0").start().wait(20) == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_gateway_gets_arguments_and_listed_variables_only(tmp_path: Path, shell: str) -> None:
    seen = tmp_path / "seen"
    job = Job(tmp_path, ("/bin/sh", "-c", 'env >"$1"', "look", str(seen)), "0", shell)
    process = job.start(
        TELEGRAM_BOT_TOKEN="another-profile", LANG="C.UTF-8", LC_ALL="C", XPC_SERVICE_NAME="ai.hermes.gateway",
        MULTI="a\nLINES=b", gw="1", gw_main="1", gw_stop="1", gw_code="1", gw_now="1",
    )  # fmt: skip
    assert process.wait(20) == 0
    told = job.told()
    assert tuple(told["words"]) == job.spec.pinned_command
    listed = {*dict(job.spec.environment), "LANG", "LC_ALL", "XPC_SERVICE_NAME"}
    assert told["environment"].keys() - listed <= {"PWD", "OLDPWD", "SHLVL", "_"}
    assert dict(job.spec.environment).items() <= told["environment"].items()
    assert "TELEGRAM_BOT_TOKEN" not in seen.read_text()
