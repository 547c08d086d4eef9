"""A small Hermes root to change, file operations that fail or kill at the nth call, and snapshots."""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hermes_profiles.changes.apply import apply, recover
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    MakeLink,
    MoveTree,
    PublishTree,
    ReplaceFile,
    SetMode,
    WriteFile,
)
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import steps_to_trash, steps_to_trash_files
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret

CANARY = b"CANARY-5f1d-synthetic-token"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

Picture = dict[str, tuple[object, ...]]


def noon() -> datetime:
    return NOON


@dataclass(frozen=True)
class SampleRoot:
    """A user's home with a Hermes root and the active profile `anna`, which has an alias."""

    user_home: Path
    layout: Layout

    @property
    def alias(self) -> Path:
        return self.layout.alias_folder / "anna"

    def picture(self) -> Picture:
        """Return type, mode, bytes or link text, and mtime of all files outside the state folder."""
        return picture(self.user_home, without=self.layout.state)

    def signature(self, path: Path) -> Signature | None:
        return Signature.of(os.lstat(path)) if os.path.lexists(path) else None


def make_sample_root(user_home: Path) -> SampleRoot:
    layout = Layout(user_home / ".hermes", user_home)
    home = layout.home("anna")
    (home / "skills" / "cook").mkdir(parents=True)
    layout.alias_folder.mkdir(parents=True)
    for path, content in {
        home / ".env": b"TELEGRAM_BOT_TOKEN=" + CANARY + b"\n",
        home / "config.yaml": b"model: x\n",
        home / "SOUL.md": b"kind\n",
        home / "skills" / "cook" / "SKILL.md": b"# cook\n" * 100,
        home / "skills" / "cook" / "run.sh": b"#!/bin/sh\n",
        layout.root / ".env": b"OPENAI_API_KEY=" + CANARY + b"\n",
        layout.active_profile: b"anna\n",
    }.items():
        path.write_bytes(content)
        path.chmod(0o640 if path.name == "active_profile" else 0o600)
        os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    (layout.alias_folder / "anna").symlink_to("hermes-anna")
    return SampleRoot(user_home, layout)


def picture(folder: Path, without: Path | None = None) -> Picture:
    """Return the snapshot of a folder; an unreadable entry has no content."""
    found: Picture = {}
    folders = [str(folder)]
    while folders:
        above = folders.pop()
        try:
            names = os.listdir(above)
        except PermissionError:
            continue
        for path in (os.path.join(above, name) for name in names):
            if path == str(without):
                continue
            try:
                status = os.lstat(path)
            except PermissionError:
                found[path] = ("out of reach",)
                continue
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[path] = ("link", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                found[path] = ("folder", mode)
                folders.append(path)
            else:
                found[path] = ("file", mode, _content(path), status.st_mtime_ns)
    return found


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except PermissionError:
        return None


def without_times(shown: Picture) -> Picture:
    """Return the snapshot without the times of files that a change rewrites."""
    return {path: what[:3] for path, what in shown.items()}


# Plans


def plan_publish(world: SampleRoot, name: str = "bert") -> ChangePlan:
    """Return the plan of a clone: six entries, an alias in a separate folder, and a sticky default."""
    source = world.layout.home("anna")

    def copy(path: str, executable: bool = False) -> CopyFile:
        return CopyFile(path, source / path, Signature.of(os.lstat(source / path)), executable)

    tree = PublishTree(
        world.layout.home(name),
        (
            MakeFolder("logs"),
            WriteFile(".env", Secret(b"# " + CANARY + b"\n"), mtime_ns=1_600_000_000_000_000_000),
            copy("config.yaml"),
            copy("SOUL.md"),
            copy("skills/cook/SKILL.md"),
            copy("skills/cook/run.sh", executable=True),
            MakeLink("skills/latest", "cook"),
        ),
        None,
    )
    alias = world.user_home / "Library" / "LaunchAgents" / f"ai.hermes.gateway-{name}.plist"
    script = Secret(b"#!/bin/sh\nexec hermes -p bert\n# " + CANARY + b"\n")
    return ChangePlan(
        ("clone", "anna", name), f"clone anna to {name}",
        (tree, ReplaceFile(alias, script, 0o755, world.signature(alias)), sticky(world, name.encode())),
        0, (name,),
    )  # fmt: skip


def plan_delete(world: SampleRoot) -> ChangePlan:
    """Return the plan of a delete: about.json, the move to the trash, alias and sticky default gone."""
    trash_id = Journal(world.layout.state).fresh_id(NOON)
    about, move = steps_to_trash(
        world.layout, world.layout.home("anna"), trash_id=trash_id, name="anna", deleted_at=NOON
    )
    alias = ReplaceFile(world.alias, None, expected=world.signature(world.alias))
    return ChangePlan(
        ("delete", "anna"), "delete anna",
        (about, move, alias, sticky(world, None)),
        1, ("anna",),
    )  # fmt: skip


def plan_rename(world: SampleRoot) -> ChangePlan:
    """Return the plan of a rename whose last step edits a file inside the renamed folder."""
    old, new = world.layout.home("anna"), world.layout.home("clara")
    config = world.signature(old / "config.yaml")
    return ChangePlan(
        ("rename", "anna", "clara"), "rename anna to clara",
        (
            sticky(world, b"clara\n"),
            MoveTree(old, new),
            ReplaceFile(new / "config.yaml", Secret(b"model: y\n"), 0o600, config),
            ReplaceFile(new / "SOUL.md", None, expected=world.signature(old / "SOUL.md")),
        ),
        1, ("anna", "clara"),
    )  # fmt: skip


def plan_modes(world: SampleRoot) -> ChangePlan:
    """Return a plan of modes around a move: a file and a folder before it, a file in the moved folder after it."""
    home, moved = world.layout.home("anna"), world.layout.home("clara")
    config = world.signature(home / "config.yaml")
    return ChangePlan(
        ("repair",), "set modes",
        (
            set_mode(world, home / ".env", 0o640),
            set_mode(world, home, 0o750),
            ReplaceFile(home / "config.yaml", Secret(b"model: y\n"), 0o600, config),
            MoveTree(home, moved),
            SetMode(moved / "SOUL.md", 0o400, Signature.of(os.lstat(home / "SOUL.md"))),
            sticky(world, b"clara\n"),
        ),
        3, ("anna", "clara"),
    )  # fmt: skip


def plan_files(world: SampleRoot) -> ChangePlan:
    """Return a plan that moves a file, a folder and a link to the trash, and edits another file."""
    home = world.layout.home("anna")
    taken = steps_to_trash_files(
        world.layout, "anna", (home / "SOUL.md", home / "skills/cook/SKILL.md", home / "skills/cook/run.sh"),
        trash_id=Journal(world.layout.state).fresh_id(NOON), deleted_at=NOON, reason="copied from default",
    )  # fmt: skip
    config = ReplaceFile(
        home / "config.yaml", Secret(b"model: y\n"), 0o600, Signature.of(os.lstat(home / "config.yaml"))
    )
    return ChangePlan(("repair",), "repair anna", (*taken, config, set_mode(world, home / ".env", 0o400)), 2, ("anna",))


def plan_links(world: SampleRoot) -> ChangePlan:
    """Return a plan that replaces a folder, a file and a link by links, and edits another file.

    The replaced entries are moved to the trash.
    """
    home = world.layout.home("anna")
    taken = steps_to_trash_files(
        world.layout, "anna", (home / "SOUL.md", home / "skills"),
        trash_id=Journal(world.layout.state).fresh_id(NOON), deleted_at=NOON, reason="in the place of a link",
    )  # fmt: skip
    return ChangePlan(
        ("team", "sync"), "sync anna",
        (
            *taken,
            ReplaceFile(home / "SOUL.md", None, link="../../SOUL.md"),
            ReplaceFile(home / "skills", None, link="../../skills"),
            ReplaceFile(world.alias, None, expected=world.signature(world.alias), link="../other"),
            ReplaceFile(
                home / "config.yaml", Secret(b"model: y\n"), 0o600, Signature.of(os.lstat(home / "config.yaml"))
            ),
        ),
        0, ("anna",),
    )  # fmt: skip


def make_links(world: SampleRoot) -> None:
    """Create the profile `bert`, whose skills, persona and plugins are links."""
    home = world.layout.home("bert")
    (world.layout.home("anna") / "plugins").mkdir()
    home.mkdir()
    (home / "profile.yaml").write_text("team: x\n")
    for name in ("skills", "SOUL.md", "plugins"):
        (home / name).symlink_to(f"../anna/{name}")


def plan_copies(world: SampleRoot) -> ChangePlan:
    """Return a plan that replaces links by trees and a file."""
    home, about = world.layout.home("bert"), world.layout.home("bert") / "profile.yaml"

    def tree(name: str, *entries: WriteFile) -> tuple[ReplaceFile, PublishTree]:
        return ReplaceFile(home / name, None, expected=world.signature(home / name)), PublishTree(home / name, entries)

    return ChangePlan(
        ("team", "remove"), "remove bert",
        (
            *tree("skills", WriteFile("cook/SKILL.md", Secret(b"# cook\n")), WriteFile("read.md", Secret(b"#\n"))),
            ReplaceFile(home / "SOUL.md", Secret(b"kind\n"), 0o600, world.signature(home / "SOUL.md")),
            *tree("plugins"),
            ReplaceFile(about, None, 0o600, world.signature(about)),
        ),
        0, ("bert",),
    )  # fmt: skip


def set_mode(world: SampleRoot, path: Path, mode: int) -> SetMode:
    return SetMode(path, mode, Signature.of(os.lstat(path)))


def sticky(world: SampleRoot, content: bytes | None) -> ReplaceFile:
    path = world.layout.active_profile
    return ReplaceFile(path, None if content is None else Secret(content), 0o644, world.signature(path))


PLANS: dict[str, Callable[[SampleRoot], ChangePlan]] = {
    "publish": plan_publish,
    "delete": plan_delete,
    "rename": plan_rename,
    "modes": plan_modes,
    "files": plan_files,
    "links": plan_links,
    "copies": plan_copies,
}


# File operations


class Counting(Files):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def operation(self, name: str, path: str) -> None:
        self.seen.append((name, path))


class Breaking(Files):
    """Raises at the nth operation, and at every later one if `forever`."""

    def __init__(self, at: int, error: int | type[BaseException], forever: bool = False) -> None:
        super().__init__()
        self.left = at
        self._error = error
        self._forever = forever

    def operation(self, name: str, path: str) -> None:
        self.left -= 1
        if self.left == 0 or (self._forever and self.left < 0):
            if isinstance(self._error, int):
                raise OSError(self._error, os.strerror(self._error), path)
            raise self._error


class Killing(Files):
    """Kills its own process at the nth operation."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def operation(self, name: str, path: str) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class BreakingThenKilling(Files):
    """Fails at the nth operation and kills the process some operations later, during the rollback."""

    def __init__(self, at: int, later: int) -> None:
        super().__init__()
        self._left = at
        self._later = later

    def operation(self, name: str, path: str) -> None:
        self._left -= 1
        if self._left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        if self._left == -self._later:
            os.kill(os.getpid(), signal.SIGKILL)


def run_killed(job: Callable[[], object]) -> int:
    """Run a job in a child and return its exit code: 0, 1 for an exception, or -9 if it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            job()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def strays(world: SampleRoot) -> list[str]:
    """Return leftover temporary files and staged trees."""
    found = [str(path) for path in world.user_home.rglob(".hermes-profiles-*")]
    state = world.layout.state
    for folder in ("staging", "trash"):
        if (state / folder).is_dir():
            listed = os.listdir(state / folder)
            found += [f"{folder}/{name}" for name in listed if folder == "staging" or name.startswith(".")]
    if (state / "trash").is_dir():
        folders = list((state / "trash").iterdir())
        found += [str(each) for each in folders if not (each / "home").exists() and not (each / "files").exists()]
    if (state / "journal").is_dir():
        names = os.listdir(state / "journal")
        found += [name for name in names if name.startswith(".")]
        found += [name for name in names if "." not in name and f"{name}.json" not in names]
    return found


def do(world: SampleRoot, plan: ChangePlan, files: Files | None = None) -> str:
    return apply(plan, layout=world.layout, files=files, now=noon).change_id


def heal(world: SampleRoot, files: Files | None = None) -> tuple[str, ...]:
    return recover(world.layout, files, now=noon)
