"""Finds packed streams at any place of a file, unpacks them in bounded memory, and searches what comes out.

Streams are recognised by their first bytes, so the members of an archive need no list of them: those that an archive
no longer lists, archives in archives, and an archive behind a picture or a program are found as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .closed_headers import LONGEST_HEADER, is_closed_header
from .git_pack import pack_objects
from .limits import MIB, Budget, NotSearchedError
from .packed_result import PackedResult
from .sqlite_pages import split_texts
from .streams import (
    BAD_STREAM,
    GZIP,
    RAW_DEFLATE,
    ZLIB,
    DeflateStream,
    PackedStream,
    bzip2_stream,
    lzma_stream,
    zipped_lzma_stream,
)
from .texts import PdfStrings, TagStripper, TextView

# The first bytes of packed data, and how many of them the longest one has. Each is looked for on its own: that is ten
# times as fast as one regular expression.
_ZLIB = (b"x\x9c", b"x\xda", b"x\x01", b"x\x5e")
_KINDS: Mapping[bytes, str] = {
    **dict.fromkeys(_ZLIB, "zlib"),
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PACK\x00\x00\x00": "pack",
    b"SQLite format 3\x00": "sqlite",
    b"\x37\x7f\x06\x82\x00\x2d\xe2\x18": "sqlite",
    b"\x37\x7f\x06\x83\x00\x2d\xe2\x18": "sqlite",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"\x04\x22\x4d\x18": "LZ4 data",
    b"LZIP\x01": "lzip data",
    b"\x89LZO\x00": "lzop data",
}
_LONGEST_START = 16
_OLD_LZMA = b"\x5d\x00\x00"
# At the first byte only: too short, or also a text.
_OTHERS_AT_START = {
    b"\x1f\x9d": "a file of `compress`",
    b"MSCF": "a cabinet file",
    b"Salted__": "an encrypted file",
    b"age-encryption.org/": "an encrypted file",
    b"LUKS\xba\xbe": "an encrypted disk",
    b"\x03\xd9\xa2\x9a": "a KeePass database",
    b"mozLz40\x00": "LZ4 data of Firefox",
    b"\xff\x06\x00\x00sNaPpY": "Snappy data",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"ARROW1\x00\x00": "an Arrow file",
    b"hsqs": "a SquashFS image",
    b"QFI\xfb": "a QCOW2 image",
    b"BORG_SEG": "a repository of Borg",
}
_ZIP_HEADER, _LONGEST_ZIP_HEADER = 30, 30 + 2 * 65535
_DEFLATED, _LZMA, _STORED = 8, 14, (0, 12, 95)  # bzip2 and xz have their own first bytes
_SNAPPY_MEMBER = b".iwa"  # of Pages, Numbers and Keynote
_NEWEST_ZIP, _MOST_METHODS = 63, 99  # the version of the format, and the largest number of a method
_METHODS = {9: "Deflate64", 93: "Zstandard"}
_SLICE = 64 * 1024
_REPLAYED = 64 * 1024
_BATCH = 256 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"
_PDF = b"%PDF-"
_OTHER_FILTERS = (b"/ASCII85Decode", b"/ASCIIHexDecode", b"/LZWDecode", b"/A85", b"/AHx")
_OWN_LETTERS = b"/Identity-H"
PDF_LETTERS = "the letters of a PDF have numbers of its own"

Search = Callable[[bytes], str | None]


class _FoundError(Exception):
    """A value was found; the text is its name."""


class PackedSearch:
    """The search in the packed parts of one file, of which the bytes arrive in order.

    `search` returns the name of a value in some bytes; `overlap`: how many bytes of one part are searched together
    with the next one. The bytes of the file itself are not searched.
    """

    def __init__(self, search: Search, overlap: int, budget: Budget, size: int) -> None:
        budget.open_file(size)
        self._run = _Run(search, max(overlap, 1), budget)
        self._level = _PackedLevel(self._run, 0)
        self._over = False

    def feed(self, data: bytes) -> None:
        """Search the next bytes."""
        self._guarded(lambda: self._level.feed(data))

    def result(self) -> PackedResult:
        """Return the result for the whole file."""
        self._guarded(self._level.finish)
        return PackedResult(self._run.name, "; ".join(dict.fromkeys(self._run.unsearched)))

    def _guarded(self, step: Callable[[], None]) -> None:
        if self._over:
            return
        try:
            step()
        except _FoundError as found:
            self._run.name = str(found)
            self._over = True
        except NotSearchedError as error:
            self._run.unsearched.append(str(error))
            self._over = True


def search_packed(content: bytes, search: Search, overlap: int, budget: Budget) -> PackedResult:
    """Return what is in the packed parts of a file."""
    file = PackedSearch(search, overlap, budget, len(content))
    file.feed(_without_pixels(content) if content.startswith(_PNG) else content)
    return file.result()


def _without_pixels(content: bytes) -> bytes:
    """Return a PNG without the data of its picture, which is no text."""
    parts = []
    position = len(_PNG)
    while position + 12 <= len(content):
        end = position + 12 + int.from_bytes(content[position : position + 4], "big")
        kind = content[position + 4 : position + 8]
        if kind not in (b"IDAT", b"fdAT"):
            parts.append(content[position:end])
        position = end
        if kind == b"IEND":
            break
    return b"".join([*parts, content[position:]])


def _next_start(buffer: bytes, position: int) -> tuple[int, bytes]:
    """Return the place of the next packed data and its first bytes, b"" without any."""
    if buffer.startswith(b"PK\x03\x04", position):  # members of a zip file follow each other
        return position, b"PK\x03\x04"
    best, found = len(buffer), b""
    for first in _KINDS:
        start = buffer.find(first, position, best + len(first) - 1)
        if 0 <= start < best:
            best, found = start, first
    return best, found


class _Run:
    """What all levels of one file share."""

    def __init__(self, search: Search, overlap: int, budget: Budget) -> None:
        self._search, self.overlap, self.budget = search, overlap, budget
        self.name: str | None = None
        self.unsearched: list[str] = []

    def look(self, data: bytes) -> None:
        """Raise _FoundError when a value is in the bytes."""
        name = self._search(data) if data else None
        if name is not None:
            raise _FoundError(name)


class _Packed:
    """A stream that is open, with what its first bytes were."""

    def __init__(self, stream: PackedStream, *, member: bool) -> None:
        self.stream, self.member = stream, member
        self.level: _PackedLevel | None = None
        self.seen = bytearray()
        self.is_certain = False


class _PackedLevel:
    """One level of packing: the file, what is packed in it, what is packed in that."""

    def __init__(self, run: _Run, depth: int, *, member: bool = False, pdf: bool = False) -> None:
        self._run, self._depth, self._member, self._pdf = run, depth, member, pdf
        self._tail = b""
        self._carry = b""
        self._is_first = True
        self._open: _Packed | None = None
        self._spool: bytearray | None = None
        self._view: TextView | None = None
        self._view_tail = b""

    def feed(self, data: bytes) -> None:
        """Search the next bytes of this level."""
        if not data:
            return
        is_first, self._is_first = self._is_first, False
        if is_first:
            self._begin(data)
        if self._depth:
            self._tail = self._look(self._tail, data)
        if self._view is not None:
            self._view_tail = self._look(self._view_tail, self._view.feed(data))
        if self._pdf and any(name in data for name in _OTHER_FILTERS):
            self._run.unsearched.append("parts of a PDF that are not in Flate")
        if self._pdf and _OWN_LETTERS in data:
            self._run.unsearched.append(PDF_LETTERS)
        if self._spool is not None:
            self._collect(self._spool, data)
        elif is_first and not self._depth and data.startswith(b"PACK"):
            self._collect(bytearray(), data)
        if self._spool is not None and not self._depth and self._spool.startswith(b"PACK"):
            return  # a file that is a pack has nothing else in it
        for start in range(0, len(data), _SLICE):
            self._scan(data[start : start + _SLICE] if len(data) > _SLICE else data)

    def finish(self) -> None:
        """Search what waited for more bytes."""
        carry, self._carry = self._carry, b""
        if self._open is not None:
            self._close(self._open)
        elif carry:
            self._scan_whole(carry)
        if self._spool is not None:
            spool, self._spool = bytes(self._spool), None
            self._search_spool(spool)

    def _look(self, tail: bytes, data: bytes) -> bytes:
        both = tail + data
        self._run.look(both)
        return both[-self._run.overlap :]

    def _begin(self, data: bytes) -> None:
        self._pdf = self._pdf or data.startswith(_PDF)
        if self._pdf:
            self._view = PdfStrings()
            if b"/Encrypt" in data:
                self._run.unsearched.append("an encrypted PDF")
        elif self._member and data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            self._view = TagStripper()
        for start, what in _OTHERS_AT_START.items():
            if data.startswith(start):
                self._run.unsearched.append(what)
        if data.startswith(_OLD_LZMA):
            self._start(lzma_stream())

    # streams

    def _scan(self, data: bytes) -> None:
        buffer = self._carry + data if self._carry else data
        self._carry = b""
        position = 0
        while True:
            if self._open is not None:
                buffer, position = self._continue(self._open, buffer, position)
                if self._open is not None:
                    return
            start, first = _next_start(buffer, position)
            if not first:
                self._carry = buffer[max(position, len(buffer) - _LONGEST_START + 1) :]
                return
            position = self._at(first, start, buffer)
            if position < 0:
                self._carry = buffer[start:]
                return

    def _scan_whole(self, carry: bytes) -> None:
        """Scan the end of the level, where a header that is cut off means nothing."""
        start, first = _next_start(carry, 0)
        while first:
            position = self._at(first, start, carry)
            if position < 0:
                return
            if self._open is not None:
                carry, position = self._continue(self._open, carry, position)
                if self._open is not None:
                    self._close(self._open)
                    return
            start, first = _next_start(carry, position)

    def _at(self, first: bytes, start: int, buffer: bytes) -> int:
        """Open the stream with these first bytes and return where its data begins; -1 when more bytes are needed."""
        kind, end = _KINDS[first], start + len(first)
        if kind == "zip":
            return self._member_at(buffer, start)
        if kind in ("pack", "sqlite"):
            if self._spool is not None:
                spool, self._spool = bytes(self._spool), None
                self._search_spool(spool)
            self._collect(bytearray(), buffer[start:])
            return end
        if kind == "gzip":
            self._start(DeflateStream(GZIP))
        elif kind == "bzip2":
            self._start(bzip2_stream())
        elif kind == "xz":
            self._start(lzma_stream())
        elif kind != "zlib":
            is_header = is_closed_header(kind, buffer[start : start + LONGEST_HEADER])
            if is_header is None:
                return -1
            self._run.unsearched += [kind] if is_header else []
        elif self._depth < self._run.budget.limits.depth:  # two bytes can be anything: no reason to stop
            self._start(DeflateStream(ZLIB))
        return start if self._open is not None else end

    def _member_at(self, buffer: bytes, start: int) -> int:
        """Open a member of a zip file at its local header (PKWARE's APPNOTE, 4.3.7)."""
        header = buffer[start : start + _ZIP_HEADER]
        if len(header) < _ZIP_HEADER:
            return -1
        flags, method = int.from_bytes(header[6:8], "little"), int.from_bytes(header[8:10], "little")
        data = start + _ZIP_HEADER + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        needed = data if method in _STORED else data + 9
        if len(buffer) < needed and len(buffer) - start < _LONGEST_ZIP_HEADER:
            return -1
        if header[4] > _NEWEST_ZIP or method > _MOST_METHODS:
            return data if method in _STORED else start + 4  # by chance
        name_end = start + _ZIP_HEADER + int.from_bytes(header[26:28], "little")
        if buffer[start + _ZIP_HEADER : name_end].endswith(_SNAPPY_MEMBER):
            self._run.unsearched.append("the text of a document of iWork")
        if flags & 1:
            self._run.unsearched.append("an encrypted member of a zip file")
        elif method == _DEFLATED:
            self._start(DeflateStream(RAW_DEFLATE), member=True)
        elif method == _LZMA:
            try:
                self._start(zipped_lzma_stream(buffer[data : data + 9]), member=True)
            except BAD_STREAM:
                self._run.unsearched.append("a member of a zip file that needs too much memory")
            return data + 9
        elif method not in _STORED:
            self._run.unsearched.append(f"a member of a zip file in {_METHODS.get(method, f'method {method}')}")
        return data

    def _start(self, stream: PackedStream, *, member: bool = False) -> None:
        if self._depth >= self._run.budget.limits.depth:
            raise NotSearchedError(f"it is packed more than {self._run.budget.limits.depth} times")
        self._run.budget.take_stream()
        self._open = _Packed(stream, member=member)

    def _continue(self, packed: _Packed, buffer: bytes, position: int) -> tuple[bytes, int]:
        """Unpack more of an open stream; return the buffer and the position at which the scan goes on."""
        data = buffer[position:] if position else buffer
        try:
            for part in packed.stream.parts(data):
                self._run.budget.take(len(part))
                if packed.level is None:
                    packed.level = _PackedLevel(self._run, self._depth + 1, member=packed.member, pdf=self._pdf)
                packed.level.feed(part)
        except BAD_STREAM as error:
            if "memory" in str(error).lower():
                raise NotSearchedError("it needs much memory to be unpacked") from error
            self._close(packed)
            # By chance its first bytes are those of a stream: nothing of them is lost.
            return (data, 0) if packed.is_certain else (bytes(packed.seen) + data, 1)
        if packed.stream.eof:
            rest = packed.stream.unused_data
            self._close(packed)
            return rest, 0
        if not packed.is_certain:
            packed.seen += data
            if len(packed.seen) > _REPLAYED:
                packed.is_certain = True
                packed.seen.clear()
        return b"", 0

    def _close(self, packed: _Packed) -> None:
        self._open = None
        if packed.level is not None:
            packed.level.finish()

    # files that are read as a whole

    def _collect(self, spool: bytearray, data: bytes) -> None:
        """Add bytes to what is read as a whole; beyond the limit, only search the streams in it."""
        spool += data
        self._spool = spool
        if len(spool) <= self._run.budget.limits.spool:
            return
        is_pack = spool.startswith(b"PACK")
        self._spool = None
        size = self._run.budget.limits.spool // MIB
        what = "a git pack" if is_pack else "a database"
        self._run.unsearched.append(f"{what} of more than {size} MiB, of which only the plain parts were searched")
        if is_pack and not self._depth:
            for start in range(0, len(spool) - len(data), _SLICE):
                self._scan(bytes(spool[start : start + _SLICE]))

    def _search_spool(self, content: bytes) -> None:
        run = self._run
        is_pack = content.startswith(b"PACK")
        pieces = pack_objects(content, run.budget) if is_pack else split_texts(content, run.overlap, run.budget)
        batch: list[bytes] = []
        size = 0
        try:
            for piece in pieces:
                batch.append(piece)
                size += len(piece)
                if size > _BATCH:
                    run.look(b"\n\x00".join(batch))
                    batch, size = [], 0
        finally:
            run.look(b"\n\x00".join(batch))
