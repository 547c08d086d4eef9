"""What a program answers without a command: what there is, and the commands that are of most use now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.operations.context import command_at

from .fleet_tables import list_lines, short_lines

# So many profiles are shown.
ROWS = 8
_COMMANDS = 3
_DOWN = ("failed", "crash-looping", "stale")
_UNCLEAR = ("degraded", "unknown")


class NextCommand(NamedTuple):
    """A command of these programs, and what it is for."""

    command: str
    purpose: str


_DEMO = NextCommand("hermes-profiles demo", "see it all in a sandbox")
_BEGIN = (
    _DEMO,
    NextCommand("hermes-profiles create work", "make a profile named work"),
    NextCommand("hermes-profiles connect work telegram", "give it a bot, and start its gateway"),
)
_INSTALL = NextCommand("hermes-gateways install --start", "run the gateways, now and at boot")
_STATUS = NextCommand("hermes-gateways status", "show state and channels of each gateway")
_DOCTOR = NextCommand("hermes-profiles doctor", "find and fix faults")


def empty_lines(root: str, program: str, home: str | None = None) -> Iterator[Block]:
    """Yield the answer in a home without profiles: how to begin; `home`: the value of `--home`."""
    yield Prose(f"no profiles in {root}", "bold")
    yield from _next_lines("begin with", _BEGIN, program, home)


def profiles_overview(rows: list[dict[str, Any]], home: str | None = None) -> Iterator[Block]:
    """Yield the answer of `hermes-profiles` for rows of `list`."""
    yield from list_lines(rows, ROWS)
    yield from _more(len(rows), "hermes-profiles list")
    yield from _next_lines("next", profile_commands(rows), "hermes-profiles", home)


def gateways_overview(data: dict[str, Any], home: str | None = None) -> Iterator[Block]:
    """Yield the answer of `hermes-gateways` for the data of `list`."""
    yield from short_lines(data, ROWS)
    yield from _more(len(data["gateways"]), "hermes-gateways list")
    yield from _next_lines("next", gateway_commands(data["gateways"]), "hermes-gateways", home)


def _more(count: int, command: str) -> Iterator[Block]:
    if count > ROWS:
        yield f"and {count - ROWS} more: `{command}`"


def _next_lines(title: str, commands: Sequence[NextCommand], program: str, home: str | None) -> Iterator[Block]:
    yield ""
    here = [each if each == _DEMO else each._replace(command=command_at(each.command, home)) for each in commands]
    yield Table((Column(title), Column("to")), here, style=lambda column, _: "" if column else "cyan")
    yield ""
    yield f"`{program} --help` lists all commands"


def profile_commands(rows: Sequence[Mapping[str, Any]]) -> list[NextCommand]:
    """Return the three commands that are of most use for profiles in this state."""
    return list(islice(_profile_commands([row for row in rows if not row["disabled"]]), _COMMANDS))


def gateway_commands(rows: Sequence[Mapping[str, Any]]) -> list[NextCommand]:
    """Return the three commands that are of most use for gateways in this state."""
    return list(islice(_gateway_commands([row for row in rows if not row["disabled"]]), _COMMANDS))


def _profile_commands(rows: Sequence[Mapping[str, Any]]) -> Iterator[NextCommand]:
    states = {row["name"]: row["gateway"]["state"] for row in rows}
    mute = [row["name"] for row in rows if not row["channels"]]
    troubles = [*_troubles(states)]
    yield from troubles
    if troubles:
        yield _DOCTOR
    stopped = [name for name, state in states.items() if state == "stopped"]
    first_steps = [_INSTALL] if stopped and len(stopped) == len(states) else []
    if mute:  # a gateway without any channel is of no use yet
        connect = NextCommand(f"hermes-profiles connect {mute[-1]} telegram", f"give {mute[-1]} a bot of its own")
        first_steps.insert(0 if len(mute) == len(rows) else len(first_steps), connect)
    yield from first_steps
    if not troubles:
        yield _DOCTOR
    source = DEFAULT if DEFAULT in states else next(iter(states), DEFAULT)
    yield NextCommand(f"hermes-profiles clone {source} {_free_name(states)}", f"make a profile like {source}, no bots")
    yield _STATUS
    yield NextCommand("hermes-profiles list", "list all profiles")


def _free_name(taken: Mapping[str, str]) -> str:
    names = ("work", "family", "night", *(f"work{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _gateway_commands(rows: Sequence[Mapping[str, Any]]) -> Iterator[NextCommand]:
    states = {row["profile"]: row["state"] for row in rows}
    yield from _troubles(states)
    stopped = [row for row in rows if row["state"] == "stopped" and not row["parked"]]
    ready = [row["profile"] for row in stopped if row["service"]["installed"]]
    if ready:
        which = f" {ready[0]}" if len(ready) == 1 else ""
        yield NextCommand(f"hermes-gateways start{which}", f"start {ready[0] if which else 'those that are stopped'}")
    elif len(stopped) == len(rows):
        yield _INSTALL
    yield _STATUS
    if len(stopped) < len(rows):
        yield NextCommand("hermes-gateways logs -f", "follow what all gateways write")
        yield NextCommand("hermes-gateways restart", "restart all, after a change")
    yield _DOCTOR
    yield NextCommand("hermes-profiles list", "list all profiles")


def _troubles(states: Mapping[str, str]) -> Iterator[NextCommand]:
    down = next((name for name, state in states.items() if state in _DOWN), None)
    unclear = next((name for name, state in states.items() if state in _UNCLEAR), None)
    if down is not None:
        yield NextCommand(f"hermes-gateways logs {down}", f"read why the gateway of {down} is down")
    if unclear is not None:
        yield NextCommand(f"hermes-gateways status {unclear}", f"see what is wrong with {unclear}")
