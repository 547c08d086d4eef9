"""Events and histories of gateways as text: a line for each event, a week as blocks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.events.history import HOURS, Availability, DayOfGateway, GatewayHistory
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent, event_data, json_line, utc_time
from hermes_profiles.gateways.model import span

_GOOD, _BAD, _DIM = "32", "31", "2"
_BLOCKS = {
    Availability.UP: "█",
    Availability.DEGRADED: "▓",
    Availability.DOWN: "░",
    Availability.STOPPED: "·",
    Availability.UNKNOWN: " ",
}
_PLAIN = {
    Availability.UP: "#",
    Availability.DEGRADED: "+",
    Availability.DOWN: "-",
    Availability.STOPPED: ".",
    Availability.UNKNOWN: " ",
}
_LAST = 10
_KIND_WIDTH = max(map(len, EventKind))


class EventView:
    """Prints events as they come: a line each, or a JSON object each."""

    def __init__(self, profiles: Iterable[str], *, as_json: bool) -> None:
        self._as_json = as_json
        self._stream = output.Stream()
        self._width = max([len("fleet"), *map(len, profiles)])

    def show(self, events: Iterable[FleetEvent]) -> None:
        """Print events. Raises OSError when they cannot be written."""
        shown = [*events]
        if self._as_json:
            rows = output.data_without_secrets([event_data(event) for event in shown])
            self._stream.write(("", "", "", json_line(row)) for row in rows)
        else:
            parts = [_parts(event, self._width) for event in shown]
            texts = output.without_secrets([text for _, _, text in parts])
            self._stream.write(
                (_style(event), head, style, text)
                for event, (head, style, _), text in zip(shown, parts, texts, strict=True)
            )

    def is_closed(self) -> bool:
        """Return whether the reader of the pipe is gone."""
        return self._stream.is_unread()


def _style(event: FleetEvent) -> str:
    return _BAD if event.is_fault else _GOOD if event.is_end else _DIM


def _parts(event: FleetEvent, width: int) -> tuple[str, str, str]:
    """Return (head, style, text) of the line of an event."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
    head = f"{at}  {event.profile or 'fleet':<{width}}  {event.kind:<{_KIND_WIDTH}}"
    return head, "", f"  {event_text(event)}".rstrip()


def event_text(event: FleetEvent) -> str:
    """Return what an event says besides its time, profile and kind."""
    change = f"{event.before or '-'} → {event.after}" if event.after else ""
    parts = [f"{event.channel}:" if event.channel else "", change, _in_brackets(event)]
    text = " ".join(filter(None, parts))
    reason = f"{event.reason}" if event.reason else ""
    return ": ".join(filter(None, (text, reason))) if text else reason


def _in_brackets(event: FleetEvent) -> str:
    cause = event.command or (str(event.cause) if event.cause is not EventCause.UNKNOWN else "")
    words = [cause, f"with {', '.join(event.also)}" if event.also else "", "found later" if event.reconstructed else ""]
    text = ", ".join(filter(None, words))
    return f"({text})" if text and event.kind is not EventKind.REQUESTED else ""


def history_data(history: GatewayHistory, *, watched: bool) -> dict[str, Any]:
    """Return a history as the contract has it."""
    outage = history.longest_outage
    return {
        "profile": history.profile,
        "since": utc_time(history.begin),
        "until": utc_time(history.end),
        "watched": watched,
        "uptime": _share(history.uptime),
        "restarts": history.restarts,
        "crashes": history.crashes,
        "longest_outage": {
            "from": utc_time(outage.begin),
            "to": utc_time(outage.end),
            "seconds": round(outage.seconds),
            "kind": outage.kind,
            "reason": outage.reason or None,
        }
        if outage is not None
        else None,
        "days": [
            {
                "date": day.date,
                "uptime": _share(day.uptime),
                **{f"{each}_s": round(day.seconds[each]) for each in Availability},
                "hours": [str(each) for each in day.hours],
            }
            for day in history.days
        ],
        "events": [event_data(event) for event in history.events],
    }


def _share(uptime: float | None) -> float | None:
    return round(uptime, 4) if uptime is not None else None


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def history_lines(history: GatewayHistory) -> Iterator[str]:
    """Yield the text of a history."""
    begin = time.strftime("%Y-%m-%d %H:%M", time.localtime(history.begin))
    share = _percent(history.uptime)
    restarts = _counted(history.restarts, "restart", "restarts")
    yield f"{history.profile} since {begin}: up {share}, {restarts}, {_counted(history.crashes, 'crash', 'crashes')}"
    outage = history.longest_outage
    if outage is not None:
        first, last = (time.strftime("%Y-%m-%d %H:%M", time.localtime(each)) for each in (outage.begin, outage.end))
        why = f": {outage.reason}" if outage.reason else ""
        yield f"longest outage: {span(outage.seconds)}, from {first} to {last}{why}"
    yield ""
    yield from plot_lines(history.days)
    if history.events:
        yield ""
        for event in history.events[-_LAST:]:
            head, _, text = _parts(event, len(history.profile))
            yield f"{head}{text}"


def plot_lines(days: Sequence[DayOfGateway]) -> Iterator[str]:
    """Yield days as blocks, one for each hour: the worst that the hour had."""
    marks = _BLOCKS if output.takes_utf8() else _PLAIN
    yield f"{'':10}  0     6     12    18"
    for day in days:
        name = date.fromisoformat(day.date).strftime("%a %m-%d")
        blocks = "".join(marks[each] for each in day.hours)
        yield f"{name:10}  {blocks:<{HOURS}}  {_percent(day.uptime)}"
    yield "  ".join(f"{marks[each]} {each}" for each in Availability if each is not Availability.UNKNOWN)


def _percent(share: float | None) -> str:
    return f"{share * 100:.1f} %" if share is not None else "-"
