"""The answer of `upgrade-check`, as data and as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.multiplexing import AUTO_MIGRATION, MIGRATE_COMMAND
from hermes_profiles.model.errors import Result
from hermes_profiles.model.text import first_names
from hermes_profiles.multiplex.fold import FoldForecast, FoldOutcome
from hermes_profiles.multiplex.model import Issue
from hermes_profiles.operations.repairs.upgrade_check import InstalledHermes, UpgradeCheck, serious

_LONGEST = 12  # names in one line


def upgrade_answer(check: UpgradeCheck) -> Answer:
    """Return the answer of `upgrade-check`."""
    result = Result(("upgrade-check",), _data(check), list(check.warnings), exit_code=check.exit_code)
    return Answer(result, lambda: _lines(check))


def _data(check: UpgradeCheck) -> dict[str, Any]:
    settings, ahead = check.settings, check.ahead
    return {
        "hermes": _hermes(check.hermes) if check.hermes is not None else None,
        "host": {
            "owner": check.host_profile,
            "home": str(check.host.home) if check.host is not None else None,
            "pid": check.host.process.pid if check.host is not None else None,
            "profiles": list(check.host.profiles) if check.host is not None else [],
        },
        "settings": {
            "folds": settings.folds,
            "standalone": sorted(settings.standalone),
            "parked": sorted(settings.parked),
            "opt_out_rewritten": settings.rewritten,
            "migration": {
                "file": str(settings.migration.path),
                "started": settings.migration.started or None,
                "profiles": list(settings.migration.profiles),
            }
            if settings.migration is not None
            else None,
        },
        "ahead": {
            "outcome": str(ahead.outcome),
            "services": [
                {
                    "profile": each.profile,
                    "unit": each.unit,
                    "manager": str(each.manager),
                    "scope": each.scope,
                    "file": str(each.path),
                    "running": each.running,
                }
                for each in ahead.services
            ],
            "gateways": list(ahead.gateways),
            "kept": list(ahead.kept),
            "blockers": [_issue(each) for each in ahead.blockers],
            "consequences": [_issue(each) for each in ahead.consequences],
        },
        "left": {
            "services": [{"profile": each.profile, "file": str(each.path)} for each in check.left],
            "files": [{"profile": each.profile, "file": str(each.path)} for each in check.leftovers],
            "unserved": [each._asdict() for each in check.unserved],
        },
        "needs_user": check.needs_user,
    }


def _hermes(hermes: InstalledHermes) -> dict[str, Any]:
    return {
        "version": hermes.version or None,
        "commit": hermes.commit or None,
        "code": str(hermes.folder) if hermes.folder is not None else None,
        "python": str(hermes.python),
        "launcher": str(hermes.launcher) if hermes.launcher is not None else None,
        "found_by": hermes.found_by,
        "behaviours": sorted(map(str, hermes.facts.behaviours)),
        "newer_than_known": hermes.facts.is_newer_than_known,
    }


def _issue(issue: Issue) -> dict[str, Any]:
    return {
        "profile": issue.profile,
        "code": issue.code,
        "message": issue.message,
        "severity": str(issue.severity),
        "file": issue.place,
        "hint": issue.hint,
    }


def _lines(check: UpgradeCheck) -> Iterator[str]:
    yield from _about_hermes(check)
    yield ""
    yield from _about_ahead(check.ahead, folds_now=_folds(check.hermes))
    yield from _about_left(check)
    if not check.needs_user:
        yield "nothing needs you"


def _folds(hermes: InstalledHermes | None) -> bool:
    return hermes is not None and hermes.facts.has(Behaviour.FOLDS_ON_UPDATE)


def _about_hermes(check: UpgradeCheck) -> Iterator[str]:
    hermes = check.hermes
    if hermes is None:
        yield "no Hermes is installed for this root"
        return
    commit = f" (commit {hermes.commit[:12]})" if hermes.commit else ""
    yield f"Hermes {hermes.version or 'of unknown version'}{commit} in {hermes.folder or hermes.python}"
    if hermes.launcher is not None:
        yield f"it is run by {hermes.launcher}"
    if not hermes.facts.has(Behaviour.ONE_GATEWAY):
        yield "each profile can run a gateway of its own"
    elif check.host is None:
        yield "one gateway serves all profiles of the account; none runs now"
    else:
        owner = check.host_profile or str(check.host.home)
        yield f"one gateway serves all profiles of the account: that of {owner} (PID {check.host.process.pid})"
    settings = check.settings
    if settings.standalone:
        yield f"with gateways of their own (gateway.standalone): {_names(sorted(settings.standalone))}"
    if settings.parked:
        yield f"parked: {_names(sorted(settings.parked))}"
    if settings.rewritten:
        yield "Hermes rewrote `gateway.multiplex_profiles: false` to true: that setting has no effect any more"


def _about_ahead(ahead: FoldForecast, *, folds_now: bool) -> Iterator[str]:
    update = "`hermes update`" if folds_now else "an update of Hermes to 0.21.3 or later, or the one after it,"
    if ahead.outcome is FoldOutcome.NOTHING:
        yield f"{update} leaves the services of this root as they are"
        return
    names = _names([*dict.fromkeys(each.profile for each in ahead.services), *ahead.gateways])
    if ahead.outcome is FoldOutcome.OFF:
        yield f"{update} leaves the gateways of {names or 'this root'} alone: {'.'.join(AUTO_MIGRATION)} is false"
        yield f"to have one gateway serve them: `hermes-profiles team run-mode multiplex` or `{MIGRATE_COMMAND}`"
    elif ahead.outcome is FoldOutcome.BLOCKED:
        yield f"{update} would have one gateway serve {names}, and is blocked:"
    elif ahead.outcome is FoldOutcome.RESUMES:
        yield f"{update} goes on with an unfinished migration to one gateway" + (f": {names}" if names else "")
    else:
        yield f"{update} stops the gateways of {names}, removes their services, and has default's gateway serve them"
    yield from _issue_lines(ahead.blockers)
    yield from _issue_lines(ahead.consequences)
    if ahead.outcome is FoldOutcome.FOLDS:
        yield "do it now, checked and with an undo: `hermes-profiles team run-mode multiplex`"
        yield f"keep the services: `hermes-profiles config set default {'.'.join(AUTO_MIGRATION)} false`"


def _about_left(check: UpgradeCheck) -> Iterator[str]:
    if check.left:
        yield f"services that have no use: {_names([each.profile or each.unit for each in check.left])}"
        yield "remove them: `hermes-profiles team run-mode multiplex`"
    if check.leftovers:
        yield f"files left of removed services: {_names([str(each.path) for each in check.leftovers])}"
        yield "remove them: `hermes-profiles doctor --fix --only services.orphan`"
    for each in check.unserved:
        yield f"{each.profile} is served by no gateway: {each.why}; run `{each.hint}`"


def _issue_lines(issues: Sequence[Issue]) -> Iterator[str]:
    for each in issues:
        mark = "!" if each in serious(issues) else "-"
        hint = f" ({each.hint})" if each.hint and mark == "!" else ""
        yield f"  {mark} {each.message}{hint}"


def _names(names: Sequence[str]) -> str:
    return first_names(names, _LONGEST)
