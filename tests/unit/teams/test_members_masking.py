"""Output of a multiplexer is shown without members' secrets, and fast with thirty members."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import Runner
from gateway_root import until
from multiplex_root import MultiplexRoot
from team_root import make_team, weixin

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.logs.secrets import SecretCache
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.redact import secrets_around, secrets_of

CATALOG = load_catalog()


@pytest.fixture
def multi(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    make_team(world)
    (world.root / "config.yaml").write_text("model: gpt-5\ngateway:\n  multiplex_profiles: true\n")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def only_in_its_file(home: Path, name: str) -> str:
    """Store the token of an account in its file alone, and return it."""
    token = f"CANARYfileonly{name}CANARY99887766"
    (home / f"weixin/accounts/{name}-im-bot.json").write_text(json.dumps({"token": token, "base_url": "https://x"}))
    return token


def test_a_token_in_an_account_file_alone_is_masked(runner: Runner) -> None:
    world = CommandRoot(runner)
    make_team(world, ("anna",))
    token = only_in_its_file(world.home("anna"), "anna")
    assert token in secrets_of(world.home("anna")) and token in secrets_of(world.home("anna"), CATALOG)
    masks = SecretCache(Layout(world.root, world.user), CATALOG)
    assert token not in masks.redactor.redact(f"polling with {token}")


def test_a_new_account_is_masked_at_the_next_read(runner: Runner) -> None:
    world = CommandRoot(runner)
    make_team(world, ("anna",))
    masks = SecretCache(Layout(world.root, world.user), CATALOG)
    masks.refresh()
    path = world.home("anna") / "weixin/accounts/new.json"
    path.write_text('{"token": "CANARYnewaccountCANARY12345"}')
    masks.refresh()
    assert "CANARY" not in masks.redactor.redact("with CANARYnewaccountCANARY12345")


def test_default_masks_all_secrets_and_members_mask_their_own(runner: Runner) -> None:
    world = CommandRoot(runner)
    make_team(world)
    layout = Layout(world.root, world.user)
    assert {weixin("anna"), weixin("bert")} <= secrets_around(layout, "default").keys()
    assert weixin("bert") not in secrets_around(layout, "anna")


def test_status_of_a_multiplexer_shows_no_members_token(multi: MultiplexRoot) -> None:
    told = {"weixin": {"state": "fatal", "error_message": f"{weixin('anna')} refused", "error_code": "x"}}
    (multi.root / "platforms").write_text(json.dumps(told))
    multi.gok("install", "default", "--start")
    until(lambda: multi.states().get("anna") == "served")
    for words in (("status", "--json"), ("status",), ("list", "--json")):
        done = multi.gateways(*words)  # the runner fails where a canary is shown
        assert done.stdout
    assert "refused" in multi.gateways("status", "--json").stdout
    for words in (("list", "--json"), ("doctor", "--json"), ("show", "anna", "--json")):
        multi.call(*words)


def test_log_lines_of_a_failed_multiplexer_show_no_members_token(multi: MultiplexRoot) -> None:
    (multi.root / "exits").write_text(f"no-number-{weixin('bert')}\n" * 9)
    done = multi.gateways("install", "default", "--start", "--json")
    assert done.code == 1 and any("no-number" in line for row in done.data["outcomes"] for line in row["log"]), done


def test_thirty_members_are_masked_fast_enough(runner: Runner) -> None:
    world = CommandRoot(runner)
    names = [f"m{number}" for number in range(30)]
    make_team(world, names)
    for name in names:
        with open(world.home(name) / ".env", "a") as file:
            file.writelines(f"SERVICE_{number}_API_KEY=CANARY{name}key{number}0123456789\n" for number in range(20))
    masks = SecretCache(Layout(world.root, world.user), CATALOG)
    started = time.perf_counter()
    redactor = masks.redactor
    built = time.perf_counter() - started
    lines = [f"2026-03-01 12:00:00 INFO gateway: message {number} from a user, all is well" for number in range(5000)]
    lines[4321] = f"trying {weixin('m17')} and CANARYm9key70123456789"
    started = time.perf_counter()
    shown = redactor.redact_all(lines)
    took = time.perf_counter() - started
    assert "CANARY" not in "".join(shown) and shown[0] == lines[0]
    assert built < 5 and took < 5, (built, took)  # some hundredths of that on a quiet machine
