"""Which behaviours an installed Hermes has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .behaviours import BEHAVIOURS, Behaviour

# The newest release whose code was read and run. A newer one is treated like it, with a remark.
NEWEST_KNOWN = (0, 22, 2)


class HermesFacts(NamedTuple):
    """The behaviours of one Hermes; `version`: () where it is unknown."""

    version: tuple[int, ...]
    behaviours: frozenset[Behaviour]

    def has(self, behaviour: Behaviour) -> bool:
        """Return whether this Hermes has a behaviour."""
        return behaviour in self.behaviours

    @property
    def is_newer_than_known(self) -> bool:
        """Return whether the release is newer than every one that was tried."""
        return self.version[:3] > NEWEST_KNOWN


def facts_of(version: tuple[int, ...] = (), markers: Mapping[Behaviour, bool] | None = None) -> HermesFacts:
    """Return the facts of a version; `markers`: what its code shows, which outranks the number.

    Behaviours without a marker follow the number; without a number, they follow the newest behaviour that a marker
    shows. With neither, the facts are those of 0.19.0. A release newer than every known one has all behaviours: a
    marker that is missing there has moved, or its behaviour has become the only one.
    """
    shown = {} if version[:3] > NEWEST_KNOWN else markers or {}
    reached = version or max((fact.since for fact in BEHAVIOURS if shown.get(fact.behaviour)), default=())
    has = frozenset(fact.behaviour for fact in BEHAVIOURS if shown.get(fact.behaviour, reached >= fact.since))
    return HermesFacts(version, has)


# The Hermes that the rest of this package describes, and the answer where none is installed.
BASE = facts_of((0, 19, 0))
