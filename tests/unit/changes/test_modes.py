"""A mode is changed in place, on the planned file, and restored exactly."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_root import CANARY, Killing, SampleRoot, do, heal, make_sample_root, noon, run_killed, set_mode, strays

from hermes_profiles.changes import chmod
from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan, MoveTree, PublishTree, ReplaceFile, SetMode, Step
from hermes_profiles.changes.signature import ChangedMeanwhile, Signature
from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.secret import Secret


def plan(*steps: Step) -> ChangePlan:
    return ChangePlan(("doctor",), "set modes", steps)


def env_of(world: SampleRoot) -> Path:
    return world.layout.home("anna") / ".env"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0, 0o777])
def test_the_inode_stays_the_same(mask: int, world: SampleRoot) -> None:
    env = env_of(world)
    env.chmod(0o644)
    before, shown = env.lstat(), world.picture()
    with env.open("ab") as gateway:
        os.umask(mask)
        do(world, plan(set_mode(world, env, 0o600)))
        gateway.write(b"LATER=1\n")
    after = env.lstat()
    assert (after.st_ino, mode_of(env)) == (before.st_ino, 0o600)
    assert env.read_bytes() == b"TELEGRAM_BOT_TOKEN=" + CANARY + b"\nLATER=1\n"
    others = {path: what for path, what in shown.items() if path != str(env)}
    assert {path: what for path, what in world.picture().items() if path != str(env)} == others
    assert not any(CANARY in each.read_bytes() for each in world.layout.state.rglob("*") if each.is_file())
    assert strays(world) == []


@pytest.mark.parametrize("mode", [0, 0o400, 0o644, 0o1777, 0o6755])
def test_undo_restores_the_old_mode(mode: int, world: SampleRoot) -> None:
    home = world.layout.home("anna")
    for path in (env_of(world), home / "skills"):
        path.chmod(mode)
    before = world.picture()
    do(world, plan(set_mode(world, env_of(world), 0o600), set_mode(world, home / "skills", 0o700)))
    assert (mode_of(env_of(world)), mode_of(home / "skills")) == (0o600, 0o700)
    again = undo(world.layout, now=noon).change_id
    assert world.picture() == before
    undo(world.layout, again, now=noon)
    assert (mode_of(env_of(world)), mode_of(home / "skills")) == (0o600, 0o700)


def test_a_mode_that_is_set_already_is_accepted(world: SampleRoot) -> None:
    before = world.picture()
    do(world, plan(set_mode(world, env_of(world), 0o600)))
    undo(world.layout, now=noon)
    assert world.picture() == before


def _link(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    victim.chmod(0o604)
    path.symlink_to(victim)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(here)


def _device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a device: run as root")
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.with_name("kept"))


def _same_bytes(path: Path) -> None:
    path.write_bytes(b"TELEGRAM_BOT_TOKEN=" + CANARY + b"\n")


OTHERS = pytest.mark.parametrize("make", [_link, os.mkfifo, _socket, _device])
SWAPS = pytest.mark.parametrize(
    "make", [_link, _link_to_itself, os.mkfifo, _socket, _device, Path.mkdir, _same_bytes, lambda _: None]
)


@OTHERS
def test_links_and_special_files_are_refused(make: Callable[[Path], object], world: SampleRoot) -> None:
    env = env_of(world)
    env.unlink()
    make(env)
    before = mode_of(env)
    with pytest.raises(Refused, match="neither a file nor a folder") as caught:
        do(world, plan(set_mode(world, env, 0o640)))
    assert caught.value.problem.hint
    assert mode_of(env) == before
    assert not env.with_name("victim").exists() or mode_of(env.with_name("victim")) == 0o604


@SWAPS
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_another_file_at_its_path_is_not_touched(
    make: Callable[[Path], object], moment: str, world: SampleRoot
) -> None:
    env, soul = env_of(world), world.layout.home("anna") / "SOUL.md"

    def swap() -> None:
        env.rename(env.with_name("kept"))  # so that its inode is not used again
        make(env)

    class Late(Files):
        def operation(self, name: str, path: str) -> None:
            if name == "chmod" and path == str(env) and not env.with_name("kept").exists():
                swap()

    steps = (set_mode(world, soul, 0o640), set_mode(world, env, 0o640))
    if moment == "before":
        swap()
        before = env.lstat() if os.path.lexists(env) else None
    with pytest.raises(ChangedMeanwhile) as caught:
        do(world, plan(*steps), Late())
    assert str(env) in str(caught.value)
    assert caught.value.problem.hint
    assert mode_of(soul) == 0o600 == mode_of(env.with_name("kept"))
    if moment == "before" and before is not None:
        assert env.lstat() == before
    assert not env.with_name("victim").exists() or mode_of(env.with_name("victim")) == 0o604
    assert strays(world) == []


@pytest.mark.parametrize("meddle", [lambda path: path.write_bytes(b"NEW=1\n"), lambda path: path.chmod(0o604)])
def test_a_file_changed_since_the_plan_is_not_touched(meddle: Callable[[Path], object], world: SampleRoot) -> None:
    step = set_mode(world, env_of(world), 0o640)
    meddle(env_of(world))
    before = world.picture()
    with pytest.raises(ChangedMeanwhile, match="was changed since this change was planned"):
        do(world, plan(step))
    assert world.picture() == before


def test_a_folder_in_use_gets_its_mode(world: SampleRoot) -> None:
    home = world.layout.home("anna")
    step = set_mode(world, home, 0o711)
    (home / "gateway.lock").write_bytes(b"")
    do(world, plan(step, ReplaceFile(home / "new", Secret(b"x"))))
    assert mode_of(home) == 0o711
    with pytest.raises(ChangedMeanwhile):
        do(world, plan(SetMode(home, 0o700, step.expected)))


def test_undo_compares_the_file_and_not_its_bytes(world: SampleRoot) -> None:
    env = env_of(world)
    env.chmod(0o644)
    do(world, plan(set_mode(world, env, 0o600)))
    env.write_bytes(b"NEW=1\n")
    undo(world.layout, now=noon)
    assert (mode_of(env), env.read_bytes()) == (0o644, b"NEW=1\n")


def test_undo_does_not_touch_another_file_or_another_mode(world: SampleRoot) -> None:
    env = env_of(world)
    env.chmod(0o644)
    do(world, plan(set_mode(world, env, 0o600)))
    env.chmod(0o640)
    with pytest.raises(Refused, match="was changed to 0640 since") as caught:
        undo(world.layout, now=noon)
    assert f"chmod 0600 {env}" in (caught.value.problem.hint or "")
    assert mode_of(env) == 0o640
    env.rename(env.with_name("kept"))
    _same_bytes(env)
    env.chmod(0o600)
    with pytest.raises(Refused, match="was replaced since"):
        undo(world.layout, now=noon)
    assert mode_of(env) == 0o600


def test_undo_skips_a_missing_file_but_not_a_missing_profile(world: SampleRoot) -> None:
    env, soul = env_of(world), world.layout.home("anna") / "SOUL.md"
    do(world, plan(set_mode(world, env, 0o640), set_mode(world, soul, 0o640)))
    home = world.layout.home("anna")
    home.rename(home.with_name("away"))
    with pytest.raises(NotFound, match="does not exist any more"):
        undo(world.layout, now=noon)
    home.with_name("away").rename(home)
    env.unlink()
    undo(world.layout, now=noon)
    assert mode_of(soul) == 0o600
    assert not env.exists()


def _set(path: Path) -> None:
    path.chmod(0o604)


def _replaced(mode: int) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.rename(path.with_name("kept"))
        path.write_bytes(b"another")
        path.chmod(mode)

    return replace


@pytest.mark.parametrize("meddle", [_set, _replaced(0o600), _replaced(0o640), Path.unlink])
def test_a_file_changed_after_a_crash_is_not_touched(meddle: Callable[[Path], None], tmp_path: Path) -> None:
    sentences = []
    for at in range(1, 200):
        world = make_sample_root(tmp_path / str(at))
        env, soul = env_of(world), world.layout.home("anna") / "SOUL.md"
        steps = (set_mode(world, soul, 0o640), set_mode(world, env, 0o640))
        exit_code = run_killed(lambda world=world, steps=steps, at=at: do(world, plan(*steps), Killing(at)))
        if exit_code == 0:
            break
        meddle(env)
        before = env.lstat() if env.exists() else None
        sentences += heal(world)
        assert not any("neither" in sentence or "could not" in sentence for sentence in sentences)
        assert before is None or env.lstat() == before
    assert any("not touched" in sentence and ".env" in sentence for sentence in sentences)


def as_nobody(folder: Path, job: Callable[[], None]) -> None:
    """Run a job as another user, who owns everything below a folder."""
    if os.geteuid() != 0:
        pytest.skip("a child has to become another user: run as root")
    for path in (folder, *folder.parents[:4]):
        path.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)

    def child() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        job()

    assert run_killed(child) == 0


@pytest.mark.parametrize("mode", [0, 0o200, 0o111])
def test_the_mode_of_an_unreadable_file_or_folder_is_set_and_restored(mode: int, world: SampleRoot) -> None:
    env, skills = env_of(world), world.layout.home("anna") / "skills"
    env.chmod(mode)
    skills.chmod(mode)
    steps = (set_mode(world, env, 0o600), set_mode(world, skills, 0o700))

    def job() -> None:
        do(world, plan(*steps))
        assert (mode_of(env), mode_of(skills)) == (0o600, 0o700)
        assert env.read_bytes()
        again = undo(world.layout, now=noon).change_id
        assert mode_of(env) == mode == mode_of(skills)
        undo(world.layout, again, now=noon)
        assert (mode_of(env), mode_of(skills)) == (0o600, 0o700)

    as_nobody(world.user_home, job)


def test_the_error_for_a_file_of_another_user_names_the_owner(world: SampleRoot) -> None:
    env, soul = env_of(world), world.layout.home("anna") / "SOUL.md"

    def job() -> None:
        try:
            do(world, plan(set_mode(world, soul, 0o640), set_mode(world, env, 0o640)))
        except Failed as error:
            assert f"the mode of {env}: it belongs to root" in str(error)
            assert error.problem.code == "foreign-owner"
            assert f"sudo chown -h {chmod.user_name(65534)} {env}" in (error.problem.hint or "")
            assert mode_of(soul) == 0o600
            return
        raise AssertionError

    if os.geteuid() != 0:
        pytest.skip("only root can change the owner of files: run as root")
    as_nobody(world.user_home, lambda: None)
    os.chown(env, 0, 0)

    def child() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        job()

    assert run_killed(child) == 0


def test_a_user_without_a_name_is_a_number() -> None:
    assert chmod.user_name(3_999_999_999) == "3999999999"
    assert chmod.user_name(0) == "root"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of files: run as root")
def test_under_sudo_the_owner_stays(world: SampleRoot) -> None:
    env = env_of(world)
    os.chown(env, 4711, 4712)
    do(world, plan(set_mode(world, env, 0o640)))
    assert (env.stat().st_uid, env.stat().st_gid, mode_of(env)) == (4711, 4712, 0o640)


def test_a_file_system_that_keeps_no_modes_is_an_error(world: SampleRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.picture()
    step = set_mode(world, env_of(world), 0o640)
    monkeypatch.setattr(os, "fchmod", lambda fd, mode, real=os.fchmod: None if mode == 0o640 else real(fd, mode))
    with pytest.raises(Failed, match="to 0640: the file system keeps 0600") as caught:
        do(world, plan(step))
    assert caught.value.problem.code == "mode-not-kept"
    assert world.picture() == before


def test_an_entry_of_an_older_journal_is_still_read(world: SampleRoot) -> None:
    change_id = do(world, plan(set_mode(world, env_of(world), 0o640)))
    journal = Journal(world.layout.state)
    path = Path(journal.path(change_id))
    path.write_text(path.read_text().replace(', "mode": 416}', "}").replace('"kind": "mode"', '"kind": "tidy"'))
    assert journal.find(change_id).steps[0].mode is None


def test_a_file_has_one_step_of_its_own(world: SampleRoot) -> None:
    env, home = env_of(world), world.layout.home("anna")
    one = set_mode(world, env, 0o640)
    write = ReplaceFile(env, Secret(b""), expected=Signature.of(env.lstat()))
    elsewhere = SetMode(world.layout.home("clara") / ".env", 0o600, one.expected)
    for steps in ((one, one), (one, write), (write, one), (one, MoveTree(home, elsewhere.path.parent), elsewhere)):
        with pytest.raises(ValueError, match="changes its mode and another step the file"):
            plan(*steps)
    with pytest.raises(ValueError, match="make it an entry"):
        plan(PublishTree(world.layout.home("clara"), ()), elsewhere)
    with pytest.raises(ValueError, match="is the target of two moves"):
        plan(MoveTree(env, home / "x"), MoveTree(home / "SOUL.md", home / "x"))
    for mode in (-1, 0o10000):
        with pytest.raises(ValueError, match="is not a mode"):
            SetMode(env, mode, one.expected)
    with pytest.raises(ValueError, match="absolute"):
        SetMode(Path("x"), 0o600, one.expected)
