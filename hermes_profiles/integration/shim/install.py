"""Plans that install and remove the shim: script, aliases with the path of `hermes`, block in start files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, TidyFolder
from hermes_profiles.changes.signature import Signature, signature
from hermes_profiles.gateways.installation.hermes_on_path import real_hermes
from hermes_profiles.gateways.installation.shim_header import Recorded
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.alias import alias_script, program_of
from hermes_profiles.profiles.tree_walk import read_document

from .script import shim_script
from .shell_rc import EditedBlock, block_in, is_as_written, path_line, with_block, without_block
from .status import Shim, find_shim, start_files

SHIM_MODE = 0o755


class ShimChange(NamedTuple):
    """A change of the shim, with the start files and aliases it touches; `plan` None for no change."""

    plan: ChangePlan | None
    start_files: tuple[Path, ...]
    aliases: tuple[str, ...]


class StartFile(NamedTuple):
    """A start file of a shell: `path` with links followed; `raw` None: missing."""

    shell: str
    path: Path
    raw: bytes | None
    seen: Signature | None
    state: str

    def __repr__(self) -> str:
        return f"StartFile({self.path})"


def read_start_file(shell: str, path: Path, line: str) -> StartFile:
    """Return a start file with the state of our block: `absent`, `written`, `emptied` or `edited`.

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
    except EditedBlock:
        pass
    return StartFile(shell, real, raw, seen, state)


def read_start_files(layout: Layout, shim: Shim, environment: Mapping[str, str]) -> Iterator[StartFile]:
    """Yield the start file of each shell. Raises Failed when one cannot be read."""
    for shell, path in start_files(layout, environment).items():
        yield read_start_file(shell, path, path_line(shell, shim.path.parent, layout.user_home))


def plan_install(
    layout: Layout, environment: Mapping[str, str], *, program: str, hermes: str | None, shells: Iterable[str] = ()
) -> ShimChange:
    """Return the change that installs the shim, and adds its line to the start files of these shells.

    Aliases that run this `hermes` by its path run the shim from then on. Raises Refused when another file has the path,
    when a folder cannot be put on PATH, or when a block was edited.
    """
    shim = find_shim(layout, environment)
    _check_place(shim)
    _check_paths(shim, program, hermes)
    wanted = frozenset(shells)
    files = [file for file in read_start_files(layout, shim, environment) if file.shell in wanted]
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
    """Return the change that removes everything that `plan_install` created.

    Aliases that run the shim run its `hermes` again. Raises Refused when another file has the path, or when a block was
    edited.
    """
    shim = find_shim(layout, environment)
    _check_place(shim)
    files = [file for file in read_start_files(layout, shim, environment) if file.raw is not None]
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
    """Raise Refused when another file has the path of the shim."""
    if shim.raw is not None and not shim.is_ours:
        raise Refused(
            f"{shim.path} exists and is not a shim of hermes-profiles",
            target=str(shim.path),
            code="foreign-file",
            hint=f"move it away: `mv {quote(str(shim.path))} {quote(str(shim.path))}.other`",
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
            f"{file.path}: the lines between the marks of hermes-profiles were edited",
            target=str(file.path),
            code="edited-block",
            hint="remove them with the marks "
            f"(`grep -n 'hermes-profiles shim' {quote(str(file.path))}` finds them), then run the command again",
        )


def _replaced(file: StartFile, content: bytes | None) -> Iterator[ReplaceFile]:
    """Yield the step that writes a file, none when it has the content; an existing file keeps its mode."""
    if content != file.raw:
        mode = stat.S_IMODE(file.seen.mode) & 0o777 if file.seen is not None else 0o644
        yield ReplaceFile(file.path, None if content is None else Secret(content), mode, file.seen)


def _missing_folders(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the folders to create for these files, outer ones first."""
    for path in paths:
        missing = []
        parent = path.parent
        while not os.path.lexists(parent):
            missing.append(str(parent))
            parent = parent.parent
        yield from reversed(missing)


def _aliases(layout: Layout, programs: Mapping[str, str | None]) -> Iterator[tuple[str, ReplaceFile]]:
    """Yield (alias, step) for each alias script with the path of one of these programs, to run the other."""
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
