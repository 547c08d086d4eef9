"""export and import: profiles in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.archives.encryption import Protection, Unlock, needs_passphrase
from hermes_profiles.archives.model import Contents
from hermes_profiles.archives.read import check_is_file, head_of, is_encrypted
from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.archives import export_data, export_lines, import_data, import_lines
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.operations.archives.export_profiles import ExportRequest, export_profiles
from hermes_profiles.operations.archives.import_profiles import ArchiveImport, import_profiles
from hermes_profiles.operations.context import Session

PassphraseStdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from the first line of standard input.")
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="File with the age key that opens the file.")
]
_PIPE_HINT = "pipe it in: `--passphrase-stdin < FILE`"
_LARGEST_KEY = 64 * 1024


class ProtectionOptions(NamedTuple):
    """Who can open a file that is written."""

    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="age1…", help="Encrypt for this age key or ssh public key."),
    ] = None
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Encrypt with a passphrase, which is asked for without echo.")
    ] = False
    passphrase_stdin: PassphraseStdin = False

    def protection(self) -> Protection | None:
        """Return who can open the file, None for everybody; asks for a passphrase. Raises UsageProblem."""
        if not self.passphrase and not self.passphrase_stdin:
            return Protection(tuple(self.recipient)) if self.recipient else None
        if self.recipient:
            raise UsageProblem(
                "--recipient and a passphrase exclude each other",
                target="--recipient",
                hint="age encrypts for keys or for one passphrase; use only one of the two",
            )
        return Protection(passphrase=_passphrase())


class UnlockOptions(NamedTuple):
    """What opens a file."""

    key: KeyFile = None
    passphrase_stdin: PassphraseStdin = False

    def given(self) -> Unlock:
        """Return what the options name; nothing is asked for. Raises UsageProblem."""
        identities = _identities(self.key) if self.key is not None else ()
        return Unlock(identities, _passphrase() if self.passphrase_stdin else None)

    def unlock(self, path: Path) -> Unlock:
        """Return what opens a file; asks for a passphrase where one is needed. Raises UsageProblem, Failed."""
        identities = _identities(self.key) if self.key is not None else ()
        check_is_file(path)
        if not is_encrypted(path):
            return Unlock()
        asks = self.passphrase_stdin or needs_passphrase(head_of(path))
        return Unlock(identities, _passphrase() if asks else None)


def _passphrase() -> Secret[str]:
    return Secret(read_value("passphrase", secret=True, hint=_PIPE_HINT).partition("\n")[0].rstrip("\r"))


def _identities(path: Path) -> tuple[Secret[str], ...]:
    check_is_file(path)
    with open(path, "rb") as file:
        text = file.read(_LARGEST_KEY).decode("utf-8", "replace")
    if "PRIVATE KEY" in text:
        return (Secret(text),)
    lines = [line.strip() for line in text.splitlines()]
    found = tuple(Secret(line) for line in lines if line and not line.startswith("#"))
    if not found:
        raise UsageProblem(f"{path} has no key of age", target="--key", hint="make one with `age-keygen -o key.txt`")
    return found


@command(
    "export",
    examples=(
        "hermes-profiles export work",
        "hermes-profiles export work -o work.tar.zst --dry-run",
        "hermes-profiles export work night -o both.tar.zst",
        "hermes-profiles export work --with-identities --passphrase -o work.tar.zst.age",
        "hermes-profiles export work --with-keys --recipient age1… -o work.tar.zst.age",
    ),
)
def export(
    session: Session,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Profiles to export.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write (default: NAME-TIME.tar.zst here)."),
    ] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Add the keys and logins of models and tools; encrypted only.")
    ] = False,
    with_identities: Annotated[
        bool,
        typer.Option(
            "--with-identities",
            help="Add everything: bots, accounts, keys, conversations, jobs; encrypted only.",
        ),
    ] = False,
    protection: ProtectionOptions = ProtectionOptions(),  # noqa: B008  Typer gets its fields
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress with gzip instead of zstd.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Write profiles into one file that `import` takes in, here or on another machine.

    Without options it has what a clone of all files has, and no key: it can be given away. Gateways may run.
    """
    contents = Contents.SHAREABLE
    if with_keys or with_identities:
        contents = Contents.COMPLETE if with_identities else Contents.KEYS
    request = ExportRequest(tuple(names), output, contents, protection.protection(), gzip=gzip)
    done = export_profiles(session, request, dry_run=dry_run)
    data = export_data(done)
    return Answer(Result(("export",), data, warnings=list(done.warnings)), lambda: list(export_lines(data)))


@command(
    "import",
    examples=(
        "hermes-profiles import work.tar.zst",
        "hermes-profiles import work.tar.zst --dry-run",
        "hermes-profiles import work.tar.zst --as work2",
        "hermes-profiles import work.tar.zst.age --key key.txt",
        "hermes-profiles import work.tar.zst.age --passphrase-stdin < passphrase.txt",
    ),
)
def import_archive(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of `export`, or of `hermes profile export`.")],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the profile, instead of the one it has.")
    ] = None,
    unlock: UnlockOptions = UnlockOptions(),  # noqa: B008  Typer gets its fields
    no_alias: Annotated[bool, typer.Option("--no-alias", help="Create no alias command for the profile.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Take in the profiles of a file; nothing is changed before every file in it is checked.

    A file of `hermes profile export` is taken in as a clone of that profile: its bots and conversations stay behind.
    """
    request = ArchiveImport(file, name, unlock.unlock(file), alias=not no_alias)
    done = import_profiles(session, request, dry_run=dry_run)
    data = import_data(done)
    if dry_run and done.change.plan is not None:
        data["plan"] = list(describe(done.change.plan))
    return Answer(Result(("import",), data, warnings=list(done.warnings)), lambda: list(import_lines(data)))
