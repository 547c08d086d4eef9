"""The end of a move that is in a cluster: its volume while the move lasts, and the claims of the bots that move."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.kubernetes.claims import (
    BotClaim,
    held_elsewhere,
    read_claims,
    release_claims,
    take_claims,
)
from hermes_profiles.kubernetes.engine import replica_fault
from hermes_profiles.kubernetes.loader import LoaderTarget
from hermes_profiles.kubernetes.place_objects import KubectlObjects
from hermes_profiles.kubernetes.volume_hold import HeldBy, VolumeHold
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.moves.cluster_side import ClusterSide
from hermes_profiles.moves.source_side import moves_folder
from hermes_profiles.places.fleet_key import own_key
from hermes_profiles.places.model import KubernetesTarget, Place

from ..fleet_context import FleetSession
from ..places.place_facts import identities_of
from ..places.places import share_key
from .move_sides import OtherSide


@dataclass
class ClusterEnd:
    """One end of a move, as a context manager: on exit the place is as before, and up where a gateway moved to it.

    `role`: source or target; `dry_run`: nothing is started, locked or given; `warnings`: what could not be cleaned up.
    """

    session: FleetSession
    place: Place
    target: KubernetesTarget
    role: str
    hold: VolumeHold
    dry_run: bool = False
    warnings: list[Problem] = field(default_factory=list)
    _claims: tuple[BotClaim, ...] = ()
    _lock: int | None = None

    def __enter__(self) -> ClusterEnd:
        """Be the only command of this root that moves to or from the place. Raises Refused."""
        if self.dry_run:
            return self
        path = moves_folder(self.session.layout) / f"place-{self.place.name}.lock"
        make_folder(path.parent)
        self._lock = acquire_lock(path, wait=0.0)
        if self._lock is None:
            raise Refused(
                f"another command moves profiles to or from {self.place.name}",
                target=self.place.name,
                code="busy",
                hint="run it again later",
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.dry_run:
            return
        try:
            self.hold.release()
        except HermesProfilesError as error:
            self.warnings.append(
                Problem(
                    "place-loader",
                    f"{self.place.name} is not as before: {error.problem.message}",
                    self.place.name,
                    f"see it with `hermes-gateways place check {self.place.name}`",
                )
            )
        finally:
            if self._lock is not None:
                os.close(self._lock)

    @property
    def side(self) -> ClusterSide:
        """Return this end for the mover."""
        environment = self.session.environment
        drop = self._drop_claims if self.role == "source" else self._drop_claims_safely
        return ClusterSide(
            self.hold,
            OtherSide(self.place, self.role, environment),
            OtherSide(_loader_of(self.place, self.target), self.role, environment),
            drop,
        )

    def look(self, request: Mapping[str, Any], role: str) -> Mapping[str, Any] | None:
        """Return the facts of the place. A dry run starts nothing, so it returns None for a pod that is not up."""
        if self.dry_run and self.hold.held_by() is HeldBy.NOTHING:
            return None
        environment = self.session.environment
        loader = OtherSide(_loader_of(self.place, self.target), role, environment)
        return ClusterSide(self.hold, OtherSide(self.place, role, environment), loader).ask("look", request)

    def fault(self) -> Problem | None:
        """Return the fault that blocks every move to or from this place, None without one."""
        return replica_fault(self.place, self.session.environment)

    def ready_claims(self, names: Sequence[str]) -> list[Problem]:
        """Read which bots will be claimed, and return a refusal for each that another place in the cluster has.

        The place gets the key of the fleet before, unless it is a dry run. Raises Refused for one of another fleet.
        """
        if not self.dry_run:
            is_pod = self.hold.held_by() is HeldBy.POD
            share_key(self.session, self.place if is_pod else _loader_of(self.place, self.target))
        key = own_key(self.session.environment)
        if key is None:
            return []
        wanted = {
            each.mark: BotClaim(each.mark, each.channel, self.target.name, name)
            for name in names
            for each in identities_of(self.session, name, key)
        }
        self._claims = tuple(wanted.values())
        held = {each.mark: each for each in read_claims(self.target, self.session.environment)} if wanted else {}
        return [
            held_elsewhere(self.target, claim, held[mark]).problem
            for mark, claim in wanted.items()
            if mark in held and held[mark].owner != claim.owner
        ]

    def take_claims(self, names: Sequence[str]) -> None:
        """Claim the bots of these profiles, which are connected there. Raises Refused that names another holder."""
        take_claims(self.target, [each for each in self._claims if each.profile in names], self.session.environment)
        self.hold.keep_open()

    def _drop_claims(self, name: str) -> None:
        environment = self.session.environment
        own = [each for each in read_claims(self.target, environment) if each.owner == self.target.name]
        release_claims(self.target, [each for each in own if each.profile == name], environment)

    def _drop_claims_safely(self, name: str) -> None:
        """Drop the claims of a profile that was given back; a failure must not keep it from its source."""
        try:
            self._drop_claims(name)
        except HermesProfilesError as error:
            hint = f"remove them with `hermes-gateways place claim {self.place.name} --release`"
            text = f"the claims of {name} are still those of {self.place.name}: {error.problem.message}"
            self.warnings.append(Problem("claims-kept", text, name, hint))


def cluster_end(
    session: FleetSession, place: Place, role: str, on_step: Callable[[str, str], None], *, dry_run: bool
) -> ClusterEnd | None:
    """Return the end of a move in a cluster, None for a place of another kind."""
    if place.kubernetes is None:
        return None
    holder = f"{os.uname().nodename}:{session.layout.root}"
    objects = KubectlObjects(place.kubernetes, session.environment)
    hold = VolumeHold(place.kubernetes, objects, holder, lambda step: on_step(place.name, step))
    return ClusterEnd(session, place, place.kubernetes, role, hold, dry_run)


def _loader_of(place: Place, target: KubernetesTarget) -> Place:
    return place._replace(kubernetes=LoaderTarget(*target))
