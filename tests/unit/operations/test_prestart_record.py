"""The step before a start on a full disk: no second gateway with one bot, and the reason in the service's log."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from hermes_profiles.conflicts import ledger
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayState, LiveGateway
from hermes_profiles.model.errors import Failed, NotFound
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import prestart
from hermes_profiles.services.manager import Activity, ServiceStatus

TOKEN = "TELEGRAM_BOT_TOKEN=123456789:CANARY-" + "A" * 28 + "\n"
FULL = Failed("cannot write claims.json: no space left on device")


class Fleet:
    """Two profiles `a` and `b` with one bot; `live`: those whose gateway runs, `enabled`: those with a service."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.live, self.enabled, self.lines = folder / ".hermes", set[str](), {"a", "b"}, list[str]()
        self.tries, self.starting = 0, set[str]()
        for name in ("a", "b"):
            home = self.root / "profiles" / name
            home.mkdir(parents=True)
            (home / ".env").write_text(TOKEN)
            (home / "config.yaml").write_text("model: gpt-5\n")
        monkeypatch.setattr(prestart, "live_gateways", self.running)
        monkeypatch.setattr(FleetSession, "observe", self.observe)
        monkeypatch.setattr(prestart.time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(ledger, "resolve_at_start", self.resolve)

    def observe(self, names: tuple[str, ...]) -> dict[str, Gateway]:
        return {
            name: Gateway(name, GatewayState.STOPPED, service=_service(enabled=name in self.enabled)) for name in names
        }

    def running(self, found: dict[str, Gateway]) -> dict[str, LiveGateway]:
        up = {name: LiveGateway(1, starting=False) for name in found if name in self.live}
        return up | {name: LiveGateway(None, starting=True) for name in found if name in self.starting}

    def resolve(self, *_words: object, **_options: object) -> ledger.Refreshed:
        self.tries += 1
        if self.tries > 3:
            return ledger.Refreshed(())
        raise FULL

    def start(self, name: str) -> ledger.Refreshed:
        session = FleetSession(str(self.root), environment={"HOME": str(self.root.parent)})
        return prestart._resolved(session, name, None, self.lines.append)


def _service(*, enabled: bool) -> ServiceStatus:
    return ServiceStatus(enabled, enabled, Activity.INACTIVE)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(tmp_path, monkeypatch)


def test_start_beside_a_running_gateway_with_its_bot_waits(fleet: Fleet) -> None:
    fleet.live = {"b"}
    assert fleet.start("a").masks == () and fleet.tries == 4
    (line,) = fleet.lines
    assert "a does not start: b has the same telegram token and runs" in line and "no space left" in line
    assert "CANARY" not in line


def test_of_two_services_the_first_starts_and_the_other_waits(fleet: Fleet) -> None:
    with pytest.raises(Failed):  # its service starts it
        fleet.start("a")
    assert fleet.tries == 1
    fleet.tries = 0
    fleet.start("b")
    assert fleet.tries == 4 and "starts first" in fleet.lines[0]


@pytest.mark.parametrize("enabled", [{"a", "b"}, set()])
def test_of_two_that_are_being_started_the_first_starts_and_the_other_waits(fleet: Fleet, enabled: set[str]) -> None:
    fleet.enabled, fleet.starting = enabled, {"a", "b"}
    with pytest.raises(Failed):
        fleet.start("a")
    assert fleet.tries == 1
    fleet.tries = 0
    fleet.start("b")
    assert fleet.tries == 4 and "starts first" in fleet.lines[0]


@pytest.mark.parametrize("case", ["no other holder", "other has no service", "channel is masked"])
def test_start_that_meets_no_other_gateway_goes_on(fleet: Fleet, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if case == "no other holder":
        (fleet.root / "profiles" / "a" / ".env").write_text("")
    elif case == "other has no service":
        fleet.enabled = set()
    else:
        monkeypatch.setattr(prestart, "masks_of", lambda *_: (Mask("telegram"),))
    with pytest.raises(Failed):
        fleet.start("b")
    assert fleet.tries == 1 and fleet.lines == []


def test_other_errors_do_not_wait(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_words: object, **_options: object) -> ledger.Refreshed:
        raise NotFound("no profile")

    monkeypatch.setattr(ledger, "resolve_at_start", missing)
    fleet.live = {"b"}
    with contextlib.suppress(NotFound):
        fleet.start("a")
    assert fleet.lines == []
