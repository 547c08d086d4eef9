"""Reports secrets exposed by file modes, stray copies or service files, and files with a wrong owner. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity, TightenMode
from hermes_profiles.doctor.wording import join_names, plural, profile_label, shell_command
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    RESPONSE_DATABASE,
    WEBHOOKS_FILE,
)
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.channels import legacy_blocks
from hermes_profiles.profiles.tree_walk import EntryKind

from .settings import (
    gateway_environment,
    is_real_secret,
    is_secret_name,
    reduced_severity,
    secret_paths,
    secret_variables,
)

# What Hermes itself keeps at 0600 (FACTS: gateway/platforms/api_server.py, hermes_cli/{config,auth,webhook}.py).
_OWNER_ONLY = (
    ENV_FILE,
    OP_ENV_FILE,
    AUTH_FILE,
    RESPONSE_DATABASE,
    "response_store.db-wal",
    "response_store.db-shm",
    WEBHOOKS_FILE,
)
_DOCUMENTS = (CONFIG_FILE, LEGACY_CONFIG_FILE)
_LOOSE = 0o066
_ASSIGNED = lazy_pattern(rb"""\b([A-Z][A-Z0-9_]{3,})\b(?:</key>\s*<string>|["']?\s*[=:]\s*["']?)([^\s"'<,;\\]+)""")


def readable_secret(facts: Facts) -> Iterator[Finding]:
    """Find files with secrets that other users can read by their mode.

    The severity is error when the folders above let other users pass, and warning when only a folder protects a file
    that must have mode 0600.
    """
    for name, profile in facts.profiles.items():
        reachable = facts.tree.reachable_modes.get(name, 0o077)
        meant = 0o006 if facts.tree.meant_for_group else _LOOSE
        loose = [
            (path, fact, bool(fact.mode & reachable & meant))
            for path, fact in _judged(facts, profile, reachable)
            if fact.mode & meant
        ]
        if loose:
            yield _readable(facts, profile, loose)


def _judged(facts: Facts, profile: ProfileFacts, reachable: int) -> Iterator[tuple[str, FileFact]]:
    """Yield the loose files that only their owner should read."""
    listing, targets = profile.listing, facts.tree.targets.get(profile.name, {})
    for path in (*_OWNER_ONLY, *_DOCUMENTS):
        fact = listing.get(path)
        if fact is None:
            continue
        if fact.kind is EntryKind.LINK:
            fact = targets.get(path)
        if fact is None or fact.kind is not EntryKind.FILE or not fact.mode & _LOOSE:
            continue
        if path in _OWNER_ONLY or (fact.mode & reachable & _LOOSE and _holds_secret(profile, path, facts)):
            yield path, fact
    for path in facts.tree.copies.get(profile.name, {}):
        if listing[path].mode & _LOOSE and _secrets_in_copy(facts, profile, path):
            yield path, listing[path]
    for path, (fact, raw) in facts.tree.readable.get(profile.name, {}).items():
        if not path.endswith(".json") or _is_telling(raw):
            yield path, fact


def _is_telling(raw: bytes) -> bool:
    """Return whether a JSON file contains a value that looks like a secret."""
    from hermes_profiles.credentials.search.value_index import secrets_in_json

    return bool(secrets_in_json(raw.decode("utf-8", "replace")))


def _holds_secret(profile: ProfileFacts, path: str, facts: Facts) -> bool:
    data = profile.config if path == CONFIG_FILE else legacy_blocks(profile.files)
    return next(secret_paths(data, facts.catalog), None) is not None


def _readable(facts: Facts, profile: ProfileFacts, loose: list[tuple[str, FileFact, bool]]) -> Finding:
    names = join_names(path for path, _, _ in loose)
    exposed = any(reached for _, _, reached in loose)
    many = len(loose) > 1
    if exposed:
        message = f"other users of this machine can read {names} of {profile_label(profile)}"
    else:
        are, it = ("are", "them") if many else ("is", "it")
        message = (
            f"{names} of {profile_label(profile)} {are} readable by other users; only the folder above protects {it}"
        )
    own = [fact for _, fact, _ in loose if facts.uid in (fact.uid, 0)]
    inside = [fact for fact in own if fact.path.is_relative_to(profile.home)]
    return Finding(
        message,
        Fix(
            "remove the access of other users",
            shell_command("chmod go-rwx", [fact.path for _, fact, _ in loose]),
        ),
        (profile.name,),
        evidence=tuple(Evidence(profile.name, str(fact.path)) for _, fact, _ in loose),
        repairs=tuple(TightenMode(fact.path, fact.mode & 0o700, fact.signature) for fact in inside)
        if len(inside) == len(loose)
        else (),
        severity=None if exposed else Severity.WARNING,
    )


def stray_copy(facts: Facts) -> Iterator[Finding]:
    """Find copies of documents (such as `.env.bak`) that contain secrets.

    `--fix` does not remove them, because a copy can be the only good one.
    """
    for name, profile in facts.profiles.items():
        copies = facts.tree.copies.get(name, {})
        held = {path: inside for path in copies if (inside := _secrets_in_copy(facts, profile, path))}
        if not held:
            continue
        what = "are copies with" if len(held) > 1 else "is a copy with"
        keys = join_names(key for found in held.values() for key in found)
        yield Finding(
            f"{join_names(held)} of {profile_label(profile)} {what} secrets: {keys}",
            Fix(
                f"remove {plural(held, 'it', 'them')} if no longer needed",
                shell_command("rm --", [profile.home / path for path in held]),
            ),
            (name,),
            evidence=tuple(profile.at(path, found[0]) for path, found in held.items()),
        )


def _secrets_in_copy(facts: Facts, profile: ProfileFacts, path: str) -> tuple[str, ...]:
    """Return the names of the secrets in a stray copy: current values, and assignments on its lines."""
    raw = facts.tree.copies[profile.name][path]
    text = raw.replace(b"\0", b"")
    found = [
        name
        for name, value in secret_variables(gateway_environment(facts, profile), facts.catalog).items()
        if value.encode("utf-8", "surrogatepass") in text
    ]
    for match in _ASSIGNED.finditer(text):
        line = text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()].lstrip()
        if not line.startswith(b"#") and _is_secret(match, facts):
            found.append(match[1].decode())
    return tuple(dict.fromkeys(found))


def _is_secret(match: re.Match[bytes], facts: Facts) -> bool:
    value = match[2].decode("utf-8", "replace")
    return is_secret_name(match[1].decode(), facts.catalog) and is_real_secret(value, facts.catalog)


def secret_in_unit(facts: Facts) -> Iterator[Finding]:
    """Find secrets in service files and alias scripts, which other users can read."""
    for script in facts.tree.scripts:
        yield from _in_text(facts, script.profile, script.fact.path, script.text, is_alias=script.is_alias)
    for definition in facts.services.definitions:
        for path, text in definition.contents.items():
            yield from _in_text(facts, definition.profile, path, text)


def _in_text(facts: Facts, name: str | None, path: Path, text: bytes, *, is_alias: bool = False) -> Iterator[Finding]:
    if name in facts.others:
        return
    profile = facts.profiles.get(name or "")
    found: dict[str, int] = {}
    for match in _ASSIGNED.finditer(text):
        line = text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()].lstrip()
        if not line.startswith((b"#", b";")) and _is_secret(match, facts):
            found.setdefault(match[1].decode(), text.count(b"\n", 0, match.start()) + 1)
    known = secret_variables(gateway_environment(facts, profile), facts.catalog) if profile is not None else {}
    for key, value in known.items():
        at = text.find(value.encode("utf-8", "surrogatepass"))
        if at >= 0:
            found.setdefault(key, text.count(b"\n", 0, at) + 1)
    if found:
        yield _in_script(path, is_alias, profile, found)


def _in_script(path: Path, is_alias: bool, profile: ProfileFacts | None, lines: dict[str, int]) -> Finding:
    what = "the alias script" if is_alias else "the service file"
    name = profile.name if profile is not None else None
    owner_label = f" of {profile_label(profile)}" if profile is not None else ""
    home = profile.home / ENV_FILE if profile is not None else ".env of its profile"
    return Finding(
        f"{what} {path.name}{owner_label} contains {join_names(lines)}: secrets belong in .env",
        Fix(
            f"move {plural(lines, 'it', 'them')} to {home}",
            shell_command("${EDITOR:-vi}", [path]),
        ),
        (name,) if name is not None else (),
        evidence=tuple(Evidence(name, str(path), line, key) for key, line in lines.items()),
    )


def foreign_owner(facts: Facts) -> Iterator[Finding]:
    """Find files owned by another user than their home, for example after `sudo`. The gateway cannot use them."""
    root = facts.tree.root
    for name, profile in facts.profiles.items():
        home = facts.tree.homes.get(name)
        if home is None or root is None:
            continue
        if home.uid != root.uid:
            yield _foreign(facts, profile, [("", home)], root.uid)
            continue
        strange = [
            (path, fact)
            for path, fact in profile.listing.items()
            if fact.uid != home.uid
            and fact.kind is not EntryKind.LINK
            and path != "profiles"
            and not _is_shared(facts, fact)
        ]
        if strange:
            yield _foreign(facts, profile, strange, home.uid)


def _is_shared(facts: Facts, fact: FileFact) -> bool:
    """Return whether a file is shared with a group on purpose, so that its owner does not matter."""
    return facts.tree.meant_for_group and fact.mode & 0o060 == 0o060


def _foreign(facts: Facts, profile: ProfileFacts, strange: list[tuple[str, FileFact]], owner: int) -> Finding:
    users = facts.tree.users
    owner_label = join_names(users.get(fact.uid, str(fact.uid)) for _, fact in strange)
    tops = list(dict.fromkeys(path.partition("/")[0] for path, _ in strange))
    what = (
        f"{join_names(tops)} of {profile_label(profile)}" if tops != [""] else f"the home of {profile_label(profile)}"
    )
    verb = "belongs" if len(tops) == 1 else "belong"
    paths = [profile.home / top for top in tops] if len(tops) <= 4 else [profile.home]
    name = users.get(owner, str(owner))
    return Finding(
        f"{what} {verb} to {owner_label}, not to {name}, so its gateway may have no access",
        Fix(f"change the owner to {name}", shell_command(f"sudo chown -R {name}:", paths)),
        (profile.name,),
        evidence=tuple(profile.at(path) for path, _ in strange),
        severity=reduced_severity(profile, Severity.ERROR),
    )


def unwritable(facts: Facts) -> Iterator[Finding]:
    """Find homes in which this user cannot write, as on a read-only file system; `foreign_owner` has those of others.

    One finding names all homes of a read-only file system.
    """
    root = facts.tree.root
    places: dict[Path | str, list[str]] = {}
    for name, found in facts.tree.obstacles.items():
        home = facts.tree.homes.get(name)
        if found.is_read_only or root is None or home is None or home.uid == root.uid:
            places.setdefault(found.reason if found.is_read_only else found.place, []).append(name)
    for names in places.values():
        first = facts.tree.obstacles[names[0]]
        yield Finding(
            f"{first.place} {first.reason}: {plural(names, 'the gateway', 'the gateways')} of {join_names(names)} "
            "cannot start, and no setting there can be changed",
            Fix(first.way_out, first.command),
            tuple(names),
            evidence=tuple(Evidence(name, str(facts.tree.obstacles[name].place)) for name in names),
            severity=Severity.INFO if all(facts.profiles[name].disabled for name in names) else None,
        )
