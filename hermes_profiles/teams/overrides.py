"""Overrides: settings that a member keeps although its lead has them (`--own`, `--not-own`). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hermes_profiles.documents.yaml.paths import parsed_path, path_text
from hermes_profiles.documents.yaml.value import Value
from hermes_profiles.model.errors import NotFound, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name

from .model import Membership
from .shares import Share, linked_paths


class Override(NamedTuple):
    """One override to add (`keep`) or to remove.

    `key`: a path of config.yaml, a variable of `.env`, or a path of the pool: `SOUL.md`, `skills/`.
    """

    member: str
    key: str
    keep: bool

    def as_args(self) -> tuple[str, str]:
        """Return the command-line arguments of the override."""
        return "--own" if self.keep else "--not-own", f"{self.member}:{self.key}"


def parse_override(text: str, *, keep: bool) -> Override:
    """Return the override for `MEMBER:KEY`. Raises UsageProblem."""
    option = "--own" if keep else "--not-own"
    member, colon, key = text.partition(":")
    if not colon or not member.strip() or not key.strip() or "," in key:
        raise UsageProblem(
            "it is not of the form MEMBER:KEY" if "," not in key else "it has more than one KEY",
            target=option,
            code="bad-own",
            hint=f"use `{option} bob:model.default` or `{option} bob:OPENAI_API_KEY`",
        )
    key = key.strip()
    if key not in LINKED:
        path = parsed_path(key)
        at = next((number for number, part in enumerate(path) if part[:1] == "["), None)
        if at is not None:
            raise UsageProblem(
                f"{key} is an item of a list: only whole lists can be kept or shared",
                target=option,
                code="bad-own",
                hint=f"use `{option} {member}:{path_text(path[:at])}`",
            )
        key = path_text(path)
    return Override(check_existing_name(member), key, keep)


# Paths of the pool as keys. The slash separates them from settings: config.yaml also has `skills`.
LINKED = tuple(path if path.endswith(".md") else f"{path}/" for path in linked_paths(Share))


def apply_overrides(
    before: Membership, overrides: Iterable[Override], variables: Collection[str], settings: Iterable[Value]
) -> Membership:
    """Return a membership after these overrides.

    `variables`, `settings`: of the member and its lead. Raises NotFound for a key that neither of them has, and for a
    key to remove that is not overridden.
    """
    own = list(before.own)
    settings = tuple(settings)
    for each in overrides:
        if each.keep and each.key not in own:
            if not _is_known(each.key, variables, settings):
                raise NotFound(
                    f"neither {each.member} nor its lead has {each.key}",
                    target=each.key,
                    code="not-set",
                    hint=f"list the keys with `hermes-profiles config get {each.member}`, or "
                    f"`hermes-profiles env list {each.member}`",
                )
            own.append(each.key)
        elif not each.keep and each.key not in own:
            kept = ", ".join(own) or "nothing"
            raise NotFound(
                f"{each.member} does not override {each.key}",
                target=each.key,
                code="not-own",
                hint=f"it overrides {kept}; `hermes-profiles team show {before.team}` lists them",
            )
        elif not each.keep:
            own = [key for key in own if key != each.key]
    return before._replace(own=tuple(own))


def _is_known(key: str, variables: Collection[str], settings: Iterable[Value]) -> bool:
    if key in LINKED or key in variables:
        return True
    return any(value.at(parsed_path(key)) is not None for value in settings)
