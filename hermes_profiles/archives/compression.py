"""Compression of archives: zstd where this Python has it, gzip otherwise; every Python reads gzip.

zstd is a module of Python from 3.14 (`compression.zstd`). The package `backports.zstd` is the same module for older
ones.
"""

from __future__ import annotations

import gzip
import importlib
from enum import StrEnum
from typing import Any, BinaryIO, cast

from hermes_profiles.model.errors import Failed

_ZSTD_MODULES = ("compression.zstd", "backports.zstd")
_LEVEL = 6  # of gzip


class Compression(StrEnum):
    """The compression of an archive, named as in its file name."""

    ZSTD = "zst"
    GZIP = "gz"
    NONE = ""


_MAGIC = {b"\x28\xb5\x2f\xfd": Compression.ZSTD, b"\x1f\x8b": Compression.GZIP}


def compression_of(start: bytes) -> Compression:
    """Return the compression of a file by its first bytes."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), Compression.NONE)


def best_compression() -> Compression:
    """Return zstd where this Python has it, else gzip."""
    return Compression.ZSTD if _zstd() is not None else Compression.GZIP


def chosen_compression(name: str, *, gzip: bool) -> Compression:
    """Return the compression of a new file: as its name says, else the best. Raises Failed for `.zst` without zstd.

    A file that is named `.zst` and holds gzip could not be opened by the programs that its name leads to.
    """
    if gzip or name.endswith((".gz", ".tgz", ".gz.age")):
        return Compression.GZIP
    if name.endswith((".zst", ".zst.age")):
        _required_zstd("the name asks for zstd, which this Python does not have", "end the name in `.tar.gz`")
        return Compression.ZSTD
    return best_compression()


def compressing(out: BinaryIO, kind: Compression) -> BinaryIO:
    """Return a file that compresses what is written to it; its `close` leaves `out` open."""
    if kind is Compression.GZIP:
        return cast("BinaryIO", gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=_LEVEL, mtime=0))
    return cast("BinaryIO", _required_zstd().ZstdFile(out, "wb"))


def decompressing(source: BinaryIO, kind: Compression) -> BinaryIO:
    """Return a file of the bytes before the compression. Raises Failed without the module for zstd."""
    if kind is Compression.GZIP:
        return cast("BinaryIO", gzip.GzipFile(fileobj=source, mode="rb"))
    if kind is Compression.NONE:
        return source
    return cast("BinaryIO", _required_zstd().ZstdFile(source, "rb"))


def compression_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a damaged stream."""
    import zlib

    zstd = _zstd()
    own = (zstd.ZstdError,) if zstd is not None else ()
    return (EOFError, OverflowError, gzip.BadGzipFile, zlib.error, *own)


def _zstd() -> Any:
    for name in _ZSTD_MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _required_zstd(
    message: str = "this file is compressed with zstd, which this Python cannot read",
    way: str = "decompress the file with `zstd -d FILE`",
) -> Any:
    module = _zstd()
    if module is None:
        raise Failed(
            message,
            code="no-zstd",
            hint=f"install it with `pip install 'hermes-profiles[archives]'`, or {way}",
        )
    return module
