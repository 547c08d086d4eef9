"""The format of archives: what is refused before anything is taken in, and what any `tar` can read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_profiles.archives.compression import Compression, best_compression, compression_of
from hermes_profiles.archives.model import (
    ArchivedProfile,
    Contents,
    Manifest,
    leads_inside,
    manifest_bytes,
    parse_manifest,
)
from hermes_profiles.archives.read import OpenedArchive, read_archive
from hermes_profiles.archives.write import staged_entries, write_archive
from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused

FILES = {"SOUL.md": b"kind\n", "skills/a/SKILL.md": b"send\n", "empty": None, "memories/MEMORY.md": b"m" * 3_000_000}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "work"
    home.mkdir()
    for path, content in FILES.items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir() if content is None else target.write_bytes(content)
    (home / "link").symlink_to("skills/a")
    return home


def _manifest(home: Path) -> Manifest:
    profile = ArchivedProfile("work", staged_entries(home, {}))
    return Manifest("export", Contents.SHAREABLE, "2026-01-01T00:00:00+00:00", "0.1.0", "0.19.0", (profile,))


@pytest.fixture
def archive(home: Path, tmp_path: Path) -> Path:
    path = tmp_path / "work.tar"
    _write(path, home, Compression.GZIP)
    return path


def _write(path: Path, home: Path, compression: Compression) -> None:
    write_archive(
        path, _manifest(home), {"work": home}, compression=compression, protection=None, scratch=path.with_suffix(".s")
    )


def _read(path: Path, most: int = 1 << 30) -> OpenedArchive:
    place = Path(tempfile.mkdtemp(dir=path.parent))
    with open(path, "rb") as source:
        return read_archive(path, source, place, most=most)


@pytest.mark.parametrize("compression", [Compression.GZIP, best_compression()])
def test_archive_has_the_manifest_first_and_every_file(home: Path, tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / "a.tar"
    _write(path, home, compression)
    assert compression_of(path.read_bytes()[:8]) is compression
    opened = _read(path)
    assert opened.manifest == _manifest(home)
    for name, content in FILES.items():
        if content is not None:
            assert (opened.homes["work"] / name).read_bytes() == content
    if compression is Compression.GZIP:  # what every Python and every tar reads
        with tarfile.open(path) as tar:
            assert tar.getnames()[0] == "manifest.json"
            assert tar.getmember("profiles/work/link").linkname == "skills/a"


def _members(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(path) as tar:
        found = []
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            found.append((member, file.read() if file else b""))
        return found


def _rewritten(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return path


def _in_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    members = _members(path)
    data = json.loads(members[0][1])
    change(data)
    members[0] = (members[0][0], json.dumps(data).encode())
    return _rewritten(path, members)


def _row(data: dict[str, Any], path: str) -> dict[str, Any]:
    return next(row for row in data["profiles"][0]["entries"] if row["path"] == path)


def _add(data: dict[str, Any], **row: Any) -> None:
    data["profiles"][0]["entries"].append({"mode": "0644", "mtime_ns": 1, **row})


def _file(path: str, content: bytes = b"x") -> dict[str, Any]:
    return {"path": path, "type": "file", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "absolute": (lambda data: _add(data, **_file("/etc/passwd")), "not a path inside"),
    "parent": (lambda data: _add(data, **_file("../other/x")), "not a path inside"),
    "inner parent": (lambda data: _add(data, **_file("skills/../../x")), "not a path inside"),
    "link out": (lambda data: _add(data, path="out", type="link", target="../../x"), "a link out"),
    "absolute link": (lambda data: _add(data, path="out", type="link", target="/etc"), "a link out"),
    "below a link": (lambda data: _add(data, **_file("link/x")), "entries below it"),
    "twice": (lambda data: _add(data, **_file("SOUL.md")), "in it twice"),
    "device": (lambda data: _add(data, path="dev", type="device"), "missing or wrong"),
    "no checksum": (lambda data: _row(data, "SOUL.md").update(sha256=""), "missing or wrong"),
    "negative size": (lambda data: _row(data, "SOUL.md").update(size=-1), "missing or wrong"),
    "profile twice": (lambda data: data["profiles"].append(data["profiles"][0]), "in it twice"),
    "odd profile": (lambda data: data["profiles"][0].update(name="../x"), "not the name of a profile"),
    "no profile": (lambda data: data.update(profiles=[]), "no profile"),
    "missing member": (lambda data: _add(data, **_file("more")), "is missing"),
    "changed link": (lambda data: _row(data, "link").update(target="skills"), "leads elsewhere"),
    "other kind": (lambda data: _row(data, "empty").update(_file("empty", b"")), "is not a file"),
    "foreign": (lambda data: data.update(format="x"), "not that of an archive"),
    "size": (lambda data: _row(data, "SOUL.md").update(size=4), "not the size"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_hostile_manifest_is_refused_with_the_file_and_the_reason(archive: Path, case: str) -> None:
    change, reason = MANIFESTS[case]
    with pytest.raises(Refused) as refused:
        _read(_in_manifest(archive, change))
    problem = refused.value.problem
    assert problem.code == "bad-archive" and reason in problem.message and str(archive) in problem.message


def test_newer_format_is_refused_with_the_command_that_helps(archive: Path) -> None:
    with pytest.raises(Failed) as failed:
        _read(_in_manifest(archive, lambda data: data.update(version=2)))
    assert failed.value.problem.code == "newer-format" and "upgrade" in (failed.value.problem.hint or "")


def _special(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("profiles/work/SOUL.md")
    member.type = kind
    return member


def _hostile(members: list[tuple[tarfile.TarInfo, bytes]]) -> Iterator[tuple[str, list[tuple[tarfile.TarInfo, bytes]]]]:
    soul = next(at for at, (member, _) in enumerate(members) if member.name.endswith("SOUL.md"))
    for kind in (tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE):
        yield "is not a file", [*members[:soul], (_special(kind), b""), *members[soul + 1 :]]
    changed = (members[soul][0], b"kinD\n")
    yield "checksum", [*members[:soul], changed, *members[soul + 1 :]]
    yield "not in manifest.json", [*members, (tarfile.TarInfo("/etc/cron.d/x"), b"x")]
    yield "not in manifest.json", [*members, (tarfile.TarInfo("profiles/work/../../x"), b"x")]
    yield "twice", [*members, members[soul]]
    yield "is missing", members[:-1]
    yield "first member", members[1:]


def test_hostile_members_are_refused(archive: Path) -> None:
    for reason, members in list(_hostile(_members(archive))):
        with pytest.raises(Refused, match=reason):
            _read(_rewritten(archive, members))
        outside = archive.parent / "x"
        assert not outside.exists()


@pytest.mark.parametrize("compression", [Compression.GZIP, best_compression()])
def test_every_cut_and_a_changed_byte_are_refused(home: Path, tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / "a.tar"
    (home / "memories/MEMORY.md").write_bytes(b"short\n")
    _write(path, home, compression)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 3, len(whole) // 2, len(whole) - 40, len(whole) - 9):
        path.write_bytes(whole[:size])
        with pytest.raises(HermesProfilesError):
            _read(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :])
    with pytest.raises(HermesProfilesError):
        _read(path)


def test_bombs_are_refused_before_they_fill_the_disk(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="at most"):
        _read(archive, most=1_000_000)
    bomb = tmp_path / "bomb.tar.gz"
    members = _members(archive)
    tail = io.BytesIO()
    with tarfile.open(fileobj=tail, mode="w") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    with gzip.open(bomb, "wb", compresslevel=1) as out:
        out.write(tail.getvalue())
        for _ in range(64):
            out.write(bytes(1 << 20))
    with pytest.raises(Refused, match="more bytes than it may"):
        _read(bomb)


def test_manifest_reads_back_as_it_was_written(home: Path) -> None:
    manifest = _manifest(home)
    assert parse_manifest(manifest_bytes(manifest), "a") == manifest
    first = json.loads(manifest_bytes(manifest))
    assert (first["format"], first["version"], first["hermes"]) == ("hermes-profiles-archive", 1, "0.19.0")


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True), ("x/a", "../b", True), ("x/a", "../../work/b", True), ("x/a", "../../lead/skills", True),
        ("a", "../other/b", False), ("a", "../b", False), ("a", "/b", False), ("a", "b/../../../c", False),
        ("a", "d/../c", False), ("a", "", False), ("a", "../../x", False), ("a", "../default/x", False),
    ],
)  # fmt: skip
def test_links_lead_into_the_profiles_of_the_archive_alone(path: str, target: str, inside: bool) -> None:
    assert leads_inside(path, target, "work", ("work", "lead", "default")) is inside
