"""How records of logs are shown: a line each with the profile in front, or a JSON object each; without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.logs.history import TimedRecord
from hermes_profiles.logs.records import CUT_HERE, SPARE, Cut, Level, iso_time, shown_time
from hermes_profiles.logs.secrets import SecretCache

# Colours that are no level's: cyan, green, magenta, blue, and their bright ones.
_HEADS = ("36", "32", "35", "34", "96", "92", "95", "94")
_STYLES = {Level.DEBUG: "2", Level.WARNING: "33", Level.ERROR: "31", Level.CRITICAL: "1;31"}
# So many records are printed, and looked through for secrets, together.
_BATCH = 500


class LogView:
    """Prints entries; `profiles` in an order that stays the same from one run to the next, for their colours."""

    def __init__(self, profiles: Sequence[str], masks: SecretCache, *, as_json: bool) -> None:
        self._masks = masks
        self._as_json = as_json
        self._stream = output.Stream()
        self._styles: dict[str, str] = {}
        self._width = 0
        self.count = 0
        for profile in profiles:
            self.style_of(profile)

    def widen_for(self, profiles: Iterable[str]) -> None:
        """Make room for the names of profiles."""
        self._width = max([self._width, *map(len, profiles)])

    def style_of(self, profile: str) -> str:
        """Return the colour of a profile."""
        return self._styles.setdefault(profile, _HEADS[len(self._styles) % len(_HEADS)])

    def is_unread(self) -> bool:
        """Return whether nobody reads any more."""
        return self._stream.is_unread()

    def show(self, entries: Iterable[TimedRecord]) -> None:
        """Print entries, many at a time. Raises OSError when they cannot be written."""
        batch: list[TimedRecord] = []
        for entry in entries:
            batch.append(entry)
            if len(batch) >= _BATCH:
                self._print(batch)
                batch = []
        self._print(batch)

    def _print(self, batch: Sequence[TimedRecord]) -> None:
        self.count += len(batch)
        texts = self._masks.redactor.redact_all([entry.record.text for entry in batch])
        shown = [self._whole(entry, text) for entry, text in zip(batch, texts, strict=True)]
        if self._as_json:
            rows = (_row(entry, text) for entry, text in zip(batch, shown, strict=True))
            encode = json.JSONEncoder(ensure_ascii=not output.takes_utf8()).encode
            self._stream.write(("", "", "", encode(row)) for row in rows)
        else:
            self._stream.write(
                line for entry, text in zip(batch, shown, strict=True) for line in self._lines(entry, text)
            )

    def _whole(self, entry: TimedRecord, text: str) -> str:
        """Return a text that can be shown: without what may be a part of a secret, and no longer than can be read."""
        cut = entry.record.cut
        if cut:
            text = self._masks.redactor.redact_cut(text, begins=bool(cut & Cut.BEGIN), ends=bool(cut & Cut.END))
        if CUT_HERE in text:
            text = "\n".join(map(_short, text.split("\n")))
        return text

    def _lines(self, entry: TimedRecord, text: str) -> Iterator[tuple[str, str, str, str]]:
        _, level, logger, _, session, *_ = entry.record
        style, head = self.style_of(entry.profile), f"{entry.profile:<{self._width}} | "
        line = f"{logger}: " if logger is not None else ""
        if session is not None:
            line = f"[{session}] {line}"
        if level is not None:
            line = f"{level.name} {line}"
        if entry.time is not None:
            line = f"{shown_time(entry.time)} {line}"
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


def _row(entry: TimedRecord, text: str) -> dict[str, Any]:
    record = entry.record
    return {
        "profile": entry.profile,
        "time": iso_time(entry.time) if entry.time is not None else None,
        "level": record.level.name.lower() if record.level is not None else None,
        "logger": record.logger,
        "session": record.session,
        "source": entry.source,
        "text": text.encode("utf-8", "replace").decode() if not text.isprintable() else text,
    }


def _short(line: str) -> str:
    """Return a line without what may be half a secret, where it was cut when it was read."""
    whole, mark, _ = line.partition(CUT_HERE)
    return f"{whole[:-SPARE]} … (a very long line)" if mark else line
