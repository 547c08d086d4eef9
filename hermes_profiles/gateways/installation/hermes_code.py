"""Reads the installed code of Hermes without importing it: version, commit, behaviours."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from hermes_profiles.hermes.behaviours import BEHAVIOURS, Behaviour, Marker
from hermes_profiles.hermes.files import INSTALL_STAMP_FILE
from hermes_profiles.hermes.version import HermesFacts, facts_of
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

PACKAGE = "hermes_cli"
_LARGEST = 512 * 1024
# `hermes_agent-0.19.0.dist-info`; a repackaging has a longer name.
_DISTRIBUTION = lazy_pattern(r"hermes_agent[a-z_]*-([0-9][0-9A-Za-z.+]*)\.dist-info")
_PROJECT_VERSION = lazy_pattern(rb"""^version\s*=\s*["']([0-9][^"']*)["']""", re.MULTILINE)
_MODULE_VERSION = lazy_pattern(rb"""^__version__\s*=\s*["']([0-9][^"']*)["']""", re.MULTILINE)
_COMMIT = lazy_pattern(r"[0-9a-f]{40}")


class HermesCode(NamedTuple):
    """The code of one installation.

    `folder`: contains `hermes_cli`; `version`: as text, "" where unknown; `commit`: 40 hex digits, "" where unknown;
    `is_checkout`: of git or of an editable installation; `unseen`: behaviours that a release newer than every known one
    is assumed to have, though its code does not show them.
    """

    folder: Path
    version: str
    commit: str
    is_checkout: bool
    facts: HermesFacts
    unseen: tuple[Behaviour, ...] = ()


def read_code(folder: Path) -> HermesCode:
    """Return what the code in a folder says about itself; unreadable parts stay empty."""
    is_checkout = (folder / "pyproject.toml").is_file()
    version = _project_version(folder) if is_checkout else _distribution_version(folder)
    version = version or _first(_MODULE_VERSION, folder / PACKAGE / "__init__.py")
    markers = {fact.behaviour: _shows(folder, fact.marker) for fact in BEHAVIOURS if fact.marker.path}
    facts = facts_of(numbers_of(version), markers)
    unseen = tuple(behaviour for behaviour, is_shown in markers.items() if facts.has(behaviour) and not is_shown)
    return HermesCode(folder, version, _commit(folder), is_checkout, facts, unseen)


def numbers_of(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version; () for text without one."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in release.group().split(".")[:3]) if release else ()


def code_folder(python: Path) -> Path | None:
    """Return the folder of the Hermes that an interpreter imports, None where it has none."""
    venv = python.parent.parent
    if (venv.parent / PACKAGE).is_dir():
        return venv.parent
    for site in sorted(venv.glob("lib/python3*/site-packages")):
        if (site / PACKAGE).is_dir():
            return site
        for link in sorted(site.glob("__editable__*hermes*.pth")):
            folder = _linked_folder(link)
            if folder is not None:
                return folder
    return None


def _linked_folder(link: Path) -> Path | None:
    """Return the checkout that a path file of an editable installation names."""
    try:
        lines = read_regular(link, 4096).decode(errors="replace").splitlines()
    except OSError:
        return None
    return next((Path(line) for line in lines if line.startswith("/") and (Path(line) / PACKAGE).is_dir()), None)


def _shows(folder: Path, marker: Marker) -> bool:
    path = folder / marker.path
    if not marker.text:
        return path.is_file()
    try:
        return marker.text.encode() in read_regular(path, _LARGEST)
    except OSError:
        return False


def _project_version(folder: Path) -> str:
    return _first(_PROJECT_VERSION, folder / "pyproject.toml")


def _distribution_version(folder: Path) -> str:
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    found = [match.group(1) for name in names if (match := _DISTRIBUTION.fullmatch(name))]
    return max(found, key=numbers_of, default="")


def _first(pattern: re.Pattern[bytes], path: Path) -> str:
    try:
        match = pattern.search(read_regular(path, _LARGEST))
    except OSError:
        return ""
    return match.group(1).decode(errors="replace") if match else ""


def _commit(folder: Path) -> str:
    """Return the commit of a build stamp or of the checkout (hermes_cli/version_info.py).

    Hermes also writes a stamp into a checkout, with the source "git": there the checkout itself counts.
    """
    try:
        stamp = json.loads(read_regular(folder / INSTALL_STAMP_FILE, _LARGEST))
    except (OSError, ValueError, RecursionError):
        stamp = None
    text, source = (str(stamp.get(key) or "") for key in ("commit", "source")) if isinstance(stamp, dict) else ("", "")
    live = _git_commit(folder / ".git") if source == "git" or not text else ""
    return next((each for each in (live, text) if _COMMIT.fullmatch(each)), "")


def _git_commit(folder: Path) -> str:
    try:
        head = read_regular(folder / "HEAD", 4096).decode(errors="replace").strip()
        name = head.removeprefix("ref: ")
        if name == head:
            return head
        if not re.fullmatch(r"refs/[\w./-]+", name) or ".." in name:
            return ""
        try:
            return read_regular(folder / name, 4096).decode(errors="replace").strip()
        except OSError:
            packed = read_regular(folder / "packed-refs", 16 * 1024 * 1024).decode(errors="replace")
    except OSError:
        return ""
    return next((line.split(" ", 1)[0] for line in packed.splitlines() if line.endswith(f" {name}")), "")


def has_behaviour(code: HermesCode | None, behaviour: Behaviour) -> bool:
    """Return whether an installed Hermes has a behaviour; False without one."""
    return code is not None and code.facts.has(behaviour)
