"""Wakefulness as data and as text: whether it is held, for which gateways, and its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.awake.render import LID
from hermes_profiles.awake.status import Wakefulness
from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.own_services.awake import AwakeResult
from hermes_profiles.services.manager import ManagerKind

from .plan import dry_run_lines


def awake_answer(action: str, result: AwakeResult) -> Answer:
    """Return the answer of `awake on`, `off` or `status`."""
    if result.dry_run:
        steps = list(describe(result.plan)) if result.plan is not None else []
        planned = {"outcome": result.outcome, "manager": str(result.manager), "dry_run": True, "plan": steps}

        def text() -> Iterator[str]:
            yield from dry_run_lines(f"awake {action}", steps) if steps else [f"wakefulness is {action} already"]

        return Answer(Result(("awake",), planned, list(result.warnings)), text)
    found = result.wakefulness
    data: dict[str, Any] = {
        "manager": str(result.manager),
        "on": found.is_on,
        "held": found.held,
        "holds": list(found.ways),
        "kept_by": list(found.kept_by),
        "not_counted": [gateway._asdict() for gateway in found.uncounted],
        "linger": result.linger,
        "files": [str(path) for path in found.files],
        "broken": found.broken or None,
        "limits": list(limits(result.manager, found)),
    }
    if result.outcome is not None:
        data |= {"outcome": result.outcome, "dry_run": False}
    if result.change is not None:
        data["change"] = result.change
    answer = Result(("awake",), data, list(result.warnings), list(result.errors), result.exit_code)
    return Answer(answer, lambda: lines(data) if result.outcome is None else on_words(data))


def limits(kind: ManagerKind, found: Wakefulness) -> Iterator[str]:
    """Yield what it cannot do here, a sentence each."""
    if kind is ManagerKind.SUPERVISOR:
        yield "supervisor cannot keep a machine awake; `hermes-gateways awake on` names a way to do it by hand"
        return
    if kind is ManagerKind.LAUNCHD:
        yield "a Mac whose lid is closed sleeps all the same, unless it has power and a display"
        if "system" in found.ways:
            yield "`--system` counts on mains power only"
        return
    if not found.is_on or LID not in found.ways:
        yield "closing the lid still sends it to sleep; `hermes-gateways awake on --lid` prevents that"
    yield "gateways that were started by hand, or by a system service, do not count"


def on_words(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `awake on` and `awake off` have brought about."""
    already = " already" if data["outcome"].startswith("already") else ""
    if not data["on"]:
        yield f"wakefulness is off{already}: this machine sleeps when it is set to"
        return
    if data["held"]:
        yield f"wakefulness is on{already}, and held: {_names(data['kept_by'])} {_run(data['kept_by'])}"
    elif data["kept_by"]:
        yield f"wakefulness is on{already}, but not held"
    else:
        yield f"wakefulness is on{already}: this machine stays awake from the first gateway that starts to the last"
    yield from _rest(data)


def lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of `awake status`."""
    if not data["on"]:
        yield "wakefulness: off"
        if data["manager"] == ManagerKind.SUPERVISOR:
            yield from _rest(data)
        else:
            yield "switch it on with `hermes-gateways awake on`"
        if data["broken"]:
            yield f"it is half there: {data['broken']}"
        return
    state = "held" if data["held"] else "not held" if data["kept_by"] else "nothing to hold"
    yield f"wakefulness: on, {state} ({data['manager']}: {', '.join(data['holds'])})"
    yield f"kept by: {_names(data['kept_by']) or 'none, no gateway runs: this machine may sleep'}"
    if data["broken"]:
        yield f"incomplete: {data['broken']}; hint: `hermes-gateways awake on`"
    elif data["kept_by"] and not data["held"]:
        yield "it should be held: `hermes-gateways awake on` tries again"
    yield from _rest(data)
    if data["linger"] is not None:
        off = "off: services end with the last session, `loginctl enable-linger` has them stay"
        yield f"linger: {'on' if data['linger'] else off}"


def _rest(data: Mapping[str, Any]) -> Iterator[str]:
    for each in data["not_counted"]:
        yield f"not counted: {each['profile']}, {each['reason']}"
    yield from (f"note: {text}" for text in data["limits"])


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _run(names: Sequence[str]) -> str:
    return "runs" if len(names) == 1 else "run"
