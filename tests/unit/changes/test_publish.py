"""A tree is published whole, private and as planned, or not at all."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample_root import CANARY, PLANS, SampleRoot, do, heal, make_sample_root, noon, picture, run_killed, strays

from hermes_profiles.changes.apply import apply, check_space
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MoveTree,
    PublishTree,
    ReplaceFile,
    SecretScreen,
    WriteFile,
)
from hermes_profiles.changes.signature import ChangedMeanwhile, Signature
from hermes_profiles.model.errors import ExitCode, Failed, HermesProfilesError, NotFound, Refused
from hermes_profiles.model.secret import Secret

OLD_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Word:
    """A screen for one value."""

    value: bytes = CANARY

    @property
    def overlap(self) -> int:
        return len(self.value) - 1

    def hits(self, data: bytes) -> bool:
        return self.value in data


def plan_copy(world: SampleRoot, source: Path, screen: SecretScreen | None = None) -> ChangePlan:
    entry = CopyFile("copy", source, Signature.of(os.lstat(source)), False)
    return ChangePlan(
        ("clone",), "clone", (PublishTree(world.layout.home("bert"), (entry,), screen),), 0, ("bert",)
    )  # fmt: skip


def old_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(OLD_NS, OLD_NS))
    return path


class Meddling(Files):
    """A file system that calls `meddle` at the first operation of this name."""

    def __init__(self, name: str, meddle: Callable[[], object], times: int = 1) -> None:
        super().__init__()
        self._name, self._meddle, self._times = name, meddle, times

    def operation(self, name: str, path: str) -> None:
        if name == self._name and self._times:
            self._times -= 1
            self._meddle()


def test_a_tree_is_published_as_planned(world: SampleRoot) -> None:
    source = picture(world.layout.home("anna"))
    seen: list[tuple[int, int]] = []
    applied = apply(PLANS["publish"](world), layout=world.layout, now=noon, progress=lambda *sizes: seen.append(sizes))
    home = world.layout.home("bert")
    assert applied.profiles == ("bert",)
    assert (home / ".env").read_bytes() == b"# " + CANARY + b"\n"
    assert (home / ".env").stat().st_mtime_ns == 1_600_000_000_000_000_000
    assert (home / "SOUL.md").stat().st_mtime_ns == (world.layout.home("anna") / "SOUL.md").stat().st_mtime_ns
    assert stat.S_IMODE((home / "skills/cook/run.sh").stat().st_mode) == 0o700
    assert (home / "skills/latest").readlink() == Path("cook")
    assert (home / "logs").is_dir()
    assert world.layout.active_profile.read_bytes() == b"bert"
    assert stat.S_IMODE((world.user_home / "Library/LaunchAgents/ai.hermes.gateway-bert.plist").stat().st_mode) == 0o755
    assert picture(world.layout.home("anna")) == source
    assert seen[-1][0] == seen[-1][1] > 0
    assert strays(world) == []


@pytest.mark.parametrize("mask", [0, 0o777])
def test_modes_are_right_from_the_first_byte(mask: int, world: SampleRoot) -> None:
    class Looking(Files):
        def operation(self, name: str, path: str) -> None:
            for at in (world.layout.home("bert"), world.layout.state, world.user_home / "Library"):
                for each in (at, *at.rglob("*")) if at.exists() else ():
                    status = each.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_size and each.parent.name != "LaunchAgents":
                        assert stat.S_IMODE(status.st_mode) in (0o600, 0o700), (name, each)
                    if not stat.S_ISLNK(status.st_mode) and each.parent.name != "LaunchAgents":
                        assert not status.st_mode & 0o077 or mask == 0o777, (name, each)

    plan = PLANS["publish"](world)
    os.umask(mask)
    do(world, plan, Looking())
    for each in world.layout.home("bert").rglob("*"):
        if not each.is_symlink():
            private = 0o700 if each.is_dir() or each.name == "run.sh" else 0o600
            assert stat.S_IMODE(each.stat().st_mode) == private
    assert stat.S_IMODE(world.layout.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((world.layout.state / "lock").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of files: run as root")
def test_under_sudo_everything_belongs_to_the_user(world: SampleRoot) -> None:
    for path in (world.user_home, *world.user_home.rglob("*")):
        os.chown(path, 4711, 4712, follow_symlinks=False)
    do(world, PLANS["publish"](world))
    do(world, PLANS["rename"](world))
    for path in world.user_home.rglob("*"):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (4711, 4712), path


@pytest.mark.skipif(os.geteuid() != 0, reason="a child has to become another user: run as root")
def test_a_root_that_is_not_writable_is_reported_and_not_changed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    world = make_sample_root(tmp_path / "user")
    plan = PLANS["publish"](world)
    before = picture(world.user_home)

    def job() -> None:
        os.setgid(65534)
        os.setuid(65534)
        try:
            do(world, plan)
        except Failed as error:
            assert "permission denied" in str(error)
            assert error.problem.hint
            return
        raise AssertionError

    assert run_killed(job) == 0
    assert picture(world.user_home) == before


def test_of_two_processes_with_one_name_one_is_refused(world: SampleRoot) -> None:
    plan = plan_copy(world, world.layout.home("anna") / "SOUL.md")
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                do(world, plan)
            except Refused as error:
                os._exit(int(error.exit_code) if error.problem.code == "exists" else 99)
            except BaseException:
                os._exit(98)
            os._exit(0)
        pids.append(pid)
    assert sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids) == [0, ExitCode.REFUSED]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b""), lambda path: path.symlink_to("x")])
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_an_existing_target_is_refused(make: Callable[[Path], object], moment: str, world: SampleRoot) -> None:
    plan = plan_copy(world, world.layout.home("anna") / "SOUL.md")
    target = world.layout.home("bert")
    files = Meddling("rename", lambda: make(target))
    if moment == "before":
        make(target)
    before = target.lstat() if moment == "before" else None
    with pytest.raises(Refused) as caught:
        do(world, plan, files)
    assert caught.value.problem.code == "exists"
    assert before is None or target.lstat() == before
    assert strays(world) == []


def test_a_sparse_file_stays_sparse_and_takes_no_time(world: SampleRoot) -> None:
    source = world.user_home / "big"
    with source.open("wb") as file:
        file.seek(1 << 20)
        file.write(b"middle")
        file.truncate(2 << 30)
    os.utime(source, ns=(OLD_NS, OLD_NS))
    started = time.monotonic()
    do(world, plan_copy(world, source, Word()))
    assert time.monotonic() - started < 5
    status = (world.layout.home("bert") / "copy").stat()
    assert status.st_size == 2 << 30
    assert status.st_blocks * 512 < 10 << 20
    with (world.layout.home("bert") / "copy").open("rb") as file:
        file.seek(1 << 20)
        assert file.read(8) == b"middle\0\0"


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 108 characters only
        server.bind(path.name)
        os.chdir(here)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _device(path: Path) -> None:
    path.unlink()
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero never ends


@pytest.mark.parametrize("swap", [_fifo, _link, _socket, _folder, _device, Path.unlink])
def test_a_source_that_is_not_a_file_any_more_fails_the_change(swap: Callable[[Path], None], world: SampleRoot) -> None:
    if swap is _device and os.geteuid() != 0:
        pytest.skip("only root can make a device: run as root")
    source = old_file(world.user_home / "source", b"text")
    plan = plan_copy(world, source)
    swap(source)
    with pytest.raises(ChangedMeanwhile, match="not a regular file"):
        do(world, plan)
    assert not world.layout.home("bert").exists()
    assert strays(world) == []


def test_a_changed_source_is_copied_as_it_is_now(world: SampleRoot) -> None:
    source = old_file(world.user_home / "log", b"one\n")
    plan = plan_copy(world, source, Word())
    source.write_bytes(b"one\ntwo\n")
    do(world, plan)
    assert (world.layout.home("bert") / "copy").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("before", [0, (1 << 20) - 5], ids=["at once", "across two reads"])
def test_a_changed_source_with_a_removed_value_fails_the_change(before: int, world: SampleRoot) -> None:
    source = old_file(world.user_home / "log", b"one\n")
    plan = plan_copy(world, source, Word())
    source.write_bytes(b"x" * before + CANARY)
    with pytest.raises(ChangedMeanwhile) as caught:
        do(world, plan)
    assert "must not be copied" in str(caught.value)
    assert CANARY.decode() not in str(caught.value) + str(caught.value.problem)
    assert not world.layout.home("bert").exists()
    assert strays(world) == []


def test_a_value_that_ends_in_a_hole_is_found(world: SampleRoot) -> None:
    value = "CANARY-wide".encode("utf-16-le")
    source = old_file(world.user_home / "log", b"")
    plan = plan_copy(world, source, Word(value))
    with source.open("wb") as file:
        file.write(b"x" * (4096 - len(value) + 1) + value[:-1])
        file.truncate(1 << 20)
    with pytest.raises(ChangedMeanwhile):
        do(world, plan)


def test_a_source_that_changes_within_the_same_tick_is_screened(world: SampleRoot) -> None:
    source = world.user_home / "log"
    source.write_bytes(CANARY)
    status = source.stat()
    same = CopyFile("copy", source, Signature.of(status), False)  # as if the clock had not ticked between
    plan = ChangePlan(("clone",), "clone", (PublishTree(world.layout.home("bert"), (same,), Word()),))
    with pytest.raises(ChangedMeanwhile):
        do(world, plan)


def test_a_source_that_changes_while_it_is_read_is_read_again(world: SampleRoot) -> None:
    source = old_file(world.user_home / "log", b"one\n")
    plan = plan_copy(world, source, Word())
    do(world, plan, Meddling("read", lambda: source.write_bytes(b"later\n")))
    assert (world.layout.home("bert") / "copy").read_bytes() == b"later\n"


def test_a_source_that_changes_during_every_copy_fails_the_change(world: SampleRoot) -> None:
    source = old_file(world.user_home / "log", b"one\n")
    plan = plan_copy(world, source)

    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more\n")

    with pytest.raises(ChangedMeanwhile, match="during each of 3 copies") as caught:
        do(world, plan, Meddling("read", grow, times=-1))
    assert "hermes-gateways stop" in (caught.value.problem.hint or "")
    assert not world.layout.home("bert").exists()


def test_too_little_space_is_reported_before_any_change(world: SampleRoot) -> None:
    class Full(Files):
        def space(self, folder: str) -> os.statvfs_result:
            real = list(os.statvfs(folder))
            real[4] = 1  # f_bavail
            return os.statvfs_result(real)

    source = old_file(world.user_home / "source", b"x" * 1_000_000)
    plan = plan_copy(world, source)
    with pytest.raises(Failed) as caught:
        do(world, plan, Full())
    assert caught.value.problem.code == "no-space"
    assert "bytes are needed" in str(caught.value)
    assert os.listdir(world.layout.state) == ["lock"]
    assert check_space(plan, world.layout) == 1_000_000


def test_holes_need_no_space(world: SampleRoot) -> None:
    source = world.user_home / "big"
    with source.open("wb") as file:
        file.truncate(8 << 40)
    check_space(plan_copy(world, source), world.layout)


def test_a_plan_for_a_changed_file_is_not_applied(world: SampleRoot) -> None:
    plan = PLANS["rename"](world)
    world.layout.active_profile.write_bytes(b"another user\n")
    before = world.picture()
    with pytest.raises(ChangedMeanwhile, match="was changed since"):
        do(world, plan)
    assert world.picture() == before


def test_a_file_that_changes_at_the_last_moment_is_not_replaced(world: SampleRoot) -> None:
    plan = PLANS["rename"](world)

    class Late(Files):
        def lstat(self, path: str) -> os.stat_result | None:
            if path.endswith("active_profile") and strays(world):
                world.layout.active_profile.write_bytes(b"another user\n")
            return super().lstat(path)

    with pytest.raises(ChangedMeanwhile):
        do(world, plan, Late())
    assert world.layout.active_profile.read_bytes() == b"another user\n"
    assert world.layout.home("anna").is_dir()
    assert strays(world) == []


def test_a_link_is_replaced_and_never_written_through(world: SampleRoot) -> None:
    victim = old_file(world.user_home / "victim", b"precious")
    link = world.layout.active_profile
    link.unlink()
    link.symlink_to(victim)
    step = ReplaceFile(link, Secret(b"bert\n"), 0o644, Signature.of(link.lstat()))
    do(world, ChangePlan(("use",), "use bert", (step,)))
    assert not link.is_symlink()
    assert link.read_bytes() == b"bert\n"
    assert victim.read_bytes() == b"precious"


def test_a_folder_is_not_replaced_by_a_file(world: SampleRoot) -> None:
    folder = world.layout.home("anna")
    with pytest.raises(Refused, match="neither a file nor a link"):
        do(world, ChangePlan((), "x", (ReplaceFile(folder, Secret(b""), expected=Signature.of(folder.lstat())),)))
    assert folder.is_dir()


def test_a_missing_source_of_a_move_is_not_found(world: SampleRoot) -> None:
    step = MoveTree(world.layout.home("missing"), world.layout.home("bert"))
    with pytest.raises(NotFound, match="missing does not exist"):
        do(world, ChangePlan((), "x", (step,)))


def test_a_tree_for_another_file_system_is_staged_beside_its_target(world: SampleRoot, tmp_path: Path) -> None:
    class Elsewhere(Files):
        def lstat(self, path: str) -> os.stat_result | None:
            status = super().lstat(path)
            if status is None or path != str(target.parent):
                return status
            fields = list(status)
            fields[2] += 1  # st_dev
            return os.stat_result(fields)

        def operation(self, name: str, path: str) -> None:
            seen.add(os.path.dirname(path))

    seen: set[str] = set()
    target = tmp_path / "other" / "bert"
    target.parent.mkdir()
    plan = ChangePlan((), "x", (PublishTree(target, (WriteFile("a", Secret(b"b")),)),))
    do(world, plan, Elsewhere())
    assert any(".hermes-profiles-" in each and each.startswith(str(target.parent)) for each in seen)
    assert os.listdir(target.parent) == ["bert"]


def test_a_name_that_is_not_utf8_is_kept(world: SampleRoot) -> None:
    name = os.fsdecode(b"caf\xe9")
    home = world.layout.home("bert")
    do(world, ChangePlan((), "x", (PublishTree(home, (WriteFile(name, Secret(b"b")),)),)))
    do(world, ChangePlan((), "x", (MoveTree(home / name, home / (name + "2")),)))
    assert os.listdir(os.fsencode(home)) == [b"caf\xe92"]
    assert heal(world) == ()


def test_every_error_has_a_hint(world: SampleRoot) -> None:
    with pytest.raises(HermesProfilesError) as caught:
        do(world, ChangePlan((), "x", (MoveTree(world.layout.root, world.layout.home("inside")),)))
    assert caught.value.problem.hint
    assert strays(world) == []
