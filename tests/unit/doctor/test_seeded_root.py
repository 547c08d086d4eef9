"""Twenty profiles with planted faults: the doctor reports exactly these and prints no secret."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from command_runner import Runner
from seeded_root import SeededRoot

_SECRET = re.compile(rb"[^\s\"'=:]*CANARY[^\s\"']*")


@pytest.fixture
def seeded(runner: Runner) -> SeededRoot:
    return SeededRoot(runner)


def test_seeded_root_is_healthy_before_faults(seeded: SeededRoot) -> None:
    assert seeded.findings() == []


def test_seeded_faults_are_found_exactly(seeded: SeededRoot) -> None:
    expected = seeded.faults()
    assert len(expected) == 40 + (os.getuid() == 0), "giving a file away takes an administrator"
    found = sorted((row["check"], tuple(sorted(row["profiles"]))) for row in seeded.findings())
    assert found == expected


def test_no_secret_or_digest_is_printed(seeded: SeededRoot) -> None:
    """The runner searches every stream and the journal for secrets; this test searches for digests of them."""
    seeded.faults()
    secrets = _secrets(seeded)
    assert len(secrets) > 60
    words = [
        ("doctor",),
        ("doctor", "--json"),
        ("doctor", "--fix", "--dry-run"),
        ("doctor", "--fix", "--yes", "--json"),
    ]
    words += [("repair", "--dry-run"), ("repair", "--yes", "--json"), ("undo", "--list")]
    output = ""
    for each in words:
        done = seeded.runner.call(*each, env=seeded.environment)
        output += done.stdout + done.stderr
    written = b"".join(path.read_bytes() for path in _ours(seeded))
    digests = {
        digest(secret).hexdigest()[:size]
        for secret in secrets
        for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5)
        for size in (8, 16)
    }
    found = set(re.findall(r"[0-9a-f]{8,}", output + written.decode("latin-1")))
    starts = {word[:size] for word in found for size in (8, 16)}
    assert not starts & digests
    assert b"CANARY" not in written


def test_fix_repairs_all_and_undo_restores_all(seeded: SeededRoot) -> None:
    seeded.faults()
    before = seeded.picture()
    fixable = seeded.doctor("--json").data["summary"]["fixable"]
    done = seeded.doctor("--fix", "--yes", "--json")
    assert fixable >= 9 and len(done.data["fixed"]) == fixable and done.data["summary"]["fixable"] == 0
    after = seeded.picture()
    assert seeded.doctor("--fix", "--yes", "--json").data["fixed"] == [] and seeded.picture() == after
    for _ in done.data["changes"]:
        assert seeded.runner.call("undo", env=seeded.environment).code == 0
    assert seeded.picture() == before


def _secrets(seeded: SeededRoot) -> set[bytes]:
    found: set[bytes] = set()
    for path in seeded.root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 100_000:
            found.update(_SECRET.findall(path.read_bytes()))
    return found


def _ours(seeded: SeededRoot) -> list[Path]:
    """Return the files written by the doctor, without the undo copies, which only their owner can read."""
    journal = seeded.state / "journal"
    kept = [journal / path.stem for path in journal.glob("*.json")] + list(seeded.state.glob("trash/*/files"))
    files = [path for path in seeded.state.rglob("*") if path.is_file() and path.name != "fingerprint.key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files if set(kept) & set(path.parents))
    return [path for path in files if not set(kept) & set(path.parents)]
