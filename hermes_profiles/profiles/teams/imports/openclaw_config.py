"""What openclaw.json says of accounts: their names, and which are switched off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.documents.jsonfile import JsonDocument
from hermes_profiles.model.result import DocumentError, Problem

from .found import normalised, text_at
from .json5 import json_of
from .reading import is_there, read_quietly, read_text

_SECTION = ("channels", "openclaw-weixin")
_LARGEST = 2 * 1024 * 1024


class Said(NamedTuple):
    """What is said of one account. `off`: the file and line that switches it off, "" when it is on."""

    name: str = ""
    off: str = ""


class Config(NamedTuple):
    """What is said of accounts, by their normalised ids; `rest` goes for those that have no block of their own."""

    accounts: Mapping[str, Said]
    rest: Said = Said()

    def of(self, account_id: str) -> Said:
        """Return what is said of an account."""
        return self.accounts.get(normalised(account_id), self.rest)


NOTHING_SAID = Config({})


def read_config(path: Path, notes: list[Problem]) -> Config:
    """Return what openclaw.json says, nothing when it is not there; one that cannot be read becomes a note."""
    if not is_there(path):
        return NOTHING_SAID
    try:
        text = read_text(read_quietly(path, _LARGEST), str(path)).text
        document = JsonDocument.parse(json_of(text, str(path)).encode("utf-8", "replace"), path=str(path))
        return _config(document, str(path), notes)
    except DocumentError as error:
        message = f"{error.problem.message}: names of accounts in it, and which are switched off, are not known"
        notes.append(Problem("unreadable", message, str(path), error.problem.hint))
        return NOTHING_SAID


def _config(document: JsonDocument, path: str, notes: list[Problem]) -> Config:
    data = document.data()
    section = _below(_below(data, _SECTION[0]), _SECTION[1])
    blocks = _below(section, "accounts")
    if any("$include" in each for each in (_mapping(data), _below(data, _SECTION[0]), section, blocks)):
        message = f"{path} takes in other files, which are not read: what they say of accounts is not known"
        notes.append(Problem("includes", message, path, "see which with `grep -n include`"))

    def said(block: Mapping[str, object], *keys: str) -> Said:
        entry = document.get((*_SECTION, *keys, "enabled"))
        off = f"{path}:{entry.line}" if entry is not None and block.get("enabled") is False else ""
        name = text_at(block, "name")
        return Said("" if "${" in name else name, off)

    accounts = {normalised(name): said(_mapping(block), "accounts", name) for name, block in blocks.items()}
    return Config(accounts, said(section))


def _below(data: object, key: str) -> Mapping[str, object]:
    return _mapping(_mapping(data).get(key))


def _mapping(data: object) -> Mapping[str, object]:
    return data if isinstance(data, Mapping) else {}
