"""Facts of an update of Hermes: what the installed release does, and what the root says about one gateway for all."""

from __future__ import annotations

from typing import NamedTuple

from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.multiplex.update_settings import UpdateSettings


class UpdateFacts(NamedTuple):
    """The behaviours of the installed release, and the settings of the root."""

    hermes: HermesFacts = BASE
    settings: UpdateSettings = UpdateSettings()
