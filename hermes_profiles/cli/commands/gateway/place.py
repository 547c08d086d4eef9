"""place: the roots that `--place` reaches, on this machine, by ssh and in clusters."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.places import (
    changed_lines,
    checked_lines,
    checked_row,
    place_lines,
    place_row,
    smoke_lines,
    smoke_row,
)
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.places import places as operations
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind

_ADD = "hermes-gateways place add vps --ssh USER@HOST"


class PlaceAddress(NamedTuple):
    """The options of which one says how a place is reached."""

    ssh: Annotated[
        str | None, typer.Option("--ssh", metavar="[USER@]HOST", help="A host, or a name of ~/.ssh/config.")
    ] = None
    kubernetes: Annotated[
        str | None,
        typer.Option("--kubernetes", metavar="NAMESPACE/NAME", help="The StatefulSet of a root in a cluster."),
    ] = None
    local: Annotated[str | None, typer.Option("--local", metavar="PATH", help="Another root on this machine.")] = None
    context: Annotated[
        str | None, typer.Option("--context", metavar="CONTEXT", help="Of kubectl (default: its current one).")
    ] = None
    root: Annotated[
        str | None, typer.Option("--root", metavar="PATH", help="The Hermes root there (default: the usual one).")
    ] = None

    def place(self, name: str) -> Place:
        """Return the place. Raises UsageProblem unless one address is given."""
        if sum(each is not None for each in self[:3]) != 1:
            raise UsageProblem("a place needs one of --ssh, --kubernetes, --local", hint=f"use `{_ADD}`")
        if self.context is not None and self.kubernetes is None:
            raise UsageProblem("--context needs --kubernetes", target="--context", hint="remove --context")
        if self.local is not None:
            if self.root is not None:
                raise UsageProblem("--root and --local exclude each other", target="--root", hint="use `--local PATH`")
            return Place(name, PlaceKind.LOCAL, root=self.local)
        if self.ssh is not None:
            return Place(name, PlaceKind.SSH, host=self.ssh, root=self.root or "")
        namespace, _, stateful_set = (self.kubernetes or "").partition("/")
        target = KubernetesTarget(namespace, stateful_set, self.context or "")
        return Place(name, PlaceKind.KUBERNETES, root=self.root or "", kubernetes=target)


@command(
    "place",
    "add",
    examples=(
        "hermes-gateways place add vps --ssh ada@vps",
        "hermes-gateways place add work --local /srv/hermes",
        "hermes-gateways place add prod --kubernetes agents/hermes-family --context prod",
    ),
)
def add(
    session: FleetSession,
    address: PlaceAddress,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for it.")],
    replace_key: Annotated[
        bool, typer.Option("--replace-key", help="Give it our key of fingerprints, where it has that of another fleet.")
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Add a place: a Hermes root on another host, in a cluster, or in another folder.

    It has to answer. It gets the key of the fleet through the same connection, so that fingerprints are equal in all
    places.
    """
    done = operations.add_place(session, address.place(name), dry_run=dry_run, replaces_key=replace_key)
    data = {"places": [place_row(place) for place in done.places], "outcome": done.outcome, "dry_run": dry_run}
    result = Result(("place", "add"), data, list(done.warnings))
    return Answer(result, lambda: changed_lines(done.places, done.outcome or "", dry_run=dry_run))


@command("place", "list", examples=("hermes-gateways place list", "hermes-gateways place list --json"))
def list_places(session: FleetSession) -> Answer:
    """List the places; `local` is the root of this command."""
    found = operations.list_places(session).places
    return Answer(
        Result(("place", "list"), {"places": [place_row(place) for place in found]}), lambda: place_lines(found)
    )


@command("place", "show", examples=("hermes-gateways place show vps",))
def show(session: FleetSession, name: Annotated[str, typer.Argument(metavar="NAME", help="The place.")]) -> Answer:
    """Show one place, and the command that reaches it."""
    place = operations.show_place(session, name)
    data = place_row(place) | {"command": operations.shown_command(session, place)}
    lines = [
        *(f"{key.replace('_', ' ') + ':':14}{text}" for key, text in data.items() if text is not None),
    ]
    return Answer(Result(("place", "show"), data), lambda: lines)


@command(
    "place",
    "check",
    examples=(
        "hermes-gateways place check",
        "hermes-gateways place check vps --json",
        "hermes-gateways place check prod --smoke --dry-run",
        "hermes-gateways place check prod --smoke",
    ),
)
def check(
    session: FleetSession,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Places (default: all).")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long a place may take to answer.")
    ] = 30.0,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke", help="Try the cluster of a place with a small pod in a namespace that is deleted then."
        ),
    ] = False,
    image: Annotated[
        str | None, typer.Option("--image", metavar="REF", help="With --smoke: the image (default: of the place).")
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Check places: do they answer, versions, file system, clock, linger; each fault with what fixes it.

    With --smoke: does a pod start there, is its probe answered, is all but its volume read only, does SIGTERM end it?
    Exit 3 where a place has a fault, 4 where one does not answer.
    """
    if smoke:
        return _smoke(session, names or [], image, dry_run=dry_run)
    if dry_run or image is not None:
        option = "--dry-run" if dry_run else "--image"
        raise UsageProblem(
            f"{option} needs --smoke", target=option, hint="use `hermes-gateways place check NAME --smoke`"
        )
    from hermes_profiles.operations.places.check_places import check_code, check_places

    checked = check_places(session, names or (), limit=timeout)
    faults = [fault for each in checked for fault in each.faults]
    silent = [fault for each in checked if each.facts is None for fault in each.faults]
    warnings = [fault for fault in faults if fault not in silent]
    result = Result(
        ("place", "check"), {"places": [checked_row(each) for each in checked]}, warnings, silent, check_code(checked)
    )
    return Answer(result, lambda: checked_lines(checked))


def _smoke(session: FleetSession, names: list[str], image: str | None, *, dry_run: bool) -> Answer:
    """Try the cluster of one place."""
    if len(names) != 1:
        raise UsageProblem(
            "--smoke is for one place", target="--smoke", hint="use `hermes-gateways place check NAME --smoke`"
        )
    from hermes_profiles.operations.places.smoke_place import SmokeRequest, smoke_place

    tell = (lambda _step: None) if session.as_json else (lambda step: output.note(f"{step.name}: {step.state}"))
    done = smoke_place(session, SmokeRequest(names[0], image, dry_run), tell)
    silent = [problem for step, problem in zip(done.failed, done.problems, strict=True) if step.is_silent]
    warnings = [problem for problem in done.problems if problem not in silent]
    data = {"places": [place_row(done.place)], "smoke": smoke_row(done)}
    result = Result(("place", "check"), data, warnings, silent, done.exit_code)
    return Answer(result, lambda: smoke_lines(done))


@command("place", "share-key", examples=("hermes-gateways place share-key vps",))
def share_key(
    session: FleetSession,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The place.")],
    dry_run: DryRun = False,
) -> Answer:
    """Give a place the key of the fleet again, as after a reinstallation: fingerprints are equal then."""
    place = operations.show_place(session, name)
    if not dry_run:
        operations.share_key(session, place, replaces=True)
    outcome = "would-be-shared" if dry_run else "shared"
    data = {"places": [place_row(place)], "outcome": outcome, "dry_run": dry_run}
    return Answer(Result(("place", "share-key"), data), lambda: changed_lines((place,), outcome, dry_run=dry_run))


@command(
    "place",
    "remove",
    examples=("hermes-gateways place remove vps", "hermes-gateways place remove vps --dry-run"),
)
def remove(
    session: FleetSession,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Places, as `place list` names them.")],
    dry_run: DryRun = False,
) -> Answer:
    """Remove places from the list. Nothing is changed in them: their gateways run on."""
    gone = operations.remove_places(session, names, dry_run=dry_run)
    outcome = "would-be-removed" if dry_run else "removed"
    data = {"places": [place_row(place) for place in gone], "outcome": outcome, "dry_run": dry_run}
    return Answer(Result(("place", "remove"), data), lambda: changed_lines(gone, outcome, dry_run=dry_run))


@command(
    "place",
    "claim",
    examples=("hermes-gateways place claim prod", "hermes-gateways place claim prod --release"),
)
def claim(
    session: FleetSession,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The place, in a cluster.")],
    release: Annotated[bool, typer.Option("--release", help="Remove the claims of this place instead.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Claim the bots of a place in its cluster: a second place with one of them is refused.

    Each bot is one ConfigMap in the namespace of the place, named by a fingerprint. Exit 6 where another place has one.
    """
    from hermes_profiles.operations.places.claim_place import claim_place, release_place

    done = (release_place if release else claim_place)(session, name, dry_run=dry_run)
    claims = [{"profile": each.profile, "channel": each.channel, "fingerprint": each.mark[:8]} for each in done.claims]
    data = {"place": name, "outcome": done.outcome, "claims": claims, "dry_run": dry_run}
    lines = [f"{name}: {done.outcome.replace('-', ' ')}"]
    lines += [f"  {each['profile']}  {each['channel']}  {each['fingerprint']}" for each in claims]
    return Answer(Result(("place", "claim"), data), lambda: lines)


app = command_group(
    "Hermes roots on other hosts, in clusters and in other folders.",
    {
        "add": add,
        "list": list_places,
        "show": show,
        "check": check,
        "share-key": share_key,
        "claim": claim,
        "remove": remove,
    },
)
