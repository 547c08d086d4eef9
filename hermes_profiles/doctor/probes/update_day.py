"""Reads the settings of a root that decide what an update does."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.update_day import UpdateFacts
from hermes_profiles.gateways.installation.hermes_code import HermesCode
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.multiplex.saved_state import is_unfinished
from hermes_profiles.multiplex.update_settings import read_update_settings
from hermes_profiles.profiles.channels import Managed


def probe_update(
    context: DoctorContext, profiles: Iterable[str], managed: Managed, code: HermesCode | None
) -> UpdateFacts:
    """Return the facts; the settings of the root are read where the installed Hermes knows them."""
    if code is None or not code.facts.has(Behaviour.FOLDS_ON_UPDATE):
        return UpdateFacts() if code is None else UpdateFacts(code.facts)
    layout = context.layout
    return UpdateFacts(code.facts, read_update_settings(layout, profiles, managed.config), is_unfinished(layout))
