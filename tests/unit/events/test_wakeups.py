"""What wakes a watcher: the end of a process, a watched name in a folder; and what does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_profiles.events.wakeups import Wakeups

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfd and inotify")
LONG = 20.0
_EMPTY: frozenset[str] = frozenset()


@pytest.fixture
def wakeups() -> Iterator[Wakeups]:
    found = Wakeups()
    yield found
    found.close()


def test_end_of_a_process_wakes_once(wakeups: Wakeups) -> None:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert wakeups.watch_processes([process.pid]) == frozenset()
    assert wakeups.wait(0.01) == (frozenset(), frozenset())
    process.communicate(b"")
    assert wakeups.wait(LONG) == (frozenset({process.pid}), frozenset())
    assert wakeups.wait(0.01) == (frozenset(), frozenset())
    assert wakeups.watch_processes([process.pid]) == frozenset({process.pid})


def test_watched_name_in_a_folder_wakes_and_another_does_not(wakeups: Wakeups, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    wakeups.watch_folders({str(one): frozenset({"gateway.pid"}), str(other): _EMPTY, str(tmp_path / "absent"): _EMPTY})
    (one / "state.db-wal").touch()
    assert wakeups.wait(0.05) == (frozenset(), frozenset())
    (one / "draft").touch()
    (one / "draft").rename(one / "gateway.pid")
    assert wakeups.wait(LONG) == (frozenset(), frozenset({str(one)}))
    (other / "anything").touch()
    assert wakeups.wait(LONG) == (frozenset(), frozenset({str(other)}))
    wakeups.watch_folders({})
    (other / "more").touch()
    assert wakeups.wait(0.05) == (frozenset(), frozenset())


def test_removed_folder_is_watched_again_when_it_is_back(wakeups: Wakeups, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    watched = {str(folder): frozenset({"gateway.pid"})}
    folder.mkdir()
    wakeups.watch_folders(watched)
    folder.rmdir()
    assert wakeups.wait(LONG) == (frozenset(), frozenset(watched))
    folder.mkdir()
    wakeups.watch_folders(watched)
    (folder / "gateway.pid").touch()
    assert wakeups.wait(LONG) == (frozenset(), frozenset(watched))


class Pauses:
    """Stands in for the wait for ends of processes: files of no interest appear, and once the watched one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waited: list[float] = []

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        self.waited.append(milliseconds)
        for number in range(5):
            (self.folder / f"kanban.db-{len(self.waited)}-{number}").touch()
        if len(self.waited) == 3:
            (self.folder / "gateway.pid").touch()
        return []


def test_names_of_no_interest_are_taken_together(
    wakeups: Wakeups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(tmp_path)
    monkeypatch.setattr(wakeups, "_ends_alone", pauses)
    wakeups.watch_folders({str(tmp_path): frozenset({"gateway.pid"})})
    (tmp_path / "kanban.db-wal").touch()
    assert wakeups.wait(LONG) == (frozenset(), frozenset({str(tmp_path)}))
    assert len(pauses.waited) == 3 and all(0 < each <= 2500 for each in pauses.waited)


def test_end_of_a_process_wakes_at_once_after_a_name_of_no_interest(wakeups: Wakeups, tmp_path: Path) -> None:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    wakeups.watch_processes([process.pid])
    wakeups.watch_folders({str(tmp_path): frozenset({"gateway.pid"})})
    (tmp_path / "kanban.db-wal").touch()
    process.communicate(b"")
    assert wakeups.wait(LONG) == (frozenset({process.pid}), frozenset())
