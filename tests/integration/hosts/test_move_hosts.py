"""A profile moves to a booted host over real sshd and back, while the mover is killed and the link is cut."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from hosts import HostBed, missing_reason

pytestmark = [pytest.mark.nightly, pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))]
TOKEN = "7123456789:CANARYmovehostsCANARYmovehostsCANARY"
FILES = {
    ".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n",
    "config.yaml": "model:\n  default: gpt-5\n",
    "SOUL.md": "kind\n",
    "memories/MEMORY.md": "Rex\n",
    "sessions/old.jsonl": '{"role": "user"}\n' * 20_000,
    "skills/notes/SKILL.md": "notes\n",
}
DIGEST = "cd ~/.hermes/profiles/family 2>/dev/null && sha256sum " + " ".join(sorted(FILES))
# Seconds after which a mover is killed or the link is cut: a move takes some three seconds.
MOMENTS = tuple(number * 0.2 for number in range(1, 18))
SIZE = "32m"


class Mover:
    """The root of a user in the network of the hosts, and the commands that run there."""

    def __init__(self, bed: HostBed) -> None:
        self.bed, self.host = bed, bed["two"]
        self.home = bed.folder / "user"
        (self.home / "run").mkdir(parents=True)
        self.root = self.home / ".hermes"
        self.family = self.root / "profiles" / "family"
        self.environment = {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "PYTHONPATH": str(REPOSITORY),
            "PATH": f"{bed.client}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        }  # fmt: skip
        for path, text in FILES.items():
            (self.family / path).parent.mkdir(parents=True, exist_ok=True)
            (self.family / path).write_text(text)
        for name in ("config.yaml", ".env"):
            (self.root / name).write_text("" if name == ".env" else "model: gpt-5\n")
        self.digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in FILES.items()}

    def words(self, *words: str) -> list[str]:
        """Return a command line that runs in the network of the hosts."""
        line = [sys.executable, "-m", "hermes_profiles.cli.gateways", *words, "--json"]
        return ["ip", "netns", "exec", self.bed.lab, *line]

    def run(self, *words: str) -> tuple[int, Any]:
        """Return exit code and envelope of a command."""
        done = subprocess.run(
            self.words(*words), env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert "CANARY" not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            self.words(*words), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def startable(self) -> list[str]:
        """Return the places where the step before a start would let the gateway run."""
        script = (
            "import os\nfrom pathlib import Path\n"
            "from hermes_profiles.credentials.catalog.catalog import load_catalog\n"
            "from hermes_profiles.model.layout import Layout\n"
            "from hermes_profiles.profiles.placement import elsewhere\n"
            "home = Path(os.environ['HOME'])\nlayout = Layout(home / '.hermes', home)\n"
            "there = layout.home('family').is_dir()\n"
            "print(there and elsewhere(layout, 'family', catalog=load_catalog) is None)\n"
        )
        own = subprocess.run(
            [sys.executable, "-c", script], env=self.environment, capture_output=True, text=True, check=True
        )
        other = self.host.run("PYTHONPATH=/opt/hp python3 -", typed=script)
        found = {"here": own.stdout.strip(), "two": other.stdout.strip()}
        return [name for name, answer in found.items() if answer == "True"]

    def assert_whole(self, place: str) -> None:
        """Assert that every file is at this place, byte for byte, and that the profile is nowhere else."""
        if place == "here":
            found = {path: hashlib.sha256((self.family / path).read_bytes()).hexdigest() for path in FILES}
            assert "SOUL.md" not in self.host.run(DIGEST, check=False).stdout
        else:
            lines = self.host.run(DIGEST).stdout.splitlines()
            found = {line.split()[1]: line.split()[0] for line in lines}
            assert not self.family.exists()
        assert found == self.digests


@pytest.fixture(scope="module")
def mover() -> Iterator[Mover]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
    try:
        with HostBed(folder, "two", with_hermes=True) as bed:
            # A file system of its own, which can be filled.
            bed["two"].run("mkdir -p ~/.hermes")
            mount = f"mount -t tmpfs -o size={SIZE},uid=1000,gid=1000,mode=700 none /home/ada/.hermes"
            bed.call([str(bed.client / "ssh"), "-l", "root", "two", mount])
            bed["two"].run("cd ~/.hermes && echo 'model: gpt-5' > config.yaml && touch .env")
            found = Mover(bed)
            code, added = found.run("place", "add", "two", "--ssh", "two")
            assert code == 0, added
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ends(mover: Mover) -> tuple[str, str]:
    """Return where the profile is, and the words that name the other end."""
    return ("here", "two") if mover.family.exists() else ("two", "local")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_mover_leaves_at_most_one_startable_copy_and_the_same_words_finish(mover: Mover, moment: float) -> None:
    _, to = _ends(mover)
    process = mover.start("move", "family", "--to", to)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert len(mover.startable()) <= 1
    code, done = mover.run("move", "family", "--to", to)
    assert code == 0, done["errors"]
    target = "here" if to == "local" else to
    assert mover.startable() == [target]
    mover.assert_whole(target)


@pytest.mark.parametrize("moment", MOMENTS[::2])
def test_cut_link_leaves_at_most_one_startable_copy_and_the_same_words_finish(mover: Mover, moment: float) -> None:
    _, to = _ends(mover)
    process = mover.start("move", "family", "--to", to)
    time.sleep(moment)
    mover.host.cut()
    try:
        process.wait(100)
    finally:
        mover.host.heal()
    assert len(mover.startable()) <= 1
    code, done = mover.run("move", "family", "--to", to)
    assert code == 0, done["errors"]
    target = "here" if to == "local" else to
    assert mover.startable() == [target]
    mover.assert_whole(target)


@pytest.mark.parametrize("moment", MOMENTS[::2])
def test_full_disk_of_the_target_leaves_one_startable_copy_and_the_same_words_finish(
    mover: Mover, moment: float
) -> None:
    source, _ = _ends(mover)
    if source == "two":
        assert mover.run("move", "family", "--to", "local")[0] == 0
    process = mover.start("move", "family", "--to", "two")
    time.sleep(moment)
    mover.host.run("dd if=/dev/zero of=.hermes/filler bs=64k 2>/dev/null; true")
    try:
        process.wait(100)
        assert len(mover.startable()) == 1
    finally:
        mover.host.run("rm .hermes/filler")
    code, done = mover.run("move", "family", "--to", "two")
    assert code == 0, done["errors"]
    assert mover.startable() == ["two"]
    mover.assert_whole("two")


def test_copy_that_comes_back_does_not_start(mover: Mover) -> None:
    source, to = _ends(mover)
    if source == "two":
        assert mover.run("move", "family", "--to", to)[0] == 0
    saved = mover.home / "saved"
    shutil.copytree(mover.family, saved)
    assert mover.run("move", "family", "--to", "two")[0] == 0
    shutil.copytree(saved, mover.family)
    assert mover.startable() == ["two"]
    code, refused = mover.run("start", "family")
    assert code == 6 and "lives in the place two" in json.dumps(refused)
