"""Finds the command of Hermes in the commands of services that any release wrote. Pure.

Facts (`generate_systemd_unit`, `generate_launchd_plist`, `launchd_program_arguments` of 0.19.0 to 0.22.2): the program
is an interpreter with `-m`, from 0.22 a launcher or an interpreter with `-I -c SCRIPT`. A LaunchAgent has one more
command in front of it: from 0.20.4 one that stamps the lines of standard error, from 0.21.4 `osascript` around both.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from hermes_profiles.hermes.cli import BOOTSTRAP_MODULE, MODULE, RUN_MODULE, STAMP_MODULE
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.patterns import lazy_pattern

_LAUNCHER = lazy_pattern(r"(^|/)hermes$")
# The home of the account, in a shell and in systemd.
_ACCOUNT = lazy_pattern(r"^(?:~|\$HOME\b|\$\{HOME\}|%h)")
_OSASCRIPT = "/usr/bin/osascript"
# The code that such a script imports first.
_CODE = lazy_pattern(r"sys\.path\.insert\(0, '([^'\n]+)'\)")
# The shell command in AppleScript and in JavaScript; a string of either has the escapes of JSON.
_SHELL_COMMAND = lazy_pattern(r'(?:do shell script |\$\.system\()("(?:[^"\\]|\\.)*")')


def parse_command(words: tuple[str, ...]) -> tuple[str, bool, str]:
    """Return the program of a command, whether it is Hermes' launcher, and the selected profile ("": none)."""
    program, is_launcher, rest = hermes_words(words)
    return program, is_launcher, selected_profile(rest)[0]


def hermes_words(words: tuple[str, ...]) -> tuple[str, bool, tuple[str, ...]]:
    """Return the program of a command, whether it is Hermes' launcher, and the arguments of `hermes`."""
    words = unwrapped(words)
    if not words:
        return "", False, ()
    if words[1:3] == ("-m", MODULE):
        return words[0], False, words[3:]
    if words[1:3] == ("-I", "-c") and len(words) > 3 and _runs_module(words[3], MODULE):
        return words[0], False, words[4:]
    is_launcher = _LAUNCHER.search(words[0]) is not None
    return words[0], is_launcher, words[1:]


def is_hermes_command(words: tuple[str, ...]) -> bool:
    """Return whether some release of Hermes, or this program, writes such a command; False behind a vault or a tool."""
    words = unwrapped(words)
    if words[1:3] == ("-m", MODULE):
        return True
    if words[1:3] == ("-I", "-c") and len(words) > 3 and BOOTSTRAP_MODULE in words[3]:
        return True
    return bool(words) and _LAUNCHER.search(words[0]) is not None


def code_in_script(words: tuple[str, ...]) -> str:
    """Return the folder of the code that a launcher or a unit of 0.22 runs with `-I -c SCRIPT`, "" for others."""
    if words[1:3] != ("-I", "-c") or len(words) < 4 or BOOTSTRAP_MODULE not in words[3]:
        return ""
    found = _CODE.search(words[3])
    return found[1] if found is not None else ""


def selected_profile(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the profile that arguments select, and the other arguments; Hermes accepts the option anywhere."""
    rest: list[str] = []
    name = ""
    waiting = iter(words)
    for word in waiting:
        if word in ("-p", "--profile"):
            name = next(waiting, "")
        elif word.startswith("--profile="):
            name = word.removeprefix("--profile=")
        else:
            rest.append(word)
    return name, tuple(rest)


def shell_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a command, and those of the code that it gives to a shell (`sh -lc "hermes gateway run"`)."""
    found: list[str] = []
    for word in words:
        try:
            found += shlex.split(word) if " " in word else [word]
        except ValueError:
            found += word.split()
    return tuple(found)


def homes_in_command(words: Iterable[str], user_home: Path) -> tuple[str, ...]:
    """Return the homes that the words of a command set, such as `HERMES_HOME=/srv/a hermes gateway run`."""
    start = f"{HERMES_HOME}="
    given = (word.removeprefix(start).rstrip(";") for word in words if word.startswith(start))
    homes = (_ACCOUNT.sub(lambda _: os.fspath(user_home), text, count=1) for text in given)
    return tuple(home for home in homes if home.startswith("/"))


def unwrapped(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command without the programs that services have in front of it: a shell, osascript, the stamper."""
    if len(words) > 4 and words[0].endswith("/sh") and words[1] == "-c" and words[2].endswith('exec "$@"'):
        return words[4:]
    if words[:1] == (_OSASCRIPT,):
        words = _of_osascript(words[-1])
    if _stamps(words) and "--" in words:
        return words[words.index("--") + 1 :]
    return words


def _of_osascript(script: str) -> tuple[str, ...]:
    """Return the command that a script runs, without `exec` and redirections; () without one."""
    found = _SHELL_COMMAND.search(script)
    if found is None:
        return ()
    try:
        words = shlex.split(json.loads(found[1]))
    except ValueError:
        return ()
    words = words[1:] if words[:1] == ["exec"] else words
    return tuple(words[: words.index(">>")] if ">>" in words else words)


def _stamps(words: tuple[str, ...]) -> bool:
    if words[1:3] in (("-m", STAMP_MODULE), (RUN_MODULE, STAMP_MODULE)):
        return True
    return words[1:3] == ("-I", "-c") and len(words) > 3 and _runs_module(words[3], STAMP_MODULE)


def _runs_module(script: str, module: str) -> bool:
    """Return whether a script is the one with which services of newer releases run a module of Hermes."""
    return f"import {BOOTSTRAP_MODULE}" in script and f"run_module('{module}'" in script
