"""A place: one Hermes root and how it is reached. Which addresses are accepted."""

from __future__ import annotations

from enum import StrEnum

from hermes_profiles.hermes.profile_names import PATTERN
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

ALL = "all"
LOCAL = "local"
_NAME = lazy_pattern(PATTERN)
# A word that begins with `-` would be an option of ssh, and ssh hands the host on to the shell of a ProxyCommand.
_HOST = lazy_pattern(
    r"(?:ssh://)?(?:[A-Za-z0-9_][A-Za-z0-9._+-]*@)?(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:]+(?:%\w+)?\]?)(?::\d+)?"
)
_CONTEXT = lazy_pattern(r"[A-Za-z0-9_][A-Za-z0-9._:/@+-]*")
_LABEL = lazy_pattern(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class PlaceKind(StrEnum):
    """How a place is reached."""

    LOCAL = "local"
    SSH = "ssh"
    KUBERNETES = "kubernetes"


class KubernetesTarget(NamedTuple):
    """The StatefulSet of a place. `context`: of kubectl, "" for its current one."""

    namespace: str
    name: str
    context: str = ""

    @property
    def pod(self) -> str:
        """Return the name of its only pod."""
        return f"{self.name}-0"


class Place(NamedTuple):
    """One Hermes root and how it is reached.

    `host`: what ssh gets; `kubernetes`: the target of kubectl; `root`: the Hermes root there, "" for the usual one.
    """

    name: str
    kind: PlaceKind
    host: str = ""
    root: str = ""
    kubernetes: KubernetesTarget | None = None

    @property
    def address(self) -> str:
        """Return how it is reached, for messages: the host, NAMESPACE/NAME, or the root."""
        if self.kubernetes is not None:
            return f"{self.kubernetes.namespace}/{self.kubernetes.name}"
        return self.host or self.root


def check_place(place: Place) -> Place:
    """Return a place whose name and address can be used. Raises UsageProblem."""
    if _NAME.fullmatch(place.name) is None or place.name in (ALL, LOCAL):
        raise UsageProblem(
            f"{place.name!r} is not a name of a place",
            target=place.name,
            code="bad-name",
            hint=f"use lower-case letters, digits, `-` and `_`; {ALL!r} and {LOCAL!r} are taken",
        )
    if place.kind is PlaceKind.SSH and _HOST.fullmatch(place.host) is None:
        raise UsageProblem(
            f"{place.host!r} is not a host of ssh",
            target="--ssh",
            code="bad-address",
            hint="use `--ssh USER@HOST`, or the name of a Host in ~/.ssh/config",
        )
    if place.root and not (place.root.startswith(("/", "~/")) and place.root.isprintable()):
        raise UsageProblem(
            f"{place.root!r} is not the path of a root",
            target="--root",
            code="bad-address",
            hint="use a path that begins with `/` or `~/`",
        )
    if place.kind is PlaceKind.LOCAL and not place.root:
        raise UsageProblem("a local place needs its root", target="--local", hint="use `--local PATH`")
    if place.kind is PlaceKind.KUBERNETES:
        _check_target(place.kubernetes)
    return place


def _check_target(target: KubernetesTarget | None) -> None:
    if target is None or _LABEL.fullmatch(target.namespace) is None or _LABEL.fullmatch(target.name) is None:
        raise UsageProblem(
            "a place in a cluster is named NAMESPACE/NAME",
            target="--kubernetes",
            code="bad-address",
            hint="use `--kubernetes NAMESPACE/NAME`: the namespace, and the StatefulSet in it",
        )
    if target.context and _CONTEXT.fullmatch(target.context) is None:
        raise UsageProblem(
            f"{target.context!r} is not a context of kubectl",
            target="--context",
            code="bad-address",
            hint="list the contexts with `kubectl config get-contexts`",
        )
