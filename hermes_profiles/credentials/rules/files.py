"""Rulings on files and folders of a home: those of the agent, of a channel, or of one machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Ruling, Verdict
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    MEMORY_FILE,
    OP_ENV_FILE,
    PID_FILE,
    PLUGINS_FOLDER,
    SOUL_FILE,
    STATE_DATABASE,
    USER_FILE,
)
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

ENV_FILES = (ENV_FILE, OP_ENV_FILE)
DOCUMENTS = (*ENV_FILES, CONFIG_FILE, LEGACY_CONFIG_FILE, AUTH_FILE)
# The agent itself: persona, curated memory, skills and its own tools.
AGENT_FILES = (SOUL_FILE, MEMORY_FILE, USER_FILE)
AGENT_FOLDERS = ("skills", "plugins", "skins", "hooks", "scripts")
NESTED_HOME = "another Hermes home, with identities of its own"
# `.hermes`, `.hermes.bak`, `.hermes-old`: homes that a process without HERMES_HOME or a person made inside a home.
_HOME_NAME = lazy_pattern(r"\.hermes(?:[._~-].*)?")
# A home by its content: one document, and two more entries that only a home has together.
_HOME_SIGNS = (
    AUTH_FILE,
    LEGACY_CONFIG_FILE,
    SOUL_FILE,
    "memories",
    "sessions",
    "skills",
    "cron",
    STATE_DATABASE,
    PID_FILE,
)
# Any one of them is enough beside `.env` and config.yaml.
_CERTAIN_SIGNS = (
    LEGACY_CONFIG_FILE,
    SOUL_FILE,
    "memories",
    STATE_DATABASE,
    PID_FILE,
    "platforms",
    "pairing",
    "weixin",
    "whatsapp",
)
_RECREATED = "recreated when needed"
_NOT_THE_AGENT = "not part of the agent (use --clone-all)"
# Reasons of the catalogue that are not worth a line when only the agent is cloned.
_INFRASTRUCTURE = ("belongs to the root, not to a profile", "part of the installation")
_NEVER_ENDINGS = (".pyc", ".pyo", ".sock", ".tmp")
_SECRETS_OF_PLUGINS = frozenset({"secret.json", "secrets.json", "credential.json", "credentials.json"})
_JSON_OR_COPY = lazy_pattern(r"\.jsonl?(?:[._~-][^/]*)?$")
# `whatsapp.bak`, `weixin-old`, `whatsapp copy 2`, `matrix_2026-05-01`, `slack_tokens.json~`.
_COPY = lazy_pattern(
    r"(?P<name>.+?)(?>[ ._~(-]++(?:bak|backup|old|original|orig|saved?|copy|prev|previous|broken|disabled|"
    r"[0-9][0-9_.T-]*+)\)?)*+~?",
    re.IGNORECASE,
)
# `.env.bak`, `.env~`, `.env_old`, `config.yaml.1`, and the swap file of a killed editor: `.config.yaml.swp`.
_DOCUMENT_COPY = lazy_pattern(
    r"[.#]?(?:\.env|\.op\.env|config\.yaml|gateway\.json|auth\.json|honcho\.json)[._~#-].*", re.DOTALL
)


class Scope(StrEnum):
    """How much of the source a clone takes: the agent, or everything that is not tied to one process."""

    AGENT = "clone"
    ALL = "clone-all"


class FileRules(NamedTuple):
    """Judges paths of one source; `is_default`: the source is the root, which also holds the installation."""

    catalog: Catalog
    policy: ClonePolicy
    scope: Scope
    is_default: bool
    skills: bool = True

    def judge(self, path: str, *, folder: bool) -> Ruling:
        """Return keep or remove for one path (relative, `/` between). Documents are judged by their content."""
        name = path.rpartition("/")[2]
        if name == "__pycache__" or (not folder and name.endswith(_NEVER_ENDINGS)):
            return Ruling(Verdict.REMOVE, _RECREATED)
        if self.scope is Scope.AGENT and not self._belongs_to_agent(path, folder=folder):
            ruling = self._identity(path, folder)
            if ruling is None or ruling.reason in _INFRASTRUCTURE:
                return Ruling(Verdict.REMOVE, _NOT_THE_AGENT)
            return ruling
        if folder and path in (name, f"home/{name}") and is_home_name(name):
            return Ruling(Verdict.REMOVE, NESTED_HOME)
        top = path.partition("/")[0]
        if top == "skills" and not self.skills:
            return Ruling(Verdict.REMOVE, "--no-skills")
        if "/" not in path and not folder and is_document_copy(name):
            return Ruling(Verdict.REMOVE, "a stray copy of a file that holds secrets")
        return self._identity(path, folder) or Ruling(Verdict.KEEP, "belongs to the agent")

    @property
    def clones_channels(self) -> bool:
        """Return whether the channels are cloned as well."""
        return self.policy.channels is Channels.CLONE

    def may_hold_state(self, path: str) -> bool:
        """Return whether a folder can hold a channel's state files; only such folders are searched for secrets."""
        is_above = path in ("platforms", "pairing") or path in self.catalog.state_folders
        return is_above or self.catalog.state_owner(path + "/") is not None

    def _identity(self, path: str, folder: bool) -> Ruling | None:
        owner = self.catalog.state_owner(path + "/" if folder else path)
        if owner is not None and self.policy.channels is not Channels.CLONE:
            return Ruling(Verdict.REMOVE, f"state of the {owner} identity", owner, KeyClass.IDENTITY_CREDENTIAL)
        reason = self.catalog.left_behind_reason(path + "/" if folder else path, is_default=self.is_default)
        if reason is None and owner is None:
            return self._copy_of_identity(path)
        if reason is None or owner is not None:
            return None
        return Ruling(Verdict.REMOVE, reason)

    def _copy_of_identity(self, path: str) -> Ruling | None:
        """Return the ruling on a copy of a channel's state that a person made at the top of the home."""
        top, slash, rest = path.partition("/")
        original = _original_name(top)
        if original == top or self.policy.channels is Channels.CLONE:
            return None
        owner = self.catalog.state_owner(f"{original}{slash or '/'}{rest}")
        return Ruling(Verdict.REMOVE, f"a copy of state of the {owner} identity") if owner is not None else None

    @staticmethod
    def _belongs_to_agent(path: str, *, folder: bool) -> bool:
        top = path.partition("/")[0]
        return path in AGENT_FILES or path in DOCUMENTS or top in AGENT_FOLDERS or (folder and path == "memories")


def nested_homes(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the folders among these paths of a home that are homes themselves, the outermost ones."""
    below: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder and (name in _HOME_SIGNS or name in _CERTAIN_SIGNS or name in DOCUMENTS):
            below.setdefault(folder, set()).add(name)
    found: list[str] = []
    for folder, names in sorted(below.items()):
        is_home = is_home_content(names) or (is_home_name(PurePosixPath(folder).name) and names & {*DOCUMENTS})
        if is_home and not f"{folder}/".startswith(tuple(f"{other}/" for other in found)):
            found.append(folder)
    return tuple(found)


def is_home_content(names: Collection[str]) -> bool:
    """Return whether a folder with these entries is the home of a profile."""
    settings = (CONFIG_FILE in names) + (ENV_FILE in names)
    if settings == 2 and any(sign in names for sign in _CERTAIN_SIGNS):
        return True
    return settings > 0 and sum(sign in names for sign in _HOME_SIGNS) >= 2


def is_home_name(name: str) -> bool:
    """Return whether a folder of this name in a home is meant as another home (`.hermes`, `.hermes.bak`)."""
    return _HOME_NAME.fullmatch(name) is not None


def is_document_copy(name: str) -> bool:
    """Return whether the name is that of a copy of a file with secrets (`.env.bak`)."""
    return _DOCUMENT_COPY.fullmatch(name) is not None


@lru_cache(maxsize=128)  # a clone asks for each of its files
def _original_name(name: str) -> str:
    """Return the name of what a file or folder is a copy of by its own name, else the name."""
    copied = _COPY.fullmatch(name)
    return copied["name"] if copied is not None else name


def is_silent(reason: str) -> bool:
    """Return whether the report omits files that are left behind for this reason."""
    return reason in (_RECREATED, _NOT_THE_AGENT)


def is_secret_of_plugin(path: str) -> bool:
    """Return whether a file has the name of a plugin's own credentials; those of a channel's plugin stay behind."""
    return path.startswith(f"{PLUGINS_FOLDER}/") and path.rpartition("/")[2] in _SECRETS_OF_PLUGINS


def may_hold_channel_secrets(path: str, catalog: Catalog, *, copies: bool = False) -> bool:
    """Return whether a file is a channel's JSON state; its secrets must not appear in the clone.

    `copies`: JSON lines and copies (`fred.json.bak`) count as well; Hermes does not read them.
    """
    is_json = path.endswith(".json") or (copies and _JSON_OR_COPY.search(path) is not None)
    return is_json and catalog.state_owner(path) is not None
