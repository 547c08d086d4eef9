"""A stand-in `ssh` on PATH: a host is a folder, and its commands run here with that folder as their home.

The words after the host are one text for a shell, as for the real program. Files in the folder control the host:
`hang` (it never answers), `refuse` (exit 255), `garbage` (its content is the output), `delay` (seconds).
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from command_runner import Runner

_SSH = r"""#!/bin/sh
hosts={hosts}
for word in "$@"; do printf '%s\n' "$word"; done >> "$hosts/arguments"
while [ $# -gt 0 ]; do case "$1" in -o|-F|-i|-p) shift 2;; -*) shift;; *) break;; esac; done
host=$1; shift
[ "$1" = -- ] && shift
here="$hosts/${{host#*@}}"
[ -d "$here" ] || {{ echo "ssh: Could not resolve hostname $host: Name or service not known" >&2; exit 255; }}
[ -e "$here/hang" ] && exec sleep 60
[ -e "$here/refuse" ] && {{ echo "ssh: connect to host $host port 22: Connection refused" >&2; exit 255; }}
[ -e "$here/delay" ] && sleep "$(cat "$here/delay")"
[ -e "$here/garbage" ] && exec cat "$here/garbage"
unset HERMES_HOME XDG_CONFIG_HOME
export HOME="$here" PATH="$here/bin:/usr/bin:/bin" XDG_RUNTIME_DIR="$here/run"
cd "$here" && exec /bin/sh -c "$*"
"""
_PROGRAM = """#!/bin/sh
exec {python} -m hermes_profiles.cli{module} "$@"
"""


class PlaceHosts:
    """Hosts that a stand-in `ssh` reaches. `path`: PATH of the user, with the stand-in first."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.folder = runner.user_home / "hosts"
        self.folder.mkdir()
        self.bin = runner.user_home / "client"
        self.bin.mkdir()
        _script(self.bin / "ssh", _SSH.format(hosts=shlex.quote(str(self.folder))))
        runner.environment["PATH"] = f"{self.bin}:{runner.environment['PATH']}"

    def host(self, name: str, *profiles: str, has_program: bool = True) -> Path:
        """Make a host with a root and these profiles besides `default`; return its folder."""
        folder = self.folder / name
        (folder / "bin").mkdir(parents=True)
        if has_program:
            for program, module in (("hermes-gateways", ".gateways"), ("hermes-profiles", "")):
                _script(folder / "bin" / program, _PROGRAM.format(python=sys.executable, module=module))
        for home in (folder / ".hermes", *(folder / ".hermes/profiles" / profile for profile in profiles)):
            home.mkdir(parents=True)
            (home / "config.yaml").write_text("model:\n  default: gpt-5\n")
            (home / ".env").write_text("")
        return folder

    def run_there(self, name: str, *words: str) -> str:
        """Return the standard output of a command on a host."""
        line = [str(self.bin / "ssh"), name, "--", shlex.join(words)]
        return subprocess.run(line, env=self.runner.environment, capture_output=True, text=True, check=True).stdout

    @property
    def arguments(self) -> list[str]:
        """Return all arguments that `ssh` was called with."""
        path = self.folder / "arguments"
        return path.read_text().splitlines() if path.exists() else []


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
