"""Compressed streams with one interface: deflate, gzip, zlib, bzip2, xz, lzma; output in bounded parts."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from .limits import MIB

PART = 256 * 1024
_LZMA_MEMORY = 80 * MIB
RAW_DEFLATE, GZIP, ZLIB = -15, 31, 15

# What the decompressors raise for bytes that are no such stream.
BAD_STREAM = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError)


class PackedStream(Protocol):
    """A stream that is being unpacked."""

    @property
    def eof(self) -> bool:
        """Return whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """Return the bytes behind the end."""

    def parts(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to. Raises one of BAD_STREAM."""


class DeflateStream:
    """Deflate with the wrapper that `bits` names (RAW_DEFLATE, GZIP, ZLIB)."""

    def __init__(self, bits: int) -> None:
        self._inflater = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def parts(self, data: bytes) -> Iterator[bytes]:
        inflater = self._inflater
        while True:
            part = inflater.decompress(data, PART)
            data = inflater.unconsumed_tail
            if part:
                yield part
            if inflater.eof or (not data and len(part) < PART):
                return


class BlockStream:
    """Bzip2, xz and lzma."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def parts(self, data: bytes) -> Iterator[bytes]:
        decompressor = self._decompressor
        while True:
            part = decompressor.decompress(data, PART)
            data = b""
            if part:
                yield part
            if decompressor.eof or decompressor.needs_input:
                return


def bzip2_stream() -> PackedStream:
    """Return a stream of bzip2."""
    return BlockStream(bz2.BZ2Decompressor())


def lzma_stream() -> PackedStream:
    """Return a stream of xz or of the older `.lzma`; one that needs much memory is a bad stream."""
    return BlockStream(lzma.LZMADecompressor(memlimit=_LZMA_MEMORY))


def zipped_lzma_stream(head: bytes) -> PackedStream:
    """Return the stream of a zip member of method 14; `head`: its first 9 bytes. Raises ValueError."""
    number, size = head[4], int.from_bytes(head[5:9], "little")
    if number >= 225 or size > _LZMA_MEMORY:
        raise ValueError("lzma properties")
    filters = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(size, 4096),
        "lc": number % 9,
        "lp": number // 9 % 5,
        "pb": number // 45,
    }
    return BlockStream(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[filters]))


Opener = Callable[[], PackedStream]


def deflate(bits: int) -> Opener:
    """Return what opens a stream of deflate."""
    return lambda: DeflateStream(bits)
