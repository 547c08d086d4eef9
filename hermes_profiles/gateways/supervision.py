"""Reads from a gateway's process what started it: its control group and its parents. Starts no program.

A gateway that its own service does not run can still be supervised: by a unit of another name, by a unit of the
system, by another supervisor. Such a supervisor starts it again after a stop.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.manager import LoadedJob

from .model import Supervisor
from .processes import Process, Processes

_CONTAINER = lazy_pattern(
    r"(?:^|/)(?:docker[-/]|libpod[-/]|crio-|cri-containerd-|kubepods.*/)(?:cri-containerd-|crio-)?([0-9a-f]{12})[0-9a-f]*"
)
_MACHINE = lazy_pattern(r"(?:^|/)(?:lxc\.payload\.|lxc/|machine\.slice/machine-)([^/]+?)(?:\.scope)?(?:/|$)")
_MANAGER_UNIT = lazy_pattern(r"user@\d+\.service|init\.scope")
_INTERPRETER = lazy_pattern(r"(?:python|pypy|node|ruby|perl|bun|deno)[0-9.]*", re.IGNORECASE)
# Options of interpreters whose argument is a word of its own.
_WITH_ARGUMENT = frozenset(("-X", "-W", "--check-hash-based-pycs", "-r", "--require", "--import", "--loader"))
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "busybox", "tcsh", "csh"))
# These run a program, and end with it.
_WRAPPERS = frozenset(
    (
        "env", "nohup", "setsid", "timeout", "nice", "ionice", "chrt", "taskset", "stdbuf", "script", "unbuffer",
        "time", "strace", "ltrace", "sudo", "su", "runuser", "doas", "login", "uv", "uvx", "pipx", "poetry", "pdm",
        "hatch", "rye", "conda", "mamba", "micromamba", "nix", "nix-shell", "direnv", "systemd-inhibit",
        "systemd-cat", "caffeinate", "flock", "xvfb-run", "dbus-run-session", "gosu", "su-exec", "tini",
        "dumb-init", "docker-init", "catatonit", "hermes",
    )
)  # fmt: skip
# Programs that end nothing and start nothing again: a user sits before them.
_TERMINALS = frozenset(
    (
        "sshd", "sshd-session", "dropbear", "mosh-server", "gnome-terminal-server", "konsole", "xterm", "alacritty",
        "kitty", "foot", "wezterm-gui", "terminator", "tilix", "code", "code-server", "code-tunnel",
        "systemd-logind", "login", "getty", "agetty", "gdm", "sddm", "init",
    )
)  # fmt: skip
_MULTIPLEXERS = {
    "tmux: server": "tmux",
    "tmux": "tmux",
    "screen": "screen",
    "zellij": "zellij",
    "dtach": "dtach",
    "abduco": "abduco",
    "byobu": "byobu",
}
_TIMERS = {"cron": "cron", "crond": "cron", "anacron": "cron", "fcron": "cron", "atd": "at"}
# These start what they run again, and have a command that stops it; `{name}`: the name they are given.
_SUPERVISORS = {
    "supervisord": "stop its program with `supervisorctl status`, then `supervisorctl stop NAME`",
    "pm2": "stop it with `pm2 list`, then `pm2 stop NAME`",
    "runsv": "stop it with `sv down {name}`",
    "s6-supervise": "stop it with `s6-svc -d {name}`",
    "supervise": "stop it with `svc -d {name}`",
    "circusd": "stop it with `circusctl stop NAME`",
    "monit": "stop it with `monit stop NAME`",
    "dinit": "stop it with `dinitctl stop NAME`",
    "supervise-daemon": "stop it with `rc-service NAME stop`",
    "procd": "stop it with `/etc/init.d/NAME stop`",
    "overmind": "stop it with `overmind stop NAME`",
    "process-compose": "stop it with `process-compose process stop NAME`",
    "forever": "stop it with `forever list`, then `forever stop ID`",
    "nodemon": "end it with `kill {pid}`",
    "watchexec": "end it with `kill {pid}`",
    "honcho": "end it with `kill {pid}`",
    "goreman": "end it with `kill {pid}`",
}
_OWN = "the supervisord of hermes-gateways"  # `supervisorctl` does not know it
_DEEPEST = 32
# launchd gives each application that a user opens a label of its own.
_APPLICATION = "application."


def supervisor_of(
    process: Process,
    processes: Processes,
    cgroup: str,
    job_of: Callable[[int], LoadedJob | None] = lambda _: None,
) -> Supervisor | None:
    """Return what started a gateway, None for a gateway that was started by hand.

    `cgroup`: the path of its control group, "" without one; `job_of`: returns the job of launchd with a pid.
    """
    container = _CONTAINER.search(cgroup) or _MACHINE.search(cgroup)
    chain = list(parents_of(process, processes))
    manager = next((each for each in chain if _name(each) in ("systemd", "launchd") or each.pid == 1), None)
    unit = _systemd_unit(manager, _unit_in(cgroup)) if manager is not None else None
    nearest: Supervisor | None = None
    is_script = True
    for parent in chain:
        if parent is manager:
            break
        is_fed = _is_without_script(parent) and _reads_script(parent, processes)
        if not is_fed and _is_used_by_hand(parent):  # what started a user's shell or terminal starts no gateway again
            return nearest
        found = _unknown("a script on the input of a shell", parent.pid) if is_fed else _of_parent(parent)
        if found is not None and found.revives is not None:
            # What runs a script again counts, not the script; a terminal or a timer does not run it again.
            return found if found.revives or nearest is None else nearest
        is_script = is_script and (found is None or _is_shell(parent))
        nearest = nearest or found
    if unit is None:
        below = chain if manager is None else chain[: chain.index(manager)]
        unit = _launchd_job(job_of((below or [process])[-1].pid))
    if nearest is not None:
        if unit is None:
            return nearest
        # A unit of shells is there for the gateway. Of another program it may do more: it is named, and not stopped.
        return unit if is_script else nearest._replace(stop=unit.stop)
    if container is not None and manager is None:
        name = container[1]
        stop = f"stop it with `docker stop {name}` or `podman stop {name}`"
        return Supervisor(f"container {name}", revives=True, stop=stop)
    if unit is not None:
        return unit
    if process.pid == 1 or (process.parent == 0 and container is None and process.argv):
        return Supervisor("the container's first process", revives=True, stop="stop the container")
    return None


def _systemd_unit(manager: Process, unit: str) -> Supervisor | None:
    """Return a unit as the supervisor, None without one."""
    if _name(manager) != "systemd" or not unit:
        return None
    is_user = "--user" in manager.argv
    scope = "--user " if is_user else ""
    sudo = "" if is_user else "sudo "
    where = "the user's systemd" if is_user else "the system's systemd"
    stop = f"stop it with `{sudo}systemctl {scope}stop {unit}`"
    title = f"{unit} of {where}"
    return Supervisor(title, revives=True, unit=unit, is_user_unit=is_user, stop=stop, pid=manager.pid)


def _launchd_job(job: LoadedJob | None) -> Supervisor | None:
    """Return a job of launchd as the supervisor, None without one and for an application on the screen."""
    if job is None or job.label.startswith(_APPLICATION):
        return None
    is_user = job.domain != "system"
    title = f"{job.label} of {'launchd' if is_user else 'the launchd of the system'}"
    stop = f"stop it with `{'' if is_user else 'sudo '}launchctl bootout {job.domain}/{job.label}`"
    return Supervisor(title, revives=True, unit=job.label, is_user_unit=is_user, stop=stop, domain=job.domain)


def program_of_other_profile(program: str, owner: str, profile: str) -> Supervisor:
    """Return the service of another profile, `owner`, as the supervisor of the gateway of `profile`.

    That is so after a home was renamed while its gateway ran. The bundled supervisord runs all gateways of its root: a
    hint must never end that.
    """
    stop = (
        f"stop it with `hermes-gateways stop {profile}`, remove that service with `hermes-gateways uninstall {owner}`"
    )
    return Supervisor(f"the service {program} of {owner}", revives=True, stop=stop, program=program)


def _unit_in(cgroup: str) -> str:
    """Return the service whose control group this is, "" for a scope or a session."""
    name = next((part for part in reversed(cgroup.split("/")) if part.endswith((".service", ".scope"))), "")
    return name if name.endswith(".service") and not _MANAGER_UNIT.fullmatch(name) else ""


def parents_of(process: Process, processes: Processes) -> Iterator[Process]:
    """Yield the parents of a process, nearest first."""
    current, seen = process.parent, 0
    while current > 0 and seen < _DEEPEST:
        parent = processes.find(current)
        if parent is None:
            return
        yield parent
        current, seen = parent.parent, seen + 1


def _is_shell(parent: Process) -> bool:
    return _name(parent).lower() in _SHELLS


def _is_used_by_hand(parent: Process) -> bool:
    """Return whether a user sits before a parent: a terminal, or a shell without a script and code."""
    name = _name(parent).lower()
    return _is_without_script(parent) or (name in _TERMINALS and name not in _WRAPPERS)


def _is_without_script(parent: Process) -> bool:
    """Return whether a parent is a shell that reads its commands from its input."""
    return _is_shell(parent) and not any(map(_is_code, parent.argv[1:])) and not _script(parent.argv)


def _reads_script(shell: Process, processes: Processes) -> bool:
    """Return whether the input of a shell is a file, a pipe or a socket: `sh < script`, `ssh HOST sh`, a here document.

    With `-i` a user sits before it, as in Emacs.
    """
    if "-s" in shell.argv[1:]:
        return True
    given = processes.standard_input(shell)
    return bool(given) and not given.startswith(("/dev/pts/", "/dev/tty", "/dev/console")) and "-i" not in shell.argv


def _of_parent(parent: Process) -> Supervisor | None:
    """Return the supervisor that a parent is, None where a parent above it decides."""
    name = _name(parent)
    lowered = name.lower()
    pid = parent.pid
    if lowered in _MULTIPLEXERS or lowered.startswith("tmux"):
        return Supervisor(f"{_MULTIPLEXERS.get(lowered, 'tmux')} (PID {pid})", revives=False, pid=pid)
    if lowered in _TIMERS:
        return Supervisor(f"{_TIMERS[lowered]} (PID {pid})", revives=False, pid=pid)
    if lowered.startswith("pm2"):
        lowered = "pm2"
    if lowered == _OWN:
        return Supervisor(f"{lowered} (PID {pid})", revives=True, stop=f"end it with `kill {pid}`", pid=pid)
    if lowered in _SUPERVISORS:
        target = next((word for word in parent.argv[1:] if not word.startswith("-")), "NAME")
        hint = _SUPERVISORS[lowered].format(name=target, pid=pid)
        return Supervisor(f"{lowered} (PID {pid})", revives=True, stop=hint, pid=pid)
    if lowered in _SHELLS:
        script = _script(parent.argv)
        return _unknown(f"a script, {script}", pid) if script else None
    if lowered in _WRAPPERS or not parent.argv:
        return None
    if lowered == "containerd-shim" or lowered.startswith(("containerd-shim", "conmon")):
        return None
    return _unknown(f"the program {name}", pid)


def _unknown(title: str, pid: int) -> Supervisor:
    return Supervisor(f"{title} (PID {pid})", None, stop=f"end that first with `kill {pid}`", pid=pid)


def _name(process: Process) -> str:
    """Return the program of a process: of an interpreter, the script or module it runs."""
    argv = process.argv
    if not argv:
        return ""
    # A title such as `sshd: anna@pts/0` is no path.
    first = os.path.basename(argv[0].partition(": ")[0]).lstrip("-")
    if argv[0].startswith(("tmux: server", "PM2 ")):
        return argv[0].split(":")[0].lower() if argv[0].startswith("tmux") else "pm2"
    if _INTERPRETER.fullmatch(first):
        rest = list(argv[1:])
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "-m" and rest:
                return _supervisor_module(rest[0])
            if option in ("-c", "-e"):
                return first
            if option in _WITH_ARGUMENT:
                rest = rest[1:]
        return os.path.basename(rest[0]) if rest else first
    return first.lower() if first == "SCREEN" else first


def _supervisor_module(module: str) -> str:
    if module.endswith("supervisor_daemon"):
        return _OWN
    return "supervisord" if module.startswith("supervisor.") else module


def _script(argv: tuple[str, ...]) -> str:
    """Return the script that a shell runs, "" for an interactive shell. Code on the command line is not shown."""
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if _is_code(word):
            return "code on its command line" if rest and _is_loop(rest[0]) else ""
        if word in ("-o", "-O", "+o", "+O", "--rcfile", "--init-file"):
            rest = rest[1:]
        elif not word.startswith(("-", "+")):
            return word
    return ""


def _is_code(option: str) -> bool:
    """Return whether the word after an option of a shell is code, as in `-c` and `-lc`."""
    return option.startswith("-") and not option.startswith("--") and "c" in option[1:]


def _is_loop(code: str) -> bool:
    """Return whether code of a shell can run a command again: by a loop, a function or itself."""
    return re.search(r"\b(?:while|until|for|loop|watch|respawn|function|exec)\b|\(\s*\)|\$\{?0\b", code) is not None
