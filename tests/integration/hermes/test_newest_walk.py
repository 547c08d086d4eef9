"""Random steps on gateways of the newest Hermes; our status is compared with Hermes' own words after each."""

from __future__ import annotations

from pathlib import Path

import pytest
from newest_gateway import NewestGateways
from newest_walk import Walk

pytestmark = [pytest.mark.newest, pytest.mark.nightly]

SEED, STEPS = 13, 200


def test_status_says_what_hermes_says_after_each_random_step(short_folder: Path) -> None:
    with NewestGateways(short_folder) as newest:
        walk = Walk(newest, SEED)
        walk.prepare()
        assert walk.compare(ask_hermes=True) == []
        for _ in range(STEPS):
            walk.step()
            assert walk.compare(ask_hermes=True) == []
