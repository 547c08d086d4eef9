"""Settings of the property tests: short by default, long with HERMES_PROFILES_NIGHTLY=1."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings


@pytest.fixture(scope="session", autouse=True)
def _known_profiles() -> None:
    """Keep the registration below from looking unused."""


settings.register_profile(
    "documents",
    max_examples=2000 if os.environ.get("HERMES_PROFILES_NIGHTLY") else 100,
    deadline=None,
    derandomize=not os.environ.get("HERMES_PROFILES_NIGHTLY"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("documents")
