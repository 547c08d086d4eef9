"""demo: the main job, seen in a sandbox that is gone afterwards."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hermes_profiles.changes.apply import apply
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.clone import report_lines
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.hermes.environment import HERMES_DISABLE_LAZY_INSTALLS, HERMES_HOME
from hermes_profiles.hermes.files import ENV_FILE, ROOT_FOLDER
from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.plan_clone import plan_clone
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port
from hermes_profiles.profiles.profile import read_profile

from .fleet import Show, fleet_problems, no_fleet_lines, run_demo_fleet
from .source import SECRETS, SHARED, write_demo_source

CLONES = ("family", "work", "night")
# Real Hermes as the judge: its own loaders say which channels a home would start.
_JUDGE = """
import os, sys
from hermes_cli.env_loader import load_hermes_dotenv
load_hermes_dotenv(hermes_home=os.environ["HERMES_HOME"])
from gateway.config import load_gateway_config
print(",".join(sorted(platform.value for platform in load_gateway_config().get_connected_platforms())))
"""


@command("demo", examples=("hermes-profiles demo", "hermes-profiles demo --keep"), home=False)
def demo(
    session: Session,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sandbox and print its path.")] = False,
    gateways: Annotated[
        bool,
        typer.Option("--gateways/--no-gateways", help="Whether to run the clones' gateways, if Hermes is installed."),
    ] = True,
) -> Answer:
    """Clone a profile with synthetic bot tokens in a sandbox, prove that none arrives, run real gateways."""
    show = _silent if session.as_json else output.show_now
    show(["The demo works in a sandbox that is gone afterwards; nothing of yours is read.", ""])
    sandbox = Path(tempfile.mkdtemp(prefix="hermes-profiles-demo-"))
    try:
        return _demo(sandbox, keep=keep, gateways=gateways, show=show)
    finally:
        if not keep:
            shutil.rmtree(sandbox)


def _silent(_lines: Iterable[Block]) -> None:
    """Print nothing: the answer is one JSON object."""


def _demo(sandbox: Path, *, keep: bool, gateways: bool, show: Show) -> Answer:
    root = sandbox / ROOT_FOLDER
    root.mkdir(mode=0o700)
    write_demo_source(root)
    layout = Layout(root, sandbox, sys.platform)
    report = _cloned(layout, show)
    show(["Hermes itself is asked which channels each of them would connect; this takes a few seconds."])
    rows = [_row(layout, name, sandbox) for name in ("default", *CLONES)]
    show(_table(rows))
    leaks = [f"{name}: {secret} in {path}" for name in CLONES for secret, path in _leaks(layout.home(name))]
    searched = sum(len(files) for name in CLONES for *_, files in os.walk(layout.home(name)))
    show(_search_lines(leaks, searched))
    fleet = run_demo_fleet(root, sandbox, CLONES, show) if gateways else None
    if fleet is None:
        show(no_fleet_lines(was_wanted=gateways))
    if keep:
        show([f"The sandbox is kept: `hermes-profiles list --home {shlex.quote(str(sandbox))}/.hermes`"])
    data: dict[str, Any] = {
        "fleet": fleet,
        "sandbox": str(sandbox) if keep else None,
        "report": report,
        "profiles": rows,
        "secrets": len(SECRETS),
        "files_searched": searched,
        "leaks": leaks,
    }
    errors = [Problem("leak", f"a secret arrived in a clone: {leak}") for leak in leaks]
    errors += fleet_problems(fleet)
    code = ExitCode.FAILED if errors else ExitCode.OK
    return Answer(Result(("demo",), data, errors=errors, exit_code=code))


def _cloned(layout: Layout, show: Show) -> dict[str, Any]:
    """Clone the source profile, and show the report of the first clone; returns that."""
    catalog = load_catalog()
    reports = []
    for name in CLONES:
        homes = [layout.home(other) for other in profile_names(layout)]
        claimed = declared_ports(homes) | default_ports(catalog)
        world = CloneContext(layout, {}, catalog, lambda taken=claimed: free_port(taken), lambda: os.urandom(32).hex())  # type: ignore[misc]
        plan, report = plan_clone(CloneRequest("default", name), world)
        apply(plan, layout=layout)
        reports.append(report.as_data(dry_run=False))
        if len(reports) == 1:
            show(["A source profile with synthetic bot tokens in awkward places, cloned three times."])
            show(["The report of the first clone:", "", *report_lines(reports[0]), ""])
    return reports[0]


def _row(layout: Layout, name: str, sandbox: Path) -> dict[str, Any]:
    home = layout.home(name)
    profile = read_profile(layout, name, catalog=load_catalog(), active="default", alias=None)
    env = (home / ENV_FILE).read_text(encoding="utf-8")
    port = next(
        (line.partition("=")[2] for line in env.splitlines() if line.startswith("API_SERVER_PORT=")),
        "8642 (default)",
    )
    return {
        "name": name,
        "model": profile.model,
        "channels": list(profile.channels),
        "api_port": port,
        "model_keys": sum(value in env for value in SHARED.values()),
        "hermes_says": _ask_hermes(home, sandbox),
    }


def _ask_hermes(home: Path, sandbox: Path) -> str | None:
    """Return what real Hermes' loaders connect in a copy of the home, None when it is not installed here."""
    judged = sandbox / "judged"
    shutil.copytree(home, judged, ignore=shutil.ignore_patterns("profiles"))  # its loaders may rewrite what they read
    environment = {
        "HOME": str(sandbox),
        HERMES_HOME: str(judged),
        "PATH": os.environ.get("PATH", ""),
        HERMES_DISABLE_LAZY_INSTALLS: "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", _JUDGE],
            env=environment,
            cwd=sandbox,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        shutil.rmtree(judged)
    if done.returncode != 0:
        return None
    return (done.stdout.strip().splitlines() or [""])[-1] or "none"


def _leaks(home: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, path) of every secret found in any byte of a clone, spelled in four ways."""
    for folder, _, files in os.walk(home):
        for file in files:
            path = os.path.join(folder, file)
            content = Path(path).read_bytes()
            for name, value in SECRETS.items():
                plain = value.encode()
                spellings = (
                    plain,
                    value.encode("utf-16-le"),
                    value.encode("utf-16-be"),
                    quote(value, safe="").encode(),
                    base64.b64encode(plain),
                )
                if any(spelling in content for spelling in spellings):
                    yield name, os.path.relpath(path, home)


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    yield "Side by side:"
    cells = [
        (
            row["name"],
            row["model"] or "-",
            str(row["model_keys"]),
            ", ".join(row["channels"]) or "none",
            row["hermes_says"] or "not installed",
            row["api_port"],
        )
        for row in rows
    ]
    headers = ("profile", "model", "model keys", "channels", "Hermes would connect", "API port")
    yield from output.table(headers, cells)
    yield ""


def _search_lines(leaks: Sequence[str], searched: int) -> Iterator[Block]:
    if leaks:
        yield f"{len(leaks)} secrets arrived in clones: this is a fault, please report it"
    else:
        yield f"{len(SECRETS)} secrets searched for in {searched} files of the clones,"
        yield "as UTF-8, UTF-16, URL-encoded and base64: none found."
    yield ""
