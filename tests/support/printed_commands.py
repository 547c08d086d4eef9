"""The command lines in the texts that the package prints: strings of its source, without docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hermes_profiles

PACKAGE = Path(hermes_profiles.__file__).parent
# Stands for a value that is known only when the text is printed.
VALUE = "\0"
_OURS = re.compile(r"hermes-(?:profiles|gateways)(?: |$)")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def printed_commands(package: Path = PACKAGE) -> dict[str, list[str]]:
    """Return command line → `file:line` of each place that prints it."""
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for line, text in _texts(_tree(path)):
            for command in commands_of(text):
                found.setdefault(command, []).append(f"{path.relative_to(package)}:{line}")
    return found


def hint_texts(package: Path = PACKAGE) -> Iterator[str]:
    """Yield the texts of hints: arguments and variables of that name, and the first argument of a fix."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(_tree(path)):
            for value in _hints_of(node):
                yield from (
                    _rendered(part) for part in ast.walk(value) if isinstance(part, ast.JoinedStr | ast.Constant)
                )


def _hints_of(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "hint")
        if getattr(node.func, "id", "") == "Fix":
            yield from node.args[:1]
        elif getattr(node.func, "id", "") == "Problem":
            yield from node.args[3:4]
    elif isinstance(node, ast.Assign):
        names = [target.id.lower() for target in node.targets if isinstance(target, ast.Name)]
        if any(name.endswith(("hint", "how")) for name in names):
            yield node.value


def commands_of(text: str) -> Iterator[str]:
    """Yield the simple commands of this package in a text: in backquotes, or the whole text."""
    for span in re.findall(r"`([^`]+)`", text) if "`" in text else [text]:
        for part in re.split(r" && |; | \| ", span):
            if _OURS.match(part):
                yield part.strip()


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    nodes = [*ast.walk(tree)]
    seen = {id(node.body[0].value) for node in nodes if _has_docstring(node)}  # type: ignore[attr-defined]
    for node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "shell_command":
            seen |= {id(part) for part in ast.walk(node.args[0])}
            words = map(_rendered, (node.args[0], *getattr(node.args[1], "elts", ())))
            yield node.lineno, " ".join(words)
        elif isinstance(node, ast.JoinedStr) and id(node) not in seen:
            seen |= {id(part) for part in ast.walk(node)}
            yield node.lineno, _rendered(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield node.lineno, node.value


def _has_docstring(node: ast.AST) -> bool:
    body = getattr(node, "body", None) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else None
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def _rendered(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_rendered, node.values))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else VALUE
