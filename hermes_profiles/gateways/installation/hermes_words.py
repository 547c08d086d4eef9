"""Reads the words of `hermes profile` from the text of the installed code, without importing it.

The code may need a newer Python than this one, so it is searched as text: Hermes builds its parsers with argparse, one
variable for each subcommand (hermes_cli/subcommands/profile.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.hermes.cli import PROFILE_PARSER_MODULE
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

_LARGEST = 512 * 1024
_PARSER = lazy_pattern(r"""(?:(\w+)\s*=\s*)?(\w+)\.add_parser\(\s*["']([a-z][a-z-]*)["']""")
_ARGUMENT = lazy_pattern(r"""(\w+)\.add_argument\(\s*((?:["'][^"'\n]*["']\s*,?\s*)+)""")
_OPTION = lazy_pattern(r"""["'](-[^"'\n]*)["']""")


def profile_words(code: Path) -> Mapping[str, tuple[str, ...]]:
    """Return subcommand of `hermes profile` → its options; {} where the code cannot be read."""
    try:
        text = read_regular(code / PROFILE_PARSER_MODULE, _LARGEST).decode(errors="replace")
    except OSError:
        return {}
    names: dict[str, str] = {}
    words: dict[str, tuple[str, ...]] = {}
    for variable, group, name in _PARSER.findall(text):
        if group == "subparsers":  # `hermes profile` itself
            continue
        words[name] = ()
        if variable:
            names[variable] = name
    for variable, given in _ARGUMENT.findall(text):
        if variable in names:
            words[names[variable]] += tuple(_OPTION.findall(given))
    return words
