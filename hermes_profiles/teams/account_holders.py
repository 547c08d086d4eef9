"""Finds the profile that holds an account: only one profile of a root can use it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_settings import UNNAMED, ChannelView, account_id
from hermes_profiles.credentials.holders import HolderIndex
from hermes_profiles.credentials.identities import claimed_identities
from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.channels import effective_settings, stored_in
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.listing import profile_names

from .accounts import WEIXIN, Account, short_id
from .model import Team

_SEPARATORS = lazy_pattern(r"[^a-z0-9]+")


def check_accounts(
    layout: Layout, catalog: Catalog, team: Team | None, accounts: Iterable[Account], *, besides: Collection[str] = ()
) -> None:
    """Raise Refused (code `account-taken`) for an account that is listed twice or held by a profile of this root.

    Ids and tokens are compared, of enabled and disabled channels. `besides`: profiles to ignore, which are to get the
    account; `team`: None for an account outside of a team.
    """
    wanted = list(accounts)
    keys = {number: account_keys(account, catalog) for number, account in enumerate(wanted)}
    index = HolderIndex(keys)
    for number, account in enumerate(wanted):
        for key in keys[number]:
            first = index.first(key)
            if first is not None and wanted[first] is not account:
                places = "; ".join(dict.fromkeys(each.origin for each in (wanted[first], account) if each.origin))
                twice = f"is named twice{f' ({places})' if places else ''}"
                raise _taken(account, twice, team, account.origin or account.id)
    if not wanted:
        return
    for profile in profile_names(layout):
        if profile in besides:
            continue
        for key in held_account_keys(layout, profile, {account.channel for account in wanted}, catalog):
            if (first := index.first(key)) is not None:
                raise _taken(wanted[first], f"is already bound to the profile {profile}", team, profile)


def _taken(account: Account, how: str, team: Team | None, target: str) -> Refused:
    name = f"account {short_id(account.id)}" if account.id else "account"
    if team is None:
        hint = f"make an account of its own for this profile; `hermes-profiles show {target}` lists what {target} holds"
    elif team.members:
        hint = f"leave it out; `hermes-profiles team show {team.name}` lists the members and their accounts"
    else:
        hint = f"leave it out; `hermes-profiles show {target}` lists what a profile holds"
    return Refused(
        f"the {account.channel} {name} {how}: only one profile can use it",
        target=target,
        code="account-taken",
        hint=hint,
    )


def account_keys(account: Account, catalog: Catalog) -> frozenset[str]:
    """Return the hashed identity keys of an account; two accounts with a common key are the same."""
    environment = {name: value.reveal() for name, value in account.variables.items()}
    if account.channel == WEIXIN and account.id:
        environment[WEIXIN_ACCOUNT_ID] = account.id
    return frozenset(_identity_keys(account.channel, environment, {}, catalog))


def held_account_keys(layout: Layout, profile: str, channels: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """Yield the identity keys of the accounts in a profile's files; unreadable files are skipped."""
    yield from account_keys_in(HomeFiles(layout.home(profile), catalog.known_names), channels, catalog)


def account_keys_in(files: HomeFiles, channels: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """Yield the identity keys of the accounts in these files, of enabled and disabled channels."""
    environment, config = effective_settings(files, catalog)
    for channel in channels:
        yield from _identity_keys(channel, environment, config, catalog, files)


def held_account_id(layout: Layout, profile: str, channel: str, catalog: Catalog) -> str:
    """Return the id of a profile's account on a channel, "" without one.

    An account that only its secret identifies has no id that can be shown: UNNAMED.
    """
    files = HomeFiles(layout.home(profile), catalog.known_names)
    environment, config = effective_settings(files, catalog)
    name = account_id(catalog.channels[channel], _view(channel, environment, config, catalog).value)
    return name or (UNNAMED if any(_identity_keys(channel, environment, config, catalog, files)) else "")


def _identity_keys(
    channel: str,
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    files: HomeFiles | None = None,
) -> Iterator[str]:
    # Of all places a section of the channel's own is the strongest: what is switched off is held all the same.
    own = config.get(channel)
    config = {**config, channel: {**(own if isinstance(own, Mapping) else {}), "enabled": True}}
    stored = stored_in(files) if files is not None else lambda path: None
    held = claimed_identities(
        environment, config, catalog, stored=stored, home=str(files.home) if files is not None else ""
    )
    yield from (f"{one.channel} {one.key}" for one in held.identities if one.channel == channel)
    if channel == WEIXIN and (name := _view(channel, environment, config, catalog).value(WEIXIN_ACCOUNT_ID)):
        # OpenClaw writes `b0f5-im-bot` for WeChat's `b0f5@im.bot`.
        yield f"{WEIXIN} id {_SEPARATORS.sub('-', name.lower())}"


def _view(channel: str, environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog) -> ChannelView:
    platforms = config.get("platforms")
    blocks = (platforms.get(channel) if isinstance(platforms, Mapping) else None, config.get(channel))
    return ChannelView(catalog.channels[channel], environment, [each for each in blocks if isinstance(each, Mapping)])
