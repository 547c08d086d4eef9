"""Concurrent, interrupted, killed and unprivileged commands leave the old state or the new one."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_root import SOURCE, CommandRoot, picture, strays
from command_runner import Done, Runner
from nightly import NIGHTLY

NOBODY = 65534
# Pairs of commands at once; commands to be killed, and those of them that must have been.
RACES, ATTEMPTS, KILLED = (10, 14, 6) if NIGHTLY else (3, 4, 2)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the command as another user")


def test_concurrent_creates_of_one_name_make_one_profile(world: CommandRoot) -> None:
    for number in range(RACES):
        name = f"race{number}"
        started = [world.process("clone", "default", name, "--json") for _ in range(2)]
        answers = [each.communicate(timeout=60)[0] for each in started]
        assert sorted(each.returncode for each in started) == [0, 6], answers
        loser = answers[[each.returncode for each in started].index(6)]
        assert b'"exists"' in loser
    assert len(world.names()) == RACES + 1 and strays(world) == []
    assert [entry["status"] for entry in world.journal()].count("done") == RACES


def test_concurrent_changes_leave_one_complete_outcome(world: CommandRoot) -> None:
    for number in range(RACES // 2):
        world.ok("create", "work")
        started = [world.process("rename", "work", f"new{number}"), world.process("delete", "work", "--yes")]
        for each in started:
            each.communicate(timeout=60)
        codes = [each.returncode for each in started]
        assert sorted(codes) in ([0, 5], [0, 6], [0, 1]), codes
        assert (f"new{number}" in world.names()) == (codes[0] == 0)
        assert "work" not in world.names() and strays(world) == []


def _big(world: CommandRoot, count: int = 400) -> None:
    folder = world.root / "skills" / "big"
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"file{number}.md").write_bytes(b"text of the skill\n" * 6000)


def _wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.002)


def test_ctrl_c_during_a_long_clone_leaves_nothing_and_exits_130(world: CommandRoot) -> None:
    _big(world)
    world.ok("create", "other")
    before = _kept(world)
    for as_json in ((), ("--json",)):
        with world.process("clone", "default", "work", *as_json) as process:
            _wait_for(lambda: any((world.state / "staging").glob("*/skills/big/file1*")))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130 and b"Traceback" not in err, err
        assert b"interrupted" in (out if as_json else err)
        assert not world.home("work").exists() and not (world.bin / "work").exists() and strays(world) == []
        assert _kept(world) == before
    world.ok("clone", "default", "work")


def test_ctrl_c_at_any_moment_prints_no_traceback(world: CommandRoot) -> None:
    # Python reports a Ctrl-C during a write of bytecode itself; an installed package has its bytecode.
    world.runner.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    for delay in (0.02, 0.05, 0.08, 0.11, 0.15, 0.2, 0.3):
        with world.process("clone", "default", f"w{int(delay * 100)}") as process:
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        started = (
            process.returncode != -signal.SIGINT and b"hermes_profiles" in err
        )  # else it was during Python's start
        # Messages of Python's import, interrupted between opening and closing a `.pyc`, are ignored.
        ours = b"Traceback" in err and b".pyc" not in err
        assert not (started and ours), err.decode()
        assert process.returncode in (0, 130, -signal.SIGINT) or not started, err
        assert strays(world) == []


def _kept(world: CommandRoot) -> dict[str, object]:
    """Return all files except the journal and the pid in the lock."""
    found = picture(world.user, without=("journal", "staging"))
    return {path: value for path, value in found.items() if not path.endswith("/lock")}


def _seen(world: CommandRoot) -> dict[str, object]:
    """Return profiles, aliases and sticky default, without the state folder."""
    found = {path: value for path, value in picture(world.user).items() if ".hermes-profiles" not in path}
    return {path: value for path, value in found.items() if not path.startswith("tmp")}


# (commands that create the old state, the command that is killed)
CHANGES = [
    ("create other", "clone default work"),
    ("create work", "delete work --yes"),
    ("create work", "rename work office"),
]


@pytest.mark.parametrize(("prepare", "change"), CHANGES)
def test_kill_at_any_step_leaves_old_or_new_state(runner: Runner, prepare: str, change: str) -> None:
    chance, killed, took = random.Random(change), 0, 0.3
    for number in range(150):  # on a busy machine many kills come too late
        if number >= ATTEMPTS and killed >= KILLED:
            break
        user = runner.user_home / str(number)
        user.mkdir()
        world = CommandRoot(Runner(user))
        world.make()
        world.ok(*prepare.split())
        if "work" in prepare:
            world.ok("use", "work")
        old = _seen(world)
        began, journal = time.monotonic(), world.state / "journal"
        count = len(list(journal.glob("*.json")))
        with world.process(*change.split()) as process:
            if number == 0:  # not killed: measures the duration
                process.wait()
                took = time.monotonic() - began
            elif number % 3 == 0:
                time.sleep(chance.uniform(0.4, 1.0) * took)
            else:  # once it is in the journal: only then kills matter
                while process.poll() is None and len(list(journal.glob("*.json"))) == count:
                    pass
                time.sleep(chance.uniform(0, 0.02) * took)
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        world.ok("create", "later")  # the next run cleans up
        assert strays(world) == []
        assert all(entry["status"] != "begun" for entry in world.journal())
        world.ok("undo")
        after = _seen(world)
        if after != old:
            assert not (set(after) ^ set(old)) or "done" in {entry["status"] for entry in world.journal()}
            again = [row for row in world.ok("undo", "--list", "--json").data["changes"] if row["status"] == "done"]
            newest = next(row for row in again if row["undo_of"] is None)
            assert newest["command"][0] == change.split()[0], "a mixed state"
            world.ok("undo", newest["id"])
            assert _seen(world) == old, "undo after a kill did not restore the old state"
    assert killed >= KILLED, "the kills came too late: the test is void"


def test_next_command_recovers_interrupted_change_before_planning(world: CommandRoot) -> None:
    """Killed between the folder and the alias, a second rename must not lose the alias."""
    world.ok("create", "work")
    script = """if True:
        import os, signal
        from hermes_profiles.changes.filesystem import Files
        real = Files.rename_new
        def move(self, source, target):
            real(self, source, target)
            if target.endswith("profiles/office"):
                os.kill(os.getpid(), signal.SIGKILL)
        Files.rename_new = move
        from hermes_profiles.cli.profiles import run
        run(["rename", "work", "office"])
    """
    done = subprocess.run([sys.executable, "-c", script], env=world.runner.environment, cwd=world.user, check=False)
    assert done.returncode == -signal.SIGKILL
    assert world.names() == ["default", "office"] and "office" not in os.listdir(world.bin)
    done_again = world.ok("rename", "office", "shop", "--json")
    assert [warning["code"] for warning in done_again.json["warnings"]] == ["recovered"]
    assert os.listdir(world.bin) == ["shop"] and " -p shop " in (world.bin / "shop").read_text()


@pytest.fixture
def stranger() -> Iterator[Runner]:
    """A user other than root with a separate home.

    The home is not below pytest's folder, because a pytest run of this user would close that folder to others.
    """
    user = Path(tempfile.mkdtemp(prefix="hermes-profiles-stranger-"))
    user.chmod(0o755)
    runner = Runner(user)
    for path in (user, *user.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    yield runner
    shutil.rmtree(user)


def _own(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _as_nobody(runner: Runner, *arguments: str) -> Done:
    """Run the command as another user, in a child of this process: that user cannot read this Python."""
    with tempfile.TemporaryDirectory() as folder:
        warm = Runner(Path(folder))
        CommandRoot(warm).make()  # late imports must happen before the privileges are dropped
        for words in (("create", "work"), arguments, ("list",), ("list", "--json")):
            warm.call(*words)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            done = runner.call(*arguments)
            os.write(writer, json.dumps([done.code, done.stdout, done.stderr]).encode())
        except BaseException:
            os.write(writer, json.dumps([99, "", traceback.format_exc()]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        done = Done(*json.loads(answer.read()))
    os.waitpid(child, 0)
    return done


@root_only
def test_write_without_permission_is_one_error_and_leaves_nothing(stranger: Runner) -> None:
    world = CommandRoot(stranger)
    world.make(files=SOURCE)
    _own(world.user)
    assert _as_nobody(stranger, "create", "work").code == 0
    assert all(path.lstat().st_uid == NOBODY for path in world.user.rglob("*"))
    for locked, change in (
        (world.root / "profiles", ("clone", "default", "new")),
        (world.state, ("delete", "work", "--yes")),
        (world.state, ("rename", "work", "office")),
        (world.bin, ("create", "new")),
        (world.root, ("use", "work")),
    ):
        before, mode = _kept(world), locked.stat().st_mode & 0o777
        os.chown(locked, 0, 0)
        locked.chmod(0o555)
        done = _as_nobody(stranger, *change)
        assert done.code == 1 and len(re.findall("^error: ", done.stderr, re.M)) == 1, done
        assert re.search("permission denied|operation not permitted", done.stderr), done
        assert str(locked) in done.stderr and "\nhint: " in done.stderr and done.stdout == ""
        assert _as_nobody(stranger, "list").code == 0
        locked.chmod(mode)
        os.chown(locked, NOBODY, NOBODY)
        assert _kept(world) == before and strays(world) == []


@root_only
def test_inaccessible_root_is_one_error(stranger: Runner) -> None:
    world = CommandRoot(stranger)
    world.make(files=SOURCE)
    world.root.chmod(0o700)  # it belongs to root
    for given in (("list",), ("show", "default"), ("create", "work"), ("clone", "default", "work"), ("undo", "--list")):
        done = _as_nobody(stranger, *given)
        assert done.code in (1, 5), (given, done)
        assert done.stderr.count("error: ") == 1 and str(world.root) in done.stderr, (given, done)


@root_only
def test_command_as_root_keeps_file_owner(stranger: Runner) -> None:
    world = CommandRoot(stranger)
    world.make(files=SOURCE)
    _own(world.user)
    world.ok("clone", "default", "work")
    world.ok("use", "work")
    world.ok("rename", "work", "office")
    foreign = [str(path) for path in world.user.rglob("*") if path.lstat().st_uid != NOBODY]
    assert foreign == []
