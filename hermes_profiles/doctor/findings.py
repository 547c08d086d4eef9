"""Value types of a finding: severity, evidence, fix and repairs. None of them contains a secret value."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.changes.signature import Signature
    from hermes_profiles.model.secret import Secret


class Severity(StrEnum):
    """Severity of a finding.

    `error`: something is broken or exposed now; `warning`: it can break or be exposed later; `info`: no action needed.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


ORDER = tuple(Severity)


class Evidence(NamedTuple):
    """The place of a fault: profile, file, line (from 1) and key; never a value."""

    profile: str | None = None
    file: str | None = None
    line: int | None = None
    key: str | None = None


class TightenMode(NamedTuple):
    """Repair: change the mode of a file or folder."""

    path: Path
    mode: int
    expected: Signature


class EditFile(NamedTuple):
    """Repair: rewrite a document.

    `edit` takes its bytes (b"" for a missing file) and its path and returns the new bytes. It raises DocumentError
    when the edit is ambiguous. Several edits of one file are applied in order.
    """

    path: Path
    edit: Callable[[bytes, str], bytes]
    mode: int = 0o600


class RemoveFile(NamedTuple):
    """Repair: remove a stale file; undo restores it. `expected`: signature of the file that was proven stale."""

    path: Path
    expected: Signature


class MoveAway(NamedTuple):
    """Repair: move files or folders of a profile to the trash."""

    profile: str
    paths: tuple[Path, ...]
    reason: str


class RenameFolder(NamedTuple):
    """Repair: rename a folder within its parent folder."""

    path: Path
    target: Path


class InstallService(NamedTuple):
    """Repair: write the service of a profile again and reload it in its manager."""

    profile: str


class RemoveService(NamedTuple):
    """Repair: stop a service, unregister it, then remove its files.

    `unit`: name without `.service`; `files`: its files with their signatures; `manager`: kind of its manager.
    """

    unit: str
    files: tuple[tuple[Path, Signature], ...]
    manager: str


class ReloadManager(NamedTuple):
    """Repair: reload the service definitions in a manager."""

    manager: str


class SwitchRunMode(NamedTuple):
    """Repair: switch the run mode, with its checks; several of one mode are one switch."""

    mode: str


Repair = (
    TightenMode
    | EditFile
    | RemoveFile
    | MoveAway
    | RenameFolder
    | InstallService
    | RemoveService
    | ReloadManager
    | SwitchRunMode
)


class Fix(NamedTuple):
    """How to fix a finding: an instruction that begins with a verb, and one command, "" without one."""

    text: str
    command: str = ""


class Finding(NamedTuple):
    """One fault of a profile or of the machine.

    `message`: a sentence without capital letter and full stop; `subject`: identifies the fault, used for the
    fingerprint only; `repairs`: steps of `--fix`, () when the user has to decide; `severity`: overrides the severity of
    the check.
    """

    message: str
    fix: Fix
    profiles: tuple[str, ...] = ()
    channel: str | None = None
    evidence: tuple[Evidence, ...] = ()
    subject: Secret[str] | None = None
    repairs: tuple[Repair, ...] = ()
    severity: Severity | None = None
