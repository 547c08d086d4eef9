"""File names and variables of Hermes are written once, in `hermes_profiles/hermes`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hermes_profiles
from hermes_profiles.hermes import environment, files, service_names

PACKAGE = Path(hermes_profiles.__file__).parent
# Words that are also something else: a JSON key, a section of config.yaml, a suffix of any file.
AMBIGUOUS = {
    files.PROFILES_FOLDER,
    files.MEMORIES_FOLDER,
    files.SKILLS_FOLDER,
    files.LOGS_FOLDER,
    files.SHARED_LOGIN_FOLDER,
    files.PAIRING_FOLDER,
    files.WEIXIN_ACCOUNT_ENDING,
    files.LOCK_ENDING,
    files.CHECKOUT_FOLDER,
    files.TOOL_HOME_FOLDER,
    files.PLUGINS_FOLDER,
    files.BACKUPS_FOLDER,
    files.KANBAN_FOLDER,
}
# Module → why it writes names of Hermes itself.
ALLOWED = {
    "cli/commands/demo/source.py": "the content of a made-up home",
}


def _owned() -> set[str]:
    constants = [
        value
        for module in (files, environment, service_names)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    ]
    return set(constants) - AMBIGUOUS


def _literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and value of the whole string literals of a module: no docstrings, no parts of f-strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def test_no_module_outside_hermes_repeats_a_name_it_owns() -> None:
    owned = _owned()
    repeated = [
        f"{name}:{line} {value!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (name := path.relative_to(PACKAGE).as_posix()) not in ALLOWED and not name.startswith("hermes/")
        for line, value in _literals(path)
        if value in owned
    ]
    assert repeated == []


def test_hermes_imports_nothing_of_the_project() -> None:
    imported = [
        f"{path.name}: {node.module}"
        for path in sorted((PACKAGE / "hermes").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.level > 1 or (node.module or "").startswith("hermes_profiles"))
    ]
    assert imported == []
