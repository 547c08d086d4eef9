"""Root that works on another user's home does it as that user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import COMMAND, REPOSITORY

from hermes_profiles.cli.framework import owner
from hermes_profiles.model.errors import Refused

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for another user: run as root")
BOB = 54321
MODULES = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def bob() -> Iterator[Path]:
    """Yield bob's home folder, outside pytest's folder, which is closed to him."""
    top = Path(tempfile.mkdtemp(prefix="hermes-profiles-bob-"))
    top.chmod(0o755)
    user = top / "bob"
    (user / ".hermes").mkdir(parents=True)
    (user / ".hermes" / "config.yaml").write_text("model:\n  default: x\n")
    (user / ".hermes" / ".env").write_text("OPENAI_API_KEY=sk-CANARY\n")
    yield user
    shutil.rmtree(top)


def give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, BOB, BOB, follow_symlinks=False)


def as_bob(bob: Path, arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    """Return the ids and the environment of a process after `become_owner`."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.environ.update(environment)
            owner._can_be_read_by = lambda uid, gid: True
            owner.become_owner(arguments)
            seen = {"ids": os.getresuid(), "groups": (os.getgroups(), os.getresgid()), "home": os.environ["HOME"]}
            os.write(writer, json.dumps(seen).encode())
        except BaseException as error:
            os.write(writer, json.dumps({"error": repr(error)}).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        seen = json.loads(answer.read())
    os.waitpid(pid, 0)
    return dict(seen)


@pytest.mark.parametrize("how", ["variable", "option", "option=", "home", "missing", "link"])
def test_every_id_becomes_that_of_the_owner(how: str, bob: Path) -> None:
    give(bob)
    root = bob / ".hermes"
    if how == "link":  # the user decides where the link leads
        root = bob / "link"
        root.symlink_to("/root")
        os.chown(root, BOB, BOB, follow_symlinks=False)
    arguments = {"option": ["list", "--home", str(root)], "option=": ["list", f"--home={root}"]}.get(how, ["list"])
    environment = {"HOME": "/root", "HERMES_HOME": ""}
    if how in ("variable", "link"):
        environment["HERMES_HOME"] = str(root)
    elif how == "missing":
        environment["HERMES_HOME"] = str(bob / "not" / "yet")
    elif how == "home":
        environment["HOME"] = str(bob)
    seen = as_bob(bob, arguments, environment)
    assert seen == {"ids": [BOB] * 3, "groups": [[BOB], [BOB] * 3], "home": str(bob)}


@pytest.mark.parametrize("way", ["home", "above", "relative", "chain", "dots"])
def test_a_link_of_root_into_the_home_of_a_user_is_followed(way: str, bob: Path) -> None:
    give(bob)
    links = bob.parent / "links"
    links.mkdir()
    (links / "loop").symlink_to("loop")
    given = links / "one"
    if way == "home":
        given.symlink_to(bob / ".hermes")
    elif way == "above":
        given.symlink_to(bob)
        given = given / ".hermes"
    elif way == "relative":
        given.symlink_to("../bob/.hermes")
    elif way == "chain":
        (links / "two").symlink_to(bob)
        given.symlink_to("two/.hermes")
    else:
        (links / "deep").mkdir()
        given = links / "deep" / ".." / ".." / "bob" / ".hermes"
    seen = as_bob(bob, ["list", "--home", str(given)], {"HOME": "/root", "HERMES_HOME": ""})
    assert seen == {"ids": [BOB] * 3, "groups": [[BOB], [BOB] * 3], "home": str(bob)}
    assert owner.owner_on_way(links / "loop" / ".hermes") is None


def test_root_stays_root_in_a_home_of_its_own(bob: Path) -> None:
    seen = as_bob(bob, ["list"], {"HOME": str(bob), "HERMES_HOME": ""})
    assert seen["ids"] == [0, 0, 0]


def test_a_program_that_the_owner_cannot_read_is_a_refusal(bob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(bob)
    monkeypatch.setattr(owner, "_can_be_read_by", lambda uid, gid: False)
    with pytest.raises(Refused) as raised:
        owner.become_owner(["list", "--home", str(bob / ".hermes")])
    assert raised.value.problem.code == "other-user"
    assert f"sudo -u '#{BOB}' hermes-profiles" in str(raised.value.problem.hint)


LINKS = (
    "SOUL.md", ".env", "config.yaml", "memories/MEMORY.md", "memories", "skills/x", "skills", "gateway.json", ".op.env",
    "auth.json", "profile.yaml", "honcho.json", "logs", "logs/gateway.log", "gateway_state.json",
    "plugins/p/plugin.yaml",
)  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("command", ["clone default b --no-alias", "doctor", "show default", "list"])
def test_no_link_hands_over_what_only_root_can_read(command: str, link: str, bob: Path) -> None:
    secret = bob.parent / "root-only"
    (secret / "folder").mkdir(parents=True, mode=0o700)
    secret.chmod(0o700)
    for path in (secret / "file", secret / "folder" / "file"):
        path.write_text("TELEGRAM_BOT_TOKEN: 7000000001:rootcanary rootcanary\n[\n")
    place = bob / ".hermes" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(secret / ("folder" if link in ("memories", "skills", "logs") else "file"))
    give(bob)
    environment = {"HOME": str(bob), "PATH": "/usr/bin:/bin", "PYTHONPATH": MODULES, "LANG": "C.UTF-8"}
    done = subprocess.run([*COMMAND, *command.split()], env=environment, capture_output=True, timeout=60, check=False)
    assert b"rootcanary" not in done.stdout + done.stderr
    assert done.returncode in (0, 1, 3, 6), done.stderr
    for path in (bob / ".hermes").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"rootcanary" not in path.read_bytes(), path


@pytest.mark.parametrize("name", ["profiles", "profiles/.hermes-profiles", "profiles/.hermes-profiles/staging",
    "profiles/.hermes-profiles/trash", "profiles/.hermes-profiles/journal"])  # fmt: skip
def test_root_writes_nothing_through_a_link(name: str, bob: Path) -> None:
    place = bob.parent / "root-only"
    place.mkdir(mode=0o700)
    link = bob / ".hermes" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(place)
    give(bob)
    environment = {"HOME": str(bob), "PATH": "/usr/bin:/bin", "PYTHONPATH": MODULES, "LANG": "C.UTF-8"}
    words = [*COMMAND, "clone", "default", "b", "--no-alias"]
    subprocess.run(words, env=environment, capture_output=True, timeout=60, check=False)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", [".env", "config.yaml"])
@pytest.mark.parametrize("whose", ["root", "bob"])
def test_root_writes_no_file_of_its_own_through_a_link_of_a_user(name: str, whose: str, world: CommandRoot) -> None:
    home = world.make("work", {".env": "", "config.yaml": "model: x\n"})
    target = world.user / "target"
    target.write_text("A=1\n" if name == ".env" else "a: 1\n")
    (home / name).unlink()
    (home / name).symlink_to(target)
    give(home)
    if whose == "bob":
        os.chown(target, BOB, BOB)
    before = target.read_text()
    command = ("env", "unset", "work", "A") if name == ".env" else ("config", "set", "work", "b", "1")
    done = world.run(*command, "--json")
    assert (done.code == 6) == (target.read_text() == before) == (whose == "root")
    if whose == "root":
        assert done.problem["code"] == "other-user" and str(target) in done.problem["message"]
