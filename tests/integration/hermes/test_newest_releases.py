"""The table of behaviours against the code of each release, and each release's loader on a source and its clone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from clone_source import clone
from hermes_judge import environment, judge
from hermes_releases import RELEASES, code_of, python_for

from hermes_profiles.cli.commands.demo.source import write_demo_source
from hermes_profiles.gateways.installation.hermes_code import numbers_of, read_code
from hermes_profiles.hermes.behaviours import BEHAVIOURS, Behaviour
from hermes_profiles.model.layout import Layout

pytestmark = pytest.mark.newest

DEMO_CHANNELS = {"telegram", "discord", "slack", "matrix", "api_server"}
UNIT = "import hermes_cli.gateway as g; print(g.get_systemd_unit_path())"


class Release(NamedTuple):
    """The code of a release and the Python that imports it."""

    version: str
    code: Path
    python: str


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Release:
    code = code_of(request.param, tmp_path_factory.mktemp("release"))
    return Release(request.param, code, python_for(request.param))


def expected(release: Release) -> set[Behaviour]:
    """Return the behaviours that our table gives to a version number alone."""
    return {fact.behaviour for fact in BEHAVIOURS if fact.since <= numbers_of(release.version)}


def holds(code: Path, pattern: str, *paths: str) -> bool:
    files = [code / path for path in paths if (code / path).is_file()]
    assert files, f"none of {paths} exists"
    return any(re.search(pattern, path.read_text(encoding="utf-8")) for path in files)


def test_markers_of_release_agree_with_its_number(release: Release) -> None:
    found = read_code(release.code)
    assert found.version == release.version and not found.facts.is_newer_than_known
    assert found.facts.behaviours == expected(release)


def test_behaviours_without_marker_begin_where_the_table_says(release: Release, tmp_path: Path) -> None:
    root = tmp_path / "srv" / "agents"
    root.mkdir(parents=True)
    unit = unit_of(release, root, tmp_path)
    adapters = ("gateway/run.py", "gateway/run_adapters.py")
    profile_words = ("hermes_cli/main.py", "hermes_cli/subcommands/profile.py")
    shown = {
        Behaviour.DUPLICATES_IN_STATE: holds(release.code, "duplicate_credential", *adapters),
        Behaviour.CODE_IN_STATE: holds(release.code, "code_sha", "gateway/status.py"),
        Behaviour.HASHED_ROOT_SERVICES: re.fullmatch(r"hermes-gateway-[0-9a-f]{8}\.service", unit.name) is not None,
        Behaviour.XDG_UNIT_FOLDER: unit.is_relative_to(tmp_path / "xdg"),
        Behaviour.MOVES_IDENTITIES: holds(release.code, '"migrate-identity"', *profile_words),
    }
    assert set(shown) == {fact.behaviour for fact in BEHAVIOURS if not fact.marker.path}
    assert {behaviour for behaviour, is_shown in shown.items() if is_shown} == expected(release) & set(shown)


def unit_of(release: Release, root: Path, user_home: Path) -> Path:
    """Return where a release writes the unit of a root outside ~/.hermes."""
    inherited = {"HERMES_HOME": str(root), "XDG_CONFIG_HOME": str(user_home / "xdg"), "PYTHONPATH": str(release.code)}
    done = subprocess.run(
        [release.python, "-c", UNIT], env=environment(user_home, **inherited), cwd=user_home, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return Path(done.stdout.strip().splitlines()[-1])


def test_loader_of_release_connects_source_and_not_its_clone(release: Release, tmp_path: Path) -> None:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    layout.root.mkdir()
    write_demo_source(layout.root)
    made = clone(layout, "default")
    court = tmp_path / "court"
    court.mkdir()
    before, after = judge([made.source, made.home], court, python=release.python, PYTHONPATH=str(release.code))
    assert before.connected >= DEMO_CHANNELS
    assert after.connected == {"api_server"} == after.enabled
    assert after.api and before.api and after.api["port"] != before.api["port"]
    assert after.model == before.model
