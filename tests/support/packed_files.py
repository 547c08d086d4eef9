"""Packed files with a text inside: archives, compressed files, office documents, pictures, databases."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path


def noise(size: int, seed: int = 1) -> bytes:
    """Return bytes that no compression makes shorter."""
    return random.Random(seed).randbytes(size)


def zipped(
    content: bytes, *, name: str = "notes.txt", method: int = zipfile.ZIP_DEFLATED, before: bytes = b""
) -> bytes:
    """Return a zip file with two members; `before`: what precedes it in the file."""
    out = io.BytesIO(before)
    out.seek(len(before))
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("first.bin", noise(500))
        archive.writestr(name, content)
    return out.getvalue()


def without_member(archive: bytes, name: str) -> bytes:
    """Return a zip file whose list of members lacks one that is still in it."""
    at = archive.rfind(b"PK\x01\x02")
    assert name.encode() in archive[at:]
    return archive[:at] + b"PK\x05\x06" + bytes(18)


def tarred(content: bytes, mode: str = "w:gz", *, name: str = "home/.env") -> bytes:
    """Return a tar file with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def png(text: bytes) -> bytes:
    """Return a picture with a compressed comment behind its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = chunk(b"IDAT", zlib.compress(noise(3000)))
    comment = chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(text))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + pixels + comment + chunk(b"IEND", b"")


def pdf(page: bytes) -> bytes:
    """Return a PDF with one compressed page."""
    return b"%PDF-1.4\n%\xe2\xe3\n1 0 obj<</Filter/FlateDecode>>stream\r\n" + zlib.compress(page) + b"\nendstream"


def packed_in_every_way(text: bytes) -> dict[str, bytes]:
    """Return file name → content; each holds the text, in no file as it is."""
    long = noise(200, 2).hex().encode() + b" " + text + b" " + noise(200, 3).hex().encode()
    half = len(text) // 2
    runs = b"<w:t>%b</w:t></w:r><w:r><w:t xml:space='preserve'>%b</w:t>" % (text[:half], text[half:])
    return {
        "a.gz": gzip.compress(long),
        "second-member.gz": gzip.compress(b"x" * 100_000) + gzip.compress(long),
        "a.bz2": bz2.compress(long),
        "a.xz": lzma.compress(long),
        "a.lzma": lzma.compress(long, lzma.FORMAT_ALONE),
        "a.zz": zlib.compress(long, 1),
        "a.zip": zipped(long),
        "bzip2.zip": zipped(long, method=zipfile.ZIP_BZIP2),
        "lzma.zip": zipped(long, method=zipfile.ZIP_LZMA),
        "unlisted.zip": without_member(zipped(long), "notes.txt"),
        "tool.pyz": zipped(long, before=b"#!/usr/bin/env python3\n"),
        "picture-and-zip.png": zipped(long, before=png(b"nothing")),
        "a.docx": zipped(b"<?xml version='1.0'?>" + runs, name="word/document.xml"),
        "a.tar.gz": tarred(long),
        "a.tar.bz2": tarred(long, "w:bz2"),
        "a.tar.xz": tarred(long, "w:xz"),
        "gz-in.tar": tarred(gzip.compress(long), "w"),
        "zip-in.gz": gzip.compress(zipped(gzip.compress(long))),
        "a.png": png(long),
        "a.pdf": pdf(b"BT (%b) Tj ET" % long),
        "kerned.pdf": pdf(b"BT [(%b)-12(%b)] TJ ET" % (text[:half], text[half:])),
        "hex.pdf": pdf(b"BT <%b> Tj ET" % text.hex().encode()),
    }


def split_row(folder: Path, text: str, *, encoding: str = "UTF-8", journal: str = "delete") -> tuple[Path, bytes]:
    """Return a database in which the text of a row is split over two pages, and the file that holds it."""
    for size in range(0, 9000, 15):
        path = folder / f"{size}.db"
        database = sqlite3.connect(path)
        database.execute(f"PRAGMA encoding = '{encoding}'")
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.execute("CREATE TABLE notes (text)")
        database.execute("INSERT INTO notes VALUES (?)", ("é" + "y" * size + text + "z" * (9000 - size),))
        database.commit()
        file = path.with_name(path.name + "-wal") if journal == "wal" else path
        content = file.read_bytes()
        database.close()
        if text.encode() not in content and text.encode("utf-16-le") not in content:
            return path, content
    raise AssertionError("no row is split")
