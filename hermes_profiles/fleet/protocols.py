"""What the fleet's loop asks of the world, and how fast it may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from hermes_profiles.gateways.model import Gateway


class StartDecision(NamedTuple):
    """What was decided before a start: channels to be masked, or why it may not start (`refusal`)."""

    masked: tuple[str, ...] = ()
    refusal: str | None = None
    remark: str = ""


class GatewayBackend(Protocol):
    """What the loop may do to the world."""

    def look(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, from one look."""
        ...

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Decide who keeps which channel, and lay the masks ready."""
        ...

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Have the services started; returns reasons of those that were refused at once."""
        ...

    def announce_stop(self, gateway: Gateway) -> None:
        """Tell a gateway that it is being stopped on purpose."""
        ...

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Have the services stopped, so that nothing revives them."""
        ...

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        """End the proven process of a gateway: SIGTERM, or SIGKILL."""
        ...

    def log_lines(self, profile: str) -> tuple[str, ...]:
        """Return the last lines a gateway logged."""
        ...

    def stop_seconds(self, profile: str) -> float:
        """Return how long a gateway may take to stop by itself."""
        ...

    def now(self) -> float:
        """Return seconds of a clock that only goes forward."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class RunOptions(NamedTuple):
    """How fast.

    `jobs`: how many at a time (None: all); `rolling`: one at a time, each up before the next, and the first failure
    ends it; `stagger`: seconds between two starts; `settle`, `stop`: seconds that a start and a stop may take (None: as
    long as the gateway's own setting allows busy agents, and some more).
    """

    jobs: int | None = None
    rolling: bool = False
    stagger: float = 0.0
    settle: float = 90.0
    stop: float | None = None


DEFAULT_PACE = RunOptions()
