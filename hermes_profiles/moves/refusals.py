"""Why profiles cannot move, from what both sides say; all of it is known before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from hermes_profiles.gateways.hermes_code import numbers_of
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.placement import PlaceState

from .model import SourceLook, TargetLook

_UNDER_WAY = (str(PlaceState.LEAVING), str(PlaceState.HANDED_OVER))


def refusals(
    sources: Sequence[SourceLook], target: TargetLook, place: str, held_elsewhere: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield every reason. `held_elsewhere`: fingerprint of a bot → the place that has it, of all other places."""
    moving = {look.name for look in sources}
    for look in sources:
        yield from _of_profile(look, moving, target, place, held_elsewhere)
    if target.problem:
        yield Problem("target-unfit", f"{place}: {target.problem}", place, target.hint or None)
    going = [look for look in sources if look.running and look.state not in _UNDER_WAY]
    if target.idle_server and going:
        yield Problem(
            "no-server",
            f"{place}: its Hermes serves all profiles with the gateway of {target.idle_server}, which does not run",
            place,
            f"start it there: `hermes-gateways install {target.idle_server} --start`",
        )
    if not target.is_fit:
        yield Problem(
            "target-unfit",
            f"{place} keeps its profiles on {target.file_system}, where SQLite databases can be damaged",
            place,
            f"move that root to a local disk; see it with `df -T {quote(target.root)}`",
        )
    needed = 2 * sum(look.size for look in sources if look.state not in _UNDER_WAY)
    if needed > target.free:
        yield Problem(
            "no-space",
            f"{place} has {target.free:,} free bytes, and twice the size of the profiles is {needed:,}",
            place,
            f"free some space there; see its use with `df -h {quote(target.root)}`",
        )
    yield from _of_hermes(sources, target, place)


def _of_profile(
    look: SourceLook, moving: set[str], target: TargetLook, place: str, held_elsewhere: Mapping[str, str]
) -> Iterator[Problem]:
    name = look.name
    if name == DEFAULT:
        yield Problem(
            "default-profile",
            "the default profile cannot move: it is the root itself",
            name,
            "give it another name first: `hermes-profiles clone default NAME --clone-channels`",
        )
        return
    if look.state in _UNDER_WAY:
        if look.place != place:
            yield Problem(
                "move-unfinished",
                f"{name} is being moved to {look.place}",
                name,
                f"finish that with `hermes-gateways move {quote(name)} --to {quote(look.place)}`",
            )
        return
    if look.problem:
        yield Problem("gateway", look.problem, name, look.hint or None)
    apart = [each for each in look.team if each not in moving]
    if apart:
        yield Problem(
            "team-apart",
            f"{name} shares files with {', '.join(apart)} of its team, which would stay behind",
            name,
            _team_hint(look, moving, place),
        )
    elif look.links_out:
        yield Problem(
            "links-out",
            f"links of {name} lead out of its home: {', '.join(look.links_out[:3])}",
            name,
            f"put the files themselves there, or remove the links; see them with "
            f"`find {quote(look.root)}/profiles/{quote(name)} -type l`",
        )
    if name in target.taken:
        yield Problem(
            "exists",
            f"{place} has a profile {name} already",
            name,
            f"rename one of the two with `hermes-profiles rename {quote(name)} NEW`",
        )
    taken = dict(each.split(" ", 1) for each in target.bots)
    for bot in look.bots:
        holder = f"{taken[bot]} in {place}" if bot in taken else held_elsewhere.get(bot)
        if holder is not None:
            yield Problem(
                "bot-elsewhere",
                f"a bot or account of {name} is also that of {holder}",
                name,
                f"give one of the two another bot: `hermes-profiles connect {quote(name)} CHANNEL`; "
                f"its channels: `hermes-profiles show {quote(name)}`",
            )
            break


def _team_hint(look: SourceLook, moving: set[str], place: str) -> str:
    if DEFAULT in look.team:  # it cannot move, so the team cannot
        return f"take it out of the team first: `hermes-profiles team remove {quote(look.name)} --keep-profile`"
    names = " ".join(quote(each) for each in sorted({*moving, *look.team}))
    return f"move the team as a whole: `hermes-gateways move {names} --to {quote(place)}`"


def _of_hermes(sources: Sequence[SourceLook], target: TargetLook, place: str) -> Iterator[Problem]:
    """Yield the refusal of a Hermes that is too old: state.db is only ever migrated forward."""
    look = max(sources, key=lambda each: each.schema, default=None)
    if look is None or not look.hermes or not target.hermes:
        return
    older_schema = bool(target.schema and look.schema) and target.schema < look.schema
    unknown = not (target.schema and look.schema)
    if older_schema or (unknown and numbers_of(target.hermes) < numbers_of(look.hermes)):
        yield Problem(
            "older-hermes",
            f"{place} has Hermes {target.hermes}, which cannot read the sessions that {look.hermes} has written",
            place,
            "update it there with `hermes update`",
        )
