"""The line that puts the shim's folder first on PATH, for each shell, and its block in a start file. Pure.

The block can be removed byte for byte: its first mark records the end of the text before it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

SHELLS = ("bash", "zsh", "fish")
_BEGIN, _END = "# >>> hermes-profiles shim", "# <<< hermes-profiles shim <<<"
_PLAIN, _MADE, _OPEN = " >>>", " (in a file made for it) >>>", " (after a line without an end) >>>"
_LINE = lazy_pattern(
    rb"^" + re.escape(_BEGIN.encode()) + rb"(?P<kind>[^\n]*)\n(?P<inside>(?:(?!# [<>]{3} hermes-profiles)[^\n]*\n)*?)"
    rb"" + re.escape(_END.encode()) + rb"(?P<end>\n|\Z)",
    re.MULTILINE,
)
_ANY_MARK = lazy_pattern(rb"^# (?:>>>|<<<) hermes-profiles shim", re.MULTILINE)


class Block(NamedTuple):
    """The block in a start file: its offsets, the kind of its first mark, and the lines between the marks."""

    start: int
    end: int
    kind: bytes
    inside: bytes


class EditedBlock(Exception):
    """The marks in a start file do not pair up; `line` (1-based) is where the first one is."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def start_file(shell: str, user_home: Path, environment: Mapping[str, str], platform: str) -> Path:
    """Return the file that an interactive shell reads last. On macOS a terminal starts bash as a login shell."""
    if shell == "zsh":
        return Path(environment.get("ZDOTDIR") or user_home) / ".zshrc"
    if shell == "fish":
        config = environment.get("XDG_CONFIG_HOME") or ""
        base = Path(config) if config.startswith("/") else user_home / ".config"
        return base / "fish" / "conf.d" / "hermes-profiles.fish"
    return user_home / (".bash_profile" if platform == "darwin" else ".bashrc")


def path_line(shell: str, folder: Path, user_home: Path) -> str:
    """Return the line that puts a folder first on PATH, unless it is first already."""
    if shell == "fish":
        word = _fish_quoted(os.fspath(folder))
        return f'test "$PATH[1]" = {word}; or set -gx PATH {word} $PATH'
    try:
        word = f'"$HOME"/{shlex.quote(os.fspath(folder.relative_to(user_home)))}'
    except ValueError:
        word = shlex.quote(os.fspath(folder))
    return f'case "$PATH" in {word}:*) ;; *) export PATH={word}:"$PATH" ;; esac'


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def block_in(raw: bytes) -> Block | None:
    """Return the block of a start file, None when it has none. Raises Edited for marks that do not pair up."""
    marks = list(_ANY_MARK.finditer(raw))
    if not marks:
        return None
    match = _LINE.search(raw)
    if len(marks) != 2 or match is None or match.start() != marks[0].start():
        raise EditedBlock(line_of(raw, marks[0].start()))
    return Block(match.start(), match.end(), match["kind"], match["inside"])


def line_of(raw: bytes, position: int) -> int:
    """Return the number of the line a position is in."""
    return raw.count(b"\n", 0, position) + 1


def is_as_written(block: Block, line: str) -> bool:
    """Return whether the lines between the marks are unedited.

    A block without its line counts as unedited: `hermes uninstall` (0.19.0) removes every line with `hermes` and
    `PATH=` from start files.
    """
    return block.inside in (b"", os.fsencode(line) + b"\n")


def with_block(raw: bytes | None, line: str) -> bytes:
    """Return a start file with the block at its end; `raw` None: the file is missing.

    A block without its line gets it back.
    """
    block = block_in(raw) if raw is not None else None
    if raw is not None and block is not None:
        return raw[: block.start] + _text(block.kind, line) + raw[block.end :]
    before = raw or b""
    kind = _MADE if raw is None else _PLAIN if not before or before.endswith(b"\n") else _OPEN
    return before + (b"\n" if kind == _OPEN else b"") + _text(kind.encode(), line)


def _text(kind: bytes, line: str) -> bytes:
    return _BEGIN.encode() + kind + b"\n" + os.fsencode(line) + b"\n" + _END.encode() + b"\n"


def without_block(raw: bytes) -> bytes | None:
    """Return a start file without the block, None when the file was created for it and has no other text."""
    block = block_in(raw)
    if block is None:
        return raw
    before, after = raw[: block.start], raw[block.end :]
    if block.kind == _MADE.encode() and not before and not after:
        return None
    if block.kind == _OPEN.encode() and not after and before.endswith(b"\n"):
        before = before[:-1]
    return before + after
