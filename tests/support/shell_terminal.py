"""Real shells at a real terminal, and the completions they offer on TAB."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "completions"
PROGRAMS = {
    "hermes-profiles": "from hermes_profiles.cli.profiles import main",
    "hermes-gateways": "from hermes_profiles.cli.gateways import main",
}
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]|\x1b\][^\x07]*\x07|\x07")


def need(shell: str) -> str:
    """Return the path of a shell; skips the test without it."""
    place = shutil.which(shell)
    if place is None:
        pytest.skip(f"{shell} is not installed here")
    return place


class ShellTerminal:
    """A user with both programs on PATH, profiles, and a complete environment."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / ".hermes"
        self.bin = home / "bin"
        self.bin.mkdir()
        self.log = home / "asked.log"
        for name, line in PROGRAMS.items():
            script = self.bin / name
            script.write_text(
                f"#!{sys.executable}\nimport sys\n"
                f"open({str(self.log)!r}, 'a').write(repr(sys.argv[1:]) + chr(10))\n{line}\nmain()\n"
            )
            script.chmod(0o755)
        self.environment = {
            "HOME": str(home), "PATH": f"{self.bin}:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "TERM": "xterm",
            "LANG": "C.UTF-8", "COLUMNS": "200", "LINES": "500", "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CONFIG_HOME": str(home / ".config"), "XDG_DATA_HOME": str(home / ".share"),
        }  # fmt: skip

    def profile(self, *names: str, root: Path | None = None) -> None:
        for name in names:
            ((root or self.root) / "profiles" / name).mkdir(parents=True)

    def asked(self) -> list[str]:
        """Return the completion requests since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def fish(self, line: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return candidate → description in fish."""
        load = "; ".join(f"source {SCRIPTS}/{name}.fish" for name in PROGRAMS)
        done = subprocess.run(
            [need("fish"), "--no-config", "-c", f"{load}; complete -C $argv[1]", line], cwd=self.home,
            env=self.environment | (env or {}), capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        pairs = (each.partition("\t") for each in done.stdout.splitlines())
        return {word: about for word, _, about in pairs}

    def bash(self, line: str, env: Mapping[str, str] | None = None, *, keys: str = "\t") -> tuple[list[str], str]:
        """Return (candidates, resulting line) of an interactive bash after TAB."""
        (answer,) = self.bash_lines([line + keys], env)
        return answer

    def bash_lines(self, lines: Sequence[str], env: Mapping[str, str] | None = None) -> list[tuple[list[str], str]]:
        """Return the results of `bash` for many lines, typed into one shell."""
        out, place = self.home / "reply", self.home / "line"
        load = "\n".join(f"source {SCRIPTS}/{name}.bash" for name in PROGRAMS)
        probe = "\n".join(
            f'_probe{at}() {{ _{name.replace("-", "_")} "$@"; printf \'%s\\n\' "${{COMPREPLY[@]}}" > {out}.new; '
            f"mv {out}.new {out}; }}\ncomplete -F _probe{at} {name}"
            for at, name in enumerate(PROGRAMS)
        )
        dump = f"dump() {{ printf '%s' \"$READLINE_LINE\" > {place}.new; READLINE_LINE=; mv {place}.new {place}; }}"
        lost = f"command_not_found_handle() {{ touch {self.home}/not-found; }}"
        rc = self.home / "bashrc"
        rc.write_text(
            f"PS1='ready> '\n{load}\n{lost}\n{probe}\n{dump}\nbind -x '\"\\C-t\": dump'\nbind 'set bell-style none'\n"
        )
        shell, environment = [need("bash"), "--noprofile", "--rcfile", str(rc), "-i"], self.environment | (env or {})
        answers = []
        with _terminal(shell, self.home, environment) as screen:
            screen.wait_for(b"ready> ")
            for line in lines:
                out.unlink(missing_ok=True)
                screen.type(f"{line}\x14")
                after = screen.file(place)
                reply = out.read_text() if out.exists() else ""
                answers.append(([word for word in reply.splitlines() if word], after))
        return answers

    def zsh(self, line: str, env: Mapping[str, str] | None = None, *, folder: Path = SCRIPTS) -> tuple[str, str]:
        """Return (terminal output, resulting line) of an interactive zsh after TAB."""
        (answer,) = self.zsh_lines([line], env, folder=folder)
        return answer

    def zsh_lines(
        self, lines: Sequence[str], env: Mapping[str, str] | None = None, *, folder: Path = SCRIPTS
    ) -> list[tuple[str, str]]:
        """Return the results of `zsh` for many lines, typed into one shell."""
        rc, place = self.home / ".zshrc-of-test", self.home / "zline"
        rc.write_text(
            f"PROMPT='ready> '\nfpath=({folder} $fpath)\nautoload -Uz compinit && compinit -u -D\n"
            "LISTMAX=10000\nunsetopt automenu listambiguous beep\n"
            f'dump() {{ print -rn -- "$BUFFER" > {place}.new; mv {place}.new {place} }}\n'
            "zle -N dump\nbindkey '^T' dump\nprint 'is'ready\n"
        )
        answers = []
        with _terminal([need("zsh"), "-f", "-i"], self.home, self.environment | (env or {})) as screen:
            screen.type(f"source {rc}\n")
            screen.wait_for(b"isready")
            screen.wait_for(b"ready> ")
            for line in lines:
                screen.mark = len(screen.seen)
                screen.type(f"{line}\t\x14")  # the candidates are shown before the line is written
                after = screen.file(place)
                answers.append((screen.text().partition(line.rstrip())[2], after))
                screen.type("\x15")
                screen.text()
        return answers


class _Screen:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.seen = b""
        self.mark = 0

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def read(self, seconds: float) -> bool:
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return False
        try:
            self.seen += os.read(self.descriptor, 65536)
        except OSError:
            return False
        return True

    def wait_for(self, text: bytes) -> None:
        end = time.monotonic() + 20
        while text not in self.seen[self.mark :]:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} was not shown, but {self.seen[-500:]!r}")
            self.read(0.1)
        self.mark = self.seen.index(text, self.mark) + len(text)

    def text(self) -> str:
        while self.read(0.05):
            pass
        return _CONTROL.sub(b"", self.seen[self.mark :]).decode(errors="replace").replace("\r", "")

    def file(self, path: Path) -> str:
        """Return the content of a file, and remove the file."""
        end = time.monotonic() + 20
        while not path.exists():
            if time.monotonic() > end:
                raise AssertionError(f"{path.name} was not written: TAB was not answered")
            self.read(0.01)
        text = path.read_text()
        path.unlink()
        return text


@contextlib.contextmanager
def _terminal(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[_Screen]:
    leader, follower = pty.openpty()
    termios.tcsetwinsize(leader, (500, 200))
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, cwd=folder, env=dict(environment),
        start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    try:
        yield _Screen(leader)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        os.close(leader)
