"""`logs` and `events` of several places as one stream: what is there in order of time, then each line as it comes."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from subprocess import DEVNULL
from typing import Any

from hermes_profiles.gateways.model import epoch_of
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.places.in_places import chosen_places
from hermes_profiles.places.model import Place
from hermes_profiles.places.transport import PlaceStream

from . import output
from .place_option import InPlacesCall
from .streaming import streamed

_COUNT = 50
# Seconds without a line after which the lines so far are shown, in order of time; and the longest wait for that.
_QUIET, _LONGEST = 0.7, 12.0
_TICK = 0.2


def stream_places(session: Session, call: InPlacesCall, words: Sequence[str]) -> int:
    """Print what places write, each line with its place, and return the exit code: 4 where a place was silent."""
    places = chosen_places(session, call.place)
    follow = bool(call.given.get("follow"))
    count = call.given.get("count")
    many = count if count is not None else None if call.given.get("since") is not None else _COUNT
    reader = _PlaceReader(session, places, words)
    view = _PlaceView(places, as_json=session.as_json)

    def show() -> None:
        first = sorted(reader.begin(is_endless=follow), key=_moment)
        view.show(first if many is None else first[len(first) - min(many, len(first)) :])
        if follow:
            for rows in reader.go_on(view.is_closed):
                view.show(rows)

    try:
        code = streamed(show)
    finally:
        reader.close()
    for problem in reader.problems:
        output.report_problem("error", problem)
    return code or int(ExitCode.MANAGER if reader.is_silent else reader.worst)


def _moment(row: dict[str, Any]) -> float:
    return epoch_of(row.get("time") or "") or 0.0


class _PlaceReader:
    """The streams of places. `problems`: of all; `is_silent`: one did not answer; `worst`: exit code of the others."""

    def __init__(self, session: Session, places: Sequence[Place], words: Sequence[str]) -> None:
        self.problems: list[Problem] = []
        self.worst = 0
        self.is_silent = False
        self._streams: list[PlaceStream] = []
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._open = len(places)
        for place in places:
            threading.Thread(target=self._read, args=(session, place, words), daemon=True).start()

    def close(self) -> None:
        """End the streams that are open."""
        for stream in self._streams:
            stream.__exit__()

    def begin(self, *, is_endless: bool) -> list[dict[str, Any]]:
        """Return what is there; of endless streams, what comes before a pause."""
        rows: list[dict[str, Any]] = []
        deadline = time.monotonic() + _LONGEST
        last = time.monotonic() + 2.0
        while self._open and not (is_endless and time.monotonic() > min(deadline, last)):
            found = self._next()
            if found is not None:
                rows.append(found)
                last = time.monotonic() + _QUIET
        return rows

    def go_on(self, is_closed: Callable[[], bool]) -> Iterator[list[dict[str, Any]]]:
        """Yield lines as they come, until all streams have ended or the reader of our output is gone."""
        while self._open and not is_closed():
            row = self._next()
            if row is not None:
                yield [row]

    def _next(self) -> dict[str, Any] | None:
        try:
            row = self._queue.get(timeout=_TICK)
        except queue.Empty:
            return None
        if row is None:
            self._open -= 1
        return row

    def _read(self, session: Session, place: Place, words: Sequence[str]) -> None:
        try:
            stream = PlaceStream(place, words, session.environment, stdin=DEVNULL, is_bulk=False)
            self._streams.append(stream)
            failed: list[Problem] = []
            for row in _objects(stream.stdout):
                if row.get("schema") and "errors" in row:  # an error before the first line is an envelope
                    failed += [_problem(place, each) for each in row["errors"]]
                else:
                    self._queue.put({"place": place.name, **row})
            ended = stream.finish()
            self.problems += failed
            if ended.code != ExitCode.INTERRUPTED:
                self.worst = max(self.worst, ended.code)
        except HermesProfilesError as error:
            self.problems.append(error.problem)
            self.is_silent = True
        except (OSError, ValueError):  # it was closed because the user ended the command
            return
        finally:
            self._queue.put(None)


def _problem(place: Place, row: dict[str, Any]) -> Problem:
    return Problem(str(row.get("code")), f"{place.name}: {row.get('message')}", place.name, row.get("hint"))


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects among lines, also one over several lines; other lines come from start files of a shell."""
    pending = b""
    for line in lines:
        if not pending and not line.startswith(b"{"):
            continue
        try:
            row = json.loads(pending + line)
        except ValueError:
            pending += line
            continue
        pending = b""
        if isinstance(row, dict):
            yield row


class _PlaceView:
    """Prints rows of logs or events."""

    def __init__(self, places: Sequence[Place], *, as_json: bool) -> None:
        self._stream = output.Stream()
        self._as_json = as_json
        self._width = max(len(place.name) for place in places)
        self.is_closed = self._stream.is_unread

    def show(self, rows: Iterable[dict[str, Any]]) -> None:
        """Print rows. Raises OSError when they cannot be written."""
        encode = json.JSONEncoder(ensure_ascii=not output.takes_utf8()).encode
        for row in rows:
            if self._as_json:
                self._stream.write([("", "", "", encode(output.data_without_secrets(row)))])
            else:
                who = f"{row['place']:<{self._width}} {row.get('profile') or 'fleet'}"
                (text,) = output.without_secrets([_text(row)])
                self._stream.write([("36", f"{who} | ", "", line) for line in text.split("\n")])


def _text(row: dict[str, Any]) -> str:
    at = epoch_of(row.get("time") or "")
    begin = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at is not None else ""
    if "kind" in row:
        change = f"{row.get('from') or '-'} → {row['to']}" if row.get("to") else ""
        parts = [begin, row["kind"], row.get("channel"), change, row.get("reason")]
    else:
        logger = f"{row['logger']}:" if row.get("logger") else ""
        parts = [begin, (row.get("level") or "").upper(), logger, row.get("text")]
    return " ".join(str(part) for part in parts if part)
