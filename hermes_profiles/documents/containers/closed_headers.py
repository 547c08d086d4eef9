"""Headers of archives that cannot be unpacked here: four bytes alone are in every large model by chance. Pure."""

from __future__ import annotations

LONGEST_HEADER = 24
_LARGEST_ZSTD_BLOCK = 128 * 1024
_7Z_VERSION, _RAR_VERSIONS, _LZO_START = 6, (b"\x00", b"\x01\x00"), b"\x89LZO\x00\r\n\x1a\n"


def is_closed_header(kind: str, head: bytes) -> bool | None:
    """Return whether the bytes from the first ones on are the header of such data; None when more bytes are needed."""
    if kind == "Zstandard data":
        return _is_zstandard(head)
    if len(head) < 8:
        return None
    if kind == "LZ4 data":  # the frame format of LZ4: the version, no reserved bit, the size of a block
        return head[4] >> 6 == 1 and not head[4] & 2 and not head[5] & 0x8F and head[5] >> 4 >= 4
    if kind == "a 7z archive":
        return head[_7Z_VERSION] == 0 and head[_7Z_VERSION + 1] > 0
    if kind == "a rar archive":
        return head[6:].startswith(_RAR_VERSIONS)
    return kind != "lzop data" or head.startswith(_LZO_START)


def _is_zstandard(head: bytes) -> bool | None:
    """Return whether a frame of Zstandard begins here (RFC 8878, 3.1.1), None when more bytes are needed."""
    if len(head) < 5:
        return None
    flags = head[4]
    if flags & 0x18:
        return False
    is_single = flags >> 5 & 1
    sizes = (is_single, 2, 4, 8)[flags >> 6], (0, 1, 2, 4)[flags & 3]
    at = 5 + (1 - is_single) + sum(sizes)
    if len(head) < at + 3:
        return None
    block = int.from_bytes(head[at : at + 3], "little")
    return block >> 1 & 3 != 3 and block >> 3 <= _LARGEST_ZSTD_BLOCK
