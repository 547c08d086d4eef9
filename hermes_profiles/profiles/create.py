"""The plan of a new profile without a source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.plan import ChangePlan, MakeFolder, PublishTree, TreeEntry, WriteFile
from hermes_profiles.hermes.files import ENV_FILE, NO_SKILLS_MARKER, PROFILE_FILE, PROFILE_FOLDERS
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret

ENV_HEADER = (
    "# Secrets of this profile alone: what is set here wins over the environment of the shell.\n"
    "# An empty NAME= keeps an inherited value out. Behaviour belongs in config.yaml.\n"
)
NO_SKILLS_NOTE = b"No bundled skills in this profile. Delete this file to get them with the next `hermes update`.\n"


def new_env(assigned: Mapping[str, str], masked: Iterable[str] = ()) -> bytes:
    """Return a new `.env`: the header, the assigned variables, and an empty entry for each masked one."""
    lines = [*(f"{name}={value}\n" for name, value in assigned.items()), *(f"{name}=\n" for name in masked)]
    return (ENV_HEADER + "".join(lines)).encode()


def describe_profile(existing: bytes | None, description: str) -> bytes:
    """Return profile.yaml with this description; other keys of an existing file stay as they are.

    Raises DocumentError when the existing file cannot be edited with certainty.
    """
    text = json.dumps(description.strip(), ensure_ascii=False)
    if not existing or not existing.strip():
        # A JSON string is a YAML string; Hermes 0.19.0 writes these two keys.
        return f"description: {text}\ndescription_auto: false\n".encode()
    from hermes_profiles.documents.yaml.document import YamlDocument

    document = YamlDocument.parse(existing, path=PROFILE_FILE)
    return document.edit(insert=[(("description",), description.strip()), (("description_auto",), "false")])


def build_fresh(
    layout: Layout, name: str, *, description: str | None, skills: bool, command: tuple[str, ...]
) -> ChangePlan:
    """Return the plan of an empty profile: Hermes' folders, an `.env` (0600), its description.

    Hermes itself adds the bundled skills and SOUL.md at the first start.
    """
    entries: list[TreeEntry] = [MakeFolder(folder) for folder in PROFILE_FOLDERS]
    entries.append(WriteFile(ENV_FILE, Secret(new_env({}))))
    if description is not None and description.strip():
        entries.append(WriteFile(PROFILE_FILE, Secret(describe_profile(None, description))))
    if not skills:
        entries.append(WriteFile(NO_SKILLS_MARKER, Secret(NO_SKILLS_NOTE)))
    return ChangePlan(
        command=command,
        summary=f"create {name}",
        steps=(PublishTree(layout.home(name), tuple(entries)), *clear_marker(layout, name)),
        profiles=(name,),
    )
