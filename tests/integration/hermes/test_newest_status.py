"""Rows of `status` beside real gateways of the newest Hermes, its state files and its control socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from newest_gateway import NewestGateways, token

pytestmark = pytest.mark.newest


@pytest.fixture
def newest(short_folder: Path) -> Iterator[NewestGateways]:
    with NewestGateways(short_folder) as made:
        yield made


def rows(newest: NewestGateways, *words: str) -> dict[str, Any]:
    data = newest.ours("status", "--json", *words).data
    return {row["profile"]: row for row in data["gateways"]}


def test_profiles_of_the_default_gateway_are_served(newest: NewestGateways) -> None:
    newest.profile("default", bot=token(1))
    newest.profile("a", bot=token(2))
    pid = newest.up()
    assert newest.host_record()["profiles"] == newest.control("default", "identify")["served_profiles"]
    found = rows(newest)
    assert {name: (row["state"], row["pid"]) for name, row in found.items()} == {
        "default": ("unsupervised", pid),
        "a": ("served", pid),
    }
    assert found["a"]["detail"] == f"served by default (PID {pid})"
