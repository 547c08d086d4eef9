"""Objects of a git pack, deltas resolved. Format: git's own documentation, gitformat-pack(5)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from hermes_profiles.model.named_tuple import NamedTuple

from .limits import Budget, NotSearchedError
from .streams import ZLIB, DeflateStream

_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_OFFSET_DELTA, _NAME_DELTA = 6, 7
_HEADER, _NAME = 12, 20
_READ = 64 * 1024
_CACHED = 64 * 1024 * 1024


class _Entry(NamedTuple):
    """An object as it is stored: `base` is an offset or a name, None for a whole object."""

    kind: int
    size: int
    data: int
    base: int | bytes | None


def pack_objects(pack: bytes, budget: Budget) -> Iterator[bytes]:
    """Yield the content of every object of a pack.

    Raises NotSearchedError when the pack is cut off, its deltas have no base, or a limit is reached.
    """
    reader = _PackReader(pack, budget)
    try:
        yield from reader.objects()
    except (zlib.error, IndexError, ValueError, KeyError) as error:
        raise NotSearchedError("its git pack cannot be read whole") from error


class _PackReader:
    """Reads one pack from its first byte to its last object."""

    def __init__(self, pack: bytes, budget: Budget) -> None:
        self._pack, self._budget = memoryview(pack), budget
        self._entries: dict[int, _Entry] = {}
        self._names: dict[bytes, int] = {}
        self._cache: dict[int, tuple[int, bytes]] = {}
        self._cached = 0

    def objects(self) -> Iterator[bytes]:
        waiting: list[int] = []
        position = _HEADER
        for _ in range(int.from_bytes(self._pack[8:12], "big")):
            self._budget.take_stream()
            entry = self._header(position)
            self._entries[position] = entry
            content, end = self._inflate(entry)
            if entry.base is None:
                self._remember(position, entry.kind, content)
                yield content
            elif isinstance(entry.base, int):
                yield self._resolve(position)[1]
            else:
                waiting.append(position)
            position = end
        yield from self._by_name(waiting)

    def _by_name(self, waiting: list[int]) -> Iterator[bytes]:
        """Yield the deltas that name their base, which can follow them."""
        while waiting:
            left = []
            for position in waiting:
                if self._entries[position].base in self._names:
                    yield self._resolve(position)[1]
                else:
                    left.append(position)
            if len(left) == len(waiting):
                raise KeyError("base")
            waiting = left

    def _header(self, position: int) -> _Entry:
        pack = self._pack
        start = position
        byte = pack[position]
        kind, size, shift = (byte >> 4) & 7, byte & 15, 4
        while byte & 128:
            position += 1
            byte = pack[position]
            size |= (byte & 127) << shift
            shift += 7
        position += 1
        if kind == _OFFSET_DELTA:
            byte = pack[position]
            distance = byte & 127
            while byte & 128:
                position += 1
                byte = pack[position]
                distance = ((distance + 1) << 7) | (byte & 127)
            return _Entry(kind, size, position + 1, start - distance)
        if kind == _NAME_DELTA:
            return _Entry(kind, size, position + _NAME, bytes(pack[position : position + _NAME]))
        if kind not in _KINDS:
            raise ValueError("kind")
        return _Entry(kind, size, position, None)

    def _inflate(self, entry: _Entry) -> tuple[bytes, int]:
        """Return the inflated bytes of an entry and the offset behind it."""
        if entry.size > self._budget.limits.spool:
            raise NotSearchedError(f"an object of its git history has more than {entry.size // 2**20} MiB")
        inflater = DeflateStream(ZLIB)
        parts: list[bytes] = []
        position = entry.data
        read = min(entry.size // 2 + 64, _READ)  # what is read too far is copied once more
        while not inflater.eof:
            chunk = self._pack[position : position + read]
            if not chunk:
                raise ValueError("cut off")
            for part in inflater.parts(bytes(chunk)):
                self._budget.take(len(part))
                parts.append(part)
            position += len(chunk) - len(inflater.unused_data)
        return b"".join(parts), position

    def _resolve(self, position: int) -> tuple[int, bytes]:
        """Return kind and content of an object; a chain of deltas is followed to its base."""
        chain: list[tuple[int, bytes]] = []
        at = position
        while at not in self._cache:
            entry = self._entries[at]
            content, _ = self._inflate(entry)
            if entry.base is None:
                self._remember(at, entry.kind, content)
                break
            chain.append((at, content))
            at = entry.base if isinstance(entry.base, int) else self._names[entry.base]
            if len(chain) > len(self._entries):
                raise ValueError("loop")
        kind, content = self._cache[at]
        for at, delta in reversed(chain):
            content = _apply(content, delta)
            self._budget.take(len(content))
            self._remember(at, kind, content)
        return kind, content

    def _remember(self, position: int, kind: int, content: bytes) -> None:
        name = hashlib.sha1(b"%s %d\x00" % (_KINDS[kind], len(content)), usedforsecurity=False)
        name.update(content)
        self._names[name.digest()] = position
        self._cache[position] = (kind, content)
        self._cached += len(content)
        while self._cached > _CACHED and len(self._cache) > 1:
            oldest = next(iter(self._cache))
            self._cached -= len(self._cache.pop(oldest)[1])


def _apply(base: bytes, delta: bytes) -> bytes:
    """Return the content that a delta makes of its base."""
    position = 0
    for _ in range(2):  # the sizes of base and result
        while delta[position] & 128:
            position += 1
        position += 1
    parts: list[bytes] = []
    while position < len(delta):
        code = delta[position]
        position += 1
        if code & 128:
            offset = size = 0
            for bit in range(4):
                if code & (1 << bit):
                    offset |= delta[position] << (8 * bit)
                    position += 1
            for bit in range(3):
                if code & (16 << bit):
                    size |= delta[position] << (8 * bit)
                    position += 1
            parts.append(base[offset : offset + (size or 0x10000)])
        elif code:
            parts.append(delta[position : position + code])
            position += code
        else:
            raise ValueError("delta")
    return b"".join(parts)
