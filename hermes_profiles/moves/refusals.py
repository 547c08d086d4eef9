"""Why profiles cannot move, from what both sides say; all of it is known before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from hermes_profiles.gateways.installation.hermes_code import numbers_of
from hermes_profiles.hermes.files import ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.text import first_names
from hermes_profiles.profiles.placement import PlaceState

from .model import SourceLook, TargetLook

NO_OWN_NAME = "the default profile cannot move under its own name: it is the root itself"
_MOST_PATHS = 8
_UNDER_WAY = (str(PlaceState.LEAVING), str(PlaceState.HANDED_OVER))


class Words(NamedTuple):
    """What the command says about a move. `ends`: its options for the ends, for a hint; `as_name`: see `--as`.

    `in_cluster`: the place at one of the ends is in a cluster.
    """

    ends: str
    as_name: str = ""
    in_cluster: bool = False


def refusals(
    sources: Sequence[SourceLook],
    target: TargetLook,
    place: str,
    held_elsewhere: Mapping[str, str],
    words: Words | None = None,
) -> Iterator[Problem]:
    """Yield every reason. `held_elsewhere`: fingerprint of a bot → the place that has it, of all other places."""
    moving = {look.name for look in sources}
    words = words or Words(f"--to {quote(place)}")
    for look in sources:
        own = list(_of_default(look, target, words)) if look.name == DEFAULT else []
        yield from own or _of_profile(look, moving, target, place, held_elsewhere, words)
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
    look: SourceLook,
    moving: set[str],
    target: TargetLook,
    place: str,
    held_elsewhere: Mapping[str, str],
    words: Words,
) -> Iterator[Problem]:
    name = look.name
    there = (look.as_name or words.as_name) if name == DEFAULT else name
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
            f"put the files themselves there, or remove the links; see them with `{_find_links(look)}`",
        )
    if there in target.taken:
        rename = f"rename one of the two with `hermes-profiles rename {quote(name)} NEW`"
        hint = _another_name(words) if name == DEFAULT else rename
        yield Problem("exists", f"{place} has a profile {there} already", name, hint)
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


def _of_default(look: SourceLook, target: TargetLook, words: Words) -> Iterator[Problem]:
    """Yield why default cannot move, besides what keeps every profile."""
    if words.in_cluster:
        yield Problem(
            "default-profile",
            "the default profile moves neither into a cluster nor out of one",
            DEFAULT,
            "fill the volume with the whole root: `hermes-gateways render kubernetes --image IMAGE --output DIR` "
            "writes loader.yaml for that",
        )
    elif not (words.as_name or look.as_name):
        yield Problem("default-profile", NO_OWN_NAME, DEFAULT, _with_name(words))
    elif not (look.sends_default and target.takes_default):
        side = "there" if look.sends_default else "where it lives now"
        text = f"the hermes-profiles {side} is too old for the move of a default profile"
        yield Problem("default-profile", text, DEFAULT, "update it there with `pipx upgrade hermes-profiles`")
    elif look.state in _UNDER_WAY and words.as_name not in ("", look.as_name):
        yield Problem(
            "move-unfinished",
            f"{DEFAULT} is being moved as {look.as_name}",
            DEFAULT,
            f"finish that with `hermes-gateways move {DEFAULT} {words.ends}`",
        )
    elif look.state in _UNDER_WAY:
        return
    elif look.tied:
        text = f"files of {DEFAULT} cannot leave the root: {look.tied}"
        yield Problem("default-profile", text, DEFAULT, look.tied_hint)
    elif words.as_name in look.names:
        yield Problem(
            "exists",
            f"the root that {DEFAULT} leaves has a profile {words.as_name} already, so it could not come back",
            DEFAULT,
            _another_name(words),
        )
    elif look.links_in:
        yield Problem(
            "links-in",
            f"links of other profiles lead to files of {DEFAULT}: {', '.join(look.links_in[:3])}",
            DEFAULT,
            f"put the files themselves there; see them with `find {quote(look.root)}/profiles -type l`",
        )


def _with_name(words: Words) -> str:
    return f"have it arrive as a profile with a name: `hermes-gateways move {DEFAULT} {words.ends} --as NAME`"


def _another_name(words: Words) -> str:
    return f"take another name: `hermes-gateways move {DEFAULT} {words.ends} --as NAME`"


def _find_links(look: SourceLook) -> str:
    root = quote(look.root)
    if look.name == DEFAULT:
        return f"find {root} -path {root}/profiles -prune -o -type l -print"
    return f"find {root}/profiles/{quote(look.name)} -type l"


def cautions(sources: Sequence[SourceLook], as_name: str) -> Iterator[Problem]:
    """Yield what the move of default changes beside it."""
    for look in sources:
        there = quote(look.as_name or as_name)
        if look.boards:
            yield Problem(
                "stays-in-root",
                f"the boards of tasks stay ({', '.join(look.boards)}): they belong to all profiles of the root",
                DEFAULT,
                f"see them with `ls -l {quote(f'{look.root}/{look.boards[0]}')}`",
            )
        if look.borrowers:
            yield Problem(
                "logins-leave",
                f"auth.json leaves with {DEFAULT}: {first_names(look.borrowers, 6)} can have used its logins",
                DEFAULT,
                f"log in again where one is missing: `hermes -p {quote(look.borrowers[0])} auth add PROVIDER`",
            )
        for each in look.old_paths[:_MOST_PATHS]:
            place, _, name = each.rpartition(": ")
            profile, _, file = place.partition("/")
            owner = there if profile == DEFAULT else quote(profile)
            words = f"hermes -p {owner} config set {quote(name)} PATH"
            if file.startswith(ENV_FILE):
                words = f"hermes-profiles env set {owner} {quote(name)}"
            yield Problem(
                "source-path",
                f"{each} leads to a file of {DEFAULT}, which will be in the home of {look.as_name or as_name}",
                DEFAULT,
                f"change it {'where it arrived' if profile == DEFAULT else 'here'}: `{words}`",
            )


def _team_hint(look: SourceLook, moving: set[str], place: str) -> str:
    if look.name == DEFAULT:
        members = " ".join(quote(each) for each in look.team if each != DEFAULT)
        return f"have its team go on alone first: `hermes-profiles team remove {members} --keep-profile`"
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
