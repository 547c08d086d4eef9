"""OpenClaw installations in the layout of Tencent's plugin, valid and awkward ones."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BASE = "https://ilinkai.weixin.qq.com"
_NOTHING: Any = object()


def token(word: str) -> str:
    """Return a unique token."""
    return f"CANARY-{word}-{hashlib.sha256(word.encode()).hexdigest()[:12]}"


class OpenClaw:
    """An installation below a folder. `add` creates an account like a login; other methods edit files."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state / "openclaw-weixin"
        self.accounts = self.folder / "accounts"
        self.listed: list[object] = []
        self.accounts.mkdir(parents=True)
        self.write_index()

    def write_index(self, content: object = _NOTHING) -> None:
        """Write accounts.json: a list of ids, or text or bytes unchanged."""
        wanted = self.listed if content is _NOTHING else content
        self.put("openclaw-weixin/accounts.json", wanted)

    def put(self, path: str, content: object, mode: int = 0o600) -> Path:
        """Write a file below the state folder; content other than text and bytes is written as JSON."""
        target = self.state / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str | bytes):
            content = json.dumps(content, indent=2)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def add(
        self, word: str, *, listed: str | None = None, file: str | None = None, user: str | None = None,
        allowed: Sequence[str] | None = None, saved: str = "2026-03-01T10:00:00.000Z", data: Mapping[str, object] = {},
        sync: str | None = None, contexts: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Create an account and list it; returns its WeChat id."""
        stem = file or f"{word}-im-bot"
        self.listed.append(listed or f"{word}-im-bot")
        self.write_index()
        wechat = user if user is not None else f"o9{word}@im.wechat"
        content = {"token": token(word), "savedAt": saved, "baseUrl": BASE, "userId": wechat, **data}
        self.put(f"openclaw-weixin/accounts/{stem}.json", {k: v for k, v in content.items() if v is not None})
        if allowed is not None:
            path = f"credentials/openclaw-weixin-{stem}-allowFrom.json"
            self.put(path, {"version": 1, "allowFrom": list(allowed)})
        if sync is not None:
            self.put(f"openclaw-weixin/accounts/{stem}.sync.json", {"get_updates_buf": sync})
        if contexts is not None:
            self.put(f"openclaw-weixin/accounts/{stem}.context-tokens.json", dict(contexts))
        return f"{word}@im.bot"

    def config(self, text: str) -> None:
        """Write openclaw.json unchanged."""
        self.put("openclaw.json", text)

    def picture(self) -> dict[str, tuple[object, ...]]:
        """Return what a reader must not change: kinds, modes, bytes, link targets, times but atime."""
        found: dict[str, tuple[object, ...]] = {}
        for here, folders, files in os.walk(self.state):
            for name in (".", *folders, *files):
                path = os.path.join(here, name)
                status = os.lstat(path)
                content: object = None
                if stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK) and status.st_size < 2**24:
                    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
                found[path] = (status.st_mode, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, content)
        return found


def files_of_examples(user: Path) -> None:
    """Create the files of the `team import` examples, for a user in the home folder."""
    install = OpenClaw(user / ".openclaw")
    for word in ("aaa111", "bbb222"):
        install.add(word)
    (user / "names.csv").write_text("id,name\naaa111@im.bot,mum\n")
    (user / "accounts.csv").write_text(f"account_id,token\nccc333@im.bot,{token('ccc333')}\nddd444@im.bot,\n")
    bots = [{"member": "eva", "token": "7100000009:CANARYevaCANARYevaCANARYevaCANARY"}]
    (user / "bots.json").write_text(json.dumps({"accounts": bots}))
