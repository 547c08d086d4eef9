"""Who keeps what two profiles hold: a bot, a port, a login. Every decision says why, and how sure it is. Pure.

One pass over the holders in the order of their right: who is in the way of nobody before it keeps all it has of the
channel, the others lose all of it, so that a Slack app and its bot token never part. In this order of right:

1. `--owner CHANNEL=PROFILE`;
2. who holds Hermes' own lock now;
3. whose gateway runs with the channel connected, then whose gateway runs;
4. where the channel is on, before a copy in a profile where it is off;
5. who used it last (pairing, sessions, directory of chats, state files);
6. the oldest profile: default first, it was there before any other.

Of a login the root is the owner if it has it, else who refreshed it last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

# Times within this many seconds tell nothing: who copies a profile copies the times of its files.
_SAME_TIME = 2.0
# Somebody else used it as late as that before the owner did: worth a word.
_RECENT = 7 * 86400.0


class Confidence(StrEnum):
    """How sure a decision is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "guess"


class SharedKind(StrEnum):
    """What is shared: an identity of channels that are on, a copy where one is off, a port, a single-use login."""

    IDENTITY = "identity"
    COPY = "copy"
    PORT = "port"
    LOGIN = "login"


class UsageEvidence(NamedTuple):
    """What is known of one profile's use of one channel (or login).

    `locked`: its process holds Hermes' lock; `connected`, `running`: its gateway does; `on`: the channel is;
    `used_at`: epoch seconds of the last use, 0 without one; `uses`: what tells so, in words; `born`: epoch seconds
    since when its home is known to exist.
    """

    locked: bool = False
    connected: bool = False
    running: bool = False
    on: bool = True
    used_at: float = 0.0
    uses: tuple[str, ...] = ()
    born: float = 0.0
    first: bool = False


class Decision(NamedTuple):
    """Who keeps something and who loses it.

    `parties`: digests of what is shared (for fingerprints); `doubts`: what speaks against the decision, in words.
    """

    kind: SharedKind
    channel: str
    what: str
    owner: str
    losers: tuple[str, ...]
    reason: str
    sureness: Confidence
    doubts: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()


class SharedIdentity(NamedTuple):
    """Something that several profiles have; `meets`: whether two of them cannot both have what they have."""

    kind: SharedKind
    channel: str
    what: str
    holders: tuple[str, ...]
    meets: Callable[[str, str], tuple[str, ...]]


def decide_owners(
    rivalry: SharedIdentity, evidence: Mapping[str, UsageEvidence], named: Sequence[str] = ()
) -> tuple[Decision, ...]:
    """Return who keeps it, one decision for each owner with losers; `named`: what `--owner` says, strongest first."""
    order = sorted(
        rivalry.holders,
        key=lambda name: priority(
            evidence[name],
            named=named.index(name) if name in named else len(named),
            position=rivalry.holders.index(name),
            kind=rivalry.kind,
        ),
    )
    keepers: dict[str, list[str]] = {}
    parties: dict[str, list[str]] = {}
    for name in order:
        owner = next((one for one in keepers if rivalry.meets(one, name)), None)
        if owner is None:
            keepers[name], parties[name] = [], []
        else:
            keepers[owner].append(name)
            parties[owner] += rivalry.meets(owner, name)
    return tuple(
        _decision(rivalry, owner, tuple(losers), tuple(dict.fromkeys(parties[owner])), evidence, named)
        for owner, losers in keepers.items()
        if losers
    )


def priority(
    known: UsageEvidence, *, named: int, position: int, kind: SharedKind = SharedKind.IDENTITY
) -> tuple[object, ...]:
    """Return the sort key of a holder: the smallest one keeps what is shared. Start and repair both sort by it.

    `named`: position among the profiles that `--owner` names, any larger number for the others; `position`: in fleet
    order.
    """
    used = -round(known.used_at / _SAME_TIME)
    if kind is SharedKind.LOGIN:  # profiles fall back to the root's login; a running gateway is no evidence for logins
        return (named, not known.first, used, known.born, position)
    runs = _uses_now(known)
    return (
        named,
        not known.locked,
        not (runs and known.connected),
        not runs,
        not known.on,
        used,
        not known.first,
        known.born,
        position,
    )


def _decision(
    rivalry: SharedIdentity,
    owner: str,
    losers: tuple[str, ...],
    parties: tuple[str, ...],
    evidence: Mapping[str, UsageEvidence],
    named: Sequence[str],
) -> Decision:
    best, others = evidence[owner], [evidence[name] for name in losers]
    if owner in named:
        reason, sureness = "you said so", Confidence.CERTAIN
    elif best.locked and not all(each.locked for each in others):
        reason, sureness = "its gateway holds Hermes' lock of it now", Confidence.CERTAIN
    else:
        reason, sureness = _by_use(best, others, rivalry)
    too = ", too" if _uses_now(best) else ""
    doubts = [f"{name} holds Hermes' lock of it now" for name in losers if evidence[name].locked]
    doubts += [
        f"the gateway of {name} runs with it{too}"
        for name in losers
        if _uses_now(evidence[name]) and not evidence[name].locked
    ]
    doubts += [
        f"{name} used it as well, on {day(evidence[name].used_at)} ({', '.join(evidence[name].uses)})"
        for name in losers
        if rivalry.kind is not SharedKind.LOGIN and evidence[name].used_at > max(best.used_at - _RECENT, 0.0)
    ]
    if sureness is Confidence.GUESS:
        doubts.append("nothing tells who uses it")
    return Decision(
        rivalry.kind, rivalry.channel, rivalry.what, owner, losers, reason, sureness, tuple(doubts), parties
    )


def _by_use(best: UsageEvidence, others: Iterable[UsageEvidence], rivalry: SharedIdentity) -> tuple[str, Confidence]:
    """Return the first thing that tells the owner from the others; who is its equal in one thing is asked the next."""
    if rivalry.kind is SharedKind.LOGIN and best.first:
        return "profiles without a login of their own use that of the root", Confidence.LIKELY
    rivals = tuple(others)
    for has, words in _SIGNS if rivalry.kind is not SharedKind.LOGIN else ():
        if has(best):
            equals = tuple(each for each in rivals if has(each))
            if not equals:
                return words, Confidence.LIKELY
            rivals = equals
    latest = max(each.used_at for each in rivals)
    if best.used_at and round(best.used_at / _SAME_TIME) > round(latest / _SAME_TIME):
        verb = "refreshed it last" if rivalry.kind is SharedKind.LOGIN else "used it last"
        uses = f" ({', '.join(best.uses)})" if best.uses else ""
        return f"it {verb}, on {day(best.used_at)}{uses}", Confidence.LIKELY
    if best.first:
        return "it is the default profile, which was there first", Confidence.GUESS
    if all(best.born < each.born for each in rivals):
        return "it is the oldest of these profiles", Confidence.GUESS
    return "it comes first by name", Confidence.GUESS


def _uses_now(known: UsageEvidence) -> bool:
    return known.on and known.running


_SIGNS: tuple[tuple[Callable[[UsageEvidence], bool], str], ...] = (
    (lambda known: _uses_now(known) and known.connected, "its gateway runs with it connected"),
    (_uses_now, "its gateway runs"),
    (lambda known: known.on, "the channel is on there, and off in the others"),
)


def day(epoch: float) -> str:
    """Return the day of a time, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).date().isoformat()
