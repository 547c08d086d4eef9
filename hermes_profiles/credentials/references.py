"""References to variables in texts: `${NAME}` and `${env:NAME}`, as Hermes expands them in config.yaml. Pure.

Source: Hermes 0.22.2, hermes_cli/config.py, `_expand_env_vars`; `.env` knows the first form only.
"""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.model.patterns import lazy_pattern

# `${NAME:-default}` is of python-dotenv; `${file:…}` names no variable.
_REFERENCE = lazy_pattern(r"\$\{\s*(?:env:\s*)?([A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_])(?!:[^-])")
_EXPANDED = lazy_pattern(r"\$\{\s*(?:env:\s*)?([A-Za-z_][A-Za-z0-9_]*)\s*\}")


def references_in(text: str) -> tuple[str, ...]:
    """Return the names of the variables that a text refers to, in order."""
    return tuple(_REFERENCE.findall(text)) if "${" in text else ()


def expand_references(text: str, value: Callable[[str], str]) -> str:
    """Return a text with the values of its references; a reference without a value stays as it is."""
    return _EXPANDED.sub(lambda match: value(match[1]) or match[0], text) if "${" in text else text
