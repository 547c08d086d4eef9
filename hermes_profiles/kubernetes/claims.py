"""Claims of bots in a cluster: one ConfigMap for each identity, named by its fingerprint.

Names are unique in the API server, so of two creators one is always refused. The object names its owner.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.model import KubernetesTarget

from .kubectl import REQUEST, kubectl_words, read_objects, refused_by_server, run_kubectl
from .names import object_name

_PREFIX = "hermes-claim-"
_MANAGED = "app.kubernetes.io/managed-by=hermes-profiles"
_KIND = "hermes-profiles.io/claim"
_OWNER = "hermes-profiles.io/owner"
_REQUESTS = f"--request-timeout={REQUEST}s"


class BotClaim(NamedTuple):
    """A bot that a place uses. `mark`: its fingerprint under the key of the fleet, hex digits; `owner`: the place."""

    mark: str
    channel: str
    owner: str
    profile: str

    @property
    def name(self) -> str:
        """Return the name of its ConfigMap."""
        return _PREFIX + self.mark


class ClaimResult(NamedTuple):
    """Claims after a call: those that were made by it, and those that the place had already."""

    made: tuple[BotClaim, ...]
    kept: tuple[BotClaim, ...]


def take_claims(target: KubernetesTarget, claims: Sequence[BotClaim], environment: Mapping[str, str]) -> ClaimResult:
    """Claim bots for their place: all of them, or none.

    Raises Refused (exit 6) that names the holder of one that another place has; PlaceSilent, Failed.
    """
    made: list[BotClaim] = []
    kept: list[BotClaim] = []
    try:
        for claim in claims:
            (made if _create(target, claim, environment) else kept).append(claim)
    except BaseException:
        release_claims(target, made, environment)
        raise
    return ClaimResult(tuple(made), tuple(kept))


def release_claims(target: KubernetesTarget, claims: Iterable[BotClaim], environment: Mapping[str, str]) -> None:
    """Remove claims of their own place; those that another place has stay. Raises PlaceSilent, Failed."""
    by_owner: dict[str, list[str]] = {}
    for claim in claims:
        by_owner.setdefault(claim.owner, []).append(claim.mark)
    for owner, marks in by_owner.items():
        # The selector also names the owner: a claim that another place took since stays.
        selector = f"{_MANAGED},{_OWNER}={_label(owner)},{_KIND} in ({','.join(marks)})"
        words = ["delete", "configmap", "--selector", selector, "--ignore-not-found", "--wait=false", _REQUESTS]
        done = run_kubectl(target, words, environment)
        if done.code:
            raise refused_by_server(target, done)


def read_claims(target: KubernetesTarget, environment: Mapping[str, str]) -> tuple[BotClaim, ...]:
    """Return all claims in the namespace. Raises PlaceSilent, Failed."""
    words = ["configmaps", "--selector", f"{_MANAGED},{_KIND}"]
    found = (_claim(each) for each in read_objects(target, words, environment))
    return tuple(claim for claim in found if claim is not None)


def _create(target: KubernetesTarget, claim: BotClaim, environment: Mapping[str, str]) -> bool:
    """Return whether a claim was made; False for one that its place has already. Raises Refused for another holder."""
    document = json.dumps(_document(claim)).encode()
    done = run_kubectl(target, ["create", "--validate=false", "-f", "-", _REQUESTS], environment, typed=document)
    if done.code == 0:
        return True
    if done.reason != "AlreadyExists":
        raise refused_by_server(target, done)
    held = [_claim(each) for each in read_objects(target, [f"configmap/{claim.name}"], environment)]
    holder = held[0] if held else None
    if holder is None:
        raise Failed(
            f"the claim {claim.name} was removed while it was read",
            target=claim.name,
            code="claim-changed",
            hint="run the command again",
        )
    if holder.owner == claim.owner:
        return False
    raise held_elsewhere(target, claim, holder)


def held_elsewhere(target: KubernetesTarget, claim: BotClaim, holder: BotClaim) -> Refused:
    """Return the error of a bot that another place has claimed."""
    remove = " ".join(kubectl_words(target, ["delete", "configmap", claim.name]))
    return Refused(
        f"the {claim.channel} account of {claim.profile} is claimed by {holder.owner}/{holder.profile}",
        target=claim.profile,
        code="claimed-elsewhere",
        hint=f"stop it there first; when {holder.owner} is gone for good, use `{remove}`",
    )


def _document(claim: BotClaim) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "hermes-profiles", _KIND: claim.mark, _OWNER: _label(claim.owner)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": claim.name, "labels": labels},
        "data": {"owner": claim.owner, "profile": claim.profile, "channel": claim.channel},
    }


def _claim(document: Mapping[str, Any]) -> BotClaim | None:
    """Return the claim of a ConfigMap, None for another one."""
    metadata, data = document.get("metadata"), document.get("data")
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    if not name.startswith(_PREFIX) or not isinstance(data, Mapping):
        return None
    owner, profile, channel = (_shown(data.get(key)) for key in ("owner", "profile", "channel"))
    return BotClaim(name.removeprefix(_PREFIX), channel, owner, profile)


def _label(text: str) -> str:
    return object_name(text)


def _shown(text: Any) -> str:
    """Return a text of the cluster without control characters."""
    return "".join(each for each in str(text or "unknown") if each.isprintable())[:64]
