"""Reports invalid folders, unfinished profiles, and a sticky profile or alias of a missing profile. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.doctor.facts.profile import FileFact
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, RemoveFile, RenameFolder, Severity
from hermes_profiles.doctor.wording import join_names, profile_label, shell_command
from hermes_profiles.hermes.files import (
    CONFIG_FILE,
    ENV_FILE,
    IDENTITY_FILES,
    JOBS_FILE,
    LEGACY_CONFIG_FILE,
    ROOT_FOLDER,
)
from hermes_profiles.hermes.profile_names import RESERVED
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.profiles.listing import FolderFault
from hermes_profiles.profiles.tree_walk import EntryKind

_HOUR = 3600


def bad_folder(facts: Facts) -> Iterator[Finding]:
    """Find entries of `profiles/` that are no profile: an invalid name (hermes_cli/profiles.py), a link to nothing."""
    for fact in facts.tree.other_entries:
        if fact.path.name == DEFAULT and fact.kind is EntryKind.FOLDER:
            continue
        shown = _shown(fact)
        if fact.kind is EntryKind.LINK and is_profile_folder_name(fact.path.name):
            yield Finding(
                f"the profile {shown} is a link to a folder that does not exist, so nothing lists it",
                Fix("bring that folder back, or remove the link", shell_command("ls -ld", [fact.path])),
                evidence=(Evidence(None, str(fact.path)),),
            )
            continue
        if fact.kind is not EntryKind.FOLDER:
            yield Finding(
                f"{shown} in the profiles folder is not a profile",
                Fix("move it elsewhere", shell_command("ls -ld", [fact.path])),
                evidence=(Evidence(None, str(fact.path)),),
                severity=Severity.INFO,
            )
            continue
        target = _target(facts, fact)
        yield Finding(
            f"the folder {shown} is not a profile for Hermes: its name must be 1 to 64 of a-z, 0-9, _ and -",
            Fix(
                f"rename it to {target.name}",
                shell_command("hermes-profiles doctor --fix --only", ["files.bad-folder"]),
            )
            if target is not None
            else Fix("rename it, or move it elsewhere", shell_command("ls -ld", [fact.path])),
            evidence=(Evidence(None, str(fact.path)),),
            repairs=(RenameFolder(fact.path, target),) if target is not None else (),
        )


def _shown(fact: FileFact) -> str:
    return repr(fact.path.name[:80])


def _target(facts: Facts, fact: FileFact) -> Path | None:
    """Return the path with a valid profile name, None when it is taken or something refers to the old path."""
    name = fact.path.name.lower()
    target = fact.path.with_name(name)
    taken = {entry.path.name.lower() for entry in facts.tree.other_entries if entry.path != fact.path}
    taken |= {*facts.profiles, *facts.others}
    if not is_profile_folder_name(name) or name in RESERVED or name in taken or fact.path in facts.tree.folders_in_use:
        return None
    if facts.active == fact.path.name or any(str(fact.path).encode() in script.text for script in facts.tree.scripts):
        return None
    old = str(fact.path).encode()
    for profile in facts.all_profiles():
        for file in (ENV_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE, JOBS_FILE):
            if old in (profile.files.raw(file) or b""):
                return None
    return target


def real_default(facts: Facts) -> Iterator[Finding]:
    """Find a folder `profiles/default`; the default profile is the root itself, so Hermes never reads it."""
    for fact in facts.tree.other_entries:
        if fact.path.name == DEFAULT and fact.kind is EntryKind.FOLDER:
            yield Finding(
                "Hermes does not read the folder profiles/default: the default profile is the root itself",
                Fix(
                    "rename it, which makes it a separate profile",
                    shell_command("mv -n", [fact.path, fact.path.with_name("default-2")]),
                ),
                evidence=(Evidence(None, str(fact.path)),),
            )


def deleted_name(facts: Facts) -> Iterator[Finding]:
    """Find folders whose name Hermes has marked as deleted: it neither lists nor serves them (hermes_constants.py)."""
    for fact in facts.tree.unlisted:
        if fact.fault is not FolderFault.DELETED or fact.marker is None:
            continue
        name, marker = fact.home.path.name, fact.marker
        if fact.is_newer:
            message = f"{name} exists again, but keeps the marker of its deletion by Hermes: it is not a profile"
            fix = Fix("remove the marker", shell_command("hermes-profiles doctor --fix --only", ["files.deleted-name"]))
        else:
            message = f"the folder of the deleted profile {name} remains: Hermes neither lists nor serves it"
            fix = Fix(
                f"move it to the trash; to keep it as a profile, remove {marker.path}",
                shell_command("hermes-profiles delete", [name]),
            )
        yield Finding(
            message,
            fix,
            evidence=(Evidence(None, str(marker.path)), Evidence(None, str(fact.home.path))),
            repairs=(RemoveFile(marker.path, marker.signature),) if fact.is_newer else (),
        )


def ghost_folder(facts: Facts) -> Iterator[Finding]:
    """Find folders without any file of a profile: Hermes does not list them (hermes_constants.py)."""
    for fact in facts.tree.unlisted:
        if fact.fault is FolderFault.NO_IDENTITY:
            name = fact.home.path.name
            yield Finding(
                f"the folder {name} is not a profile: it has none of {join_names(IDENTITY_FILES)}",
                Fix(
                    f"move it to the trash; to have a profile, put config.yaml or {ENV_FILE} into it",
                    shell_command("hermes-profiles delete", [name]),
                ),
                evidence=(Evidence(None, str(fact.home.path)),),
            )


def leftover_staging(facts: Facts) -> Iterator[Finding]:
    """Find unfinished profiles left behind by a killed command."""
    old = [fact for fact in facts.tree.staging if fact.mtime < facts.now - _HOUR and fact.kind is EntryKind.FOLDER]
    for fact in old:
        yield Finding(
            f"{_shown(fact)} in the profiles folder is an unfinished profile and can contain secrets",
            Fix("remove it", shell_command("rm -r --", [fact.path])),
            evidence=(Evidence(None, str(fact.path)),),
        )


def sticky_gone(facts: Facts) -> Iterator[Finding]:
    """Find a sticky profile that does not exist; every `hermes` without `-p` then fails.

    Source: hermes_cli/main.py, `_apply_profile_override`.
    """
    fact = facts.tree.active
    if facts.is_profile(facts.active) or fact is None or not facts.profiles:
        return
    name = facts.active if is_profile_folder_name(facts.active) else "an invalid name"
    yield Finding(
        f"active_profile names {name}, which is not a profile: every `hermes` without -p fails",
        Fix("set another sticky profile", "hermes-profiles use default"),
        evidence=(Evidence(None, str(fact.path)),),
        repairs=(RemoveFile(fact.path, fact.signature),) if fact.kind is EntryKind.FILE else (),
    )


def orphan_alias(facts: Facts) -> Iterator[Finding]:
    """Find alias scripts of missing profiles. Aliases always use `~/.hermes`, so other roots are not checked."""
    if facts.layout.root != facts.layout.user_home / ROOT_FOLDER:
        return
    gone: dict[str, list[FileFact]] = {}
    exact: dict[str, bool] = {}
    for script in facts.tree.scripts:
        if script.is_alias and script.profile is not None and not facts.is_profile(script.profile):
            gone.setdefault(script.profile, []).append(script.fact)
            exact[script.profile] = exact.get(script.profile, True) and script.exact
    for name, found in gone.items():
        own, paths = exact[name], [fact.path for fact in found]
        yield Finding(
            f"{'the alias' if own else 'the script'} {join_names(fact.path.name for fact in found)} starts {name},"
            " which does not exist",
            Fix("remove it", shell_command("rm --", paths))
            if own
            else Fix("remove it, or set another profile in it; this command prints it", shell_command("cat", paths)),
            (),
            evidence=tuple(Evidence(None, str(fact.path)) for fact in found),
            repairs=tuple(RemoveFile(fact.path, fact.signature) for fact in found) if own else (),
        )


def nested_home(facts: Facts) -> Iterator[Finding]:
    """Find homes inside a home: of a process without HERMES_HOME, or copies of a home."""
    for name, homes in facts.tree.nested.items():
        for home in homes:
            yield Finding(
                f"{home.path} in the home of {profile_label(facts.profiles[name])} is another Hermes home: a process"
                " that uses it runs with the identities in it",
                Fix(
                    "see what is in it, then move it out of the profile or delete it",
                    shell_command("ls -la", [home.path]),
                ),
                (name,),
                evidence=(Evidence(name, str(home.path)),),
            )
