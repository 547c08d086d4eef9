"""Two real gateways with one Telegram token and one API port, the second with an overlay: one poller.

The Bot API is a stand-in on 127.0.0.1 that counts pollers.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from bot_api import BotApi
from free_ports import free_port
from hermes_judge import environment, far_folder
from real_hermes import judge_with_telegram

from hermes_profiles.conflicts.ledger import resolve_at_start
from hermes_profiles.conflicts.overlay import masks_of, overlay_folder
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import claimed_resources

pytestmark = pytest.mark.judge

CATALOG = load_catalog()
TOKEN = "7000000001:CANARY-telegram-token"


def eventually(check: Callable[[], bool], what: Callable[[], str], *, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Gateways:
    """Profiles with one token and one API port, and separate webhook ports; started like services."""

    def __init__(self, user_home: Path, api: BotApi) -> None:
        self.layout = Layout(user_home / ".hermes", user_home, sys.platform)
        self.environment = environment(
            user_home, HERMES_HOME=str(self.layout.root), HERMES_ALLOW_ROOT_GATEWAY="1",
            # No look-up of Telegram's addresses and no proxy: no connection leaves the machine.
            TELEGRAM_FALLBACK_IPS="149.154.167.220", HERMES_TELEGRAM_DISABLE_FALLBACK_IPS="1", NO_PROXY="*",
        )  # fmt: skip
        self.api = api
        self.api_port = free_port()
        self.own_port: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._python = judge_with_telegram()

    def make(self, profile: str) -> None:
        home = self.layout.home(profile)
        home.mkdir(parents=True)
        self.own_port[profile] = free_port()
        (home / ".env").write_text(
            f"TELEGRAM_BOT_TOKEN={TOKEN}\nAPI_SERVER_ENABLED=true\nAPI_SERVER_HOST=127.0.0.1\n"
            f"API_SERVER_KEY=CANARY-{profile}-0123456789abcdef\nAPI_SERVER_PORT={self.api_port}\n"
            f"WEBHOOK_ENABLED=true\nWEBHOOK_PORT={self.own_port[profile]}\nWEBHOOK_SECRET=CANARY-{profile}-webhook\n"
        )
        extra = {"base_url": f"{self.api.url}/{profile}/bot"}
        platforms = {"telegram": {"extra": extra}, "webhook": {"extra": {"host": "127.0.0.1"}}}
        (home / "config.yaml").write_text(f"model:\n  default: none/none\nplatforms: {json.dumps(platforms)}\n")

    def live(self, names: Sequence[str]) -> Mapping[str, LiveGateway]:
        return {name: LiveGateway(one.pid, starting=False) for name, one in self.running.items() if one.poll() is None}

    def start(self, profile: str) -> tuple[str, ...]:
        """Run the prestart, then start; returns the masks once the gateway is up."""
        done = resolve_at_start(
            self.layout, profile, catalog=CATALOG, environment=self.environment, live=self.live, now=time.time()
        )
        folder = overlay_folder(self.layout, profile)
        with (self.layout.user_home / f"{profile}.log").open("ab") as log:
            self.running[profile] = subprocess.Popen(
                [self._python, "-m", "hermes_cli.main", "-p", profile, "gateway", "run"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.layout.user_home,
                env={**self.environment, "HERMES_MANAGED_DIR": str(folder)},
            )  # fmt: skip
        eventually(lambda: answers(self.own_port[profile]), lambda: self.log(profile))
        return tuple(mask.channel for mask in done.masks)

    def stop(self, profile: str) -> None:
        process = self.running.pop(profile)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise

    def log(self, profile: str) -> str:
        return (self.layout.user_home / f"{profile}.log").read_text(errors="replace")[-3000:]

    def polled_by(self, profile: str) -> None:
        """Wait until a profile polls, then check for a while that it remains the only poller."""
        before = self.api.polls.copy()
        eventually(lambda: self.api.since(before).get(profile, 0) > 0, lambda: self.log(profile))
        settled = self.api.polls.copy()
        eventually(lambda: sum(self.api.since(settled).values()) >= 4, lambda: self.log(profile))
        assert set(self.api.since(settled)) == {profile}

    def channels(self, profile: str) -> dict[str, str]:
        state = json.loads((self.layout.home(profile) / "gateway_state.json").read_bytes())
        return {name: entry["state"] for name, entry in state["platforms"].items()}


Kind = TypeVar("Kind", bound="Gateways")


@contextlib.contextmanager
def run_of(kind: type[Kind], name: str) -> Iterator[Kind]:
    """Yield gateways of a class in a home outside /tmp; all are stopped at the end."""
    with far_folder(name) as folder, BotApi() as api:
        made = kind(folder, api)
        try:
            yield made
        finally:
            for profile in tuple(made.running):
                made.stop(profile)


@pytest.fixture
def gateways() -> Iterator[Gateways]:
    with run_of(Gateways, "conflict") as made:
        yield made


def test_bot_api_counts_two_pollers_of_one_token() -> None:
    def poll(name: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{api.url}/{name}/bot{TOKEN}/getUpdates", b"timeout=5", timeout=10).close()

    with BotApi() as api:
        first = threading.Thread(target=poll, args=("one",))
        first.start()
        eventually(lambda: api.polls["one"] == 1, lambda: "no poll arrived")
        poll("two")
        first.join(10)
        assert (api.conflicts, api.most_at_once, dict(api.polls)) == (1, 2, {"one": 1, "two": 1})


@pytest.mark.nightly
def test_one_token_and_one_port_side_by_side_across_restarts_of_either_side(gateways: Gateways) -> None:
    shared = ("api_server", "telegram")
    for profile in ("one", "two"):
        gateways.make(profile)

    assert gateways.start("one") == ()
    gateways.polled_by("one")
    assert gateways.start("two") == shared
    gateways.polled_by("one")
    owner = gateways.running["one"].pid
    assert [mask.sentence() for mask in masks_of(gateways.layout, "two")] == [
        f"platform 'api_server' disabled: port {gateways.api_port} already in use by profile 'one'",
        "platform 'telegram' disabled: token already in use by profile 'one'",
    ]
    assert answers(gateways.api_port) and answers(gateways.own_port["two"])
    assert gateways.channels("two") == {"webhook": "connected"}
    assert gateways.channels("one").items() >= {"telegram": "connected", "api_server": "connected"}.items()

    # The identity key names Hermes' lock file, and its process is verified.
    locks = live_locks(
        gateways.environment, gateways.layout.user_home,
        catalog=CATALOG, processes=processes_of(sys.platform), platform=sys.platform,
    )  # fmt: skip
    held = claimed_resources(gateways.layout.home("two"), catalog=CATALOG).identities
    assert [(lock.channel, lock.digest, lock.pid) for lock in locks] == [(held[0].channel, held[0].key[:16], owner)]

    gateways.stop("two")
    assert gateways.start("two") == shared, "the loser restarts"
    gateways.polled_by("one")
    gateways.stop("one")
    assert gateways.start("one") == (), "the owner restarts: the loser has not taken the bot"
    gateways.polled_by("one")

    gateways.stop("one")
    gateways.stop("two")
    assert gateways.start("two") == (), "the conflict is gone, and so is the mask"
    gateways.polled_by("two")
    assert answers(gateways.api_port)
    assert gateways.start("one") == shared
    gateways.polled_by("two")
    assert (gateways.api.conflicts, gateways.api.most_at_once) == (0, 1)


def test_foreign_gateway_of_another_root_keeps_its_bot(gateways: Gateways) -> None:
    """Only its lock is visible."""
    gateways.make("one")
    assert gateways.start("one") == ()
    gateways.polled_by("one")
    other = Layout(gateways.layout.user_home / "other", gateways.layout.user_home, sys.platform)
    shutil.copytree(gateways.layout.home("one"), other.home("two"), ignore=shutil.ignore_patterns("*.lock", "*.pid"))
    done = resolve_at_start(
        other, "two", catalog=CATALOG, environment=gateways.environment, live=lambda names: {}, now=time.time()
    )
    pid = gateways.running["one"].pid
    reasons = {mask.channel: mask.sentence() for mask in done.masks}
    assert reasons.pop("telegram") == (
        f"platform 'telegram' disabled: token already in use by process {pid}, which is not a profile of this root"
    )
    port = gateways.api_port
    assert reasons.pop("api_server") == f"platform 'api_server' disabled: port {port} already in use by another process"
