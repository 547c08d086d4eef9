"""Facts of an update of Hermes: what the installed release does, and what the root says about one gateway for all."""

from __future__ import annotations

from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.multiplex.update_settings import UpdateSettings


class UpdateFacts(NamedTuple):
    """The behaviours of the installed release, the settings of the root, and whether a switch of ours is unfinished."""

    hermes: HermesFacts = BASE
    settings: UpdateSettings = UpdateSettings()
    unfinished_switch: bool = False
