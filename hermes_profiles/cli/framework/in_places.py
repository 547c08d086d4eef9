"""A command with `--place`: the same words run in a place or in all, and the answers become one."""

from __future__ import annotations

from hermes_profiles.cli.render.in_places import merged_answer
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.places.in_places import ask_in_places, examine_places

from .given_words import given_words
from .place_option import InPlacesCall
from .run import Answer

_FINDINGS = "findings"


def forwarded(session: Session, call: InPlacesCall) -> Answer:
    """Return the answer of a command in places. Raises UsageProblem for an option that works in this root alone."""
    how = call.how
    for parameter in call.parameters:
        if parameter.name in how.alone and call.given[parameter.name] != parameter.default:
            option = "--" + parameter.name.rstrip("_").replace("_", "-")
            raise UsageProblem(
                f"{option} and --place exclude each other", target=option, hint=f"remove {option} or --place"
            )
    values, typed = how.prepare(dict(call.given)) if how.prepare is not None else (call.given, b"")
    words = [how.program, *call.path, *_manager(session), "--json", *given_words(call.parameters, values)]
    if not how.rows:
        from .place_streams import stream_places

        raise SystemExit(stream_places(session, call, words))
    if how.rows == _FINDINGS:
        found = examine_places(session, call.place, words, checks=_checks(call), limit=how.limit)
        return merged_answer(call.path, _FINDINGS, found)
    return merged_answer(call.path, how.rows, ask_in_places(session, call.place, words, typed=typed, limit=how.limit))


def _checks(call: InPlacesCall) -> set[str]:
    """Return the ids of the checks that a call of `doctor` chose. Raises UsageProblem for an unknown one."""
    from hermes_profiles.doctor.registry import CHECKS
    from hermes_profiles.doctor.runner import select_checks

    chosen = select_checks(CHECKS, call.given.get("only") or (), call.given.get("skip") or ())
    return {check.id for check in chosen}


def _manager(session: Session) -> list[str]:
    name = session.manager_option
    return [f"--manager={name}"] if name else []
