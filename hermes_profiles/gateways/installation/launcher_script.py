"""Reads what a `hermes` script of the user runs: another script, an interpreter, a tool, a container, another machine.

People put `hermes` on PATH as a Nix wrapper, a shim of pyenv or asdf, `uv run`, `conda run`, `docker exec`, `ssh`, or a
script that activates an environment first. Services cannot run most of these. Nothing is run here.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.hermes.cli import PROGRAM
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .launcher_tools import environment_of_tool, is_elsewhere, is_tool, without_wrappers

# Names of the script that a wrapper of Nix, or of the user, runs.
_SCRIPTS = lazy_pattern(r"\.?hermes(-agent)?(-wrapped|-unwrapped|-real)?_*\Z")
_PYTHON = lazy_pattern(r"(python|pypy)[0-9.]*\Z")
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "fish"))
_PASSES_ARGUMENTS = ("$@", "${@", "$*", "$argv")
_ASSIGNMENT = lazy_pattern(r"([A-Za-z_]\w*)=(.*)\Z", re.DOTALL)
_FUNCTION = lazy_pattern(r"^\s*(?:function\s+)?([\w.-]+)\s*\(\)|^\s*function\s+([\w.-]+)", re.MULTILINE)
_VARIABLE = lazy_pattern(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
_OWN_FOLDER = lazy_pattern(
    r"""\$\((?:cd\s+(?:--\s+)?)?["']?\$\(\s*dirname\s+(?:--\s+)?"?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)"?\s*\)["']?"""
    r"""\s*(?:&&\s*pwd(?:\s+-P)?\s*)?\)|\$\(\s*dirname\s+(?:--\s+)?"?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)"?\s*\)"""
    r"""|\$\{0%/\*\}"""
)
_KEYWORDS = frozenset(("if", "then", "else", "elif", "do", "{", "(", "!", "time", "exec", "command", "builtin"))


class LauncherTarget(NamedTuple):
    """What a `hermes` script runs.

    `script`: another script or program called hermes; `python`: an interpreter; `what`: the command in short, for
    messages; `is_elsewhere`: it runs Hermes in a container, on another machine or as another user; `through`: a program
    that gives Hermes secrets or settings on the way (`op run`), "" without one.
    """

    script: Path | None = None
    python: Path | None = None
    what: str = ""
    is_elsewhere: bool = False
    through: str = ""


def read_launcher(path: Path, content: bytes, environment: Mapping[str, str], user_home: Path) -> LauncherTarget:
    """Return what a `hermes` command runs; an empty target where it cannot be read.

    A text without `#!` is a script of /bin/sh: shells and execvp(3) run it so.
    """
    if not content.startswith(b"#!") and b"\0" not in content:
        content = b"#!/bin/sh\n" + content
    first, _, rest = content.decode("utf-8", "surrogateescape").partition("\n")
    if not first.startswith("#!"):
        return LauncherTarget()
    interpreter = _words(first[2:].strip()) or []
    if interpreter and os.path.basename(interpreter[0]) == "env":
        interpreter = [word for word in interpreter[1:] if word != "-S"]
    if not interpreter:
        return LauncherTarget()
    scene = _LauncherScene(path, environment, user_home)
    name = os.path.basename(interpreter[0])
    if name not in _SHELLS:  # Python, or a tool such as `uv run --script`
        return scene.target([*interpreter, str(path)]) or LauncherTarget()
    scene.functions = {one or two for one, two in _FUNCTION.findall(rest)}
    found = [target for words in _commands(scene, rest) if (target := scene.target(words)) is not None]
    here = (each for each in found if _is_there(each.script or each.python))
    return next(here, None) or next(iter(found), LauncherTarget())


def _is_there(program: Path | None) -> bool:
    return program is not None and os.access(program, os.X_OK)


class _LauncherScene:
    """The variables, folder and PATH of a script as far as it was read."""

    def __init__(self, path: Path, environment: Mapping[str, str], user_home: Path) -> None:
        self.path = path
        self.user_home = user_home
        self.folder = str(user_home)
        self.environment = environment
        self.variables = {"HOME": str(user_home), "PATH": environment.get("PATH", ""), "0": str(path)}
        self.functions: set[str] = set()

    def expanded(self, text: str) -> str:
        """Return a word with the known variables in place; `~` is the account's home folder."""

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            known = self.variables.get(name, self.environment.get(name, match[3]))
            return match[0] if known is None else known

        text = _VARIABLE.sub(value, text)
        return str(self.user_home) + text[1:] if text == "~" or text.startswith("~/") else text

    def take_note(self, words: Sequence[str]) -> bool:
        """Take in a command that changes variables, the folder or the environment; return whether it was one."""
        rest = list(words)
        while rest and rest[0] in ("export", "local", "readonly", "declare", "typeset", "-x", "-gx", "-r"):
            rest.pop(0)
        if rest[:1] == ["set"]:  # of fish
            rest = [f"{rest[-2]}={rest[-1]}"] if len(rest) > 2 and rest[-2].isidentifier() else []
        given = [_ASSIGNMENT.match(word) for word in rest]
        if rest and all(given):
            self.variables |= {each[1]: self.expanded(each[2]) for each in given if each is not None}
            return True
        program = os.path.basename(words[0])
        if program in ("cd", "pushd") and len(words) > 1:
            self.folder = self.place(words[-1])
            return True
        if program in (".", "source") and len(words) > 1 and os.path.basename(words[1]).startswith("activate"):
            self.variables["PATH"] = f"{os.path.dirname(self.place(words[1]))}:{self.variables['PATH']}"
            return True
        if tuple(words[:2]) in (("conda", "activate"), ("mamba", "activate"), ("micromamba", "activate")):
            python = environment_of_tool(
                ("conda", "run", "-n", words[-1]), self.folder, self.path, self.user_home, self.variables
            )
            self.variables["PATH"] = f"{python.parent if python else ''}:{self.variables['PATH']}"
            return True
        return False

    def place(self, word: str) -> str:
        """Return the absolute path of a word."""
        return os.path.normpath(os.path.join(self.folder, self.expanded(word)))

    def program(self, word: str) -> Path | None:
        """Return the program of a command, None where it is a function or is not found."""
        word = self.expanded(word)
        if "/" in word:
            return Path(self.place(word))
        if word in self.functions:
            return None
        for folder in self.variables["PATH"].split(":"):
            place = os.path.join(folder, word)
            if folder and os.access(place, os.X_OK) and os.path.isfile(place) and not _is_same(place, self.path):
                return Path(place)
        return None

    def target(self, given: Sequence[str]) -> LauncherTarget | None:
        """Return what a command runs, None for a command that does not run Hermes."""
        words, through = without_wrappers(given)
        words = [word for word in (self.expanded(word) for word in words) if word]
        if not words:
            return None
        name, what = os.path.basename(words[0]), _shown(words)
        if is_elsewhere(words):
            return LauncherTarget(what=what, is_elsewhere=True, through=through)
        if _SCRIPTS.match(name) and name != self.path.name:
            return LauncherTarget(self.program(words[0]), what=what, through=through)
        if name == PROGRAM and (script := self.program(words[0])) is not None and not _is_same(script, self.path):
            return LauncherTarget(script, what=what, through=through)
        if _PYTHON.match(name):
            return LauncherTarget(python=self.program(words[0]), what=what, through=through)
        if is_tool(name):
            variables = {**self.environment, **self.variables}
            python = environment_of_tool(words, self.folder, self.path, self.user_home, variables)
            return LauncherTarget(python=python, what=what, through=through)
        return None


def _is_same(one: str | Path, other: str | Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _shown(words: Sequence[str]) -> str:
    """Return the first words of a command, without options that can hold a secret."""
    shown = [word for word in words[:6] if not any(mark in word for mark in ("$", "=", "\n")) and len(word) < 120]
    return " ".join(shown[:4])


def _commands(scene: _LauncherScene, text: str) -> Iterator[list[str]]:
    """Yield the commands of a script that pass its arguments on, then those behind `exec`, in their order."""
    text = _OWN_FOLDER.sub(lambda _: str(scene.path.parent), text).replace("\\\n", " ")
    others = []
    for line in text.splitlines():
        for words in _simple_commands(line):
            rest = list(words)
            is_exec = False
            while rest and (rest[0] in _KEYWORDS or rest[0].endswith("()")):
                is_exec = rest.pop(0) == "exec" or is_exec
            rest = rest[2:] if is_exec and rest[:1] == ["-a"] else rest
            if not rest or scene.take_note(rest):
                continue
            if any(mark in word for word in rest for mark in _PASSES_ARGUMENTS):
                yield rest
            elif is_exec:
                others.append(rest)
    yield from others


def _simple_commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line; a line with an open quote has none."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    reader.whitespace_split = True
    reader.commenters = ""
    words: list[str] = []
    try:
        for word in reader:
            if word.startswith("#"):
                break
            if word and not word.strip(";&|"):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        return
    yield words


def _words(text: str) -> list[str] | None:
    try:
        return shlex.split(text)
    except ValueError:
        return None
