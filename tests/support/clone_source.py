"""A Hermes root to clone from, and a search for values in all files of a clone.

The search is independent of the package: it decodes text that resembles base64, instead of encoding the value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from dotenv import dotenv_values

from hermes_profiles.changes.apply import apply
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.credentials.catalog.catalog import Catalog, load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.profiles.plan_clone import plan_clone

FRESH_KEY = "f" * 64
PORT = 18700
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_BROKEN_BASE64 = re.compile(rb"(?<=[A-Za-z0-9+/_-])\r?\n(?=[A-Za-z0-9+/_=-])")

Content = bytes | str
Files = Mapping[str, "Content | Link"]


@dataclass(frozen=True)
class Link:
    """A symbolic link of a source."""

    target: str


def canary(name: str) -> str:
    """Return a synthetic secret that nothing else contains."""
    return f"CANARY-{name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_files(folder: Path, files: Files) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            target.symlink_to(content.target)
        else:
            target.write_bytes(content.encode() if isinstance(content, str) else content)


def make_layout(folder: Path, files: Files, *, profile: str = "default") -> Layout:
    """Return the layout of a new root whose `profile` holds these files."""
    layout = Layout(folder / ".hermes", folder)
    layout.home(profile).mkdir(parents=True)
    write_files(layout.home(profile), files)
    return layout


@dataclass
class Cloned:
    """A clone, its source and its report."""

    layout: Layout
    source: Path
    home: Path
    data: dict[str, Any]
    warnings: list[Problem] = field(default_factory=list)

    def bytes(self, path: str) -> bytes:
        return (self.home / path).read_bytes()

    def text(self, path: str) -> str:
        return self.bytes(path).decode()

    def names_removed(self) -> set[str]:
        return {row["name"] for row in self.data["env"]["removed"]}

    def paths_removed(self) -> set[str]:
        return {row["path"] for row in self.data["config"]["removed"]}

    def left_behind(self) -> dict[str, str]:
        return {row["path"]: row["reason"] for row in self.data["files"]["left_behind"]}

    def redacted(self) -> set[tuple[str, int, str]]:
        return {(row["path"], row["line"], row["name"]) for row in self.data["files"]["redacted"]}

    def mentioned(self) -> set[str]:
        """Return every file of the source that a row of the report names."""
        rows = [*self.data["env"]["removed"], *self.data["config"]["removed"]]
        return {row["file"] for row in rows} | {path for path, *_ in self.redacted()} | set(self.left_behind())


def clone(
    layout: Layout,
    source: str = "default",
    name: str = "copy",
    *,
    policy: ClonePolicy | None = None,
    scope: Scope = Scope.AGENT,
    environment: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
    skills: bool = True,
    description: str | None = None,
    port: int = PORT,
) -> Cloned:
    """Return a new clone: plan twice, apply, and assert what holds for every clone.

    The second plan represents the dry run: its data must equal those of the run.
    """
    world = CloneContext(layout, dict(environment or {}), catalog or load_catalog(), lambda: port, lambda: FRESH_KEY)
    request = CloneRequest(source, name, scope, policy or ClonePolicy(), description, skills)
    before = picture(layout.home(source))
    _, dry = plan_clone(request, world)
    plan, report = plan_clone(request, world)
    data, shown = report.as_data(dry_run=False), dry.as_data(dry_run=True)
    assert shown.pop("dry_run") is True and {k: v for k, v in data.items() if k != "dry_run"} == shown
    apply(plan, layout=layout)
    cloned = Cloned(layout, layout.home(source), layout.home(name), data, report.warnings)
    assert picture(layout.home(source)) == before, "the source was changed"
    assert_private(cloned.home)
    assert (cloned.home / ".env").is_file(), "a home without .env is filled with the default profile's"
    for row in (*data["env"]["removed"], *data["config"]["removed"], *data["files"]["redacted"]):
        assert isinstance(row["line"], int) and row["line"] >= 1, row
    return cloned


def picture(home: Path) -> dict[str, tuple[object, ...]]:
    """Return what a reader must not change in a tree: type, mode, bytes or link text, mtime.

    The other profiles and the state folder in the root are not part of the source.
    """
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(home):
        if Path(folder) == home and "profiles" in folders:
            folders.remove("profiles")
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode) and status.st_size < 2**24 and os.access(path, os.R_OK):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            time = status.st_mtime_ns if not stat.S_ISDIR(status.st_mode) else None
            found[os.path.relpath(path, home)] = (stat.S_IFMT(status.st_mode), status.st_mode, content, time)
    return found


def assert_private(home: Path) -> None:
    """Assert that only the owner can enter a folder and read a file."""
    assert stat.S_IMODE(os.lstat(home).st_mode) == 0o700
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(folder, name))
            if stat.S_ISDIR(status.st_mode):
                assert stat.S_IMODE(status.st_mode) == 0o700, name
            elif stat.S_ISREG(status.st_mode):
                assert stat.S_IMODE(status.st_mode) in (0o600, 0o700), name


def leaks(home: Path, values: Iterable[str]) -> list[tuple[str, str]]:
    """Return (value, path) of every value found in a tree: file content, names, link targets."""
    wanted = tuple(values)
    found = []
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            place = os.path.relpath(path, home)
            found += [(value, f"name of {place}") for value in leaks_in(os.fsencode(place), wanted)]
            if os.path.islink(path):
                found += [(value, f"link {place}") for value in leaks_in(os.fsencode(os.readlink(path)), wanted)]
            elif os.path.isfile(path) and os.path.getsize(path) < 2**24:
                found += [(value, place) for value in leaks_in(Path(path).read_bytes(), wanted)]
    return found


def leaks_in(data: bytes, values: Iterable[str]) -> list[str]:
    """Return the values contained in these bytes as UTF-8, latin-1, UTF-16, URL-encoded or base64."""
    views = [data, unquote_to_bytes(data), *_decoded_base64(data)]
    joined = _BROKEN_BASE64.sub(b"", data)
    if joined != data:
        views += [joined, *_decoded_base64(joined)]
    return [value for value in values if any(form in view for form in _forms(value) for view in views)]


def _forms(value: str) -> list[bytes]:
    forms = [value.encode(), value.encode("utf-16-le"), value.encode("utf-16-be")]
    for safe in ("", "/", "/:@"):
        forms += [quote(value, safe=safe).encode(), quote(value, safe=safe).lower().encode()]
    try:
        forms.append(value.encode("latin-1"))
    except UnicodeEncodeError:
        pass
    return forms


def _decoded_base64(data: bytes) -> Iterator[bytes]:
    for match in _BASE64_RUN.finditer(data):
        run = match.group().replace(b"-", b"+").replace(b"_", b"/")
        for shift in range(4):
            part = run[shift:]
            part = part[: len(part) // 4 * 4] if len(part) % 4 == 1 else part + b"=" * (-len(part) % 4)
            try:
                yield base64.b64decode(part)
            except binascii.Error:
                continue


def dotenv_view(raw: bytes) -> dict[str, str | None]:
    """Return the variables python-dotenv reads after Hermes' rewriting (BOM, UTF-16, NUL bytes)."""
    return dict(dotenv_values(stream=io.StringIO(_text(raw)), interpolate=True))


def line_view(raw: bytes) -> dict[str, str]:
    """Return the variables Hermes' menus read: per line, up to the first `=`, without outer quotes."""
    found: dict[str, str] = {}
    for line in _text(raw).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or "=" not in stripped:
            continue
        name, _, value = stripped.removeprefix("export ").partition("=")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    raw = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def assert_shared_alike(source: bytes, copy: bytes, names: Iterable[str]) -> None:
    """Assert that both readers read shareable variables equally in source and clone."""
    for view in (dotenv_view, line_view):
        before, after = view(source), view(copy)
        for name in names:
            assert after.get(name) == before.get(name), (view.__name__, name)


def assert_lines_kept(source: bytes, copy: bytes, gone: Iterable[str]) -> None:
    """Assert that the copy has every source line without a mark of `gone`, unchanged and in order."""
    marks = [mark.encode() for mark in gone]
    rest = iter(copy.splitlines(keepends=True))
    for line in source.splitlines(keepends=True):
        if not any(mark in line for mark in marks):
            assert line.rstrip(b"\r\n") in (other.rstrip(b"\r\n") for other in rest), line
