"""One setting of one profile, read and changed: config.yaml and `.env`, every other byte left alone.

Plans only; nothing is written here.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Signature, signature
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import DISAGREE, DISAGREE_HINT, EnvDocument, EnvEntry
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value, parse_scalar, scalar
from hermes_profiles.model.errors import DocumentError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.listing import profile_names, require
from hermes_profiles.profiles.tree_walk import read_document

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SettingsFile(NamedTuple):
    """A file of settings as it is now. `path` is where its bytes are, behind a link if it is one; `raw` None: absent.

    `sharers`: other profiles that read the same file through a link of theirs.
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
        """Return the step that gives it other bytes, None when they are the same; `private` takes the mode to 0600."""
        if content == (self.raw or b""):
            return None
        return ReplaceFile(self.path, Secret(content), 0o600 if private else self.mode, self.seen)


def settings_file(layout: Layout, profile: str, name: str) -> SettingsFile:
    """Return a file of a profile.

    Raises NotFound for no such profile, Failed for a file that is none or cannot be read.
    """
    path = require(layout, profile) / name
    real = Path(os.path.realpath(path))
    seen = signature(real)
    raw = read_document(real)
    mode = 0o600
    if raw is not None:
        mode = stat.S_IMODE(os.lstat(real).st_mode) & 0o777
    others = (other for other in profile_names(layout) if other != profile)
    sharers = tuple(other for other in others if os.path.realpath(layout.home(other) / name) == str(real))
    return SettingsFile(profile, name, real, raw, seen, mode, sharers)


def check_may_write(layout: Layout, file: SettingsFile) -> None:
    """Raise Refused when the file is a link to one that another profile reads too."""
    link = layout.home(file.profile) / file.name
    if file.sharers and link.is_symlink():
        raise Refused(
            f"{link} is a link to {file.path}, which {', '.join(file.sharers)} reads too: it would change there",
            target=str(link),
            code="shared-file",
            hint=f"change it there (`hermes-profiles config set {file.sharers[0]} …`), or make it a file of its own: "
            f"`cp --remove-destination {file.path} {link}`",
        )


def shared_file_warnings(file: SettingsFile) -> list[Problem]:
    """Return a warning for each other profile that reads this very file."""
    return [
        Problem("shared-file", f"{other} reads this file too ({file.path}): the change counts there as well", other)
        for other in file.sharers
    ]


def parse_value(text: str, *, as_text: bool) -> Value:
    """Return what the words of a command mean: a list, a mapping or a quoted text in YAML's flow style, a switch, a
    plain number, otherwise text as it stands.

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
        raise _bad_value("it goes on after its end")
    return value.items[0][1]


def _bad_value(why: str) -> UsageProblem:
    return UsageProblem(
        f"the value begins like YAML and is none ({why})",
        code="bad-value",
        hint="say `--string` to take it as text, or put it right: `[a, b]`, `{a: 1}`, `'text'`",
    )


def found_value(file: SettingsFile, document: YamlDocument, path: tuple[str, ...]) -> Value:
    """Return what stands at a path. Raises NotFound with the keys there are."""
    root = document.value()
    found = root.at(path)
    if found is not None:
        return found
    depth = next(size for size in range(len(path) - 1, -1, -1) if root.at(path[:size]) is not None)
    above = root.at(path[:depth])
    names = [name for name, _ in above.named()] if above is not None else []
    where = f"{path_text(path[:depth])} holds" if depth else "there are"
    known = f"{where}: {', '.join(path_text((name,)) if name[:1] != '[' else name for name in names[:12])}"
    raise NotFound(
        f"{file.profile} has no {path_text(path)} in {file.path}",
        target=path_text(path),
        code="not-set",
        hint=f"{known if names else 'nothing stands there'}; "
        f"see `hermes-profiles config get {file.profile}{' ' + path_text(path[:depth]) if depth else ''}`",
    )


def with_setting(file: SettingsFile, path: tuple[str, ...], value: Value | None) -> YamlDocument:
    """Return config.yaml with a path set, or without it (None; nothing happens when it is not there).

    Raises DocumentError with the line when that would change anything else.
    """
    document = file.config()
    if value is not None:
        return set_path(document, path, value)
    return document if document.value().at(path) is None else delete_path(document, path)


def checked_variable(name: str) -> str:
    """Return the name of a variable. Raises UsageProblem, which repeats nothing: it may be a secret gone astray."""
    if _NAME.fullmatch(name):
        return name
    raise UsageProblem(
        "that is no name of a variable: letters, digits and _, no digit first",
        code="bad-name",
        hint="say `hermes-profiles env set PROFILE NAME`; the value is asked for",
    )


def variables(document: EnvDocument) -> tuple[EnvEntry, ...]:
    """Return the entries of a `.env` that any reader sees, in file order."""
    return tuple(entry for entry in document.entries if not entry.commented)


def with_variable(file: SettingsFile, name: str, value: str, catalog: Catalog) -> bytes:
    """Return `.env` with a variable that every reader of Hermes sees as asked; its overruled duplicates stay.

    Raises DocumentError with the line when the readers cannot be brought to agree.
    """
    document = file.env(catalog)
    entry = document.get(name)
    if entry is None:
        return _seen_by_all(document.edit(append=[(name, value)]), file, name, value, catalog)
    same = [one for one in variables(document) if one.name == name]
    if {one.literal for one in same[-1:]} | {one.line_value for one in same[-1:]} == {value}:
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
    """Return `.env` without these variables, and those that were there; comments that hold a former value stay.

    Raises DocumentError when an entry is part of another one for some reader.
    """
    document = file.env(catalog)
    wanted = frozenset(names)
    gone = [entry for entry in variables(document) if entry.name in wanted]
    raw = document.edit(remove=gone) if gone else document.raw
    return raw, tuple(dict.fromkeys(entry.name for entry in gone))


def plan_settings(command: tuple[str, ...], summary: str, steps: Iterable[tuple[str, ReplaceFile]]) -> ChangePlan:
    """Return the change of these files, one journal entry; `steps` are (profile, step) pairs."""
    pairs = tuple(steps)
    profiles = tuple(dict.fromkeys(profile for profile, _ in pairs))
    return ChangePlan(command, summary, tuple(step for _, step in pairs), profiles=profiles)
