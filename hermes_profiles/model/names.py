"""Names of profiles and aliases: which are accepted, and the rule that an error quotes.

Source of the rules: Hermes 0.19.0 `hermes_cli/profiles.py` (normalisation, pattern, reserved names).
"""

from __future__ import annotations

from hermes_profiles.hermes.cli import SUBCOMMANDS
from hermes_profiles.hermes.profile_names import PATTERN, RESERVED
from hermes_profiles.model.patterns import lazy_pattern

from .errors import UsageProblem

DEFAULT = "default"
_PATTERN = lazy_pattern(PATTERN)
_LONGEST_SIMILAR = 20
_NO_NAME = lazy_pattern(r"[^a-z0-9_-]+")
RULE = "1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit"


def is_profile_folder_name(name: str) -> bool:
    """Return whether Hermes takes a folder of this name below `profiles/` for a profile."""
    return name != DEFAULT and _PATTERN.fullmatch(name) is not None


def normalize(name: str) -> str:
    """Return the name as Hermes stores it: lower case, without blanks at its ends.

    Only blanks and tabs are removed: a name with a line break is not a typing error.
    """
    return name.strip(" \t").lower()


def check_existing_name(name: str) -> str:
    """Return the normalised name of a profile that may exist (`default` and reserved names included).

    Raises UsageProblem when no profile can have this name.
    """
    canon = normalize(name)
    # Lower-casing turns some look-alikes into letters (the Kelvin sign becomes a k): only ASCII may pass.
    if not name.isascii() or _PATTERN.fullmatch(canon) is None:
        raise UsageProblem(
            f"{name!r} is not a profile name: a name is {RULE}",
            target=name,
            code="bad-name",
            hint=_hint_for(name),
        )
    return canon


def _hint_for(name: str) -> str:
    """Return how to name a profile: of a path that ends in a name, by that name."""
    folder, _, last = name.rstrip("/").rpartition("/")
    if folder and _PATTERN.fullmatch(last) is not None:
        return f"give the name of the profile alone: `{last}`"
    return "list the profiles with `hermes-profiles list`"


def check_new_name(name: str) -> str:
    """Return the normalised name for a new profile.

    Raises UsageProblem with the rule when the name is malformed or reserved.
    """
    try:
        canon = check_existing_name(name)
    except UsageProblem as error:
        similar = _similar(name)
        if not similar:
            raise
        hint = f"choose another name, such as `{similar}`"
        raise UsageProblem(error.problem.message, target=name, code="bad-name", hint=hint) from None
    if canon in RESERVED:
        raise UsageProblem(
            f"the name {canon!r} is reserved by Hermes ({', '.join(sorted(RESERVED))})",
            target=name,
            code="reserved-name",
            hint=f"choose another name, such as `{canon}-2`",
        )
    return canon


def _similar(name: str) -> str:
    """Return a name for a new profile that looks like a malformed one, "" where none does.

    A long text gives none: it can be a secret that was pasted in the wrong place.
    """
    import unicodedata

    if len(name) > _LONGEST_SIMILAR:
        return ""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    similar = _NO_NAME.sub("-", letters).strip("-_")
    return similar if _PATTERN.fullmatch(similar) is not None and similar not in {DEFAULT, *RESERVED} else ""


def check_alias_name(name: str) -> str:
    """Return the normalised name of an alias, which becomes a command in `~/.local/bin`.

    Raises UsageProblem when it is malformed, reserved or a Hermes subcommand.
    """
    canon = check_new_name(name)
    if canon in SUBCOMMANDS:
        raise UsageProblem(
            f"the alias {canon!r} is a subcommand of hermes",
            target=name,
            code="reserved-name",
            hint="choose another with `hermes-profiles alias PROFILE --name OTHER`",
        )
    return canon
