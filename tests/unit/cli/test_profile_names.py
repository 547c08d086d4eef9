"""Profile names: hostile ones are refused with the rule, and nothing is created."""

from __future__ import annotations

import pytest
from command_root import CommandRoot

from hermes_profiles.model.names import RULE

HOSTILE = [
    "../x", "..", ".", "/etc", "a/b", "a\n", "\na", "a b", "a\tb", "-x", "--", "_x", "a" * 65, "", " ", "wörk",
    "w\u043erk", "wor\u212a", "\u0455tatus", "a\u200b", "a\u202eb", "a;rm", "a$(id)", "a`id`", "a'b", 'a"b', "a*",
    "a\\b", "a.b", "~", "%s", "{0}", "a\x1b[2J", "ａ", "a\udcff", "nul\x7f",
]  # fmt: skip
COMMANDS = [
    ("create", "NAME"), ("create", "NAME", "--clone"), ("clone", "default", "NAME"), ("clone", "NAME", "other"),
    ("rename", "work", "NAME"), ("rename", "NAME", "other"), ("delete", "NAME", "--yes"), ("use", "NAME"),
    ("show", "NAME"), ("alias", "NAME"), ("alias", "work", "--name", "NAME"), ("explain", "telegram", "-p", "NAME"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_hostile_name_is_refused_with_rule(world: CommandRoot, command: tuple[str, ...]) -> None:
    world.make("work", {".env": ""})
    before = world.picture()
    for name in HOSTILE:
        words = [name if word == "NAME" else word for word in command]
        done = world.call(*words[:1], "--json", "--", *words[1:]) if len(words) == 2 else None
        if done is None:
            done = world.call(*words[:1], "--json", *_protected(words[1:], name))
        assert done.code == 2, (words, done)
        assert RULE in done.problem["message"] and done.problem["code"] == "bad-name", done.problem
        assert done.problem["hint"]
    assert world.picture() == before


def _protected(words: list[str], name: str) -> list[str]:
    """Return the arguments so that a name with a leading dash is read as a name."""
    options = [index for index, word in enumerate(words) if word in ("--name", "-p")]
    if options:
        index = options[0]
        return [f"{'--profile' if words[index] == '-p' else '--name'}={name}", *words[:index], *words[index + 2 :]]
    flags = [word for word in words if word in ("--clone", "--yes") and word is not name]
    return [*flags, "--", *[word for word in words if word not in flags]]


@pytest.mark.parametrize("name", ["default", "DEFAULT", "hermes", "Test", "tmp", "root", "sudo"])
def test_reserved_name_is_refused_for_new_profile(world: CommandRoot, name: str) -> None:
    world.make("work", {".env": ""})
    for given in (("create", name), ("clone", "default", name), ("rename", "work", name)):
        done = world.unchanged_by(*given, "--json")
        assert done.code == 2 and done.problem["code"] == "reserved-name" and "reserved" in done.problem["message"]


def test_names_are_normalized_like_hermes(world: CommandRoot) -> None:
    assert world.ok("create", " Work ", "--json").data["profile"] == "work"
    assert world.ok("show", "WORK", "--json").data["name"] == "work"
    world.ok("delete", "Work", "--yes")
    assert world.ok("restore", "WORK", "--json").data["profile"] == "work"


def test_longest_and_unusual_valid_names_work(world: CommandRoot) -> None:
    for name in ("a" * 64, "0", "9-_", "a--b"):
        world.ok("create", name)
        world.ok("clone", "default", f"{name[:60]}-c")
        world.ok("use", name)
        world.ok("delete", name, "--yes")
        world.ok("undo")
    assert len(world.names()) == 9
