"""Reads and changes single settings in config.yaml and `.env`; every other byte stays as it is.

Nothing is written here: the functions return plans.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.signature import Signature, signature
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import DISAGREE, DISAGREE_HINT, EnvDocument, EnvEntry
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value, parse_scalar, scalar
from hermes_profiles.model.errors import DocumentError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.listing import profile_names, require
from hermes_profiles.profiles.tree_walk import read_document

_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")


class SettingsFile(NamedTuple):
    """A file of settings as it is now. `path`: the real path, links resolved; `raw`: None when it is missing.

    `sharers`: other profiles that read the same file through a link.
    """

    profile: str
    name: str
    path: Path
    raw: bytes | None
    seen: Signature | None
    mode: int
    sharers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"SettingsFile({self.path})"

    def config(self) -> YamlDocument:
        """Return the file as config.yaml. Raises DocumentError."""
        return YamlDocument.parse(self.raw or b"", path=str(self.path))

    def env(self, catalog: Catalog) -> EnvDocument:
        """Return the file as `.env`. Raises DocumentError."""
        return EnvDocument.parse(self.raw or b"", path=str(self.path), known_keys=catalog.known_names)

    def replaced(self, content: bytes, *, private: bool) -> ReplaceFile | None:
        """Return the step that replaces the bytes, None when they are the same; `private` sets the mode to 0600."""
        if content == (self.raw or b""):
            return None
        return ReplaceFile(self.path, Secret(content), 0o600 if private else self.mode, self.seen)


class FileReaders:
    """Which profiles read a file through links; each file name is looked up once, for all profiles together."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._readers: dict[str, dict[str, list[str]]] = {}

    def others(self, profile: str, name: str, real: str) -> tuple[str, ...]:
        """Return the other profiles whose file of this name is at the real path."""
        if name not in self._readers:
            readers: dict[str, list[str]] = {}
            for each in profile_names(self._layout):
                readers.setdefault(os.path.realpath(self._layout.home(each) / name), []).append(each)
            self._readers[name] = readers
        return tuple(other for other in self._readers[name].get(real, ()) if other != profile)


def settings_file(layout: Layout, profile: str, name: str, readers: FileReaders | None = None) -> SettingsFile:
    """Return a file of a profile. `readers`: given where the files of many profiles are read.

    Raises NotFound for a missing profile, Failed when the file cannot be read.
    """
    path = require(layout, profile) / name
    real = Path(os.path.realpath(path))
    seen = signature(real)
    raw = read_document(real)
    mode = 0o600
    if raw is not None:
        mode = stat.S_IMODE(os.lstat(real).st_mode) & 0o777
    sharers = (readers or FileReaders(layout)).others(profile, name, str(real))
    return SettingsFile(profile, name, real, raw, seen, mode, sharers)


def check_may_write(layout: Layout, file: SettingsFile) -> None:
    """Raise Refused when the file is a link to a file that another profile reads, or that is not its owner's."""
    link = layout.home(file.profile) / file.name
    _check_owner(link, file.path)
    if file.sharers and link.is_symlink():
        raise Refused(
            f"{link} is a link to {file.path}, which {', '.join(file.sharers)} reads too: it would change there",
            target=str(link),
            code="shared-file",
            hint=f"change it there (`hermes-profiles config set {file.sharers[0]} KEY`), or make it a file of its own: "
            f"`cp --remove-destination {quote(str(file.path))} {quote(str(link))}`",
        )


def _check_owner(link: Path, real: Path) -> None:
    """Raise Refused when root would write, through a link of a user, a file that is not that user's."""
    if os.geteuid() != 0 or not link.is_symlink() or not real.exists():
        return
    owner = os.lstat(link).st_uid
    if owner not in (0, os.stat(real).st_uid):
        raise Refused(
            f"{link} is a link of user #{owner} to {real}, which is not that user's file",
            target=str(link),
            code="other-user",
            hint=f"look at it with `ls -l {quote(str(link))} {quote(str(real))}`",
        )


def shared_file_warnings(file: SettingsFile) -> list[Problem]:
    """Return a warning for each other profile that reads the same file."""
    return [
        Problem("shared-file", f"{other} reads this file too ({file.path}): the change applies to it as well", other)
        for other in file.sharers
    ]


def parse_value(text: str, *, as_text: bool) -> Value:
    """Return the value of an argument: YAML in flow style (a list, a mapping, a quoted text), a scalar, or text.

    Raises UsageProblem, which does not repeat the text.
    """
    if as_text or text[:1] not in ("[", "{", "'", '"'):
        return scalar("str", text) if as_text else parse_scalar(text)
    try:
        document = YamlDocument.parse(f"value: {text}\n".encode("utf-8", "surrogatepass"), path="VALUE")
        value = document.value()
    except DocumentError as error:
        raise _bad_value(error.reason) from None
    if len(value.items) != 1:
        raise _bad_value("text after its end")
    return value.items[0][1]


def _bad_value(why: str) -> UsageProblem:
    return UsageProblem(
        f"the value begins like YAML and is not valid: {why}",
        code="bad-value",
        hint="use `--string` to set it as text, or write it as `[a, b]`, `{a: 1}` or `'text'`",
    )


def found_value(file: SettingsFile, document: YamlDocument, path: tuple[str, ...]) -> Value:
    """Return the value at a path. Raises NotFound with the keys that exist."""
    root = document.value()
    value = root.at(path)
    if value is not None:
        return value
    depth = next(size for size in range(len(path) - 1, -1, -1) if root.at(path[:size]) is not None)
    above = root.at(path[:depth])
    names = [name for name, _ in above.named()] if above is not None else []
    where = f"{path_text(path[:depth])} holds" if depth else "there are"
    known = f"{where}: {', '.join(path_text((name,)) if name[:1] != '[' else name for name in names[:12])}"
    raise NotFound(
        f"{file.profile} has no {path_text(path)} in {file.path}",
        target=path_text(path),
        code="not-set",
        hint=f"{known if names else 'nothing is set there'}; "
        f"see `hermes-profiles config get {file.profile}{' ' + path_text(path[:depth]) if depth else ''}`",
    )


def with_setting(file: SettingsFile, path: tuple[str, ...], value: Value | None) -> YamlDocument:
    """Return config.yaml with a path set; with None, without the path, which can be missing already.

    Raises DocumentError with the line when that would change anything else.
    """
    document = file.config()
    if value is not None:
        return set_path(document, path, value)
    return document if document.value().at(path) is None else delete_path(document, path)


def checked_variable(name: str) -> str:
    """Return a valid name of a variable. Raises UsageProblem without the name: it can be a misplaced secret."""
    if _NAME.fullmatch(name):
        return name
    raise UsageProblem(
        "not a name of a variable: use letters, digits and _, no digit first",
        code="bad-name",
        hint="use `hermes-profiles env set PROFILE NAME`; it prompts for the value",
    )


def variables(document: EnvDocument) -> tuple[EnvEntry, ...]:
    """Return the entries of a `.env` that any reader sees, in file order."""
    return tuple(entry for entry in document.entries if not entry.commented)


def with_variable(file: SettingsFile, name: str, value: str, catalog: Catalog) -> bytes:
    """Return `.env` with a variable set, with the same value for every reader of Hermes; overruled duplicates stay.

    Raises DocumentError with the line when the readers would still disagree.
    """
    document = file.env(catalog)
    entry = document.get(name)
    if entry is None:
        return _seen_by_all(document.edit(append=[(name, value)]), file, name, value, catalog)
    same = [other for other in variables(document) if other.name == name]
    if {last.literal for last in same[-1:]} | {last.line_value for last in same[-1:]} == {value}:
        return document.raw
    try:
        return _seen_by_all(document.edit(set_values={entry: value}), file, name, value, catalog)
    except DocumentError:
        if len(same) == 1:
            raise
        return _seen_by_all(document.edit(set_values=dict.fromkeys(same, value)), file, name, value, catalog)


def _seen_by_all(raw: bytes, file: SettingsFile, name: str, value: str, catalog: Catalog) -> bytes:
    after = EnvDocument.parse(raw, path=str(file.path), known_keys=catalog.known_names)
    entry = after.get(name)
    seen = {after.environment().get(name), after.line_environment().get(name)}
    if entry is None or seen != {value}:
        raise DocumentError(str(file.path), entry.line if entry is not None else None, DISAGREE, hint=DISAGREE_HINT)
    return raw


def without_variables(file: SettingsFile, names: Iterable[str], catalog: Catalog) -> tuple[bytes, tuple[str, ...]]:
    """Return `.env` without these variables, and the names that were set; comments with a former value stay.

    Raises DocumentError when an entry is part of another one for some reader.
    """
    document = file.env(catalog)
    wanted = frozenset(names)
    gone = [entry for entry in variables(document) if entry.name in wanted]
    raw = document.edit(remove=gone) if gone else document.raw
    return raw, tuple(dict.fromkeys(entry.name for entry in gone))


def plan_settings(command: tuple[str, ...], summary: str, steps: Iterable[tuple[str, ReplaceFile]]) -> ChangePlan:
    """Return one change of these files; `steps` are (profile, step) pairs."""
    pairs = tuple(steps)
    profiles = tuple(dict.fromkeys(profile for profile, _ in pairs))
    return ChangePlan(command, summary, tuple(step for _, step in pairs), profiles=profiles)
