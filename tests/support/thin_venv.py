"""Environments that cost nothing: the packages of another one as links, so that one package can be changed."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

_CLOCK = """
import os, time
_true, _file = time.time, os.path.join({home!r}, "clock-shift")
def _shifted():
    try:
        with open(_file) as file:
            return _true() + float(file.read() or 0)
    except (OSError, ValueError):
        return _true()
time.time = _shifted
"""


def packages_of(folder: Path) -> Path:
    """Return the folder of the packages of an environment."""
    return folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def _made(folder: Path) -> tuple[str, Path]:
    """Make an empty environment; return its Python and the folder of its packages."""
    packages = packages_of(folder)
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    base = Path(sys.executable).resolve()
    (folder / "bin" / "python").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    return str(folder / "bin" / "python"), packages


def checkout_venv(folder: Path, checkout: Path, home: Path | None = None) -> str:
    """Return a Python that runs the code of a checkout, also with `-I`.

    Its `time.time` is ahead by the seconds in the file `clock-shift` of `home`.
    """
    python, packages = _made(folder)
    lines = [str(checkout), sysconfig.get_paths()["purelib"]]
    if home is not None:
        (packages / "shifted_clock.py").write_text(_CLOCK.format(home=str(home)))
        lines.append("import shifted_clock")
    (packages / "checkout.pth").write_text("\n".join(lines) + "\n")
    return python


def linked_venv(folder: Path, copied: str) -> str:
    """Return a Python with the packages of this one as links; those whose names begin with `copied` are copies."""
    python, packages = _made(folder)
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.name.startswith("_editable"):
            continue
        if entry.name.startswith(copied):
            shutil.copytree(entry, packages / entry.name)
        else:
            (packages / entry.name).symlink_to(entry)
    return python
