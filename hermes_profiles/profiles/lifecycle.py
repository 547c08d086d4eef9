"""Plans for switching, renaming, deleting and restoring profiles; delete moves a profile to the trash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hermes_profiles.changes.deletion_marker import clear_marker, set_marker
from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.trash import (
    TrashEntry,
    steps_from_trash,
    steps_from_trash_files,
    steps_to_trash,
    steps_to_trash_files,
)
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, normalize
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.text import nearest_first

from .alias import ALIAS_MODE, alias_obstacle, alias_script, aliases_of, renamed_script
from .listing import active_profile
from .profile_yaml import with_previous_name
from .tree_walk import read_document


def plan_use(layout: Layout, name: str) -> ChangePlan | None:
    """Return the plan that makes a profile the sticky default; None when it is one already.

    For `default` Hermes expects the file to be absent.
    """
    if active_profile(layout) == name:
        return None
    content = None if name == DEFAULT else Secret(f"{name}\n".encode())
    step = ReplaceFile(layout.active_profile, content, mode=0o644, expected=signature(layout.active_profile))
    return ChangePlan(("use", name), f"use {name}", (step,), profiles=(name,))


def refuse_default(name: str, verb: str) -> None:
    """Raise Refused for the default profile: it is the root, which contains everything else."""
    if name == DEFAULT:
        raise Refused(
            f"cannot {verb} the default profile: it is the root itself",
            target=name,
            code="default-profile",
            hint="make one like it with `hermes-profiles clone default NAME`"
            if verb == "rename"
            else "to remove Hermes as a whole, use `hermes uninstall`",
        )


def plan_rename(
    layout: Layout, old: str, new: str, *, environment: Mapping[str, str], links: Iterable[Step]
) -> tuple[ChangePlan, str | None]:
    """Return the plan, and why no alias of the new name is made (None: it is made, or there was no alias).

    The move of the folder is the commit point. Aliases and the sticky profile follow it. `links`: the steps that make
    links of other profiles lead to the new name.
    """
    steps: list[Step] = [MoveTree(layout.home(old), layout.home(new)), *clear_marker(layout, new)]
    steps += _previous_name(layout, old, new)
    existing = aliases_of(layout, old)
    own = [path for path in existing if path.name == old]
    target = layout.alias_folder / new
    wanted = bool(own) and target not in existing  # an alias that has the new name already follows, as they all do
    why = alias_obstacle(layout, new, new, environment) if wanted else None
    for path in existing:
        if path.name == old:
            steps.append(ReplaceFile(path, None, expected=signature(path)))
        else:  # an alias with a name of its own keeps it and follows the profile
            steps.append(ReplaceFile(path, Secret(renamed_script(path, new)), ALIAS_MODE, signature(path)))
    if wanted and why is None:
        steps.append(ReplaceFile(target, Secret(renamed_script(own[0], new)), ALIAS_MODE, signature(target)))
    if active_profile(layout) == old:
        steps.append(
            ReplaceFile(layout.active_profile, Secret(f"{new}\n".encode()), 0o644, signature(layout.active_profile))
        )
    steps += links
    return ChangePlan(("rename", old, new), f"rename {old} to {new}", tuple(steps), profiles=(old, new)), why


def _previous_name(layout: Layout, old: str, new: str) -> Iterator[Step]:
    """Yield the step that writes the old name to profile.yaml, where the installed Hermes looks for it.

    A file that cannot be edited with certainty stays as it is, as with Hermes' own rename.
    """
    if not layout.installed().has(Behaviour.MOVES_IDENTITIES):
        return
    path = layout.home(old) / PROFILE_FILE
    if path.is_symlink():
        return
    try:
        raw = read_document(path) or b""
        content = with_previous_name(raw, old, path=str(path))
    except Failed:
        return
    if content != raw:
        yield ReplaceFile(layout.home(new) / PROFILE_FILE, Secret(content), 0o600, signature(path))


def plan_delete(layout: Layout, name: str, *, trash_id: str, deleted_at: str, size: int | None = None) -> ChangePlan:
    """Return the plan that moves a profile to the trash; its aliases and its sticky mark are removed.

    A Hermes with deletion markers gets one, before the folder goes.
    """
    about, move = steps_to_trash(
        layout, layout.home(name), trash_id=trash_id, name=name, deleted_at=deleted_at, size=size
    )
    marker = set_marker(layout, name)
    steps: list[Step] = [about, *marker, move]
    steps += [ReplaceFile(path, None, expected=signature(path)) for path in aliases_of(layout, name)]
    if active_profile(layout) == name:
        steps.append(ReplaceFile(layout.active_profile, None, expected=signature(layout.active_profile)))
    return ChangePlan(("delete", name), f"delete {name}", tuple(steps), commit=1 + len(marker), profiles=(name,))


def plan_empty_default(
    layout: Layout, paths: Iterable[Path], *, trash_id: str, deleted_at: str, reason: str
) -> ChangePlan:
    """Return the plan that moves the files of the default profile to the trash, as one entry; the root stays."""
    steps = steps_to_trash_files(layout, DEFAULT, paths, trash_id=trash_id, deleted_at=deleted_at, reason=reason)
    return ChangePlan(("delete", DEFAULT), f"{DEFAULT}: {reason}", steps, commit=1, profiles=(DEFAULT,))


def plan_restore(
    layout: Layout,
    entry: TrashEntry,
    name: str,
    *,
    environment: Mapping[str, str],
    hermes: str | None,
    links: Iterable[Step],
) -> tuple[ChangePlan, str | None]:
    """Return the plan that restores a deleted profile under a name, and why it gets no alias (None: it gets one).

    `links`: the steps that correct links of and to the profile when names have changed since it was deleted.
    """
    steps: list[Step] = [*steps_from_trash(entry, layout.home(name)), *clear_marker(layout, name), *links]
    why = alias_obstacle(layout, name, name, environment) if layout.is_ours else None
    path = layout.alias_folder / name
    if why is None and layout.is_ours:
        steps.append(ReplaceFile(path, Secret(alias_script(name, hermes)), ALIAS_MODE, signature(path)))
    return ChangePlan(("restore", name), f"restore {name}", tuple(steps), profiles=(name,)), why


def plan_restore_files(layout: Layout, entry: TrashEntry, name: str) -> ChangePlan:
    """Return the plan that puts files from the trash back into a profile, each where it was.

    Raises NotFound for a missing profile, Refused when a path of a file is taken.
    """
    home = layout.home(name)
    if not home.is_dir():
        raise NotFound(
            f"no profile {name!r} in {layout.root}, where the files of {entry.id} were",
            target=name,
            hint=f"restore it first (`hermes-profiles restore {name}`), or put the files into another profile: "
            f"`hermes-profiles restore {entry.id} --as NAME`",
        )
    steps = steps_from_trash_files(entry, home)
    return ChangePlan(("restore", entry.id), f"restore files of {name}", steps, profiles=(name,))


def unused_trash_id(entries: tuple[TrashEntry, ...], trash_id: str) -> str:
    """Return the id, or one that sorts after every entry: two deletes in one second keep their order."""
    newest = max((entry.id[: len(trash_id)] for entry in entries), default="")
    stamp, _, number = newest.rpartition("-")
    try:
        following = f"{stamp}-{int(number, 16) + 1:04x}"
    except ValueError:  # a folder that is not an entry
        return trash_id
    return following if newest >= trash_id and len(following) == len(trash_id) else trash_id


def choose_from_trash(entries: tuple[TrashEntry, ...], wanted: str) -> TrashEntry:
    """Return the trash entry with this id (a profile or files), or the newest deleted profile of this name.

    Raises NotFound with the entries that exist.
    """
    for entry in entries:
        if wanted == entry.id or (entry.kind == "profile" and normalize(wanted) == entry.name):
            return entry
    for entry in entries:
        if normalize(wanted) == entry.name:
            raise NotFound(
                f"no deleted profile {wanted!r} is in the trash, only files of it",
                target=wanted,
                hint=f"put them back with `hermes-profiles restore {entry.id}`; see `hermes-profiles trash list`",
            )
    known = nearest_first(wanted, tuple(dict.fromkeys(entry.name for entry in entries)))
    raise NotFound(
        f"{wanted!r} is not in the trash",
        target=wanted,
        hint=f"{f'in the trash: {known}' if known else 'the trash is empty'}; see `hermes-profiles trash list`",
    )
