"""A Hermes root and the commands run on it: a default profile with a bot and marked secrets."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from command_runner import Done, Runner

TOKEN = "7100000001:CANARYtelegramCANARYtelegramCANARY1"
SLACK = "xoxb-CANARY-slack-000000000000"
OPENAI = "sk-CANARY-shared-0123456789abcdef"

SOURCE = {
    ".env": f"# keys\nOPENAI_API_KEY={OPENAI}\n\nTELEGRAM_BOT_TOKEN={TOKEN}\nSLACK_BOT_TOKEN={SLACK}\n"
    "SLACK_TEAM_ID=T0TEAM\nMY_OLD_TOKEN=abc\n",
    "config.yaml": "# the persona\nmodel:\n  default: gpt-5\n  provider: openai\n"
    "platforms:\n  telegram:\n    enabled: true\n  slack:\n    enabled: true\n    extra:\n      allow_from: [U1]\n"
    "mcp_servers:\n  chat:\n    env:\n      TEAM: ${SLACK_TEAM_ID}\n",
    "SOUL.md": "You are helpful.\n",
    "memories/MEMORY.md": f"remember {TOKEN} please\n",
    "skills/notify/SKILL.md": "send a note\n",
    "weixin/accounts/one.json": '{"token": "CANARY-weixin-file"}\n',
    "state.db": "CANARY-state",
}


class CommandRoot:
    """A user with a root, and the commands run as this user."""

    def __init__(self, runner: Runner, root: Path | None = None) -> None:
        self.runner = runner
        self.user = runner.user_home
        self.root = root or self.user / ".hermes"
        self.bin = self.user / ".local" / "bin"
        self.call, self.run, self.ok, self.process = runner.call, runner.run, runner.ok, runner.process

    @property
    def state(self) -> Path:
        return self.root / "profiles" / ".hermes-profiles"

    def home(self, name: str) -> Path:
        return self.root if name == "default" else self.root / "profiles" / name

    def make(self, name: str = "default", files: Mapping[str, str | bytes] = SOURCE) -> Path:
        """Create a profile like Hermes, without the command."""
        home = self.home(name)
        home.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            target = home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return home

    def names(self) -> list[str]:
        return self.ok("list", "--names").stdout.split()

    def listed(self, name: str) -> dict[str, Any]:
        (row,) = [row for row in self.ok("list", "--json").data["profiles"] if row["name"] == name]
        return dict(row)

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in sorted((self.state / "journal").glob("*.json"))]

    def picture(self, folder: Path | None = None) -> dict[str, tuple[object, ...]]:
        return picture(folder or self.user)

    def unchanged_by(
        self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "", code: int | None = None
    ) -> Done:
        """Run the command, and assert that it changed no file of the user; `code`: the exit code it must have."""
        before = self.picture()
        done = self.call(*arguments, env=env, typed=typed)
        assert self.picture() == before, f"{arguments} changed something"
        assert code is None or done.code == code, done
        return done


def picture(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, tuple[object, ...]]:
    """Return the state of a tree: names, kinds, modes, bytes, link targets."""
    found: dict[str, tuple[object, ...]] = {}
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        for name in (*folders, *files):
            path = os.path.join(here, name)
            status = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode) and status.st_size < 2**24:
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            found[os.path.relpath(path, folder)] = (status.st_mode, content)
    return found


def strays(world: CommandRoot) -> list[str]:
    """Return leftovers of an interrupted change: staged trees, temporary files, partial trash entries."""
    state = world.state
    found = [str(path) for path in (state / "staging").glob("*")] + [str(p) for p in (state / "trash").glob(".*")]
    found += [str(path) for path in (state / "journal").glob(".*")]
    for folder in (world.root, world.root / "profiles", world.bin):
        if folder.is_dir():
            found += [str(p) for p in folder.iterdir() if p.name.startswith(".hermes-profiles-")]
    return found
