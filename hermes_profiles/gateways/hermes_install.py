"""Finds the Hermes installation, and what a service needs of it: interpreter, virtual environment, PATH.

Source: Hermes 0.19.0 `hermes_cli/gateway.py` (`get_python_path`, `_detect_venv_dir`, `_build_service_path_dirs`,
`_build_user_local_paths`). Hermes compares its own text with the installed unit at each boot, so the same folders are
named in the same order.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.hermes.cli import PROGRAM
from hermes_profiles.hermes.files import CHECKOUT_FOLDER, LAUNCHER_FILE, TOOLS_FOLDER
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

from .hermes_code import PACKAGE, HermesCode, code_folder, read_code
from .hermes_on_path import real_hermes

if TYPE_CHECKING:
    from hermes_profiles.services.spec import Program

_COMMON = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_USER_FOLDERS = (".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin")
_LARGEST_SCRIPT = 64 * 1024
_LONGEST_CHAIN = 4  # scripts that run scripts
# `#!/x/python`, pip's `'''exec' "/a b/python3"` for long paths, and shell scripts that exec one.
_INTERPRETER = lazy_pattern(rb"""(?:#!|["' ])(/[^"'\n]*?/bin/python[0-9.]*)(?=["'\s])""")
_LAUNCHER = lazy_pattern(rb"""exec\s+(['"]?)(/[^'"\n]*?/\.hermes/bin/hermes)\1(?=\s|$)""")


class HermesInstall(NamedTuple):
    """A Hermes installation, and how it was found.

    `python`: its interpreter; `launcher`: the program that must be run instead of `python -m`, None where there is
    none (hermes/behaviours.py, LAUNCHERS); `code`: the folder that contains `hermes_cli`, None where it is unknown;
    `facts`: its behaviours, those of 0.19.0 where the code is unknown or was not read.
    """

    python: Path
    found_by: str
    launcher: Path | None = None
    code: Path | None = None
    facts: HermesFacts = BASE


def find_installation(layout: Layout, environment: Mapping[str, str], *, given: str | None = None) -> HermesInstall:
    """Return the Hermes that services should run.

    In this order: `given` (an interpreter or a launcher); `hermes` on PATH or in ~/.local/bin; the environment this
    program runs in; the checkout in the root. Raises NotFound without an installation.
    """
    if given:
        return _with_facts(_given_installation(Path(os.path.abspath(os.path.expanduser(given))), given))
    for found in _candidates(layout, environment):
        if os.access(found.launcher or found.python, os.X_OK):
            return _with_facts(found)
    raise NotFound(
        "cannot find Hermes Agent: it is not on PATH, not in the environment of this program, not in the root",
        target="hermes",
        code="no-hermes",
        hint="pass its program with `--python /path/to/hermes`, or install it with `pip install hermes-agent`",
    )


def _with_facts(found: HermesInstall) -> HermesInstall:
    if found.code is None or not (found.code / PACKAGE).is_dir():
        return found
    return found._replace(facts=read_code(found.code).facts)


def _given_installation(path: Path, given: str) -> HermesInstall:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise NotFound(
            f"{path} is not an executable program",
            target=given,
            code="no-hermes",
            hint="pass Hermes' Python or launcher with `--python PATH`, or use `--python none` to search for it",
        )
    found = installation_of(path) if path.name == PROGRAM else None
    if found is not None:
        return found._replace(found_by="--python")
    code = code_folder(path)
    if code is None and _is_store_python(path):
        raise NotFound(
            f"{path} has no Hermes of its own: it belongs to an installation with a launcher",
            target=given,
            code="no-hermes",
            hint="pass the launcher instead: `--python /path/to/hermes-agent/.hermes/bin/hermes`",
        )
    return HermesInstall(path, "--python", code=code)


def _is_store_python(python: Path) -> bool:
    """Return whether an interpreter belongs to the store of tools in a root, which holds no packages."""
    return python.parent.parent.parent.name == TOOLS_FOLDER


def _candidates(layout: Layout, environment: Mapping[str, str]) -> Iterator[HermesInstall]:
    import importlib.util

    script = Path(real_hermes(environment) or layout.alias_folder / PROGRAM)
    found = installation_of(script)
    if found is not None:
        yield found
    checkout = layout.root / CHECKOUT_FOLDER
    found = installation_of(checkout / LAUNCHER_FILE)
    if found is not None:
        yield found
    if importlib.util.find_spec(PACKAGE) is not None:
        python = Path(sys.executable)
        yield HermesInstall(python, "the environment of this program", code=code_folder(python))
    for venv in ("venv", ".venv"):
        yield HermesInstall(checkout / venv / "bin" / "python", str(checkout), code=checkout)


def installation_of(script: Path) -> HermesInstall | None:
    """Return the installation that a `hermes` command runs, None where it cannot be read from the script.

    The command in ~/.local/bin of an installation by git runs the launcher of its checkout, which runs an interpreter
    without packages (Hermes 0.22.2, hermes_cli/_launchers.py). Every other command names its interpreter.
    """
    launcher = script
    for _ in range(_LONGEST_CHAIN):
        text = _text_of(launcher)
        following = _LAUNCHER.search(text)
        checkout = Path(os.path.realpath(launcher)).parent.parent.parent
        is_launcher = (
            launcher.name == PROGRAM and (checkout / LAUNCHER_FILE).is_file() and (checkout / PACKAGE).is_dir()
        )
        python = _interpreter_in(text)
        if is_launcher and os.path.samefile(launcher, checkout / LAUNCHER_FILE) and python is not None:
            return HermesInstall(python, str(script), checkout / LAUNCHER_FILE, checkout)
        if following is None:
            return HermesInstall(python, str(script), code=code_folder(python)) if python is not None else None
        launcher = Path(os.fsdecode(following.group(2)))
    return None


def interpreter_of(script: Path) -> Path | None:
    """Return the Python that a script runs, None where it cannot be read from the script."""
    return _interpreter_in(_text_of(script))


def _interpreter_in(text: bytes) -> Path | None:
    match = _INTERPRETER.search(text)
    return Path(os.fsdecode(match.group(1))) if match else None


def _text_of(script: Path) -> bytes:
    try:
        return read_regular(os.path.realpath(script), _LARGEST_SCRIPT)
    except OSError:
        return b""


def program_for(installation: HermesInstall, home: Path, user_home: Path, environment: Mapping[str, str]) -> Program:
    """Return the program that runs the gateway of one home."""
    python = installation.python
    venv = python.parent.parent
    is_venv = installation.launcher is None and (venv / "pyvenv.cfg").is_file()
    if is_venv and (venv / "bin" / "python").exists():
        python = venv / "bin" / "python"
    checkout = installation.code if installation.launcher is not None else venv.parent
    entries = list(_existing(_hermes_folders(venv if is_venv else None, checkout, home)))
    node = shutil.which("node", path=environment.get("PATH", ""))
    if node is not None and os.path.dirname(node) not in entries:
        entries.append(os.path.dirname(node))
    entries += [folder for folder in _existing(user_home / name for name in _USER_FOLDERS) if folder not in entries]
    entries += [folder for folder in _wsl_folders(environment) if folder not in entries]
    launcher = str(installation.launcher) if installation.launcher is not None else None
    from hermes_profiles.services.spec import Program

    return Program(str(python), str(venv) if is_venv else None, (*entries, *_COMMON), launcher, installation.facts)


def _hermes_folders(venv: Path | None, checkout: Path | None, home: Path) -> Iterator[Path]:
    """Yield the folders of Hermes' programs; a newer release adds those of its dependencies itself, at each start."""
    if venv is not None:
        yield venv / "bin"
    if checkout is not None and (checkout / PACKAGE).is_dir():  # a checkout has its own node programs
        yield checkout / "node_modules" / ".bin"
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


def installed_code(layout: Layout, environment: Mapping[str, str]) -> HermesCode | None:
    """Return the code of the Hermes that serves this root, None where none is installed or it cannot be read."""
    for found in _candidates(layout, environment):
        if found.code is not None and (found.code / PACKAGE).is_dir():
            return read_code(found.code)
    return None


def installed_facts(layout: Layout, environment: Mapping[str, str]) -> HermesFacts:
    """Return the behaviours of the installed Hermes; those of 0.19.0 where none can be read."""
    code = installed_code(layout, environment)
    return code.facts if code is not None else BASE
