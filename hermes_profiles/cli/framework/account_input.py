"""The variables of an account as users give them: NAME=VALUE lines of standard input."""

from __future__ import annotations

import sys

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.model.errors import DocumentError, UsageProblem
from hermes_profiles.model.patterns import lazy_pattern

_PAIR = lazy_pattern(r"\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=")
_LARGEST = 1024 * 1024
_SOURCE = "standard input"


def piped_values(channel: str, catalog: Catalog, *, hint: str, alone: str | None = None) -> dict[str, str]:
    """Return the variables of a channel in the NAME=VALUE lines of standard input.

    `alone`: the variable that a single line without a name is the value of. Raises UsageProblem (code `bad-account`)
    with the hint; a line that cannot be used is named by its number, because it may be a secret.
    """
    text = sys.stdin.read(_LARGEST)
    lines = [line for line in text.splitlines() if line.strip()]
    if alone is not None and len(lines) == 1 and not _PAIR.match(lines[0]):
        return {alone: lines[0].strip()}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#") and not _PAIR.match(line):
            raise UsageProblem(
                f"line {number} of {_SOURCE} is not NAME=VALUE", target=_SOURCE, code="bad-account", hint=hint
            )
    try:
        document = EnvDocument.parse(text.encode(), path=_SOURCE, known_keys=catalog.known_names)
    except DocumentError as error:
        raise UsageProblem(f"{_SOURCE}: {error.reason}", target=_SOURCE, code="bad-account", hint=hint) from None
    values = {name: value.strip() for name, value in document.environment().items() if value.strip()}
    for name in values:
        if channel not in catalog.channels_of(name):
            raise UsageProblem(
                f"{name} is not a variable of {channel}",
                target=name,
                code="bad-account",
                hint=f"see those there are with `hermes-profiles catalog {channel}`",
            )
    return values
