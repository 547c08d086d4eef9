"""The words of the doctor: a finding, its evidence, what mends it. Pure values; no secret is ever in one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.changes.plan import Signature
from hermes_profiles.model.secret import Secret

if TYPE_CHECKING:
    pass


class Severity(StrEnum):
    """How much a finding hurts: `error` breaks something or gives it away, `warning` will or may, `info` is for those
    who want to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


ORDER = tuple(Severity)


class Evidence(NamedTuple):
    """Where a finding can be seen: the profile, the file, its line (from 1) and the key; never a value."""

    profile: str | None = None
    file: str | None = None
    line: int | None = None
    key: str | None = None


class TightenMode(NamedTuple):
    """Repair: a file, or a folder, gets another mode in place."""

    path: Path
    mode: int
    expected: Signature


class EditFile(NamedTuple):
    """Repair: a document is rewritten. `edit` takes its bytes (b"" when there is none) and its path, and returns the
    new bytes; it raises DocumentError when that cannot be done with certainty. Edits of one file are done in turn."""

    path: Path
    edit: Callable[[bytes, str], bytes]
    mode: int = 0o600


class RemoveFile(NamedTuple):
    """Repair: a file that means nothing any more goes; undo brings it back. `expected`: what was proven to be stale."""

    path: Path
    expected: Signature


class MoveAway(NamedTuple):
    """Repair: files or folders of a profile go to the trash, with the reason."""

    profile: str
    paths: tuple[Path, ...]
    reason: str


class RenameFolder(NamedTuple):
    """Repair: a folder gets another name beside its old one."""

    path: Path
    target: Path


class InstallService(NamedTuple):
    """Repair: the service of a profile is written anew and read by its manager."""

    profile: str


class RemoveService(NamedTuple):
    """Repair: the files of a service go after its manager stopped and forgot it. `unit`: its name without `.service`;
    `files`: what was seen of it; `manager`: the kind whose service it is."""

    unit: str
    files: tuple[tuple[Path, Signature], ...]
    manager: str


class ReloadManager(NamedTuple):
    """Repair: the manager reads the definitions of services again."""

    manager: str


Repair = TightenMode | EditFile | RemoveFile | MoveAway | RenameFolder | InstallService | RemoveService | ReloadManager


class Fix(NamedTuple):
    """What mends a finding: in words, and the command that does it or shows it, "" when there is none."""

    text: str
    command: str = ""


class Finding(NamedTuple):
    """One thing that is wrong.

    `message`: what is wrong, whose and where, as a sentence without capital and full stop; `subject`: what the finding
    is about, for its fingerprint alone; `repairs`: what `--fix` does about it, () when a person has to decide;
    `severity`: where it differs from that of the check.
    """

    message: str
    fix: Fix
    profiles: tuple[str, ...] = ()
    channel: str | None = None
    evidence: tuple[Evidence, ...] = ()
    subject: Secret[str] | None = None
    repairs: tuple[Repair, ...] = ()
    severity: Severity | None = None
