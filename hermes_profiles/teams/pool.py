"""Reads what a lead shares with the members of its team.

Documents are those of a clone of the lead, so no identity is shared; other paths are shared by links.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hermes_profiles.clone.plan import CloneContext, CloneDocuments, CloneRequest, build_documents
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.entries import truthy
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.tree_walk import EntryKind, data_chunks, read_document, walk

from .model import Team
from .pool_copies import SharedPool
from .shares import POLICY, Share, linked_paths, pool_path_exists

_ENV_FILES, _CONFIG_FILES = (ENV_FILE, OP_ENV_FILE), (CONFIG_FILE, LEGACY_CONFIG_FILE)
_STORES = ("providers", "credential_pool")
# Number of files that are named in warnings; the rest is counted.
_NAMED = 10


class Pool(NamedTuple):
    """What the lead of a team shares.

    `documents`: name → initial bytes in every member; `variables`: names in `.env` that came from the lead; `left`:
    names and places of keys that stay with the lead; `links`: paths of the lead that members link to; `missing`: shared
    paths that the lead does not have; `values`: values that no member's file can hold; `login_again`: providers that
    each member logs in to itself.
    """

    team: Team
    documents: Mapping[str, bytes]
    variables: tuple[str, ...]
    left: tuple[str, ...]
    links: tuple[str, ...]
    missing: tuple[str, ...]
    values: ValueIndex
    login_again: tuple[str, ...]
    warnings: tuple[Problem, ...]

    def __repr__(self) -> str:
        return f"Pool({self.team.name})"


def read_pool(team: Team, world: CloneContext, *, with_warnings: bool = True) -> Pool:
    """Return what the lead of a team shares. `with_warnings`: search the shared files for the lead's identities.

    Raises NotFound without the lead, DocumentError or Failed for files of it that cannot be read with certainty.
    """
    home = world.layout.home(team.lead)
    try:
        found = build_documents(CloneRequest(team.lead, team.lead, policy=POLICY), world, SharedPool)
    except Failed as error:
        _remove_skip_hint(error)
        raise
    values = found.judged.values
    documents = dict(_shared_documents(team, found))
    links = tuple(path for path in linked_paths(team.share) if pool_path_exists(home, path))
    missing = tuple(path for path in linked_paths(team.share) if path not in links)
    warnings = (*exposed_identities(home, links, values), *_config_warnings(team, found)) if with_warnings else ()
    variables = _carried(documents.get(ENV_FILE, b""), found, world) if Share.KEYS in team.share else ()
    again = tuple(_login_again(team, found, world.layout))
    left = tuple(
        dict.fromkeys(values.hide(row.name) for row in (*found.report.env_removed, *found.report.config_removed))
    )
    return Pool(team, documents, variables, left, links, missing, values, again, _hidden(warnings, values))


def exposed_identities(home: Path, paths: Iterable[str], values: ValueIndex) -> Iterator[Problem]:
    """Yield a warning for each file below these paths of a lead that holds one of its identities."""
    places = list(_places(home, paths, values)) if values else []
    for path, name in places[:_NAMED]:
        yield Problem(
            "shared-identity",
            f"{home / path} holds the value of {name}, and every member can read it",
            path,
            "remove the value from the file",
        )
    if len(places) > _NAMED:
        yield Problem(
            "shared-identity",
            f"{len(places) - _NAMED} more shared files hold an identity of the lead",
            None,
            "list them with `hermes-profiles doctor`",
        )


def _places(home: Path, paths: Iterable[str], values: ValueIndex) -> Iterator[tuple[str, str]]:
    """Yield (path, name of the key) of files that hold a removed value."""
    for top in paths:
        if os.path.isfile(home / top):
            files: Iterable[str] = (top,)
        else:
            files = (f"{top}/{item.path}" for item in walk(home / top, _is_searched) if item.kind is EntryKind.FILE)
        for path in files:
            try:
                name = next(
                    (
                        values.names_in(part)[0]
                        for part in data_chunks(home / path, values.overlap)
                        if values.hits(part)
                    ),
                    None,
                )
            except OSError:
                continue  # members cannot read it either
            if name is not None:
                yield path, name


def _is_searched(path: str) -> bool:
    return path.rpartition("/")[2] not in ("__pycache__", ".git", "node_modules", ".venv")


def _shared_documents(team: Team, found: CloneDocuments) -> Iterator[tuple[str, bytes]]:
    wanted = (*(_ENV_FILES if Share.KEYS in team.share else ()), *(_CONFIG_FILES if Share.CONFIG in team.share else ()))
    for name, entry in found.entries.items():
        if name in wanted:
            yield name, entry.content.reveal()
    if Share.KEYS not in team.share:
        masked = "".join(f"{name}=\n" for name in found.report.masked)
        yield ENV_FILE, masked.encode()


def _carried(raw: bytes, found: CloneDocuments, world: CloneContext) -> tuple[str, ...]:
    document = EnvDocument.parse(raw, path=ENV_FILE, known_keys=world.catalog.known_names)
    given = document.environment()
    return tuple(name for name in dict.fromkeys(found.report.kept_names) if given.get(name))


def _login_again(team: Team, found: CloneDocuments, layout: Layout) -> Iterator[str]:
    """Yield the providers with a login of the lead that members do not get: a login is never copied.

    Members use the logins of the root (Hermes 0.19.0, hermes_cli/auth.py).
    """
    if team.lead == DEFAULT:
        return
    channels = {removal.entry.path for removal in found.judged.auth.removals if removal.ruling.channel}
    rows = {path[1] for path in _login_rows(found.source.documents.auth) if path not in channels}
    raw = read_document(layout.root / AUTH_FILE)
    root = JsonDocument.parse(raw, path=str(layout.root / AUTH_FILE)) if raw else None
    yield from sorted(rows - {path[1] for path in _login_rows(root)})


def _login_rows(document: JsonDocument | None) -> Iterator[tuple[str, ...]]:
    for entry in document.entries if document is not None else ():
        if len(entry.path) == 2 and entry.path[0] in _STORES and entry.kind != "scalar":
            yield entry.path


def _config_warnings(team: Team, found: CloneDocuments) -> Iterator[Problem]:
    """Yield warnings about the lead's configuration before it is shared."""
    config = found.source.documents.config
    if config is None or Share.CONFIG not in team.share:
        return
    if truthy(config.get(("secrets", "bitwarden", "enabled"))):
        yield Problem(
            "bitwarden",
            "Bitwarden passes every secret of its project to members; none can be filtered",
            config.path,
            "move the channels' secrets to a project of their own",
        )
    removed = {row.name for row in found.report.env_removed}
    for name in sorted(found.judged.facts.references & removed):
        yield Problem(
            "dangling-reference",
            f"config.yaml of {team.lead} refers to ${{{name}}}, which is not shared",
            name,
            f"set it in members that need it: `hermes-profiles env set MEMBER {name}`",
        )


def _hidden(problems: Iterable[Problem], values: ValueIndex) -> tuple[Problem, ...]:
    """Return problems with removed values hidden: a token can be part of a file name."""
    if not values:
        return tuple(problems)
    return tuple(
        one._replace(message=values.hide(one.message), target=one.target and values.hide(one.target))
        for one in problems
    )


def _remove_skip_hint(error: Failed) -> None:
    """Remove `--skip-unreadable`, which teams do not have, from a hint of the clone."""
    hint = (error.problem.hint or "fix the file").replace("or leave it behind with `--skip-unreadable`", "")
    hint = hint.replace("or leave the file behind with `--skip-unreadable`", "").strip(" ;,")
    error.problem = error.problem._replace(hint=hint)


def blocks_of(channel: str, document: YamlDocument, catalog: Catalog) -> tuple[tuple[str, ...], ...]:
    """Return the paths of a channel's blocks in a config.yaml, in any spelling."""
    places = (channel_place(entry.path, catalog) for entry in document.entries if entry.kind == "mapping")
    return tuple(dict.fromkeys(place.block for place in places if place is not None and place.channel == channel))
