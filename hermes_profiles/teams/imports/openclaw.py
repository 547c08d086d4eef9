"""Reads the WeChat accounts of an OpenClaw installation, as its plugin does.

Source: Tencent's plugin openclaw-weixin (src/auth/accounts.ts, src/auth/pairing.ts, src/storage/sync-buf.ts,
src/messaging/process-message.ts). accounts.json lists ids. Each account has a file below accounts/: its name is
the id in lower case with `-` for `@` and `.`, in older releases the id itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.hermes.files import WEIXIN_ACCOUNTS_FOLDER, WEIXIN_CONTEXT_ENDING, WEIXIN_SYNC_ENDING
from hermes_profiles.model.errors import DocumentError, Failed, HermesProfilesError, Problem
from hermes_profiles.model.named_tuple import NamedTuple

from .model import (
    BASE_URL,
    Candidate,
    InvalidAccount,
    SkippedAccount,
    SourceAccounts,
    context_tokens_file,
    is_account_id,
    is_user_id,
    normalized_id,
    printable_text,
    sync_file,
    text_at,
    token_account_id,
    token_problem,
    url_problem,
    wechat_id,
    weixin_account,
)
from .openclaw_config import NO_ENTRIES, read_config
from .read import folder_names, mode_warnings, path_exists, read_json, shell_quoted

_BELOW = "state"  # some installations keep their files in ~/.openclaw/state, beside openclaw.json
_STATE = ".openclaw"
CHANNEL, INDEX = "openclaw-weixin", "accounts.json"
SYNC, TOKENS = WEIXIN_SYNC_ENDING, WEIXIN_CONTEXT_ENDING
_LOGIN = "hermes-profiles team add MEMBER --login"


class OpenClawPaths(NamedTuple):
    """Paths of an installation.

    `state`: its ~/.openclaw, or the folder `state` in it; `folder`: the plugin's folder below it.
    """

    state: Path
    folder: Path

    @property
    def listed(self) -> Path:
        """Return the path of accounts.json."""
        return self.folder / INDEX

    @property
    def config(self) -> Path:
        """Return the path of openclaw.json: in the state folder, or above a folder called `state`."""
        own = self.state / "openclaw.json"
        return self.state.parent / own.name if self.state.name == _BELOW and not path_exists(own) else own


def openclaw_paths(path: Path) -> OpenClawPaths:
    """Return the paths for a state folder, the plugin's folder in it, or its accounts.json.

    Raises Failed for any other path.
    """
    if path.name == INDEX:
        return OpenClawPaths(path.parent.parent, path.parent)
    below = path / _BELOW / CHANNEL
    if path_exists(path / CHANNEL) and (path_exists(path / CHANNEL / INDEX) or not path_exists(below / INDEX)):
        return OpenClawPaths(path, path / CHANNEL)
    if path_exists(path / INDEX) or path.name == CHANNEL:
        return OpenClawPaths(path.parent, path)
    if path_exists(below):
        return OpenClawPaths(path / _BELOW, below)
    what = "has no WeChat accounts of OpenClaw" if path_exists(path) else "does not exist"
    raise Failed(
        f"{path} {what}: neither {path / CHANNEL / INDEX} nor {path / INDEX} exists",
        target=str(path),
        code="no-accounts",
        hint="import the accounts from a table: `hermes-profiles team import csv FILE`"
        if path.name == _STATE
        else f"use the state folder of OpenClaw: `hermes-profiles team import openclaw ~/{_STATE}`",
    )


def read_openclaw(path: Path) -> SourceAccounts:
    """Return the accounts of an OpenClaw installation. Raises Failed if accounts.json cannot be read."""
    return _OpenClawReader(openclaw_paths(path)).reading()


class _OpenClawReader:
    """Reads accounts one by one, so that an invalid one does not affect the others."""

    def __init__(self, places: OpenClawPaths) -> None:
        self.places = places
        self.accounts = places.folder / "accounts"
        self.found: list[Candidate] = []
        self.bad: list[InvalidAccount] = []
        self.left_out: list[SkippedAccount] = []
        self.notes: list[Problem] = []
        self.used: dict[str, str] = {}  # normalised id → stem of the file it was read from
        self.config = NO_ENTRIES

    def reading(self) -> SourceAccounts:
        listed = self._listed()
        self.config = read_config(self.places.config, self.notes)
        for place, account_id in listed:
            self._read(place, account_id)
            self._tell_agents(place, account_id)
        self._report_unlisted()
        self._report_second_list()
        self.notes += mode_warnings(self.accounts / f"{stem}.json" for stem in self.used.values() if stem)
        return SourceAccounts(tuple(self.found), tuple(self.bad), tuple(self.left_out), tuple(self.notes))

    def _note(self, code: str, message: str, target: str, hint: str | None = None) -> None:
        self.notes.append(Problem(code, message, target, hint))

    def _tell_agents(self, place: str, account_id: str) -> None:
        """Add a note where openclaw.json binds an account to an agent: a member answers for one account alone."""
        agents = self.config.agents_of(account_id)
        if agents:
            self._note(
                "bound-agent",
                f"{place}: OpenClaw binds this account to the agent {', '.join(agents)}; its persona and memory are not"
                " imported",
                str(self.places.config),
                "copy what the member needs from the agent's workspace into its SOUL.md",
            )

    def _listed(self) -> list[tuple[str, str]]:
        """Return the (file and line, id) pairs of accounts.json without duplicates."""
        index = self.places.listed
        document = self._index()
        data = document.data()
        if not isinstance(data, list):
            raise DocumentError(
                str(index), 1, "not a list of ids", hint=f"check the file with `cat {quote(str(index))}`"
            )
        listed: list[tuple[str, str]] = []
        seen: dict[str, str] = {}
        for number, each in enumerate(data):
            entry = document.get((f"[{number}]",))
            place = f"{index}:{entry.line}" if entry is not None else str(index)
            if not isinstance(each, str) or not each.strip():
                self._note("no-id", f"{place}: not an id; OpenClaw ignores it as well", str(index))
                continue
            account_id = each.strip()
            known = normalized_id(account_id) or account_id
            if known in seen:
                self._note("listed-twice", f"{place}: the account is already listed in {seen[known]}", str(index))
                continue
            seen[known] = place
            listed.append((place, account_id))
        return listed

    def _index(self) -> JsonDocument:
        index = self.places.listed
        try:
            return read_json(index)
        except DocumentError as error:
            if path_exists(index):
                raise
            raise Failed(
                f"{index}: {error.reason}; without it OpenClaw has no accounts",
                target=str(index),
                code="no-accounts",
                hint="import the accounts from a table: `hermes-profiles team import csv FILE`",
            ) from None

    def _read(self, place: str, account_id: str) -> None:
        """Read one account, or record why it is invalid."""
        shown_id = printable_text(account_id)
        self.used[normalized_id(account_id)] = ""
        if not is_account_id(account_id):
            self._refuse(shown_id, place, "not a valid account id (letters, digits, . _ - @, up to 120)")
            return
        try:
            self._read_account(place, account_id)
        except _UnusableAccount as wrong:
            self._refuse(shown_id, wrong.place, wrong.reason)
        except DocumentError as error:
            self._refuse(shown_id, f"{error.path}:{error.line}" if error.line else error.path, error.reason)

    def _refuse(self, account_id: str, place: str, reason: str) -> None:
        hint = f"scan its code again with `{_LOGIN}`, or skip it with `--skip {shell_quoted(Path(account_id))}`"
        self.bad.append(InvalidAccount(account_id, Problem("bad-account", f"{place}: {reason}", account_id, hint)))

    def _read_account(self, place: str, account_id: str) -> None:
        file, document = self._account_file(place, account_id)
        data = document.data()
        if not isinstance(data, Mapping):
            raise _UnusableAccount(f"{file}:1", "not an account")

        def at(key: str) -> str:
            entry = document.get((key,))
            return f"{file}:{entry.line}" if entry is not None else str(file)

        token, base_url = data.get("token"), data.get("baseUrl")
        if reason := token_problem(token):
            raise _UnusableAccount(at("token"), reason)
        if base_url is not None and not isinstance(base_url, str):
            raise _UnusableAccount(at("baseUrl"), "its base URL is not a text")
        address = (base_url or "").strip() or BASE_URL
        if reason := url_problem(address):
            raise _UnusableAccount(at("baseUrl"), reason)
        bot = self._bot(place, account_id, str(token).strip(), at("token"))
        user = text_at(data, "userId")
        if user and not is_user_id(user):
            self._note("bad-user", f"{at('userId')}: not a WeChat user id; it is ignored", account_id)
            user = ""
        settings = self.config.of(account_id)
        account = weixin_account(
            bot,
            str(token),
            address,
            allowed=self._allowed(account_id),
            user=user,
            saved_at=text_at(data, "savedAt"),
            origin=str(file),
            files=self._files(account_id, bot),
        )
        self._report_without_users(account_id, account.allowed)
        self.found.append(Candidate(account, account_id, settings.name, label=settings.name, is_off=settings.off))

    def _report_without_users(self, account_id: str, allowed: tuple[str, ...]) -> None:
        if not allowed:
            self._note(
                "nobody-allowed",
                f"OpenClaw has no allowed users for {account_id}: Hermes will require pairing",
                account_id,
                "approve new users with `hermes -p MEMBER pairing approve weixin CODE`",
            )

    def _account_file(self, place: str, account_id: str) -> tuple[Path, JsonDocument]:
        for stem in _stems(account_id):
            path = self.accounts / f"{stem}.json"
            if path_exists(path):
                self.used[normalized_id(account_id)] = stem
                return path, read_json(path)
        legacy = self.places.state / "credentials" / CHANNEL / "credentials.json"
        if path_exists(legacy):
            return legacy, read_json(legacy)
        raise _UnusableAccount(place, f"its file {self.accounts / normalized_id(account_id)}.json is missing")

    def _bot(self, place: str, account_id: str, token: str, token_place: str) -> str:
        """Return the id in WeChat's form: Hermes needs it to distinguish direct messages from group messages."""
        named, known = token_account_id(token), wechat_id(account_id)
        if named is not None and normalized_id(named) == normalized_id(account_id):
            return named  # with its original upper and lower case
        if named is not None and known is not None:
            self._note(
                "other-token",
                f"{token_place}: the token is of another account than {account_id}",
                account_id,
                f"if no messages arrive, scan its code again: `{_LOGIN}`",
            )
        if known is None:
            raise _UnusableAccount(place, "the id of the bot at WeChat (…@im.bot) cannot be derived from it")
        return known

    def _allowed(self, account_id: str) -> Iterator[str]:
        """Yield the allowed users of an account, from the first file that has any."""
        for stem in _stems(account_id):
            path = self.places.state / "credentials" / f"{CHANNEL}-{_safe(stem)}-allowFrom.json"
            data = self._optional(path, "its allowed users are unknown, except the one that scanned its code")
            users = data.get("allowFrom") if isinstance(data, Mapping) else None
            texts = [user.strip() for user in users if isinstance(user, str)] if isinstance(users, list) else []
            named = [user for user in texts if user]
            for user in named:
                if is_user_id(user):
                    yield user
                else:
                    self._note("bad-user", f"{path}: `*` and invalid user ids are ignored", account_id)
            if named:
                return

    def _files(self, account_id: str, bot: str) -> dict[str, bytes]:
        """Return the files with the state of the conversations, by path in the member's home."""
        files = {}
        for suffix, read in ((SYNC, sync_file), (TOKENS, context_tokens_file)):
            for stem in _stems(account_id):
                data = self._optional(self.accounts / f"{stem}{suffix}", "some messages may arrive twice or be lost")
                content = read(data)
                if content is not None:
                    files[f"{WEIXIN_ACCOUNTS_FOLDER}/{bot}{suffix}"] = content
                    break
        return files

    def _optional(self, path: Path, consequence: str) -> object:
        if not path_exists(path):
            return None
        try:
            return read_json(path).data()
        except DocumentError as error:
            self._note("unreadable", f"{error.problem.message}: {consequence}", str(path), error.problem.hint)
            return None

    def _report_unlisted(self) -> None:
        try:
            names = folder_names(self.accounts) if path_exists(self.accounts) else ()
        except HermesProfilesError as error:
            self.notes.append(error.problem)
            return
        for name in names:
            stem = name.removesuffix(".json")
            if stem == name or name.endswith((SYNC, TOKENS)):
                continue
            used = self.used.get(normalized_id(stem))
            if used is None:
                self.left_out.append(
                    SkippedAccount(printable_text(stem), f"not listed in {INDEX}: OpenClaw does not use it")
                )
            elif used and used != stem:
                message = (
                    f"{self.accounts / printable_text(name)} is an older file of {used}, which OpenClaw does not use"
                )
                self._note("older-file", message, printable_text(stem))

    def _report_second_list(self) -> None:
        """Add the accounts.json in the other place of an installation: it is not known which one OpenClaw uses."""
        state = self.places.state
        other = state.parent if state.name == _BELOW else state / _BELOW
        second = other / CHANNEL / INDEX
        if path_exists(second):
            command = f"hermes-profiles team import openclaw {quote(str(second))}"
            self.left_out.append(
                SkippedAccount(str(second), f"a second list of accounts; see it with `{command} --dry-run`")
            )


class _UnusableAccount(Exception):
    """An account cannot be imported; `place`: file and line of the fault."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


def _stems(account_id: str) -> tuple[str, ...]:
    """Return the possible file names of an account, in the order of the plugin, last the listed id."""
    name = normalized_id(account_id)
    return tuple(dict.fromkeys((name, wechat_id(name) or name, account_id)))


def _safe(account_id: str) -> str:
    """Return an id in the form of OpenClaw's allow-list file names (`safeChannelKey`)."""
    return re.sub(r'[\\/:*?"<>|]', "_", account_id.strip().lower()).replace("..", "_")
