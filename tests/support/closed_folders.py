"""Folders that cannot be written, also for tests that run as root."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


def obey_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `os.access` answer by the mode of the owner, which it does not do for root."""

    def access(path: Any, mode: int) -> bool:
        try:
            owner = os.stat(path).st_mode >> 6
        except OSError:
            return False
        return not mode & ~owner & 0o7

    monkeypatch.setattr(os, "access", access)


def read_only_below(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a folder be the root of a read-only file system."""
    real = os.statvfs

    def statvfs(path: Any) -> Any:
        answer = real(path)
        below = Path(path) == folder or folder in Path(path).parents
        parts = {name: getattr(answer, name) for name in dir(answer) if name.startswith("f_")}
        return SimpleNamespace(**{**parts, "f_flag": os.ST_RDONLY if below else 0})

    monkeypatch.setattr(os, "statvfs", statvfs)
