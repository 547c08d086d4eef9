"""Runs a program of a service manager: listed environment, time limit, tolerant decoding."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from hermes_profiles.model.named_tuple import NamedTuple

from .manager import ManagerError

DEADLINE = 30.0
# PATH for a caller without one: the folders of distributions and of macOS.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Finished(NamedTuple):
    """How a program ended: exit code (negative for a signal), standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """Return the first line of its error output, in the style of our own errors."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return plain_message(lines[0]) if lines else f"exit code {self.code} without any output"


# (arguments, environment, seconds) → how it ended. Tests pass their own, and count calls.
Runner = Callable[[Sequence[str], Mapping[str, str], float], Finished]


def plain_message(text: str) -> str:
    """Return a program's message with a lower-case first letter and without a full stop."""
    text = text.strip().rstrip(".")
    return text[:1].lower() + text[1:]


def run(words: Sequence[str], environment: Mapping[str, str], seconds: float = DEADLINE) -> Finished:
    """Run a program to its end.

    Raises ManagerError when it is missing, cannot be run, or does not end in time (it is then killed).
    """
    import subprocess

    try:
        done = subprocess.run(
            list(words),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError as error:
        raise ManagerError(
            f"`{words[0]}` is not on PATH ({environment.get('PATH', '')})",
            target=words[0],
            code="no-program",
            hint="use the bundled manager with `--manager supervisor`",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ManagerError(
            f"`{shown(words)}` did not answer within {seconds:g} s",
            target=words[0],
            code="manager-timeout",
            hint=f"run `{shown(words)}` to see what it waits for",
        ) from error
    except OSError as error:
        raise ManagerError(
            f"cannot run `{shown(words)}`: {plain_message(error.strerror or '')}", target=words[0]
        ) from error
    return Finished(done.returncode, done.stdout, done.stderr)


def shown(words: Sequence[str]) -> str:
    """Return a command as typed in a shell, cut after six words."""
    import shlex

    return shlex.join(words[:6]) + (" …" if len(words) > 6 else "")


def listed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a manager's program: the caller's PATH, English, times in UTC."""
    return {"PATH": environment.get("PATH") or _PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def batches(names: Sequence[str], room: int | None = None) -> Iterator[Sequence[str]]:
    """Yield the names in as few batches as fit on a command line: one for up to about ten thousand."""
    if room is None:
        room = max(os.sysconf("SC_ARG_MAX") // 2, 32768)
    begin = size = 0
    for index, name in enumerate(names):
        size += len(os.fsencode(name)) + 9  # the byte that ends it, and its pointer
        if size > room and index > begin:
            yield names[begin:index]
            begin, size = index, len(os.fsencode(name)) + 9
    if begin < len(names):
        yield names[begin:]
