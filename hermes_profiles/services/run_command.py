"""The one place where a manager starts a program: a listed environment, a deadline, text that survives odd bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .manager import ManagerError

DEADLINE = 30.0
# What a program of a manager gets even where the caller has no PATH: where distributions and macOS keep theirs.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Finished(NamedTuple):
    """How a program ended: its exit code (negative for a signal), and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """Return the first line of what it said was wrong, in the style of our own errors."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return plain_message(lines[0]) if lines else f"exit code {self.code}, and not a word"


# (words, environment, seconds) → how it ended. Tests put their own here, and count.
Runner = Callable[[Sequence[str], Mapping[str, str], float], Finished]


def plain_message(text: str) -> str:
    """Return a program's message in lower case at its beginning and without a full stop at its end."""
    text = text.strip().rstrip(".")
    return text[:1].lower() + text[1:]


def run(words: Sequence[str], environment: Mapping[str, str], seconds: float = DEADLINE) -> Finished:
    """Run a program to its end.

    Raises ManagerError when it is not there, cannot be run, or does not end in time (it is then killed).
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
            hint=f"see what it waits for with `{shown(words)}`",
        ) from error
    except OSError as error:
        raise ManagerError(
            f"cannot run `{shown(words)}`: {plain_message(error.strerror or '')}", target=words[0]
        ) from error
    return Finished(done.returncode, done.stdout, done.stderr)


def shown(words: Sequence[str]) -> str:
    """Return a command as one would type it, cut where a thousand names would follow."""
    import shlex

    return shlex.join(words[:6]) + (" …" if len(words) > 6 else "")


def listed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all that a manager's program may know of the caller: where programs are. English, and times in UTC."""
    return {"PATH": environment.get("PATH") or _PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def batches(names: Sequence[str], room: int | None = None) -> Iterator[Sequence[str]]:
    """Yield the names in as few pieces as fit on a command line; one, for less than about ten thousand."""
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
