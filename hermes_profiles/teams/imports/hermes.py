"""Reads the WeChat accounts that a Hermes profile stores but does not use.

Source: Hermes 0.19.0, gateway/platforms/weixin.py. Every scan writes `weixin/accounts/<id>.json`, and none is
removed; the adapter loads the one that WEIXIN_ACCOUNT_ID names (`load_weixin_account`, `_load_sync_buf` and
`ContextTokenStore.restore` are called with this id alone, nothing lists the folder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_settings import ChannelView, below, mapping
from hermes_profiles.hermes.files import WEIXIN_ACCOUNTS_FOLDER, WEIXIN_CONTEXT_ENDING, WEIXIN_SYNC_ENDING
from hermes_profiles.model.errors import DocumentError, Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import effective_settings
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.teams.accounts import WEIXIN

from .model import (
    BASE_URL,
    ID,
    TOKEN,
    Candidate,
    InvalidAccount,
    SkippedAccount,
    SourceAccounts,
    is_account_id,
    is_user_id,
    normalized_id,
    printable_text,
    text_at,
    token_problem,
    url_problem,
    weixin_account,
)
from .read import folder_names, path_exists, read_json

SUFFIXES = (".json", WEIXIN_SYNC_ENDING, WEIXIN_CONTEXT_ENDING)


class ActiveAccount(NamedTuple):
    """The WeChat account that a profile uses; unknown fields are "". `user`: id of the user that scanned the code."""

    id: str = ""
    user: str = ""
    saved_at: str = ""


class _ProfileAccount(NamedTuple):
    account_id: str
    secret: str

    def __repr__(self) -> str:
        return f"_Own({self.account_id})"


def _profile_account(files: HomeFiles, catalog: Catalog) -> _ProfileAccount:
    environment, config = effective_settings(files, catalog)
    places = (config.get("platforms"), below(config, "gateway").get("platforms"), config)
    blocks = [block for place in places if (block := below(mapping(place), WEIXIN))]
    view = ChannelView(catalog.channels[WEIXIN], environment, blocks)
    return _ProfileAccount(view.value(ID), view.value(TOKEN))


def active_account(layout: Layout, profile: str, catalog: Catalog) -> ActiveAccount:
    """Return the WeChat account that a profile uses; unreadable parts are unknown (doctor reports them)."""
    files = HomeFiles(layout.home(profile), catalog.known_names)
    account_id = _profile_account(files, catalog).account_id
    if not is_account_id(account_id):
        return ActiveAccount(account_id)
    stored = files.json(f"{WEIXIN_ACCOUNTS_FOLDER}/{account_id}.json")
    data = stored if isinstance(stored, Mapping) else {}
    return ActiveAccount(account_id, text_at(data, "user_id"), text_at(data, "saved_at"))


def read_hermes(layout: Layout, profile: str, catalog: Catalog) -> SourceAccounts:
    """Return the accounts that a profile stores but does not use; the one in use is skipped.

    Raises Failed without any account, or if the account in use cannot be determined.
    """
    home = layout.home(profile)
    folder = home / WEIXIN_ACCOUNTS_FOLDER
    files = HomeFiles(home, catalog.known_names)
    own = _profile_account(files, catalog)
    if files.problems:  # the account in use must be known
        code, message, target, hint = files.problems[0]
        raise Failed(message, target=target, code=code, hint=hint)
    stems = list(_stems(folder))
    if not stems:
        raise Failed(
            f"{profile} has no stored WeChat account in {folder}",
            target=profile,
            code="no-accounts",
            hint=f"show its accounts with `hermes-profiles show {profile}`",
        )
    found: list[Candidate] = []
    bad: list[InvalidAccount] = []
    left_out: list[SkippedAccount] = []
    notes: list[Problem] = []
    for stem in stems:
        try:
            candidate = _candidate(folder, stem, notes)
        except _InvalidAccountFile as wrong:
            if normalized_id(stem) == normalized_id(own.account_id):
                left_out.append(SkippedAccount(printable_text(stem), f"in use by {profile}"))
                continue
            hint = "skip it with `--skip-bad`, or delete the file"
            bad.append(
                InvalidAccount(printable_text(stem), Problem("bad-account", str(wrong), printable_text(stem), hint))
            )
            continue
        secret = candidate.account.variables[TOKEN].reveal()
        if normalized_id(stem) == normalized_id(own.account_id) or secret == own.secret:
            left_out.append(SkippedAccount(stem, f"in use by {profile}"))
        else:
            found.append(candidate)
    return SourceAccounts(tuple(found), tuple(bad), tuple(left_out), tuple(notes))


def account_files(layout: Layout, profile: str, candidates: Iterator[Candidate]) -> tuple[Path, ...]:
    """Return the files of imported accounts in the home of the profile."""
    folder = layout.home(profile) / WEIXIN_ACCOUNTS_FOLDER
    paths = (folder / f"{each.listed}{suffix}" for each in candidates for suffix in SUFFIXES)
    return tuple(path for path in paths if path_exists(path))


def _stems(folder: Path) -> Iterator[str]:
    for name in folder_names(folder) if path_exists(folder) else ():
        if name.endswith(".json") and not name.endswith(SUFFIXES[1:]) and not name.startswith("."):
            yield name.removesuffix(".json")


class _InvalidAccountFile(Exception):
    """A file does not hold a valid account; the text has no value of it."""


def _candidate(folder: Path, stem: str, notes: list[Problem]) -> Candidate:
    path = folder / f"{stem}.json"
    if not is_account_id(stem):
        raise _InvalidAccountFile(f"{folder}/{printable_text(stem)}.json: the file name is not a valid account id")
    try:
        document = read_json(path)
    except DocumentError as error:
        raise _InvalidAccountFile(error.problem.message) from None
    data = document.data()
    if not isinstance(data, Mapping):
        raise _InvalidAccountFile(f"{path}:1: not an account")

    def wrong(key: str, reason: str) -> _InvalidAccountFile:
        entry = document.get((key,))
        return _InvalidAccountFile(f"{path}:{entry.line}: {reason}" if entry is not None else f"{path}: {reason}")

    token = data.get("token")
    if reason := token_problem(token):
        raise wrong("token", reason)
    address = text_at(data, "base_url") or BASE_URL
    if reason := url_problem(address):
        raise wrong("base_url", reason)
    user = text_at(data, "user_id")
    account = weixin_account(
        stem,
        str(token),
        address,
        user=user if is_user_id(user) else "",
        saved_at=text_at(data, "saved_at"),
        origin=str(path),
        files=_conversation_files(folder, stem, notes),
    )
    return Candidate(account, stem)


def _conversation_files(folder: Path, stem: str, notes: list[Problem]) -> dict[str, bytes]:
    """Return the files with the state of an account's conversations, unchanged."""
    kept = {}
    for suffix in SUFFIXES[1:]:
        path = folder / f"{stem}{suffix}"
        if not path_exists(path):
            continue
        try:
            kept[f"{WEIXIN_ACCOUNTS_FOLDER}/{stem}{suffix}"] = read_json(path).raw
        except DocumentError as error:
            message = f"{error.problem.message}: some messages may arrive twice or be lost"
            notes.append(Problem("unreadable", message, str(path), error.problem.hint))
    return kept
