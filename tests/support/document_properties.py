"""Settings of property tests: few examples, or many with HERMES_PROFILES_NIGHTLY=1."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from nightly import NIGHTLY

examples = settings(
    max_examples=2000 if NIGHTLY else 100,
    deadline=None,
    derandomize=not NIGHTLY,
    suppress_health_check=[HealthCheck.too_slow],
)
