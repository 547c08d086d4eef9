"""Plans the plugin as a folder `plugins/hermes-profiles` of a profile, and its entry in config.yaml.

An installation of Hermes by git takes no package from pip, so the entry point is not there. A folder with plugin.yaml
and `__init__.py` is a plugin too (hermes_cli/plugins.py). Its text is that of our module for the entry point, with the
names it imports written out: it must import nothing from another environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import hermes_profiles
from hermes_profiles.changes.plan import ChangePlan, PublishTree, ReplaceFile, Step, WriteFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.set_path import set_path
from hermes_profiles.documents.yaml.value import Value, scalar
from hermes_profiles.hermes import environment, files
from hermes_profiles.hermes.files import CONFIG_FILE, PLUGIN_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import read_document

NAME = "hermes-profiles"
MODULE_FILE = "__init__.py"
_IMPORT = "from hermes_profiles."
_ENABLED, _DISABLED = ("plugins", "enabled"), ("plugins", "disabled")


def module_text(program: str) -> str:
    """Return the module of the plugin, which runs `program`."""
    source = Path(hermes_profiles.__file__).parent / "cli" / "hermes_plugin.py"
    lines = source.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(_IMPORT)]
    names = [
        name.strip() for line in lines if line.startswith(_IMPORT) for name in line.split(" import ")[1].split(",")
    ]
    constants = [f"{name} = {json.dumps(_value_of(name))}" for name in names]
    return "\n".join([*kept, "", "", *constants, f"_PROGRAM = ({json.dumps(program)},)", ""])


def _value_of(name: str) -> str:
    """Return the name of a file or variable of Hermes."""
    value: str = getattr(environment, name, None) or getattr(files, name)
    return value


def manifest_text() -> str:
    """Return the plugin.yaml of the plugin."""
    return f"name: {NAME}\nversion: {hermes_profiles.__version__}\ndescription: hermes profiles and hermes gateways\n"


def plugin_folder(layout: Layout, profile: str) -> Path:
    """Return the folder of the plugin in a profile's home."""
    return layout.home(profile) / "plugins" / NAME


def plan_plugin(layout: Layout, profiles: tuple[str, ...], program: str) -> ChangePlan | None:
    """Return the change that puts the plugin into profiles and enables it there, None when it is there already.

    Raises DocumentError when a config.yaml cannot be edited with certainty.
    """
    steps = [step for profile in profiles for step in _put(layout, profile, program)]
    command = ("shim", "plugin", *profiles)
    return (
        ChangePlan(command, f"put the plugin into {', '.join(profiles)}", tuple(steps), 0, profiles) if steps else None
    )


def plan_remove_plugin(
    layout: Layout, profiles: tuple[str, ...], *, trash_id: str, deleted_at: str
) -> ChangePlan | None:
    """Return the change that moves the plugin of profiles to the trash and disables it, None without one."""
    steps: list[Step] = []
    for profile in profiles:
        folder = plugin_folder(layout, profile)
        if folder.is_dir():
            steps += steps_to_trash_files(
                layout, profile, (folder,), trash_id=trash_id, deleted_at=deleted_at, reason="the plugin is removed"
            )
        steps += _config(layout, profile, enabled=False)
    command = ("shim", "plugin", "--remove", *profiles)
    summary = f"remove the plugin from {', '.join(profiles)}"
    return ChangePlan(command, summary, tuple(steps), 0, profiles) if steps else None


def _put(layout: Layout, profile: str, program: str) -> Iterator[Step]:
    folder = plugin_folder(layout, profile)
    content = {PLUGIN_FILE: manifest_text().encode(), MODULE_FILE: module_text(program).encode()}
    if not os.path.lexists(folder):
        yield PublishTree(folder, tuple(WriteFile(name, Secret(raw)) for name, raw in content.items()))
    else:
        for name, raw in content.items():
            if read_document(folder / name) != raw:
                yield ReplaceFile(folder / name, Secret(raw), 0o600, signature(folder / name))
    yield from _config(layout, profile, enabled=True)


def _config(layout: Layout, profile: str, *, enabled: bool) -> Iterator[Step]:
    """Yield the step that lists the plugin in `plugins.enabled`, or in no list."""
    path = layout.home(profile) / CONFIG_FILE
    raw = read_document(path)
    if raw is None and not enabled:
        return
    document = YamlDocument.parse(raw or b"", path=str(path))
    for key, wanted in ((_ENABLED, enabled), (_DISABLED, False)):
        found = document.value().at(key)
        names = [value for _, value in found.items] if found is not None and found.kind == "sequence" else []
        if any(value.text == NAME for value in names) == wanted:
            continue
        kept = [value for value in names if value.text != NAME] + ([scalar("str", NAME)] if wanted else [])
        document = set_path(document, key, Value("sequence", "seq", items=tuple((None, value) for value in kept)))
    if document.raw != (raw or b""):
        real = Path(os.path.realpath(path))
        yield ReplaceFile(real, Secret(document.raw), 0o600, signature(real))
