"""Reads the installed release, and the settings of a root that decide what an update does."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.update_day import UpdateFacts
from hermes_profiles.gateways.hermes_install import installed_code
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.version import BASE
from hermes_profiles.multiplex.update_settings import UpdateSettings, read_update_settings
from hermes_profiles.profiles.channels import Managed


def probe_update(context: DoctorContext, profiles: Iterable[str], managed: Managed) -> UpdateFacts:
    """Return the facts; the settings of the root are read where the installed Hermes knows them."""
    code = installed_code(context.layout, context.environment)
    hermes = code.facts if code is not None else BASE
    settings = UpdateSettings()
    if hermes.has(Behaviour.FOLDS_ON_UPDATE):
        settings = read_update_settings(context.layout, profiles, managed.config)
    return UpdateFacts(code.version if code is not None else "", hermes, settings)
