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
from typing import TYPE_CHECKING

from hermes_profiles.hermes.cli import PROGRAM
from hermes_profiles.hermes.files import CHECKOUT_FOLDER, LAUNCHER_FILE, TOOLS_FOLDER
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

from .hermes_code import PACKAGE, HermesCode, code_folder, read_code
from .hermes_on_path import real_hermes

if TYPE_CHECKING:
    from hermes_profiles.services.spec import Program

    from .launcher_script import LauncherTarget

_COMMON = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_USER_FOLDERS = (".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin")
_LARGEST_SCRIPT = 64 * 1024
_LONGEST_CHAIN = 4  # scripts that run scripts
# `#!/x/python`, pip's `'''exec' "/a b/python3"` for long paths, and shell scripts that exec one.
_INTERPRETER = lazy_pattern(rb"""(?:#!|["' ])(/[^"'\n]*?/bin/python[0-9.]*)(?=["'\s])""")
# The script that pip writes: it names its interpreter, and nothing runs on the way.
_PYTHON_SCRIPT = lazy_pattern(rb"#!(/[^\s$~]*/(?:python|pypy)[0-9.]*)[ \t]*\r?\n")
_LAUNCHER = lazy_pattern(rb"""exec\s+(['"]?)(/[^'"\n]*?/\.hermes/bin/hermes)\1(?=\s|$)""")

# Prints the folder that contains Hermes. A service does not have the first entry, the working folder.
_IMPORT = (
    "import importlib.util as u, os, sys; sys.path[:1] = []; "
    f"found = u.find_spec({PACKAGE!r}); print(os.path.dirname(os.path.dirname(found.origin)) if found else 'none')"
)
_IMPORT_SECONDS = 10.0


class HermesInstall(NamedTuple):
    """A Hermes installation, and how it was found.

    `python`: its interpreter; `launcher`: the program that must be run instead of `python -m`, None where there is
    none (hermes/behaviours.py, LAUNCHERS); `code`: the folder that contains `hermes_cli`, None where it is unknown;
    `facts`: its behaviours, those of 0.19.0 where the code is unknown or was not read; `through`: a program that gives
    Hermes its secrets when the user runs `hermes` (`op`), "" without one; `passed_over`: why the `hermes` on PATH is
    not the one that was found, "" where it is.
    """

    python: Path
    found_by: str
    launcher: Path | None = None
    code: Path | None = None
    facts: HermesFacts = BASE
    through: str = ""
    passed_over: str = ""


def find_installation(layout: Layout, environment: Mapping[str, str], *, given: str | None = None) -> HermesInstall:
    """Return the Hermes that services should run.

    In this order: `given` (an interpreter or a launcher); `hermes` on PATH or in ~/.local/bin; the environment this
    program runs in; the checkout in the root. An interpreter without known code is run once: it must import Hermes as a
    service does, without the variables of a launcher. Raises NotFound without an installation, and where `hermes` runs
    in a container or on another machine: a service here would be a second gateway beside that one.
    """
    if given:
        chosen = _given_installation(Path(os.path.abspath(os.path.expanduser(given))), given)
        return _with_facts(_given_checked(chosen, layout.user_home, given))
    script = _script_of(layout, environment)
    passed_over = ""
    for found in _candidates(layout, environment):
        if not isinstance(found, HermesInstall):
            if found.is_elsewhere:
                raise _elsewhere(script, found)
            passed_over = _what_it_runs(script, found)
            continue
        program = found.launcher or found.python
        if not os.access(program, os.X_OK):
            passed_over = passed_over or (f"{program} of {script} is missing" if found.found_by == str(script) else "")
            continue
        checked, why = checked_import(found, layout.user_home)
        if checked is not None:
            return _with_facts(checked)._replace(passed_over=passed_over)
        if found.found_by == str(script):
            passed_over = f"{script} runs {program}, which cannot import Hermes by itself ({why})"
    raise _not_found(passed_over)


def _not_found(passed_over: str) -> NotFound:
    if passed_over:
        return NotFound(
            f"services cannot run this Hermes: {passed_over}",
            target=PROGRAM,
            code="hermes-launcher",
            hint="pass an interpreter that imports Hermes with `--python PATH`, for example the `bin/python` of its "
            "virtual environment",
        )
    return NotFound(
        "cannot find Hermes Agent: it is not on PATH, not in the environment of this program, not in the root",
        target=PROGRAM,
        code="no-hermes",
        hint="pass its program with `--python /path/to/hermes`, or install it with `pip install hermes-agent`",
    )


def _elsewhere(script: Path, found: LauncherTarget) -> NotFound:
    return NotFound(
        f"{script} runs Hermes elsewhere (`{found.what}`): a service here would be a second gateway beside that one",
        target=PROGRAM,
        code="hermes-launcher",
        hint="run hermes-gateways there, or pass a Hermes of this machine with `--python PATH`",
    )


def _what_it_runs(script: Path, found: LauncherTarget) -> str:
    what = f"runs `{found.what}`, whose interpreter is not known" if found.what else "is a launcher that cannot be read"
    return f"{script} {what}"


def _given_checked(found: HermesInstall, user_home: Path, given: str) -> HermesInstall:
    checked, why = checked_import(found, user_home)
    if checked is not None:
        return checked
    raise NotFound(
        f"{found.python} cannot import Hermes ({why})",
        target=given,
        code="no-hermes",
        hint="pass the `bin/python` of the environment in which Hermes is installed with `--python PATH`",
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


def _script_of(layout: Layout, environment: Mapping[str, str]) -> Path:
    return Path(real_hermes(environment) or layout.alias_folder / PROGRAM)


def _candidates(layout: Layout, environment: Mapping[str, str]) -> Iterator[HermesInstall | LauncherTarget]:
    """Yield the installations; for a `hermes` on PATH that leads to none, what it runs."""
    import importlib.util

    script = _script_of(layout, environment)
    if script.is_file():
        yield _behind(script, environment, layout.user_home)
    checkout = layout.root / CHECKOUT_FOLDER
    found = installation_of(checkout / LAUNCHER_FILE)
    if found is not None:
        yield found
    if importlib.util.find_spec(PACKAGE) is not None:
        python = Path(sys.executable)
        yield HermesInstall(python, "the environment of this program", code=code_folder(python))
    for venv in ("venv", ".venv"):
        python = checkout / venv / "bin" / "python"
        yield HermesInstall(python, str(checkout), code=code_folder(python) or checkout)


def installation_of(
    script: Path, environment: Mapping[str, str] | None = None, user_home: Path | None = None
) -> HermesInstall | None:
    """Return the installation that a `hermes` command runs, None where it cannot be read from the script."""
    home = user_home if user_home is not None else Path(os.path.expanduser("~"))
    found = _behind(script, environment or {}, home)
    return found if isinstance(found, HermesInstall) else None


def _behind(script: Path, environment: Mapping[str, str], user_home: Path) -> HermesInstall | LauncherTarget:
    """Return the installation that a `hermes` command runs, or what it runs instead.

    The command in ~/.local/bin of an installation by git runs the launcher of its checkout, which runs an interpreter
    without packages (Hermes 0.22.2, hermes_cli/_launchers.py). Every other command names its interpreter, or a script
    or tool that leads to one.
    """
    launcher = script
    through = ""
    target = None
    for _ in range(_LONGEST_CHAIN):
        text = _text_of(launcher)
        following = _LAUNCHER.search(text)
        checkout = Path(os.path.realpath(launcher)).parent.parent.parent
        is_launcher = (
            launcher.name == PROGRAM and (checkout / LAUNCHER_FILE).is_file() and (checkout / PACKAGE).is_dir()
        )
        if is_launcher and os.path.samefile(launcher, checkout / LAUNCHER_FILE):
            python = _interpreter_in(text)
            if python is not None:
                return HermesInstall(python, str(script), checkout / LAUNCHER_FILE, checkout, through=through)
        if following is not None:
            launcher = Path(os.fsdecode(following.group(2)))
            continue
        if (direct := _PYTHON_SCRIPT.match(text)) is not None:
            python = Path(os.path.normpath(os.fsdecode(direct.group(1))))
            return HermesInstall(python, str(script), code=code_folder(python), through=through)
        from .launcher_script import LauncherTarget, read_launcher  # most scripts end above

        target = read_launcher(launcher, text, environment, user_home)
        through = through or target.through
        if target == LauncherTarget():  # not a script of a known form
            target = LauncherTarget(python=_interpreter_in(text))
        if target.python is not None:
            return HermesInstall(target.python, str(script), code=code_folder(target.python), through=through)
        if target.script is None or target.is_elsewhere:
            return target
        launcher = target.script
    from .launcher_script import LauncherTarget

    return target._replace(script=None) if target is not None else LauncherTarget()


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


def launcher_warnings(found: HermesInstall) -> Iterator[Problem]:
    """Yield a warning for a `hermes` on PATH that services do not run, and for a vault that they do not run."""
    if found.passed_over:
        program = found.launcher or found.python
        yield Problem(
            "hermes-launcher",
            f"services run {program} ({found.found_by}), not the hermes on PATH: {found.passed_over}",
            PROGRAM,
            "choose the Hermes of services with `--python PATH`",
        )
    if found.through:
        yield Problem(
            "hermes-launcher",
            f"{found.found_by} runs Hermes behind `{found.through}`; services run {found.python} without it, and "
            "without its secrets",
            PROGRAM,
            "put the secrets into the `.env` of each profile, or run the vault in a drop-in of your own "
            "(`systemctl --user edit UNIT`)",
        )


def checked_import(found: HermesInstall, user_home: Path) -> tuple[HermesInstall | None, str]:
    """Return an installation whose interpreter imports Hermes in the environment of a service, else None and why.

    One that is known by its files is not run. An interpreter that gives no answer counts as one that does.
    """
    if found.launcher is not None or (found.code is not None and (found.code / PACKAGE).is_dir()):
        return found, ""
    from hermes_profiles.services.manager import ManagerError
    from hermes_profiles.services.run_command import listed_environment, run

    environment = {"HOME": str(user_home), "PATH": listed_environment({})["PATH"], "LC_ALL": "C.UTF-8"}
    try:
        ended = run([str(found.python), "-c", _IMPORT], environment, _IMPORT_SECONDS)
    except ManagerError as error:
        return (found, "") if error.problem.code == "manager-timeout" else (None, error.problem.message)
    place = ended.out.strip()
    if place == "none" or ended.code in (126, 127):
        return None, f"no module {PACKAGE}" if place else ended.complaint
    return (found._replace(code=Path(place)) if place.startswith("/") else found), ""


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


def installation(layout: Layout, environment: Mapping[str, str]) -> HermesInstall | None:
    """Return the installation that serves this root, with its code, None where none can be read; nothing is run."""
    for found in _candidates(layout, environment):
        if isinstance(found, HermesInstall) and found.code is not None and (found.code / PACKAGE).is_dir():
            return found
    return None


def installed_code(layout: Layout, environment: Mapping[str, str]) -> HermesCode | None:
    """Return the code of the Hermes that serves this root, None where none is installed or it cannot be read."""
    found = installation(layout, environment)
    return read_code(found.code) if found is not None and found.code is not None else None


def installed_facts(layout: Layout, environment: Mapping[str, str]) -> HermesFacts:
    """Return the behaviours of the installed Hermes; those of 0.19.0 where none can be read."""
    code = installed_code(layout, environment)
    return code.facts if code is not None else BASE
