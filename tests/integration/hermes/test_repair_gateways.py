"""Two real gateways with one token and one API port after a repair: no mask, one poller."""

from __future__ import annotations

import re

import pytest
from command_runner import Runner
from test_conflict_gateways import CATALOG, TOKEN, Gateways, answers, eventually
from test_conflict_gateways import gateways as gateways  # the fixture

from hermes_profiles.profiles.channels import claimed_resources

pytestmark = pytest.mark.judge


def api_port(gateways: Gateways, profile: str) -> int:
    claims = claimed_resources(gateways.layout.home(profile), catalog=CATALOG).ports
    return next(claim.port for claim in claims if claim.channel == "api_server")


def test_repair_keeps_bot_of_running_owner_and_other_starts(gateways: Gateways) -> None:
    runner = Runner(
        gateways.layout.user_home, {"HERMES_GATEWAY_LOCK_DIR": gateways.environment["HERMES_GATEWAY_LOCK_DIR"]}
    )
    for profile in ("one", "two"):
        gateways.make(profile)
    assert gateways.start("two") == ()
    gateways.polled_by("two")

    done = runner.ok("repair", "--yes", "--json")
    rows = {row["channel"]: row for row in done.data["shared"]}
    assert {name: (row["owner"], row["losers"]) for name, row in rows.items()} == {
        "telegram": ("two", ["one"]), "api_server": ("two", ["one"]),
    }  # fmt: skip
    assert (rows["telegram"]["sureness"], rows["telegram"]["doubts"]) == ("certain", [])
    assert "connected" in rows["api_server"]["reason"]
    assert not [step for step in done.data["next_steps"] if "restart" in step], "no running gateway has lost a channel"
    assert TOKEN not in (gateways.layout.home("one") / ".env").read_text()

    assert gateways.start("one") == (), "no conflict is left"
    eventually(lambda: answers(api_port(gateways, "one")), lambda: gateways.log("one"))
    gateways.polled_by("two")
    assert answers(gateways.api_port) and api_port(gateways, "one") != gateways.api_port
    assert gateways.channels("one").keys() >= {"api_server", "webhook"} and "telegram" not in gateways.channels("one")
    gateways.stop("two")
    assert gateways.start("two") == (), "the owner restarts beside it"
    gateways.polled_by("two")
    assert (gateways.api.conflicts, gateways.api.most_at_once) == (0, 1)
    assert not re.search(r"already in use|PID \d+", gateways.log("one"))

    gateways.stop("one")
    runner.ok("undo")
    assert gateways.start("one") == ("api_server", "telegram"), "undo restores the copy"
