"""The site: every page is in the navigation, and the generator builds it without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from pages import DOCS

CONFIG = REPOSITORY / "mkdocs.yml"
BUILDERS = ("properdocs", "mkdocs")


def _builder() -> str | None:
    """Return the program that builds the site, out of the environment of this Python or of PATH."""
    beside = (str(Path(sys.executable).parent / name) for name in BUILDERS)
    return next((path for name in (*beside, *BUILDERS) if (path := shutil.which(name)) is not None), None)


def test_site_builds_strictly_without_a_warning(tmp_path: Path) -> None:
    builder = _builder()
    if builder is None:
        pytest.skip("neither properdocs nor mkdocs is installed: pip install '.[docs]'")
    done = subprocess.run(
        [builder, "build", "--strict", "--config-file", str(CONFIG), "--site-dir", str(tmp_path / "site")],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    assert (tmp_path / "site/index.html").exists() and not (tmp_path / "site/generate.py").exists()
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'<(?:link|script|img)[^>]+(?:href|src)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert loaded == [], f"{page.name} loads something from the network"


def test_navigation_has_every_page_once() -> None:
    listed = re.findall(r"^ +- ([\w/-]+\.md)$", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
