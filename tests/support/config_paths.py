"""The config paths of a channel by their class."""

from __future__ import annotations

from hermes_profiles.credentials.catalog.catalog import Channel, KeyClass


def config_paths(channel: Channel, *classes: KeyClass) -> tuple[str, ...]:
    """Return the paths below a channel's block that have one of these classes."""
    return tuple(path for path, key_class in channel.config if key_class in classes)


def identity_paths(channel: Channel) -> tuple[str, ...]:
    """Return the paths that hold a credential or a companion of the identity."""
    return config_paths(channel, KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
