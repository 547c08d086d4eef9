"""A bare root filesystem made of copies: Python, the packages of the commands, a shell, and nothing else.

What runs in it is process 1 of namespaces of its own: processes, mounts, network.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from command_runner import REPOSITORY

_PROGRAMS = ("/bin/sh", "/usr/bin/env", "/bin/sleep")
_PACKAGES = ("typer", "rich", "ruamel.yaml", "psutil", "json5", "prometheus_client", "platformdirs", "supervisor")
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}
# Process 1 brings up the loopback device of its network and becomes the command.
_FIRST = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
os.execv(sys.executable, [sys.executable, "-m", "hermes_profiles.cli.gateways", *sys.argv[1:]])
"""


class BareRoot:
    """A root filesystem in a folder. `keep`: a folder whose content is copied to the same path."""

    def __init__(self, folder: Path, keep: Path) -> None:
        if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
            pytest.skip("NO NAMESPACES: a bare root needs Linux, root and unshare")
        self.folder = folder
        for name in ("proc", "dev", "tmp", "etc", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        for name, (major, minor) in _DEVICES.items():
            os.mknod(folder / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        self._copy_python()
        self._tree(REPOSITORY / "hermes_profiles")
        self._tree(keep)
        for program in (*_PROGRAMS, *map(str, folder.rglob("*.so")), str(Path(sys.executable).resolve())):
            self._libraries(program)

    def inside(self, path: Path) -> Path:
        """Return where a path of the bare root is, seen from outside."""
        return self.folder / path.relative_to("/")

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs `hermes-gateways` as process 1."""
        return [
            "unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", f"--root={self.folder}", "--mount-proc",
            sys.executable, "-c", _FIRST, *arguments,
        ]  # fmt: skip

    def _copy_python(self) -> None:
        base = Path(sys.base_prefix)
        library = base / f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
        self._tree(library, "test", "site-packages", "idlelib", "tkinter", "ensurepip", "lib2to3")
        self._file(Path(sys.executable).resolve())
        if sys.prefix != sys.base_prefix:
            self._file(Path(sys.prefix) / "pyvenv.cfg")
            link = self.inside(Path(sys.executable))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path(sys.executable).resolve())
        for name in _closure(_PACKAGES):
            distribution = metadata.distribution(name)
            for file in distribution.files or ():
                path = Path(str(distribution.locate_file(file)))
                if path.is_file() and ".." not in file.parts:
                    self._file(path)

    def _tree(self, source: Path, *left_out: str) -> None:
        ignored = shutil.ignore_patterns(*left_out)
        shutil.copytree(source, self.inside(source), symlinks=True, ignore=ignored, dirs_exist_ok=True)

    def _file(self, source: Path) -> None:
        target = self.inside(source)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)

    def _libraries(self, program: str) -> None:
        if program in _PROGRAMS:
            target = self.inside(Path(program))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(program, target)
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        for path in re.findall(r"(/\S+) \(0x", done.stdout):
            self._file(Path(path))


def _closure(names: tuple[str, ...]) -> Iterator[str]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        for text in metadata.requires(name) or ():
            words = re.match(r"[\w.-]+", text)
            if words is not None and "extra ==" not in text and _is_there(words[0]):
                waiting.append(words[0])


def _is_there(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
