"""What a member keeps for itself although its lead has it too: `--own` and `--not-own`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from hermes_profiles.documents.yaml.paths import parsed_path, path_text
from hermes_profiles.documents.yaml.value import Value
from hermes_profiles.model.errors import NotFound, UsageProblem
from hermes_profiles.model.names import check_existing_name

from .model import Membership
from .shares import Share, linked_paths


class Override(NamedTuple):
    """One thing that a member keeps for itself from now on, or shares again. `key`: a path of config.yaml, a variable
    of `.env`, or a path of the pool: `SOUL.md`, `skills/`."""

    member: str
    key: str
    keep: bool

    def as_words(self) -> tuple[str, str]:
        """Return the words of the command that say it."""
        return "--own" if self.keep else "--not-own", f"{self.member}:{self.key}"


def parse_override(text: str, *, keep: bool) -> Override:
    """Return what `MEMBER:KEY` says. Raises UsageProblem."""
    option = "--own" if keep else "--not-own"
    member, colon, key = text.partition(":")
    if not colon or not member.strip() or not key.strip() or "," in key:
        raise UsageProblem(
            "that is no MEMBER:KEY" if "," not in key else "one KEY at a time, without commas",
            target=option,
            code="bad-own",
            hint=f"say `{option} bob:model.default` or `{option} bob:OPENAI_API_KEY`",
        )
    key = key.strip()
    if key not in LINKED:
        path = parsed_path(key)
        at = next((number for number, part in enumerate(path) if part[:1] == "["), None)
        if at is not None:
            raise UsageProblem(
                f"{key} names an item of a list, which is kept or shared as a whole",
                target=option,
                code="bad-own",
                hint=f"say `{option} {member}:{path_text(path[:at])}`",
            )
        key = path_text(path)
    return Override(check_existing_name(member), key, keep)


# How the paths of a pool are said, so that none is taken for a setting: `skills` is one of config.yaml, too.
LINKED = tuple(path if path.endswith(".md") else f"{path}/" for path in linked_paths(Share))


def apply_overrides(
    before: Membership, asked: Iterable[Override], variables: Collection[str], settings: Iterable[Value]
) -> Membership:
    """Return a membership after what was asked.

    `variables`, `settings`: what there is to be named. Raises NotFound for a key that neither the member nor its lead
    has, and for one that the member does not keep.
    """
    own = list(before.own)
    settings = tuple(settings)
    for each in asked:
        if each.keep and each.key not in own:
            if not _is_known(each.key, variables, settings):
                raise NotFound(
                    f"neither {each.member} nor its lead has {each.key}",
                    target=each.key,
                    code="not-set",
                    hint=f"see `hermes-profiles config get {each.member}` and `hermes-profiles env list {each.member}`",
                )
            own.append(each.key)
        elif not each.keep and each.key not in own:
            kept = ", ".join(own) or "nothing"
            raise NotFound(
                f"{each.member} does not keep {each.key} for itself",
                target=each.key,
                code="not-own",
                hint=f"it keeps {kept}; see `hermes-profiles team show {before.team}`",
            )
        elif not each.keep:
            own = [key for key in own if key != each.key]
    return before._replace(own=tuple(own))


def _is_known(key: str, variables: Collection[str], settings: Iterable[Value]) -> bool:
    if key in LINKED or key in variables:
        return True
    return any(value.at(parsed_path(key)) is not None for value in settings)
