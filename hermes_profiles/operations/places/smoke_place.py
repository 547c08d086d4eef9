"""`place check --smoke`: try the cluster of a place with its image, in a namespace that is deleted afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import hermes_profiles
from hermes_profiles.kubernetes.kubectl import kubectl_words, read_objects
from hermes_profiles.kubernetes.loader import no_stateful_set
from hermes_profiles.kubernetes.model import (
    ACCESS_MODES,
    DATA,
    LEAN_GATEWAY_MEMORY,
    OFFICIAL_IMAGE,
    KubernetesPlace,
    check_image,
)
from hermes_profiles.kubernetes.names import CONTAINER
from hermes_profiles.kubernetes.place_objects import KubectlObjects
from hermes_profiles.kubernetes.render import OBJECTS, render
from hermes_profiles.kubernetes.smoke import PATIENCE, STEPS, SmokeStep, SmokeTest, StepState
from hermes_profiles.model.errors import ExitCode, Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.file import place_named
from hermes_profiles.places.model import KubernetesTarget, Place

from ..context import Session

_NAME, _PREFIX = "hermes", "hermes-smoke-"
_STOP = 60.0


class SmokeResult(NamedTuple):
    """A trial of a cluster. `manifests`: what is applied; `steps`: in their order."""

    place: Place
    namespace: str
    image: str
    manifests: str
    steps: tuple[SmokeStep, ...]
    dry_run: bool

    @property
    def failed(self) -> tuple[SmokeStep, ...]:
        """Return the steps that failed."""
        return tuple(step for step in self.steps if step.state is StepState.FAILED)

    @property
    def problems(self) -> list[Problem]:
        """Return each failed step with the command that helps."""
        name = self.place.name
        return [Problem("smoke-failed", f"{name}: {step.name}: {step.detail}", name, step.hint) for step in self.failed]

    @property
    def exit_code(self) -> ExitCode:
        """Return 4 where the cluster did not answer, 3 where a step failed, else 0."""
        if any(step.is_silent for step in self.failed):
            return ExitCode.MANAGER
        return ExitCode.NEGATIVE if self.failed else ExitCode.OK


class SmokeRequest(NamedTuple):
    """What to try. `image`: None for that of the place; `patience`: seconds for the pod to start."""

    name: str
    image: str | None = None
    dry_run: bool = False
    patience: float = PATIENCE


def smoke_place(session: Session, request: SmokeRequest, on_step: Callable[[SmokeStep], None]) -> SmokeResult:
    """Try the cluster of a place. A dry run asks the cluster for the image of the place only, and makes nothing.

    Raises UsageProblem for a place of another kind, Refused without an image, PlaceSilent.
    """
    place = place_named(session.environment, request.name, own_root=session.layout.root)
    if place.kubernetes is None:
        raise UsageProblem(
            f"{place.name} is not in a cluster",
            target="--smoke",
            hint=f"check it with `hermes-gateways place check {place.name}`",
        )
    target = KubernetesTarget(_PREFIX + os.urandom(4).hex(), _NAME, place.kubernetes.context)
    wanted = _wanted(session, place.kubernetes, request.image)
    files = dict(render(wanted._replace(namespace=target.namespace)))
    manifests = b"---\n".join(files[name] for name in OBJECTS)
    if request.dry_run:
        steps = tuple(SmokeStep(name, StepState.PLANNED, text) for name, text in STEPS.items())
    else:
        trial = SmokeTest(
            target,
            manifests,
            wanted.image,
            float(wanted.grace),
            DATA,
            session.environment,
            on_step,
            patience=request.patience,
        )
        with _terminated_as_interrupted():
            steps = trial.run()
    return SmokeResult(place, target.namespace, wanted.image, manifests.decode(), steps, request.dry_run)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Have SIGTERM end this command as Ctrl-C does, so that the namespace is deleted."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wanted(session: Session, target: KubernetesTarget, image: str | None) -> KubernetesPlace:
    """Return the small place that is tried: the image and the kind of volume of the real one, or the usual kind."""
    if image is not None:
        check_image(image, "--image")
    found = KubectlObjects(target, session.environment).read().stateful_set
    pod = (((found or {}).get("spec") or {}).get("template") or {}).get("spec") or {}
    containers = [each for each in pod.get("containers") or () if isinstance(each, Mapping)]
    container = next((each for each in containers if each.get("name") == CONTAINER), next(iter(containers), {}))
    wanted = image or str(container.get("image") or "")
    if not wanted:
        error = no_stateful_set(target, f"there is no StatefulSet {target.name}, so no image is known")
        raise type(error)(
            error.problem.message,
            target=error.problem.target,
            code=error.problem.code,
            hint="name one with `--image REF`",
        )
    claim = _volume_claim(session, target, pod)
    modes = [str(each) for each in claim.get("accessModes") or ()]
    return KubernetesPlace(
        name=_NAME,
        image=wanted,
        base=OFFICIAL_IMAGE,
        profiles=1,
        gateways=1,
        stop=_STOP,
        version=hermes_profiles.__version__,
        access_mode=next((each for each in modes if each in ACCESS_MODES), ACCESS_MODES[0]),
        storage="1Gi",
        storage_class=str(claim.get("storageClassName") or ""),
        memory=LEAN_GATEWAY_MEMORY,
    )


def _volume_claim(session: Session, target: KubernetesTarget, pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the spec of the volume claim of a pod, {} where it has none yet."""
    names = [
        str(each["persistentVolumeClaim"].get("claimName"))
        for each in pod.get("volumes") or ()
        if isinstance(each.get("persistentVolumeClaim"), Mapping)
    ]
    if not names:
        return {}
    words = [f"persistentvolumeclaim/{names[0]}", "--ignore-not-found"]
    found = next(iter(read_objects(target, words, session.environment)), {})
    spec = found.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def shown_apply(result: SmokeResult) -> str:
    """Return the command that a trial runs for its objects."""
    target = result.place.kubernetes
    context = target.context if target is not None else ""
    where = KubernetesTarget(result.namespace, _NAME, context)
    return " ".join(kubectl_words(where, ["apply", "--server-side", "-f", "-"]))
