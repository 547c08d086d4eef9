"""Finds gateways that were started before an update of Hermes and still run the old code.

A process keeps its loaded modules and loads the others from the new release, so it may fail hours after an update.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from hermes_profiles.gateways.hermes_files import StateRecord
from hermes_profiles.gateways.installation.hermes_code import PACKAGE, HermesCode, code_folder, numbers_of, read_code
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.files import LOGS_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.hermes_command import code_in_script

from .outcomes import Outcome, OutcomeKind
from .verb_plan import Sorted

_DISTRIBUTION = lazy_pattern(r"hermes_agent[a-z_]*-([0-9][0-9a-z.]*)\.dist-info")
# Starts are known to a second.
_LEEWAY = 2.0


class InstalledCode(NamedTuple):
    """The Hermes of an interpreter: time of its last change (epoch seconds) and version ("" for a checkout).

    `commit`: of a checkout, where that shows the change.
    """

    at: float
    version: str
    commit: str = ""

    @property
    def change(self) -> str:
        """Return the change as text."""
        if self.commit:
            return f"its Hermes changed to commit {self.commit[:10]}"
        return f"Hermes {self.version} was installed" if self.version else "its Hermes changed"


class CodeAge(NamedTuple):
    """The age of a gateway's code: `newer` is the Hermes that was installed after its start, None without one.

    `known` is False where the age is unknown.
    """

    newer: InstalledCode | None = None
    known: bool = True


def code_ages(gateways: Iterable[Gateway]) -> Mapping[str, CodeAge]:
    """Return profile → age of its gateway's code, for gateways with a proven process."""
    installed: dict[str, InstalledCode | None] = {}
    read: dict[Path, HermesCode] = {}
    ages: dict[str, CodeAge] = {}
    for gateway in gateways:
        process, seen = gateway.process, gateway.observation
        if process is None or seen is None or seen.started_at is None:
            continue
        known = _by_its_record(process, seen.runtime, read)
        if known is not None:
            ages[gateway.profile] = known
            continue
        python = process.argv[0] if process.argv and os.path.isabs(process.argv[0]) else ""
        if python not in installed:
            installed[python] = code_of(Path(python)) if python else None
        named = code_in_script(process.argv)
        if named and installed[python] is None:
            installed[python] = _of_checkout(Path(named))
        code = installed[python]
        if code is None:
            ages[gateway.profile] = CodeAge(known=False)
        # A time in the future comes from a wrong clock.
        elif seen.started_at + _LEEWAY < code.at <= seen.now:
            ages[gateway.profile] = CodeAge(code)
        else:
            ages[gateway.profile] = CodeAge()
    return ages


def _by_its_record(process: Process, record: StateRecord | None, read: dict[Path, HermesCode]) -> CodeAge | None:
    """Return the age by the code that the gateway itself names in its state, None where nothing can be compared."""
    if record is None or record.pid != process.pid or not (record.commit or record.version):
        return None
    folder = _code_folder(process.argv)
    if folder is None:
        return None
    if folder not in read:
        read[folder] = read_code(folder)
    code = read[folder]
    if record.commit and code.commit:
        return CodeAge(InstalledCode(0.0, "", code.commit)) if record.commit != code.commit else CodeAge()
    old, new = numbers_of(record.version), numbers_of(code.version)
    if old and new and old != new:
        return CodeAge(InstalledCode(0.0, code.version))
    # Two builds of one version: an older rule knows more where it has a time to compare.
    return CodeAge() if old and new and code_in_script(process.argv) else None


def _code_folder(argv: tuple[str, ...]) -> Path | None:
    """Return the folder of the code that a process runs, None where it cannot be read from its command line."""
    named = code_in_script(argv)
    if named:
        return Path(named)
    return code_folder(Path(argv[0])) if argv and os.path.isabs(argv[0]) else None


def code_of(python: Path) -> InstalledCode | None:
    """Return the installation of an interpreter's Hermes, None where it is unknown.

    The time of a checkout is that of its reflog, which records every pull.
    """
    venv = python.parent.parent
    if (venv.parent / PACKAGE).is_dir():
        return _of_checkout(venv.parent)
    try:
        found = [
            InstalledCode(path.stat().st_mtime, match.group(1))
            for path in islice(venv.glob("lib/python3*/site-packages/hermes_agent*-*"), 8)
            if (match := _DISTRIBUTION.fullmatch(path.name))
        ]
    except OSError:
        return None
    return max(found) if found else None


def _of_checkout(folder: Path) -> InstalledCode | None:
    try:
        return InstalledCode((folder / ".git" / LOGS_FOLDER / "HEAD").stat().st_mtime, "")
    except OSError:
        return None


def only_old_code(plan: Sorted, gateways: Mapping[str, Gateway]) -> tuple[Sorted, Mapping[str, str]]:
    """Return a plan for the gateways that run old code, and profile → reason.

    The outcome of every other gateway says why it is skipped.
    """
    ages = code_ages(gateways[name] for name in plan.driven)
    old, passed = {}, []
    for name in plan.driven:
        age = ages.get(name, CodeAge(known=False))
        if age.newer is not None:
            old[name] = f"it was started before {age.newer.change}"
            continue
        detail = "it runs the installed code" if age.known else "the age of its code is unknown"
        hint = None if age.known else f"restart it anyway with `hermes-gateways restart {name}`"
        passed.append(Outcome(name, OutcomeKind.SKIPPED, detail, gateways[name].pid, hint=hint))
    # Profiles in a gateway for all run its code: taken in again, they would keep the old one.
    followed = plan.following if plan.following and any(name in old for name in plan.driven) else ()
    inside = [name for name in (*plan.members, *plan.following) if name not in followed]
    passed += [Outcome(name, OutcomeKind.SKIPPED, "it runs in the gateway that serves it") for name in inside]
    return Sorted(tuple(old), (*plan.outcomes, *passed), (), followed), old
