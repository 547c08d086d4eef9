"""Start, the pre-start step and repair give a shared channel to one and the same profile."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_profiles.conflicts import ledger
from hermes_profiles.conflicts.ledger import resolve_at_start
from hermes_profiles.conflicts.ownership import SharedKind
from hermes_profiles.conflicts.repair_plan import Asked, Scene, plan_repair
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.start_guard import StartGuard
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names

CATALOG = load_catalog()
DAY = 86400.0
OLD = 1_700_000_000.0
LINES = {
    "telegram": "TELEGRAM_BOT_TOKEN=710{}:CANARY-telegram-token\n",
    "discord": "DISCORD_BOT_TOKEN=CANARY-discord-token-{}\n",
    "weixin": "WEIXIN_ACCOUNT_ID=account{0}\nWEIXIN_TOKEN=CANARY-weixin-token-{0}\n",
    "api_server": "API_SERVER_KEY=CANARY-0123456789\nAPI_SERVER_PORT=1900{}\n",
}


class Generated(NamedTuple):
    """A profile: channel → number of its account or port, channels that are off, channel → days since its last use."""

    accounts: Mapping[str, int]
    off: frozenset[str]
    used: Mapping[str, int]


profiles = st.builds(
    Generated,
    st.dictionaries(st.sampled_from(sorted(LINES)), st.integers(1, 2), min_size=1),
    st.frozensets(st.sampled_from(["telegram", "discord"]), max_size=1),
    st.dictionaries(st.sampled_from(sorted(LINES)), st.integers(0, 5), max_size=2),
)
roots = st.dictionaries(st.sampled_from(["default", "a", "b", "c", "d"]), profiles, min_size=2)


def make(folder: Path, root: Mapping[str, Generated]) -> Layout:
    """Write the profiles in the order given: that is their age."""
    layout = Layout(folder / ".hermes", folder)
    (folder / ".hermes").mkdir()
    for name, made in root.items():
        home = layout.home(name)
        home.mkdir(parents=True, exist_ok=True)
        (home / ".env").write_text("".join(LINES[channel].format(number) for channel, number in made.accounts.items()))
        off = "".join(f"  {channel}:\n    enabled: false\n" for channel in made.off)
        (home / "config.yaml").write_text(f"model: m\n{'platforms:' if off else ''}\n{off}")
        for channel, days in made.used.items():
            (home / "pairing").mkdir(exist_ok=True)
            paired = {"1": {"approved_at": OLD + days * DAY}}
            (home / "pairing" / f"{channel}-approved.json").write_text(json.dumps(paired))
    if "default" not in root:
        (layout.root / "config.yaml").write_text("model: m\n")
    return layout


def owned_by_repair(layout: Layout, owners: Mapping[str, tuple[str, ...]] | None = None) -> tuple[set[Any], set[Any]]:
    """Return (profile, channel) of what repair leaves where it is, and of what it takes, of channels that are on."""
    names = profile_names(layout)
    found = plan_repair(Scene(layout, CATALOG, names, {}, ()), Asked(owners or {}, None, frozenset(names)))
    shared = [one for one in found.decisions if one.kind in (SharedKind.IDENTITY, SharedKind.PORT)]
    kept = {(one.owner, one.channel) for one in shared}
    lost = {(name, one.channel) for one in found.decisions if one.kind is not SharedKind.LOGIN for name in one.losers}
    on = {
        (name, channel) for name in names for channel in claimed_resources(layout.home(name), catalog=CATALOG).channels
    }
    return kept, lost & on


def masked_by_start(layout: Layout, owners: tuple[str, ...] = ()) -> set[Any]:
    environment = {"HERMES_GATEWAY_LOCK_DIR": str(layout.user_home / "locks")}
    world = SystemContext(layout, processes=LinuxProcesses(layout.user_home / "proc"))
    names = profile_names(layout)
    launch = StartGuard(world, names, CATALOG, environment, owners=owners)
    launch.observe(names)
    return {(name, mask.channel) for name, masks in launch.decide(names).items() for mask in masks}


@pytest.fixture(autouse=True)
def no_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "listening_now", lambda ports: {})


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(roots)
def test_start_of_a_stopped_fleet_masks_what_repair_removes(root: dict[str, Generated]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = make(Path(folder), root)
        kept, lost = owned_by_repair(layout)
        masked = masked_by_start(layout)
    assert masked == lost
    assert not masked & kept


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(roots, st.randoms(use_true_random=False))
def test_boot_in_any_order_masks_what_repair_removes(root: dict[str, Generated], chance: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = make(Path(folder), root)
        order = list(profile_names(layout))
        chance.shuffle(order)
        states = {name: LiveGateway(None, starting=True) for name in order}
        _, lost = owned_by_repair(layout)
        masked = set()
        for number, name in enumerate(order):
            done = resolve_at_start(
                layout,
                name,
                catalog=CATALOG,
                environment={"HERMES_GATEWAY_LOCK_DIR": str(layout.user_home / "locks")},
                live=lambda names: {name: states[name] for name in names},
                now=OLD + number,
            )
            masked |= {(name, mask.channel) for mask in done.masks}
    assert masked == lost


def test_latest_use_keeps_the_bot_unless_owner_is_given(tmp_path: Path) -> None:
    used = {
        name: Generated({"telegram": 1}, frozenset(), {"telegram": days})
        for name, days in {"a": 1, "b": 3, "c": 2}.items()
    }
    layout = make(tmp_path, {"default": Generated({"discord": 1}, frozenset(), {}), **used})
    assert masked_by_start(layout) == {(name, "telegram") for name in ("a", "c")}
    assert masked_by_start(layout, ("c",)) == {(name, "telegram") for name in ("a", "b")}
    assert owned_by_repair(layout, {"telegram": ("c",)})[1] == masked_by_start(layout, ("c",))


def test_default_keeps_the_bot_that_another_used_last(tmp_path: Path) -> None:
    plain, used = Generated({"telegram": 1}, frozenset(), {}), Generated({"telegram": 1}, frozenset(), {"telegram": 1})
    layout = make(tmp_path, {"a": used, "default": plain})
    assert masked_by_start(layout) == {("a", "telegram")} == owned_by_repair(layout, {})[1]


def test_default_keeps_the_bot_without_evidence(tmp_path: Path) -> None:
    plain = Generated({"telegram": 1}, frozenset(), {})
    layout = make(tmp_path, {"b": plain, "a": plain, "default": plain})
    assert masked_by_start(layout) == {("a", "telegram"), ("b", "telegram")}


def test_evidence_is_read_only_for_shared_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.conflicts import usage_evidence

    plain = Generated({"telegram": 1, "discord": 1}, frozenset(), {"telegram": 1})
    layout = make(tmp_path, {"a": plain, "b": plain._replace(accounts={"telegram": 2, "weixin": 1})})
    monkeypatch.setattr(usage_evidence, "_uses", lambda *_: pytest.fail("evidence was read"))
    assert masked_by_start(layout) == set()
    (layout.home("b") / ".env").write_text(os.fsdecode((layout.home("a") / ".env").read_bytes()))
    with pytest.raises(pytest.fail.Exception):
        masked_by_start(layout)
