"""The ledger and the pre-start step: in any order of starts, a bot has one gateway."""

from __future__ import annotations

import itertools
import json
import os
import select
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hermes_profiles.conflicts.claims import FRESH, read_ledger
from hermes_profiles.conflicts.decide import Address, Listening, assign_channels
from hermes_profiles.conflicts.ledger import Refreshed, drop_pending, listening_now, resolve_at_start, save_decision
from hermes_profiles.conflicts.overlay import masks_of, overlay_folder
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import claimed_resources

CATALOG = load_catalog()
COMING = LiveGateway(None, starting=True)


class Fleet:
    """Profiles of one root, and what their manager says of them."""

    def __init__(self, folder: Path, bots: Mapping[str, str]) -> None:
        self.layout = Layout(folder / "root", folder)
        self.environment = {"HERMES_GATEWAY_LOCK_DIR": str(folder / "locks")}
        self.states: dict[str, LiveGateway] = {}
        self.listening: dict[Address, int | None] = {}
        self.now = 1000.0
        for name, bot in bots.items():
            self.write(name, f"TELEGRAM_BOT_TOKEN=7{bot}:CANARY-token\n")

    def write(self, name: str, env: str, config: str = "model: m\n") -> None:
        home = self.layout.home(name)
        home.mkdir(parents=True, exist_ok=True)
        (home / ".env").write_text(env)
        (home / "config.yaml").write_text(config)

    def live(self, names: Sequence[str]) -> Mapping[str, LiveGateway]:
        return {name: state for name, state in self.states.items() if name in names}

    def ears(self, addresses: Collection[Address]) -> Listening:
        return {address: pid for address, pid in self.listening.items() if address in addresses}

    def refresh(self, name: str, **more: Any) -> Refreshed:
        self.now += 1
        return resolve_at_start(
            self.layout, name, catalog=CATALOG, environment=self.environment, live=self.live, now=self.now,
            listening=self.ears, **more,
        )  # fmt: skip

    def start(self, name: str, pid: int, **more: Any) -> tuple[str, ...]:
        self.states[name] = COMING
        done = self.refresh(name, **more)
        self.states[name] = LiveGateway(pid, starting=False)
        return tuple(mask.channel for mask in done.masks)

    def decide(self, *names: str, owners: Sequence[str] = ()) -> None:
        held = {name: claimed_resources(self.layout.home(name), catalog=CATALOG) for name in names}
        masks = assign_channels(starting=names, holdings=held, live=self.states, owners=owners)
        save_decision(self.layout, masks, held, now=self.now, live=self.live)


@pytest.fixture
def pair(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, {"a": "1", "b": "1"})


@pytest.mark.parametrize(("seconds", "masked"), [(3.0, ("telegram",)), (-1.0, ()), (3600.0, ())])
def test_token_that_was_edited_during_a_start_may_be_held(pair: Fleet, seconds: float, masked: tuple[str, ...]) -> None:
    pair.write("b", "TELEGRAM_BOT_TOKEN=72:CANARY-token\n")
    pair.write("c", "TELEGRAM_BOT_TOKEN=72:CANARY-token\n")
    pair.start("a", 1)
    pair.write("a", "TELEGRAM_BOT_TOKEN=72:CANARY-token\n")
    for name in (".env", "config.yaml"):
        os.utime(pair.layout.home("a") / name, (pair.now + seconds, pair.now + seconds))
    assert pair.start("b", 2) == masked, "a may have read its token before or after the edit"
    pair.write("c", "TELEGRAM_BOT_TOKEN=71:CANARY-token\n")
    assert pair.start("c", 3) == ("telegram",), "the token from before the edit counts as well"


def test_masked_channel_stays_masked_when_its_gateway_writes_its_files_at_a_start(pair: Fleet) -> None:
    pair.start("a", 1)
    assert pair.start("b", 2) == ("telegram",)
    os.utime(pair.layout.home("b") / "config.yaml", (pair.now + 1, pair.now + 1))
    del pair.states["a"]
    assert pair.start("a", 3) == (), "b does not hold what it was started without"


def test_second_start_is_masked_in_its_overlay(pair: Fleet) -> None:
    assert pair.start("b", 2) == ()
    assert pair.start("a", 1) == ("telegram",)
    folder = overlay_folder(pair.layout, "a")
    assert (folder / ".env").read_text().endswith("TELEGRAM_BOT_TOKEN=\n")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in os.listdir(folder)} == {0o600}
    (mask,) = masks_of(pair.layout, "a")
    assert mask == Mask("telegram", MaskCause.TOKEN, ChannelOwner("b", 2))
    assert mask.sentence() == "platform 'telegram' disabled: token already in use by profile 'b'"
    assert "CANARY" not in (folder / "masks.json").read_text() + (pair.layout.state / "claims.json").read_text()


def test_mask_is_removed_after_the_conflict(pair: Fleet) -> None:
    pair.start("a", 1)
    assert pair.start("b", 2) == ("telegram",)
    del pair.states["a"]
    assert pair.start("b", 3) == ()
    assert sorted(os.listdir(overlay_folder(pair.layout, "b"))) == ["masks.json"]
    assert pair.start("a", 4) == ("telegram",)


def test_crashed_owner_that_restarts_keeps_its_bot(pair: Fleet) -> None:
    pair.start("b", 2)
    pair.states["b"] = COMING
    assert pair.start("a", 1) == ("telegram",)
    assert pair.start("b", 3) == ()


def test_queued_profile_with_priority_keeps_its_bot(pair: Fleet) -> None:
    pair.states = {"a": COMING, "b": COMING}
    assert [mask.owner.profile for mask in pair.refresh("b").masks] == ["a"]
    assert pair.refresh("a").masks == ()


def test_gateway_without_claim_counts_by_its_files(pair: Fleet) -> None:
    pair.states["b"] = LiveGateway(2, starting=False)
    assert pair.start("a", 1) == ("telegram",)


def test_old_claim_counts_only_with_matching_files(pair: Fleet) -> None:
    pair.start("b", 2)
    pair.states = {"b": COMING}
    pair.write("b", "A=1\n")
    assert pair.start("a", 1) == ()


def test_listener_masks_the_port(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, {})
    for name in ("a", "b"):
        fleet.write(name, "API_SERVER_KEY=CANARY-0123456789\n")
    fleet.start("b", 2)
    assert fleet.start("a", 1) == ("api_server",)
    fleet.states.clear()
    fleet.listening = {(8642, "127.0.0.1"): None}
    assert [mask.sentence() for mask in fleet.refresh("a").masks] == [
        "platform 'api_server' disabled: port 8642 already in use by another process"
    ]
    fleet.states["a"] = LiveGateway(1, starting=False)
    assert fleet.refresh("a").masks == (), "it may be the gateway itself that listens"
    fleet.states.clear()
    fleet.listening = {(3000, "127.0.0.1"): None}
    fleet.write("a", "WHATSAPP_ENABLED=true\n")
    assert fleet.refresh("a").masks == (), "a bridge that was left behind is ended by Hermes"


def test_foreign_listener_counts_on_the_addresses_that_a_channel_needs() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        found = listening_now({(port, host) for host in ("::1", "*", "127.0.0.1")})
    assert found == {(port, "::1"): None, (port, "*"): None}


def test_refuse_names_the_owner_and_records_no_claim(pair: Fleet) -> None:
    pair.start("a", 1)
    with pytest.raises(Refused, match="token already in use by profile 'a'"):
        pair.start("b", 2, on_conflict="refuse")
    assert set(read_ledger(pair.layout)) == {"a"}


def test_ignore_warns_and_masks_nothing(pair: Fleet) -> None:
    pair.start("a", 1)
    pair.states["b"] = COMING
    done = pair.refresh("b", on_conflict="ignore")
    assert done.masks == () and [problem.code for problem in done.problems] == ["conflict-ignored"]


def test_decision_of_start_applies_once_within_five_minutes(pair: Fleet) -> None:
    pair.decide("a", "b", owners=("b",))
    assert pair.start("a", 1) == ("telegram",)
    assert pair.start("b", 2) == ()
    pair.states.clear()
    assert pair.start("a", 3) == (), "a later start decides again"
    pair.states.clear()
    pair.decide("a", "b", owners=("b",))
    pair.now += FRESH
    assert pair.start("a", 4) == ()


def test_decision_without_masks_applies(pair: Fleet) -> None:
    """`hermes-gateways start --on-conflict ignore`."""
    pair.start("b", 2)
    held = {"a": claimed_resources(pair.layout.home("a"), catalog=CATALOG)}
    save_decision(pair.layout, {"a": ()}, held, now=pair.now, live=pair.live)
    assert pair.start("a", 1) == ()
    assert pair.start("a", 3) == ("telegram",)


def test_pending_decision_reserves_the_bot_until_dropped(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, {"a": "1", "b": "1", "c": "1"})
    fleet.decide("b")
    assert fleet.start("a", 1) == ("telegram",)
    fleet.states.clear()
    drop_pending(fleet.layout, ("b",))
    assert fleet.start("a", 2) == ()
    fleet.decide("b")
    assert [mask.owner.profile for mask in fleet.refresh("c").masks] == ["a"], (
        "forgetting is for starts, not for who runs"
    )


# Written by the version before masks had a `cause`: their sentence was the only record of it.
_OLD_MASKS = (
    '[{"channel":"api_server","reason":"platform \'api_server\' disabled: port 8642 already in use by process 4711, '
    'which is not a profile of this root","owner":null,"owner_pid":4711},'
    '{"channel":"telegram","reason":"platform \'telegram\' disabled: token already in use by profile \'b\'",'
    '"owner":"b","owner_pid":2}]'
)
_OLD_LEDGER = (
    '{"version":1,"profiles":{"b":{"identities":[["telegram",'
    '"9ba8226ef8a69606c6557645eb8e06fae238730099365675cfada8180242ec42","token"]],"ports":[],"masks":[],'
    f'"at":1001.0,"by":"service"}},"a":{{"identities":[],"ports":[],"masks":{_OLD_MASKS},"at":1002.0,"by":"start"}}}}}}'
)
_READ = (
    Mask("api_server", MaskCause.PORT, ChannelOwner(None, 4711), 8642),
    Mask("telegram", MaskCause.TOKEN, ChannelOwner("b", 2)),
)


def test_ledger_of_the_previous_version_is_applied(pair: Fleet) -> None:
    pair.write("a", "TELEGRAM_BOT_TOKEN=71:CANARY-token\nAPI_SERVER_KEY=CANARY-0123456789\n")
    pair.layout.state.mkdir(parents=True)
    (pair.layout.state / "claims.json").write_text(_OLD_LEDGER)
    claims = read_ledger(pair.layout)
    assert claims["a"].masks == _READ and claims["b"].identities[0].noun == "token"
    assert json.loads(_OLD_MASKS) == [
        {name: value for name, value in mask.as_data().items() if name not in ("cause", "port")} for mask in _READ
    ], "the sentence is the same"
    pair.now = 1003.0
    pair.states["b"] = LiveGateway(2, starting=False)
    assert pair.start("a", 1) == ("api_server", "telegram")


def test_overlay_of_the_previous_version_is_read(pair: Fleet) -> None:
    folder = overlay_folder(pair.layout, "a")
    folder.mkdir(parents=True)
    (folder / "masks.json").write_text(f'{{"at": 1.0, "masks": {_OLD_MASKS}}}')
    assert masks_of(pair.layout, "a") == _READ
    for row in ('{"channel": "slack", "reason": "x"}', '{"channel": "slack", "cause": "later", "port": null}'):
        (folder / "masks.json").write_text(f'{{"at": 1.0, "masks": [{row}]}}')
        assert masks_of(pair.layout, "a") == (Mask("slack"),)


def test_broken_ledger_is_empty(pair: Fleet) -> None:
    pair.start("b", 2)
    for text in ("", "[]", '{"profiles": {"b": 1}}', '{"profiles": {"b": {}}}'):
        (pair.layout.state / "claims.json").write_text(text)
        assert pair.start("a", 1) == ("telegram",), "b runs, so its files speak for it"


def test_unmaskable_channel_is_refused_with_a_hint(pair: Fleet) -> None:
    pair.start("b", 2)
    home = pair.layout.home("a")
    for name in (".env", "config.yaml"):
        (home / name).unlink()
    block = {"enabled": True, "token": "71:CANARY-token"}
    (home / "gateway.json").write_text(json.dumps({"platforms": {"telegram": block}}))
    with pytest.raises(Refused, match=r"cannot be disabled .*gateway\.json enables it") as refused:
        pair.start("a", 1)
    assert refused.value.problem.hint == f"create or fix config.yaml: `touch {home}/config.yaml`"
    (home / "config.yaml").touch()
    assert pair.start("a", 1) == ("telegram",)


def test_managed_directory_is_copied_and_its_bots_count(pair: Fleet, tmp_path: Path) -> None:
    managed = tmp_path / "etc"
    managed.mkdir()
    (managed / ".env").write_text("TELEGRAM_BOT_TOKEN=9:CANARY-all\nPOLICY=1\n")
    pair.write("a", "A=1\n")
    assert pair.start("b", 2, managed=managed) == ()
    assert (overlay_folder(pair.layout, "b") / ".env").read_text() == "TELEGRAM_BOT_TOKEN=9:CANARY-all\nPOLICY=1\n"
    assert pair.start("a", 1, managed=managed) == ("telegram",)
    assert (overlay_folder(pair.layout, "a") / ".env").read_text() == "POLICY=1\nTELEGRAM_BOT_TOKEN=\n"


# --- Hermes' own locks


def lock(folder: Path, pid: int, started: object, name: str = "telegram-bot-token-0123456789abcdef.lock") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"pid": pid, "start_time": started, "kind": "hermes-gateway"}))


def process(proc: Path, pid: int, *words: str, state: str = "S", started: int = 500) -> None:
    place = proc / str(pid)
    place.mkdir(parents=True)
    (place / "stat").write_text(f"{pid} (hermes) {' '.join([state, '1', *['0'] * 17, str(started), *['0'] * 20])}\n")
    (place / "cmdline").write_bytes("".join(f"{word}\0" for word in words).encode())
    (place / "environ").write_bytes(b"")


RUN = ("python", "-m", "hermes_cli.main", "gateway", "run")


@pytest.mark.parametrize(("words", "more", "started", "counts"), [
    (RUN, {}, 500, True), (RUN, {}, None, True), ((*RUN[:-1], "restart"), {}, 500, True), (RUN, {}, 501, False),
    (RUN, {"state": "Z"}, 500, False), (RUN, {"state": "T"}, 500, False), (("cron",), {}, 500, False),
    ((*RUN[:-1], "status"), {}, 500, False),
])  # fmt: skip
def test_lock_counts_only_for_a_proven_gateway(
    tmp_path: Path, words: tuple[str, ...], more: dict[str, Any], started: object, counts: bool
) -> None:
    process(tmp_path / "proc", 42, *words, **more)
    lock(tmp_path / "locks", 42, started)
    found = live_locks(
        {"HERMES_GATEWAY_LOCK_DIR": str(tmp_path / "locks")}, tmp_path,
        catalog=CATALOG, processes=LinuxProcesses(tmp_path / "proc"), platform="linux",
    )  # fmt: skip
    assert found == ((LiveLock("telegram", "0123456789abcdef", 42),) if counts else ())


@pytest.mark.parametrize("name", [
    "telegram-bot-token-0123456789abcdef.json", "telegram-bot-token-0123.lock", "other-0123456789abcdef.lock", "x.lock",
])  # fmt: skip
def test_other_files_in_the_lock_folder_are_ignored(tmp_path: Path, name: str) -> None:
    process(tmp_path / "proc", 42, *RUN)
    folder = tmp_path / "state" / "hermes" / "gateway-locks"
    folder.mkdir(parents=True)
    lock(folder, 42, 500, name)
    (folder / "telegram-bot-token-aaaaaaaaaaaaaaaa.lock").write_text("{half")
    found = live_locks(
        {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path,
        catalog=CATALOG, processes=LinuxProcesses(tmp_path / "proc"), platform="linux",
    )  # fmt: skip
    assert found == ()


# --- every order


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("12"), min_size=2), st.randoms(use_true_random=False))
def test_boot_in_any_order_gives_each_bot_to_the_oldest_profile(bots: dict[str, str], chance: Any) -> None:
    order = sorted(bots)
    chance.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), dict(sorted(bots.items())))
        fleet.states = dict.fromkeys(bots, COMING)
        owners = {name for number, name in enumerate(order) if not fleet.start(name, 10 + number)}
    assert owners == {min(name for name in bots if bots[name] == bot) for bot in set(bots.values())}


class Interleavings(RuleBasedStateMachine):
    """Boots, crashes, stops, starts by hand and by `hermes-gateways`, in any order."""

    NAMES = "abcd"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bots = dict(zip(self.NAMES, "1121", strict=True))
        self.fleet = Fleet(Path(self.folder.name), self.bots)
        self.has: dict[str, bool] = {}  # of those that took the step: whether they have their bot
        self.pids = itertools.count(100)

    def teardown(self) -> None:
        self.folder.cleanup()

    def _in(self, *, up: bool | None = None, ready: bool | None = None) -> list[str]:
        return [
            name
            for name, state in sorted(self.fleet.states.items())
            if (up is None or (state.pid is not None) is up) and (ready is None or (name in self.has) is ready)
        ]

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def are_queued(self, names: set[str]) -> None:
        for name in names - set(self.fleet.states):
            self.fleet.states[name] = COMING

    @rule(name=st.sampled_from(NAMES))
    def takes_the_step(self, name: str) -> None:
        if name in self._in(up=False):
            self.has[name] = not self.fleet.refresh(name).masks

    @rule(name=st.sampled_from(NAMES))
    def comes_up(self, name: str) -> None:
        if name in self._in(up=False, ready=True):
            self.fleet.states[name] = LiveGateway(next(self.pids), starting=False)

    @rule(name=st.sampled_from(NAMES))
    def crashes(self, name: str) -> None:
        if name in self._in(up=True):
            self.fleet.states[name] = COMING
            del self.has[name]

    @rule(name=st.sampled_from(NAMES))
    def is_stopped(self, name: str) -> None:
        self.fleet.states.pop(name, None)
        self.has.pop(name, None)

    @precondition(lambda self: len(self.fleet.states) < len(self.NAMES))
    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), owner=st.sampled_from(NAMES))
    def are_decided_by_start(self, names: set[str], owner: str) -> None:
        idle = sorted(names - set(self.fleet.states))
        if not idle:
            return
        held = {name: claimed_resources(self.fleet.layout.home(name), catalog=CATALOG) for name in self.NAMES}
        masked = {name: ["telegram"] for name, has in self.has.items() if not has}
        masks = assign_channels(starting=idle, holdings=held, live=self.fleet.states, owners=(owner,), masked=masked)
        save_decision(self.fleet.layout, masks, held, now=self.fleet.now, live=self.fleet.live)
        for name in idle:
            self.fleet.states[name] = COMING

    @invariant()
    def no_bot_has_two_gateways(self) -> None:
        owners = [self.bots[name] for name, has in self.has.items() if has]
        assert len(owners) == len(set(owners)), self.has


Interleavings.TestCase.settings = settings(
    deadline=None, max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
test_no_interleaving_gives_a_bot_to_two_gateways = Interleavings.TestCase


# Prints a line when it reads the live gateways, and continues after a line on stdin.
_RACER = """
import sys, time
from pathlib import Path
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.conflicts.ledger import resolve_at_start
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.model.layout import Layout
folder, name, seen = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
catalog = load_catalog()
def live(names):
    print("looking", flush=True)
    sys.stdin.readline()
    return {one: LiveGateway(None, starting=True) for one in seen}
done = resolve_at_start(
    Layout(folder / "root", folder), name, catalog=catalog, now=time.time(), live=live,
    environment={"HERMES_GATEWAY_LOCK_DIR": str(folder / "locks")}, listening=lambda ports: {},
)
print(",".join(mask.channel for mask in done.masks))
"""


class Racer:
    """A process that takes the step before a start of one profile."""

    def __init__(self, folder: Path, name: str, seen: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RACER, str(folder), name, seen],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def looks(self, *, within: float) -> bool:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        return bool(ready) and self.process.stdout.readline() == b"looking\n"

    def goes_on(self) -> str:
        out, _ = self.process.communicate(b"go\n", timeout=60)
        assert self.process.returncode == 0
        return out.decode().removeprefix("looking\n").strip()


@pytest.mark.parametrize(("first", "seen_by_first", "second"), [("b", "b", "a"), ("a", "a", "b"), ("b", "a,b", "a")])
def test_two_processes_decide_one_after_the_other(tmp_path: Path, first: str, seen_by_first: str, second: str) -> None:
    """What the first sees of the second is old by the time it decides; the second must not look before that."""
    Fleet(tmp_path, {"a": "1", "b": "1"})
    one = Racer(tmp_path, first, seen_by_first)
    other = None
    try:
        assert one.looks(within=60)
        other = Racer(tmp_path, second, "a,b")
        assert not other.looks(within=1.5)
        said = [one.goes_on(), other.goes_on()]
        assert sorted(said) == ["", "telegram"]
    finally:
        for racer in (one, other):
            if racer is not None and racer.process.poll() is None:
                racer.process.kill()
                racer.process.wait(10)
