"""Starts at the same moment: a channel that Hermes does not lock has one holder, whoever is first."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hermes_profiles.conflicts.claims import held_by_process, read_ledger
from hermes_profiles.conflicts.decide import assign_channels
from hermes_profiles.conflicts.ledger import resolve_at_start, save_decision
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources

CATALOG = load_catalog()
NAMES = ("aa", "bb", "cc")


class SharedTopic:
    """Profiles that share one ntfy topic; a start is a command (plan, record, start) or a service by itself."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.layout = Layout(folder / "root", folder)
        self.chance = random.Random(seed)
        self.states: dict[str, LiveGateway] = {}
        self.masks: dict[str, tuple[Mask, ...]] = {}
        for name in NAMES:
            home = self.layout.home(name)
            home.mkdir(parents=True)
            (home / ".env").write_text("NTFY_TOPIC=CANARY-topic\n")
            (home / "config.yaml").write_text("model: m\n")

    def live(self, names: Sequence[str]) -> Mapping[str, LiveGateway]:
        return {name: state for name, state in dict(self.states).items() if name in names}

    def held(self, name: str) -> ClaimedResources:
        return claimed_resources(self.layout.home(name), catalog=CATALOG)

    def by_command(self, name: str, pauses: Sequence[float]) -> None:
        time.sleep(pauses[0])
        seen = self.live(NAMES)
        ledger = read_ledger(self.layout)
        holdings = {each: held_by_process(self.held(each), ledger.get(each), self.layout.home(each)) for each in NAMES}
        masks = assign_channels(starting=[name], holdings=holdings, live=seen)
        time.sleep(pauses[1])
        save_decision(
            self.layout, masks, {name: self.held(name)}, now=1000.0, live=lambda _: seen, fresh=self.live
        )  # fmt: skip
        time.sleep(pauses[2])
        self.by_itself(name, (0.0, 0.0, 0.0))

    def by_itself(self, name: str, pauses: Sequence[float]) -> None:
        time.sleep(pauses[0])
        self.states[name] = LiveGateway(None, starting=True)
        done = resolve_at_start(
            self.layout, name, catalog=CATALOG, environment={}, live=self.live, now=1001.0, listening=lambda _: {}
        )
        self.masks[name] = done.masks
        self.states[name] = LiveGateway(100 + NAMES.index(name), starting=False)


@pytest.mark.parametrize("seed", range(100))
def test_unlocked_channel_has_one_holder(tmp_path: Path, seed: int) -> None:
    fleet = SharedTopic(tmp_path, seed)
    threads = []
    for name in NAMES:
        start = fleet.chance.choice((fleet.by_command, fleet.by_itself))
        pauses = tuple(fleet.chance.choice((0.0, 0.002, 0.005)) for _ in range(3))
        threads.append(threading.Thread(target=start, args=(name, pauses)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holders = [name for name in NAMES if "ntfy" not in {mask.channel for mask in fleet.masks[name]}]
    assert len(holders) == 1, (holders, fleet.masks)


def test_service_that_started_after_the_observation_keeps_its_channel(tmp_path: Path) -> None:
    fleet = SharedTopic(tmp_path, 0)
    nothing: dict[str, LiveGateway] = {}
    fleet.by_itself("bb", (0.0,))
    final = save_decision(
        fleet.layout, {"aa": ()}, {"aa": fleet.held("aa")}, now=1000.0, live=lambda _: nothing, fresh=fleet.live
    )
    assert [(mask.channel, mask.owner.profile, mask.owner.pid) for mask in final["aa"]] == [("ntfy", "bb", 101)]
    assert read_ledger(fleet.layout)["bb"].source == "service"
    ignoring = save_decision(fleet.layout, {"aa": ()}, {"aa": fleet.held("aa")}, now=1000.0, live=fleet.live)
    assert ignoring == {"aa": ()}


def test_edited_token_belongs_to_the_process_that_started_with_it(tmp_path: Path) -> None:
    fleet = SharedTopic(tmp_path, 0)
    fleet.by_itself("aa", (0.0,))
    (fleet.layout.home("aa") / ".env").write_text("NTFY_TOPIC=CANARY-another\n")
    claim = read_ledger(fleet.layout)["aa"]
    held = held_by_process(fleet.held("aa"), claim, fleet.layout.home("aa"))
    assert held.identities == claim.identities != fleet.held("aa").identities
    masks = assign_channels(starting=["bb"], holdings={"aa": held, "bb": fleet.held("bb")}, live=fleet.live(NAMES))
    assert [mask.channel for mask in masks["bb"]] == ["ntfy"]
    assert held_by_process(fleet.held("aa"), None, fleet.layout.home("aa")) == fleet.held("aa")


def test_service_that_started_masked_after_the_observation_stays_masked(tmp_path: Path) -> None:
    fleet = SharedTopic(tmp_path, 0)
    fleet.states["aa"] = LiveGateway(None, starting=True)
    seen = fleet.live(NAMES)
    fleet.by_itself("cc", (0.0,))
    masks = assign_channels(starting=["bb"], holdings={name: fleet.held(name) for name in NAMES}, live=seen)
    save_decision(fleet.layout, masks, {"bb": fleet.held("bb")}, now=1000.0, live=lambda _: seen, fresh=fleet.live)
    fleet.by_itself("bb", (0.0,))
    fleet.by_itself("aa", (0.0,))
    owners = {name: [(mask.channel, mask.owner.profile) for mask in masks] for name, masks in fleet.masks.items()}
    assert owners == {"cc": [("ntfy", "aa")], "bb": [("ntfy", "aa")], "aa": []}
