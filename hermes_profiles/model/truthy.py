"""The meaning of a flag in config.yaml as Hermes reads it."""

from __future__ import annotations

from hermes_profiles.hermes.environment import TRUTHY


def is_truthy(value: object) -> bool:
    """Return whether Hermes takes a flag for true (gateway/config.py).

    A text is true when it is true, 1, yes or on in any case; another value has the truth that Python gives it.
    """
    if isinstance(value, str):
        return value.strip().lower() in TRUTHY
    return bool(value)
