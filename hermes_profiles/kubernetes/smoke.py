"""A trial of a cluster in a namespace that is deleted in every case: a small pod, its probe, its files, its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from hermes_profiles.model.errors import ExitCode, Failed, HermesProfilesError, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.model import KubernetesTarget

from .claims import BotClaim, take_claims
from .kubectl import REQUEST, KubectlOutput, kubectl_words, read_objects, refused_by_server, run_kubectl
from .names import MANAGED_BY
from .place_objects import KubectlObjects
from .pod_states import is_up, pod_state, seconds_of
from .render import PROBE

_LABEL = {"hermes-profiles.io/smoke": "true"}
# Seconds for an image and a volume to come, and beyond the grace period for a node to confirm an end.
PATIENCE, _CONFIRM = 300.0, 30.0
# Seconds after which a namespace is of a trial that was killed: a trial takes a few minutes.
_LEFT = 3600.0
_REQUESTS = f"--request-timeout={REQUEST}s"
# Prints each folder outside the volume and /tmp in which this user can write a file; what a node mounts is its own.
_WRITES = """
{ for at in / /etc /usr /usr/local /opt /var /var/tmp /root /home /run /srv; do echo "$at"; done
while read -r _ at _ options _; do case ",$options," in *,rw,*) echo "$at";; esac; done < /proc/mounts; } |
sort -u | while read -r at; do
case "$at" in DATA|DATA/*|/tmp|/tmp/*|/dev|/dev/*|/proc|/proc/*|/sys|/sys/*|*/secrets/*) continue;; esac
[ -d "$at" ] || continue
if ( : > "$at/.hermes-smoke" ) 2>/dev/null; then rm -f "$at/.hermes-smoke"; echo "$at"; fi
done
"""


class StepState(StrEnum):
    """How a step of a trial ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "not-run"
    PLANNED = "planned"


class SmokeStep(NamedTuple):
    """A step of a trial. `hint`: the command that helps; `is_silent`: the cluster did not answer."""

    name: str
    state: StepState
    detail: str = ""
    hint: str | None = None
    seconds: float = 0.0
    is_silent: bool = False


# Name → what it shows.
STEPS: Mapping[str, str] = {
    "namespace": "a namespace of its own can be made",
    "apply": "the objects are accepted",
    "ready": "the pod starts, and its startup probe passes",
    "probe": "the exec probe of the pod is answered",
    "files": "no file can be written outside the volume and /tmp",
    "claims": "a second claimant of one bot is refused",
    "stop": "SIGTERM ends the pod within its grace period",
    "removed": "the namespace is deleted",
}
_AFTER_READY = ("probe", "files", "claims", "stop")


@dataclass
class SmokeTest:
    """A trial. `target`: in the namespace that it makes; `manifests`: YAML; `data`: where the volume is mounted.

    `patience`: seconds for the pod to start; `pause`: seconds between two looks; `apply_options`: of `kubectl apply`.
    """

    target: KubernetesTarget
    manifests: bytes
    image: str
    grace: float
    data: str
    environment: Mapping[str, str]
    on_step: Callable[[SmokeStep], None] = lambda _: None
    patience: float = PATIENCE
    pause: ClassVar[float] = 1.0
    apply_options: ClassVar[tuple[str, ...]] = ()
    _done: dict[str, SmokeStep] = field(default_factory=dict)

    def run(self) -> tuple[SmokeStep, ...]:
        """Carry the trial out; the namespace is deleted in every case, also after an interrupt."""
        try:
            if all(self._step(name) for name in ("namespace", "apply", "ready")):
                for name in _AFTER_READY:
                    if not self._step(name) and self._done[name].is_silent:
                        break
        finally:
            self._step("removed")
        return tuple(self._done.get(name, SmokeStep(name, StepState.NOT_RUN)) for name in STEPS)

    def _step(self, name: str) -> bool:
        begin = time.monotonic()
        try:
            step = SmokeStep(name, StepState.OK, getattr(self, f"_{name}")())
        except HermesProfilesError as error:
            problem = error.problem
            silent = error.exit_code is ExitCode.MANAGER
            step = SmokeStep(name, StepState.FAILED, problem.message, problem.hint, is_silent=silent)
        step = self._done[name] = step._replace(seconds=round(time.monotonic() - begin, 1))
        self.on_step(step)
        return step.state is StepState.OK

    def _namespace(self) -> str:
        metadata = {"name": self.target.namespace, "labels": {**MANAGED_BY, **_LABEL}}
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self._run(["create", "--validate=false", "-f", "-"], json.dumps(document).encode())
        left = self._left_behind()
        for name in left:
            self._run(["delete", "namespace", name, "--ignore-not-found", "--wait=false"])
        more = f"; removed {', '.join(left)}, which an earlier trial left" if left else ""
        return f"{self.target.namespace}{more}"

    def _left_behind(self) -> list[str]:
        """Return the namespaces of trials that were killed long ago, [] where this account may not list them."""
        selector = ",".join(f"{key}={value}" for key, value in _LABEL.items())
        try:
            found = read_objects(self.target, ["namespaces", "-l", selector], self.environment)
        except HermesProfilesError:
            return []
        rows = [row["metadata"] for row in found if row.get("kind") == "Namespace" and "metadata" in row]
        oldest = time.time() - _LEFT
        return [str(row["name"]) for row in rows if (seconds_of(row.get("creationTimestamp")) or oldest) < oldest]

    def _apply(self) -> str:
        self._run(
            ["apply", "--server-side", "--field-manager=hermes-profiles", *self.apply_options, "-f", "-"],
            self.manifests,
        )
        return "a StatefulSet, its volume, a Service and a NetworkPolicy"

    def _ready(self) -> str:
        deadline = time.monotonic() + self.patience
        pod: Mapping[str, Any] | None = None
        while True:
            pod = KubectlObjects(self.target, self.environment).read().pod
            if pod is not None and is_up(pod):
                node = str((pod.get("spec") or {}).get("nodeName") or "")
                return f"on {node}" if node else ""
            facts = pod_state(self.target, pod, time.time()) if pod is not None else None
            if time.monotonic() >= deadline or (facts is not None and facts.state in ("failed", "crash-looping")):
                break
            time.sleep(self.pause)
        text = facts.detail if facts is not None else "there is no pod"
        event = self._event()
        text = f"{text} ({event})" if event and event not in text else text
        raise Failed(text, hint=self._start_hint(text))

    def _probe(self) -> str:
        done = self._exec(list(PROBE))
        if done.code:
            text = done.err.strip().splitlines() or ["no message"]
            raise Failed(f"exit code {done.code}: {text[0]}", hint=self._try_image())
        return " ".join(PROBE)

    def _files(self) -> str:
        done = self._exec(["sh", "-c", _WRITES.replace("DATA", self.data)])
        found = done.out.decode("utf-8", "replace").split()
        if done.code or found:
            text = f"can be written: {', '.join(found[:5])}" if found else f"exit code {done.code}"
            webhooks = " ".join(kubectl_words(self.target, ["get", "mutatingwebhookconfigurations"]))
            raise Failed(text, hint=f"look for what changes pods of this cluster with `{webhooks}`")
        return "the root file system is read only"

    def _claims(self) -> str:
        first = BotClaim("0" * 32, "telegram", self.target.name, "smoke")
        take_claims(self.target, [first], self.environment)
        try:
            take_claims(self.target, [first._replace(owner="another")], self.environment)
        except Refused:
            return "a ConfigMap for each bot"
        raise Failed("two places could claim one bot", hint=self._rights("create", "configmaps"))

    def _stop(self) -> str:
        objects = KubectlObjects(self.target, self.environment)
        objects.scale(0, None)
        begin = time.monotonic()
        while objects.read().pod is not None:
            if time.monotonic() - begin > self.grace + _CONFIRM:
                break
            time.sleep(self.pause)
        took = time.monotonic() - begin
        if took >= self.grace:
            hint = "build the image with the Dockerfile of `hermes-gateways render kubernetes`: its process is ours"
            raise Failed(f"it was killed after the grace period of {self.grace:g} s", hint=hint)
        return f"within {took:.0f} s of {self.grace:g} s"

    def _removed(self) -> str:
        words = ["delete", "namespace", self.target.namespace, "--ignore-not-found", "--wait=false"]
        remove = " ".join(kubectl_words(self.target, words[:3]))
        try:
            self._run(words)
        except HermesProfilesError as error:
            text = error.problem.message
            raise type(error)(text, code=error.problem.code, hint=f"delete it with `{remove}`") from error
        return self.target.namespace

    def _run(self, words: list[str], typed: bytes = b"") -> None:
        done = run_kubectl(self.target, [*words, _REQUESTS], self.environment, typed=typed)
        if done.code:
            raise refused_by_server(self.target, done)

    def _exec(self, words: list[str]) -> KubectlOutput:
        """Run a command in the pod. Its own exit code is in the result."""
        line = ["exec", "-i", self.target.pod, "--", *words]
        return run_kubectl(self.target, line, self.environment, limit=60.0)

    def _event(self) -> str:
        """Return the last warning of the namespace, "" without one."""
        try:
            found = read_objects(self.target, ["events"], self.environment)
        except HermesProfilesError:
            return ""
        texts = [str(each.get("message", "")) for each in found if each.get("type") == "Warning"]
        return "".join(each for each in texts[-1] if each.isprintable())[:200] if texts else ""

    def _start_hint(self, text: str) -> str:
        if "Image" in text:
            return f"try the image with `docker pull {self.image}`; a private one needs a pull secret of the nodes"
        if "olume" in text or "no pod" in text:
            return f"see the storage with `{' '.join(kubectl_words(self.target, ['get', 'storageclass']))}`"
        if text.startswith("Pending"):
            return f"see the nodes with `{' '.join(kubectl_words(self.target, ['describe', 'nodes']))}`"
        return self._try_image()

    def _try_image(self) -> str:
        return f"try it with `docker run --rm --read-only {self.image} hermes-gateways --version`"

    def _rights(self, verb: str, kind: str) -> str:
        return f"see your rights with `{' '.join(kubectl_words(self.target, ['auth', 'can-i', verb, kind]))}`"
