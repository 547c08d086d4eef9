"""Finds the Hermes installation, and what a service needs of it: interpreter, virtual environment, PATH.

Source: Hermes 0.19.0 `hermes_cli/gateway.py` (`get_python_path`, `_detect_venv_dir`, `_build_service_path_dirs`,
`_build_user_local_paths`). Hermes compares its own text with the installed unit at each boot, so the same folders are
named in the same order.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.hermes.files import CHECKOUT_FOLDER
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.spec import Program

from .hermes_on_path import real_hermes

_COMMON = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_USER_FOLDERS = (".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin")
_LARGEST_SCRIPT = 16 * 1024
# `#!/x/python`, pip's `'''exec' "/a b/python3"` for long paths, and shell scripts that exec one.
_INTERPRETER = re.compile(rb"""(?:#!|["' ])(/[^"'\n]*?/bin/python[0-9.]*)(?=["'\s])""")


class HermesInstall(NamedTuple):
    """A Hermes installation: its interpreter, and how it was found."""

    python: Path
    found_by: str


def find_installation(layout: Layout, environment: Mapping[str, str], *, given: str | None = None) -> HermesInstall:
    """Return the Hermes that services should run.

    In this order: `given`; `hermes` on PATH or in ~/.local/bin; the environment this program runs in; the checkout in
    the root. Raises NotFound without an installation.
    """
    if given:
        python = Path(os.path.abspath(os.path.expanduser(given)))
        if python.is_file() and os.access(python, os.X_OK):
            return HermesInstall(python, "--python")
        raise NotFound(
            f"{python} is not an executable program",
            target=given,
            code="no-hermes",
            hint="pass Hermes' Python with `--python PATH`, or use `--python none` to search for it",
        )
    for python, how in _candidates(layout, environment):
        if os.access(python, os.X_OK):
            return HermesInstall(python, how)
    raise NotFound(
        "cannot find Hermes Agent: it is not on PATH, not in the environment of this program, not in the root",
        target="hermes",
        code="no-hermes",
        hint="pass its Python with `--python /path/to/venv/bin/python`, or install it with `pip install hermes-agent`",
    )


def _candidates(layout: Layout, environment: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    import importlib.util

    script = real_hermes(environment) or str(layout.alias_folder / "hermes")
    python = interpreter_of(Path(script))
    if python is not None:
        yield python, script
    if importlib.util.find_spec("hermes_cli") is not None:
        yield Path(sys.executable), "the environment of this program"
    for venv in ("venv", ".venv"):
        yield layout.root / CHECKOUT_FOLDER / venv / "bin" / "python", str(layout.root / CHECKOUT_FOLDER)


def interpreter_of(script: Path) -> Path | None:
    """Return the Python that a script runs, None where it cannot be read from the script."""
    try:
        text = read_regular(os.path.realpath(script), _LARGEST_SCRIPT)
    except OSError:
        return None
    match = _INTERPRETER.search(text)
    return Path(os.fsdecode(match.group(1))) if match else None


def program_for(installation: HermesInstall, home: Path, user_home: Path, environment: Mapping[str, str]) -> Program:
    """Return the program that runs the gateway of one home."""
    python = installation.python
    venv = python.parent.parent
    is_venv = (venv / "pyvenv.cfg").is_file()
    if is_venv and (venv / "bin" / "python").exists():
        python = venv / "bin" / "python"
    entries = list(_existing(_hermes_folders(venv if is_venv else None, home)))
    node = shutil.which("node", path=environment.get("PATH", ""))
    if node is not None and os.path.dirname(node) not in entries:
        entries.append(os.path.dirname(node))
    entries += [folder for folder in _existing(user_home / name for name in _USER_FOLDERS) if folder not in entries]
    entries += [folder for folder in _wsl_folders(environment) if folder not in entries]
    return Program(str(python), str(venv) if is_venv else None, (*entries, *_COMMON))


def _hermes_folders(venv: Path | None, home: Path) -> Iterator[Path]:
    if venv is not None:
        yield venv / "bin"
        if (venv.parent / "hermes_cli").is_dir():  # a checkout has its own node programs
            yield venv.parent / "node_modules" / ".bin"
    yield home / "node" / "bin"
    yield home / "node_modules" / ".bin"


def _existing(folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        if folder.is_dir():
            yield str(folder)


def _wsl_folders(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the Windows folders of PATH under WSL: a systemd service does not inherit them."""
    if not environment.get("WSL_DISTRO_NAME"):
        return
    seen = set()
    for folder in environment.get("PATH", "").split(":"):
        if folder.startswith("/mnt/") and folder not in seen:
            seen.add(folder)
            yield folder


def installed_version(layout: Layout, environment: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return the version of the Hermes on PATH or in the alias folder, None where it is unknown."""
    script = real_hermes(environment) or str(layout.alias_folder / "hermes")
    python = interpreter_of(Path(script))
    return version_of(python) if python is not None else None


def version_of(python: Path) -> tuple[int, ...] | None:
    """Return the version of hermes-agent that an interpreter has, None where it is unknown."""
    for found in python.parent.parent.glob("lib/python3*/site-packages/hermes_agent-*.dist-info"):
        numbers = re.findall(r"\d+", found.name.removeprefix("hermes_agent-").removesuffix(".dist-info"))
        return tuple(int(number) for number in numbers[:3])
    return None
