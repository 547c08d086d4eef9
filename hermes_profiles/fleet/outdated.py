"""Whether a gateway runs the Hermes that is installed: one that was started before an update runs the old code.

A process keeps the modules it has loaded. Those it has not loaded yet come from the new release, so after an update a
gateway may fail at any moment, hours later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import LOGS_FOLDER

from .outcomes import Outcome, OutcomeKind
from .selection import Sorted

_DISTRIBUTION = re.compile(r"hermes_agent-([0-9][0-9a-z.]*)\.dist-info")
# Starts are known to a second.
_LEEWAY = 2.0


class InstalledCode(NamedTuple):
    """The Hermes of an interpreter: since when it is as it is (epoch seconds), and its version, "" for a checkout."""

    at: float
    version: str

    @property
    def change(self) -> str:
        """Return in words what happened to it."""
        return f"Hermes {self.version} was installed" if self.version else "its Hermes changed"


class CodeAge(NamedTuple):
    """What is known of the code a gateway runs: `newer` is what came after its start, None when nothing did;
    `known` is False when it cannot be seen."""

    newer: InstalledCode | None = None
    known: bool = True


def code_ages(gateways: Iterable[Gateway]) -> Mapping[str, CodeAge]:
    """Return profile → what is known of the code its gateway runs; only gateways with a proven process are in it."""
    installed: dict[str, InstalledCode | None] = {}
    ages = {}
    for gateway in gateways:
        process, seen = gateway.process, gateway.seen
        if process is None or seen is None or seen.started_at is None:
            continue
        python = process.argv[0] if process.argv and os.path.isabs(process.argv[0]) else ""
        if python not in installed:
            installed[python] = code_of(Path(python)) if python else None
        code = installed[python]
        if code is None:
            ages[gateway.profile] = CodeAge(known=False)
        # A time to come is a clock that was wrong.
        elif seen.started_at + _LEEWAY < code.at <= seen.now:
            ages[gateway.profile] = CodeAge(code)
        else:
            ages[gateway.profile] = CodeAge()
    return ages


def code_of(python: Path) -> InstalledCode | None:
    """Return when the Hermes of an interpreter was installed or, in a checkout, last changed; None when that cannot
    be seen. A checkout's reflog tells of every pull."""
    venv = python.parent.parent
    checkout = venv.parent
    try:
        if (checkout / "hermes_cli").is_dir():
            return InstalledCode((checkout / ".git" / LOGS_FOLDER / "HEAD").stat().st_mtime, "")
        found = [
            InstalledCode(path.stat().st_mtime, match.group(1))
            for path in islice(venv.glob("lib/python3*/site-packages/hermes_agent-*"), 8)
            if (match := _DISTRIBUTION.fullmatch(path.name))
        ]
    except OSError:
        return None
    return max(found) if found else None


def only_old_code(plan: Sorted, gateways: Mapping[str, Gateway]) -> tuple[Sorted, Mapping[str, str]]:
    """Return a plan that touches only gateways which run old code, and profile → why each of these does.

    Why another one is passed over is told in its outcome.
    """
    ages = code_ages(gateways[name] for name in plan.driven)
    old, passed = {}, []
    for name in plan.driven:
        age = ages.get(name, CodeAge(known=False))
        if age.newer is not None:
            old[name] = f"it was started before {age.newer.change}"
            continue
        words = "it runs the code that is installed" if age.known else "nothing tells which code it runs"
        hint = None if age.known else f"restart it all the same with `hermes-gateways restart {name}`"
        passed.append(Outcome(name, OutcomeKind.SKIPPED, words, gateways[name].pid, hint=hint))
    return Sorted(tuple(old), (*plan.outcomes, *passed)), old
