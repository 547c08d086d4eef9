"""The plan of a change as lines, for a dry run and for a confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def dry_run_lines(would: str, plan: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the steps of a dry run, in their order."""
    yield f"dry run, nothing was changed; this would be done: {would}"
    yield from step_lines(plan)


def step_lines(plan: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the steps of a plan, in the order they are done."""
    for step in plan:
        match step["kind"]:
            case "publish":
                yield f"  make {step['target']} ({step['entries']} {'entry' if step['entries'] == 1 else 'entries'})"
            case "move":
                yield f"  move {step['source']} to {step['target']}"
            case "replace":
                yield f"  write {step['target']}"
            case "remove":
                yield f"  remove {step['target']}"
            case "mode":
                yield f"  set the mode of {step['target']} to {step['mode']} (it is {step['before']})"
            case "tidy":
                yield f"  remove {step['target']} if it is empty"
            case "stop":
                yield f"  {step['manager']}: stop and unload {step['target']}"
            case "load":
                yield f"  {step['manager']}: reload {step['target']}"
