"""Channels that the catalogue does not know: from the user's own file, and from Hermes plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.credentials.catalog.catalog import (
    Catalog,
    Channel,
    UserAdditions,
    extend,
    load_catalog,
    parse_package,
    parse_plugin,
    parse_plugin_channel,
    parse_user_catalog,
)
from hermes_profiles.hermes.files import (
    CHECKOUT_FOLDER,
    CONFIG_FILE,
    ENTRY_POINTS,
    PLUGIN_FILE,
    PLUGINS_FOLDER,
    PROJECT_PLUGINS,
)
from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import system_reason

from .regular_file import read_kept, read_regular
from .user_config import user_config_folder

USER_CATALOG = "catalog.toml"
_LARGEST = 4 * 1024 * 1024
_MOST_PYTHON_FILES = 500
# A list that is not empty, in any style, or a reference to one.
_ENABLES = lazy_pattern(
    rb"""enabled["']?[ \t]*:[ \t]*(?:[*&!]|\[\s*[^\]\s]|(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*-)"""
)
_NOT_CODE = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "tests"})


def catalog_for(
    layout: Layout,
    environment: Mapping[str, str],
    *,
    homes: tuple[Path, ...] = (),
    problems: list[Problem] | None = None,
) -> Catalog:
    """Return the catalogue of a root: the built-in one, channels of plugins, and the user's additions.

    Plugins are searched in `homes` and in the root. Raises DocumentError for a broken user file or plugin.yaml, because
    an unknown channel would not be left behind. With a list in `problems`, errors are added to it and the
    rest is used.
    """
    catalog = load_catalog()
    own = (home / name for home in dict.fromkeys((layout.root, *homes)) for name in (PLUGINS_FOLDER, PROJECT_PLUGINS))
    channels = (
        *(channel for folder in own for channel in home_plugin_channels(folder, problems)),
        *(package_channels(layout) if any(map(_enables_some, map(str, (layout.root, *homes)))) else ()),
        *(
            channel
            for folder in installed_plugin_folders(layout)
            for channel in plugin_channels(folder, catalog, problems)
        ),
    )
    try:
        additions = user_additions(environment)
    except DocumentError as error:
        if problems is None:
            raise
        problems.append(error.problem)
        additions = None
    return extend(catalog, channels=channels, additions=additions) if channels or additions else catalog


def homes_with_plugins(layout: Layout) -> tuple[Path, ...]:
    """Return the homes in `profiles/` with a folder of plugins and a config.yaml that enables some."""
    try:
        names = sorted(os.listdir(layout.profiles))
    except OSError:
        return ()
    folder = os.fspath(layout.profiles)
    return tuple(layout.profiles / name for name in names if _has_plugins(f"{folder}/{name}"))


def _has_plugins(home: str) -> bool:
    has_some = any(os.path.isdir(f"{home}/{name}") for name in (PLUGINS_FOLDER, PROJECT_PLUGINS))
    return has_some and _enables_some(home)


def _enables_some(home: str) -> bool:
    """Return whether config.yaml has a list `enabled` that is not empty, which makes Hermes load a plugin."""
    try:
        return _ENABLES.search(read_kept(f"{home}/{CONFIG_FILE}", _LARGEST)) is not None
    except OSError:
        return False


def user_catalog_path(environment: Mapping[str, str]) -> Path:
    """Return the path of the user's additions, in the configuration folder of this program."""
    return user_config_folder(environment) / USER_CATALOG


def user_additions(environment: Mapping[str, str]) -> UserAdditions | None:
    """Return the additions of the user's own file, None without a file."""
    path = user_catalog_path(environment)
    text = _text(path)
    return parse_user_catalog(text, path=str(path)) if text is not None else None


def _text(path: Path) -> str | None:
    """Return the text of a declaration, None when it is missing. Raises DocumentError when it cannot be read."""
    try:
        return read_regular(path, _LARGEST).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DocumentError(str(path), line, "is not UTF-8", hint="save it as UTF-8") from error
    except OSError as error:
        reason = f"cannot be read: {system_reason(error)}"
        raise DocumentError(str(path), None, reason, hint=f"look at it with `ls -l {quote(str(path))}`") from error


def installed_plugin_folders(layout: Layout) -> Iterator[Path]:
    """Yield folders of platform plugins that come with Hermes: the checkout in the root, or this environment."""
    yield layout.root / CHECKOUT_FOLDER / "plugins" / "platforms"
    for entry in sys.path:
        if entry and os.path.isdir(os.path.join(entry, "hermes_cli")):
            yield Path(entry) / "plugins" / "platforms"


def package_channels(layout: Layout) -> Iterator[Channel]:
    """Yield the channels of packages that are installed beside Hermes, by their entry points for plugins."""
    checkout = layout.root / CHECKOUT_FOLDER
    sites = [Path(entry) for entry in sys.path if entry and os.path.isdir(os.path.join(entry, "hermes_cli"))]
    sites += [path for name in ("venv", ".venv") for path in checkout.glob(f"{name}/lib/python3*/site-packages")]
    for site in dict.fromkeys(sites):
        for described in sorted(site.glob("*.dist-info/entry_points.txt")):
            for plugin, module in _entry_points(described):
                place = site.joinpath(*module.split("."))
                file = place.with_name(f"{place.name}.py")
                files = _python_files(place) if place.is_dir() else {str(file): _source(file)}
                yield from parse_package(plugin, files, path=str(described))


def _entry_points(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, module) of the plugins of Hermes in the entry points of a package."""
    try:
        lines = read_regular(path, _LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return
    section = ""
    for line in lines:
        if line.startswith("["):
            section = line.strip()
        elif section == f"[{ENTRY_POINTS}]" and "=" in line:
            name, _, target = line.partition("=")
            yield name.strip(), target.partition(":")[0].partition("[")[0].strip()


def _source(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def home_plugin_channels(folder: Path, problems: list[Problem] | None = None) -> Iterator[Channel]:
    """Yield the channels that the plugins of a home declare in their manifest or register in their code.

    Raises DocumentError for a broken manifest; with a list in `problems`, errors are added to it.
    """
    for manifest, text in _manifests(folder, problems):
        try:
            yield from parse_plugin(text, _python_files(manifest.parent), path=str(manifest))[0]
        except DocumentError as error:
            if problems is None:
                raise
            problems.append(error.problem)


def unread_registrations(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield (file, line) where the code of a home's plugin registers a channel whose name cannot be read."""
    for manifest, text in _manifests(folder, []):
        try:
            _, code = parse_plugin(text, _python_files(manifest.parent), path=str(manifest))
        except DocumentError:
            continue
        if code.unread is not None:
            yield Path(code.unread[0]), code.unread[1]


def _manifests(folder: Path, problems: list[Problem] | None) -> Iterator[tuple[Path, str]]:
    """Yield the manifests in a folder of plugins, and one folder deeper, as Hermes finds them."""
    for place in _folders(folder):
        inner = tuple(_manifest(place, problems))
        yield from inner
        if not inner:
            for below in _folders(place):
                yield from _manifest(below, problems)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as scan:
            return sorted(Path(entry.path) for entry in scan if entry.is_dir())
    except OSError:
        return []


def _manifest(folder: Path, problems: list[Problem] | None) -> Iterator[tuple[Path, str]]:
    for file in (PLUGIN_FILE, "plugin.yml"):
        try:
            text = _text(folder / file)
        except DocumentError as error:
            if problems is None:
                raise
            problems.append(error.problem)
            return
        if text is not None:
            yield folder / file, text
            return


def _python_files(folder: Path) -> dict[str, str]:
    """Return the Python files of a plugin, path → text, without those of environments and tests."""
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_CODE and not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".py") and len(found) < _MOST_PYTHON_FILES:
                path = os.path.join(place, name)
                try:
                    found[path] = read_regular(path, _LARGEST).decode("utf-8", "replace")
                except OSError:
                    continue
    return found


def plugin_channels(folder: Path, catalog: Catalog, problems: list[Problem] | None = None) -> Iterator[Channel]:
    """Yield the channels that plugins of an installation declare and the catalogue does not know.

    The plugin of a known channel is not read: its variables have rows, and its prefix matches the rest.
    """
    try:
        with os.scandir(folder) as scan:
            names = sorted(entry.name for entry in scan if entry.is_dir())
    except OSError:
        return
    for name in names:
        if catalog.channel_of_config_key(name) is not None:
            continue
        try:
            channel = _plugin_channel(folder / name)
        except DocumentError as error:
            if problems is None:
                raise
            problems.append(error.problem)
        else:
            if channel is not None:
                yield channel


def _plugin_channel(folder: Path) -> Channel | None:
    for file in (PLUGIN_FILE, "plugin.yml"):
        text = _text(folder / file)
        if text is not None:
            return parse_plugin_channel(text, path=str(folder / file))
    return None
