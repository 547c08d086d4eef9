"""Names and labels of Kubernetes objects: which are accepted, and one made of the name of a root or a group. Pure."""

from __future__ import annotations

import hashlib
import re

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.patterns import lazy_pattern

# A StatefulSet labels its pods with `controller-revision-hash: NAME-HASH`. A label has at most 63 characters and the
# hash at most 10, so a longer name is accepted and never gets a pod (kubernetes issue 64023).
LONGEST = 52
RULE = f"1 to {LONGEST} of a-z, 0-9 and -, beginning with a letter, ending with a letter or digit"
MANAGED_BY = {"app.kubernetes.io/managed-by": "hermes-profiles"}
CONTAINER = "gateways"
_LABEL = lazy_pattern(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = lazy_pattern(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?")
_LONGEST_SUBDOMAIN = 253
_DIGITS = 8


def object_name(text: str, prefix: str = "") -> str:
    """Return the name of an object for a text; different texts of one prefix get different names.

    A text that is no name as it is, or too long, is followed by the beginning of its sha256.
    """
    wanted = prefix + text
    # An ending that looks like a checksum is kept for shortened names: `a_b` must not become the name of another text.
    if is_object_name(wanted) and not re.search(rf"-[0-9a-f]{{{_DIGITS}}}$", wanted):
        return wanted
    kept = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")
    if not kept[:1].isalpha() or not kept.isascii():
        kept = f"x-{kept}".strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{kept[: LONGEST - _DIGITS - 1].rstrip('-')}-{digest}"


def is_object_name(text: str) -> bool:
    """Return whether a StatefulSet and its Service can have this name, and get a pod."""
    return len(text) <= LONGEST and _LABEL.fullmatch(text) is not None


def check_object_name(text: str, option: str) -> str:
    """Return the name. Raises UsageProblem."""
    if not is_object_name(text):
        raise UsageProblem(
            f"{text!r} is not a name of a StatefulSet: a name is {RULE}",
            target=option,
            code="bad-name",
            hint=f"use `{option} {object_name(text)}`",
        )
    return text


def check_subdomain(text: str, option: str) -> str:
    """Return the name of a Secret, a storage class or a namespace. Raises UsageProblem."""
    if len(text) > _LONGEST_SUBDOMAIN or _SUBDOMAIN.fullmatch(text) is None:
        raise UsageProblem(
            f"{text!r} is not a name of a Kubernetes object",
            target=option,
            code="bad-name",
            hint="use lower-case letters, digits, `-` and `.`",
        )
    return text


def labels(name: str) -> dict[str, str]:
    """Return the labels that select the pod of a place."""
    return {"app.kubernetes.io/name": "hermes-agent", "app.kubernetes.io/instance": name}


def loader_name(name: str) -> str:
    """Return the name of the pod that holds the volume of a place while files move."""
    return f"{name}-loader"
