"""Facts of an update of Hermes: the installed release, and what the root says about one gateway for all."""

from __future__ import annotations

from typing import NamedTuple

from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.multiplex.update_settings import UpdateSettings


class UpdateFacts(NamedTuple):
    """The installed release (`version` as text, "" where unknown) and the settings of the root."""

    version: str = ""
    hermes: HermesFacts = BASE
    settings: UpdateSettings = UpdateSettings()
