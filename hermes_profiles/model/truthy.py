"""Flags of config.yaml as Hermes reads them."""

from __future__ import annotations

from hermes_profiles.hermes.environment import TRUTHY


def is_truthy(value: object) -> bool:
    """Return whether Hermes takes a flag for true (gateway/config.py): the words true, 1, yes, on; any other object
    by its own truth."""
    if isinstance(value, str):
        return value.strip().lower() in TRUTHY
    return bool(value)
