"""The text of an alert, and its data for a webhook: what, since when, why, and the one command to run. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hermes_profiles.events.model import EventKind, utc_time
from hermes_profiles.model.errors import SCHEMA
from hermes_profiles.model.text import first_names

from .model import PROFILE_GONE, AlertItem

_MOST, _LONGEST = 20, 300
_WORDS = {
    EventKind.DOWN: "is down",
    EventKind.DEGRADED: "does not work in full",
    EventKind.CRASH_LOOPING: "crashes again and again",
    EventKind.UNSUPERVISED: "runs without its service manager",
    EventKind.CONFLICT: "uses an account that another gateway uses",
    EventKind.PORT_LOST: "has lost its port to another process",
    EventKind.HUNG: "is hung",
    EventKind.DISK_FULL: "has no space left on its disk",
    EventKind.TOKEN_REFUSED: "has a token that the platform refuses",
    EventKind.MODEL_KEY_REFUSED: "has a model key that the provider refuses",
    EventKind.CONFIGURATION_BROKEN: "has a broken configuration",
    EventKind.SUPERVISOR_GONE: "have no service manager: it is gone",
    EventKind.LOG_LOST: "cannot write its logs",
    EventKind.OLD_CODE: "run older code than the installed Hermes",
}
_COMMANDS = {
    EventKind.DOWN: "hermes-gateways start {profile}",
    EventKind.CRASH_LOOPING: "hermes-gateways logs {profile}",
    EventKind.UNSUPERVISED: "hermes-gateways restart {profile}",
    EventKind.HUNG: "hermes-gateways restart {profile}",
    EventKind.DISK_FULL: "df -h {root}",
    EventKind.TOKEN_REFUSED: "hermes-profiles connect {profile} {channel}",
    EventKind.SUPERVISOR_GONE: "hermes-gateways start",
    EventKind.OLD_CODE: "hermes-gateways restart --stale",
    EventKind.DEGRADED: "hermes-gateways status {profile}",
}
_OF_FLEET = "the gateways"


class AlertText:
    """Words an alert. `root`: for commands, with `home` when `--home` must name it; `host`: of this machine."""

    def __init__(self, host: str, root: str, *, needs_home: bool, now: float) -> None:
        self._host = host
        self._root = root
        self._needs_home = needs_home
        self._now = now

    def title(self, items: Sequence[AlertItem]) -> str:
        """Return one line: the gateway and what it has, or how many there are of what."""
        falls = [each for each in items if each.until is None]
        if not items:
            return f"{self._host}: a test, nothing has happened"
        if len(items) == 1:
            return f"{self._host}: {_sentence(items[0])}"
        names = dict.fromkeys(_owner(each) for each in (falls or items))
        over = len(items) - len(falls)
        parts = [f"{len(falls)} new faults"] if len(falls) > 1 else ["1 new fault"] if falls else []
        parts += [f"{over} over"] if over else []
        return f"{self._host}: {' and '.join(parts)} ({first_names([*names], 5)})"

    def body(self, items: Sequence[AlertItem], *, repeated: bool = False) -> str:
        """Return the lines of a message, the title excluded."""
        if not items:
            lines = ["This is what an alert of hermes-profiles looks like."]
        else:
            lines = [line for each in items[:_MOST] for line in self._lines(each)]
        if len(items) > _MOST:
            lines += [f"and {len(items) - _MOST} more", f"run: {self._at_root('hermes-gateways status')}"]
        if repeated:
            lines.append("(This may be here for the second time: nothing shows whether the first one arrived.)")
        return "\n".join(lines)

    def data(self, message: str, items: Sequence[AlertItem], *, repeated: bool = False) -> dict[str, Any]:
        """Return the body of a webhook. `message`: the id, the same at every try."""
        title, body = self.title(items), self.body(items, repeated=repeated)
        return {
            "schema": SCHEMA,
            "id": message,
            "kind": kind_of(items),
            "host": self._host,
            "time": utc_time(self._now),
            "title": title,
            "text": f"{title}\n{body}",
            "repeated": repeated,
            "items": [self._item(each) for each in items],
        }

    def _item(self, item: AlertItem) -> dict[str, Any]:
        return {
            "profile": item.profile,
            "channel": item.channel,
            "kind": item.kind,
            "since": utc_time(item.since),
            "until": utc_time(item.until) if item.until is not None else None,
            "reason": item.reason[:_LONGEST] or None,
            "also": list(item.also),
            "command": self.command(item) if item.until is None else None,
        }

    def _lines(self, item: AlertItem) -> list[str]:
        if item.until is not None:
            span = _span(item.until - item.since)
            return [f"{_sentence(item)}, after {span} ({_clock(item.since)} to {_clock(item.until)})"]
        age = _span(self._now - item.since)
        why = f": {item.reason[:_LONGEST]}" if item.reason else ""
        return [
            f"{_sentence(item)} since {_clock(item.since)} ({age}){why}", f"  run: {self.command(item)}",
        ]  # fmt: skip

    def command(self, item: AlertItem) -> str:
        """Return the one command to run for a fault."""
        command = _COMMANDS.get(EventKind(item.kind), "hermes-profiles doctor {profile}")
        if item.channel is None:
            command = command.replace(" {channel}", "")
        filled = command.format(profile=item.profile or "", channel=item.channel, root=shlex.quote(self._root)).strip()
        return self._at_root(filled)

    def _at_root(self, command: str) -> str:
        is_ours = command.startswith("hermes-")
        return f"{command} --home {shlex.quote(self._root)}" if self._needs_home and is_ours else command


def kind_of(items: Sequence[AlertItem]) -> str:
    """Return `test`, `alert`, `recovery`, or `digest` for a message of several."""
    if not items:
        return "test"
    if len(items) > 1:
        return "digest"
    return "alert" if items[0].until is None else "recovery"


def _subject(item: AlertItem) -> str:
    others = f" (with {', '.join(item.also)})" if item.also else ""
    return f"{_owner(item)}{f': {item.channel}' if item.channel else ''}{others}"


def _owner(item: AlertItem) -> str:
    return item.profile or _OF_FLEET


def _sentence(item: AlertItem) -> str:
    """Return what a gateway has, or what is over."""
    if item.until is not None and item.reason == PROFILE_GONE:
        return f"{_subject(item)}: {PROFILE_GONE}"
    return f"{_subject(item)}{'' if item.until is not None and item.fault else ' '}{_state(item)}"


def _state(item: AlertItem) -> str:
    if item.until is not None:
        what = f": {item.fault} is over" if item.fault else " works again" if item.profile else " work again"
        return what.strip()
    words = _WORDS.get(EventKind(item.kind), item.kind)
    return words.replace("has ", "have ", 1).replace("its", "their") if item.profile is None else words


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"
