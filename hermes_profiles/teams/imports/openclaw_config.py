"""What openclaw.json says of accounts: their names, and which are switched off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.model.errors import DocumentError, Problem

from .model import normalized_id, text_at
from .read import path_exists, read_quietly, read_text

_SECTION = ("channels", "openclaw-weixin")
# The library reads some 100 kB a second; OpenClaw's own files have a few kB.
_LARGEST = 512 * 1024
_LINE = re.compile(r"<string>:(\d+) ")


class AccountEntry(NamedTuple):
    """What is said of one account. `off`: the file and line that switch it off, "" when it is on."""

    name: str = ""
    off: str = ""


class OpenClawConfig(NamedTuple):
    """What is said of accounts, by their normalised ids; `rest` goes for those that have no block of their own."""

    accounts: Mapping[str, AccountEntry]
    rest: AccountEntry = AccountEntry()

    def of(self, account_id: str) -> AccountEntry:
        """Return what is said of an account."""
        return self.accounts.get(normalized_id(account_id), self.rest)


NO_ENTRIES = OpenClawConfig({})


def read_config(path: Path, notes: list[Problem]) -> OpenClawConfig:
    """Return what openclaw.json says, nothing when it is not there; one that cannot be read becomes a note."""
    if not path_exists(path):
        return NO_ENTRIES
    try:
        return _config(read_text(read_quietly(path, _LARGEST), str(path)).text, str(path), notes)
    except DocumentError as error:
        message = f"{error.problem.message}: names of accounts in it, and which are switched off, are not known"
        notes.append(Problem("unreadable", message, str(path), error.problem.hint))
        return NO_ENTRIES


def _json5(text: str, path: str) -> object:
    """Return what a JSON5 text means: people write openclaw.json by hand. Raises DocumentError with the line."""
    import json5

    try:
        return json5.loads(text)
    except (ValueError, RecursionError) as error:
        found = _LINE.match(str(error))
        line = int(found[1]) if found else None
        raise DocumentError(path, line, "this is not JSON5", hint="mend it, then try again") from None


def _config(text: str, path: str, notes: list[Problem]) -> OpenClawConfig:
    data = _json5(text, path)
    section = _below(_below(data, _SECTION[0]), _SECTION[1])
    blocks = _below(section, "accounts")
    if any("$include" in each for each in (_mapping(data), _below(data, _SECTION[0]), section, blocks)):
        message = f"{path} takes in other files, which are not read: what they say of accounts is not known"
        notes.append(Problem("includes", message, path, "see which with `grep -n include`"))

    def said(block: Mapping[str, object], key: str) -> AccountEntry:
        name = text_at(block, "name")
        line = len(f"{text[: max(text.find(key), 0)]}x".splitlines())
        off = f"{path}:{line}" if block.get("enabled") is False else ""
        return AccountEntry("" if "${" in name else name, off)

    accounts = {normalized_id(name): said(_mapping(block), name) for name, block in blocks.items()}
    return OpenClawConfig(accounts, said(section, _SECTION[1]))


def _below(data: object, key: str) -> Mapping[str, object]:
    return _mapping(_mapping(data).get(key))


def _mapping(data: object) -> Mapping[str, object]:
    return data if isinstance(data, Mapping) else {}
