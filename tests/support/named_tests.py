"""The text of a test that a table names."""

from __future__ import annotations

import ast

from command_runner import REPOSITORY


def source_of(where: str) -> str:
    """Return the source of the file of `file::test`; files are below tests/unit."""
    return (REPOSITORY / "tests/unit" / where.partition("::")[0]).read_text(encoding="utf-8")


def body_of(where: str) -> str:
    """Return the text of a test that is named `file::test`. Raises StopIteration without it."""
    source, name = source_of(where), where.partition("::")[2]
    return next(
        ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
