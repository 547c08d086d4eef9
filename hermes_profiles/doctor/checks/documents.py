"""Reports unreadable documents, contradictory or ignored settings, and schema mismatches. Pure.

Precedence as in Hermes 0.19.0: gateway/config.py, gateway/platforms/api_server.py, hermes_cli/config.py.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import chain
from shlex import quote
from typing import Any

from hermes_profiles.doctor.facts.profile import DOCUMENTS, ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import EditFile, Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, profile_label, shell_command
from hermes_profiles.documents.line_numbers import yaml_line
from hermes_profiles.documents.sealed import sealed_value
from hermes_profiles.documents.text import SAVE_AS_UTF8
from hermes_profiles.documents.yaml.fast_reader import EVERYTHING
from hermes_profiles.hermes.environment import API_SERVER_PORT
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.profiles.channels import legacy_blocks
from hermes_profiles.profiles.home_files import sections_in
from hermes_profiles.profiles.tree_walk import EntryKind

from .settings import (
    channel_blocks,
    channel_settings,
    gateway_environment,
    reduced_severity,
    scalar_text,
    secret_variables,
)

_NOT_JSON = "not valid JSON"
_NOT_UTF8 = "it is not UTF-8"
_MARKED = "it begins with a byte order mark, which Hermes 0.19.0 does not read"
_WAYS_OUT = {_NOT_UTF8: SAVE_AS_UTF8, _MARKED: "save it as UTF-8 without a byte order mark"}
_SCHEMA = "_config_version"
_ODD_KINDS = {EntryKind.FOLDER: "a folder", EntryKind.SPECIAL: "a pipe, socket or device"}
_PLACE = lazy_pattern(r":(\d+): ")
_SHOWN = lazy_pattern(r"[A-Za-z][A-Za-z0-9_.-]{0,60}")


def broken(facts: Facts) -> Iterator[Finding]:
    """Find documents that cannot be parsed; Hermes ignores such a document, or parts of it."""
    for profile in facts.profiles.values():
        seen: set[str] = set()
        for problem in profile.files.problems:
            path = problem.target or ""
            if problem.code == DocumentError.default_code and path not in seen:
                seen.add(path)
                place = _PLACE.search(problem.message)
                reason = problem.message.removeprefix(path).lstrip(":0123456789").strip() or "it cannot be parsed"
                yield _broken(profile, path, int(place[1]) if place else None, reason, problem.hint)
        for file in (ENV_FILE, OP_ENV_FILE, CONFIG_FILE):
            if str(profile.home / file) not in seen:
                yield from _encrypted_values(profile, file)
        for file in DOCUMENTS:
            raw = profile.files.raw(file) if file.endswith(".json") else None
            if raw is not None and (found := _json_fault(raw)) is not None:
                yield _broken(profile, str(profile.home / file), *found, _WAYS_OUT.get(found[1]))


def _encrypted_values(profile: ProfileFacts, file: str) -> Iterator[Finding]:
    """Yield a finding for a file whose names are readable and whose values are ciphertext."""
    found = sealed_value(profile.files.raw(file) or b"")
    if found is None:
        return
    line, program, way_out = found
    path = profile.home / file
    yield Finding(
        f"{file} line {line} of {profile_label(profile)} is encrypted by {program}: Hermes takes the ciphertext for "
        "the value",
        Fix(way_out.format(path=quote(str(path))), shell_command("${EDITOR:-vi}", [path])),
        (profile.name,),
        evidence=(Evidence(profile.name, str(path), line),),
        severity=reduced_severity(profile, Severity.ERROR),
    )


def _json_fault(raw: bytes) -> tuple[int | None, str] | None:
    """Return (line, reason) when JSON text cannot be parsed, None for valid and for empty text."""
    if not raw.strip():
        return None
    try:
        json.loads(raw.decode())
    except UnicodeDecodeError as error:
        return raw.count(b"\n", 0, error.start) + 1, _NOT_UTF8
    except json.JSONDecodeError as error:
        return error.lineno, _MARKED if raw.startswith(codecs.BOM_UTF8) else _NOT_JSON
    except (ValueError, RecursionError):
        return None, _NOT_JSON
    return None


def _broken(profile: ProfileFacts, path: str, line: int | None, reason: str, hint: str | None) -> Finding:
    name = path.removeprefix(f"{profile.home}/")
    at = f" line {line}" if line is not None else ""
    if reason.startswith(("is ", "has ")):  # a predicate of the file in the error of a reader
        reason = f"it {reason}"
    return Finding(
        f"cannot parse {name}{at} of {profile_label(profile)}: {reason}",
        Fix(hint or "edit the file", shell_command("${EDITOR:-vi}", [path])),
        (profile.name,),
        evidence=(Evidence(profile.name, path, line),),
        severity=reduced_severity(profile, Severity.WARNING if reason == _MARKED else Severity.ERROR),
    )


def unreadable(facts: Facts) -> Iterator[Finding]:
    """Find documents that cannot be read: no permission, wrong file type, size limit, or a dangling link."""
    for profile in facts.profiles.values():
        for file in DOCUMENTS:
            fact = profile.listing.get(file)
            if fact is None or profile.files.raw(file) is not None:
                continue
            problem = next(
                (problem for problem in profile.files.problems if problem.target == str(profile.home / file)), None
            )
            if problem is not None and problem.code == DocumentError.default_code:
                continue
            why = {
                **_ODD_KINDS,
                EntryKind.LINK: "a dangling link" if problem is None else "the link target cannot be read",
            }.get(fact.kind)
            if why is None and problem is not None:
                why = "too large" if "larger than" in problem.message else problem.message.rpartition(": ")[2]
            if why is not None:
                yield _unreadable(profile, file, why)
        for file, fact in facts.tree.agent_files.get(profile.name, {}).items():
            yield _unreadable(profile, file, _ODD_KINDS[fact.kind])


def _unreadable(profile: ProfileFacts, file: str, why: str) -> Finding:
    path = profile.home / file
    fix = Fix("inspect the path", shell_command("ls -ld", [path]))
    if why == _ODD_KINDS[EntryKind.SPECIAL]:
        fix = Fix("move it away: Hermes waits at a pipe", shell_command("mv", [path, f"{path}.old"]))
    return Finding(
        f"cannot read {file} of {profile_label(profile)}: {why}",
        fix,
        (profile.name,),
        evidence=(profile.at(file),),
        severity=reduced_severity(profile, Severity.ERROR),
    )


def contradiction(facts: Facts) -> Iterator[Finding]:
    """Find channels that config.yaml disables and variables enable, and report which of them wins.

    A channel that is disabled for a credential of another profile is `conflicts.copied-credential`: enabling it starts
    a conflict.
    """
    copied = _copied_secrets(facts)
    for profile in facts.profiles.values():
        off = _switched_off(profile, facts)
        if not off:
            continue
        environment = gateway_environment(facts, profile)
        for channel in sorted(facts.catalog.enabled_by(environment).intersection(off)):
            place = off[channel]
            names = _enabling(channel, environment, facts)
            where = profile.at_path(place)
            if channel in profile.held.channels:
                yield Finding(
                    f"{channel} of {profile_label(profile)} is enabled although config.yaml has `enabled: false`:"
                    f" {join_names(names)} wins for this channel",
                    Fix(
                        "remove the variable from .env to disable the channel",
                        shell_command("hermes-profiles env unset", [profile.name, names[0]]),
                    ),
                    (profile.name,),
                    channel,
                    (where, *(profile.at_variable(name) for name in names)),
                    severity=reduced_severity(profile, Severity.WARNING),
                )
            elif not any((name, environment[name]) in copied for name in names):
                yield Finding(
                    f"{channel} of {profile_label(profile)} is disabled by `enabled: false` in config.yaml, although"
                    f" {join_names(names)} would enable it",
                    Fix(
                        "leave the setting if the channel is disabled on purpose; this command enables the channel",
                        shell_command("hermes-profiles config set", [profile.name, ".".join(place), "true"]),
                    ),
                    (profile.name,),
                    channel,
                    (where, *(profile.at_variable(name) for name in names)),
                    severity=Severity.INFO,
                )


def _copied_secrets(facts: Facts) -> frozenset[tuple[str, str]]:
    """Return (name, value) of the secrets that several profiles have in their variables."""
    secrets = (secret_variables(profile.variables, facts.catalog) for profile in facts.profiles.values())
    counts = Counter(chain.from_iterable(each.items() for each in secrets))
    return frozenset(secret for secret, count in counts.items() if count > 1)


def _switched_off(profile: ProfileFacts, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return channel → path of the key in config.yaml that disables it. The last of several places wins."""
    gateway = profile.config.get("gateway")
    nested = gateway.get("platforms") if isinstance(gateway, Mapping) else None
    places = (
        (("gateway", "platforms"), nested),
        (("platforms",), profile.config.get("platforms")),
        ((), profile.config),
    )
    found: dict[str, tuple[str, ...]] = {}
    for path, place in places:
        for name, block in place.items() if isinstance(place, Mapping) else ():
            if not isinstance(block, Mapping) or "enabled" not in block:
                continue
            channel = facts.catalog.channel_of_config_key(str(name))
            if channel is not None and is_truthy(block["enabled"]):
                found.pop(channel, None)
            elif channel is not None:
                found[channel] = (*path, str(name), "enabled")
    return found


def _enabling(channel: str, environment: Mapping[str, str], facts: Facts) -> tuple[str, ...]:
    """Return the variables of the first complete set that enables a channel."""
    sets = facts.catalog.channels[channel].enable_sets
    return next((tuple(sorted(names)) for names in sets if all(environment.get(name) for name in names)), ())


def ignored_port(facts: Facts) -> Iterator[Finding]:
    """Find `port` directly below `api_server`; Hermes reads only `extra.port` and API_SERVER_PORT.

    The log of Hermes itself advises that key (gateway/platforms/api_server.py, 0.19.0 and 0.22.2).
    """
    for profile in facts.profiles.values():
        if "api_server" not in profile.held.channels:
            continue
        for path, block in channel_blocks(profile, "api_server", facts.catalog):
            if len(path) < 2 or "port" not in block:
                continue
            wanted, used = scalar_text(block["port"]), _used_port(profile, facts)
            if not wanted.isdigit() or wanted == used:
                continue
            key = ".".join((*path, "port"))
            repairs = _port_repairs(facts, profile, path, int(wanted))
            yield Finding(
                f"the API server of {profile_label(profile)} listens on port {used} instead of {wanted}: Hermes ignores"
                f" {key}",
                Fix(
                    f"move the port to {API_SERVER_PORT} in .env",
                    shell_command("hermes-profiles doctor --fix --only", ["files.ignored-port"]),
                )
                if repairs
                else Fix(
                    f"remove {key}: another profile has that port"
                    if _is_taken(facts, profile, int(wanted))
                    else f"remove {key}, then set {API_SERVER_PORT}",
                    shell_command("hermes-profiles config unset", [profile.name, key]),
                ),
                (profile.name,),
                "api_server",
                (profile.at_path((*path, "port")),),
                repairs=repairs,
                severity=reduced_severity(profile, Severity.WARNING),
            )


def _used_port(profile: ProfileFacts, facts: Facts) -> str:
    extra = channel_settings(profile, "api_server", facts.catalog).get("extra")
    text = gateway_environment(facts, profile).get(API_SERVER_PORT, "").strip()
    if not text.isdigit():
        text = scalar_text(extra.get("port")) if isinstance(extra, Mapping) else ""
    return text if text.isdigit() else "8642"


def _is_taken(facts: Facts, profile: ProfileFacts, port: int) -> bool:
    others = (other for name, other in facts.profiles.items() if name != profile.name)
    own = (claim for claim in profile.held.ports if claim.channel != "api_server")
    return any(claim.port == port for claim in (*own, *(claim for other in others for claim in other.held.ports)))


def _port_repairs(facts: Facts, profile: ProfileFacts, block: tuple[str, ...], port: int) -> tuple[EditFile, ...]:
    """Return the edits that move an ignored port to `.env`, () where the port is taken or an edit is ambiguous."""
    known = facts.catalog.known_names
    if _is_taken(facts, profile, port) or facts.managed.environment.get(API_SERVER_PORT):
        return ()
    edits = (
        EditFile(profile.home / CONFIG_FILE, partial(_without_port, block=block)),
        EditFile(profile.home / ENV_FILE, partial(_with_port, port=port, known=known)),
    )
    try:
        for edit in edits:
            edit.edit(profile.files.raw(edit.path.name) or b"", edit.path.name)
    except DocumentError:
        return ()
    return edits


def _without_port(raw: bytes, path: str, *, block: tuple[str, ...]) -> bytes:
    """Return config.yaml without the ignored port. Raises DocumentError."""
    from hermes_profiles.documents.yaml.document import YamlDocument

    document = YamlDocument.parse(raw, path=path)
    entry = document.get((*block, "port"))
    if entry is None or entry.via != "own":
        raise DocumentError(path, entry.line if entry is not None else None, "the port cannot be moved safely")
    return document.edit(remove=(entry,))


def _with_port(raw: bytes, path: str, *, port: int, known: frozenset[str]) -> bytes:
    """Return `.env` with the port of the API server. Raises DocumentError."""
    from hermes_profiles.documents.dotenv.document import EnvDocument

    document = EnvDocument.parse(raw, path=path, known_keys=known)
    entry = document.get(API_SERVER_PORT)
    if entry is None:
        return document.edit(append=((API_SERVER_PORT, str(port)),))
    return document.edit(set_values={entry: str(port)})


def legacy_differs(facts: Facts) -> Iterator[Finding]:
    """Find channels with different settings in gateway.json and config.yaml; config.yaml wins."""
    for profile in facts.profiles.values():
        legacy = legacy_blocks(profile.files)
        if not legacy:
            continue
        differing: dict[str, list[tuple[str, ...]]] = {}
        for name, block in legacy.items():
            channel = facts.catalog.channel_of_config_key(str(name))
            if channel is None or not isinstance(block, Mapping):
                continue
            for path, other in channel_blocks(profile, channel, facts.catalog):
                if len(path) > 1:
                    differing.setdefault(channel, []).extend(_differing(block, other))
        differing = {channel: paths for channel, paths in differing.items() if paths}
        if differing:
            keys = [".".join((channel, *path)) for channel, paths in differing.items() for path in paths]
            yield Finding(
                f"gateway.json and config.yaml of {profile_label(profile)} differ in {join_names(keys)}:"
                " config.yaml wins",
                Fix(
                    "remove these keys from gateway.json, a file of older releases",
                    shell_command("${EDITOR:-vi}", [profile.home / LEGACY_CONFIG_FILE]),
                ),
                (profile.name,),
                next(iter(differing)) if len(differing) == 1 else None,
                tuple(
                    profile.at_path(("platforms", channel, *path), LEGACY_CONFIG_FILE)
                    for channel, paths in differing.items()
                    for path in paths
                ),
                severity=reduced_severity(profile, Severity.WARNING),
            )


def _differing(legacy: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the paths that both mappings have with different values; unusual key names are left out."""
    for key, value in legacy.items():
        if key not in current or not _SHOWN.fullmatch(str(key)):
            continue
        if isinstance(value, Mapping) and isinstance(current[key], Mapping):
            yield from ((str(key), *path) for path in _differing(value, current[key]))
        elif key == "enabled":
            if is_truthy(value) != is_truthy(current[key]):
                yield (str(key),)
        elif value != current[key] and scalar_text(value) != scalar_text(current[key]):
            yield (str(key),)


def old_schema(facts: Facts) -> Iterator[Finding]:
    """Find config.yaml files with an older schema than the installed Hermes writes; one finding lists all."""
    schema = facts.tree.schema
    if schema is None or not any(version < schema.version for _, version in _versions(facts.profiles.values())):
        return
    older = [profile for profile, version in _versions(facts.all_profiles()) if version < schema.version]
    if older:
        names = tuple(profile.name for profile in older)
        yield Finding(
            f"config.yaml of {join_names(names)} has a schema older than {schema.version}, that of "
            "the installed Hermes",
            Fix(
                "migrate each file (Hermes rewrites it and drops comments)",
                f"hermes -p {names[0]} config migrate",
            ),
            names,
            evidence=tuple(_at_version(profile) for profile in older),
        )


def newer_schema(facts: Facts) -> Iterator[Finding]:
    """Find config.yaml files with a newer schema than the installed Hermes knows."""
    schema = facts.tree.schema
    for profile, version in _versions(facts.profiles.values()):
        if schema is not None and version > schema.version:
            yield Finding(
                f"config.yaml of {profile_label(profile)} has schema {version}: the installed Hermes knows"
                f" {schema.version} and older",
                Fix("update Hermes", "hermes update"),
                (profile.name,),
                evidence=(_at_version(profile),),
                severity=reduced_severity(profile, Severity.WARNING),
            )


def _versions(profiles: Iterable[ProfileFacts]) -> Iterator[tuple[ProfileFacts, int]]:
    for profile in profiles:
        # `hermes config set` creates a file without a version, so a missing version is not a fault.
        version = _written_version(profile.files.raw(CONFIG_FILE) or b"")
        if version is not None:
            yield profile, version


# Many profiles have equal files.
@lru_cache(maxsize=64)
def _written_version(raw: bytes) -> int | None:
    """Return the schema version that a config.yaml names, None without one and where it is broken."""
    value = sections_in(raw, CONFIG_FILE, EVERYTHING, []).get(_SCHEMA) if _SCHEMA.encode() in raw else None
    return _version(value) if value is not None else None


def _at_version(profile: ProfileFacts) -> Evidence:
    return profile.at(CONFIG_FILE, _SCHEMA, _schema_line(profile.files.raw(CONFIG_FILE) or b""))


@lru_cache(maxsize=64)
def _schema_line(raw: bytes) -> int | None:
    return yaml_line(raw, (_SCHEMA,))


def _version(value: object) -> int:
    """Return a schema version as Hermes reads it: 0 for anything but a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return 0
    try:
        return max(int(value), 0)
    except ValueError:
        return 0
