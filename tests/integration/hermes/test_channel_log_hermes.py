"""The texts by which a lost link is recognised are in the installed Hermes."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from real_hermes import hermes_python, newest_python

from hermes_profiles.hermes.channel_log import LINK_RECORDS

SOURCES = sorted({rule.source for rule in LINK_RECORDS if rule.source})


def _packages(python: str) -> Path:
    done = subprocess.run(
        [python, "-c", "import gateway; print(gateway.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return Path(done.stdout.strip()).parent.parent


def _strings(path: Path) -> str:
    """Return the text of all string literals of a module, joined: a long text is written in several pieces."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _missing(packages: Path) -> list[str]:
    texts = {source: _strings(packages / source) for source in SOURCES if (packages / source).exists()}
    return [
        f"{rule.source}: {rule.words}"
        for rule in LINK_RECORDS
        if rule.source in texts and rule.words not in texts[rule.source]
    ]


@pytest.mark.judge
def test_installed_hermes_logs_these_texts() -> None:
    packages = _packages(hermes_python())
    assert [source for source in SOURCES if not (packages / source).exists()] == []
    assert _missing(packages) == []


@pytest.mark.newest
def test_newest_hermes_logs_these_texts() -> None:
    assert _missing(_packages(newest_python())) == []
