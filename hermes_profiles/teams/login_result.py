"""Results of a login: the account that a set-up of Hermes wrote, and the profile that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_settings import account_id, below, mapping
from hermes_profiles.hermes.environment import (
    WEIXIN_ACCOUNT_ID,
    WEIXIN_BASE_URL,
    WEIXIN_DM_POLICY,
    WEIXIN_GROUP_POLICY,
    WEIXIN_TOKEN,
)
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, WEIXIN_CONTEXT_ENDING, WEIXIN_SYNC_ENDING
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.regular_file import read_regular

from .account_holders import account_keys, held_account_id, held_account_keys
from .accounts import WEIXIN, Account

# Variables of the policies, and their keys in `platforms.weixin.extra`.
POLICIES = {WEIXIN_DM_POLICY: "dm_policy", WEIXIN_GROUP_POLICY: "group_policy"}
ACCOUNTS = Path("weixin") / "accounts"
_STATE_SUFFIXES = (WEIXIN_SYNC_ENDING, WEIXIN_CONTEXT_ENDING)
_LARGEST = 1024 * 1024
_OF_ACCOUNT = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
# By profile and path; None for what cannot be read.
AccountSnapshot = Mapping[str, Mapping[str, int | None]]


class NewLogin(NamedTuple):
    """Result of a set-up in its temporary home.

    `account`: None if it ended without a login; `is_whole`: every question was answered; `other`: variables that it set
    and that do not belong to the channel; `files`: file of the login, relative to a home → its present path.
    """

    account: Account | None
    is_whole: bool
    other: tuple[str, ...]
    files: Mapping[str, Path]


class AccountHolder(NamedTuple):
    """A profile with an account of the channel. `user`: id of the user that scanned the code, "" if unknown."""

    profile: str
    account: str
    user: str
    keys: frozenset[str]


class LoginKind(StrEnum):
    """Effect of a login on its profile."""

    NEW = "new"
    RENEWED = "renewed"
    REPLACES = "replaces"
    ACCOUNT_OF_ANOTHER = "account-of-another"
    PERSON_OF_ANOTHER = "person-of-another"


class LoginVerdict(NamedTuple):
    """Kind of a login. `holder`: the profile that holds the account, or loses its own; None for a new account."""

    kind: LoginKind
    holder: AccountHolder | None


def judge_login(member: str, account: Account, holders: Iterable[AccountHolder], catalog: Catalog) -> LoginVerdict:
    """Return the effect of a login on a member, from the accounts of all profiles. Pure.

    Accounts are equal if their id or secret is. Another account of the same user is a separate case: a WeChat user that
    scans again gets a new account, and the former one ends.
    """
    keys = account_keys(account, catalog)
    known = {each.profile: each for each in holders}
    own = known.pop(member, None)
    if own is not None and own.keys & keys:
        return LoginVerdict(LoginKind.RENEWED, own)
    other = next((each for each in known.values() if each.keys & keys), None)
    if other is not None:
        return LoginVerdict(LoginKind.ACCOUNT_OF_ANOTHER, other)
    if own is not None and account.user and own.user == account.user:
        return LoginVerdict(LoginKind.RENEWED, own)
    other = next((each for each in known.values() if account.user and each.user == account.user), None)
    if other is not None:
        return LoginVerdict(LoginKind.PERSON_OF_ANOTHER, other)
    return LoginVerdict(LoginKind.REPLACES, own) if own is not None else LoginVerdict(LoginKind.NEW, None)


def account_holders(layout: Layout, profiles: Iterable[str], channel: str, catalog: Catalog) -> Iterator[AccountHolder]:
    """Yield every profile with an account of a channel; unreadable files are skipped (doctor reports them)."""
    for profile in profiles:
        keys = frozenset(held_account_keys(layout, profile, (channel,), catalog))
        if not keys:
            continue
        name = held_account_id(layout, profile, channel, catalog)
        files = HomeFiles(layout.home(profile), catalog.known_names)
        fields = _account_file(files, name) if channel == WEIXIN else {}
        yield AccountHolder(profile, name, fields.get("user_id", ""), keys)


def read_login(place: Path, channel: str, catalog: Catalog) -> NewLogin:
    """Return the result of a set-up in a temporary home.

    Source: Hermes 0.19.0 `gateway/platforms/weixin.py` (`qr_login` writes the account file first)
    and `hermes_cli/gateway.py` (`_setup_weixin` writes the variables after that, one by one, the policies last).
    """
    files = HomeFiles(place, catalog.known_names)
    values = files.environment((ENV_FILE,))
    mine = {name: value for name, value in values.items() if channel in catalog.channels_of(name)}
    other = tuple(sorted(name for name in values if name not in mine))
    there = {str(path.relative_to(place)): path for path in _files_of(place, channel)}
    if channel == WEIXIN:
        return _weixin(files, mine, other, there)
    filled = {name: Secret(value) for name, value in mine.items() if value.strip()}
    is_on = channel in catalog.enabled_by({name: value for name, value in mine.items() if value.strip()})
    name = account_id(catalog.channels[channel], lambda variable: mine.get(variable, ""))
    brought = {path: Secret(files.raw(path) or b"") for path in there}
    answered = tuple(sorted(mine))
    account = Account(channel, name, filled, files=brought, origin="the login", answered=answered) if is_on else None
    kept = {**there, **({f"login-{channel}.env": place / ENV_FILE} if filled else {})}
    return NewLogin(account, account is not None, other, kept)


def _weixin(files: HomeFiles, mine: Mapping[str, str], other: tuple[str, ...], there: Mapping[str, Path]) -> NewLogin:
    name = mine.get(WEIXIN_ACCOUNT_ID, "").strip() or _newest(there)
    fields = _account_file(files, name)
    given_here = {
        WEIXIN_ACCOUNT_ID: name,
        WEIXIN_TOKEN: fields.get("token", ""),
        WEIXIN_BASE_URL: fields.get("base_url", ""),
        **{key: each for key, each in mine.items() if each.strip()},
    }
    if not name or not given_here[WEIXIN_TOKEN].strip():
        return NewLogin(None, is_whole=False, other=other, files=there)
    # A policy in `.env` would override config.yaml, where members have theirs.
    policies = {key: given_here.pop(variable, "") for variable, key in POLICIES.items()}
    answered = tuple(sorted(mine))
    account = Account(
        WEIXIN,
        name,
        {key: Secret(each) for key, each in given_here.items() if each.strip()},
        user=fields.get("user_id", ""),
        saved_at=fields.get("saved_at", ""),
        origin="the login",
        policies={key: each for key, each in policies.items() if each},
        answered=answered,
    )
    return NewLogin(account, WEIXIN_GROUP_POLICY in mine, other, there)


def _newest(there: Mapping[str, Path]) -> str:
    """Return the id of the account that was written last."""
    found = sorted(there.values(), key=lambda path: os.stat(path).st_mtime_ns)
    return found[-1].name.removesuffix(".json") if found else ""


def _account_file(files: HomeFiles, name: str) -> dict[str, str]:
    data = files.json(str(ACCOUNTS / f"{name}.json")) if name and "/" not in name else None
    return {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}


def _files_of(place: Path, channel: str) -> Iterator[Path]:
    """Yield the files of a channel in a home: WeChat's account files, else all files below its folders."""
    folders = (place / ACCOUNTS,) if channel == WEIXIN else (place / channel, place / "platforms" / channel)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(_STATE_SUFFIXES):
                yield path


def snapshot_accounts(layout: Layout, profiles: Iterable[str]) -> AccountSnapshot:
    """Return hashes of the files that identify profiles, to find changes: `.env`, config.yaml, WeChat's account files.

    The hashes are valid in this process only. Files that a running gateway updates are left out.
    """
    found: dict[str, dict[str, int | None]] = {}
    for profile in profiles:
        home = layout.home(profile)
        paths = (home / ENV_FILE, home / CONFIG_FILE, *_files_of(home, WEIXIN))
        found[profile] = {str(path.relative_to(home)): _number(path) for path in paths if os.path.lexists(path)}
    return found


def _number(path: Path) -> int | None:
    try:
        return hash(read_regular(os.path.realpath(path), _LARGEST))
    except OSError:
        return None


def changed_files(before: AccountSnapshot, after: AccountSnapshot) -> tuple[tuple[str, str], ...]:
    """Return the (profile, path) pairs in which two snapshots differ. Pure."""
    found = []
    for profile in sorted({*before, *after}):
        old, new = before.get(profile, {}), after.get(profile, {})
        found += [(profile, path) for path in sorted({*old, *new}) if old.get(path, "none") != new.get(path, "none")]
    return tuple(found)


def rebind_account(account: Account, layout: Layout, profile: str, catalog: Catalog) -> Account:
    """Return an account for binding to another profile, which keeps its own allow-list and report settings."""
    fact = catalog.channels[account.channel]
    kept = {each.name for each in fact.keys if each.key_class in _OF_ACCOUNT}
    variables = {name: value for name, value in account.variables.items() if name in kept}
    config = HomeFiles(layout.home(profile), catalog.known_names).sections(CONFIG_FILE, ("platforms",))
    extra = below(below(mapping(config.get("platforms")), account.channel), "extra")
    policies = (
        {key: str(extra[key]) for key in POLICIES.values() if extra.get(key)} if account.channel == WEIXIN else {}
    )
    answered = tuple(name for name in account.answered if name in kept)
    return account._replace(variables=variables, policies=policies, answered=answered)
