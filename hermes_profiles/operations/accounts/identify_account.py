"""Ask the platform which account a profile is about to get, at the address that its gateway will use."""

from __future__ import annotations

from hermes_profiles.accounts.platform_identity import PlatformIdentity, can_identify, identify
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_settings import ChannelView, mapping
from hermes_profiles.profiles.channels import effective_settings
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.teams.accounts import Account

from ..context import Session

# The setting below `extra` that has the address of an API server of one's own (Hermes 0.19.0,
# plugins/platforms/telegram/adapter.py).
API_SETTING = "base_url"


def identified(
    session: Session, profile: str, account: Account, catalog: Catalog, *, api: str = ""
) -> PlatformIdentity | None:
    """Return an account as its platform names it, None where the platform has no call for that.

    `api`: address of the platform's API, "" for the one in the profile's config.yaml or the public one. Raises what
    `identify` raises.
    """
    values = {name: value.reveal() for name, value in account.variables.items()}
    if not can_identify(account.channel, values):
        return None
    return identify(account.channel, values, api=api or _own_api(session, profile, account.channel, catalog))


def _own_api(session: Session, profile: str, channel: str, catalog: Catalog) -> str:
    """Return the address of the API in the profile's config.yaml, "" without one."""
    files = HomeFiles(session.layout.home(profile), catalog.known_names)
    environment, config = effective_settings(files, catalog)
    blocks = [mapping(mapping(config.get("platforms")).get(channel)), mapping(config.get(channel))]
    return ChannelView(catalog.channels[channel], environment, blocks).path(f"extra.{API_SETTING}")
