"""Texts of a SQLite file that are split over pages. Format: sqlite.org, "Database File Format".

A text within one page, free pages included, is in the bytes of the file as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .limits import Budget

DATABASE = b"SQLite format 3\x00"
LOG = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX = 13, 10, 2
_FRAME = 24
_LOG_HEADER = 32

Page = Callable[[int], bytes]


def split_texts(data: bytes, overlap: int, budget: Budget) -> Iterator[bytes]:
    """Yield the bytes around each place where a row continues on another page, as the row has them.

    `overlap`: how many bytes on both sides. Raises NotSearchedError at a limit.
    """
    if data.startswith(DATABASE):
        size = int.from_bytes(data[16:18], "big")
        size = 65536 if size == 1 else size
        reserved = int.from_bytes(data[20:21], "big")
        if not _is_size(size):
            return
        last = len(data) // size
        pages: Mapping[int, bytes] | None = None
    elif data.startswith(LOG):
        size, reserved = int.from_bytes(data[8:12], "big"), 0
        if not _is_size(size):
            return
        pages = {}
        for start in range(_LOG_HEADER, len(data) - _FRAME - size + 1, _FRAME + size):
            number = int.from_bytes(data[start : start + 4], "big")
            pages[number] = data[start + _FRAME : start + _FRAME + size]
        last = max(pages, default=0)
    else:
        return

    def page(number: int) -> bytes:
        if pages is not None:
            return pages.get(number, b"")
        return data[(number - 1) * size : number * size]

    usable = size - reserved
    for number in range(1, last + 1) if pages is None else sorted(pages):
        budget.take(0)
        content = page(number)[:usable]
        if len(content) == usable:
            yield from _joints(content, number, page, last, overlap, usable)


def _is_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _joints(content: bytes, number: int, page: Page, last: int, overlap: int, usable: int) -> Iterator[bytes]:
    """Yield the joints of one page, as the page of a long row and as a leaf with rows that continue elsewhere."""
    following = int.from_bytes(content[:4], "big")
    if 1 < following <= last and following != number:
        yield _joint(content, page(following), overlap, usable)
    header = 100 if number == 1 else 0
    kind = content[header]
    if kind not in (_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX):
        return
    first = header + (12 if kind == _INNER_INDEX else 8)
    count = int.from_bytes(content[header + 3 : header + 5], "big")
    for index in range(min(count, (usable - first) // 2)):
        at = int.from_bytes(content[first + 2 * index : first + 2 * index + 2], "big")
        end = _local_end(content, at, kind, usable)
        if end is not None and end + 4 <= usable:
            following = int.from_bytes(content[end : end + 4], "big")
            if 1 < following <= last:
                yield _joint(content[:end], page(following), overlap, usable)


def _joint(before: bytes, after: bytes, overlap: int, usable: int) -> bytes:
    return before[-overlap:] + after[4 : min(4 + overlap, usable)]


def _local_end(content: bytes, at: int, kind: int, usable: int) -> int | None:
    """Return where the part of a row on this page ends, None when it does not continue on another page."""
    if kind == _INNER_INDEX:
        at += 4
    payload, at = _varint(content, at)
    if kind == _LEAF_TABLE:
        _, at = _varint(content, at)
        most = usable - 35
    else:
        most = (usable - 12) * 64 // 255 - 23
    if payload <= most:
        return None
    least = (usable - 12) * 32 // 255 - 23
    local = least + (payload - least) % (usable - 4)
    return at + (local if local <= most else least)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        if at >= len(content):
            return 0, at
        byte = content[at]
        at += 1
        if index == 8:
            return (value << 8) | byte, at
        value = (value << 7) | (byte & 127)
        if byte < 128:
            break
    return value, at
