"""The checksum in a file of ours, which shows whether the file was edited since. Pure.

A text file holds it in a comment; it covers every other byte of the file.
"""

from __future__ import annotations

import re

from hermes_profiles.model.patterns import lazy_pattern

_LINE = lazy_pattern(rb"^[#;] mark: sha256:([0-9a-f]{64})\r?\n", re.MULTILINE)


def digest(content: bytes) -> str:
    """Return the sha256 of the bytes, in hex."""
    import hashlib  # loads OpenSSL, which takes 4 ms

    return hashlib.sha256(content).hexdigest()


def add_checksum(content: bytes, *, comment: str = "#") -> bytes:
    """Return the text with its checksum in a comment after the first line, which must end with a line break."""
    first, separator, rest = content.partition(b"\n")
    mark = f"{comment} mark: sha256:{digest(content)}\n".encode()
    return first + separator + mark + rest


def has_mark(content: bytes) -> bool:
    """Return whether a text holds a checksum, right or wrong."""
    return _LINE.search(content) is not None


def checksum_matches(content: bytes) -> bool:
    """Return whether a text holds a checksum that matches its other bytes."""
    found = _LINE.search(content)
    return found is not None and found[1].decode() == digest(content[: found.start()] + content[found.end() :])
