"""What started a gateway that its own service does not run, from its control group and its parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hermes_profiles.gateways.model import Supervisor
from hermes_profiles.gateways.processes import LinuxProcesses, Process, Usage
from hermes_profiles.gateways.supervision import supervisor_of

USER = "/user.slice/user-1000.slice/user@1000.service/app.slice/"
SESSION = "/user.slice/user-1000.slice/session-3.scope"
SYSTEMD, USER_SYSTEMD = ("/sbin/init",), ("/usr/lib/systemd/systemd", "--user")
GATEWAY = ("/venv/bin/python", "-m", "hermes_cli.main", "gateway", "run")


@dataclass
class Chain:
    """A process table with the parents of one gateway, the oldest first; the first one has pid 1."""

    parents: list[tuple[str, ...]]
    live: dict[int, Process] = field(default_factory=dict)
    inputs: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, argv in enumerate([*self.parents, GATEWAY], 1):
            self.live[number] = Process(number, 1.0, "S", number - 1, argv, {})

    @property
    def gateway(self) -> Process:
        return self.live[max(self.live)]

    def find(self, pid: int) -> Process | None:
        return self.live.get(pid)

    def gateways(self) -> tuple[Process, ...]:
        return (self.gateway,)

    def lock_owner(self, path: Path) -> int | None:
        return None

    def usage(self, process: Process) -> Usage:
        return Usage()

    def epoch(self, process: Process) -> float | None:
        return None

    def standard_input(self, process: Process) -> str:
        return self.inputs.get(process.pid, "")

    def cgroup(self, process: Process) -> str:
        return ""


def found(cgroup: str, *parents: tuple[str, ...]) -> Supervisor | None:
    chain = Chain(list(parents))
    return supervisor_of(chain.gateway, chain, cgroup)


@pytest.mark.parametrize("shell", [("bash",), ("-bash",), ("/bin/sh",), ("zsh", "-l")])
@pytest.mark.parametrize(
    ("given", "more", "is_script"),
    [
        ("/home/anna/loop.sh", (), True),  # bash < loop.sh
        ("pipe:[4711]", (), True),  # cat loop.sh | bash, ssh HOST bash
        ("socket:[12]", (), True),
        ("/tmp/sh-thd.xY (deleted)", (), True),  # a here document
        ("/dev/pts/3", (), False),
        ("/dev/tty1", (), False),
        ("", (), False),  # of another user
        ("pipe:[4711]", ("-i",), False),  # a shell in Emacs
    ],
)
def test_shell_whose_script_is_its_input_may_repeat_it(
    shell: tuple[str, ...], given: str, more: tuple[str, ...], is_script: bool
) -> None:
    chain = Chain([SYSTEMD, ("sshd: anna@notty",), (*shell, *more)], inputs={3: given})
    by = supervisor_of(chain.gateway, chain, SESSION)
    assert (by is not None) is is_script
    if by is not None:
        assert (by.title, by.revives) == ("a script on the input of a shell (PID 3)", None)
        assert by.stop == "end that first with `kill 3`"


@pytest.mark.parametrize("name", ["hermes-gateway@work.service", "my-agent.service", "hermes@family.service"])
@pytest.mark.parametrize("between", [(), (("/bin/sh", "-c", "hermes gateway run"),), (("timeout", "9"),)])
def test_unit_of_the_user_is_stopped_through_its_systemd(name: str, between: tuple[tuple[str, ...], ...]) -> None:
    by = found(USER + name, ("/usr/lib/systemd/systemd",), USER_SYSTEMD, *between)
    assert by is not None and by.revives and by.is_user_unit and by.unit == name
    assert by.stop == f"stop it with `systemctl --user stop {name}`"
    assert by.sentence == f"supervised by {name} of the user's systemd"


@pytest.mark.parametrize(
    ("between", "found_unit"),
    [
        ((("/bin/sh", "-c", "while :; do hermes gateway run; done"),), True),
        ((("/bin/bash", "/home/a/all.sh"), ("sh", "-c", "hermes gateway run; echo ended")), True),
        ((("timeout", "9h", "sh", "run.sh"), ("sh", "run.sh")), True),
        ((("python3", "keep.py"),), False),
        ((("Runner.Listener", "run"), ("bash", "/tmp/step.sh")), False),
    ],
)
def test_script_within_a_unit_is_stopped_with_the_unit(between: tuple[tuple[str, ...], ...], found_unit: bool) -> None:
    """The manager starts the script again. Of a unit that is more than shells only the command is told."""
    by = found(USER + "bot.service", ("/usr/lib/systemd/systemd",), USER_SYSTEMD, *between)
    assert by is not None and by.stop == "stop it with `systemctl --user stop bot.service`"
    assert (by.unit == "bot.service", by.revives) == (found_unit, True if found_unit else None)


@pytest.mark.parametrize(
    ("outer", "word"),
    [(("runsv", "bot"), "runsv"), (("python3", "/usr/bin/supervisord"), "supervisord"), (("s6-supervise", "b"), "s6")],
)
def test_supervisor_of_a_script_counts_and_a_terminal_does_not(outer: tuple[str, ...], word: str) -> None:
    by = found(SESSION, ("/sbin/init",), outer, ("sh", "./run"))
    assert by is not None and word in by.title and by.revives
    for terminal in (("tmux: server",), ("/usr/sbin/cron", "-f"), ("sshd: a@pts/0",)):
        by = found("/system.slice/cron.service", ("/usr/lib/systemd/systemd",), terminal, ("sh", "/home/a/keep.sh"))
        assert by is not None and by.title.startswith("a script, /home/a/keep.sh") and "kill" in by.stop


@pytest.mark.parametrize(
    ("code", "repeats"),
    [
        ("f(){ hermes gateway run; sleep 1; f; }; f", True),
        ("function f { hermes gateway run; f; }; f", True),
        ('hermes gateway run; exec "$0"', True),
        ("hermes gateway run; echo ended", False),
    ],
)
def test_code_that_calls_itself_repeats(code: str, repeats: bool) -> None:
    by = found(SESSION, ("/sbin/init",), ("bash", "-c", code))
    assert (by is not None) is repeats


def test_unit_of_the_system_is_stopped_by_an_administrator() -> None:
    by = found("/system.slice/hermes.service", ("/usr/lib/systemd/systemd",))
    assert by is not None and by.revives and not by.is_user_unit
    assert by.stop == "stop it with `sudo systemctl stop hermes.service`"


@pytest.mark.parametrize(
    ("argv", "word", "revives"),
    [
        (("/usr/bin/python3", "/usr/bin/supervisord", "-c", "/etc/s.conf"), "supervisord", True),
        (("PM2 v5.3.0: God Daemon (/home/a/.pm2)",), "pm2", True),
        (("runsv", "hermes-work"), "runsv", True),
        (("s6-supervise", "hermes-work"), "s6-supervise", True),
        (("/usr/sbin/cron", "-f"), "cron", False),
        (("tmux: server",), "tmux", False),
        (("tmux", "new-session", "-d"), "tmux", False),
        (("SCREEN", "-dmS", "hermes"), "screen", False),
        (("bash", "/home/a/keep-running.sh"), "a script, /home/a/keep-running.sh", None),
        (("/bin/sh", "-c", "while :; do hermes gateway run; sleep 5; done"), "a script", None),
        (("python3", "watchdog.py", "--secret", "CANARY"), "watchdog.py", None),
        (("python3", "-P", "-X", "utf8", "-W", "ignore", "keep.py"), "keep.py", None),
        (("python3", "-X", "utf8", "/usr/bin/supervisord"), "supervisord", True),
        (
            ("python", "-P", "-X", "utf8", "-m", "hermes_profiles.services.supervisor_daemon"),
            "of hermes-gateways",
            True,
        ),
        (("node", "--require", "x.js", "/usr/bin/pm2-runtime"), "pm2", True),
        (("node", "-e", "CANARY"), "program node", None),
    ],
)
def test_parent_is_named_without_its_arguments(argv: tuple[str, ...], word: str, revives: bool | None) -> None:
    by = found(SESSION, ("/sbin/init",), argv)
    assert by is not None and word in by.title and by.revives is revives
    assert "CANARY" not in f"{by}" and "(PID 2)" in by.title


@pytest.mark.parametrize(
    "parents",
    [
        (("sshd: a@pts/0",), ("-bash",)),
        (("/usr/bin/gnome-terminal-server",), ("bash",)),
        (("/bin/login",), ("-zsh",), ("nohup", "hermes")),
        (("su", "-"), ("bash", "-i")),
        (("bash",), ("uv", "run", "hermes")),
        (("bash", "/usr/bin/startx"), ("sh", "/home/a/.xinitrc"), ("xterm",), ("bash",)),
        (("python3", "launcher.py"), ("konsole",), ("zsh",)),
        (),
    ],
)
def test_shell_of_a_user_is_no_supervisor(parents: tuple[tuple[str, ...], ...]) -> None:
    assert found(SESSION, ("/usr/lib/systemd/systemd",), *parents) is None


@pytest.mark.parametrize(
    "cgroup",
    ["/system.slice/ttyd.service", "/system.slice/dropbear.service", "/system.slice/docker-0123456789abcdef.scope"],
)
def test_shell_within_a_service_or_container_is_used_by_hand(cgroup: str) -> None:
    assert found(cgroup, ("/usr/lib/systemd/systemd",), ("ttyd", "bash"), ("bash",)) is None
    assert found(cgroup, ("bash", "-l")) is None
    by_unit = found(cgroup, ("/usr/lib/systemd/systemd",), ("bash", "-s"))
    assert by_unit is not None and by_unit.revives is not False, "a script that is read from a pipe is no user"


def test_container_is_named_by_its_short_id() -> None:
    by = found("/system.slice/docker-0123456789abcdef0123456789abcdef.scope")
    assert by is not None and by.title == "container 0123456789ab" and by.revives


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("0::/user.slice/a.service\n", "/user.slice/a.service"),
        ("9:name=systemd:/\n3:cpu:/x\n0::/app.slice/b.service\n", "/app.slice/b.service"),
        ("9:name=systemd:/system.slice/c.service\n3:cpu:/x\n", "/system.slice/c.service"),
        ("", ""),
    ],
)
def test_control_group_is_that_of_systemd(tmp_path: Path, text: str, path: str) -> None:
    (tmp_path / "5").mkdir()
    (tmp_path / "5/cgroup").write_text(text)
    assert LinuxProcesses(tmp_path).cgroup(Process(5, 1.0, "S", 1, (), None)) == path
