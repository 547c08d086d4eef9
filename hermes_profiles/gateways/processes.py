"""Reads the process table and matches processes to gateways; /proc on Linux, psutil elsewhere. Sends no signal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from hermes_profiles.hermes.cli import ENTRIES, ENTRY_PATHS, GATEWAY_ENTRIES, GATEWAY_ENTRY_PATHS
from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_MANAGED_DIR
from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .installation.inline_code import home_in_code, unwrapped

_DEAD = "ZX"
STOPPED = "Tt"
# The variables of a gateway that determine its home.
_WANTED = (HERMES_HOME, "HOME", HERMES_MANAGED_DIR)
_INTERPRETER = lazy_pattern(r"(?i:python|pypy)[0-9.]*|(?:ba|da|z|k)?sh")
_LOCK = lazy_pattern(r"\d+: +FLOCK +\S+ +\S+ +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) .*")


class Process(NamedTuple):
    """A live process.

    `started`: field 22 of /proc/PID/stat on Linux, psutil's create_time × 100 elsewhere, as Hermes records it;
    `state`: its letter; `parent`: pid; `variables`: HERMES_HOME, HOME and HERMES_MANAGED_DIR of its environment as it
    was started, None when that may not be read; `argv` () when that may not be read.
    """

    pid: int
    started: float
    state: str
    parent: int
    argv: tuple[str, ...]
    variables: Mapping[str, str] | None

    @property
    def is_gateway(self) -> bool:
        """Return whether its command line starts a gateway (`gateway run` or `gateway restart`)."""
        return gateway_subcommand(self.argv) in ("run", "restart")


class Usage(NamedTuple):
    """Resource usage of a process: bytes of memory, open files and their limit, seconds since the start, CPU seconds.

    A field is None where it cannot be read.
    """

    rss: int | None = None
    open_files: int | None = None
    open_files_limit: int | None = None
    uptime: float | None = None
    cpu: float | None = None


class Processes(Protocol):
    """The process table."""

    def find(self, pid: int) -> Process | None:
        """Return a live process, None for a missing process or a zombie."""
        ...

    def gateways(self) -> tuple[Process, ...]:
        """Return every process of this user whose command line starts a gateway."""
        ...

    def lock_owner(self, path: Path) -> int | None:
        """Return the pid that holds the lock of a file, None without a holder or where it is unknown. Takes no lock."""
        ...

    def usage(self, process: Process) -> Usage:
        """Return the resource usage of a process."""
        ...

    def epoch(self, process: Process) -> float | None:
        """Return the start of a process in epoch seconds."""
        ...

    def folder(self, process: Process) -> str:
        """Return the working folder of a process as the kernel names it, "" where it is unknown."""
        ...

    def cgroup(self, process: Process) -> str:
        """Return the path of the control group of a process, "" where it is unknown."""
        ...

    def standard_input(self, process: Process) -> str:
        """Return the standard input of a process as the kernel names it, such as `pipe:[42]`, "" where unknown."""
        ...


def gateway_subcommand(argv: tuple[str, ...]) -> str | None:
    """Return the argument after `gateway` in a command line of Hermes ("run" without one), None for others.

    Source: Hermes 0.19.0, gateway/status.py `_gateway_command_subcommand`, which ignores profile selectors and the
    position of the arguments. Use it for a process with a record, and `starts_gateway` for one without.
    """
    tokens = [word.replace("\\", "/") for word in unwrapped(argv)]
    if any(token in GATEWAY_ENTRIES or token.endswith(GATEWAY_ENTRY_PATHS) for token in tokens):
        return "run"
    at = next((i for i, word in enumerate(tokens) if _is_hermes(word)), None)
    return _after_gateway(tokens[at + 1 :]) if at is not None else None


def starts_gateway(argv: tuple[str, ...]) -> bool:
    """Return whether the program of a command line is a gateway.

    Such a process may be ended without a record as proof, so Hermes must be the program itself: a pager on the log of
    `hermes-gateway` is not a gateway, and neither is the shell that a LaunchAgent runs around one.
    """
    words = _program([word.replace("\\", "/") for word in unwrapped(argv)])
    if not words:
        return False
    if words[0] in GATEWAY_ENTRIES or words[0].endswith(GATEWAY_ENTRY_PATHS):
        return True
    return _is_hermes(words[0]) and _after_gateway(words[1:]) in ("run", "restart")


def _is_hermes(word: str) -> bool:
    return word in ENTRIES or word.endswith(ENTRY_PATHS)


def _after_gateway(words: list[str]) -> str | None:
    words = list(_without_profile(words))
    if "gateway" not in words:
        return None
    following = words[words.index("gateway") + 1 :]
    return following[0] if following else "run"


def _program(words: list[str]) -> list[str]:
    """Return a command line from its program on, without interpreters; [] for code on the command line."""
    while words and _INTERPRETER.fullmatch(words[0].rsplit("/", 1)[-1]):
        words = _after_options(words[1:])
    return words


def _after_options(words: list[str]) -> list[str]:
    """Return the script or module that an interpreter runs, with its arguments; [] for code (`-c`)."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word, at = words[at], at + 1
        for place, letter in enumerate(word[1:] if not word.startswith("--") else "", 2):
            if letter == "c":
                return []
            if letter == "m":
                return [*filter(None, (word[place:],)), *words[at:]]
            if letter in "XWo":  # takes a value: the rest of the argument, or the next one
                at += not word[place:]
                break
    return words[at:]


def _without_profile(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-p", "--profile"):
            skip = True
        elif not word.startswith(("--profile=", "-p=")):
            yield word


def profile_argument(argv: tuple[str, ...]) -> str | None:
    """Return the profile that a command line selects, None without one.

    The whole name is compared: `-p ops` is not `-p ops-2` (hermes-agent issue 52838).
    """
    for at, word in enumerate(argv):
        if word in ("-p", "--profile") and at + 1 < len(argv):
            return argv[at + 1].strip().lower()
        for start in ("--profile=", "-p="):
            if word.startswith(start):
                return word[len(start) :].strip().lower()
    return None


def home_of(process: Process, *, user_home: Path) -> Path | None:
    """Return the home that a gateway process was started for, None where command line and environment leave it open.

    Without `-p` and with a root in HERMES_HOME (or without it) the sticky profile of that moment decided. Only the lock
    or the record of the process identifies its home then.
    """
    if process.variables is None:
        return None
    given = process.variables.get(HERMES_HOME, "").strip() or home_in_code(process.argv)
    own = process.variables.get("HOME", "").strip() or str(user_home)
    home = _resolved(Path(given)) if given else Path(os.path.realpath(own)) / ROOT_FOLDER
    named = profile_argument(unwrapped(process.argv))
    is_profile = home.parent.name == PROFILES_FOLDER
    if named is None:
        return home if is_profile else None
    root = home.parent.parent if is_profile else _native(home, Path(os.path.realpath(own)) / ROOT_FOLDER)
    return root if named == "default" else root / PROFILES_FOLDER / named


def _resolved(home: Path) -> Path:
    """Return a home without links, except that of a profile whose folder is a link: its place names its root."""
    real = Path(os.path.realpath(home))
    if real.parent.name == PROFILES_FOLDER or home.parent.name != PROFILES_FOLDER:
        return real
    return Path(os.path.realpath(home.parent)) / home.name


def _native(home: Path, native: Path) -> Path:
    return native if native in home.parents else home


class LinuxProcesses:
    """The process table in /proc; tests pass another folder as `proc`."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = os.fspath(proc)
        self._locks: dict[tuple[int, int], int] | None = None

    def find(self, pid: int) -> Process | None:
        """Return a live process, None for a missing process or a zombie."""
        place = f"{self._proc}/{pid}"
        raw = _bytes(f"{place}/stat")
        if raw is None:
            return None
        fields = raw.rpartition(b")")[2].split()
        if len(fields) < 20 or fields[0].decode() in _DEAD:
            return None
        argv = _bytes(f"{place}/cmdline") or b""
        return Process(
            pid,
            float(fields[19]),
            fields[0].decode(),
            int(fields[1]),
            tuple(os.fsdecode(argv).rstrip("\0").split("\0")) if argv else (),
            self._variables(place),
        )

    def _variables(self, place: str) -> Mapping[str, str] | None:
        raw = _bytes(f"{place}/environ")
        if raw is None:
            return None
        pairs = (item.partition("=") for item in os.fsdecode(raw).split("\0"))
        return {name: value for name, _, value in pairs if name in _WANTED}

    def gateways(self) -> tuple[Process, ...]:
        """Return every process of this user whose command line starts a gateway; the lock table is read again."""
        self._locks = None
        me, user, found = os.getpid(), os.getuid(), []
        try:
            entries = os.listdir(self._proc)
        except OSError:
            return ()
        for entry in entries:
            if not entry.isdecimal() or int(entry) == me:
                continue
            raw = _bytes(f"{self._proc}/{entry}/cmdline")
            # Every gateway has `gateway` in its command line: most processes are skipped here.
            if not raw or b"gateway" not in raw or _owner(f"{self._proc}/{entry}") != user:
                continue
            process = self.find(int(entry))
            if process is not None and starts_gateway(process.argv):
                found.append(process)
        return tuple(found)

    def _read_locks(self) -> dict[tuple[int, int], int]:
        """Return (device, inode) → pid of every whole-file lock.

        A line reads `1: FLOCK ADVISORY WRITE 42 fe:01:99 0 EOF`.
        """
        found = {}
        for line in (_bytes(f"{self._proc}/locks") or b"").decode("ascii", "replace").splitlines():
            match = _LOCK.fullmatch(line)
            if match is not None:
                pid, major, minor, inode = match.groups()
                found[os.makedev(int(major, 16), int(minor, 16)), int(inode)] = int(pid)
        return found

    def lock_owner(self, path: Path) -> int | None:
        """Return the pid that holds the lock of a file, from /proc/locks.

        Trying the lock instead would make a starting gateway fail.
        """
        try:
            status = os.stat(path)
        except OSError:
            return None
        if self._locks is None:
            self._locks = self._read_locks()
        return self._locks.get((status.st_dev, status.st_ino))

    def usage(self, process: Process) -> Usage:
        """Return the resource usage of a process."""
        place = f"{self._proc}/{process.pid}"
        pages = (_bytes(f"{place}/statm") or b"").split()
        try:
            files: int | None = len(os.listdir(f"{place}/fd"))
        except OSError:
            files = None
        limit = None
        for line in (_bytes(f"{place}/limits") or b"").splitlines():
            if line.startswith(b"Max open files"):
                soft = line.split()[3]
                limit = int(soft) if soft.isdigit() else None
        uptime = (_bytes(f"{self._proc}/uptime") or b"").split()
        alive = float(uptime[0]) - process.started / os.sysconf("SC_CLK_TCK") if uptime else None
        rss = int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else None
        return Usage(rss, files, limit, max(alive, 0.0) if alive is not None else None, self._cpu(place))

    def _cpu(self, place: str) -> float | None:
        """Return the CPU seconds of a process: fields 14 and 15 of its stat file (proc(5)), without its children."""
        words = (_bytes(f"{place}/stat") or b"").rpartition(b")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK") if len(words) > 12 else None

    def epoch(self, process: Process) -> float | None:
        """Return the start of a process in epoch seconds."""
        if self._boot is None:
            return None
        return self._boot + process.started / os.sysconf("SC_CLK_TCK")

    def folder(self, process: Process) -> str:
        """Return the working folder of a process, with ` (deleted)` behind it where that is so, "" where unknown."""
        try:
            return os.readlink(f"{self._proc}/{process.pid}/cwd")
        except OSError:
            return ""

    def cgroup(self, process: Process) -> str:
        """Return the path of the control group of a process in systemd's hierarchy, "" where it is unknown."""
        text = (_bytes(f"{self._proc}/{process.pid}/cgroup") or b"").decode("utf-8", "replace")
        rows = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
        paths = (path for number, of, path in rows if number == "0" or of == "name=systemd")
        return next((path for path in paths if path != "/"), "")  # one of the two hierarchies is unused

    def standard_input(self, process: Process) -> str:
        """Return the standard input of a process: a path, `pipe:[42]` or `socket:[42]`, "" where it is unknown."""
        try:
            return os.readlink(f"{self._proc}/{process.pid}/fd/0")
        except OSError:
            return ""

    @cached_property
    def _boot(self) -> float | None:
        for line in (_bytes(f"{self._proc}/stat") or b"").splitlines():
            if line.startswith(b"btime "):
                return float(line.split()[1])
        return None


class PsutilProcesses:
    """The process table on systems without /proc."""

    def find(self, pid: int) -> Process | None:
        """Return a live process, None for a missing process or a zombie."""
        import psutil

        try:
            found = psutil.Process(pid)
            status = found.status()
            if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            started, parent = found.create_time() * 100, found.ppid()
        except psutil.Error:
            return None
        try:
            argv, environ = tuple(found.cmdline()), found.environ()
            variables: Mapping[str, str] | None = {name: environ[name] for name in _WANTED if name in environ}
        except (psutil.Error, OSError):
            argv, variables = (), None
        letter = "T" if status == psutil.STATUS_STOPPED else "S"
        return Process(pid, started, letter, parent, argv, variables)

    def gateways(self) -> tuple[Process, ...]:
        """Return every process of this user whose command line starts a gateway."""
        import psutil

        found = []
        for each in psutil.process_iter(["pid", "cmdline", "uids"]):
            argv, uids = tuple(each.info["cmdline"] or ()), each.info["uids"]
            if each.pid == os.getpid() or uids is None or uids.real != os.getuid():
                continue
            if starts_gateway(argv):
                process = self.find(each.pid)
                if process is not None:
                    found.append(process)
        return tuple(found)

    def lock_owner(self, path: Path) -> int | None:
        """Return None: these systems do not report the holder of a lock."""
        return None

    def usage(self, process: Process) -> Usage:
        """Return the resource usage of a process."""
        import time

        import psutil

        try:
            found = psutil.Process(process.pid)
            times, uptime = found.cpu_times(), max(time.time() - found.create_time(), 0.0)
            return Usage(found.memory_info().rss, found.num_fds(), None, uptime, times.user + times.system)
        except (psutil.Error, OSError):
            return Usage()

    def epoch(self, process: Process) -> float | None:
        """Return the start of a process in epoch seconds."""
        return process.started / 100

    def folder(self, process: Process) -> str:
        """Return "": the folders of other processes are not asked for."""
        return ""

    def cgroup(self, process: Process) -> str:
        """Return "": these systems have no control groups."""
        return ""

    def standard_input(self, process: Process) -> str:
        """Return "": the files of other processes are not asked for."""
        return ""


def processes_of(platform: str) -> Processes:
    """Return the process table of a platform (a value of `sys.platform`)."""
    return LinuxProcesses() if platform == "linux" else PsutilProcesses()


def same_start(first: float | None, second: float | None, *, platform: str) -> bool:
    """Return whether two start times belong to one process; outside Linux they may differ by a second."""
    if first is None or second is None:
        return False
    return abs(first - second) <= (0 if platform == "linux" else 100)


def ancestors(pid: int | None = None) -> frozenset[int]:
    """Return the pids of the ancestors of this process: ending one of them would end this process."""
    found, current = set(), os.getppid() if pid is None else pid
    while current > 1 and current not in found:
        found.add(current)
        current = _parent_of(current)
    return frozenset(found)


def _parent_of(pid: int) -> int:
    if sys.platform != "linux":
        import psutil

        try:
            return psutil.Process(pid).ppid()
        except psutil.Error:
            return 0
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return None


def _owner(path: str) -> int | None:
    try:
        return os.stat(path).st_uid
    except OSError:
        return None
