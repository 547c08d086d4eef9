"""Arguments of `hermes` under the shim beside a Hermes that has learned words since 0.19.0."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_hermes import newest_python

from hermes_profiles.cli.hermes_args import InstalledWords, dispatch
from hermes_profiles.gateways.installation.hermes_words import profile_words
from hermes_profiles.hermes.cli import PROFILE_COMMANDS
from hermes_profiles.hermes.version import facts_of

PARSERS = """
def build(subparsers, *, cmd):
    profile_parser = subparsers.add_parser(
        "profile", help="x")
    group = profile_parser.add_subparsers(dest="action")
    group.add_parser("list", help="all")
    create = group.add_parser("create", help="new")
    create.add_argument("profile_name", help="--not-an-option")
    create.add_argument(
        "--clone", action="store_true")
    create.add_argument("--clone-channels", action="store_true", help="see \\"--other\\"")
    create.add_argument("--sync-imports", action="store_true")
    rename = group.add_parser(
        "rename", help="x")
    undo = group.add_parser("undo", help="learned later")
    delete = group.add_parser('delete')
    delete.add_argument("-y", "--yes", action="store_true")
    x = t"a template, which only Python 3.14 reads"
"""


@pytest.fixture
def newest(tmp_path: Path) -> InstalledWords:
    path = tmp_path / "hermes_cli" / "subcommands" / "profile.py"
    path.parent.mkdir(parents=True)
    path.write_text(PARSERS)
    return InstalledWords(profile_words(tmp_path), facts_of((0, 22, 2)))


def test_words_are_read_from_the_text_of_the_code(newest: InstalledWords, tmp_path: Path) -> None:
    assert newest.profile == {
        "list": (),
        "create": ("--clone", "--clone-channels", "--sync-imports"),
        "rename": (),
        "undo": (),
        "delete": ("-y", "--yes"),
    }
    assert profile_words(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(("line", "program"), [
    ("profile create b --clone --sync-imports", "hermes"),
    ("profile create b --clone --sync-i", "hermes"),
    ("profile create b --clone --clone-channels", "hermes"),
    ("-p work profile create b --clone --clone-ch", "hermes"),
    ("profile create b --clone", "profiles"),
    ("profile create --description=--sync-imports b", "profiles"),
    ("profile create -- --sync-imports", "profiles"),
    ("profile rename default Fred", "hermes"),
    ("profile rename default two words", "hermes"),
    ("profile rename work office", "profiles"),
    ("profile rename default-2 office", "profiles"),
    ("profile delete b -y", "profiles"),
    ("profile undo", "hermes"),
    ("profile restore b", "profiles"),
    ("profile migrate-identity a b", "hermes"),
    ("profile purge-identity a", "hermes"),
    ("profile describe a --text x", "hermes"),
    ("profile export a -o x", "hermes"),
    ("profile import x --name a", "hermes"),
    ("profile install github.com/a/b", "hermes"),
    ("profile update a", "hermes"),
    ("profile info a", "hermes"),
    ("profile list", "profiles"),
    ("profiles undo", "profiles"),
    ("profiles rename default Fred", "profiles"),
    ("doctor --live", "doctor"),
    ("doctor --live --fix", "doctor"),
    ("doctor --ack X", "hermes"),
])  # fmt: skip
def test_learned_words_go_to_hermes_unchanged(newest: InstalledWords, line: str, program: str) -> None:
    choice = dispatch(line.split(), newest)
    assert choice.program == program
    if program == "hermes":
        assert choice.words == tuple(line.split())


@pytest.mark.parametrize(("version", "line", "note"), [
    ((0, 22, 2), "profile create b --clone --sync-imports", "copies values outside the channel settings"),
    ((0, 22, 2), "profile create b --clone --clone-channels", "share the bots"),
    ((0, 20, 0), "profile create b --clone --sync-imports", "share the bots"),
    ((0, 22, 2), "profile create b --clone --frob", "copies values outside the channel settings"),
    ((0, 22, 2), "profile create b --sync-imports", None),
])  # fmt: skip
def test_note_about_clones_is_true_for_the_release(
    newest: InstalledWords, version: tuple[int, int, int], line: str, note: str | None
) -> None:
    choice = dispatch(line.split(), newest._replace(facts=facts_of(version)))
    assert choice.program == "hermes"
    assert choice.note is None if note is None else note in (choice.note or "")


def test_rename_of_default_is_ours_before_names_to_show() -> None:
    assert dispatch(["profile", "rename", "default", "Fred"]).program == "profiles"


@pytest.mark.newest
def test_installed_newest_has_every_word_of_0_19() -> None:
    code = next(Path(newest_python()).parent.parent.glob("lib/python3*/site-packages"))
    words = profile_words(code)
    assert set(PROFILE_COMMANDS) < set(words)
    assert {"describe", "export", "import", "install", "update", "info", "migrate-identity"} <= set(words)
    assert all(set(options) <= set(words[name]) for name, options in PROFILE_COMMANDS.items())
