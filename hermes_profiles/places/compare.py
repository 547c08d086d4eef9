"""Faults between places: one bot in two of them, clocks and versions apart, a profile that exists twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple

from .facts import PlaceFacts, ProfileThere

# Seconds: within them no command and no channel notices.
CLOCK = 5.0


class PlaceFinding(NamedTuple):
    """A fault between places, or in one. `places`: where; `profiles`: as PLACE/PROFILE; `command`: what fixes it."""

    check: str
    severity: str
    places: tuple[str, ...]
    message: str
    fix: str
    command: str | None = None
    profiles: tuple[str, ...] = ()
    channel: str | None = None
    fingerprint: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the finding as `doctor` has it, with `place` of the first and `places` of all."""
        return {
            "place": self.places[0] if len(self.places) == 1 else None,
            "places": list(self.places),
            "check": self.check,
            "severity": self.severity,
            "profiles": list(self.profiles),
            "channel": self.channel,
            "message": self.message,
            "evidence": [],
            "fingerprint": self.fingerprint,
            "fix": {"text": self.fix, "command": self.command, "automatic": False},
        }


def compared(places: Mapping[str, PlaceFacts]) -> list[PlaceFinding]:
    """Return the faults between places."""
    return [*_shared(places), *_twice(places), *clock_findings(places), *_versions(places)]


def _shared(places: Mapping[str, PlaceFacts]) -> Iterator[PlaceFinding]:
    holders: dict[tuple[str, str], list[tuple[str, str]]] = {}
    nouns: dict[tuple[str, str], str] = {}
    for place, facts in places.items():
        for profile in facts.profiles:
            for identity in profile.identities if not profile.is_elsewhere else ():
                key = identity.channel, identity.mark
                nouns[key] = identity.noun
                holders.setdefault(key, []).append((place, profile.name))
    for (channel, mark), held in holders.items():
        where = tuple(dict.fromkeys(place for place, _ in held))
        if len(where) < 2:  # within one place its own doctor reports it
            continue
        names = tuple(f"{place}/{profile}" for place, profile in held)
        place, name = held[-1]
        yield PlaceFinding(
            "places.shared-identity",
            "error",
            where,
            f"{_joined(names)} have the same {channel} {nouns[channel, mark]}: two gateways would answer for it",
            "stop the gateway that should not have it, and remove the account there",
            f"hermes-gateways stop {name} --place {place}",
            names,
            channel,
            mark[:8],
        )


def _twice(places: Mapping[str, PlaceFacts]) -> Iterator[PlaceFinding]:
    copies: dict[str, list[tuple[str, ProfileThere]]] = {}
    for place, facts in places.items():
        for profile in facts.profiles:
            if profile.id and not profile.is_elsewhere:
                copies.setdefault(profile.id, []).append((place, profile))
    for found in copies.values():
        where = tuple(dict.fromkeys(place for place, _ in found))
        if len(where) < 2:
            continue
        names = tuple(f"{place}/{profile.name}" for place, profile in found)
        place, old = min(found, key=lambda each: each[1].epoch)
        yield PlaceFinding(
            "places.profile-twice",
            "error",
            where,
            f"{_joined(names)} are copies of one profile; that of {place} is the older one",
            "stop the older copy, then delete it there",
            f"hermes-gateways stop {old.name} --place {place}",
            names,
        )


def clock_findings(places: Mapping[str, PlaceFacts]) -> Iterator[PlaceFinding]:
    """Yield a finding for each place whose clock is not ours."""
    for place, facts in places.items():
        if facts.offset is not None and abs(facts.offset) > CLOCK:
            way = "ahead of" if facts.offset > 0 else "behind"
            yield PlaceFinding(
                "places.clock",
                "warning",
                (place,),
                f"the clock of {place} is {abs(facts.offset):.0f} s {way} the clock here",
                "synchronise its clock, as an administrator there",
                "timedatectl set-ntp true",
            )


def _versions(places: Mapping[str, PlaceFacts]) -> Iterator[PlaceFinding]:
    for what, of in (("hermes-profiles", _own), ("Hermes", _hermes)):
        found = {place: of(facts) for place, facts in places.items() if of(facts)}
        if len(set(found.values())) > 1:
            newest = max(found.values(), key=version_order)
            older = tuple(place for place, version in found.items() if version != newest)
            listed = ", ".join(f"{place} {version}" for place, version in found.items())
            yield PlaceFinding(
                "places.version",
                "warning" if what == "Hermes" else "info",
                older,
                f"{what} differs between the places: {listed}",
                f"update it in {_joined(older)}",
                "hermes update" if what == "Hermes" else "pipx upgrade hermes-profiles",
            )


def _own(facts: PlaceFacts) -> str:
    return facts.version


def _hermes(facts: PlaceFacts) -> str:
    return facts.hermes_version


def version_order(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.replace("-", ".").split("."))


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
