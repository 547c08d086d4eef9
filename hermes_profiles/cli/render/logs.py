"""Records of logs as text: a line each with the profile in front, or a JSON object each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.logs.records import Level, iso_time, shown_time
from hermes_profiles.operations.gateways.logs import LogLine

# Colours that are no level's: cyan, green, magenta, blue, and their bright ones.
_HEADS = ("36", "32", "35", "34", "96", "92", "95", "94")
_STYLES = {Level.DEBUG: "2", Level.WARNING: "33", Level.ERROR: "31", Level.CRITICAL: "1;31"}


class LogView:
    """Prints records. `profiles`: in an order that is the same in each run, for their colours."""

    def __init__(self, profiles: Sequence[str], *, as_json: bool) -> None:
        self._as_json = as_json
        self._stream = output.Stream()
        self._styles: dict[str, str] = {}
        self._width = 0
        for profile in profiles:
            self.style_of(profile)

    def profiles(self, names: Iterable[str]) -> None:
        """Make room for the names of profiles."""
        self._width = max([self._width, *map(len, names)])

    def style_of(self, profile: str) -> str:
        """Return the colour of a profile."""
        return self._styles.setdefault(profile, _HEADS[len(self._styles) % len(_HEADS)])

    def show(self, lines: Sequence[LogLine]) -> None:
        """Print records. Raises OSError when they cannot be written."""
        if self._as_json:
            encode = json.JSONEncoder(ensure_ascii=not output.takes_utf8()).encode
            self._stream.write(("", "", "", encode(_row(line))) for line in lines)
        else:
            self._stream.write(part for line in lines for part in self._lines(line))

    def note(self, text: str) -> None:
        """Print a remark to stderr."""
        output.note(text)

    def warn(self, message: str, hint: str | None) -> None:
        """Print a warning to stderr."""
        output.note(f"warning: {message}")
        if hint:
            output.note(f"hint: {hint}")

    def is_closed(self) -> bool:
        """Return whether the reader of the pipe is gone."""
        return self._stream.is_unread()

    def _lines(self, record: LogLine) -> Iterator[tuple[str, str, str, str]]:
        level, text = record.level, record.text
        style, head = self.style_of(record.profile), f"{record.profile:<{self._width}} | "
        line = f"{record.logger}: " if record.logger is not None else ""
        if record.session is not None:
            line = f"[{record.session}] {line}"
        if level is not None:
            line = f"{level.name} {line}"
        if record.time is not None:
            line = f"{shown_time(record.time)} {line}"
        colour = _STYLES.get(level, "") if level is not None else ""
        if "\t" in text:
            text = text.expandtabs()
        if "\n" not in text:
            yield style, head, colour, line + text
            return
        first, *others = text.split("\n")
        yield style, head, colour, line + first
        for other in others:
            yield style, head, colour, other


def _row(record: LogLine) -> dict[str, Any]:
    text = record.text
    return {
        "profile": record.profile or None,
        "time": iso_time(record.time) if record.time is not None else None,
        "level": record.level.name.lower() if record.level is not None else None,
        "logger": record.logger,
        "session": record.session,
        "source": record.source,
        "text": text.encode("utf-8", "replace").decode() if not text.isprintable() else text,
    }
