"""What a place says of itself: versions, clock, file system, linger, the identities of its profiles. Data alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple


class IdentityThere(NamedTuple):
    """A bot or account that a profile in a place uses. `mark`: a fingerprint under the key of the fleet."""

    channel: str
    noun: str
    mark: str


class ProfileThere(NamedTuple):
    """A profile in a place. `id` and `epoch`: of its placement, "" and 0 for one that was never moved."""

    name: str
    id: str = ""
    epoch: int = 0
    is_elsewhere: bool = False
    identities: tuple[IdentityThere, ...] = ()


class PlaceFacts(NamedTuple):
    """One place as it sees itself. `time`: epoch seconds; `offset`: of its clock against ours, None within reason.

    `linger`: None without systemd; `key_id`: of the key of the fleet, "" without one.
    """

    version: str
    hermes_version: str
    time: float
    zone: str
    root: str
    file_system: str
    is_fit: bool
    manager: str
    linger: bool | None
    key_id: str
    profiles: tuple[ProfileThere, ...] = ()
    offset: float | None = None


def facts_data(facts: PlaceFacts) -> dict[str, Any]:
    """Return facts as the data of an answer."""
    profiles = [
        each._asdict() | {"identities": [identity._asdict() for identity in each.identities]} for each in facts.profiles
    ]
    data = facts._asdict() | {"profiles": profiles}
    del data["offset"]
    return data


def facts_of(data: Mapping[str, Any], *, begin: float, end: float) -> PlaceFacts:
    """Return the facts of an answer that was asked at `begin` and came at `end`. Raises ValueError."""
    try:
        profiles = tuple(_profile(row) for row in data["profiles"])
        known = {key: data[key] for key in PlaceFacts._fields if key in data}
        facts = PlaceFacts(**{**known, "profiles": profiles})
        # Its clock was read at some moment between the two.
        early, late = facts.time - end, facts.time - begin
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the facts of a place: {type(error).__name__}") from None
    return facts._replace(offset=early if early > 0 else late if late < 0 else None)


def _profile(row: Mapping[str, Any]) -> ProfileThere:
    identities = tuple(
        IdentityThere(str(each["channel"]), str(each["noun"]), str(each["mark"])) for each in row["identities"]
    )
    return ProfileThere(
        str(row["name"]), str(row.get("id", "")), int(row.get("epoch", 0)), bool(row.get("is_elsewhere")), identities
    )
