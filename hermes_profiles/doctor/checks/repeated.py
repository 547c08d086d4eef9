"""Reports keys that a file has twice: Hermes takes the last one, other programs another one or none. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, profile_label, shell_command
from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.documents.yaml.outline import Repeated, repeated_keys
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .settings import reduced_severity

_ASSIGNMENT = lazy_pattern(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SHOWN = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,80}")


def repeated(facts: Facts) -> Iterator[Finding]:
    """Find keys that config.yaml, .env or .op.env has twice; in an environment file with different values."""
    for profile in facts.profiles.values():
        for file in (CONFIG_FILE, ENV_FILE, OP_ENV_FILE):
            raw = profile.files.raw(file)
            rows = tuple(_in_yaml(raw) if file == CONFIG_FILE else _in_env(raw, facts)) if raw else ()
            if rows:
                yield _finding(profile, file, rows)


def _finding(profile: ProfileFacts, file: str, rows: tuple[Repeated, ...]) -> Finding:
    names = [_shown(".".join(row.path)) for row in rows]
    places = join_names(f"{name} (lines {row.first} and {row.last})" for name, row in zip(names, rows, strict=True))
    which = "line " + join_names(str(row.last) for row in rows)
    return Finding(
        f"{file} of {profile_label(profile)} has {places} twice: Hermes takes the last one, {which}, and"
        " ignores the rest",
        Fix("join them, or remove the one that you do not want", shell_command("${EDITOR:-vi}", [profile.home / file])),
        (profile.name,),
        evidence=tuple(
            profile.at(file, name, line)
            for name, row in zip(names, rows, strict=True)
            for line in (row.first, row.last)
        ),
        severity=reduced_severity(profile, Severity.WARNING),
    )


def _shown(name: str) -> str:
    """Return a key for a message; an unusual one is not shown, for it can be a secret in the wrong place."""
    name = name.replace(".[]", "[]")
    return name if _SHOWN.fullmatch(name) else "a key"


def _in_yaml(raw: bytes) -> Iterator[Repeated]:
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    plain = repeated_keys(text) if "\t" not in text else None
    if plain is not None:
        yield from plain
        return
    from hermes_profiles.documents.yaml.document import YamlDocument

    try:
        document = YamlDocument.parse(raw)
    except DocumentError:
        return  # `files.broken`
    lines: dict[tuple[str, ...], list[int]] = {}
    for entry in document.entries:
        if entry.duplicate and entry.via == "own":
            lines.setdefault(entry.path, []).append(entry.key_line)
    for path, found in lines.items():
        if len(set(found)) > 1:
            yield Repeated(path, min(found), max(found))


def _in_env(raw: bytes, facts: Facts) -> Iterator[Repeated]:
    seen: dict[str, tuple[int, str]] = {}
    for name, line, value in _assignments(raw, facts):
        before = seen.get(name)
        seen[name] = (line, value)
        if before is not None and before[1] != value:
            yield Repeated((name,), before[0], line)


def _assignments(raw: bytes, facts: Facts) -> Iterator[tuple[str, int, str]]:
    if read_simple_env(raw) is not None:
        for number, line in enumerate(raw.decode().split("\n"), 1):
            match = _ASSIGNMENT.fullmatch(line)
            if match is not None:
                yield match[1], number, match[2].strip("\"'")
        return
    from hermes_profiles.documents.dotenv.normalize import parsed

    document = parsed(raw, facts.catalog.known_names)
    for entry in document.entries if document is not None else ():
        if not entry.commented and "dotenv" in entry.readers:
            yield entry.name, entry.line, entry.value
