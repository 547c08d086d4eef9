"""Values typed at a prompt or piped in: a secret is never an argument of a command."""

from __future__ import annotations

import sys
from getpass import getpass

from hermes_profiles.model.errors import UsageProblem

from . import output

_LARGEST = 1024 * 1024


def read_value(what: str, *, secret: bool, hint: str) -> str:
    """Return a value that was typed (a secret without echo) or piped, without its last line end.

    Raises UsageProblem with the hint for an empty value.
    """
    if sys.stdin.isatty():
        text = getpass(f"{what}: ") if secret else output.ask(f"{what}: ")
    else:
        text = sys.stdin.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise UsageProblem(f"{what}: more than {_LARGEST // 2**20} MiB came", code="bad-value", hint=hint)
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
    if not text:
        raise UsageProblem(f"{what}: no value came", code="no-value", hint=hint)
    return text
