"""Decides which profile keeps an identity, a port or a login; each decision has a reason and a confidence. Pure.

One pass over the holders by priority. A holder that conflicts with no earlier one keeps the whole channel; the others
lose the whole channel, so that a Slack app and its bot token stay together. The priority:

1. `--owner CHANNEL=PROFILE`;
2. the process of its gateway holds Hermes' lock now;
3. its gateway runs with the channel connected (of a port: default has it, its clients know that port);
4. the channel is on, before a copy in a profile where it is off;
5. default: it exists before any other, and what follows is no certain evidence;
6. its gateway runs;
7. the latest use (pairing, sessions, directory of chats, state files);
8. the oldest profile.

The owner of a login is the root where it has it, else the profile with the latest refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from hermes_profiles.model.named_tuple import NamedTuple

# Times within this many seconds count as equal: a copy of a profile has the times of its files.
_SAME_TIME = 2.0
# A use by another profile within this time before the owner's last use becomes a caveat.
_RECENT = 7 * 86400.0


class Confidence(StrEnum):
    """How reliable a decision is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "guess"


class SharedKind(StrEnum):
    """What is shared: an identity of an enabled channel, a copy where it is off, a port, a single-use login."""

    IDENTITY = "identity"
    COPY = "copy"
    PORT = "port"
    LOGIN = "login"


class UsageEvidence(NamedTuple):
    """The evidence of one profile's use of one channel (or login).

    `locked`: its process holds Hermes' lock; `connected`, `running`: state of its gateway; `on`: the channel is
    enabled; `used_at`: epoch seconds of the last use, 0 without one; `uses`: names of the traces; `created_at`: age of
    its home as epoch seconds; `first`: it is the default profile.
    """

    locked: bool = False
    connected: bool = False
    running: bool = False
    on: bool = True
    used_at: float = 0.0
    uses: tuple[str, ...] = ()
    created_at: float = 0.0
    first: bool = False


class DecisionKey(NamedTuple):
    """What is decided, and between which profiles."""

    kind: SharedKind
    channel: str
    what: str
    holders: tuple[str, ...]


class Decision(NamedTuple):
    """One owner, and the losers of what it keeps.

    `parties`: digests of what is shared (for fingerprints); `caveats`: evidence against the decision.
    """

    kind: SharedKind
    channel: str
    what: str
    owner: str
    losers: tuple[str, ...]
    reason: str
    confidence: Confidence
    caveats: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()

    @property
    def key(self) -> DecisionKey:
        """Return what is decided and between which profiles: the same for another owner."""
        return DecisionKey(self.kind, self.channel, self.what, tuple(sorted((self.owner, *self.losers))))


class SharedIdentity(NamedTuple):
    """Something that several profiles hold; `conflicts_with`: (profile, profile) → digests that both hold."""

    kind: SharedKind
    channel: str
    what: str
    holders: tuple[str, ...]
    conflicts_with: Callable[[str, str], tuple[str, ...]]


def decide_owners(
    rivalry: SharedIdentity, evidence: Mapping[str, UsageEvidence], named: Sequence[str] = ()
) -> tuple[Decision, ...]:
    """Return one decision for each owner with losers; `named`: the profiles of `--owner`, strongest first."""
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
        owner = next((one for one in keepers if rivalry.conflicts_with(one, name)), None)
        if owner is None:
            keepers[name], parties[name] = [], []
        else:
            keepers[owner].append(name)
            parties[owner] += rivalry.conflicts_with(owner, name)
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
        return (named, not known.first, used, known.created_at, position)
    runs = _uses_now(known)
    is_known_port = kind is SharedKind.PORT and known.on and known.first
    return (
        named,
        not known.locked,
        not (is_known_port or (kind is not SharedKind.PORT and runs and known.connected)),
        not known.on,
        not known.first,
        not (runs and known.connected),
        not runs,
        used,
        known.created_at,
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
        reason, confidence = "--owner names it", Confidence.CERTAIN
    elif best.locked and not all(each.locked for each in others):
        reason, confidence = "its gateway holds Hermes' lock of it now", Confidence.CERTAIN
    else:
        reason, confidence = _by_use(best, others, rivalry)
    also = " also" if _uses_now(best) else ""
    caveats = [f"{name} holds Hermes' lock now" for name in losers if evidence[name].locked]
    caveats += [
        f"the gateway of {name}{also} runs with it"
        for name in losers
        if _uses_now(evidence[name]) and not evidence[name].locked
    ]
    caveats += [
        f"{name} also used it, on {day(evidence[name].used_at)} ({', '.join(evidence[name].uses)})"
        for name in losers
        if rivalry.kind is not SharedKind.LOGIN and evidence[name].used_at > max(best.used_at - _RECENT, 0.0)
    ]
    if confidence is Confidence.GUESS and not any(_uses_more(each, best) for each in others):
        caveats.append("no evidence of use was found")
    return Decision(
        rivalry.kind, rivalry.channel, rivalry.what, owner, losers, reason, confidence, tuple(caveats), parties
    )


def _by_use(best: UsageEvidence, others: Iterable[UsageEvidence], rivalry: SharedIdentity) -> tuple[str, Confidence]:
    """Return the first evidence that distinguishes the owner, and the confidence."""
    if rivalry.kind is SharedKind.LOGIN and best.first:
        return "profiles without a login of their own use the root's", Confidence.LIKELY
    rivals = tuple(others)
    if rivalry.kind is SharedKind.PORT and best.first and best.on and any(_uses_more(each, best) for each in rivals):
        return "it is the default profile, whose port clients know", Confidence.LIKELY
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
    if all(best.created_at < each.created_at for each in rivals):
        return "it is the oldest of these profiles", Confidence.GUESS
    return "it comes first by name", Confidence.GUESS


def _uses_more(known: UsageEvidence, best: UsageEvidence) -> bool:
    return known.used_at > best.used_at or (_uses_now(known) and not _uses_now(best))


def _uses_now(known: UsageEvidence) -> bool:
    return known.on and known.running


_SIGNS: tuple[tuple[Callable[[UsageEvidence], bool], str], ...] = (
    (lambda known: _uses_now(known) and known.connected, "its gateway runs with it connected"),
    (lambda known: known.on, "the channel is on there, and off in the others"),
    (_uses_now, "its gateway runs"),
)


def day(epoch: float) -> str:
    """Return the day of a time, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).date().isoformat()
