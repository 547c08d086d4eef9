"""Events that an operation reports to its caller while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.fleet.outcomes import FleetStep, Outcome
    from hermes_profiles.gateways.model import Gateway
    from hermes_profiles.model.errors import Problem


_NO_STEPS: Mapping[str, FleetStep] = MappingProxyType({})


class Event(NamedTuple):
    """Progress of an operation: the gateways under way as they are now, or a warning to show at once.

    `steps`: what is done with each of them. The state of a gateway that is being stopped or started is a moment's
    view, such as `failed` between an end and the next start.
    """

    gateways: Mapping[str, Gateway]
    warning: Problem | None = None
    steps: Mapping[str, FleetStep] = _NO_STEPS


OnProgress = Callable[[Event], None]
OnOutcome = Callable[["Outcome"], None]


def ignore(_event: object) -> None:
    """Do nothing: the callback of a caller that wants the result alone."""
