"""Fixtures of every test: a separate home, an unchanged environment, and a check for printed secrets."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from command_runner import CANARY, LeakedCanary, Runner
from nightly import NIGHTLY, SWITCH
from spread import Weighed, spread

_KEPT = {  # switches of the test suite
    "HERMES_JUDGE_PYTHON", "HERMES_NEWEST_PYTHON", "HERMES_PROFILES_SYSTEMD", SWITCH, "HERMES_PROFILES_WALK_SEED",
    "HERMES_PROFILES_WALK_STEPS",
}  # fmt: skip
_REAL = ("judge", "newest", "systemd")  # markers of tests with real programs
_NUMBERS = count()
_STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}
_PACKAGE = f"{os.sep}hermes_profiles{os.sep}"


def pytest_configure() -> None:
    """Reset SIGHUP to its default: under `nohup` every process of a test would ignore it.

    Hypothesis is deterministic except in a nightly run.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    hypothesis.settings.register_profile("day", derandomize=True)
    if not NIGHTLY:
        hypothesis.settings.load_profile("day")


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def isolated(_homes: Path) -> Iterator[Path]:
    """Yield a separate home of the test. A test that leaves os.environ changed fails."""
    home = _homes / str(next(_NUMBERS))
    home.mkdir(mode=0o700)
    before, umask = _environment(), os.umask(0o022)
    wanted = {
        "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_DATA_HOME": str(home / ".local/share"), "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_RUNTIME_DIR": str(home / ".run"), "TZ": "UTC", "COLUMNS": "80", "NO_COLOR": "1",
    }  # fmt: skip
    for name in map(os.fsdecode, before):
        if name.startswith(("HERMES_", "XDG_", "API_SERVER_", "TELEGRAM_")) and name not in _KEPT | wanted.keys():
            del os.environ[name]
    os.environ.update(wanted)
    time.tzset()
    given = _environment()
    yield home
    found = _environment()
    for name in found.keys() - before.keys():
        del os.environ[os.fsdecode(name)]
    os.environ.update({os.fsdecode(name): os.fsdecode(text) for name, text in before.items() - found.items()})
    os.umask(umask)
    changed = sorted({os.fsdecode(name) for name, _ in given.items() ^ found.items()} - {"PYTEST_CURRENT_TEST"})
    assert not changed, f"the test left os.environ changed: {', '.join(changed)}"


def _environment() -> dict[bytes, bytes]:
    """Return the variables as os.environ holds them: each test takes three such pictures."""
    return dict(os.environ._data)  # type: ignore[attr-defined]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Yield a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def runner(isolated: Path) -> Runner:
    """Return a runner of `hermes-profiles`: `.call(...)` in this process, `.run(...)` in a separate one."""
    return Runner(isolated)


def _no_secret_in_arguments(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail when the package starts a program with a secret in its arguments, which `ps` shows."""
    if event not in _STARTS or CANARY not in repr(arguments[:2]):
        return
    frame = sys._getframe(1)
    while frame is not None:
        if _PACKAGE in frame.f_code.co_filename:
            raise LeakedCanary(f"a secret among the arguments of a program started in {frame.f_code.co_filename}")
        frame = frame.f_back  # type: ignore[assignment]


sys.addaudithook(_no_secret_in_arguments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with tests of real gateways and managers first, some in each process of pytest-xdist.

    Tests marked `nightly` are skipped except in a nightly run.
    """
    slow = {item.path for item in items if any(map(item.get_closest_marker, _REAL))} | {
        item.path for item in items if item.path.parent.name == "contract"
    }
    weights = [Weighed(str(item.path), item.path in slow) for item in items]
    items[:] = spread(items, weights, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    for item in items:
        if not NIGHTLY and item.get_closest_marker("nightly") is not None:
            item.add_marker(pytest.mark.skip(reason=f"takes long: {SWITCH}=1"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Fail a test that passed while a secret was printed or logged."""
    report = yield
    if report.when == "teardown" and report.passed:
        printed = [title for title, text in report.sections if CANARY in text]
        if printed:
            report.outcome = "failed"
            report.longrepr = f"a secret of a fixture was printed: {', '.join(printed)}"
    return report
