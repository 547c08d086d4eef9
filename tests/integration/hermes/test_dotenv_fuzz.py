"""Random `.env` files in mixed encodings: what Hermes' own loaders see in a clone is what its report says."""

from __future__ import annotations

import random

import pytest
from dotenv_fuzz import fuzz
from nightly import NIGHTLY
from real_hermes import hermes_python, newest_python

from hermes_profiles.credentials.catalog.catalog import load_catalog

COUNT = 60_000 if NIGHTLY else 400


def check(python: str) -> None:
    seed = random.SystemRandom().randrange(10**9) if NIGHTLY else 7
    print(f"seed {seed}")
    bad, cloned = fuzz(python, load_catalog(), seed=seed, count=COUNT)
    assert cloned > COUNT // 5, "too many files are refused"
    assert bad == [], f"seed {seed}"


@pytest.mark.judge
def test_loader_of_hermes_sees_in_a_clone_what_the_report_says() -> None:
    check(hermes_python())


@pytest.mark.newest
def test_loader_of_newest_hermes_sees_in_a_clone_what_the_report_says() -> None:
    check(newest_python())
