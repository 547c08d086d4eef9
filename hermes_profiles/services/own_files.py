"""Changes that write or remove the definitions of our own services, those beside the gateways."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, TidyFolder
from hermes_profiles.changes.signature import signature
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import read_document

from .checksum import checksum_matches, has_mark
from .launchd.render import MARK, parse_plist, plist_mark


def plan_own_files(
    command: tuple[str, ...], files: Iterable[tuple[Path, bytes]], *, mode: int = 0o644, force: bool = False
) -> ChangePlan | None:
    """Return the change that writes the differing files, None when there are none.

    Raises Refused for a file that is not ours, or was edited.
    """
    steps: list[Step] = []
    for path, content in files:
        found = own_content(path)
        if found == content:
            continue
        if found is not None and not force:
            check_ours(path, found, " ".join(command))
        steps.append(ReplaceFile(path, Secret(content), mode, signature(path)))
    return ChangePlan(command, " ".join(command), tuple(steps)) if steps else None


def plan_no_own_files(
    command: tuple[str, ...], paths: Iterable[Path], folders: Iterable[Path] = ()
) -> tuple[ChangePlan | None, tuple[Path, ...]]:
    """Return the change that removes our files and these folders when empty, and foreign files, which stay.

    Without files of ours there is no change.
    """
    steps: list[Step] = []
    foreign = []
    for path in paths:
        found = own_content(path)
        if found is None:
            continue
        if is_ours(found):
            steps.append(ReplaceFile(path, None, expected=signature(path)))
        else:
            foreign.append(path)
    if not steps:
        return None, tuple(foreign)
    steps += [TidyFolder(folder) for folder in dict.fromkeys(folders)]
    return ChangePlan(command, " ".join(command), tuple(steps)), tuple(foreign)


def own_content(path: Path) -> bytes | None:
    """Return the content of one of our files, None when it is missing; b"" for something unreadable."""
    try:
        return read_document(path)
    except Failed:  # such as the link of `systemctl mask`
        return b""


def is_ours(content: bytes) -> bool:
    """Return whether a file is ours, edited or not."""
    return has_mark(content) or MARK.encode() in content


def is_unchanged(content: bytes) -> bool:
    """Return whether a file is ours and unedited."""
    if MARK.encode() in content:
        try:
            job = parse_plist(content)
        except Failed:
            return False
        return job.get(MARK) == plist_mark(job)
    return checksum_matches(content)


def check_ours(path: Path, found: bytes, command: str) -> None:
    """Raise Refused for a file that is not ours or was edited; `command`: of hermes-gateways, for the hint."""
    hint = f"see it with `cat {quote(str(path))}`; `hermes-gateways {command} --force` overwrites it"
    if not is_ours(found):
        raise Refused(f"{path} was not written by hermes-profiles", target=str(path), code="foreign-file", hint=hint)
    if not is_unchanged(found):
        raise Refused(f"{path} was changed by hand", target=str(path), code="hand-edited", hint=hint)
