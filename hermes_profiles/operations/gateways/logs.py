"""Read the logs of gateways as one stream, without their secrets, and follow them."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from hermes_profiles.gateways.host.servers import servers_of
from hermes_profiles.gateways.system import SystemContext
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import LOGS_FOLDER
from hermes_profiles.logs.deduplicate import StderrDeduplicator
from hermes_profiles.logs.filters import Filter, naming
from hermes_profiles.logs.follow import LogFollower, LogTargets
from hermes_profiles.logs.history import LogHistory, TimedRecord
from hermes_profiles.logs.records import CUT_HERE, SPARE, Cut, Level
from hermes_profiles.logs.secrets import SecretCache
from hermes_profiles.logs.sources import definition_times, sources_of, units_of
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_meta

from ..context import command_at
from ..fleet_context import FleetSession

# Seconds between two reads when nothing happens, when something does, and between two searches for new profiles.
_IDLE, _BUSY, _NEWS = 0.2, 0.01, 2.0
# So many logs are looked at in each idle round of 0.2 s; more of them make the rounds longer, up to the limit. A record
# is shown at most two rounds after it was written.
_LOGS_A_ROUND, _LONGEST_IDLE = 400, 0.8
# The files and units of a profile are determined again after so many seconds, also when no folder of definitions and
# no profile has changed.
_ALL_NEWS = 30.0
# So many records are searched for secrets together.
_BATCH = 500


class LogLine(NamedTuple):
    """One record of a log; `profile`: "" for what concerns the whole fleet.

    `time`: epoch seconds, None when unknown; `text`: its lines, secrets masked.
    """

    profile: str
    source: str
    time: float | None
    level: Level | None
    logger: str | None
    session: str | None
    text: str


class LogRequest(NamedTuple):
    """The profiles whose logs are read, and the records that are taken."""

    names: Sequence[str] = ()
    excluded: Sequence[str] = ()
    group: str | None = None
    filter: Filter = Filter()


class LogSink(Protocol):
    """What receives the records of a log."""

    def profiles(self, names: Iterable[str]) -> None:
        """Take the names of the profiles whose records follow."""
        ...

    def show(self, lines: Sequence[LogLine]) -> None:
        """Take records, in order of time."""
        ...

    def note(self, text: str) -> None:
        """Take a remark."""
        ...

    def warn(self, message: str, hint: str | None) -> None:
        """Take a warning."""
        ...

    def is_closed(self) -> bool:
        """Return whether no more records are wanted."""
        ...


class LogCollector:
    """A sink that keeps the records, and ignores remarks and warnings."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def profiles(self, names: Iterable[str]) -> None:
        """Ignore the names: each record has its own."""

    def show(self, lines: Sequence[LogLine]) -> None:
        """Keep records."""
        self.lines += lines

    def note(self, text: str) -> None:
        """Ignore a remark."""

    def warn(self, message: str, hint: str | None) -> None:
        """Ignore a warning."""

    def is_closed(self) -> bool:
        """Return False: all records are wanted."""
        return False


class LogReader:
    """Reads the logs of selected profiles into a sink."""

    def __init__(self, session: FleetSession, request: LogRequest, sink: LogSink) -> None:
        self._session = session
        self._named, self._excluded, self._group, self._filter = request
        self._sink = sink
        self._world = SystemContext(session.layout, environment=session.environment)
        selection = session.selection(self._named, self._excluded, self._group)
        self._profiles: tuple[str, ...] = selection.profiles
        self._is_fixed = selection.named and self._group is None
        self._masks = SecretCache(session.layout, session.catalog)
        self._count = 0
        sink.profiles(self._profiles)
        self._originals: dict[str, StderrDeduplicator] = {}
        self._reported: set[str] = set()
        self._targets: LogTargets | None = None
        self._seen: tuple[object, ...] = ()
        self._determined = 0.0
        for problem in session.problems:
            self._warn(problem.message, problem.hint)

    def run(self, count: int | None, *, follow: bool) -> None:
        """Read the last `count` records (None: all that the filter takes); with `follow`, also the new ones.

        Ends when the sink is closed. Raises what the sink raises.
        """
        sources = self._sources()
        live = LogFollower(sources, self._session.environment) if follow else None
        try:
            past = LogHistory(
                sources.sources, sources.units, self._filter, self._session.environment, originals=self._originals
            )
            if live is not None:
                past.read_to, past.began, past.journal_until = live.read_to, live.began, live.began
            self._show(past.since() if count is None else past.last(count))
            self._warn_unreadable(past.problems, past.journal_problem)
            if live is None:
                self._note_nothing(sources)
                return
            self._follow(live)
        finally:
            if live is not None:
                live.close()

    def _follow(self, live: LogFollower) -> None:
        news = time.monotonic()
        while True:
            entries, has_more = live.read_new()
            self._show(each for each in entries if self._takes_live(each))
            self._warn_unreadable(live.problems, live.journal_problem)
            for source in live.losses():
                self._warn(
                    f"{source.path} is rotated faster than it can be read: lines may be missing",
                    f"read what is left with `{self._command('logs', source.profile)}`",
                )
            if self._sink.is_closed():
                return
            if time.monotonic() - news >= _NEWS:
                news = time.monotonic()
                self._update_profiles()
                live.follow(self._sources())
            time.sleep(0 if has_more else _BUSY if entries else idle_seconds(live.count, is_holding=live.is_holding))

    def _takes_live(self, entry: TimedRecord) -> bool:
        known = self._originals.get(entry.profile)
        if entry.record.is_copy and known is not None and known.has_original(entry.record):
            return False
        return self._filter.takes(entry.record, profile=entry.profile, is_errors=entry.is_errors)

    def _sources(self) -> LogTargets:
        """Return the sources to read now: profiles come and go."""
        layout = self._session.layout
        profiles = self._with_server()
        for profile in profiles:
            if profile not in self._originals:
                self._originals[profile] = StderrDeduplicator(layout.home(profile) / LOGS_FOLDER)
        seen = (profiles, definition_times(self._world))
        if self._targets is None or seen != self._seen or time.monotonic() - self._determined >= _ALL_NEWS:
            self._seen, self._determined = seen, time.monotonic()
            self._targets = LogTargets(
                [source for profile in profiles for source in sources_of(self._world, profile)],
                [unit for profile in profiles for unit in units_of(self._world, profile)],
            )
        return self._targets

    def _with_server(self) -> tuple[str, ...]:
        """Return the profiles whose logs are read, with those whose gateway serves another of them."""
        found = servers_of(self._world, self._profiles)
        servers = tuple(sorted({*found.values()} - {*self._profiles, *self._excluded}))
        has_own = self._world.hermes.has(Behaviour.ONE_GATEWAY)
        about: dict[str, re.Pattern[str]] = {}
        for server in servers:
            served = [name for name, its in found.items() if its == server]
            if has_own:
                about[server] = naming(served)
            if f"server {server}" not in self._reported:
                self._reported.add(f"server {server}")
                are = "is" if len(served) == 1 else "are"
                records = "their records are in the log of its gateway"
                if has_own:
                    records = "what its gateway says of them is among the records"
                self._sink.note(f"{', '.join(served)} {are} served by {server}: {records}")
        self._filter = self._filter._replace(about=about)
        if servers:
            self._sink.profiles((*servers, *self._profiles))
        return (*servers, *self._profiles)

    def _update_profiles(self) -> None:
        """Add profiles that are new, and drop those that are gone."""
        layout = self._session.layout
        present = profile_names(layout)
        if self._is_fixed:
            gone = [name for name in self._profiles if name not in present and name not in self._reported]
            for name in gone:
                self._reported.add(name)
                self._warn(f"the profile {name} is gone", None)
            return
        groups = {name: read_meta(layout.home(name))[1] for name in present} if self._group is not None else {}
        self._profiles = tuple(
            name
            for name in present
            if name not in self._excluded
            and (self._group is None or self._group in groups[name] or name in self._named)
        )
        self._sink.profiles(self._profiles)

    def _warn_unreadable(self, files: Mapping[str, OSError], journal: str) -> None:
        """Warn of each log that cannot be read, once."""
        for path, error in files.items():
            if path not in self._reported:
                self._reported.add(path)
                reason = system_reason(error)
                way = f"look at it with `ls -ld {shlex.quote(path)}`"
                # Of a link, `chown` changes the file that it leads to, such as a file of the system.
                if isinstance(error, PermissionError) and not os.path.islink(path):
                    way = f"{way}; `sudo chown -h $(id -un) {shlex.quote(path)}` makes it yours"
                self._warn(f"{path}: {reason}", way)
        if journal and journal not in self._reported:
            self._reported.add(journal)
            self._warn(f"the output of services is missing: {journal}", "see why with `journalctl --user -n 1`")

    def _note_nothing(self, sources: LogTargets) -> None:
        """Note that there is no record, and why."""
        if self._count:
            return
        if any(each.path.exists() for each in sources.sources) or sources.units:
            self._sink.note("no record matches")
            return
        names = ", ".join(self._profiles) if len(self._profiles) <= 8 else f"{len(self._profiles)} profiles"
        self._sink.note(f"no log yet of {names}: no gateway has written one")
        self._sink.note(f"hint: install and start them with `{self._command('install', '--start')}`")

    def _command(self, *words: str) -> str:
        """Return a command that works on the same root."""
        return command_at(" ".join(("hermes-gateways", *words)), self._session.home_option)

    def _warn(self, message: str, hint: str | None) -> None:
        self._sink.warn(message, hint)

    def _show(self, entries: Iterable[TimedRecord]) -> None:
        """Pass records to the sink, many at a time, without their secrets."""
        batch: list[TimedRecord] = []
        for entry in entries:
            batch.append(entry)
            if len(batch) >= _BATCH:
                self._pass_on(batch)
                batch = []
        self._pass_on(batch)

    def _pass_on(self, batch: Sequence[TimedRecord]) -> None:
        if not batch:
            return
        self._count += len(batch)
        texts = self._masks.redactor.redact_all([entry.record.text for entry in batch])
        self._sink.show([self._line(entry, text) for entry, text in zip(batch, texts, strict=True)])

    def _line(self, entry: TimedRecord, text: str) -> LogLine:
        """Return a record that can be shown: without parts of a secret, and of a length that can be read."""
        record = entry.record
        if record.cut:
            begins, ends = bool(record.cut & Cut.BEGIN), bool(record.cut & Cut.END)
            text = self._masks.redactor.redact_cut(text, begins=begins, ends=ends)
        if CUT_HERE in text:
            text = "\n".join(map(_short, text.split("\n")))
        return LogLine(entry.profile, entry.source, entry.time, record.level, record.logger, record.session, text)


def idle_seconds(logs: int, *, is_holding: bool) -> float:
    """Return the seconds until the next look at so many logs; `is_holding`: a record waits to be shown."""
    return _IDLE if is_holding else min(max(_IDLE, _IDLE * logs / _LOGS_A_ROUND), _LONGEST_IDLE)


def _short(line: str) -> str:
    """Return a line without what may be half a secret, where it was cut when it was read."""
    whole, mark, _ = line.partition(CUT_HERE)
    return f"{whole[:-SPARE]} … (a very long line)" if mark else line
