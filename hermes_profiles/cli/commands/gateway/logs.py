"""logs: what all gateways write, in one stream."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import Except, Group, Names
from hermes_profiles.cli.framework.options import Home
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.logs import LogView
from hermes_profiles.gateways.observe import SystemContext, served_by_default
from hermes_profiles.hermes.files import LOGS_FOLDER
from hermes_profiles.logs.deduplicate import StderrDeduplicator
from hermes_profiles.logs.filters import Filter, level_of, moment_of, pattern_of
from hermes_profiles.logs.follow import LogFollower, Meant
from hermes_profiles.logs.history import Past, TimedRecord
from hermes_profiles.logs.records import Level
from hermes_profiles.logs.secrets import SecretCache
from hermes_profiles.logs.sources import sources_of, units_of
from hermes_profiles.model.errors import ExitCode, UsageProblem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.operations.context import command_at
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_meta

_COUNT = 50
# Seconds between two looks when nothing happens, when something does, and between two looks for new profiles.
_IDLE, _BUSY, _NEWS = 0.2, 0.01, 2.0


@examples(
    "hermes-gateways logs",
    "hermes-gateways logs -f",
    "hermes-gateways logs work --since 1h --level warning",
    "hermes-gateways logs --grep 'token|login' -n 20",
)
def logs(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written; Ctrl-C ends it.")] = False,
    count: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            min=0,
            metavar="N",
            help="The last N records of all together (50; with --since all of them).",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on: 10m, 2h, 1d (ago), 2026-11-21T10:00 or 10:00."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to then.")] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="debug, info, warning, error, critical; and above.")
    ] = None,
    error: Annotated[
        bool, typer.Option("--error", help="Errors alone, wherever they were written: short for --level error.")
    ] = False,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="REGEX", help="Records whose text or logger matches.")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="Let --grep pass over case.")] = False,
    home: Home = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show what gateways write, all profiles in order of time, without their secrets.

    That is gateway.log and gateway.error.log with what was rotated, and the journal of systemd units. A record of many
    lines stays together and counts as one. What a gateway says twice, in its log and on its standard error, is shown
    once.

    With --json each line is an object: profile, time (ISO 8601, null when unknown), level (or null), logger (or null),
    session (or null), source (the file's name, or "journal"), text.
    """
    session = FleetSession(home, json)

    def body() -> Answer:
        wanted = _filter(since, until, level, grep, only_errors=error, follow=follow, ignore_case=ignore_case)
        show = _Show(session, profiles or (), excluded or (), group, wanted)
        many = count if count is not None else None if wanted.since is not None else _COUNT
        raise SystemExit(_streamed(lambda: show.run(many, follow=follow)))

    run(("logs",), session, body)


def _filter(
    since: str | None,
    until: str | None,
    level: str | None,
    grep: str | None,
    *,
    only_errors: bool,
    follow: bool,
    ignore_case: bool,
) -> Filter:
    now = time.time()
    wanted = Filter(
        moment_of(since, now, "--since") if since is not None else None,
        moment_of(until, now, "--until") if until is not None else None,
        level_of(level) if level is not None else Level.ERROR if only_errors else None,
        pattern_of(grep, ignore_case=ignore_case) if grep is not None else None,
    )
    if only_errors and wanted.level is not Level.ERROR:
        raise UsageProblem("--error and --level ask for different things", target="--error", hint="say one of them")
    if follow and until is not None:
        raise UsageProblem("--follow has no end, --until is one", target="--until", hint="leave one of them out")
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise UsageProblem("--since is later than --until", target="--since", hint="swap them")
    return wanted


def _streamed(show: Callable[[], None]) -> int:
    """Run what prints as it goes, and return the exit code."""
    try:
        show()
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # `| head`
        output.close_quietly()
    except OSError as error:
        output.silence()
        output.note(f"error: cannot write the answer: {(error.strerror or str(error)).lower()}")
        return int(ExitCode.FAILED)
    return int(ExitCode.OK)


class _Show:
    """One run of the command, once its words are understood."""

    def __init__(
        self, session: FleetSession, names: Sequence[str], excluded: Sequence[str], group: str | None, wanted: Filter
    ) -> None:
        self._session = session
        self._named = names
        self._excluded = excluded
        self._group = group
        self._wanted = wanted
        self._world = SystemContext(session.layout)
        selection = session.selection(names, excluded, group)
        self._profiles: tuple[str, ...] = selection.profiles
        self._is_fixed = selection.named and group is None
        self._masks = SecretCache(session.layout, session.catalog)
        self._view = LogView(session.existing, self._masks, as_json=session.as_json)
        self._view.widen_for(self._profiles)
        self._originals: dict[str, StderrDeduplicator] = {}
        self._told: set[str] = set()
        for problem in session.problems:
            self._warn(problem.message, problem.hint)

    def run(self, count: int | None, *, follow: bool) -> None:
        """Print what there is, and with `follow` what comes. Raises OSError when it cannot be written."""
        meant = self._meant()
        live = LogFollower(meant, self._session.environment) if follow else None
        try:
            past = Past(meant.sources, meant.units, self._wanted, self._session.environment, originals=self._originals)
            if live is not None:
                past.read_to, past.began, past.journal_until = live.read_to, live.began, live.began
            self._view.show(past.since() if count is None else past.last(count))
            self._tell_problems(past.problems, past.journal_problem)
            if live is None:
                self._tell_nothing(meant)
                return
            self._follow(live)
        finally:
            if live is not None:
                live.close()

    def _follow(self, live: LogFollower) -> None:
        news = time.monotonic()
        while True:
            entries, has_more = live.look()
            self._view.show(each for each in entries if self._takes_live(each))
            self._tell_problems(live.problems, live.journal_problem)
            for source in live.losses():
                self._warn(
                    f"{source.path} is rotated faster than it can be read: lines may be missing",
                    f"read what is left with `{self._command('logs', source.profile)}`",
                )
            if self._view.is_unread():
                raise BrokenPipeError
            if time.monotonic() - news >= _NEWS:
                news = time.monotonic()
                self._look_for_profiles()
                live.follow(self._meant())
            time.sleep(0 if has_more else _BUSY if entries else _IDLE)

    def _takes_live(self, entry: TimedRecord) -> bool:
        known = self._originals.get(entry.profile)
        if entry.record.is_copy and known is not None and known.have(entry.record):
            return False
        return self._wanted.takes(entry.record, is_errors=entry.is_errors)

    def _meant(self) -> Meant:
        """Return what is to be read now: profiles come and go."""
        layout = self._session.layout
        profiles = self._with_server()
        for profile in profiles:
            if profile not in self._originals:
                self._originals[profile] = StderrDeduplicator(layout.home(profile) / LOGS_FOLDER)
        return Meant(
            [source for profile in profiles for source in sources_of(self._world, profile)],
            [unit for profile in profiles for unit in units_of(self._world, profile)],
        )

    def _with_server(self) -> tuple[str, ...]:
        """Return the profiles whose logs are read: that of default, too, where its gateway serves one of them."""
        if DEFAULT in self._profiles or DEFAULT in self._excluded:
            return self._profiles
        served = served_by_default(self._world, self._profiles)
        if not served:
            return self._profiles
        if DEFAULT not in self._told:
            self._told.add(DEFAULT)
            are = "is" if len(served) == 1 else "are"
            output.note(f"{', '.join(served)} {are} served by default: what its gateway says of them is in its log")
        self._view.widen_for((DEFAULT, *self._profiles))
        return (DEFAULT, *self._profiles)

    def _look_for_profiles(self) -> None:
        """Take in profiles that have come, and leave out those that are gone."""
        layout = self._session.layout
        there = profile_names(layout)
        if self._is_fixed:
            gone = [name for name in self._profiles if name not in there and name not in self._told]
            for name in gone:
                self._told.add(name)
                self._warn(f"the profile {name} is gone", None)
            return
        groups = {name: read_meta(layout.home(name))[1] for name in there} if self._group is not None else {}
        self._profiles = tuple(
            name
            for name in there
            if name not in self._excluded
            and (self._group is None or self._group in groups[name] or name in self._named)
        )
        self._view.widen_for(self._profiles)

    def _tell_problems(self, files: Mapping[str, OSError], journal: str) -> None:
        """Warn of each log that cannot be read, once."""
        for path, error in files.items():
            if path not in self._told:
                self._told.add(path)
                reason = (error.strerror or str(error)).lower()
                way = f"look at it with `ls -ld {shlex.quote(path)}`"
                if isinstance(error, PermissionError):
                    way = f"{way}; `sudo chown $(id -un) {shlex.quote(path)}` makes it yours"
                self._warn(f"{path}: {reason}", way)
        if journal and journal not in self._told:
            self._told.add(journal)
            self._warn(f"what services print is missing: {journal}", "see why with `journalctl --user -n 1`")

    def _tell_nothing(self, meant: Meant) -> None:
        """Say that there is nothing, and why."""
        if self._view.count:
            return
        if any(each.path.exists() for each in meant.sources) or meant.units:
            output.note("nothing was written that is asked for")
            return
        names = ", ".join(self._profiles) if len(self._profiles) <= 8 else f"{len(self._profiles)} profiles"
        output.note(f"no log yet: no gateway of {names} has ever run")
        output.note(f"hint: install and start them with `{self._command('install', '--start')}`")

    def _command(self, *words: str) -> str:
        """Return a command that works on the same home."""
        return command_at(" ".join(("hermes-gateways", *words)), self._session.home_option)

    def _warn(self, message: str, hint: str | None) -> None:
        output.note(f"warning: {message}")
        if hint:
            output.note(f"hint: {hint}")
