"""Runs `kubectl` for a place: the user's own program, with its logins, proxies and contexts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.model import KubernetesTarget
from hermes_profiles.places.transport import PlaceSilent

# Seconds for one request; the process gets as long again for the logins that it runs.
REQUEST = 10
# What kubectl prints when the API server answered and refused; all else is a server that was not reached.
_ANSWERED = "Error from server"
_GAVE_UP = ("error: timed out waiting", "error: no matching resources")
# Of an object that the server does not accept, and of a command in a pod that ended with another code than 0.
_ANSWERS = (" is invalid: ", "command terminated with exit code")
_OVERLOADED = {"Timeout", "ServerTimeout", "ServiceUnavailable", "TooManyRequests", "InternalError"}


class KubectlOutput(NamedTuple):
    """How a command of kubectl ended."""

    code: int
    out: bytes
    err: str

    def __repr__(self) -> str:
        """Return a text without the output."""
        return f"KubectlOutput(code={self.code})"

    @property
    def reason(self) -> str:
        """Return the reason of the server, such as `AlreadyExists`; "" where the server gave none."""
        _, found, rest = self.err.partition(f"{_ANSWERED} (")
        return rest.partition(")")[0] if found else ""


def kubectl_words(target: KubernetesTarget, words: Sequence[str]) -> list[str]:
    """Return the command line of kubectl in the namespace of a place."""
    context = ["--context", target.context] if target.context else []
    return ["kubectl", *context, "-n", target.namespace, *words]


def run_kubectl(
    target: KubernetesTarget,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    typed: bytes = b"",
    limit: float = 2 * REQUEST,
) -> KubectlOutput:
    """Run kubectl to its end. `typed`: its standard input.

    Raises PlaceSilent (exit 4) where there is no kubectl, or the API server does not answer.
    """
    line = kubectl_words(target, words)
    shown = f"{target.namespace}/{target.name}"
    try:
        done = subprocess.run(line, env=dict(environment), input=typed, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise PlaceSilent(
            f"{shown}: the cluster did not answer within {limit:g} s", target=shown, hint=_hint(target)
        ) from None
    except OSError as error:
        why = "is not on PATH" if isinstance(error, FileNotFoundError) else f"cannot be run: {error.strerror}"
        raise PlaceSilent(
            f"{shown}: `kubectl` {why}", target=shown, code="no-client", hint="install `kubectl`"
        ) from error
    output = KubectlOutput(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
    has_answer = output.reason not in {"", *_OVERLOADED} or output.err.startswith(_GAVE_UP)
    has_answer = has_answer or any(each in output.err for each in _ANSWERS)
    if output.code and not output.out and not has_answer:
        raise PlaceSilent(f"{shown}: {_last_line(output.err)}", target=shown, hint=_hint(target))
    return output


def read_objects(
    target: KubernetesTarget, words: Sequence[str], environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the objects that `kubectl get … -o json` prints, [] for none. Raises PlaceSilent, Failed."""
    output = run_kubectl(target, ["get", *words, "-o", "json", f"--request-timeout={REQUEST}s"], environment)
    if output.code and output.reason != "NotFound":
        raise refused_by_server(target, output)
    try:
        found = json.loads(output.out) if output.out.strip() else {}
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        return []
    items = found.get("items")
    rows = items if isinstance(items, list) else [found] if found.get("kind") else []
    return [row for row in rows if isinstance(row, dict)]


def refused_by_server(target: KubernetesTarget, output: KubectlOutput) -> Failed:
    """Return the error of a request that the API server refused, as for a lack of rights."""
    return Failed(
        f"{target.namespace}/{target.name}: {_last_line(output.err)}",
        target=f"{target.namespace}/{target.name}",
        code="cluster-refused",
        hint=f"see your rights with `{' '.join(kubectl_words(target, ['auth', 'can-i', '--list']))}`",
    )


def _last_line(err: str) -> str:
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else "kubectl ended without a message"


def _hint(target: KubernetesTarget) -> str:
    return f"try it with `{' '.join(kubectl_words(target, ['get', 'pods']))}`"
