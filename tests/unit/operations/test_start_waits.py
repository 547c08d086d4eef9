"""A start waits for a gateway that is about to exit, instead of calling it already running. The clock is a fake."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from observed_root import NOW, Root, status

from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import survey
from hermes_profiles.operations.gateways import run_fleet
from hermes_profiles.services.manager import Activity


def unsupervised(isolated: Path, channel: str) -> tuple[Root, Gateway]:
    """Return a gateway whose service does not run it, with the state of its one channel."""
    root = Root(isolated, "default", "work")
    now = datetime.fromtimestamp(NOW, UTC).isoformat()
    root.runs("work", 42, platforms={"telegram": {"state": channel, "updated_at": now}}, updated_at=now)
    root.manager.statuses = {"work": status(Activity.INACTIVE)}
    (gateway,) = survey(root.world, ["work"]).values()
    assert gateway.state is GatewayState.UNSUPERVISED
    return root, gateway


def waited(root: Root, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *, ends_after: float, verb: Verb) -> float:
    """Return the seconds that a request waits for a gateway that ends after a while."""
    clock = SimpleNamespace(now=NOW)
    ticks = SimpleNamespace(
        monotonic=lambda: clock.now, sleep=lambda seconds: setattr(clock, "now", clock.now + seconds)
    )
    monkeypatch.setattr(run_fleet, "time", ticks)

    def observe(_: Any) -> dict[str, Gateway]:
        facts = gateway.observation
        assert facts is not None
        if clock.now - NOW >= ends_after:
            return {"work": gateway._replace(process=None, state=GatewayState.STOPPED, observation=None)}
        return {"work": gateway._replace(observation=facts._replace(now=clock.now))}

    session: Any = SimpleNamespace(layout=root.layout)
    launch: Any = SimpleNamespace(observe=observe)
    run_fleet._FleetRun(session, run_fleet.FleetRequest(verb))._observe(launch, Selection(("work",), named=True))
    return clock.now - NOW


@pytest.mark.parametrize(
    ("channel", "ends_after", "seconds"),
    [
        ("disconnected", 12.0, 12.0),  # on a busy machine it takes longer than the last write is recent for `status`
        ("disconnected", 900.0, 20.0),
        ("connected", 12.0, 0.0),
    ],
)
def test_gateway_that_left_its_channels_is_waited_for(
    isolated: Path, monkeypatch: pytest.MonkeyPatch, channel: str, ends_after: float, seconds: float
) -> None:
    root, gateway = unsupervised(isolated, channel)
    found = waited(root, gateway, monkeypatch, ends_after=ends_after, verb=Verb.START)
    assert found == pytest.approx(seconds, abs=0.5)
    assert waited(root, gateway, monkeypatch, ends_after=ends_after, verb=Verb.STOP) == 0.0
