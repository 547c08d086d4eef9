"""Deaf channels of a real gateway of the newest Hermes that serves several profiles: each is in the row of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from newest_gateway import NewestGateways, token

pytestmark = pytest.mark.newest


@pytest.fixture
def newest(short_folder: Path) -> Iterator[NewestGateways]:
    with NewestGateways(short_folder) as made:
        yield made


def bots(newest: NewestGateways) -> dict[str, tuple[str, str]]:
    """Return profile → state and detail of its bot."""
    data = newest.ours("status", "--json").data
    return {
        row["profile"]: (each["state"], each["detail"] or "")
        for row in data["gateways"]
        for each in row["channels"]
        if each["name"] == "telegram"
    }


def test_served_bots_whose_platform_goes_away_are_deaf(newest: NewestGateways) -> None:
    names = ("default", "a", "b")
    for number, name in enumerate(names):
        newest.profile(name, bot=token(number))
    pid = newest.up()
    newest.wait(lambda: {state for state, _ in bots(newest).values()} == {"connected"}, pid)
    newest.platform("a", "401")
    newest.platform("b", "refuse")
    newest.wait(lambda: [bots(newest)[name][0] for name in names] == ["connected", "deaf", "deaf"], pid, 60)
    found = bots(newest)
    assert "401 Unauthorized" in found["a"][1] and "Server disconnected" in found["b"][1]
    rows = {row["profile"]: row for row in newest.ours("status", "--json").data["gateways"]}
    assert "telegram has polled nothing for" in rows["a"]["detail"] and rows["a"]["state"] == "served"
    findings = newest.ours("doctor", "--json", program="profiles").data["findings"]
    assert sorted(row["profiles"][0] for row in findings if row["check"] == "runtime.deaf") == ["a", "b"]
    newest.platform("b", "")
    newest.wait(lambda: bots(newest)["b"][0] == "connected", pid, 90)
