"""The WeChat accounts that a Hermes profile keeps beside the one it uses.

Source: Hermes 0.19.0, gateway/platforms/weixin.py. Every scan writes `weixin/accounts/<id>.json`, and none is taken
away; the adapter loads the one that WEIXIN_ACCOUNT_ID names (`load_weixin_account`, `_load_sync_buf` and
`ContextTokenStore.restore` are called with this id alone, nothing lists the folder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channel_settings import ChannelView, below, mapping
from hermes_profiles.hermes.files import WEIXIN_ACCOUNTS_FOLDER, WEIXIN_CONTEXT_ENDING, WEIXIN_SYNC_ENDING
from hermes_profiles.model.errors import DocumentError, Failed, Problem
from hermes_profiles.model.layout import Layout
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
    """The WeChat account that a profile uses: `id` and who scanned its code, when; "" for what is not known."""

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
    """Return which WeChat account a profile uses; what cannot be read is not known (doctor tells)."""
    files = HomeFiles(layout.home(profile), catalog.known_names)
    account_id = _profile_account(files, catalog).account_id
    if not is_account_id(account_id):
        return ActiveAccount(account_id)
    stored = files.json(f"{WEIXIN_ACCOUNTS_FOLDER}/{account_id}.json")
    data = stored if isinstance(stored, Mapping) else {}
    return ActiveAccount(account_id, text_at(data, "user_id"), text_at(data, "saved_at"))


def read_hermes(layout: Layout, profile: str, catalog: Catalog) -> SourceAccounts:
    """Return the accounts that a profile keeps and does not use; the one it uses is left out, for it stays.

    Raises Failed when it keeps none, DocumentError when what tells the one it uses cannot be read.
    """
    home = layout.home(profile)
    folder = home / WEIXIN_ACCOUNTS_FOLDER
    files = HomeFiles(home, catalog.known_names)
    own = _profile_account(files, catalog)
    if files.problems:  # which account stays must be certain
        code, message, target, hint = files.problems[0]
        raise Failed(message, target=target, code=code, hint=hint)
    stems = list(_stems(folder))
    if not stems:
        raise Failed(
            f"{profile} keeps no WeChat account: there is none in {folder}",
            target=profile,
            code="no-accounts",
            hint=f"see what it holds with `hermes-profiles show {profile}`",
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
                left_out.append(SkippedAccount(printable_text(stem), f"{profile} itself uses it: it stays there"))
                continue
            hint = "leave it out with `--skip-bad`, or take the file away"
            bad.append(
                InvalidAccount(printable_text(stem), Problem("bad-account", str(wrong), printable_text(stem), hint))
            )
            continue
        secret = candidate.account.variables[TOKEN].reveal()
        if normalized_id(stem) == normalized_id(own.account_id) or secret == own.secret:
            left_out.append(SkippedAccount(stem, f"{profile} itself uses it: it stays there"))
        else:
            found.append(candidate)
    return SourceAccounts(tuple(found), tuple(bad), tuple(left_out), tuple(notes))


def account_files(layout: Layout, profile: str, candidates: Iterator[Candidate]) -> tuple[Path, ...]:
    """Return the files of accounts that become members', where a profile keeps them."""
    folder = layout.home(profile) / WEIXIN_ACCOUNTS_FOLDER
    paths = (folder / f"{each.listed}{suffix}" for each in candidates for suffix in SUFFIXES)
    return tuple(path for path in paths if path_exists(path))


def _stems(folder: Path) -> Iterator[str]:
    for name in folder_names(folder) if path_exists(folder) else ():
        if name.endswith(".json") and not name.endswith(SUFFIXES[1:]) and not name.startswith("."):
            yield name.removesuffix(".json")


class _InvalidAccountFile(Exception):
    """Why one file is no account; no value of it is in the text."""


def _candidate(folder: Path, stem: str, notes: list[Problem]) -> Candidate:
    path = folder / f"{stem}.json"
    if not is_account_id(stem):
        raise _InvalidAccountFile(f"{folder}/{printable_text(stem)}.json: this cannot be the id of an account")
    try:
        document = read_json(path)
    except DocumentError as error:
        raise _InvalidAccountFile(error.problem.message) from None
    data = document.data()
    if not isinstance(data, Mapping):
        raise _InvalidAccountFile(f"{path}:1: it holds no account")

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
    """Return the notes about an account's conversations, byte for byte as they are."""
    kept = {}
    for suffix in SUFFIXES[1:]:
        path = folder / f"{stem}{suffix}"
        if not path_exists(path):
            continue
        try:
            kept[f"{WEIXIN_ACCOUNTS_FOLDER}/{stem}{suffix}"] = read_json(path).raw
        except DocumentError as error:
            message = f"{error.problem.message}: messages may come twice, or go unanswered once"
            notes.append(Problem("unreadable", message, str(path), error.problem.hint))
    return kept
