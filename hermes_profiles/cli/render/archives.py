"""The reports of `export` and `import`: what is in the file, what is not and why, the next steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import TYPE_CHECKING, Any

from hermes_profiles.archives.model import EntryType, NotArchived
from hermes_profiles.model.text import first_names

if TYPE_CHECKING:
    from hermes_profiles.operations.archives.export_profiles import Export
    from hermes_profiles.operations.archives.import_profiles import Import, ImportedProfile

_NAMED = 6
_CONTENTS = {
    "shareable": "no identities, no keys",
    "keys": "keys, no identities",
    "complete": "everything, identities and keys included",
}


def left_rows(rows: Iterable[NotArchived]) -> list[dict[str, str]]:
    """Return what is not in a file, or stays behind, as rows of the command contract."""
    return [{"path": row.path, "reason": row.reason} for row in rows]


def export_data(done: Export) -> dict[str, Any]:
    """Return a written archive as the command contract has it."""
    profiles = [
        {
            "name": profile.name,
            "files": None if done.dry_run else sum(entry.type is EntryType.FILE for entry in profile.entries),
            "bytes": None if done.dry_run else profile.size,
            "left_behind": left_rows(profile.left_out),
        }
        for profile in done.manifest.profiles
    ]
    name = "" if len(profiles) > 1 or profiles[0]["name"] != "default" else " --as NAME"
    return {
        "path": str(done.path),
        "contents": str(done.manifest.contents),
        "encrypted": done.encrypted,
        "bytes": done.size,
        "dry_run": done.dry_run,
        "profiles": profiles,
        "next_steps": [f"import it in another root: hermes-profiles import {quote(str(done.path))}{name}"],
    }


def export_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of `export`."""
    names = ", ".join(row["name"] for row in data["profiles"])
    verb = "would be written" if data["dry_run"] else "written"
    how = "encrypted" if data["encrypted"] else "not encrypted"
    size = "" if data["bytes"] is None else f", {data['bytes']:,} bytes"
    yield f"{names}: {verb} to {data['path']} ({_CONTENTS[data['contents']]}; {how}{size})"
    for row in data["profiles"]:
        yield from _left_lines(row["left_behind"], row["name"] if len(data["profiles"]) > 1 else "")
    yield from _next_lines(data)


def import_data(done: Import) -> dict[str, Any]:
    """Return profiles that were taken in as the command contract has them."""
    manifest = done.manifest
    data: dict[str, Any] = {
        "file": str(done.path),
        "format": "hermes" if manifest is None else "hermes-profiles",
        "contents": None if manifest is None else str(manifest.contents),
        "created": None if manifest is None else manifest.created,
        "dry_run": done.change.dry_run,
        "profiles": [
            {
                "name": profile.name,
                "source": profile.source,
                "path": str(profile.home),
                "files": profile.files,
                "bytes": profile.size,
                "left_behind": left_rows(profile.left_behind),
                "assigned": [{"name": name, "value": value} for name, value in profile.assigned.items()],
                "alias": None if profile.alias is None else str(profile.alias),
            }
            for profile in done.profiles
        ],
        "next_steps": [step for profile in done.profiles for step in _steps(profile)],
    }
    if done.change.change is not None:
        data["change"] = done.change.change
    return data


def _steps(profile: ImportedProfile) -> Iterator[str]:
    name = profile.name
    for channel in profile.channels:
        yield f"give it a bot or account of its own: hermes-profiles connect {name} {channel}"
    for key in profile.keys:
        yield f"give it its key: hermes-profiles env set {name} {key}"
    yield f"see what it needs: hermes-profiles doctor {name}"
    yield f"run its gateway, now and at boot: hermes-gateways install {name} --start"


def import_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of `import`."""
    verb = "would be made" if data["dry_run"] else "made"
    for row in data["profiles"]:
        yield f"{row['name']}: {verb} from {row['source']} of {data['file']} at {row['path']} ({row['files']} files)"
        yield from _left_lines(row["left_behind"], "")
        if row["assigned"]:
            own = (
                f"{each['name']}={each['value']}" if each["value"] else f"a fresh {each['name']}"
                for each in row["assigned"]
            )
            yield f"  its own: {', '.join(own)}"
        if row["alias"]:
            yield f"  alias: {row['alias']}"
    yield from _next_lines(data)


def _left_lines(rows: Iterable[Mapping[str, str]], name: str) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["reason"], []).append(row["path"])
    if groups:
        yield f"  left behind{f' of {name}' if name else ''}:"
        yield from (f"    {first_names(paths, _NAMED)}: {reason}" for reason, paths in groups.items())


def _next_lines(data: Mapping[str, Any]) -> Iterator[str]:
    if data["dry_run"]:
        yield "dry run: nothing was changed"
        return
    yield "  next:"
    yield from (f"    {step}" for step in data["next_steps"])
