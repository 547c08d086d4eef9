"""A process that takes over when this one ends before its work does, also by SIGKILL.

A shell in a session of its own reads from a pipe that only this process writes to. A line says that the work is done.
The end of the pipe without a line says that this process is gone: the shell becomes the given command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

_SCRIPT = 'read -r done || exec "$@"'
_END_SECONDS = 5.0


class Successor:
    """The process that takes over, as a context manager; `command`: what it runs then, without input and output.

    It runs the command after every end of the context except one after `dismiss`. Where no process can be started, the
    work goes on without one.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._shell: Popen[bytes] | None = None
        self.is_dismissed = False

    def __enter__(self) -> Successor:
        import subprocess

        try:
            self._shell = subprocess.Popen(
                ("/bin/sh", "-c", _SCRIPT, "hermes-gateways", *self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=self._environment,
                start_new_session=True,
            )
        except OSError:
            self._shell = None
        return self

    def dismiss(self) -> None:
        """End the process: the work is done."""
        import subprocess

        shell, self._shell, self.is_dismissed = self._shell, None, True
        if shell is None or shell.stdin is None:
            return
        try:
            shell.stdin.write(b"done\n")
            shell.stdin.close()
            shell.wait(_END_SECONDS)
        except (OSError, subprocess.TimeoutExpired):  # the process is gone, or suspended
            pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
