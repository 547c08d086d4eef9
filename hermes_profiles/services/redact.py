"""Views of service files without secrets: a hand edit can put a token into one. Pure.

Shown is what we would write ourselves, without the values of variables. Of other text, only what cannot be a secret is
shown: the name of a setting, a number, a short word, the path of a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_MANAGED_DIR
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.systemd.quoting import split

# Variables whose value is not secret.
SHOWN = frozenset(("PATH", "HOME", "USER", "LOGNAME", "VIRTUAL_ENV", HERMES_HOME, HERMES_MANAGED_DIR))
HIDDEN = "***"
# Names of variables and settings; neither matches a token, base64 with a final `=` included.
_NAME = lazy_pattern(r"[A-Z][A-Z0-9_]*|[a-z_]+")
_KEY = lazy_pattern(r"[A-Za-z_]{1,40}")
_HARMLESS = lazy_pattern(r"[0-9.]{1,10}[A-Za-z%]{0,4}|[A-Za-z-]{1,12}")
_PROGRAM = lazy_pattern(r"[-@:+!\"']*/[^=:?&]*")
# supervisord's `environment=A="x",B="y"`.
_PAIR = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^,]*)")


def is_safe_to_show(name: str) -> bool:
    """Return whether a text is the name of a variable or setting, which is safe to show."""
    return _NAME.fullmatch(name) is not None or _KEY.fullmatch(name) is not None


def text_view(content: bytes, wanted: bytes) -> list[str]:
    """Return the lines of a unit or of supervisord's file, with secrets hidden; `wanted` is what we would write."""
    ours = frozenset(_joined(wanted))
    keys = frozenset(line.partition("=")[0] for line in ours)
    words = frozenset(word for line in ours for word in line.partition("=")[2].split())
    return [_line(line, ours, keys, words) for line in _joined(content)]


def _joined(content: bytes) -> Iterator[str]:
    """Yield lines, each joined with the next where it ends in a backslash."""
    begun = ""
    for line in content.decode("utf-8", "replace").split("\n"):
        joined = begun + line.rstrip("\r")
        begun = joined[:-1] + " " if joined.endswith("\\") else ""
        if not begun:
            yield joined
    if begun:
        yield begun


def _line(line: str, ours: frozenset[str], keys: frozenset[str], words: frozenset[str]) -> str:
    key, equals, text = line.partition("=")
    if equals and key.strip() in ("Environment", "environment"):
        return f"{key}={_variables(key.strip(), text)}"
    if line in ours or not line.strip() or re.fullmatch(r"\[[A-Za-z]+(:[a-z0-9_-]+)?\]", line):
        return line
    if line.lstrip().startswith(("#", ";")):
        return "# (a comment)"
    if not equals or not _KEY.fullmatch(key.strip()):
        return HIDDEN
    if key.startswith("Exec") or key.strip() == "command":
        return f"{key}={_command(text.split(), words.__contains__)}"
    return f"{key}={text if key in keys or _HARMLESS.fullmatch(text.strip()) else HIDDEN}"


def _variables(key: str, text: str) -> str:
    if key == "environment":
        return ",".join(_variable(f"{name}={content}", "{}={}") for name, content in _PAIR.findall(text))
    words = split(text)
    return HIDDEN if words is None else " ".join(_variable(word) for word in words)


def _variable(text: str, form: str = '"{}={}"') -> str:
    name, equals, content = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        return HIDDEN
    return form.format(name, content if name in SHOWN else HIDDEN)


def _command(words: Iterable[str], is_ours: Callable[[str], bool]) -> str:
    """Return a command with every argument hidden that we would not write; the program's path is shown."""
    return " ".join(
        word if is_ours(word) or (number == 0 and _PROGRAM.fullmatch(word)) else HIDDEN
        for number, word in enumerate(words)
    )


def plist_view(job: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return a plist as lines `key = content`, one for each leaf and each line of text, with secrets hidden.

    The order is that of the keys: `plutil` and editors sort them.
    """
    ours = frozenset(_leaves(wanted))
    return [f"{path} = {_content(path, text, ours, wanted.keys())}" for path, text in _leaves(job)]


def _leaves(job: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, line) for everything a plist holds."""
    if isinstance(job, dict):
        for key, content in sorted(job.items()):
            name = key if is_safe_to_show(key) else HIDDEN
            yield from _leaves(content, f"{path}.{name}" if path else name)
    elif isinstance(job, list):
        for number, content in enumerate(job):
            yield from _leaves(content, f"{path}[{number}]")
    else:
        yield from ((path, line) for line in str(job).split("\n"))


def _content(path: str, text: str, ours: frozenset[tuple[str, str]], keys: Iterable[str]) -> str:
    top, _, name = path.partition(".")
    top = top.partition("[")[0]
    if top == "EnvironmentVariables":
        return text if name in SHOWN else HIDDEN
    if (path, text) in ours:
        return text
    if top == "ProgramArguments":
        words = {line for place, line in ours if place.startswith(top)}
        is_program = path == "ProgramArguments[0]" and _PROGRAM.fullmatch(text) is not None
        return text if text in words or is_program else HIDDEN
    return text if top in keys or _HARMLESS.fullmatch(text.strip()) else HIDDEN
