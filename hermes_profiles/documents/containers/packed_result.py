"""Which files are searched for packed parts, and what a search found. Pure."""

from __future__ import annotations

from hermes_profiles.model.named_tuple import NamedTuple


class PackedResult(NamedTuple):
    """What a search found: the `name` of a value, and `unsearched`: why something was not searched, "" for nothing.

    `mentioned`: names of variables beside which other values are.
    """

    name: str | None
    unsearched: str = ""
    mentioned: tuple[str, ...] = ()


def may_be_packed(head: bytes) -> bool:
    """Return whether a file with these first bytes, or this content, can have packed parts: no text but a PDF has."""
    if head.startswith(b"%PDF-"):
        return True
    if head.isascii():
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return b"\x00" in head
