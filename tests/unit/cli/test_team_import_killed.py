"""An import killed at any file operation: all accounts are imported or none."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_root import CommandRoot, picture, strays
from command_runner import Runner
from nightly import NIGHTLY
from openclaw_install import OpenClaw, token

from hermes_profiles.changes.apply import recover
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.model.layout import Layout

Words = tuple[str, ...]
# The import can be killed at each operation; a normal run tests every seventh, a nightly run all.
STEP = 1 if NIGHTLY else 7


def _openclaw(world: CommandRoot) -> Words:
    world.make("default", {"config.yaml": "model: gpt-5\n", ".env": "", "skills/a/SKILL.md": "a\n"})
    install = OpenClaw(world.user / ".openclaw")
    install.add("aaa111", sync="b", contexts={"o9": "CANARY"})
    install.add("bbb222")
    return ("openclaw", str(install.state))


def _hermes(world: CommandRoot) -> Words:
    world.make("default", {"config.yaml": "model: gpt-5\n", ".env": "WEIXIN_ACCOUNT_ID=own@im.bot\n"})
    for word in ("own", "ann", "bob"):
        path = f"weixin/accounts/{word}@im.bot"
        content = json.dumps({"token": token(word)})
        world.make("default", {f"{path}.json": content, f"{path}.sync.json": '{"get_updates_buf": "x"}'})
    return ("hermes", "default")


def _state(world: CommandRoot) -> dict[str, Any]:
    """Return all files without the journal; trash entries without their names, which are times."""
    found = dict(picture(world.user, without=(".hermes-profiles", "tmp")))
    in_trash = sorted(path.name for path in (world.state / "trash").rglob("*") if path.is_file())
    found.pop(".hermes/profiles", None)  # the state folder
    return {**found, "the trash": tuple(name for name in in_trash if name != "about.json")}


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    return {path: what for path, what in state.items() if path != "the trash"}


def _do(world: CommandRoot, words: Words, operation: Callable[[Files, str, str], None]) -> None:
    """Run an import in this process; `operation` is called before each file operation."""
    before = Files.operation
    Files.operation = operation  # type: ignore[method-assign]
    try:
        world.ok("team", "import", *words)
    finally:
        Files.operation = before  # type: ignore[method-assign]


def _killed(world: CommandRoot, words: Words, at: int) -> int:
    left = at

    def operation(files: Files, name: str, path: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        try:
            _do(world, words, operation)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("prepare", [_openclaw, _hermes])
def test_killed_import_is_complete_or_undone(isolated: Path, prepare: Callable[[CommandRoot], Words]) -> None:
    home = isolated / "user"  # a constant path, because written files contain it

    def fresh() -> tuple[CommandRoot, Words]:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        world = CommandRoot(Runner(home))
        return world, prepare(world)

    world, words = fresh()
    old, operations = _state(world), []
    _do(world, words, lambda files, name, path: operations.append(name))
    new = _state(world)
    assert len(operations) > 20 and old != new
    seen = set()
    for at in range(1, len(operations) + 1, STEP):
        world, words = fresh()
        assert _state(world) == old
        assert _killed(world, words, at) == -signal.SIGKILL, at
        recover(Layout(world.root, world.user))
        now = _state(world)
        assert now in (old, new), at
        seen.add(now == new)
        assert strays(world) == [], at
        if now == old:
            world.ok("team", "import", *words)
            assert _state(world) == new, at
        world.ok("undo")
        assert _kept(_state(world)) == _kept(old), at  # the created files are in the trash
    assert seen == {True, False}
