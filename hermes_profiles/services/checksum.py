"""The content mark: how a file of ours says that nobody has changed it since. Pure.

A text file carries the mark as a comment; it counts every other byte of the file.
"""

from __future__ import annotations

import hashlib
import re

_LINE = re.compile(rb"^[#;] mark: sha256:([0-9a-f]{64})\r?\n", re.MULTILINE)


def digest(content: bytes) -> str:
    """Return the sha256 of the bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def add_checksum(content: bytes, *, comment: str = "#") -> bytes:
    """Return the text with its mark as a comment after the first line, which must end with a line break."""
    first, separator, rest = content.partition(b"\n")
    mark = f"{comment} mark: sha256:{digest(content)}\n".encode()
    return first + separator + mark + rest


def has_mark(content: bytes) -> bool:
    """Return whether a text carries a mark at all, fitting or not."""
    return _LINE.search(content) is not None


def checksum_matches(content: bytes) -> bool:
    """Return whether a text carries a mark and is, byte for byte, what it was when the mark was set."""
    found = _LINE.search(content)
    return found is not None and found[1].decode() == digest(content[: found.start()] + content[found.end() :])
