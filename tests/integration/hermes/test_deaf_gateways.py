"""Real gateways whose platform goes away: the state is as the gateway's own log shows it, and as it is afterwards.

The Bot API is a stand-in on 127.0.0.1. It counts polls, so it knows which gateway polls.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bot_api import BotApi
from hermes_judge import environment, far_folder
from nightly import NIGHTLY
from real_hermes import hermes_python

from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.gateways.system import sockets_of
from hermes_profiles.model.layout import Layout

pytestmark = pytest.mark.judge

# Mode of the stand-in → what the state says, and within how many seconds. A hanging platform is noticed by the
# heartbeat of Hermes, every 90 s.
BY_DAY = {"401": ("401 Unauthorized", 30.0), "refuse": ("Server disconnected", 30.0)}
BY_NIGHT = {
    "502": ("502 Bad Gateway", 30.0),
    "409": ("Conflict", 30.0),
    "hang": ("", 150.0),
    "429-600": ("no request is open", 60.0),
    "false": ("answers that are not Telegram's", 30.0),
}
MODES = BY_DAY | (BY_NIGHT if NIGHTLY else {})


class Fleet:
    """Profiles with one bot each, whose gateways run without a manager."""

    def __init__(self, user_home: Path, api: BotApi) -> None:
        self.layout = Layout(user_home / ".hermes", user_home, sys.platform)
        self.api = api
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = environment(
            user_home, HERMES_HOME=str(self.layout.root), HERMES_ALLOW_ROOT_GATEWAY="1",
            TELEGRAM_FALLBACK_IPS="149.154.167.220", HERMES_TELEGRAM_DISABLE_FALLBACK_IPS="1", NO_PROXY="*",
        )  # fmt: skip
        self.world = SystemContext(
            self.layout, None, processes_of(sys.platform), environment=self.environment,
            sockets=sockets_of(sys.platform),
        )  # fmt: skip

    def start(self, profile: str, number: int) -> None:
        home = self.layout.home(profile)
        home.mkdir(parents=True)
        (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN=710000000{number}:CANARYtelegramCANARYtelegramCANARY\n")
        platforms = {"telegram": {"extra": {"base_url": f"{self.api.url}/{profile}/bot"}}}
        (home / "config.yaml").write_text(json.dumps({"model": {"default": "none/none"}, "platforms": platforms}))
        with (self.layout.user_home / f"{profile}.out").open("wb") as log:
            self.running[profile] = subprocess.Popen(
                [hermes_python(), "-m", "hermes_cli.main", "-p", profile, "gateway", "run"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.layout.user_home,
                env=self.environment,
            )  # fmt: skip

    def seen(self, profile: str) -> Gateway:
        return survey(self.world, [profile])[profile]

    def channel(self, profile: str) -> tuple[str, str]:
        """Return state and detail of a profile's bot."""
        return next(((each.state, each.detail) for each in self.seen(profile).channels), ("", ""))

    def until(self, profile: str, check: Callable[[str, str], bool], patience: float) -> float:
        """Wait until the bot is in a state; returns the seconds it took."""
        begun = time.monotonic()
        while not check(*self.channel(profile)):
            log = self.layout.home(profile) / "logs" / "errors.log"
            text = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            assert time.monotonic() - begun < patience, f"{self.seen(profile)}\n{text}"
            time.sleep(0.3)
        return time.monotonic() - begun

    def end(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait(30)


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    python = hermes_python()
    if subprocess.run([python, "-c", "import telegram.ext"], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(f"NO JUDGE: {python} cannot import telegram")
    with far_folder("deaf") as folder, BotApi() as api:
        made = Fleet(folder, api)
        try:
            yield made
        finally:
            made.end()


def test_gateway_whose_platform_goes_away_is_degraded(fleet: Fleet) -> None:
    for number, mode in enumerate(MODES):
        fleet.start(f"m{mode}", number)
    for mode in MODES:
        fleet.until(f"m{mode}", lambda state, _: state == "connected", 120)
    before = fleet.api.polls.copy()
    time.sleep(3)
    assert fleet.api.since(before).keys() == {f"m{mode}" for mode in MODES}  # connected is true
    fleet.api.modes |= {f"m{mode}": mode for mode in MODES}
    for mode, (reason, patience) in MODES.items():
        profile = f"m{mode}"
        fleet.until(profile, lambda state, detail, words=reason: state == "deaf" and words in detail, patience)
        found = fleet.seen(profile)
        assert "telegram has polled nothing" in found.detail and found.pid == fleet.running[profile].pid
        assert "CANARY" not in repr(found.channels)
    fleet.api.modes.clear()
    before = fleet.api.polls.copy()
    for mode in MODES:
        profile = f"m{mode}"
        if mode in ("401", "429-600"):  # nothing polls again before a restart, or for ten minutes
            continue
        fleet.until(profile, lambda state, _: state == "connected", 120)
        assert fleet.api.since(before).get(profile), "called connected, and it polls nothing"
    assert fleet.channel("m401")[0] == "deaf" and not fleet.api.since(before).get("m401")


def test_suspended_gateway_keeps_no_word(fleet: Fleet) -> None:
    fleet.start("work", 1)
    fleet.until("work", lambda state, _: state == "connected", 120)
    os.kill(fleet.running["work"].pid, signal.SIGSTOP)
    fleet.until("work", lambda state, detail: state == "unknown" and "the process is suspended" in detail, 10)
    os.kill(fleet.running["work"].pid, signal.SIGCONT)
    fleet.until("work", lambda state, _: state == "connected", 60)
    assert fleet.seen("work").state is GatewayState.UNSUPERVISED


def test_sockets_of_a_gateway_are_its_own(fleet: Fleet) -> None:
    fleet.start("work", 1)
    fleet.until("work", lambda state, _: state == "connected", 120)
    found = fleet.seen("work").observation
    assert found is not None and found.sockets is not None
    port = int(fleet.api.url.rpartition(":")[2])
    assert any(each.port == port for each in found.sockets.links)
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert other.getsockname()[1] not in found.sockets.listens
