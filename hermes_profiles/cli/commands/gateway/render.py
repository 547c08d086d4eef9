"""render: the files of a root for another engine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun, Group
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.kubernetes.model import ACCESS_MODES, LIMIT, is_official
from hermes_profiles.kubernetes.render import LOADER
from hermes_profiles.model.errors import Result
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.places.render_kubernetes import RenderRequest, RenderResult
from hermes_profiles.operations.places.render_kubernetes import render_kubernetes as write_files


class PodOptions(NamedTuple):
    """The options of the pod and its volume."""

    base: Annotated[
        str | None,
        typer.Option("--from", metavar="REF", help="What the Dockerfile builds on (default: the image of Hermes)."),
    ] = None
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the objects (default: of the group or root).")
    ] = None
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Namespace (default: of kubectl's context).")
    ] = None
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Time zone of timed jobs (default: of this machine)."),
    ] = None
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Request for one gateway (384Mi; 256Mi without channel SDKs)."),
    ] = None
    storage: Annotated[str, typer.Option("--storage", metavar="SIZE", help="Size of the volume.")] = "10Gi"
    storage_class: Annotated[
        str | None, typer.Option("--storage-class", metavar="NAME", help="Storage class (default: of the cluster).")
    ] = None
    access_mode: Annotated[
        str,
        typer.Option(
            "--access-mode",
            metavar="|".join(ACCESS_MODES),
            help="The second where the storage class has no first.",
        ),
    ] = ACCESS_MODES[0]
    env_secret: Annotated[
        list[str] | None,
        typer.Option("--env-secret", metavar="NAME", help="A Secret of the cluster whose keys become variables."),
    ] = None


Image = Annotated[str, typer.Option("--image", metavar="REF", help="The image that the pod runs, with its digest.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the files.")]
ForceFiles = Annotated[bool, typer.Option("--force", help="Overwrite a file of another program or one edited by hand.")]


@command(
    "render",
    "kubernetes",
    examples=(
        "hermes-gateways render kubernetes --image registry.example.org/hermes:1 -o deploy",
        "hermes-gateways render kubernetes --group family --image registry.example.org/hermes:1 -o family",
        "hermes-gateways render kubernetes --image registry.example.org/hermes:1 -o deploy --dry-run",
    ),
)
def render_kubernetes(
    session: FleetSession,
    image: Image,
    output: Output,
    pod: PodOptions,
    group: Group = None,
    force: ForceFiles = False,
    dry_run: DryRun = False,
) -> Answer:
    """Write a Kustomize base and a Dockerfile for a pod that runs all gateways of this root, or of a group.

    The same root and options give the same bytes. No file has a secret. Nothing is sent to a cluster: `kubectl apply
    --server-side -k DIR` does that.
    """
    request = RenderRequest(
        image=image,
        folder=output.absolute(),
        group=group,
        base=pod.base,
        name=pod.name,
        namespace=pod.namespace or "",
        timezone=pod.timezone,
        access_mode=pod.access_mode,
        storage=pod.storage,
        storage_class=pod.storage_class or "",
        secrets=tuple(pod.env_secret or ()),
        memory=pod.memory,
        force=force,
        dry_run=dry_run,
    )
    return _answer(write_files(session, request), output)


app = command_group("Write the files of a root for another engine.", {"kubernetes": render_kubernetes})


def _answer(result: RenderResult, output: Path) -> Answer:
    place = result.place
    data = {
        "name": place.name,
        "image": place.image,
        "base": place.base,
        "profiles": place.profiles,
        "gateways": place.gateways,
        "timezone": place.timezone or None,
        "memory_request_mib": place.memory_request,
        "grace_s": place.grace,
        "dry_run": result.dry_run,
        "files": [{"path": str(each.path), "outcome": each.outcome, "bytes": each.size} for each in result.files],
    }
    return Answer(Result(("render", "kubernetes"), data, list(result.warnings)), lambda: _lines(result, output))


def _lines(result: RenderResult, output: Path) -> Iterator[str]:
    place = result.place
    for each in result.files:
        yield f"{each.outcome:9}  {each.path.name}"
    what = f"{place.name}: {place.gateways} gateways" if place.gateways > 1 else f"{place.name}: 1 gateway"
    request = place.memory_request
    yield f"{what}, {request} MiB requested (limit {request * LIMIT} MiB), {place.grace} s to stop"
    if result.dry_run:
        yield "dry run: nothing was changed"
        return
    yield "next:"
    folder, volume, loader = (shlex.quote(str(output / name)) for name in ("", "pvc.yaml", LOADER))
    if not is_official(place.image):
        yield f"  docker build -t {place.image.partition('@')[0]} {folder}"
    namespace = f" -n {place.namespace}" if place.namespace else ""
    yield f"  kubectl apply{namespace} -f {volume} -f {loader}   # then fill the volume, and delete the loader"
    yield f"  kubectl diff -k {folder}"
    yield f"  kubectl apply --server-side -k {folder}"
