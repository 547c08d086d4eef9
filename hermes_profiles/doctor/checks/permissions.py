"""Who else can read the secrets of a profile: modes, stray copies, service files, owners. Pure."""

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
_ASSIGNED = re.compile(rb"""\b([A-Z][A-Z0-9_]{3,})\b(?:</key>\s*<string>|["']?\s*[=:]\s*["']?)([^\s"'<,;\\]+)""")


def readable_secret(facts: Facts) -> Iterator[Finding]:
    """Find files with secrets whose mode lets others in: an error where they can get there, and a warning for what
    must be 0600 whatever the folder above it."""
    for name, profile in facts.profiles.items():
        way = facts.tree.reachable_modes.get(name, 0o077)
        meant = 0o006 if facts.tree.meant_for_group else _LOOSE
        loose = [
            (path, fact, bool(fact.mode & way & meant))
            for path, fact in _judged(facts, profile, way)
            if fact.mode & meant
        ]
        if loose:
            yield _readable(facts, profile, loose)


def _judged(facts: Facts, profile: ProfileFacts, way: int) -> Iterator[tuple[str, FileFact]]:
    """Yield the files that must be their owner's alone."""
    listing, targets = profile.listing, facts.tree.targets.get(profile.name, {})
    for path in (*_OWNER_ONLY, *_DOCUMENTS):
        fact = listing.get(path)
        if fact is None:
            continue
        if fact.kind is EntryKind.LINK:
            fact = targets.get(path)
        if fact is None or fact.kind is not EntryKind.FILE or not fact.mode & _LOOSE:
            continue
        if path in _OWNER_ONLY or (fact.mode & way & _LOOSE and _holds_secret(profile, path, facts)):
            yield path, fact
    for path in facts.tree.copies.get(profile.name, {}):
        if listing[path].mode & _LOOSE and _secrets_in_copy(facts, profile, path):
            yield path, listing[path]
    for path, (fact, raw) in facts.tree.readable.get(profile.name, {}).items():
        if not path.endswith(".json") or _is_telling(raw):
            yield path, fact


def _is_telling(raw: bytes) -> bool:
    """Return whether a JSON file holds something like a secret."""
    from hermes_profiles.credentials.value_index import secrets_in_json

    return bool(secrets_in_json(raw.decode("utf-8", "replace")))


def _holds_secret(profile: ProfileFacts, path: str, facts: Facts) -> bool:
    data = profile.config if path == CONFIG_FILE else legacy_blocks(profile.files)
    return next(secret_paths(data, facts.catalog), None) is not None


def _readable(facts: Facts, profile: ProfileFacts, loose: list[tuple[str, FileFact, bool]]) -> Finding:
    names = join_names(path for path, _, _ in loose)
    exposed = any(reached for _, _, reached in loose)
    many = len(loose) > 1
    if exposed:
        message = f"others on this machine can read {names} of {profile_label(profile)}"
    else:
        are = "are" if many else "is"
        message = f"{names} of {profile_label(profile)} {are} open to others; only the folder above keeps them out"
    own = [fact for _, fact, _ in loose if facts.uid in (fact.uid, 0)]
    inside = [fact for fact in own if fact.path.is_relative_to(profile.home)]
    return Finding(
        message,
        Fix(
            "make them their owner's alone" if many else "make it its owner's alone",
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
    """Find copies of documents (`.env.bak`) that hold secrets: one more place to forget. None is removed by itself:
    whether it is the only good copy is known to its owner alone, and who else may read it is another check's."""
    for name, profile in facts.profiles.items():
        copies = facts.tree.copies.get(name, {})
        held = {path: inside for path in copies if (inside := _secrets_in_copy(facts, profile, path))}
        if not held:
            continue
        what = "are copies that hold" if len(held) > 1 else "is a copy that holds"
        keys = join_names(key for each in held.values() for key in each)
        yield Finding(
            f"{join_names(held)} of {profile_label(profile)} {what} secrets: {keys}",
            Fix(
                f"remove {plural(held, 'it', 'them')} when nobody needs {plural(held, 'it', 'them')} any more",
                shell_command("rm --", [profile.home / path for path in held]),
            ),
            (name,),
            evidence=tuple(profile.at(path, each[0]) for path, each in held.items()),
        )


def _secrets_in_copy(facts: Facts, profile: ProfileFacts, path: str) -> tuple[str, ...]:
    """Return the names of the secrets in a stray copy: those of the profile, and those that a line of it sets."""
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
    """Find secrets in service files and alias scripts: those are not made for one reader."""
    for script in facts.tree.scripts:
        yield from _in_text(facts, script.profile, script.fact.path, script.text, is_alias=script.is_alias)
    for definition in facts.services.definitions:
        for path, text in definition.contents.items():
            yield from _in_text(facts, definition.profile, path, text)


def _in_text(facts: Facts, name: str | None, path: Path, text: bytes, *, is_alias: bool = False) -> Iterator[Finding]:
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


def _in_script(path: Path, is_alias: bool, profile: ProfileFacts | None, found: dict[str, int]) -> Finding:
    what = "the alias script" if is_alias else "the service file"
    name = profile.name if profile is not None else None
    whose = f" of {profile_label(profile)}" if profile is not None else ""
    home = profile.home / ENV_FILE if profile is not None else ".env of its profile"
    return Finding(
        f"{what} {path.name}{whose} holds {join_names(found)}: secrets belong in .env alone",
        Fix(
            f"move {plural(found, 'it', 'them')} to {home} and take {plural(found, 'it', 'them')} out of the file",
            shell_command('"${EDITOR:-vi}"', [path]),
        ),
        (name,) if name is not None else (),
        evidence=tuple(Evidence(name, str(path), line, key) for key, line in found.items()),
    )


def foreign_owner(facts: Facts) -> Iterator[Finding]:
    """Find files of a home that belong to another user than the home: what `sudo` leaves locks the gateway out."""
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
    """Return whether a file may belong to somebody else since its group can write to it on purpose."""
    return facts.tree.meant_for_group and fact.mode & 0o060 == 0o060


def _foreign(facts: Facts, profile: ProfileFacts, strange: list[tuple[str, FileFact]], owner: int) -> Finding:
    users = facts.tree.users
    whose = join_names(users.get(fact.uid, str(fact.uid)) for _, fact in strange)
    tops = list(dict.fromkeys(path.partition("/")[0] for path, _ in strange))
    what = (
        f"{join_names(tops)} of {profile_label(profile)}" if tops != [""] else f"the home of {profile_label(profile)}"
    )
    verb = "belongs" if len(tops) == 1 else "belong"
    paths = [profile.home / top for top in tops] if len(tops) <= 4 else [profile.home]
    name = users.get(owner, str(owner))
    return Finding(
        f"{what} {verb} to {whose}, not to {name}, so its gateway may be locked out",
        Fix(
            f"give {'it' if len(tops) == 1 else 'them'} back to {name}", shell_command(f"sudo chown -R {name}:", paths)
        ),
        (profile.name,),
        evidence=tuple(profile.at(path) for path, _ in strange),
        severity=reduced_severity(profile, Severity.ERROR),
    )
