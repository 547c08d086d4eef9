"""Plans the binding of an account to an existing member, in place of a former one. Nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from hermes_profiles.changes.plan import ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.documents.yaml.value import Value, scalar
from hermes_profiles.hermes.access import users_variable
from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, WEIXIN_CONTEXT_ENDING, WEIXIN_SYNC_ENDING
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.home_files import environment_in
from hermes_profiles.settings.files import check_may_write, settings_file, without_variables

from .accounts import WEIXIN, Account, AccountEntries, account_entries, allowlist_entry
from .create import with_account_settings, with_variables
from .sync import TrashStamp

# Files that Hermes 0.19.0 keeps for a WeChat account, by their suffix after its id.
_NOTES = (".json", WEIXIN_SYNC_ENDING, WEIXIN_CONTEXT_ENDING)
_OF_ACCOUNT = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)


class AccountBinding(NamedTuple):
    """Changes of binding an account.

    `replaced`: id of the former account, "" without one or if it is the same; `variables`: names that the account sets;
    `to_trash`: files of the former account, which are moved to the trash.
    """

    steps: tuple[Step, ...]
    account: str
    replaced: str
    variables: tuple[str, ...]
    to_trash: tuple[str, ...]


def plan_binding(
    layout: Layout,
    channel: str,
    member: str,
    account: Account | None,
    catalog: Catalog,
    when: TrashStamp,
    *,
    allowed: tuple[str, ...] = (),
    documents: Mapping[str, bytes] = MappingProxyType({}),
) -> AccountBinding:
    """Return the steps that give a profile an account in place of its former one; without one, `allowed` alone.

    `documents`: bytes of `.env` and config.yaml that another part of the same plan will write. The allow-list stays
    as it is unless the account or `allowed` has one. Raises UsageProblem for an account that cannot be used,
    DocumentError for files that cannot be edited with certainty, Refused for a file that another profile reads.
    """
    home = layout.home(member)
    env, config = (settings_file(layout, member, name) for name in (ENV_FILE, CONFIG_FILE))
    for file in (env, config):
        check_may_write(layout, file)
    raw = documents.get(ENV_FILE, env.raw or b"")
    before = environment_in(raw, str(env.path), catalog.known_names, [])
    answered = account.answered if account is not None else ()
    kept = _allowed({name: value for name, value in before.items() if name not in answered}, channel)
    entries = _entries(account, channel, allowed or kept)
    former = before.get(WEIXIN_ACCOUNT_ID, "") if channel == WEIXIN and account is not None else ""
    replaced = former if account is not None and former != account.id else ""
    if account is not None:
        stale = [name for name in before if _is_of_account(name, channel, catalog) or name in answered]
        raw, _ = without_variables(env._replace(raw=raw), set(stale) - set(entries.variables), catalog)
    raw = with_variables(raw, entries.variables, env.path, catalog)
    new = with_account_settings(
        documents.get(CONFIG_FILE, config.raw or b""), channel, entries.settings, catalog, path=str(config.path)
    )
    gone = tuple(_note_files(home, replaced)) if replaced else ()
    steps = (
        *(step for step in (env.replaced(raw, private=True), config.replaced(new, private=False)) if step is not None),
        *steps_to_trash_files(
            layout,
            member,
            gone,
            trash_id=when.trash_id,
            deleted_at=when.deleted_at,
            reason=f"the former account of {member}",
        ),
        *_file_steps(home, entries),
    )
    paths = tuple(str(path.relative_to(home)) for path in gone)
    return AccountBinding(steps, account.id if account is not None else "", replaced, tuple(entries.variables), paths)


def _entries(account: Account | None, channel: str, allowed: tuple[str, ...]) -> AccountEntries:
    if account is not None:
        return account_entries(account._replace(allowed=account.allowed or allowed))
    if not allowed:
        raise UsageProblem("neither an account nor allowed users were given", target="--allow")
    settings: dict[tuple[str, ...], Value] = {}
    if channel == WEIXIN:
        settings["platforms", WEIXIN, "extra", "dm_policy"] = scalar("str", "allowlist")
    return AccountEntries(allowlist_entry(channel, allowed), settings, {})


def _allowed(before: Mapping[str, str], channel: str) -> tuple[str, ...]:
    names = (name.strip() for name in before.get(users_variable(channel), "").split(","))
    return tuple(name for name in names if name and name != "*")


def _is_of_account(name: str, channel: str, catalog: Catalog) -> bool:
    fact = catalog.lookup(name)
    return fact is not None and fact.key_class in _OF_ACCOUNT and catalog.channels_of(name) == (channel,)


def _note_files(home: Path, account: str) -> Iterator[Path]:
    for ending in _NOTES:
        path = home / "weixin" / "accounts" / f"{account}{ending}"
        if "/" not in account and path.is_file():
            yield path


def _file_steps(home: Path, entries: AccountEntries) -> Iterator[ReplaceFile]:
    for name, content in entries.files.items():
        yield ReplaceFile(home / name, Secret(content.reveal()), 0o600, signature(home / name))
