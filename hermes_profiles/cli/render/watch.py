"""`status --watch`: a fleet as the rows of the live table."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.format import dash, size_text, span_text
from hermes_profiles.cli.framework.live_table import HINT, View, check_terminal, watch
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.files import GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.logs.last_line import last_line
from hermes_profiles.model.errors import HermesProfilesError, Problem, UsageProblem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.operations.context import from_os_error
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import FleetStatus
from hermes_profiles.operations.monitoring.fleet_signature import FleetSignature, FleetSigner

from .fleet_tables import fleet_remarks
from .gateways import channel_text, gateway_row
from .verdict import fleet_verdict, trouble_first

# Returns the status of these profiles, None for all that were selected.
Look = Callable[[FleetSession, Sequence[str] | None], FleetStatus]
# All gateways are observed after so many seconds, also when nothing has changed.
FULL = 60.0
# The state of such a gateway changes only together with its files, a process or its service.
_SETTLED = (GatewayState.STOPPED, GatewayState.FAILED, GatewayState.SERVED)


def watch_fleet(session: FleetSession, look: Look, answer: Callable[[FleetStatus], Answer], interval: float) -> Answer:
    """Show the fleet live until the user presses q; return the answer for the last status, without text.

    An error of a later look is shown below the rows of the look before. Raises what the first look raises,
    UsageProblem without a usable terminal, and SystemExit when a signal ends it.
    """
    if session.as_json:
        raise UsageProblem("`--watch` draws a table, and `--json` is for programs", target="--watch", hint=HINT)
    check_terminal(interval)
    watcher = FleetWatcher(session, look, interval)
    last, code = watch(watcher.view(), watcher.again, interval)
    if code is not None:
        raise SystemExit(code)
    return Answer(answer(last.result).result)


class FleetWatcher:
    """Looks at a fleet again and again: at all of it where something has changed, else at what runs alone."""

    def __init__(self, session: FleetSession, look: Look, interval: float) -> None:
        self._session = session
        self._look = look
        self._interval = interval
        self._signer = FleetSigner(session.fresh())
        self._seen: FleetSignature | None = None
        self._looked = 0.0
        self._rows: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, tuple[object, str]] = {}
        self._cells: dict[str, tuple[Mapping[str, Any], str, tuple[str, ...]]] = {}

    def view(self) -> View:
        """Return the view of the first look. Raises what the look raises."""
        return self._whole(self._session, self._signer.signature())

    def again(self, before: View) -> View:
        """Return the view of another look, or the view before with the error of the look."""
        session = self._session.fresh()
        try:
            seen = self._signer.signature()
            if seen != self._seen or time.monotonic() - self._looked >= FULL:
                return self._whole(session, seen)
            return self._partial(session, before.result)
        except HermesProfilesError as error:
            self._seen = None
            return before._replace(notes=(_line("error", error.problem),))
        except OSError as error:
            self._seen = None
            return before._replace(notes=(_line("error", from_os_error(error)),))

    def _whole(self, session: FleetSession, seen: FleetSignature) -> View:
        status = self._look(session, None)
        self._seen, self._looked = seen, time.monotonic()
        self._rows = {each.profile: gateway_row(each) for each in status.gateways}
        return self._shown(session, status)

    def _partial(self, session: FleetSession, before: FleetStatus) -> View:
        """Return the view with a new look at the gateways that change by themselves; the others are as before."""
        names = [each.profile for each in before.gateways if each.state not in _SETTLED]
        if not names:
            return self._shown(session, before)
        found = self._look(session, names)
        fresh = {each.profile: each for each in found.gateways}
        self._rows |= {name: gateway_row(each) for name, each in fresh.items()}
        gateways = tuple(fresh.get(each.profile, each) for each in before.gateways)
        return self._shown(session, before._replace(gateways=gateways, errors=found.errors))

    def _shown(self, session: FleetSession, status: FleetStatus) -> View:
        rows = trouble_first(self._rows[each.profile] for each in status.gateways)
        title = fleet_verdict(rows, conflicts=len(status.conflicts)).text
        clock = f"{time.strftime('%H:%M:%S')}, every {self._interval:g} s, q ends"
        folder = os.fspath(session.layout.profiles)
        cells = tuple(self._row_cells(session, row, folder) for row in rows)
        notes = tuple(output.without_secrets([*_notes(status, rows)]))
        return View(cells, title, notes, clock, status)

    def _row_cells(self, session: FleetSession, row: Mapping[str, Any], folder: str) -> tuple[str, ...]:
        """Return the cells of a row, the same as before where neither the row nor the last line has changed."""
        name = row["profile"]
        line = self._last_line(session, name, session.layout.root if name == DEFAULT else f"{folder}/{name}")
        known = self._cells.get(name)
        if known is not None and known[0] is row and known[1] == line:
            return known[2]
        cells = tuple(output.without_secrets(_cells(row, line)))
        self._cells[name] = (row, line, cells)
        return cells

    def _last_line(self, session: FleetSession, profile: str, home: Path | str) -> str:
        """Return the last line of a profile's log, read again when the file has changed."""
        known, line = self._lines.get(profile, ("", ""))
        changed = _changed(f"{home}/{LOGS_FOLDER}/{GATEWAY_LOG}")
        if changed != known:
            line = last_line(session.layout, profile)
            self._lines[profile] = (changed, line)
        return line


def _changed(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _cells(row: Mapping[str, Any], line: str) -> tuple[str, ...]:
    return (
        row["profile"] + (" (disabled)" if row["disabled"] else ""),
        row["state"],
        span_text(row["uptime_s"]),
        size_text(row["rss_bytes"]),
        dash(row["restarts"]),
        ", ".join(channel_text(each) for each in row["channels"]) or "-",
        line or "-",
    )


def _notes(status: FleetStatus, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield from (_line("error", each) for each in status.errors)
    conflicts = [each.as_data() for each in status.conflicts]
    yield from (f"{line.head}{line.text}" for line in fleet_remarks(rows, conflicts))


def _line(kind: str, problem: Problem) -> str:
    return f"{kind}: {problem.message}"
