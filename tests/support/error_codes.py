"""The error codes of the package: strings in its source passed as a parameter or field `code`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hermes_profiles

PACKAGE = Path(hermes_profiles.__file__).parent
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")
# Parameters named `code` that are not error codes: shell code, exit codes, states of a channel.
_OTHER = {"_deaf", "exit_meaning"}


@cache
def collect() -> dict[str, list[str]]:
    """Return code → `file:line` of every use."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    places = _places(trees.values())
    found: dict[str, list[str]] = {}
    for path, tree in trees.items():
        constants = _constants(tree)
        for node in ast.walk(tree):
            for value in _values(node, places):
                for code in _strings(value, constants):
                    if _CODE.fullmatch(code):
                        found.setdefault(code, []).append(f"{path.relative_to(PACKAGE)}:{value.lineno}")
    return found


def _places(trees: Iterator[ast.Module] | object) -> dict[str, set[int]]:
    """Return function or class name → positions of its argument `code`."""
    found: dict[str, set[int]] = {}
    for tree in trees:  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
                names = names[1:] if names[:1] in (["self"], ["cls"]) else names
            elif isinstance(node, ast.ClassDef):
                names = [
                    line.target.id
                    for line in node.body
                    if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
                ]
            else:
                continue
            if "code" in names and node.name not in _OTHER:
                found.setdefault(node.name, set()).add(names.index("code"))
    return found


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _values(node: ast.AST, places: dict[str, set[int]]) -> Iterator[ast.expr]:
    """Yield the expressions that a node passes as a code."""
    if isinstance(node, ast.AnnAssign | ast.Assign) and node.value is not None:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        if any(isinstance(target, ast.Name) and target.id == "default_code" for target in targets):
            yield node.value
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
    for place in places.get(name, ()):
        if place < len(node.args):
            yield node.args[place]


def _strings(value: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from (*_strings(value.body, constants), *_strings(value.orelse, constants))
    elif isinstance(value, ast.Name) and value.id in constants:
        yield from _strings(constants[value.id], {})
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from _strings(part, constants)
