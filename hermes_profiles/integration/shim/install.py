"""What installing and removing the shim changes, as plans: the script, aliases that name a `hermes` by its path, and
the block in start files of shells."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Signature, Step, TidyFolder, signature
from hermes_profiles.gateways.hermes_on_path import real_hermes
from hermes_profiles.gateways.shim_header import Recorded
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.alias import alias_script, program_of
from hermes_profiles.profiles.tree_walk import read_document

from .script import shim_script
from .shell_rc import Edited, block_in, is_as_written, path_line, with_block, without_block
from .status import Shim, find_shim, start_files

SHIM_MODE = 0o755


class ShimChange(NamedTuple):
    """A change of the shim: `plan` None when there is nothing to do; which start files and aliases it touches."""

    plan: ChangePlan | None
    start_files: tuple[Path, ...]
    aliases: tuple[str, ...]


class StartFile(NamedTuple):
    """A start file as it is: `path` is where its bytes are, behind a link if it is one; `raw` None: absent."""

    shell: str
    path: Path
    raw: bytes | None
    seen: Signature | None
    state: str

    def __repr__(self) -> str:
        return f"StartFile({self.path})"


def look_at_start_file(shell: str, path: Path, line: str) -> StartFile:
    """Return a start file and how our block in it is: `absent`, `written`, `emptied` (without its line) or `edited`.

    Raises Failed when it cannot be read.
    """
    real = Path(os.path.realpath(path))
    seen = signature(real)
    raw = read_document(real)
    state = "edited"
    try:
        block = block_in(raw or b"")
        if block is None:
            state = "absent"
        elif is_as_written(block, line):
            state = "written" if block.inside else "emptied"
    except Edited:
        pass
    return StartFile(shell, real, raw, seen, state)


def found_start_files(layout: Layout, shim: Shim, environment: Mapping[str, str]) -> Iterator[StartFile]:
    """Yield the start file of each shell as it is now. Raises Failed when one cannot be read."""
    for shell, path in start_files(layout, environment).items():
        yield look_at_start_file(shell, path, path_line(shell, shim.path.parent, layout.user_home))


def plan_install(
    layout: Layout, environment: Mapping[str, str], *, program: str, hermes: str | None, shells: Iterable[str] = ()
) -> ShimChange:
    """Return the change that puts the shim in place, and its line into the start files of these shells.

    Aliases that run this very `hermes` by its path run the shim from then on. Raises Refused when something else is
    in the place, when a path cannot be put on PATH, or when a block was changed by hand.
    """
    shim = find_shim(layout, environment)
    _check_place(shim)
    _check_paths(shim, program, hermes)
    wanted = frozenset(shells)
    files = [each for each in found_start_files(layout, shim, environment) if each.shell in wanted]
    edits = list(_written(layout, shim, files))
    made = _missing_folders([shim.path, *(step.path for step in edits)])
    known = shim.recorded.made if shim.recorded is not None else ()
    recorded = Recorded(program, hermes, tuple(dict.fromkeys((*known, *made))))
    script = shim_script(recorded)
    steps: list[Step] = []
    if script != shim.raw or not shim.installed:
        steps.append(ReplaceFile(shim.path, Secret(script), SHIM_MODE, shim.seen))
    moved = dict(_aliases(layout, {hermes: os.fspath(shim.path)} if hermes else {}))
    steps += [*moved.values(), *edits]
    return _change("install", "put the shim `hermes` in place", steps, edits, moved)


def plan_remove(layout: Layout, environment: Mapping[str, str]) -> ShimChange:
    """Return the change that takes away all that `plan_install` made.

    Aliases that run the shim run the `hermes` it knows. Raises Refused when something else is in the place, or when a
    block was changed by hand.
    """
    shim = find_shim(layout, environment)
    _check_place(shim)
    files = [each for each in found_start_files(layout, shim, environment) if each.raw is not None]
    edits = list(_cleaned(files))
    hermes = shim.recorded.hermes if shim.recorded is not None else None
    if hermes is None or not os.path.exists(hermes):
        hermes = real_hermes(environment) or hermes
    moved = dict(_aliases(layout, {os.fspath(shim.path): hermes}))
    steps: list[Step] = [*edits, *moved.values()]
    if shim.raw is not None:
        steps.append(ReplaceFile(shim.path, None, expected=shim.seen))
        made = shim.recorded.made if shim.recorded is not None else ()
        steps += [TidyFolder(Path(folder)) for folder in sorted(made, key=len, reverse=True)]
    return _change("remove", "take the shim `hermes` away", steps, edits, moved)


def _change(
    verb: str, summary: str, steps: list[Step], edits: list[ReplaceFile], moved: Mapping[str, ReplaceFile]
) -> ShimChange:
    plan = ChangePlan(("shim", verb), summary, tuple(steps)) if steps else None
    return ShimChange(plan, tuple(step.path for step in edits), tuple(moved))


def _check_place(shim: Shim) -> None:
    """Raise Refused when what is in the place of the shim is none."""
    if shim.raw is not None and not shim.is_ours:
        raise Refused(
            f"{shim.path} is there and is no shim of ours",
            target=str(shim.path),
            code="foreign-file",
            hint=f"look at it with `cat {shim.path}`, and move it away: `mv {shim.path} {shim.path}.other`",
        )


def _check_paths(shim: Shim, program: str, hermes: str | None) -> None:
    folder = str(shim.path.parent)
    bad = next((path for path in (folder, program, hermes or "") if "\n" in path), folder if ":" in folder else None)
    if bad is not None:
        raise Refused(
            f"{bad!r} cannot be put on PATH: it has a {'line break' if chr(10) in bad else 'colon'} in it",
            target=bad,
            code="bad-path",
            hint="choose another folder with XDG_DATA_HOME=/path/without/them",
        )


def _written(layout: Layout, shim: Shim, files: Iterable[StartFile]) -> Iterator[ReplaceFile]:
    for file in files:
        _check_unedited(file)
        line = path_line(file.shell, shim.path.parent, layout.user_home)
        yield from _replaced(file, with_block(file.raw, line))


def _cleaned(files: Iterable[StartFile]) -> Iterator[ReplaceFile]:
    for file in files:
        _check_unedited(file)
        if file.state != "absent" and file.raw is not None:
            yield from _replaced(file, without_block(file.raw))


def _check_unedited(file: StartFile) -> None:
    if file.state == "edited":
        raise Refused(
            f"{file.path}: the lines between the marks of hermes-profiles were changed by hand",
            target=str(file.path),
            code="edited-block",
            hint=f"take them and the marks out (`grep -n 'hermes-profiles shim' {file.path}` shows where), then run "
            "the command again",
        )


def _replaced(file: StartFile, content: bytes | None) -> Iterator[ReplaceFile]:
    """Yield the step that gives a file other bytes, none when it has them. A file that is there keeps its mode."""
    if content != file.raw:
        mode = stat.S_IMODE(file.seen.mode) & 0o777 if file.seen is not None else 0o644
        yield ReplaceFile(file.path, None if content is None else Secret(content), mode, file.seen)


def _missing_folders(paths: Iterable[Path]) -> Iterator[str]:
    """Yield every folder that must be made for these files, outer ones first."""
    for path in paths:
        missing = []
        parent = path.parent
        while not os.path.lexists(parent):
            missing.append(str(parent))
            parent = parent.parent
        yield from reversed(missing)


def _aliases(layout: Layout, programs: Mapping[str, str | None]) -> Iterator[tuple[str, ReplaceFile]]:
    """Yield (alias, step) for each alias script that runs one of these programs by its path, to run the other one."""
    try:
        names = sorted(os.listdir(layout.alias_folder)) if programs else []
    except OSError:
        return
    for name in names:
        path = layout.alias_folder / name
        seen = signature(path)
        if seen is None or not stat.S_ISREG(seen.mode) or seen.size > 4096:
            continue
        found = program_of(path)
        if found is not None and found[0] in programs:
            script = Secret(alias_script(found[1], programs[found[0]]))
            yield name, ReplaceFile(path, script, stat.S_IMODE(seen.mode) & 0o777, seen)
