"""`places.toml` in the configuration folder (0600): the places as tables, edited by table so that comments stay."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.model.errors import DocumentError, NotFound, Refused, UsageProblem
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.user_config import user_config_folder

from .model import LOCAL, KubernetesTarget, Place, PlaceKind, check_place

_LARGEST = 4 * 1024 * 1024
_WAIT = 10.0
_ROOT = "root"
_HEAD = "# The places of the option --place; `hermes-gateways place add --help` shows the kinds.\n"


def places_file(environment: Mapping[str, str]) -> Path:
    """Return the file of the places."""
    return user_config_folder(environment) / "places.toml"


def read_places(environment: Mapping[str, str]) -> dict[str, Place]:
    """Return name → place as the file has them, {} without a file. Raises DocumentError."""
    path = places_file(environment)
    return _parsed(_text(path), str(path))


def place_named(environment: Mapping[str, str], name: str, *, own_root: Path) -> Place:
    """Return a place by its name; `local` is the root that this command works on. Raises NotFound, DocumentError."""
    if name == LOCAL:
        return Place(LOCAL, PlaceKind.LOCAL, root=str(own_root))
    known = read_places(environment)
    if name not in known:
        raise NotFound(
            f"no place {name!r}", target=name, code="no-place", hint="list them with `hermes-gateways place list`"
        )
    return known[name]


class PlacesFile:
    """The file of the places while its lock is held, as a context manager. Raises Refused(code="busy")."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._path = places_file(environment)
        self._lock = -1

    def __enter__(self) -> PlacesFile:
        folder = self._path.parent
        Files().make_folders(str(folder))
        lock = acquire_lock(folder / "places.lock", wait=_WAIT)
        if lock is None:
            raise Refused(
                "another command changes the places", target=str(self._path), code="busy", hint="run it again"
            )
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def add(self, place: Place) -> None:
        """Append a place. Raises Failed, DocumentError."""
        text = _text(self._path)
        before = _parsed(text, str(self._path))
        begin = text if text.endswith("\n") or not text else text + "\n"
        self._write((begin or _HEAD) + "\n" + place_table(place), before | {place.name: place})

    def drop(self, name: str) -> None:
        """Remove the table of a place. Raises Failed, DocumentError."""
        text = _text(self._path)
        left = _parsed(text, str(self._path))
        left.pop(name)
        self._write(_without_table(text, name), left)

    def _write(self, text: str, expected: Mapping[str, Place]) -> None:
        try:
            is_right = _parsed(text, str(self._path)) == expected
        except DocumentError:
            is_right = False
        if not is_right:  # written by hand in a way that an edit by lines does not understand
            raise DocumentError(
                str(self._path), None, "cannot be edited with certainty", hint=f"edit it by hand: `{self._path}`"
            )
        write_state_file(self._path, text.encode())


def place_table(place: Place) -> str:
    """Return a place as a table of the file."""
    lines = [f"[{place.name}]"]
    if place.kubernetes is not None:
        target = place.kubernetes
        parts = [("context", target.context), ("namespace", target.namespace), ("name", target.name)]
        inside = ", ".join(f"{key} = {_quoted(text)}" for key, text in parts if text)
        lines.append(f"{PlaceKind.KUBERNETES} = {{ {inside} }}")
    else:
        lines.append(f"{place.kind} = {_quoted(place.host or place.root)}")
    if place.root and place.kind is not PlaceKind.LOCAL:
        lines.append(f"{_ROOT} = {_quoted(place.root)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # of printable text: also a basic string of TOML


def _without_table(text: str, name: str) -> str:
    """Return the text without the lines of a table: from its header up to the next header and its comments."""
    lines = text.splitlines(keepends=True)
    headers = (f"[{name}]", f'["{name}"]', f"['{name}']")
    begin = next((at for at, line in enumerate(lines) if line.split("#")[0].strip() in headers), len(lines))
    end = next((at for at in range(begin + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    while end < len(lines) and end > begin + 1 and lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return "".join((*lines[:begin], *lines[end:]))


def _text(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        raise DocumentError(str(path), None, "is not UTF-8", hint="save it as UTF-8") from error
    except OSError as error:
        reason = f"cannot be read: {system_reason(error)}"
        raise DocumentError(str(path), None, reason, hint=f"look at it with `ls -l {quote(str(path))}`") from error


def _parsed(text: str, path: str) -> dict[str, Place]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(path, None, f"is not TOML: {error}", hint=f"edit it: `{path}`") from error
    return {name: _place(name, table, path) for name, table in tables.items()}


def _place(name: str, table: Any, path: str) -> Place:
    """Return the place of a table. Raises DocumentError."""
    hint = 'use one of `ssh = "USER@HOST"`, `local = "PATH"`, `kubernetes = { namespace = …, name = … }`'
    kinds = [kind for kind in PlaceKind if isinstance(table, dict) and kind in table]
    if len(kinds) != 1:
        raise DocumentError(path, None, f"the table [{name}] is not a place", hint=hint)
    (kind,) = kinds
    address, root = table[kind], str(table.get(_ROOT, ""))
    try:
        if kind is PlaceKind.KUBERNETES and isinstance(address, dict):
            parts = {key: str(address.get(key, "")) for key in KubernetesTarget._fields}
            return check_place(Place(name, kind, root=root, kubernetes=KubernetesTarget(**parts)))
        text = address if isinstance(address, str) else ""
        if kind is PlaceKind.LOCAL:
            return check_place(Place(name, kind, root=text))
        return check_place(Place(name, kind, host=text, root=root))
    except UsageProblem as error:
        raise DocumentError(path, None, error.problem.message, hint=hint) from error
