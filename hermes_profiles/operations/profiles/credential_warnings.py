"""Warnings about a credential that is set: its form, its channel that stays off, another profile that has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hermes_profiles.accounts.requirements import FORMS, form_fault, missing_switches, set_up_command
from hermes_profiles.credentials.catalog.catalog import Channel
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.hermes.files import ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.settings.files import SettingsFile
from hermes_profiles.settings.sharing_warnings import ONLY_ONE, planned_resources
from hermes_profiles.teams.account_holders import account_keys_in

from ..context import Session


def credential_warnings(
    session: Session, file: SettingsFile, name: str, raw: bytes, *, known: Sequence[Problem]
) -> Iterator[Problem]:
    """Yield warnings about a credential in a planned `.env`. `known`: those that need not be repeated."""
    profile, catalog = file.profile, session.catalog
    planned = HomeFiles(session.layout.home(profile), catalog.known_names)
    planned.expect(ENV_FILE, raw)
    fault = form_fault(name, planned.environment((ENV_FILE,)).get(name, ""))
    if fault:
        hint = f"copy it again from {FORMS[name].source}: `hermes-profiles env set {profile} {name}`"
        yield Problem("bad-token", fault, name, hint)
    for channel in catalog.channels_of(name):
        holders = list(_holders(session, profile, planned, channel))
        yield from _shared(profile, catalog.channels[channel], holders, known)
        yield from _stays_off(session, profile, raw, catalog.channels[channel], is_shared=bool(holders))


def _holders(session: Session, profile: str, planned: HomeFiles, channel: str) -> Iterator[str]:
    """Yield the other profiles that have an account of the planned files which this profile does not have so far."""
    layout, catalog = session.layout, session.catalog

    def keys(files: HomeFiles) -> frozenset[str]:
        return frozenset(account_keys_in(files, (channel,), catalog))

    new = keys(planned) - keys(HomeFiles(layout.home(profile), catalog.known_names))
    for other in profile_names(layout) if new else ():
        if other != profile and new & keys(HomeFiles(layout.home(other), catalog.known_names)):
            yield other


def _shared(profile: str, channel: Channel, holders: Sequence[str], known: Sequence[Problem]) -> Iterator[Problem]:
    """Yield a warning for each holder of the account, on or off, that has none so far."""
    named = {each.target for each in known if each.code == "shared-identity"}
    for other in holders:
        if other not in named:
            yield Problem(
                "shared-identity",
                f"{other} has the same {channel.name} account: {ONLY_ONE}, once both have the channel on",
                other,
                f"give {profile} one of its own: `{set_up_command(channel, profile)}`",
            )


def _stays_off(session: Session, profile: str, raw: bytes, channel: Channel, *, is_shared: bool) -> Iterator[Problem]:
    """Yield the warning that a channel stays off in spite of its credential."""
    held = planned_resources(session.layout, profile, {ENV_FILE: raw}, session.catalog)
    if channel.name in held.channels:
        return
    off = next((each for each in held.off if each.channel == channel.name), None)
    files = HomeFiles(session.layout.home(profile), session.catalog.known_names)
    files.expect(ENV_FILE, raw)
    missing = missing_switches(channel, files.environment())
    if off is not None:
        setting = path_text(off.path)
        why, hint = f"{setting} of config.yaml is false", f"hermes-profiles config set {profile} {setting} true"
    elif missing:
        why, hint = f"it needs {' and '.join(missing)} too", f"hermes-profiles env set {profile} {missing[0]}"
    else:
        return
    own = is_shared or (off is not None and bool(missing))
    command = set_up_command(channel, profile) if own else hint
    what = "give it an account of its own" if own else "switch it on" if off is not None else "set it"
    yield Problem("channel-off", f"{channel.name} stays off in {profile}: {why}", profile, f"{what}: `{command}`")
