"""Hermes Profiles: create, clone and care for the profiles of a Hermes Agent root."""

__version__ = "0.1.0"
