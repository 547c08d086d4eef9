"""Awkward trees and unreadable documents: they are cloned, or refused with one message and no change."""

# ruff: noqa: E501  (a document of a case is one string)

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clone_source import FRESH_KEY, PORT, Link, assert_private, canary, clone, leaks, make_layout

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.signature import ChangedMeanwhile
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import DocumentError, Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.profiles.plan_clone import plan_clone
from hermes_profiles.profiles.tree_walk import walk

TOKEN = canary("hostile")
ENV = f"TELEGRAM_BOT_TOKEN={TOKEN}\n"


def nothing_made(layout: Layout) -> bool:
    return not layout.home("copy").exists() and not any(layout.root.rglob("*staging*/*"))


def test_links_out_of_the_source_stay_links(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(TOKEN)
    layout = make_layout(
        tmp_path,
        {".env": ENV, "skills/etc": Link("/etc"), "skills/out": Link(str(outside)), "skills/loop": Link("loop"), "skills/up": Link(".."), "skills/a": Link("b"), "skills/b": Link("a")},
    )  # fmt: skip
    cloned = clone(layout, scope=Scope.ALL)
    assert os.readlink(cloned.home / "skills/etc") == "/etc" and (cloned.home / "skills/loop").is_symlink()
    assert leaks(cloned.home, [TOKEN]) == []
    assert {one.target for one in cloned.warnings if one.code == "outside-link"} == {"skills/etc", "skills/out"}
    assert (outside / "secret.txt").read_text() == TOKEN


def test_links_to_identities_stay_behind(tmp_path: Path):
    layout = make_layout(
        tmp_path,
        {".env": ENV, "weixin/accounts/a.json": "{}", "skills/wx": Link("../weixin"), "skills/root": Link(str(tmp_path / ".hermes")), "skills/other": Link(str(tmp_path / ".hermes/profiles/other/.env")), "whatsapp": Link("/srv/session"), "skills/abs": Link(str(tmp_path / ".hermes/SOUL.md")), "SOUL.md": "calm"},
    )  # fmt: skip
    cloned = clone(layout, scope=Scope.ALL)
    assert set(cloned.left_behind()) >= {"skills/wx", "skills/other", "whatsapp", "weixin"}
    assert (cloned.home / "skills/abs").resolve() == cloned.home / "SOUL.md", "an absolute link becomes the clone's own"
    assert (cloned.home / "skills/root").resolve() == cloned.home


def test_ten_thousand_files(tmp_path: Path):
    layout = make_layout(tmp_path, {".env": ENV})
    for folder in range(100):
        place = layout.root / "skills" / f"s{folder}"
        place.mkdir(parents=True)
        for number in range(100):
            (place / f"{number}.md").write_text("text\n")
    (layout.root / "skills/s50/50.md").write_text(TOKEN)
    cloned = clone(layout)
    assert sum(len(files) for *_, files in os.walk(cloned.home / "skills")) == 10_000
    assert cloned.redacted() == {("skills/s50/50.md", 1, "TELEGRAM_BOT_TOKEN")}


@pytest.mark.skipif(sys.platform == "darwin", reason="APFS makes no holes by truncation")
def test_a_sparse_file_stays_sparse_and_is_searched(tmp_path: Path):
    layout = make_layout(tmp_path, {".env": ENV, "skills/a/SKILL.md": "a"})
    for name, content in (
        ("clean.img", b"nothing"),
        ("dirty.img", TOKEN.encode()),
        ("utf16.img", TOKEN.encode("utf-16-le")),
    ):
        with open(layout.root / "skills/a" / name, "wb") as file:
            file.truncate(2 * 2**30)
            file.seek(2**30 - 5)
            file.write(content)
    begun = time.monotonic()
    cloned = clone(layout)
    assert time.monotonic() - begun < 20, "it reads the holes"
    copied = os.stat(cloned.home / "skills/a/clean.img")
    assert copied.st_size == 2 * 2**30 and copied.st_blocks * 512 < 2**20
    assert set(cloned.left_behind()) == {"skills/a/dirty.img", "skills/a/utf16.img"}


def test_sockets_and_fifos_stay_behind(tmp_path: Path):
    layout = make_layout(tmp_path, {"skills/a/SKILL.md": "a"})
    os.mkfifo(layout.root / "skills/a/pipe")
    listener = socket.socket(socket.AF_UNIX)
    before = os.getcwd()
    os.chdir(layout.root / "skills/a")  # the path of a socket is at most 108 bytes long
    try:
        listener.bind("door")
    finally:
        os.chdir(before)
    cloned = clone(layout)
    listener.close()
    assert set(cloned.left_behind()) == {"skills/a/pipe", "skills/a/door"}
    assert os.listdir(cloned.home / "skills/a") == ["SKILL.md"]


@pytest.mark.parametrize("name", [".env", "config.yaml", "SOUL.md"])
def test_a_fifo_for_a_document_does_not_hang(tmp_path: Path, name: str):
    layout = make_layout(tmp_path, {})
    os.mkfifo(layout.root / name)
    if name == "SOUL.md":
        assert "SOUL.md" in clone(layout).left_behind()
        return
    with pytest.raises(Failed, match=f"{name}: not a regular file"):
        clone(layout)
    assert nothing_made(layout)


def test_odd_names(tmp_path: Path):
    layout = make_layout(
        tmp_path / "a b & c%20d\ne <f>",
        {".env": ENV, "skills/ü & <x>%41/new\nline.md": "a", "skills/'q\"/$HOME.md": TOKEN, "skills/-rf/*.md": "b"},
    )
    odd = os.fsencode(layout.root / "skills") + b"/not-utf8-\xff\xfe.md"
    with open(odd, "wb") as file:
        file.write(TOKEN.encode())
    cloned = clone(layout)
    assert (cloned.home / "skills/ü & <x>%41/new\nline.md").read_text() == "a"
    assert cloned.text("skills/'q\"/$HOME.md") == "<removed: TELEGRAM_BOT_TOKEN>"
    assert os.path.exists(os.fsencode(cloned.home / "skills") + b"/not-utf8-\xff\xfe.md")
    json.loads(json.dumps(cloned.data))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777 & ~0o700])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int):
    layout = make_layout(tmp_path, {".env": ENV, "hooks/run.sh": "#!/bin/sh\n", "skills/a/SKILL.md": TOKEN})
    (layout.root / "hooks/run.sh").chmod(0o755)
    (layout.root / ".env").chmod(0o644)
    before = os.umask(umask)
    try:
        cloned = clone(layout)
    finally:
        os.umask(before)
    assert_private(cloned.home)
    assert os.stat(cloned.home / "hooks/run.sh").st_mode & 0o777 == 0o700
    assert os.stat(cloned.home / ".env").st_mode & 0o777 == 0o600


def as_nobody(layout: Layout, *, skip: bool) -> str:
    """Return the message of a clone that runs without rights to read, in a child process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            told = str(clone(layout, policy=ClonePolicy(skip_unreadable=skip)).left_behind())
        except HermesProfilesError as error:
            told = str(error.problem)
        except BaseException as error:
            told = f"traceback: {error!r}"
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to a user without rights to read")
@pytest.mark.parametrize("name", [".env", "config.yaml", "skills/a/SKILL.md", "skills/shut"])
def test_unreadable_file_stops_the_clone_or_stays_behind(name: str):
    folder = Path("/var/tmp") / f"hermes-profiles-test-{os.getpid()}"
    try:
        layout = make_layout(
            folder, {".env": "A=b\n", "config.yaml": "a: 1\n", "skills/a/SKILL.md": "a", "skills/shut/x": "x"}
        )
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
        os.chown(layout.root / name, 0, 0)
        (layout.root / name).chmod(0o700 if name == "skills/shut" else 0o600)
        clone(make_layout(folder / "first", {"config.yaml": "a: 1\n", ".env": ENV}))  # so that all modules are loaded
        shown = {skip: as_nobody(layout, skip=skip) for skip in (False, True)}
        assert name in shown[False] and "cannot" in shown[False] and "hint=" in shown[False]
        assert shown[True].startswith("{") and f"'{name}'" in shown[True]
        assert layout.home("copy").is_dir()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def plan_for(layout: Layout, policy: ClonePolicy | None = None):  # type: ignore[no-untyped-def]
    world = CloneContext(layout, {}, load_catalog(), lambda: PORT, lambda: FRESH_KEY)
    return plan_clone(CloneRequest("default", "copy", policy=policy or ClonePolicy()), world)


def test_a_file_that_vanishes_or_changes_after_planning_stops_the_clone(tmp_path: Path):
    layout = make_layout(tmp_path, {".env": ENV, "skills/a/SKILL.md": "a", "skills/b/SKILL.md": "b"})
    plan, _ = plan_for(layout)
    (layout.root / "skills/a/SKILL.md").unlink()
    with pytest.raises(HermesProfilesError):
        apply(plan, layout=layout)
    assert nothing_made(layout)
    plan, _ = plan_for(layout)
    (layout.root / "skills/b/SKILL.md").write_text(f"now with {TOKEN}")
    with pytest.raises(ChangedMeanwhile):
        apply(plan, layout=layout)
    assert nothing_made(layout)


def test_file_removed_while_listing_is_skipped(tmp_path: Path):
    layout = make_layout(tmp_path, {"skills/a/x.md": "a", "skills/b/x.md": "b", "skills/c/x.md": "c"})
    seen = []
    for item in walk(layout.root, lambda path: True):
        seen.append(item.path)
        if item.path == "skills/a":
            (layout.root / "skills/a/x.md").unlink()
            (layout.root / "skills/b/x.md").unlink()
            (layout.root / "skills/b").rmdir()
        if item.path == "skills/c":
            (layout.root / "skills/c/new.md").write_text("n")
    assert "skills/b" not in seen and "skills/c/new.md" in seen


REFUSALS = [
    ("open quote", {".env": 'A=b\nTELEGRAM_BOT_TOKEN="CANARY-open\nB=c\n'}, r"\.env:2: "),
    ("UTF-32", {".env": "A=b\n".encode("utf-32")}, r"\.env.*UTF-32"),
    ("readers disagree, U+2028", {".env": f"NOTE=a\u2028TELEGRAM_BOT_TOKEN={TOKEN}\n"}, r"\.env:1: readers disagree"),
    ("readers disagree, form feed", {".env": f"A=b\nNOTE=a\x0cTELEGRAM_BOT_TOKEN={TOKEN}\n"}, r"\.env:2: readers disagree"),
    ("readers disagree, value of several lines", {".env": f'NOTE="a\nTELEGRAM_BOT_TOKEN={TOKEN}\nb"\n'}, r"\.env:2: readers disagree"),
    ("broken YAML", {"config.yaml": "a: 1\nb: [1, 2\nc: 3\n"}, r"config\.yaml:\d+: "),
    ("tab as indentation", {"config.yaml": "a:\n\tb: 1\n"}, r"config\.yaml:2: "),
    ("two documents", {"config.yaml": "a: 1\n---\nb: 2\n"}, r"config\.yaml:\d+: "),
    ("a list", {"config.yaml": "- a\n"}, r"config\.yaml:1: "),
    ("unknown alias", {"config.yaml": "a: *b\n"}, r"config\.yaml:1: "),
    ("aliases that multiply", {"config.yaml": "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8))}, r"config\.yaml:\d+: "),
    ("latin-1 YAML", {"config.yaml": "a: gr\xfcn\n".encode("latin-1")}, r"config\.yaml"),
    ("broken JSON", {"gateway.json": '{"a": 1,\n "b": }\n'}, r"gateway\.json:2: not valid JSON"),
    ("broken auth.json", {"auth.json": '{"a": \n'}, r"auth\.json:\d+: not valid JSON"),
    ("op.env", {".op.env": "A='open\n"}, r"\.op\.env:1: "),
    ("folder for a document", {"config.yaml/x": "a"}, r"config\.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_uncertain_document_stops_the_clone(tmp_path: Path, files: dict[str, bytes | str], message: str):
    layout = make_layout(tmp_path, files)
    with pytest.raises(Failed) as caught:
        plan_for(layout)
    problem = caught.value.problem
    assert re.search(message, problem.message), problem.message
    assert problem.message.count("\n") == 0 and "CANARY" not in f"{problem.message}{problem.hint}"
    assert problem.target and nothing_made(layout)
    (name,) = {path.split("/")[0] for path in files}
    skipped, report = plan_for(layout, ClonePolicy(skip_unreadable=True))
    assert name in {row.path for row in report.left_behind}
    assert name not in {entry.path for entry in skipped.steps[0].entries} or name == ".env"


def test_missing_source_is_reported(tmp_path: Path):
    with pytest.raises((HermesProfilesError, FileNotFoundError)):
        clone(Layout(tmp_path / ".hermes", tmp_path))


def test_an_edit_that_is_not_certain_names_file_and_line(tmp_path: Path):
    layout = make_layout(
        tmp_path, {"config.yaml": f"x: 1\nplatforms:\n  telegram: {{extra: &e {{app: {TOKEN}}}}}\nother: *e\n"}
    )
    try:
        cloned = clone(layout)
    except DocumentError as error:
        assert error.line and "config.yaml" in error.path and nothing_made(layout)
    else:
        assert leaks(cloned.home, [TOKEN]) == []
