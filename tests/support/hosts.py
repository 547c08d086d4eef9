"""Booted hosts on one machine: Debian 13 with systemd, logind and sshd, each in namespaces of its own, on one bridge.

The root file system is made once by debootstrap and kept in a cache: HERMES_PROFILES_HOSTS_CACHE, by default a folder
of /var/cache. A host gets an overlay of it, the package of this repository as a copy, and the account `ada` with
lingering, whose key opens `root`, too. `HostBed` ends and removes everything it made. It needs root, debootstrap,
iproute2 and an ssh client.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from ssh_client import make_key, write_client

CACHE = Path(os.environ.get("HERMES_PROFILES_HOSTS_CACHE") or "/var/cache/hp-bed")
PACKAGES = (
    "systemd,dbus,dbus-user-session,libpam-systemd,openssh-server,openssh-client,python3-venv,python3-minimal,iproute2,"
    "procps,zstd,e2fsprogs"
)
PODMAN = "podman,crun,catatonit,netavark,aardvark-dns"
LIBRARIES = (
    "typer>=0.26,<0.29", "rich", "ruamel.yaml", "python-dotenv", "platformdirs", "psutil", "json5",
    "prometheus_client", "supervisor", "setuptools<81",
)  # fmt: skip
HERMES = ("hermes-agent==0.19.0", "aiohttp", "python-telegram-bot==22.8")
_BOOT = Path(__file__).with_name("boot_host.sh")
_PROGRAM = "#!{place}/bin/python3\nimport sys\nfrom {module} import main\nsys.exit(main())\n"
_OWN, _OF_HERMES = "/opt/hermes-profiles", "/opt/hermes"
_PROGRAMS = {"hermes-gateways": "hermes_profiles.cli.gateways", "hermes-profiles": "hermes_profiles.cli.profiles"}
_NEEDED = ("debootstrap", "ip", "unshare", "nsenter", "ssh", "ssh-keygen")
BOOT_LIMIT, MAKE_LIMIT = 90.0, 900.0


def missing_reason() -> str | None:
    """Return why no host can be booted here, None if one can."""
    if os.geteuid() != 0:
        return "hosts are booted by root alone"
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if missing:
        return f"missing: {', '.join(missing)}"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--cgroup", "--net", "true"], capture_output=True, check=False
    )
    if tried.returncode:
        return "namespaces cannot be made here"
    return None


def host_root(*, with_podman: bool = False) -> Path:
    """Return the root file system of hosts; it is made at the first call. Skips the test where it cannot be."""
    root = CACHE / ("root-podman" if with_podman else "root")
    packages = f"{PACKAGES},{PODMAN}" if with_podman else PACKAGES
    if not (root / "opt/hp").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        if not root.is_dir():
            draft = CACHE / f"draft-{os.getpid()}"
            done = subprocess.run(
                ["debootstrap", "--variant=minbase", f"--include={packages}", "trixie", str(draft)],
                capture_output=True, text=True, timeout=MAKE_LIMIT, check=False,
            )  # fmt: skip
            if done.returncode:
                shutil.rmtree(draft, ignore_errors=True)
                pytest.skip(f"debootstrap failed: {done.stdout.splitlines()[-1:]}")
            draft.rename(root)
        _install(root / "opt/hp", LIBRARIES)
    return root


def hermes_venv() -> Path:
    """Return an environment with real Hermes for the hosts; it is made at the first call."""
    venv = CACHE / "hermes"
    if not venv.is_dir():
        draft = CACHE / f"hermes-{os.getpid()}"
        _install(draft / "lib/python3.13/site-packages", HERMES)
        _make_environment(draft, _OF_HERMES, {"hermes": "hermes_cli.main"})
        draft.rename(venv)
    return venv


def _make_environment(folder: Path, place: str, programs: Mapping[str, str]) -> None:
    """Make a folder an environment of Python: `place` is its path on the hosts, `programs` name → module of `main`."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python3").symlink_to("/usr/bin/python3")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13\n")
    for program, module in programs.items():
        (folder / "bin" / program).write_text(_PROGRAM.format(place=place, module=module))
        (folder / "bin" / program).chmod(0o755)


def _install(folder: Path, packages: Sequence[str]) -> None:
    """Install packages for the Python of the hosts; skips the test where they cannot be had."""
    draft = CACHE / f"packages-{os.getpid()}"
    words = [sys.executable, "-m", "pip", "install", "-q", "--target", str(draft), "--python-version", "3.13"]
    done = subprocess.run(
        [*words, "--only-binary=:all:", *packages], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        pytest.skip(f"the packages cannot be had: {done.stderr[-200:]}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft.rename(folder)


class BootedHost:
    """One host: its address, its layer on this machine, its first process."""

    def __init__(self, bed: HostBed, name: str, number: int) -> None:
        self.bed, self.name = bed, name
        self.address = f"10.77.0.{number}"
        self.netns = f"hp{bed.id}-{name}"
        self.link = f"v{bed.id}{number}"
        self.layer = bed.folder / name
        self.group = bed.groups / f"hp{bed.id}-{name}"
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make its network and what its layer has besides the root file system."""
        ip = self.bed.ip
        _run("ip", "netns", "add", self.netns)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        ip("link", "set", self.link, "master", "hpb", "up")
        for words in (
            ("addr", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _run("ip", "-n", self.netns, *words)
        up = self.layer / "up"
        (up / "opt/hp").mkdir(parents=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / "hermes_profiles", up / "opt/hp/hermes_profiles", ignore=ignored)
        (up / "usr/local/bin").mkdir(parents=True)
        if self.bed.hermes is not None:
            shutil.copytree(self.bed.hermes, up / f".{_OF_HERMES}", symlinks=True)
            (up / "usr/local/bin/hermes").symlink_to(f"{_OF_HERMES}/bin/hermes")
        own = up / f".{_OWN}"
        _make_environment(own, _OWN, _PROGRAMS)
        (own / "lib/python3.13").mkdir(parents=True)
        (own / "lib/python3.13/site-packages").symlink_to("/opt/hp")
        for program in _PROGRAMS:
            (up / "usr/local/bin" / program).symlink_to(f"{_OWN}/bin/{program}")
        etc = up / "etc"
        etc.mkdir()
        for name, line in (
            ("passwd", "ada:x:1000:1000::/home/ada:/bin/bash"),
            ("group", "ada:x:1000:"),
            ("shadow", "ada:*:19000::::::"),
        ):
            text = (self.bed.root / "etc" / name).read_text()
            (etc / name).write_text(f"{text}{line}\n")
        (etc / "shadow").chmod(0o640)
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        (up / "var/lib/systemd/linger").mkdir(parents=True)
        (up / "var/lib/systemd/linger/ada").touch()
        for home, owner in ((up / "home/ada", 1000), (up / "root", 0)):
            (home / ".ssh").mkdir(parents=True)
            (home / ".ssh/authorized_keys").write_text((self.bed.folder / "id.pub").read_text())
            for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
                os.chown(path, owner, owner)
            (home / ".ssh").chmod(0o700)

    def boot(self) -> None:
        """Start it; `wait` returns when it answers."""
        words = [str(_BOOT), self.name, str(self.bed.root), str(self.layer), self.netns, str(self.group)]
        with (self.layer / "console").open("wb") as console:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=console, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until the account can be used by ssh and its user manager runs."""
        deadline = time.monotonic() + BOOT_LIMIT
        while time.monotonic() < deadline:
            done = self.run("systemctl --user is-system-running; true", check=False)
            if done.stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.5)
        raise AssertionError(f"{self.name} did not boot: {(self.layer / 'console').read_bytes()[-2000:]!r}")

    def run(self, line: str, *, check: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line of shell as `ada`."""
        words = [str(self.bed.client / "ssh"), self.name, line]
        return self.bed.call(words, check=check, typed=typed)

    def cut(self) -> None:
        """Take its link down."""
        self.bed.ip("link", "set", self.link, "down")

    def heal(self) -> None:
        """Bring its link up again."""
        self.bed.ip("link", "set", self.link, "up")

    def end(self) -> None:
        """Kill its processes and remove what belongs to it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)  # --kill-child: the kernel ends the whole pid namespace
            self.process.wait(10)
        for _ in range(50):
            try:
                _remove_groups(self.group)
                break
            except OSError:
                time.sleep(0.1)
        subprocess.run(["ip", "netns", "del", self.netns], capture_output=True, check=False)


class HostBed:
    """Booted hosts and a client on one network, as a context manager; `client` has an `ssh` that reaches them.

    `with_hermes`: the hosts have real Hermes; `with_podman`: they have podman.
    """

    def __init__(self, folder: Path, *names: str, with_hermes: bool = False, with_podman: bool = False) -> None:
        self.folder, self.id = folder, str(os.getpid() % 10000)
        self.root = host_root(with_podman=with_podman)
        self.hermes = hermes_venv() if with_hermes else None
        self.lab = f"hp{self.id}-lab"
        self.client = folder / "client"
        self.groups = Path("/sys/fs/cgroup")
        if not (self.groups / "cgroup.procs").exists():
            self.groups = folder / "groups"
        self.hosts = [BootedHost(self, name, number) for number, name in enumerate(names, 11)]

    def __enter__(self) -> HostBed:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __getitem__(self, name: str) -> BootedHost:
        return next(host for host in self.hosts if host.name == name)

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.end()
        subprocess.run(["ip", "netns", "del", self.lab], capture_output=True, check=False)
        if self.groups == self.folder / "groups" and os.path.ismount(self.groups):
            _run("umount", str(self.groups))
        for host in self.hosts:
            assert not os.path.ismount(host.layer / "m"), "its mounts end with its mount namespace"
            shutil.rmtree(host.layer, ignore_errors=True)

    def _begin(self) -> None:
        self.client.mkdir()
        make_key(self.folder / "id")
        write_client(self.client, "ada", self.folder / "id", {host.name: (host.address, 22) for host in self.hosts})
        if self.groups == self.folder / "groups":
            self.groups.mkdir()
            _run("mount", "-t", "cgroup2", "none", str(self.groups))
        _run("ip", "netns", "add", self.lab)
        self.ip("link", "add", "hpb", "type", "bridge")
        self.ip("addr", "add", "10.77.0.1/24", "dev", "hpb")
        self.ip("link", "set", "hpb", "up")
        self.ip("link", "set", "lo", "up")
        for host in self.hosts:
            host.prepare()
            host.boot()
        for host in self.hosts:
            host.wait()

    def ip(self, *words: str) -> None:
        """Run `ip` in the network of the client."""
        _run("ip", "-n", self.lab, *words)

    def call(
        self, words: Sequence[str], *, check: bool = True, typed: str = "", env: Mapping[str, str] | None = None,
        limit: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a command in the network of the client."""
        return subprocess.run(
            ["ip", "netns", "exec", self.lab, *words], input=typed, capture_output=True, text=True, check=check,
            timeout=limit, env=dict(env) if env is not None else None,
        )  # fmt: skip


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)


def _remove_groups(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
