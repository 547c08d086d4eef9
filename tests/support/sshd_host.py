"""A real sshd on 127.0.0.1 whose commands run here with a folder as their home, for a user with an `ssh` of its own.

Each command there goes through a script (`ForceCommand`), so a test can cut the connection at one moment: the script
ends the process of sshd that serves it. Files in the folder of the host say when, with a part of the command in them:
`cut-stream` (behind 30,000 bytes of its input) and `cut-answer` (the command is carried out, its answer is lost).
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
from command_runner import REPOSITORY
from free_ports import free_port
from gateway_root import until
from place_hosts import PlaceHosts
from ssh_client import make_key, write_client

SSHD = "/usr/sbin/sshd"
# sshd wants this empty folder, which the start of the system makes elsewhere.
_EMPTY = Path("/run/sshd")
_CONFIG = """ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/id.pub
ForceCommand exec {folder}/command
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
"""
_COMMAND = r"""#!/bin/sh
here={here}
line=$SSH_ORIGINAL_COMMAND
printf '%s\n' "$line" >> "$here/commands"
export HOME="$here" XDG_RUNTIME_DIR="$here/run" PATH="$here/bin:/usr/bin:/bin" {variables}
unset HERMES_HOME XDG_CONFIG_HOME
cd "$here" || exit 70
is_at() {{
    [ -e "$here/$1" ] || return 1
    case "$line" in *"$(cat "$here/$1")"*) mv "$here/$1" "$here/$1.done";; *) return 1;; esac
}}
if is_at cut-stream; then
    {{ head -c 30000; kill -9 "$PPID"; }} | /bin/sh -c "$line"
elif is_at cut-answer; then
    /bin/sh -c "$line" > "$here/lost"
    kill -9 "$PPID"
else
    exec /bin/sh -c "$line"
fi
"""
_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "HERMES_PROFILES_MANAGER", "TZ", "LANG", "TMPDIR")


def missing_reason() -> str | None:
    """Return why no sshd can be run here, None if one can."""
    if os.geteuid() != 0:
        return "sshd is run by root alone"
    missing = [program for program in (SSHD, "/usr/bin/ssh", "ssh-keygen") if shutil.which(program) is None]
    return f"missing: {', '.join(missing)}" if missing else None


class SshdHost:
    """One host of `hosts`, reached by the real ssh and sshd, as a context manager. `folder`: for keys and sockets."""

    def __init__(self, hosts: PlaceHosts, name: str, folder: Path) -> None:
        self.hosts, self.name, self.folder = hosts, name, folder
        self.home = hosts.host(name, "shop")
        (self.home / "run").mkdir(mode=0o700)
        self.run = folder / "run"
        self.run.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False

    def __enter__(self) -> SshdHost:
        port, environment = free_port(), self.hosts.runner.environment
        environment["XDG_RUNTIME_DIR"] = str(self.run)
        for key in ("id", "host_key"):
            make_key(self.folder / key)
        variables = " ".join(f"{name}={shlex.quote(environment[name])}" for name in _INHERITED if name in environment)
        script = self.folder / "command"
        script.write_text(_COMMAND.format(here=shlex.quote(str(self.home)), variables=variables))
        script.chmod(0o755)
        (self.folder / "sshd_config").write_text(_CONFIG.format(port=port, folder=self.folder))
        write_client(self.hosts.bin, "root", self.folder / "id", {self.name: ("127.0.0.1", port)})
        self._made = not _EMPTY.exists()
        _EMPTY.mkdir(mode=0o755, exist_ok=True)
        words = [SSHD, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "log")]
        self._process = subprocess.Popen(words, cwd=REPOSITORY, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            until(lambda: "Server listening" in self.log or self._process.poll() is not None)
            assert self._process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the shared connection, the sessions and sshd, each by its pid."""
        self.signal(signal.SIGCONT)
        self.leave()
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)
        if self._made:
            _EMPTY.rmdir()

    def leave(self) -> None:
        """End the shared connections of the client, as they end by themselves after a minute."""
        for socket in self.sockets:
            words = [str(self.hosts.bin / "ssh"), "-O", "exit", "-o", f"ControlPath={socket}", self.name]
            subprocess.run(words, capture_output=True, timeout=30, check=False)

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal to sshd and to those of its processes that serve connections."""
        if self._process is None or self._process.poll() is not None:
            return
        listener = psutil.Process(self._process.pid)
        for each in (listener, *listener.children()):
            if each.is_running():
                each.send_signal(sign)

    @property
    def log(self) -> str:
        """Return what sshd has logged."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    @property
    def logins(self) -> int:
        """Return how many connections were made."""
        return self.log.count("Accepted publickey")

    @property
    def sockets(self) -> list[Path]:
        """Return the sockets of the shared connections of the client."""
        return list(self.run.glob("hermes-profiles/ssh-*"))

    @property
    def commands(self) -> str:
        """Return the commands that came."""
        return (self.home / "commands").read_text()
