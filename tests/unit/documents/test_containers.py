"""The search in packed files: every format, deltas of git, split rows, and limits that a bomb meets."""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from packed_files import noise, packed_in_every_way, pdf, split_row, tarred, zipped

from hermes_profiles.documents.containers.limits import MIB, Budget, PackedLimits
from hermes_profiles.documents.containers.packed_result import PackedResult, may_be_packed
from hermes_profiles.documents.containers.scanner import PackedSearch, search_packed

SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\x00\x04"
ZSTANDARD = b"\x28\xb5\x2f\xfd\x04\x58\x21\x03\x00"
TEXT = b"8812345678:AAF-CANARY_packed_TokenAbCdE1"
FILES = packed_in_every_way(TEXT)


def look(content: bytes, limits: PackedLimits | None = None) -> PackedResult:
    """Search for the text; the file itself is searched by its owner."""

    def search(data: bytes) -> str | None:
        return "TOKEN" if TEXT in data or TEXT.decode().encode("utf-16-le") in data else None

    return search_packed(content, search, 2 * len(TEXT), Budget(time.monotonic, limits))


@pytest.mark.parametrize("name", FILES)
def test_text_in_a_packed_file_is_found(name: str) -> None:
    assert TEXT not in FILES[name] and may_be_packed(FILES[name])
    assert look(FILES[name]) == PackedResult("TOKEN")


@pytest.mark.parametrize("name", FILES)
def test_text_is_found_when_the_file_arrives_in_parts(name: str) -> None:
    content = FILES[name]
    if content.startswith(b"\x89PNG"):
        pytest.skip("a picture is searched as a whole")
    for size in (64, 1000):
        search = PackedSearch(lambda data: "TOKEN" if TEXT in data else None, len(TEXT), Budget(time.monotonic), 10**6)
        for start in range(0, len(content), size):
            search.feed(content[start : start + size])
        assert search.result() == PackedResult("TOKEN"), size


@pytest.mark.parametrize("name", [name for name in FILES if name != "unlisted.zip"])
def test_packed_file_without_the_text_is_clean(name: str) -> None:
    assert look(packed_in_every_way(b"another text of that length, no secret")[name]) == PackedResult(None)


@pytest.mark.parametrize("content", [b"", b"plain", "Überzeugt \u3000x^".encode(), "漢字".encode() * 50])
def test_texts_are_not_taken_for_packed_files(content: bytes) -> None:
    assert not may_be_packed(content)


ZEROS = 64 * MIB  # four times as much as is unpacked before the ratio counts
BOMBS: dict[str, Callable[[], bytes]] = {  # made in their test: every process of pytest-xdist imports this file
    "gzip": lambda: gzip.compress(bytes(ZEROS)),
    "bzip2": lambda: bz2.compress(bytes(ZEROS)),
    "zip": lambda: zipped(bytes(ZEROS)),
    "twice": lambda: gzip.compress(gzip.compress(bytes(ZEROS))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_named_in_bounded_memory(name: str) -> None:
    content = BOMBS[name]()
    tracemalloc.start()
    result = look(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result == PackedResult(None, "it unpacks to more than 250 times its size")
    assert peak < 8 * MIB


def test_limits_are_named() -> None:
    data = noise(3 * MIB)
    assert "more than 1 MiB" in look(gzip.compress(data), PackedLimits(file_bytes=MIB)).unsearched
    assert "more than 3 packed parts" in look(b"\xff" + gzip.compress(b"x") * 9, PackedLimits(streams=3)).unsearched
    deep = TEXT
    for _ in range(8):
        deep = gzip.compress(deep)
    assert look(deep).unsearched == "it is packed more than 6 times"
    ticks = iter(range(10**6))
    search = Budget(lambda: float(next(ticks)), PackedLimits(seconds=5))
    assert "took more than 5 seconds" in search_packed(gzip.compress(data), lambda data: None, 9, search).unsearched


def test_total_of_all_files_is_limited() -> None:
    budget = Budget(time.monotonic, PackedLimits(total_bytes=5 * MIB))
    results = [search_packed(gzip.compress(noise(2 * MIB, seed)), lambda data: None, 9, budget) for seed in range(3)]
    assert [bool(result.unsearched) for result in results] == [False, False, True]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (SEVEN_ZIP + noise(100), "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00" + noise(100), "a rar archive"),
        (ZSTANDARD + noise(100), "Zstandard data"),
        (tarred(ZSTANDARD + noise(100), "w:gz"), "Zstandard data"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7" + noise(100), "LZ4 data"),
        (b"\x03\xd9\xa2\x9a" + noise(100), "a KeePass database"),
        (b"Salted__" + noise(100), "an encrypted file"),
        (zipped(b"x").replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00"), "an encrypted member"),
        (zipped(b"x").replace(b"PK\x03\x04\x14\x00\x00\x00\x08", b"PK\x03\x04\x14\x00\x00\x00\x5d"), "in Zstandard"),
        (pdf(b"x").replace(b"1 0 obj", b"/Encrypt 2 0 R"), "an encrypted PDF"),
        (pdf(b"<</Encoding/Identity-H>>"), "the letters of a PDF"),
    ],
)
def test_what_cannot_be_searched_is_named(content: bytes, what: str) -> None:
    assert may_be_packed(content)
    assert what in look(content).unsearched


@pytest.mark.parametrize("first", [b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"])
def test_first_bytes_without_a_header_are_no_archive(first: bytes) -> None:
    """Four bytes are in every large model by chance, and in every program that reads such files."""
    assert look(noise(70) + first + b"\xff" * 30).unsearched == ""
    assert look(noise(70) + first).unsearched == ""


def git(folder: Path, *words: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    person = ("-c", "user.email=a@example.org", "-c", "user.name=a")
    subprocess.run(["git", *person, *words], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize("bases", ["offsets", "names"])
def test_deltas_of_a_git_pack_are_resolved(tmp_path: Path, bases: str) -> None:
    git(tmp_path, "init", "-q")
    lines = "\n".join(noise(20, seed).hex() for seed in range(300))
    for number in range(20):
        # The versions differ in the last characters, so a delta has only these.
        token = TEXT.decode() if number == 7 else TEXT.decode()[:-2] + f"{number:02x}"
        (tmp_path / "notes.md").write_text(lines.replace("a0", f"a{number}") + f"\n{token}\n" + lines)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", str(number))
    git(tmp_path, "-c", f"repack.useDeltaBaseOffset={bases == 'offsets'}", "repack", "-adFq", "--depth=50")
    git(tmp_path, "bundle", "create", "-q", "all.bundle", "--all")
    pack = next((tmp_path / ".git/objects/pack").glob("*.pack")).read_bytes()
    for content in (pack, tarred(pack), (tmp_path / "all.bundle").read_bytes()):
        assert look(content) == PackedResult("TOKEN")
        assert search_packed(content, lambda data: None, 9, Budget(time.monotonic)) == PackedResult(None)
    assert look(pack[: len(pack) // 2]).unsearched == "its git pack cannot be read whole"
    large = PackedLimits(spool=1000)
    assert "of which only the plain parts were searched" in look(pack, large).unsearched


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_row_that_is_split_over_pages_is_found(tmp_path: Path, encoding: str, journal: str) -> None:
    if journal == "wal" and encoding != "UTF-8":
        pytest.skip("one of the two is enough")
    _, content = split_row(tmp_path, TEXT.decode(), encoding=encoding, journal=journal)
    assert look(content) == PackedResult("TOKEN")
    assert look(zipped(content)) == PackedResult("TOKEN")


def test_chance_starts_of_streams_lose_nothing() -> None:
    packed = gzip.compress(noise(100) + TEXT)
    content = b"x\x9c\x01x\x9cx\xda".join([noise(5000, seed) for seed in range(40)]) + b"x\x9c" + packed
    assert look(content) == PackedResult("TOKEN")


def test_broken_streams_are_searched_as_far_as_they_go() -> None:
    packed = zlib.compress(TEXT + noise(100_000))
    assert look(packed[:50_000]) == PackedResult("TOKEN")
    assert look(packed[:50_000] + noise(100, 5) + gzip.compress(b"x")) == PackedResult("TOKEN")
