"""move: take profiles to another place, and bring them back."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Group, Timeout
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.model.text import first_names
from hermes_profiles.moves.mover import MovedProfile
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.moves.move import MoveRequest, MoveResult, move_profiles, own_name, take_back
from hermes_profiles.operations.profiles.adopt_copy import adopt_copy
from hermes_profiles.places.model import LOCAL

_HERE = "here"
_DOING = {
    "freeze": "stops",
    "copy": "is copied",
    "verify": "is compared",
    "adopt": "arrives",
    "hand-over": "is handed over",
    "arm": "may start there",
    "start": "starts there",
    "commit": "goes to the trash here",
    "place-stop": "stops for the move",
    "place-start": "starts",
}


@command(
    "move",
    examples=(
        "hermes-gateways move family --to vps --dry-run",
        "hermes-gateways move family --to vps",
        "hermes-gateways move default --to vps --as family",
        "hermes-gateways move --team kin --to vps",
        "hermes-gateways move --group home --to prod",
        "hermes-gateways move family --to local",
        "hermes-gateways move family --take-back",
    ),
    manager=True,
)
def move(
    session: FleetSession,
    profiles: Annotated[list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Profiles to move.")] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="PLACE", help="The place that gets them; `local` is this root."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="The place where they live (default: this root, or where they moved to)."
        ),
    ] = None,
    as_name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="The name that the default profile gets in the other place."),
    ] = None,
    group: Group = None,
    team: Annotated[
        str | None, typer.Option("--team", metavar="TEAM", help="A team: its lead and its members.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--take-back", help="End an unfinished move: the profiles live here again.")
    ] = False,
    source_is_dead: Annotated[
        str | None,
        typer.Option(
            "--source-is-dead",
            metavar="NAME",
            help="The place where the profile lives is gone for good: make the copy here the profile. "
            "Type the name again.",
        ),
    ] = None,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
) -> Answer:
    """Move profiles to another place: stop, copy, compare, start there, and see them connected; or all back.

    The copy here goes to the trash only after that. At no time two gateways of one bot can start. When it was cut off,
    the same words finish it. A place in a cluster stops while the files are copied; its other profiles come back.
    """
    names = tuple(profiles or ())
    if sum((to is not None, back, source_is_dead is not None)) != 1:
        raise UsageProblem(
            "say where they go",
            target="move",
            hint="use one of `--to PLACE`, `--take-back`, `--source-is-dead NAME`",
        )
    if as_name is not None and to is None:
        raise UsageProblem(
            "`--as` needs `--to`", target="--as", hint="use `hermes-gateways move default --to PLACE --as NAME`"
        )
    if source_is_dead is not None:
        return _adopted(session, names, source_is_dead, dry_run=dry_run)
    if back:
        if not names or dry_run:
            raise UsageProblem("`--take-back` needs names, and has no dry run", target="--take-back")
        return _answer(take_back(session, names))
    request = MoveRequest(names, group, team, to or "", source, timeout, dry_run, as_name)
    return _answer(move_profiles(session, request, _tell if not session.as_json else lambda *_: None))


def _tell(name: str, step: str) -> None:
    output.note(f"{name} {_DOING[step]}")


def _answer(done: MoveResult) -> Answer:
    rows: list[dict[str, Any]] = [
        {
            "profile": each.name,
            "as": each.as_name or each.name,
            "outcome": each.outcome,
            "bytes": each.bytes,
            "running": each.running,
            "channels": list(each.channels),
            "assigned": [{"name": name, "value": value} for name, value in each.assigned.items()],
        }
        for each in done.profiles
    ]
    data = {
        "from": done.source,
        "to": done.target,
        "dry_run": done.dry_run,
        "profiles": rows,
        "stops": list(done.stops),
    }
    result = Result(("move",), data, list(done.warnings), list(done.problems), done.exit_code)

    return Answer(result, lambda: _lines(done))


def _lines(done: MoveResult) -> Iterator[str]:
    source, target = _end(done.source), _end(done.target)
    for each in done.profiles:
        size = f", {each.bytes:,} bytes" if each.bytes else ""
        arrives = f" as {each.as_name}" if each.as_name else ""
        yield f"{each.name}: {each.outcome.replace('-', ' ')} ({source} to {target}{arrives}{size})"
        if each.outcome == "would-move":
            yield from _planned(each, source, target)
        for name, value in each.assigned.items():
            yield f"  {name}={value} there"
        if each.outcome == "moved" and each.channels:
            yield f"  connected ({target}): {first_names(each.channels, 6)}"
        if each.outcome == "moved":
            back = LOCAL if source == _HERE else done.source
            yield f"  the way back: hermes-gateways move {quote(each.as_name or each.name)} --to {quote(back)}"
    if done.stops and done.exit_code is ExitCode.OK:
        place = target if target != _HERE else source
        then = "start again after it" if done.dry_run else "started again"
        yield f"{place} {'would stop' if done.dry_run else 'stopped'} for the move: {first_names(done.stops, 6)} {then}"
    if done.dry_run:
        yield "dry run: nothing was changed; the same without `--dry-run` does it"


def _end(place: str) -> str:
    """Return the name of an end for people: other places know this root by the name of its host."""
    return _HERE if place in (own_name(), LOCAL) else place


def _planned(each: MovedProfile, source: str, target: str) -> Iterator[str]:
    """Yield what a move would do with a profile, in its order."""
    if each.running:
        yield f"  its gateway stops ({source}), and its service is removed"
    yield "  its files are copied and compared; a port that is taken there is replaced by a free one"
    if each.running:
        until = f" until {first_names(each.channels, 6)} is connected" if each.channels else ""
        yield f"  its gateway is installed and started ({target}), and watched{until}"
        yield "  where that fails, all comes back"
    yield f"  its copy goes to the trash ({source})"


def _adopted(session: FleetSession, names: tuple[str, ...], typed: str, *, dry_run: bool) -> Answer:
    """Make the copy of one profile the profile itself."""
    if len(names) != 1:
        raise UsageProblem(
            "`--source-is-dead` is for one profile",
            target="--source-is-dead",
            hint="use `hermes-gateways move NAME --source-is-dead NAME`",
        )
    done = adopt_copy(session, names[0], typed, dry_run=dry_run)
    data = {
        "profile": done.profile,
        "lost_place": done.place,
        "epoch": done.epoch,
        "awaited": done.is_awaited,
        "dry_run": dry_run,
        "change": done.change.change,
    }

    def text() -> Iterator[str]:
        would = "would be" if dry_run else "is"
        if done.is_awaited:
            then = f"bring it back with `hermes-profiles restore {done.profile}`, or from a backup"
            yield f"{done.profile} {would} awaited here, no longer in {done.place}: {then}"
        else:
            then = f"start it with `hermes-gateways start {done.profile}`"
            yield f"the copy here {would} {done.profile}, with epoch {done.epoch}: {then}"

    return Answer(Result(("move",), data, list(done.warnings)), text)
