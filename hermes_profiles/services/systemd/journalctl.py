"""Reads the journal of units through `journalctl`: backward from the end, or as it grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import batches, listed_environment, plain_message

_FIELDS = (
    "MESSAGE",
    "PRIORITY",
    "_SYSTEMD_UNIT",
    "_SYSTEMD_USER_UNIT",
    "UNIT",
    "USER_UNIT",
    "SYSLOG_IDENTIFIER",
    "_PID",
)
_BLOCK = 256 * 1024
# A line of `journalctl` on standard error that is not a failure.
_HARMLESS = "Hint: "


class JournalEntry(NamedTuple):
    """One line of the journal.

    `unit`: with `.service`; `scope`: "user" or "system"; `priority`: of syslog, 3 is an error; `is_manager`: systemd
    itself wrote it about the unit.
    """

    unit: str
    scope: str
    time: float
    priority: int
    is_manager: bool
    message: bytes


class JournalctlStream:
    """A running `journalctl` for some units, in one scope or both."""

    def __init__(self, process: Any, output: IO[bytes]) -> None:
        self._process = process
        self._output = output
        self._rest = b""

    def entries(self) -> Iterator[JournalEntry]:
        """Yield all entries of the query; waits for them."""
        for line in self._output:
            entry = entry_of(line)
            if entry is not None:
                yield entry

    def arrived(self) -> tuple[list[JournalEntry], bool]:
        """Return the entries available now, without waiting, and whether more can follow."""
        try:
            block = os.read(self._output.fileno(), _BLOCK)
        except BlockingIOError:
            return [], True
        if not block:
            return [], False
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [entry for line in lines if (entry := entry_of(line)) is not None], True

    def complaint(self) -> str:
        """Return why `journalctl` failed, "" for success; waits for its end."""
        code = self._process.wait(timeout=5)
        if code == 0:
            return ""
        output = (self._process.stderr.read() if self._process.stderr is not None else b"").decode("utf-8", "replace")
        lines = [line for line in output.splitlines() if line.strip() and not line.startswith(_HARMLESS)]
        return plain_message(lines[0]) if lines else f"exit code {code} without any output"

    def close(self) -> None:
        """End `journalctl` at once."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        for stream in (self._output, self._process.stderr):
            if stream is not None:
                stream.close()


def open_journal(
    units: Sequence[tuple[str, str]],
    environment: Mapping[str, str],
    *,
    since: float | None = None,
    until: float | None = None,
    backward: bool = False,
    follow: bool = False,
) -> JournalctlStream:
    """Return the journal of (unit, scope) pairs; times in epoch seconds, both included.

    Raises ManagerError when there is no `journalctl`.
    """
    import subprocess

    names = [f"--user-unit={unit}" if scope == "user" else f"--unit={unit}" for unit, scope in units]
    # More units than fit on a command line are left out.
    names = list(next(batches(names), ()))
    words = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", f"--output-fields={','.join(_FIELDS)}"]
    words += [f"--since=@{since:.6f}"] if since is not None else []
    words += [f"--until=@{until:.6f}"] if until is not None else []
    words += ["--reverse"] if backward else []
    words += ["--follow", "--no-tail"] if follow else []
    try:
        # In a process group of its own: Ctrl-C reaches this program alone, which then ends it.
        process: Any = subprocess.Popen(
            [*words, *names],
            env=listed_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if follow else subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ManagerError(
            f"cannot read the journal: `journalctl`: {plain_message(error.strerror or '')}",
            target="journalctl",
            code="no-journal",
            hint="put the folder of `journalctl` on PATH",
        ) from error
    if follow:
        os.set_blocking(process.stdout.fileno(), False)
    return JournalctlStream(process, process.stdout)


def entry_of(line: bytes) -> JournalEntry | None:
    """Return the entry in one line of `--output=json`, None when it is not of a unit."""
    try:
        data = json.loads(line)
        moment = int(data["__REALTIME_TIMESTAMP"]) / 1e6
        message = _message(data.get("MESSAGE"))
        # An entry of systemd about a unit names it in UNIT; an entry of the unit itself has _SYSTEMD_UNIT.
        unit = data.get("USER_UNIT") or data.get("UNIT")
        is_manager = bool(unit)
        scope = "user" if data.get("USER_UNIT") or not (unit or data.get("_SYSTEMD_USER_UNIT") is None) else "system"
        unit = unit or data.get("_SYSTEMD_USER_UNIT") or data.get("_SYSTEMD_UNIT")
        priority = int(data.get("PRIORITY") or 6)
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(unit, str) or message is None:
        return None
    return JournalEntry(unit, scope, moment, priority, is_manager, message)


def _message(value: object) -> bytes | None:
    """Return a message: text, a list of bytes for other data, or a list of either."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(value)
    return _message(value[0]) if isinstance(value, list) and value else None
