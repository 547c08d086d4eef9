"""Reads names and `enabled` flags of accounts from openclaw.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .model import normalized_id, text_at
from .read import path_exists, read_quietly, read_text

_SECTION = ("channels", "openclaw-weixin")
# The library parses about 100 kB a second; OpenClaw's files have a few kB.
_LARGEST = 512 * 1024
# What a binding of some chats has beside the account (OpenClaw, src/config/types.agents.ts, AgentBindingMatch).
_PARTS_OF_AN_ACCOUNT = ("peer", "guildId", "teamId", "roles")
_SOME_CHATS = " (some chats)"
_LINE = lazy_pattern(r"<string>:(\d+) ")


class AccountEntry(NamedTuple):
    """Settings of one account. `off`: file and line that disable it, "" if enabled."""

    name: str = ""
    off: str = ""


class OpenClawConfig(NamedTuple):
    """Settings of accounts, by normalized id; `rest` applies to accounts without their own block.

    `agents`: normalized id → agents that its messages are bound to, "" for every account of the channel.
    """

    accounts: Mapping[str, AccountEntry]
    rest: AccountEntry = AccountEntry()
    agents: Mapping[str, tuple[str, ...]] = {}

    def of(self, account_id: str) -> AccountEntry:
        """Return the settings of an account."""
        return self.accounts.get(normalized_id(account_id), self.rest)

    def agents_of(self, account_id: str) -> tuple[str, ...]:
        """Return the agents that an account is bound to, () where OpenClaw uses its default one."""
        own = self.agents.get(normalized_id(account_id), ())
        if any(not agent.endswith(_SOME_CHATS) for agent in own):
            return own
        return tuple(dict.fromkeys((*own, *self.agents.get("", ()))))


NO_ENTRIES = OpenClawConfig({})


def read_config(path: Path, notes: list[Problem]) -> OpenClawConfig:
    """Return the settings of openclaw.json, empty if it is missing; if it is unreadable, a note is added."""
    if not path_exists(path):
        return NO_ENTRIES
    try:
        return _config(read_text(read_quietly(path, _LARGEST), str(path)).text, str(path), notes)
    except DocumentError as error:
        message = f"{error.problem.message}: account names and disabled accounts are unknown"
        notes.append(Problem("unreadable", message, str(path), error.problem.hint))
        return NO_ENTRIES


def _json5(text: str, path: str) -> object:
    """Return the value of a JSON5 text, as openclaw.json is edited by hand. Raises DocumentError."""
    import json5

    try:
        return json5.loads(text)
    except (ValueError, RecursionError) as error:
        found = _LINE.match(str(error))
        line = int(found[1]) if found else None
        raise DocumentError(path, line, "not valid JSON5", hint="fix the file, then try again") from None


def _config(text: str, path: str, notes: list[Problem]) -> OpenClawConfig:
    data = _json5(text, path)
    section = _below(_below(data, _SECTION[0]), _SECTION[1])
    blocks = _below(section, "accounts")
    if any("$include" in each for each in (_mapping(data), _below(data, _SECTION[0]), section, blocks)):
        message = f"{path} includes other files, which are not read: their account settings are unknown"
        notes.append(Problem("includes", message, path, f"list them with `grep -n include {quote(path)}`"))

    def entry(block: Mapping[str, object], key: str) -> AccountEntry:
        name = text_at(block, "name")
        line = len(f"{text[: max(text.find(key), 0)]}x".splitlines())
        off = f"{path}:{line}" if block.get("enabled") is False else ""
        return AccountEntry("" if "${" in name else name, off)

    accounts = {normalized_id(name): entry(_mapping(block), name) for name, block in blocks.items()}
    return OpenClawConfig(accounts, entry(section, _SECTION[1]), _bindings(_mapping(data).get("bindings")))


def _bindings(rows: object) -> dict[str, tuple[str, ...]]:
    """Return account → agents of the bindings of the channel; `*` and a missing account mean all accounts."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows if isinstance(rows, list) else ():
        match, agent = _below(row, "match"), text_at(_mapping(row), "agentId")
        if match.get("channel") != _SECTION[1] or not agent:
            continue
        account = text_at(match, "accountId")
        key = "" if account in ("", "*") else normalized_id(account)
        if any(match.get(part) for part in _PARTS_OF_AN_ACCOUNT):
            agent += _SOME_CHATS
        found[key] = tuple(dict.fromkeys((*found.get(key, ()), agent)))
    return found


def _below(data: object, key: str) -> Mapping[str, object]:
    return _mapping(_mapping(data).get(key))


def _mapping(data: object) -> Mapping[str, object]:
    return data if isinstance(data, Mapping) else {}
