"""The first lines of the `hermes` shim: how a shim of this project is recognised, and what it records. Pure.

The text itself is `integration/shim/script.py`. This part is here because finding the real `hermes` needs it.
"""

from __future__ import annotations

import os
import re
import shlex

from hermes_profiles.model.named_tuple import NamedTuple

SHEBANG = "#!/bin/sh"
MARK = "# hermes-profiles shim "


class Recorded(NamedTuple):
    """The record in a shim: this project's program, the real `hermes` at installation, and the folders it created.

    `hermes` is None where PATH had none at installation.
    """

    program: str
    hermes: str | None
    made: tuple[str, ...] = ()


def is_shim(beginning: bytes) -> bool:
    """Return whether a file with this beginning is a shim of this project, of any version."""
    lines = beginning.split(b"\n", 2)
    return len(lines) > 2 and lines[0] == SHEBANG.encode() and lines[1].startswith(MARK.encode())


def recorded_in(raw: bytes) -> Recorded | None:
    """Return the record in a shim, None for other files and for a shim without a program."""
    if not is_shim(raw):
        return None
    found = {}
    for name, pattern in (("made", rb"# made: (.*)"), ("ours", rb"_hps_ours=(.*)"), ("real", rb"_hps_real=(.*)")):
        match = re.search(rb"^" + pattern + rb"$", raw, re.MULTILINE)
        try:
            found[name] = shlex.split(os.fsdecode(match.group(1))) if match else []
        except ValueError:  # an open quote: the file was edited
            found[name] = []
    if len(found["ours"]) != 1:
        return None
    return Recorded(found["ours"][0], next(iter(found["real"]), None) or None, tuple(found["made"]))
