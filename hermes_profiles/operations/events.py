"""Events that an operation reports to its caller while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.fleet.outcomes import Outcome
    from hermes_profiles.gateways.model import Gateway
    from hermes_profiles.model.errors import Problem


class Event(NamedTuple):
    """Progress of an operation: the gateways under way as they are now, or a warning to show at once."""

    gateways: Mapping[str, Gateway]
    warning: Problem | None = None


OnProgress = Callable[[Event], None]
OnOutcome = Callable[["Outcome"], None]


def ignore(_event: object) -> None:
    """Do nothing: the callback of a caller that wants the result alone."""
