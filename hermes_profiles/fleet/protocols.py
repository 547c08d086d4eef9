"""The backend protocol of the executor, and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.gateways.model import Gateway

# Seconds within which a started gateway has to be up and settled, unless the user says otherwise.
SETTLE = 90.0


class StartDecision(NamedTuple):
    """The decision before a start: masked channels, or the reason of a refusal."""

    masked: tuple[str, ...] = ()
    refusal: str | None = None
    remark: str = ""


class GatewayBackend(Protocol):
    """The side effects of the executor."""

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, from one observation."""
        ...

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Decide the masks before a start, and record them."""
        ...

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Start the services; returns profile → reason for those that the manager refused."""
        ...

    def announce_stop(self, gateway: Gateway) -> None:
        """Write the planned-stop marker of a gateway."""
        ...

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Stop the services, so that the manager does not restart them."""
        ...

    def stop_unit(self, unit: str) -> str:
        """Stop a unit of the user's systemd that is not ours; returns the reason of a failure."""
        ...

    def starters_of(self, unit: str) -> tuple[str, ...]:
        """Return the units, such as timers, that start a unit again after a stop."""
        ...

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        """End the proven process of a gateway: SIGTERM, or SIGKILL."""
        ...

    def log_lines(self, profile: str) -> tuple[str, ...]:
        """Return the last lines a gateway logged."""
        ...

    def stop_seconds(self, profile: str) -> float:
        """Return the seconds a gateway may take to stop by itself."""
        ...

    def now(self) -> float:
        """Return the seconds of a monotonic clock."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class RunOptions(NamedTuple):
    """Limits of a run.

    `jobs`: gateways at a time (None: all); `rolling`: one at a time, each running before the next, until the first
    failure; `stagger`: seconds between two starts; `settle`, `stop`: seconds that a start and a stop may take (`stop`
    None: the gateway's own limit for busy agents, and a margin).
    """

    jobs: int | None = None
    rolling: bool = False
    stagger: float = 0.0
    settle: float = 90.0
    stop: float | None = None


DEFAULT_PACE = RunOptions()
